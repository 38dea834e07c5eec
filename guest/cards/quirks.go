package cards

import (
	"slices"
)

// Fault says whose a quirk is.
type Fault string

// The faults.
const (
	// Driver is Linux's: real cards show it too, as far as their driver is the same.
	Driver Fault = "driver"
	// DeviceModel is QEMU's: it says nothing of the chip or of its driver.
	DeviceModel Fault = "device model"
	// Design is nobody's: the chip, or its driver, does not do more, and says so.
	Design Fault = "design"
)

// Quirk is something that a card is known to do otherwise than is asked of it.
type Quirk struct {
	// ID is stable, such as e1000e-vlan-filter-off.
	ID string
	// Models show it.
	Models []string
	// Requirements are those that fail by it, by their ids.
	Requirements []string
	Fault        Fault
	// Seen is what is seen, in a sentence.
	Seen string
	// Versions are those in which it was seen.
	Versions string
	// Source says where it is written in the driver or the device model, or how it
	// was found out.
	Source string
}

// Of returns the quirks of a model by which a requirement is known to fail.
func Of(model, requirement string) []Quirk {
	var of []Quirk
	for _, q := range Quirks() {
		if slices.Contains(q.Models, model) && slices.Contains(q.Requirements, requirement) {
			of = append(of, q)
		}
	}
	return of
}

const (
	seenHere  = "Linux 6.1.192 and 6.12.117, QEMU 7.2"
	seenOften = "Linux 6.1.192 and 6.12.117, QEMU 7.2 and 10.0"
)

