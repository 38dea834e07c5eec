package run

import (
	"net"
	"net/netip"
	"slices"
	"strconv"

	"github.com/lanproof/lanproof/probe"
	"github.com/lanproof/lanproof/topology"
)

// isA reports whether a device is of one of the kinds.
func isA(d *topology.Device, kinds ...string) bool { return slices.Contains(kinds, d.Kind) }

// siblings are the other children of a device's parent.
func (sc *scene) siblings(d *topology.Device) []*topology.Device {
	var all []*topology.Device
	for _, other := range sc.made {
		if other != d && other.Kind == d.Kind && other.Parent == d.Parent {
			all = append(all, other)
		}
	}
	return all
}

// one is a sabotage that touches one device only.
func one(d *topology.Device, from, to string) Sabotage {
	return Sabotage{At: d.Ref, From: from, To: to, Touches: []topology.Ref{d.Ref}}
}

// macvlanModes are other modes for each macvlan.
func (sc *scene) macvlanModes() []Sabotage {
	var all []Sabotage
	for _, d := range sc.made {
		if !isA(d, topology.KindMacvlan) {
			continue
		}
		for _, to := range []string{"bridge", "private", "vepa", "source"} {
			if to != d.Mode && sc.modeTells(d, to) {
				all = append(all, one(d, d.Mode, to))
			}
		}
	}
	return all
}

// modeTells reports whether some check could tell a macvlan's mode from another.
// All of them but source and passthru differ by what passes between siblings
// only.
func (sc *scene) modeTells(d *topology.Device, to string) bool {
	switch {
	case sc.linked(d.Ref, func(q *linkQuestion) bool { return q.want.Mode != "" }):
		return true
	case !d.Up:
		return false
	case d.Mode == "passthru":
		return sc.asked(func(q *flowQuestion) bool {
			return q.to == d.Ref && q.want && (q.dest != "" || q.cast == probe.Unknown)
		})
	case to == "source":
		// Without a list it hears nobody.
		return sc.asked(func(q *flowQuestion) bool { return q.to == d.Ref && q.want })
	case d.Mode == "source":
		return sc.asked(func(q *flowQuestion) bool {
			// What siblings send does not come in by the parent but reflected.
			return q.to == d.Ref && !q.want && (sc.hairs || !sc.on(q.from, d.Parent))
		})
	}
	return slices.ContainsFunc(sc.siblings(d), func(sibling *topology.Device) bool {
		return sibling.Up && sc.passOtherwise(d, sibling, to) &&
			sc.asked(func(q *flowQuestion) bool { return q.between(d.Ref, sibling.Ref) })
	})
}

// passOtherwise reports whether what passes between siblings is another when one
// has another mode. What both have to be in mode bridge for goes straight
// (macvlan.c:macvlan_queue_xmit), all else by the wire: it comes back where the
// switch reflects, and then goes to all but private ones
// (macvlan.c:macvlan_handle_frame).
func (sc *scene) passOtherwise(d, sibling *topology.Device, to string) bool {
	straight := sibling.Mode == "bridge" && (d.Mode == "bridge" || to == "bridge")
	if !sc.hairs {
		return straight
	}
	// Reflected or straight, it comes; only the oracle asks how often.
	return d.Mode == "private" || to == "private" || straight && sc.oracle
}

// altered is an operation that makes another device, when it is the one.
func altered(o topology.Op, is func(*topology.Device) bool, change func(*topology.Device)) topology.Op {
	m, ok := o.(topology.MakeLink)
	if !ok || !is(m.Device) {
		return o
	}
	d := *m.Device
	change(&d)
	m.Device = &d
	return m
}

func (s *Sabotage) here(d *topology.Device) bool { return d.Ref == s.At }

func (s *Sabotage) otherMacvlanMode(o topology.Op) topology.Op {
	return altered(o, s.here, func(d *topology.Device) {
		d.Mode, d.ModeAsked, d.NoPromisc, d.NoDst = s.To, true, false, false
		if s.To != "source" {
			d.Sources = nil
		}
	})
}

// ipvlans draws for each parent of ipvlans: all of its children have one mode
// and one flag.
func (sc *scene) ipvlans(have func(*topology.Device) string, others []string, tells func(d *topology.Device, to string) bool) []Sabotage {
	var all []Sabotage
	seen := map[topology.Ref]bool{}
	for _, d := range sc.made {
		if !isA(d, topology.KindIpvlan) || seen[d.Parent] {
			continue
		}
		seen[d.Parent] = true
		for _, to := range others {
			if to != have(d) && tells(d, to) {
				all = append(all, Sabotage{At: d.Parent, From: have(d), To: to, Touches: []topology.Ref{d.Parent}})
			}
		}
	}
	return all
}

