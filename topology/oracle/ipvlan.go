package oracle

import (
	"fmt"
	"net/netip"
	"slices"
)

type prefix = netip.Prefix

// ipvlanTX is a frame that an ipvlan is to send.
type ipvlanTX struct {
	*walk
	child *device
	p     packet
}

// ipvlanSends is drivers/net/ipvlan/ipvlan_core.c:ipvlan_queue_xmit.
func ipvlanSends() []row[ipvlanTX] {
	const l2 = "drivers/net/ipvlan/ipvlan_core.c:ipvlan_xmit_mode_l2"
	const l3 = "drivers/net/ipvlan/ipvlan_core.c:ipvlan_xmit_mode_l3"
	const outbound = "drivers/net/ipvlan/ipvlan_core.c:ipvlan_process_outbound"
	return []row[ipvlanTX]{
		{
			Rule{ID: "ipvlan-sends-l2-private", When: "mode l2, flag private, to the parent's address and an IP address of a child", Then: "refused with ENOBUFS", Source: l2, Claim: "kernel-ipvlan-private"},
			func(c ipvlanTX) bool { return c.l2() && c.inside() && c.to() != nil && c.child.Flag == "private" },
			func(c ipvlanTX) { c.deny("ENOBUFS") },
		},
		{
			Rule{ID: "ipvlan-sends-l2-sibling", When: "mode l2, no flag, to the parent's address and an IP address of a child", Then: "that child receives it; it never leaves", Source: l2, Claim: "kernel-ipvlan-bridge-cross-talk"},
			func(c ipvlanTX) bool { return c.l2() && c.inside() && c.to() != nil },
			func(c ipvlanTX) { c.forward(c.to(), c.p) },
		},
		{
			Rule{ID: "ipvlan-sends-l2-host", When: "mode l2, not flag vepa, to the parent's address and nobody's IP address here", Then: "the parent receives it; it never leaves", Source: l2},
			func(c ipvlanTX) bool { return c.l2() && c.inside() },
			func(c ipvlanTX) { c.forward(c.child.parent, c.p) },
		},
		{
			Rule{ID: "ipvlan-sends-l2-group", When: "mode l2, to a group", Then: "each other child that is up and has joined gets a copy, whatever the flag; then the parent sends it", Source: "drivers/net/ipvlan/ipvlan_core.c:ipvlan_process_multicast", Claim: "kernel-ipvlan-l2-multicast"},
			func(c ipvlanTX) bool { return c.l2() && c.p.Dest.Group() },
			func(c ipvlanTX) {
				c.ipvlanFlood(c.child.parent, c.p, c.child)
				c.transmit(c.child.parent, c.p)
			},
		},
		{
			Rule{ID: "ipvlan-sends-l2", When: "mode l2, anything else", Then: "the parent sends it", Source: l2},
			func(c ipvlanTX) bool { return c.l2() },
			func(c ipvlanTX) { c.transmit(c.child.parent, c.p) },
		},
		{
			Rule{ID: "ipvlan-sends-l3-private", When: "mode l3 or l3s, flag private, to an IP address of a child", Then: "refused with ENOBUFS", Source: l3, Claim: "kernel-ipvlan-private"},
			func(c ipvlanTX) bool { return c.to() != nil && c.child.Flag == "private" },
			func(c ipvlanTX) { c.deny("ENOBUFS") },
		},
		{
			Rule{ID: "ipvlan-sends-l3-sibling", When: "mode l3 or l3s, no flag, to an IP address of a child, whatever the MAC address", Then: "that child receives it; it never leaves", Source: l3, Claim: "kernel-ipvlan-bridge-cross-talk"},
			func(c ipvlanTX) bool { return c.to() != nil && c.child.Flag != "vepa" },
			func(c ipvlanTX) { c.forward(c.to(), c.p) },
		},
		{
			Rule{ID: "ipvlan-sends-l3-group", When: "mode l3 or l3s, to a group", Then: "refused with ENOBUFS", Source: outbound, Claim: "kernel-ipvlan-l3-no-multicast"},
			func(c ipvlanTX) bool { return c.p.Dest.Group() },
			func(c ipvlanTX) { c.deny("ENOBUFS") },
		},
		{
			Rule{ID: "ipvlan-sends-l3-other", When: "mode l3 or l3s, what is no IP packet", Then: "refused with ENOBUFS", Source: outbound},
			func(c ipvlanTX) bool { k := c.kind(); return k != IPv4 && k != IPv6 },
			func(c ipvlanTX) { c.deny("ENOBUFS") },
		},
		{
			Rule{ID: "ipvlan-sends-l3-local", When: "mode l3 or l3s, to an IPv4 address of the parent's, or any IPv6 address of its node's", Then: "that node's stack takes it, past all taps but the loopback's, whose empty MAC addresses a tap on the child sees in the place of the frame's: they share the bytes", Source: "drivers/net/ipvlan/ipvlan_core.c:ipvlan_process_v4_outbound", Claim: "kernel-ipvlan-l3-master-routes"},
			func(c ipvlanTX) bool { return c.local() },
			func(c ipvlanTX) { c.overwrite(MAC{}, MAC{}) },
		},
		{
			Rule{ID: "ipvlan-sends-l3-no-route", When: "mode l3 or l3s, IPv6, to an address that no device of the parent's node has in its subnet", Then: "refused with ENETUNREACH; over IPv4 every address counts as one of the parent's link", Source: "drivers/net/ipvlan/ipvlan_core.c:ipvlan_process_v6_outbound; net/ipv4/route.c:ip_route_output_key_hash_rcu"},
			func(c ipvlanTX) bool { return c.egress() == nil },
			func(c ipvlanTX) { c.deny("ENETUNREACH") },
		},
		{
			Rule{ID: "ipvlan-sends-l3-routed", When: "mode l3 or l3s, to any other IP address", Then: "the parent's node routes it: the parent sends it (over IPv6 another device, where only that has a route), from its own address to the one that it knows for the next hop; a tap on the child sees these addresses, too", Source: "drivers/net/ipvlan/ipvlan_core.c:ipvlan_process_v4_outbound", Claim: "kernel-ipvlan-l3-master-routes"},
			func(ipvlanTX) bool { return true },
			func(c ipvlanTX) { c.route() },
		},
	}
}

