package qualify

import (
	"cmp"
	"fmt"
	"net"

	"github.com/lanproof/lanproof/internal/port"
	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/qualify/record"
)

// virtualFunctions is what the virtual functions of a port with SR-IOV get, send and
// may do, and what the port itself then gets.
func virtualFunctions() []Requirement {
	const made = "echo 2 > /sys/class/net/DUT/device/sriov_numvfs\nip link set DUT vf 0 mac 02:6c:70:41:82:83  # before its driver takes it\n"
	return []Requirement{
		{
			ID: "vf-come-and-go", Title: "Virtual functions come and go", Profile: record.Full,
			Expected:  "virtual functions are made, are told of with the addresses that they were given, and go; the port gets what is its own before, meanwhile and afterwards",
			Source:    "Documentation/PCI/pci-iov-howto.rst; drivers/pci/pci-sysfs.c:sriov_numvfs_store; include/uapi/linux/if_link.h:IFLA_VFINFO_LIST",
			Reproduce: made + "ip link show DUT\necho 0 > /sys/class/net/DUT/device/sriov_numvfs",
			Measure:   comeAndGo,
		},
		{
			ID: "vf-reception", Title: "Each function gets its own", Profile: record.Full,
			Expected:  "what is for the port or for one of its virtual functions comes to that one, once, and to no other; broadcasts come to all, and what is for nobody comes to no virtual function",
			Source:    "IEEE 802.1Q-2022 8.6.3 (forwarding by address); drivers/net/ethernet/intel/igb/igb_main.c:igb_set_vf_mac",
			Reproduce: made + "tcpdump -p -e -i VF",
			Measure:   receiveApart,
		},
		{
			ID: "vf-switching", Title: "From function to function", Profile: record.Full,
			Expected:  "the port and its virtual functions reach each other inside the card, once, and nothing of it comes to the wire (VEB); or all of it goes to the wire, and nothing of it stays inside (VEPA): whichever the driver says that it is, if it does",
			Source:    "IEEE 802.1Q-2022 5.22 (EVB station: VEB, VEPA); include/uapi/linux/if_bridge.h:IFLA_BRIDGE_MODE; ip-link(8)",
			Reproduce: made + "bridge -d link show dev DUT  # hwmode\ntcpdump -p -e -i VF",
			Measure:   switchInside,
		},
		{
			ID: "vf-trust", Title: "Trust and second addresses", Profile: record.Full,
			Expected: "a virtual function whose address the host has set gets nothing for another address, neither by a macvlan on it nor when it is promiscuous, as long as it is not trusted; " +
				"a macvlan on one that is trusted gets what is its own",
			Source:    "ip-link(8), vf NUM trust; drivers/net/ethernet/intel/igb/igb_main.c:igb_set_vf_mac_filter, i40e/i40e_virtchnl_pf.c:i40e_check_vf_permission",
			Reproduce: made + "ip link set DUT vf 0 trust off\nip link add link VF name child type macvlan mode bridge\nip link set child up\ntcpdump -p -e -i VF",
			Measure:   trustFunctions,
		},
		{
			ID: "vf-spoofchk", Title: "Foreign source addresses", Profile: record.Full,
			Expected:  "with spoofchk on, no frame of a virtual function with another's source address comes to the wire, and those with its own all do; with spoofchk off, both do",
			Source:    "ip-link(8), vf NUM spoofchk; include/uapi/linux/if_link.h:IFLA_VF_SPOOFCHK",
			Reproduce: made + "ip link set DUT vf 0 spoofchk on\nip link add link VF name child type macvlan mode bridge  # its frames have its own address\ntcpdump -e -i PEER",
			Measure:   checkSources,
		},
		{
			ID: "vf-vlan", Title: "A virtual function in a VLAN of the host's", Profile: record.Full,
			Expected:  "what a virtual function sends comes to the wire with the tag that the host has set, frames with that tag come to it without it, others do not come; when the host takes the VLAN back, all is as before",
			Source:    "ip-link(8), vf NUM vlan; include/uapi/linux/if_link.h:IFLA_VF_VLAN",
			Reproduce: made + "ip link set DUT vf 0 vlan 77\ntcpdump -e -i PEER",
			Measure:   hostVLAN,
		},
		{
			ID: "vf-link-state", Title: "The link of a virtual function", Profile: record.Full,
			Expected:  "with state disable a virtual function has no carrier and no frame comes to it or from it; with enable and auto it has one, and they do",
			Source:    "ip-link(8), vf NUM state; include/uapi/linux/if_link.h:IFLA_VF_LINK_STATE_AUTO",
			Reproduce: made + "ip link set DUT vf 0 state disable\nip link show VF",
			Measure:   setLinkState,
		},
	}
}

