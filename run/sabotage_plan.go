package run

import (
	"net"
	"net/netip"
	"slices"
	"strconv"

	"github.com/lanproof/lanproof/topology"
)

// isA reports whether a device is of one of the kinds.
func isA(d *topology.Device, kinds ...string) bool { return slices.Contains(kinds, d.Kind) }

// siblings counts the children of a device's parent, itself left out.
func (sc *scene) siblings(d *topology.Device) int {
	n := -1
	for _, other := range sc.made {
		if other.Kind == d.Kind && other.Parent == d.Parent {
			n++
		}
	}
	return n
}

// one is a sabotage that touches one device only.
func one(d *topology.Device, from, to string) Sabotage {
	return Sabotage{At: d.Ref, From: from, To: to, Touches: []topology.Ref{d.Ref}}
}

// macvlanModes are other modes for each macvlan. Left out are those that nothing
// but the attribute itself could tell from the right one: modes without source
// lists differ only by what passes between siblings, and private differs from
// vepa only by what the switch reflects. Passthru wants no siblings.
func (sc *scene) macvlanModes() []Sabotage {
	var all []Sabotage
	for _, d := range sc.made {
		if !isA(d, topology.KindMacvlan) {
			continue
		}
		for _, to := range []string{"bridge", "private", "vepa", "source"} {
			alone := sc.siblings(d) == 0 && d.Mode != "source" && d.Mode != "passthru" && to != "source"
			reflected := map[string]bool{"private": true, "vepa": true}
			same := reflected[d.Mode] && reflected[to] && !sc.hairs
			if to != d.Mode && !alone && !same {
				all = append(all, one(d, d.Mode, to))
			}
		}
	}
	return all
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
func (sc *scene) ipvlans(have func(*topology.Device) string, others []string) []Sabotage {
	var all []Sabotage
	seen := map[topology.Ref]bool{}
	for _, d := range sc.made {
		if !isA(d, topology.KindIpvlan) || seen[d.Parent] {
			continue
		}
		seen[d.Parent] = true
		for _, to := range others {
			if to != have(d) {
				all = append(all, Sabotage{At: d.Parent, From: have(d), To: to, Touches: []topology.Ref{d.Parent}})
			}
		}
	}
	return all
}

func (sc *scene) ipvlanModes() []Sabotage {
	return sc.ipvlans(func(d *topology.Device) string { return d.Mode }, []string{"l2", "l3", "l3s"})
}

func (sc *scene) ipvlanFlags() []Sabotage {
	return sc.ipvlans(func(d *topology.Device) string {
		if d.Flag == "" {
			return "bridge"
		}
		return d.Flag
	}, []string{"bridge", "private", "vepa"})
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

// vids move each vlan device to the next VLAN.
func (sc *scene) vids() []Sabotage {
	var all []Sabotage
	for _, d := range sc.made {
		if isA(d, topology.KindVLAN) {
			all = append(all, one(d, strconv.Itoa(d.VID), strconv.Itoa(d.VID%4094+1)))
		}
	}
	return all
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
			if isA(d, topology.KindVeth) && d.Port != nil && d.Node != child.Node && sc.lan.Root(child).Ref != d.Ref {
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
		if a.Prefix.Contains(next) && a.Prefix.Contains(next.Next()) {
			all = append(all, one(a.Device, a.Prefix.String(), netip.PrefixFrom(next, a.Prefix.Bits()).String()))
		}
	}
	return all
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
// Where no check names a size nothing could tell.
func (sc *scene) mtus() []Sabotage {
	var all []Sabotage
	for _, d := range sc.made {
		if sc.speaks.sizes && isA(d, topology.KindMacvlan, topology.KindIpvlan, topology.KindVLAN) {
			mtu := sc.mtu(d)
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
		if d.Port != nil && len(sc.lan.Children(d)) > 0 {
			all = append(all, one(d, strconv.FormatBool(d.Port.Hairpin), strconv.FormatBool(!d.Port.Hairpin)))
		}
	}
	return all
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
		if isA(d, topology.KindMacvlan, topology.KindIpvlan, topology.KindVLAN) && d.Up && !sc.later[d.Ref] {
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