func (c ipvlanTX) l2() bool { return c.child.Mode == "l2" }

// inside reports whether a frame of mode l2 is for an address behind the parent.
func (c ipvlanTX) inside() bool { return c.child.Flag != "vepa" && c.p.Dest == c.p.Source }

// kind is what the driver sees: a tag that was put in by hand hides it.
func (c ipvlanTX) kind() Kind {
	if len(c.p.Tags) > 0 {
		return Raw
	}
	return c.p.Kind
}

// to is the child whose IP address the frame is for.
func (c ipvlanTX) to() *device { return c.child.parent.ipvlanOf(c.kind(), c.p.Frame) }

// local reports whether the parent's node takes the packet itself. The look-up names
// the parent, which IPv4 takes to the letter (net/ipv4/fib_trie.c:fib_lookup_good_nhc)
// and IPv6 as a wish (net/ipv6/route.c:rt6_score_route).
func (c ipvlanTX) local() bool {
	parent := c.child.parent
	return parent.hasAddress(c.p.To) || c.p.To.Is6() && c.nodeHas(parent.Node, c.p.To)
}

func (w *World) nodeHas(node string, a netip.Addr) bool {
	for _, d := range w.devices {
		if d.Node == node && d.Up && d.hasAddress(a) {
			return true
		}
	}
	return false
}

func (d *device) hasAddress(a netip.Addr) bool {
	return slices.ContainsFunc(d.Addresses, func(p prefix) bool { return p.Addr() == a })
}

// egress is the device by which the parent's node sends a packet on, nil if there is
// none. IPv4 sends by the parent whatever the address (net/ipv4/route.c:
// ip_route_output_key_hash_rcu), IPv6 where it has a route, by the parent if it can
// (net/ipv6/route.c:rt6_score_route).
func (c ipvlanTX) egress() *device {
	parent := c.child.parent
	if c.p.To.Is4() || parent.onLink(c.p.To) {
		return parent
	}
	var by []*device
	for _, d := range c.devices {
		if d.Node == parent.Node && d.Up && d.onLink(c.p.To) {
			by = append(by, d)
		}
	}
	switch len(by) {
	case 0:
		return nil
	case 1:
		return by[0]
	}
	c.err = fmt.Errorf("%w: %s has several routes to %s", ErrNoPrediction, parent.Node, c.p.To)
	return parent
}

// onLink reports whether an IP address is in one of the device's subnets.
func (d *device) onLink(a netip.Addr) bool {
	return slices.ContainsFunc(d.Addresses, func(p prefix) bool { return p.Contains(a) })
}

// overwrite changes the addresses of the frame that a tap on the sender has just seen.
func (w *walk) overwrite(source, dest MAC) {
	last := &w.p.Sights[len(w.p.Sights)-1]
	last.Source, last.Dest = source, dest
}

// either leaves it open whether the addresses are changed: with a real port it depends on
// what the driver puts in itself, and how much room it asks for, whether the kernel makes a
// copy.
func (w *walk) either(source, dest MAC) {
	last := &w.p.Sights[len(w.p.Sights)-1]
	last.Maybe = true
	changed := *last
	changed.Source, changed.Dest = source, dest
	w.p.Sights = append(w.p.Sights, changed)
}

// bottom is the lowest device under d.
func (d *device) bottom() *device {
	for d.parent != nil {
		d = d.parent
	}
	return d
}

// route sends a packet on, to the one device that has its address.
func (c ipvlanTX) route() {
	to, by := c.ownerOf(c.p.To), c.egress()
	if to == nil {
		c.err = noNextHop(c.p.To)
		return
	}
	p := c.p
	p.Source, p.Dest, p.Tags = by.mac, to.mac, by.header()
	switch { // where the stack writes a tag the kernel makes a copy (vlan_dev.c:vlan_dev_hard_header)
	case by.bottom().Tested(), c.child.bottom().Tested():
		c.either(p.Source, p.Dest)
	case len(p.Tags) == 0:
		c.overwrite(p.Source, p.Dest)
	}
	c.transmit(by, p)
}