func comeAndGo(m *Measurement) error {
	own := func(when string) error {
		_, err := m.Try(m.ask(when+": port's address", m.DUT.MAC, m.DUT.Device, record.All),
			m.ask(when+": broadcast", broadcast, m.DUT.Device, record.All),
			Ask{Name: when + ": from the port", Shot: Shot{From: m.DUT.Device, Dest: m.Peer.MAC}, At: m.Peer.Device, Want: record.All})
		return err
	}
	f, err := m.mayHave(2)
	if err != nil {
		return err
	}
	err = f.make()
	now, most := port.Functions(f.bus)
	m.Fact("virtual functions when 2 were asked for", "2", fmt.Sprint(now))
	if err != nil {
		return err
	}
	for id, d := range f.all {
		v, err := f.info(id)
		if err != nil {
			return err
		}
		m.Fact(fmt.Sprintf("address of virtual function %d is the one that the host has set", id), d.MAC.String(), v.Mac.String())
		m.Measured(fmt.Sprintf("virtual function %d is made with", id), "trust %s, spoofchk %s, VLAN %d, link state %d", word(v.Trust == 1), word(v.Spoofchk), v.Vlan, v.LinkState)
	}
	if err := own("with 2 of them"); err != nil {
		return err
	}
	if err := f.remove(); err != nil {
		return err
	}
	left, _ := port.Functions(f.bus)
	m.Fact("virtual functions when they were taken away", "0", fmt.Sprint(left))
	if err := own("without them again"); err != nil {
		return err
	}
	m.Measured("virtual functions that it can have", "%d", most)
	m.Observed("2 of %d virtual functions were made and taken away", most)
	return nil
}

func receiveApart(m *Measurement) error {
	f, err := m.functions(2)
	if err != nil {
		return err
	}
	joined := m.Group()
	if err := m.Join(f.all[0], joined); err != nil {
		return err
	}
	asks := []Ask{
		m.ask("port's address", m.DUT.MAC, m.DUT.Device, record.All),
		m.ask("broadcast at the port", broadcast, m.DUT.Device, record.All),
		m.ask("unknown unicast at the port", m.Address(), m.DUT.Device, m.DUT.unknown()),
		m.ask("group that the first has joined", joined, f.all[0], record.All),
	}
	for i, d := range f.all {
		other := f.all[1-i]
		asks = append(asks,
			m.ask(d.Link+"'s address", d.MAC, d, record.All),
			m.ask(d.Link+"'s address at the port", d.MAC, m.DUT.Device, record.None),
			m.ask(d.Link+"'s address at "+other.Link, d.MAC, other, record.None),
			m.ask("port's address at "+d.Link, m.DUT.MAC, d, record.None),
			m.ask("broadcast at "+d.Link, broadcast, d, record.All),
			m.ask("unknown unicast at "+d.Link, m.Address(), d, record.None),
		)
	}
	trials, err := m.Try(asks...)
	m.observe(trials)
	return err
}

func switchInside(m *Measurement) error {
	f, err := m.functions(2)
	if err != nil {
		return err
	}
	if err := f.overhear(); err != nil {
		return err
	}
	says, err := m.DUT.Room.Conn.HardwareMode(m.DUT.Index)
	if err != nil {
		return err
	}
	inside := says == rtnl.VEB
	if says == "" { // then frames tell which it is, and must all tell the same
		ask := reach("port to function", m.DUT.Device, f.all[0], f.all[0].MAC, record.Any)
		ask.Via = m.Peer.Device
		found, err := m.Look(ask)
		if err != nil {
			return err
		}
		inside = found[0].Seen > 0
	}
	m.Measured("switching mode that the driver tells of", "%s", cmp.Or(says, "none"))
	trials, err := m.Try(f.switched(inside)...)
	if err != nil {
		return err
	}
	if says != "" {
		there := trials[0].Seen > 0
		m.Result.Features = append(m.Result.Features, record.Feature{
			Name: "hwmode", Says: says, Observed: map[bool]string{true: rtnl.VEB, false: rtnl.VEPA}[there], Agrees: there == inside,
		})
	}
	bad := 0
	for _, t := range trials {
		if t.Want == record.All && t.Seen < t.Sent() || t.Want == record.None && t.Seen > 0 {
			bad++
		}
	}
	how := map[bool]string{true: "inside the card", false: "over the wire"}[inside]
	m.Observed("the port and 2 virtual functions reach each other %s: %d of %d trials say otherwise", how, bad, len(trials))
	return nil
}

// switched are trials from everybody in the machine to everybody else.
func (f *functions) switched(inside bool) []Ask {
	places := append([]*Device{f.DUT.Device}, f.all...)
	var asks []Ask
	for i, from := range places {
		for j, to := range places {
			if i == j {
				continue
			}
			third, name := places[3-i-j], from.Link+" to "+to.Link
			if !inside {
				at := reach(name+", there", from, to, to.MAC, record.Any)
				at.Via = f.Peer.Device
				asks = append(asks, at, reach(name+", on the wire", from, f.Peer.Device, to.MAC, record.All))
				continue
			}
			asks = append(asks,
				reach(name+", there", from, to, to.MAC, record.All),
				reach(name+", at "+third.Link, from, third, to.MAC, record.None),
				reach(name+", on the wire", from, f.Peer.Device, to.MAC, record.None))
			asks = append(asks, reach("broadcast of "+from.Link+" at "+to.Link, from, to, broadcast, record.All))
		}
		asks = append(asks,
			reach("broadcast of "+from.Link+" on the wire", from, f.Peer.Device, broadcast, record.All),
			reach(from.Link+" to the peer", from, f.Peer.Device, f.Peer.MAC, record.All))
	}
	return asks
}

// reach is a trial from one device to a place.
func reach(name string, from, at *Device, dest net.HardwareAddr, want record.Want) Ask {
	return Ask{Name: name, Shot: Shot{From: from, Dest: dest}, At: at, Want: want}
}