// ipvlanModes leaves out l3 for l3s and back, which differ by who else in the
// kernel sees a packet, and not by who gets it.
func (sc *scene) ipvlanModes() []Sabotage {
	mode := func(d *topology.Device) string { return d.Mode }
	return sc.ipvlans(mode, []string{"l2", "l3", "l3s"}, func(d *topology.Device, to string) bool {
		said := func(d *topology.Device) bool {
			return sc.linked(d.Ref, func(q *linkQuestion) bool { return q.want.Mode != "" })
		}
		family := append(sc.siblings(d), d)
		return slices.ContainsFunc(family, said) || (d.Mode == "l2" || to == "l2") && sc.asked(func(q *flowQuestion) bool {
			// Only layer 2 lets neighbours be asked for, and frames without a packet pass.
			return sc.on(q.to, d.Parent) && q.kind != probe.ICMP && q.kind != probe.UDP
		})
	})
}

// ipvlanFlags leaves out private for vepa and back where the switch does not
// reflect, and a child without siblings.
func (sc *scene) ipvlanFlags() []Sabotage {
	flag := func(d *topology.Device) string {
		if d.Flag == "" {
			return "bridge"
		}
		return d.Flag
	}
	return sc.ipvlans(flag, []string{"bridge", "private", "vepa"}, func(d *topology.Device, to string) bool {
		straight := flag(d) == "bridge" || to == "bridge"
		return len(sc.siblings(d)) > 0 && (straight || sc.hairs) && sc.asked(func(q *flowQuestion) bool {
			return q.from != d.Parent && q.to != d.Parent && sc.on(q.from, d.Parent) && sc.on(q.to, d.Parent)
		})
	})
}

func (s *Sabotage) onParent(d *topology.Device) bool {
	return isA(d, topology.KindIpvlan) && d.Parent == s.At
}

func (s *Sabotage) otherIpvlanMode(o topology.Op) topology.Op {
	return altered(o, s.onParent, func(d *topology.Device) { d.Mode, d.ModeAsked = s.To, true })
}

func (s *Sabotage) otherIpvlanFlag(o topology.Op) topology.Op {
	return altered(o, s.onParent, func(d *topology.Device) { d.Flag, d.FlagAsked = s.To, true })
}

// vids move each vlan device to the next VLAN. What goes between two devices on
// it does not change, nor does what was stopped before.
func (sc *scene) vids() []Sabotage {
	var all []Sabotage
	for _, d := range sc.made {
		if !isA(d, topology.KindVLAN) {
			continue
		}
		asked := sc.linked(d.Ref, func(q *linkQuestion) bool { return q.want.ID != nil }) ||
			sc.asked(func(q *flowQuestion) bool { return q.want && sc.on(q.from, d.Ref) != sc.on(q.to, d.Ref) }) ||
			slices.ContainsFunc(sc.questions, func(q question) bool {
				tag, ok := q.(*tagQuestion)
				return ok && sc.on(tag.from, d.Ref)
			})
		if asked {
			all = append(all, one(d, strconv.Itoa(d.VID), strconv.Itoa(sc.freeVID(d))))
		}
	}
	return all
}

// freeVID is the next VID that no sibling has.
func (sc *scene) freeVID(d *topology.Device) int {
	const most = 4094
	vid := d.VID%most + 1
	for slices.ContainsFunc(sc.siblings(d), func(s *topology.Device) bool { return s.VID == vid }) {
		vid = vid%most + 1
	}
	return vid
}

func (s *Sabotage) otherVID(o topology.Op) topology.Op {
	return altered(o, s.here, func(d *topology.Device) { d.VID, _ = strconv.Atoi(s.To) })
}

// macs give a child's address to another machine's device: macvlans refuse one
// that a sibling has (macvlan.c:macvlan_addr_busy).
func (sc *scene) macs() []Sabotage {
	var all []Sabotage
	for _, child := range sc.made {
		if !isA(child, topology.KindMacvlan) || !child.OwnMAC || len(child.MAC) == 0 {
			continue
		}
		for _, d := range sc.made {
			// The oracle asks nothing here: it judges by the addresses that there are.
			asked := slices.ContainsFunc(sc.flows, func(q *flowQuestion) bool { return q.want && q.straight() && q.between(child.Ref, d.Ref) })
			if asked && isA(d, topology.KindVeth) && d.Port != nil && d.Node != child.Node && sc.lan.Root(child).Ref != d.Ref {
				s := one(d, d.MAC.String(), child.MAC.String())
				s.Touches = append(s.Touches, child.Ref)
				all = append(all, s)
			}
		}
	}
	return all
}

func (s *Sabotage) otherMAC(o topology.Op) topology.Op {
	return altered(o, s.here, func(d *topology.Device) {
		if mac, err := net.ParseMAC(s.To); err == nil {
			d.MAC, d.OwnMAC = mac, true
		}
	})
}

// addresses move each address to the next one that is free.
func (sc *scene) addresses() []Sabotage {
	var all []Sabotage
	for _, a := range sc.given {
		next := a.Prefix.Addr().Next()
		for sc.taken[next] {
			next = next.Next()
		}
		if sc.addressed(a) && a.Prefix.Contains(next) && a.Prefix.Contains(next.Next()) {
			all = append(all, one(a.Device, a.Prefix.String(), netip.PrefixFrom(next, a.Prefix.Bits()).String()))
		}
	}
	return all
}