// Quirks are those that are known.
func Quirks() []Quirk {
	return []Quirk{
		{
			ID: "e1000e-vlan-filter-off", Models: []string{"e1000e"}, Fault: Driver,
			Requirements: []string{"vlan-filter"},
			Seen:         "the VLAN filter is on and fixed by ethtool's word, and frames of every VID come in",
			Versions:     seenOften,
			Source: "drivers/net/ethernet/intel/e1000e/netdev.c:e1000e_set_rx_mode reads RCTL, has e1000e_vlan_filter_enable set " +
				"VFE in the register, and then writes back what it had read before",
		},
		{
			ID: "e1000e-inner-tag-lost", Models: []string{"e1000e"}, Fault: DeviceModel,
			Seen:     "a frame that bears a tag of 802.1Q already, and gets another one by the card's offload, comes out with the outer tag alone",
			Versions: "Linux 6.12.117, QEMU 7.2",
			Source:   "the catalogue over the card: vlan-stacked, tags-30, and all of oracle-tagged; the same kernel's virtio-net card sends both. Whether it is the driver or the model was not told apart: QEMU's hw/net/net_tx_pkt.c puts tags in",
		},
		{
			ID: "e1000-priority-lost", Models: []string{"e1000"}, Fault: Driver,
			Requirements: []string{"vlan-pcp", "vlan-offload"},
			Seen:         "with rx-vlan-offload the priority of a tag that comes in is 0",
			Versions:     "Linux 6.1.192, QEMU 7.2",
			Source:       "drivers/net/ethernet/intel/e1000/e1000_main.c:e1000_receive_skb masks the tag with E1000_RXD_SPC_VLAN_MASK",
		},
		{
			ID: "e1000-pause", Models: []string{"e1000"}, Fault: DeviceModel,
			Seen:     "nothing comes in for one second after each change of a filter or of promiscuity",
			Versions: seenOften,
			Source:   "qemu: hw/net/e1000.c:set_rx_control starts flush_queue_timer of 1000 ms with each write of RCTL",
		},
		{
			ID: "e1000-spoils-what-is-sent", Models: []string{"e1000"}, Fault: DeviceModel,
			Seen:     "a tap at the sender shows tagged frames with their addresses four bytes too far on, and without the tag, once the card has received them",
			Versions: "Linux 6.12.117, QEMU 7.2",
			Source:   "qemu: hw/net/e1000.c:e1000_receive_iov takes the tag off in the sender's buffer, which a hub hands on without a copy",
		},
		{
			ID: "e1000e-hash-for-unicast", Models: []string{"e1000e", "igb"}, Fault: DeviceModel,
			Requirements: []string{"rx-hash-alias"},
			Seen:         "a unicast frame to a foreign address comes in if the hash of its last two bytes is that of a group which the port has joined",
			Versions:     "QEMU 7.2 and 10.0",
			Source:       "qemu: hw/net/e1000x_common.c:e1000x_rx_group_filter looks into the multicast table for unicast as well",
		},
		{
			ID: "tag-replaced", Models: []string{"e1000e", "vmxnet3"}, Fault: DeviceModel,
			Requirements: []string{"baby-giants", "vlan-in-vlan"},
			Seen:         "where the card puts a tag into a frame that has one, it overwrites that one, so that one tag is left instead of two",
			Versions:     "Linux 6.12.117, QEMU 7.2",
			Source:       "qemu before 8.1: net/eth.c:eth_setup_vlan_headers writes into a tag that is there; cured by its change \"net/eth: Always add VLAN tag\"",
		},
		{
			ID: "tso6-no-length", Models: []string{"e1000e", "vmxnet3"}, Fault: DeviceModel,
			Requirements: []string{"streams", "streams-vlan", "streams-ipvlan"},
			Seen:         "segments that the card makes of a large TCP segment over IPv6 leave with a payload length of 0",
			Versions:     "Linux 6.12.117, QEMU 7.2",
			Source:       "found out on the wire: the driver leaves the length to the card (such as drivers/net/ethernet/intel/e1000e/netdev.c:e1000_tso), and the model does not fill it in",
		},
		{
			ID: "e100-too-long", Models: []string{"i82559er"}, Fault: DeviceModel,
			Requirements: []string{"streams", "streams-vlan", "streams-ipvlan"},
			Seen:         "a frame of the full size leaves with 2600 bytes",
			Versions:     seenHere,
			Source:       "found out on the wire; a frame of the same size comes in whole, and the receiver's stack cuts off what is too much",
		},
		{
			ID: "vmxnet3-service-tag-filtered", Models: []string{"vmxnet3"}, Fault: DeviceModel,
			Requirements: []string{"vlan-qinq", "baby-giants"},
			Seen:         "a frame with a service tag (802.1ad) is dropped, unless the port is promiscuous",
			Versions:     seenOften,
			Source: "qemu: hw/net/vmxnet3.c:vmxnet3_is_registered_vlan looks the VID of any tag up in the table, and the driver fills that " +
				"with VIDs of 802.1Q only",
		},
		{
			ID: "vmxnet3-large-mtu-silent", Models: []string{"vmxnet3"}, Fault: DeviceModel,
			Requirements: []string{"mtu"},
			Seen:         "an MTU of 4096 or 9000 is accepted, and no large frame comes in",
			Versions:     seenHere,
			Source:       "found out on the wire",
		},
		{
			ID: "vmxnet3-mac-forgotten", Models: []string{"vmxnet3"}, Fault: DeviceModel,
			Requirements: []string{"mac-change-down"},
			Seen:         "an address that the port is given while it is down is not heard when it is up again; the one that it was made with is",
			Versions:     "Linux 6.12.117, QEMU 7.2",
			Source:       "found out on the wire; opening the port resets the card, and the driver does not write the address then; which of the two is at fault was not shown",
		},
		{
			ID: "ne2k-mac-not-heard", Models: []string{"ne2k_pci"}, Fault: DeviceModel,
			Requirements: []string{"mac-change", "mac-change-down"},
			Seen:         "after a change of its MAC address the port still hears the old one, and never the new one",
			Versions:     seenHere,
			Source: "qemu: hw/net/ne2000.c:ne2000_receive looks at the address in the PROM, not at the registers that " +
				"drivers/net/ethernet/8390/lib8390.c:__NS8390_init has written",
		},
		{
			ID: "old-driver-mac-busy", Models: []string{"pcnet", "tulip", "ne2k_pci"}, Fault: Design,
			Seen:     "a change of the MAC address is refused with EBUSY while the port is up",
			Versions: seenHere,
			Source:   "net/ethernet/eth.c:eth_prepare_mac_addr_change, for a driver without IFF_LIVE_ADDR_CHANGE",
		},
		{
			ID: "small-frames-only", Models: []string{"ne2k_pci", "tulip", "i82559er"}, Fault: Design,
			Requirements: []string{"baby-giants"},
			Seen:         "a frame of the full size with two tags does not get through, nor does one with an MTU above 1500",
			Versions:     seenHere,
			Source:       "found out on the wire; the drivers set no max_mtu above Ethernet's",
		},
		{
			ID: "no-unicast-filter", Models: []string{"i82559er", "ne2k_pci", "pcnet", "rtl8139", "tulip", "vmxnet3"}, Fault: Design,
			Seen:     "with the first child the port becomes promiscuous, and the kernel counts that",
			Versions: seenHere,
			Source:   "net/core/dev.c:__dev_set_rx_mode, for a driver without IFF_UNICAST_FLT",
		},
		{
			ID: "e100-reset-unnoticed", Models: []string{"i82559er"}, Fault: Driver,
			Requirements: []string{"reset"},
			Seen:         "after a reset of its PCI function the port is deaf until it is taken down and up, and keeps its carrier",
			Versions:     "Linux 6.12.117, QEMU 7.2",
			Source: "drivers/net/ethernet/intel/e100.c:e100_err_handler has neither reset_prepare nor reset_done, so that " +
				"drivers/pci/pci.c:pci_reset_function does not tell it",
		},
		{
			ID: "e1000e-reset-unnoticed", Models: []string{"e1000e"}, Fault: Driver,
			Seen:     "after a reset of its PCI function in mid-traffic the port stands still for some 8 s in some runs, and then goes on by itself",
			Versions: "Linux 6.12.117, QEMU 7.2",
			Source: "drivers/net/ethernet/intel/e1000e/netdev.c:e1000_err_handler has neither reset_prepare nor reset_done; " +
				"that its watchdog starts it again was not shown",
		},
		{
			ID: "intel-tag-offloads-coupled", Models: []string{"e1000", "e1000e", "igb"}, Fault: Design,
			Seen:     "tx-vlan-offload goes off with rx-vlan-offload, and cannot be switched off alone",
			Versions: seenOften,
			Source:   "drivers/net/ethernet/intel/e1000e/netdev.c:e1000_fix_features and its like",
		},
		{
			ID: "igb-reset-unnoticed", Models: []string{"igb"}, Fault: Driver,
			Requirements: []string{"reset"},
			Seen:         "after a reset of its PCI function in mid-traffic the port is deaf, and keeps its carrier; in another run it went on after 10 s",
			Versions:     "Linux 6.12.117, QEMU 10.0.2",
			Source: "drivers/net/ethernet/intel/igb/igb_main.c:igb_err_handler has neither reset_prepare nor reset_done, so that " +
				"drivers/pci/pci.c:pci_reset_function does not tell it",
		},
		{
			ID: "igb-spoofchk-ignored", Models: []string{"igb"}, Fault: DeviceModel,
			Requirements: []string{"vf-spoofchk"},
			Seen:         "with spoofchk on, frames of a virtual function with another's source address come to the wire",
			Versions:     "Linux 6.1.192 and 6.12.117, QEMU 10.0.2",
			Source: "drivers/net/ethernet/intel/igb/igb_main.c:igb_ndo_set_vf_spoofchk sets the function's bit in DTXSWC; of that register " +
				"qemu: hw/net/igb_core.c reads nothing but whether functions reach each other (igb_tx_pkt_switch)",
		},
		{
			ID: "igb-default-pool-unfiltered", Models: []string{"igb"}, Fault: DeviceModel,
			Requirements: []string{"vf-reception"},
			Seen:         "as long as there are virtual functions, unicast frames to nobody come to the port itself, which is not promiscuous",
			Versions:     "Linux 6.1.192 and 6.12.117, QEMU 10.0.2",
			Source: "qemu: hw/net/igb_core.c:igb_receive_assign gives unicast that fits no address to the default pool, which is the port's " +
				"(drivers/net/ethernet/intel/igb/igb_main.c:igb_setup_mrqc), and asks RCTL.UPE only where there are no pools",
		},
		{
			ID: "tulip-address-swapped", Models: []string{"tulip"}, Fault: DeviceModel,
			Seen:     "the MAC address in the EEPROM has the two bytes of each word swapped: 02:00:00:00:4e:10 comes up as 00:02:00:00:10:4e",
			Versions: "Linux 6.12.117, QEMU 7.2",
			Source:   "found out by the device's address; qemu: hw/net/tulip.c:tulip_fill_eeprom",
		},
		{
			ID: "carrier-kept-when-down", Models: []string{"ne2k_pci", "pcnet", "tulip"}, Fault: Driver,
			Seen:     "when the port is taken down it keeps its carrier, and so do macvlans on it, which look as if they could send",
			Versions: "Linux 6.12.117, QEMU 7.2",
			Source: "drivers/net/ethernet/amd/pcnet32.c:pcnet32_close and its like call no netif_carrier_off; " +
				"drivers/net/macvlan.c:macvlan_device_event takes the parent's carrier",
		},
		{
			ID: "tulip-no-hash-filter", Models: []string{"tulip"}, Fault: DeviceModel,
			Requirements: []string{"multicast-capacity"},
			Seen:         "with more than 14 groups none of them comes in any more",
			Versions:     "Linux 6.12.117, QEMU 7.2",
			Source: "qemu: hw/net/tulip.c:tulip_setup_frame takes every setup frame for 16 addresses, also the hash table that the driver " +
				"sends beyond 14 (drivers/net/ethernet/dec/tulip/tulip_core.c:build_setup_frame_hash)",
		},
		{
			ID: "small-rings", Models: []string{"i82559er", "ne2k_pci", "rtl8139", "tulip"}, Fault: DeviceModel,
			Seen:     "of a burst some frames are lost",
			Versions: seenHere,
			Source:   "found out on the wire: under emulation the ring is full before the driver gets to it",
		},
	}
}
