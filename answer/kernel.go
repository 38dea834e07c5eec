package answer

import (
	"bytes"
	"fmt"

	"github.com/lanproof/lanproof/intent"
	"github.com/lanproof/lanproof/topology"
)

// refuseStart takes out the first endpoint that the kernel would not let start, which the
// engine finds out only then. It returns false when all of them start.
func (d *Draft) refuseStart() bool {
	var there []*topology.Device
	for _, e := range d.ends {
		if !e.built() {
			continue
		}
		for _, dev := range d.Plan.LAN.DevicesOf(e.node) {
			text := d.notTaken(dev, there)
			if text == "" {
				there = append(there, dev)
				continue
			}
			n := d.built(dev.Network)
			d.Refused = append(d.Refused, Refusal{
				Problem: topology.Problem{Path: []any{"endpoints", e.node}, Text: text, Kernel: true},
				Place:   e.placeOn(n), Networks: []string{n.of.Name}, Endpoints: []string{e.of.Name},
			})
			e.refused = true
			return true
		}
	}
	return false
}

// notTaken is why a device's parent does not take it beside those that are there; empty
// when it does (drivers/net/macvlan.c:macvlan_common_newlink and macvlan_open,
// net/core/dev.c:netdev_rx_handler_register).
func (d *Draft) notTaken(dev *topology.Device, there []*topology.Device) string {
	if dev.Kind != topology.KindMacvlan && dev.Kind != topology.KindIpvlan || d.built(dev.Network) == nil {
		return ""
	}
	name := dev.Parent.Link
	if master := d.around.Parents[name].Master; master != "" {
		return fmt.Sprintf("%s is a port of %s (EBUSY)", name, master)
	}
	for _, o := range there {
		if o.Parent != dev.Parent {
			continue
		}
		switch {
		case o.Kind != dev.Kind:
			return fmt.Sprintf("%s has %s children, and takes none of %s (EBUSY)", name, o.Kind, dev.Kind)
		case dev.Kind == topology.KindIpvlan:
		case o.Mode == passthru || dev.Mode == passthru:
			return fmt.Sprintf("in mode passthru %s takes one child (EINVAL)", name)
		case bytes.Equal(o.MAC, dev.MAC):
			return fmt.Sprintf("another child of %s has the MAC address %s (EADDRINUSE)", name, dev.MAC)
		}
	}
	parent := d.Plan.LAN.Device(dev.Parent)
	if parent != nil && dev.OwnMAC && dev.Mode != passthru && bytes.Equal(parent.MAC, dev.MAC) {
		return fmt.Sprintf("%s has the MAC address %s itself (EADDRINUSE)", name, dev.MAC)
	}
	return ""
}

// passthru is the mode in which a child has the whole parent.
const passthru = "passthru"

// placeOn is where an endpoint is put on a network.
func (e *endpoint) placeOn(n *network) intent.Place {
	for i := range e.attach {
		if e.attach[i].network == n {
			return e.placeOf(&e.attach[i])
		}
	}
	return e.of.Place
}
