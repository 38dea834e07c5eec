package oracle

import (
	"slices"

	"github.com/lanproof/lanproof/topology"
)

// macvlanTX is a frame that a macvlan is to send.
type macvlanTX struct {
	*walk
	child *device
	p     packet
}

// macvlanSends is drivers/net/macvlan.c:macvlan_queue_xmit.
func macvlanSends() []row[macvlanTX] {
	const source = "drivers/net/macvlan.c:macvlan_queue_xmit"
	return []row[macvlanTX]{
		{
			Rule{ID: "macvlan-sends-bridge-group", When: "mode bridge, to a group", Then: "each other child in mode bridge that is up and has joined gets a copy; then the parent sends it", Source: source, Claim: "iplink-bridge"},
			func(c macvlanTX) bool { return c.child.Mode == "bridge" && c.p.Dest.Group() },
			func(c macvlanTX) {
				c.flood(c.child.parent, c.p, c.child, "bridge")
				c.transmit(c.child.parent, c.p)
			},
		},
		{
			Rule{ID: "macvlan-sends-bridge-sibling", When: "mode bridge, to the address of a child in mode bridge that is up", Then: "the parent receives it, and hands it on; it never leaves", Source: source, Claim: "guide004-bridge-stays-inside"},
			func(c macvlanTX) bool {
				to := c.child.parent.macvlanOf(c.p.Dest)
				return c.child.Mode == "bridge" && to != nil && to.Mode == "bridge"
			},
			func(c macvlanTX) { c.forward(c.child.parent, c.p) },
		},
		{
			Rule{ID: "macvlan-sends", When: "anything else", Then: "the parent sends it, and nobody on this host sees more of it", Source: source, Claim: "iplink-private"},
			func(macvlanTX) bool { return true },
			func(c macvlanTX) { c.transmit(c.child.parent, c.p) },
		},
	}
}

// macvlanRX is a frame that the parent of macvlans receives.
type macvlanRX struct {
	*walk
	parent   *device
	p        packet
	consumed bool
}

// macvlanReceives is drivers/net/macvlan.c:macvlan_handle_frame, behind the
// source lists.
func macvlanReceives() []row[macvlanRX] {
	const source = "drivers/net/macvlan.c:macvlan_handle_frame"
	const multicast = "drivers/net/macvlan.c:macvlan_multicast_rx"
	return []row[macvlanRX]{
		{
			Rule{ID: "macvlan-receives-own-group", When: "to a group, and from the address of a child in mode private, passthru or source", Then: "that child alone gets it back; the host does not", Source: source, Claim: "iplink-private"},
			func(c macvlanRX) bool { return c.p.Dest.Group() && c.from() != nil && !c.from().hairpins() },
			func(c macvlanRX) { c.give(c.from(), c.p, c.groupType()) },
		},
		{
			Rule{ID: "macvlan-receives-queue-past", When: "the same, and the parent is not in promiscuous mode for its children, as a real port with a filter is not (Linux 6.4)", Then: "children get those multicasts past the queue that few have joined", Source: "drivers/net/macvlan.c:macvlan_handle_frame, macvlan_recompute_bc_filter"},
			func(c macvlanRX) bool {
				return c.p.Dest.Group() && c.p.Dest != broadcast && c.parent.queuesNothing() && c.parent.Tested()
			},
			func(c macvlanRX) {
				c.p.maybe = true
				c.flood(c.parent, c.p, nil, "private", "vepa", "bridge", "passthru")
			},
		},
		{
			Rule{ID: "macvlan-receives-queue-none", When: "to a group, and the children ask for a queue of no length", Then: "the host gets it, and no child", Source: "drivers/net/macvlan.c:macvlan_broadcast_enqueue", Claim: "iplink-bcqueuelen-zero"},
			func(c macvlanRX) bool { return c.p.Dest.Group() && c.parent.queuesNothing() },
			func(macvlanRX) {},
		},
		{
			Rule{ID: "macvlan-receives-vepa-group", When: "to a group, and from the address of a child in mode vepa", Then: "every other child in mode vepa or bridge that has joined gets it, and the host", Source: multicast, Claim: "iplink-vepa-hairpin"},
			func(c macvlanRX) bool { return c.p.Dest.Group() && c.from() != nil && c.from().Mode == "vepa" },
			func(c macvlanRX) { c.flood(c.parent, c.p, c.from(), "vepa", "bridge") },
		},
		{
			Rule{ID: "macvlan-receives-bridge-group", When: "to a group, and from the address of a child in mode bridge", Then: "the children in mode vepa that have joined get it, and the host: those in mode bridge have had it", Source: multicast, Claim: "iplink-bridge"},
			func(c macvlanRX) bool { return c.p.Dest.Group() && c.from() != nil },
			func(c macvlanRX) { c.flood(c.parent, c.p, c.from(), "vepa") },
		},
		{
			Rule{ID: "macvlan-receives-group", When: "to a group, and from elsewhere", Then: "every child that is up and has joined gets it, and the host; those in mode source go by their lists", Source: multicast},
			func(c macvlanRX) bool { return c.p.Dest.Group() },
			func(c macvlanRX) { c.flood(c.parent, c.p, nil, "private", "vepa", "bridge", "passthru") },
		},
		{
			Rule{ID: "macvlan-receives-passthru", When: "to one address, and the child is in mode passthru", Then: "the child gets it whoever it is for; the host gets nothing", Source: source, Claim: "iplink-passthru-all"},
			func(c macvlanRX) bool { return c.parent.passthru() },
			func(c macvlanRX) { c.give(c.parent.macvlans[0], c.p, ToHost) },
		},
		{
			Rule{ID: "macvlan-receives-child", When: "to the address of a child that is up and not in mode source", Then: "that child gets it, wherever it came from; the host does not", Source: source, Claim: "docker-macvlan-mac-demux"},
			func(c macvlanRX) bool { return c.to() != nil },
			func(c macvlanRX) { c.give(c.to(), c.p, ToHost) },
		},
		{
			Rule{ID: "macvlan-receives-other", When: "anything else", Then: "it is the host's", Source: source},
			func(macvlanRX) bool { return true },
			func(macvlanRX) {},
		},
	}
}