// addressed reports whether anything goes to an address, or it is asked for. The
// oracle minds those that ipvlans find their children by.
func (sc *scene) addressed(a topology.AddAddress) bool {
	if sc.oracle && isA(a.Device, topology.KindIpvlan) && a.Device.Up {
		return true
	}
	return slices.ContainsFunc(sc.flows, func(q *flowQuestion) bool { return q.target == a.Prefix.Addr() && q.to == a.Device.Ref && q.straight() }) ||
		slices.ContainsFunc(sc.questions, func(q question) bool {
			of, ok := q.(*addressesQuestion)
			return ok && of.ref == a.Device.Ref
		})
}

func (s *Sabotage) otherAddress(o topology.Op) topology.Op {
	a, ok := o.(topology.AddAddress)
	if !ok || a.Device.Ref != s.At || a.Prefix.String() != s.From {
		return o
	}
	if p, err := netip.ParsePrefix(s.To); err == nil {
		a.Prefix = p
	}
	return a
}

// mtus make each child's MTU one byte smaller, for its parent's bounds it.
func (sc *scene) mtus() []Sabotage {
	var all []Sabotage
	for _, d := range sc.made {
		mtu := sc.mtu(d)
		// Where another one is asked for, it has been changed by then.
		if sc.linked(d.Ref, func(q *linkQuestion) bool { return q.want.MTU == mtu }) && d.Parent.Link != "" {
			all = append(all, one(d, strconv.Itoa(mtu), strconv.Itoa(mtu-1)))
		}
	}
	return all
}

// mtu is what a device gets: its own, else its parent's, else Ethernet's.
func (sc *scene) mtu(d *topology.Device) int {
	const ethernet = 1500
	for ; d != nil; d = sc.lan.Device(d.Parent) {
		if d.MTU != 0 {
			return d.MTU
		}
	}
	return ethernet
}

func (s *Sabotage) otherMTU(o topology.Op) topology.Op {
	return altered(o, s.here, func(d *topology.Device) { d.MTU, _ = strconv.Atoi(s.To) })
}

// hairpins flip each port that has several addresses behind it: a port with one
// only has nobody to reflect to but the sender.
func (sc *scene) hairpins() []Sabotage {
	var all []Sabotage
	for _, d := range sc.lan.Devices {
		if d.Port != nil && sc.asked(func(q *flowQuestion) bool { return sc.reflectable(q, d) }) {
			all = append(all, one(d, strconv.FormatBool(d.Port.Hairpin), strconv.FormatBool(!d.Port.Hairpin)))
		}
	}
	return all
}

// reflectable reports whether a flow comes, or stays away, by grace of the
// switch's port of a parent: one between the parent and a child, or between
// children that neither go straight nor shut each other out. How often a frame
// comes only the oracle asks.
func (sc *scene) reflectable(q *flowQuestion, parent *topology.Device) bool {
	a, b := sc.device(q.from), sc.device(q.to)
	if a == nil || b == nil || a == b {
		return false
	}
	onIt := func(d *topology.Device) bool { return d.Parent == parent.Ref && isA(d, topology.KindMacvlan) }
	switch {
	case onIt(a) && onIt(b):
		private := a.Mode == "private" || b.Mode == "private"
		return (a.Mode != "bridge" || b.Mode != "bridge") && !private
	case onIt(a):
		return q.to == parent.Ref
	case onIt(b):
		return q.from == parent.Ref
	}
	return false
}

func (s *Sabotage) flipHairpin(o topology.Op) topology.Op {
	if p, ok := o.(topology.SetPort); ok && p.Device.Ref == s.At {
		p.Port.Hairpin = !p.Port.Hairpin
		return p
	}
	return o
}

// flipPlain flips a port that nothing was said about.
func (s *Sabotage) flipPlain(plan *topology.Plan) []topology.Op {
	d := plan.LAN.Device(s.At)
	said := slices.ContainsFunc(plan.Ops, func(o topology.Op) bool {
		p, ok := o.(topology.SetPort)
		return ok && p.Device.Ref == s.At
	})
	if d == nil || d.Port == nil || said {
		return nil
	}
	port := *d.Port
	port.Hairpin = !port.Hairpin
	return []topology.Op{topology.SetPort{Device: d, Port: port, Was: *d.Port}}
}

// children are those that are up from the start.
func (sc *scene) children() []Sabotage {
	var all []Sabotage
	for _, d := range sc.made {
		asked := sc.linked(d.Ref, func(q *linkQuestion) bool { return q.want.Up != nil || len(q.want.Operstate) > 0 }) ||
			sc.asked(func(q *flowQuestion) bool { return sc.on(q.from, d.Ref) || sc.on(q.to, d.Ref) })
		if asked && isA(d, topology.KindMacvlan, topology.KindIpvlan, topology.KindVLAN) && d.Up && !sc.later[d.Ref] {
			all = append(all, one(d, "", ""))
		}
	}
	return all
}

// takeDown does so at last, for routes by a device that is down are refused.
func (s *Sabotage) takeDown(plan *topology.Plan) []topology.Op {
	d := plan.LAN.Device(s.At)
	if d == nil {
		return nil
	}
	down := false
	return []topology.Op{topology.ChangeLink{Device: d, Up: &down}}
}
