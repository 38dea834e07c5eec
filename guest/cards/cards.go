// Package cards knows the network cards that QEMU emulates and Linux has drivers for,
// and where a device model or a driver is known to do otherwise than it should.
//
// It is data. What it says of faults is no verdict: a requirement that fails by a
// known fault has failed all the same, and the report can name the fault beside it.
package cards

import (
	"net"
	"slices"
	"strings"
)

// Card is an emulated card.
type Card struct {
	// Model is QEMU's name for the device.
	Model string
	// Chip is what it is an emulation of.
	Chip string
	// Driver is Linux's, as ethtool -i tells it.
	Driver string
	// Modules are what the driver is loaded from. What they need themselves is
	// written in them.
	Modules []string
}

// Peer is the model at the other end of the wire: it changes no frame, and its only
// filter is off while the port is promiscuous.
const Peer = "virtio-net-pci"

// Cards are all of them, by model.
func Cards() []Card {
	return []Card{
		{"e1000", "Intel 82540EM", "e1000", []string{"e1000"}},
		{"e1000e", "Intel 82574L", "e1000e", []string{"e1000e"}},
		{"i82559er", "Intel 82559ER", "e100", []string{"e100"}},
		{"igb", "Intel 82576", "igb", []string{"igb", "igbvf"}},
		{"ne2k_pci", "NE2000 on PCI", "ne2k-pci", []string{"ne2k_pci"}},
		{"pcnet", "AMD 79C970A", "pcnet32", []string{"pcnet32"}},
		{"rtl8139", "Realtek 8139C+", "8139cp", []string{"8139cp", "8139too"}},
		{"tulip", "DEC 21143", "tulip", []string{"tulip"}},
		{"virtio-net-pci", "virtio", "virtio_net", []string{"virtio_pci", "virtio_net"}},
		{"vmxnet3", "VMware vmxnet3", "vmxnet3", []string{"vmxnet3"}},
	}
}

// Find returns the card of a model. "virtio-net" is QEMU's other name for
// virtio-net-pci.
func Find(model string) (Card, bool) {
	if model == "virtio-net" {
		model = "virtio-net-pci"
	}
	all := Cards()
	i := slices.IndexFunc(all, func(c Card) bool { return c.Model == model })
	if i < 0 {
		return Card{}, false
	}
	return all[i], true
}

// Models are the names of all cards, for people.
func Models() string {
	var names []string
	for _, c := range Cards() {
		names = append(names, c.Model)
	}
	return strings.Join(names, ", ")
}

// Drivers are the modules of all cards.
func Drivers() []string {
	var all []string
	for _, c := range Cards() {
		all = append(all, c.Modules...)
	}
	return all
}

// MAC is the address of the n-th card of a machine, up to 16. Its two bytes of a word
// are the same, because a tulip has those of its EEPROM's words swapped (qemu 7.2:
// hw/net/tulip.c:tulip_fill_eeprom).
func MAC(n int) net.HardwareAddr {
	last := 0x40 | byte(n&0xf)
	return net.HardwareAddr{0x02, 0x02, 0x4c, 0x4c, last, last}
}