// consumed reports whether the host gets nothing of what the table gave away.
func (w *walk) consumed(d *device, c *macvlanRX) bool {
	if c.p.Dest.Group() {
		return c.from() != nil && !c.from().hairpins()
	}
	return d.passthru() || c.to() != nil
}

// ruleSource stands before the table: copies by the sender's address.
var ruleSource = Rule{ID: "macvlan-receives-source", When: "from an address that a child in mode source has in its list", Then: "that child gets a copy, whoever the frame is for; with nodst nobody else gets it", Source: "drivers/net/macvlan.c:macvlan_forward_source", Claim: "iplink-source-list"}

// fromLists gives copies by the source lists.
func (w *walk) fromLists(c *macvlanRX) {
	for _, child := range c.parent.bySource {
		if !listed(child.Sources, c.p.Source) {
			continue
		}
		w.note(c.parent, ruleSource)
		c.consumed = c.consumed || child.NoDst
		t := c.p.typ
		if c.p.Dest == child.mac {
			t = ToHost
		}
		w.give(child, c.p, t)
	}
}

// give hands a frame to a child, if it is up.
func (w *walk) give(child *device, p packet, t Type) {
	p.typ = t
	w.receive(child, p)
}

// flood gives the children in some modes a copy of a frame to a group, as far as
// they have joined it (macvlan.c:macvlan_broadcast).
func (w *walk) flood(parent *device, p packet, except *device, modes ...string) {
	for _, child := range parent.macvlans {
		if child == except || !child.Up || !slices.Contains(modes, child.Mode) {
			continue
		}
		copied := p
		if !w.member(child, p.Dest) {
			copied.maybe, copied.chance = true, true
		}
		w.give(child, copied, groupType(p.Dest))
	}
}

// member reports whether a device has joined a group. What has not may get it all
// the same, for the filters of macvlan and ipvlan are hashes
// (macvlan.c:macvlan_compute_filter, ipvlan_main.c:ipvlan_set_multicast_mac_filter).
func (w *walk) member(d *device, group MAC) bool {
	if group == broadcast || d.Promisc || d.AllMulti || w.joined[d.Ref][group] {
		return true
	}
	// What stands on it has joined by it, too (net/core/dev_addr_lists.c:dev_mc_sync).
	for _, c := range slices.Concat(d.vlans, d.macvlans, d.ipvlans) {
		if c.Up && w.member(c, group) {
			return true
		}
	}
	// The solicited-node groups of its addresses (RFC 4291 2.7.1), unless it resolves none
	// (net/ipv6/addrconf.c:addrconf_join_solict; ipvlan_main.c:ipvlan_set_port_mode).
	if d.Kind == topology.KindIpvlan && d.Mode != "l2" {
		return false
	}
	return slices.ContainsFunc(d.Addresses, func(a prefix) bool {
		b := a.Addr().As16()
		return a.Addr().Is6() && group == MAC{0x33, 0x33, 0xff, b[13], b[14], b[15]}
	})
}

func groupType(dest MAC) Type {
	if dest == broadcast {
		return ToBroadcast
	}
	return ToMulticast
}

func (c macvlanRX) groupType() Type { return groupType(c.p.Dest) }

// from is the child whose address the frame comes from.
func (c macvlanRX) from() *device { return c.parent.macvlanOf(c.p.Source) }

// to is the child that a frame to one address is for.
func (c macvlanRX) to() *device {
	if child := c.parent.macvlanOf(c.p.Dest); child != nil && child.Mode != "source" {
		return child
	}
	return nil
}

// hairpins reports whether what a child sends may come back for others.
func (d *device) hairpins() bool { return d.Mode == "vepa" || d.Mode == "bridge" }

// macvlanOf is the child that is up and has the address
// (macvlan.c:macvlan_hash_lookup).
func (d *device) macvlanOf(a MAC) *device { return d.byMAC[a] }

// passthru reports whether the one child is in mode passthru: there is no other
// beside it (macvlan.c:macvlan_common_newlink).
func (d *device) passthru() bool { return len(d.macvlans) == 1 && d.macvlans[0].Mode == "passthru" }

// queuesNothing reports whether the longest queue that a child asks for is none
// (macvlan.c:update_port_bc_queue_len).
func (d *device) queuesNothing() bool {
	return !slices.ContainsFunc(d.macvlans, func(c *device) bool { return c.BCQueueLen == nil || *c.BCQueueLen != 0 })
}