// ownerOf is the device that has an IP address, nil when none has or several.
func (w *World) ownerOf(a netip.Addr) *device {
	var owner *device
	for _, d := range w.devices {
		if d.hasAddress(a) {
			if owner != nil {
				return nil
			}
			owner = d
		}
	}
	return owner
}

// ipvlanRX is a frame that the parent of ipvlans receives.
type ipvlanRX struct {
	*walk
	parent *device
	p      packet
}

// ipvlanReceives is drivers/net/ipvlan/ipvlan_core.c:ipvlan_handle_frame.
func ipvlanReceives() []row[ipvlanRX] {
	const l2 = "drivers/net/ipvlan/ipvlan_core.c:ipvlan_handle_mode_l2"
	const l3 = "drivers/net/ipvlan/ipvlan_core.c:ipvlan_handle_mode_l3"
	return []row[ipvlanRX]{
		{
			Rule{ID: "ipvlan-receives-l3s", When: "mode l3s", Then: "it is the host's, whose stack hands packets for children on behind all taps", Source: "drivers/net/ipvlan/ipvlan_l3s.c:ipvlan_nf_input", Claim: "kernel-ipvlan-l3s-like-l3"},
			func(c ipvlanRX) bool { return c.mode() == "l3s" },
			func(ipvlanRX) {},
		},
		{
			Rule{ID: "ipvlan-receives-own-group", When: "mode l2, to a group, from the parent's MAC address and a child's IP address; a solicitation without a source by its target", Then: "it is the host's alone: the children have had it", Source: "drivers/net/ipvlan/ipvlan_core.c:ipvlan_external_frame"},
			func(c ipvlanRX) bool { return c.mode() == "l2" && c.p.Dest.Group() && c.own() },
			func(ipvlanRX) {},
		},
		{
			Rule{ID: "ipvlan-receives-group", When: "mode l2, to a group", Then: "every child that is up and has joined gets a copy, and the host", Source: l2, Claim: "kernel-ipvlan-l2-multicast"},
			func(c ipvlanRX) bool { return c.mode() == "l2" && c.p.Dest.Group() },
			func(c ipvlanRX) { c.ipvlanFlood(c.parent, c.p, nil) },
		},
		{
			Rule{ID: "ipvlan-receives-child", When: "to an IP address of a child that is up, whatever the MAC address; ARP and a solicitation without a source by their target", Then: "that child gets it; the host does not", Source: l3, Claim: "docker-ipvlan-one-mac-many-ips"},
			func(c ipvlanRX) bool { return c.to() != nil },
			func(c ipvlanRX) { c.give(c.to(), c.p, c.p.typ) },
		},
		{
			Rule{ID: "ipvlan-receives-other", When: "anything else", Then: "it is the host's", Source: l3},
			func(ipvlanRX) bool { return true },
			func(ipvlanRX) {},
		},
	}
}

// mode is the parent's: all of its children have the same
// (ipvlan_main.c:ipvlan_set_port_mode).
func (c ipvlanRX) mode() string { return c.parent.ipvlans[0].Mode }

func (c ipvlanRX) kind() Kind {
	if len(c.p.Tags) > 1 { // the outer one is out of the way by now
		return Raw
	}
	return c.p.Kind
}

func (c ipvlanRX) to() *device { return c.parent.ipvlanOf(c.kind(), c.p.Frame) }

// own reports whether a frame has come back that a child has sent.
func (c ipvlanRX) own() bool {
	if c.p.Source != c.parent.mac || c.kind() == Raw {
		return false
	}
	from := c.p.From
	if c.kind() == NS && from.IsUnspecified() {
		from = c.p.To // it is looked up by its target on either way (ipvlan_addr_lookup)
	}
	return slices.ContainsFunc(c.parent.ipvlans, func(d *device) bool { return d.Up && d.hasAddress(from) })
}

func (c ipvlanRX) consumed() bool {
	return c.mode() != "l3s" && (c.mode() != "l2" || !c.p.Dest.Group()) && c.to() != nil
}

// ipvlanOf is the child that is up and has the IP address that a frame is for
// (ipvlan_core.c:ipvlan_addr_lookup).
func (d *device) ipvlanOf(k Kind, f Frame) *device {
	if k == Raw || k == NS && !f.From.IsUnspecified() {
		return nil // a solicitation with a source is for its group
	}
	for _, c := range d.ipvlans {
		if c.Up && c.hasAddress(f.To) {
			return c
		}
	}
	return nil
}

// ipvlanFlood gives children a copy of a frame to a group.
func (w *walk) ipvlanFlood(parent *device, p packet, except *device) {
	for _, child := range parent.ipvlans {
		if child == except || !child.Up {
			continue
		}
		copied := p
		if !w.member(child, p.Dest) {
			copied.maybe, copied.chance = true, true
		}
		w.give(child, copied, groupType(p.Dest))
	}
}

// deny lets sending fail.
func (w *walk) deny(errno string) { w.p.Errno = errno }
