package run

import (
	"iter"
	"net/netip"
	"slices"

	"github.com/lanproof/lanproof/probe"
	"github.com/lanproof/lanproof/topology"
	"github.com/lanproof/lanproof/topology/oracle"
)

// class is a kind of frame that the oracle is asked about.
type class struct {
	name, title string
	// shots are the frames of the class in a LAN, in the order in which they are
	// sent. They may be a million, so they are made one by one.
	shots func(*aim) iter.Seq[shot]
}

// classes are all of them. A new one is a line here.
func classes() []class {
	return []class{
		{"unicast", "raw frame to one address", (*aim).unicasts},
		{"unknown", "raw frame to an address that nobody has", (*aim).unknowns},
		{"broadcast", "raw broadcast", (*aim).broadcasts},
		{"multicast", "raw frame to groups that the target has joined", (*aim).joined},
		{"unsubscribed", "raw frame to groups that nobody has joined", (*aim).unsubscribed},
		{"tagged", "raw frame with a VLAN tag", (*aim).tagged},
		{"arp", "ARP request", func(a *aim) iter.Seq[shot] { return a.packets(probe.ARP, false) }},
		{"nd", "neighbour solicitation", func(a *aim) iter.Seq[shot] { return a.packets(probe.ND, true) }},
		{"dad", "neighbour solicitation of who looks whether an address is free", (*aim).dads},
		{"icmp4", "ICMP echo request over IPv4", func(a *aim) iter.Seq[shot] { return a.packets(probe.ICMP, false) }},
		{"icmp6", "ICMP echo request over IPv6", func(a *aim) iter.Seq[shot] { return a.packets(probe.ICMP, true) }},
		{"udp4", "datagram over IPv4", func(a *aim) iter.Seq[shot] { return a.packets(probe.UDP, false) }},
		{"udp6", "datagram over IPv6", func(a *aim) iter.Seq[shot] { return a.packets(probe.UDP, true) }},
	}
}

// shot is one frame, as the oracle and as the probes know it.
type shot struct {
	from, to *topology.Device // to is nil where the frame is for nobody in particular
	kind     probe.Kind
	frame    oracle.Frame
	// group tells the shots together that differ in their group's address only; 0
	// is none.
	group int
	// joins is set where the target is to join before.
	joins bool
}

// aim knows who can send what to whom.
type aim struct {
	lan   *topology.LAN
	ends  []*topology.Device
	group int
}

// newAim takes a LAN as it stands. Everybody with a say in it sends: all devices
// but those of the switch and the ports of bridges.
func newAim(lan *topology.LAN) *aim {
	a := &aim{lan: lan}
	for _, d := range lan.Devices {
		if d.Node != topology.SwitchNode && d.Master == (topology.Ref{}) {
			a.ends = append(a.ends, d)
		}
	}
	return a
}

// pairs are all ordered pairs of different devices, square by square of a table with
// senders and receivers: so what is sent at once goes to few, whose taps can be read
// in few steps.
func (a *aim) pairs() iter.Seq2[*topology.Device, *topology.Device] {
	const side = 8
	return func(yield func(from, to *topology.Device) bool) {
		for some := range slices.Chunk(a.ends, side) {
			for others := range slices.Chunk(a.ends, side) {
				for _, from := range some {
					for _, to := range others {
						if from != to && !yield(from, to) {
							return
						}
					}
				}
			}
		}
	}
}

func (a *aim) unicasts() iter.Seq[shot] {
	return func(yield func(shot) bool) {
		for from, to := range a.pairs() {
			if !yield(raw(from, to, oracle.MACOf(to.MAC))) {
				return
			}
		}
	}
}

// raw is a raw frame; to may be nil.
func raw(from, to *topology.Device, dest oracle.MAC, tags ...oracle.Tag) shot {
	return shot{from: from, to: to, kind: probe.Raw, frame: oracle.Frame{Source: oracle.MACOf(from.MAC), Dest: dest, Tags: tags}}
}

var (
	everybody = oracle.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	nobodys   = oracle.MAC{0x02, 0x4c, 0x50, 0xde, 0xad, 0x42}
)

func (a *aim) unknowns() iter.Seq[shot] { return a.toAll(nobodys) }

func (a *aim) broadcasts() iter.Seq[shot] { return a.toAll(everybody) }

// toAll are frames that are for nobody in particular, one from everybody.
func (a *aim) toAll(dest oracle.MAC) iter.Seq[shot] {
	return func(yield func(shot) bool) {
		for _, from := range a.ends {
			if !yield(raw(from, nil, dest)) {
				return
			}
		}
	}
}

// groupsEach is how many groups stand for one: the filters of macvlan and ipvlan
// are hashes that let 2 groups in 100 through that nobody joined, but not 5 in turn.
const groupsEach = 5

// joined are frames to groups that their target is a member of, by target, so that
// each joins once.
func (a *aim) joined() iter.Seq[shot] {
	return func(yield func(shot) bool) {
		for _, to := range a.ends {
			for _, from := range a.ends {
				if from != to && !a.toGroups(from, to, yield) {
					return
				}
			}
		}
	}
}

func (a *aim) unsubscribed() iter.Seq[shot] {
	return func(yield func(shot) bool) {
		for _, from := range a.ends {
			if !a.toGroups(from, nil, yield) {
				return
			}
		}
	}
}

// toGroups are the frames to all groups that stand for one. With a target, it is to
// join them before.
func (a *aim) toGroups(from, to *topology.Device, yield func(shot) bool) bool {
	a.group++
	kind := byte(1)
	if to != nil {
		kind = 2
	}
	for i := range groupsEach {
		s := raw(from, to, oracle.MAC{0x03, 0x4c, 0x50, 3, kind, byte(i*37 + 5)})
		s.group, s.joins = a.group, to != nil
		if !yield(s) {
			return false
		}
	}
	return true
}

// tagged are frames with each tag that means something in the LAN, a foreign one,
// and the one that tells a priority only.
func (a *aim) tagged() iter.Seq[shot] {
	return func(yield func(shot) bool) {
		for _, t := range a.tags() {
			for from, to := range a.pairs() {
				if !yield(raw(from, to, oracle.MACOf(to.MAC), t)) {
					return
				}
			}
			for _, from := range a.ends {
				if !yield(raw(from, nil, everybody, t)) {
					return
				}
			}
		}
	}
}

// tags are none where nothing in the LAN knows them.
func (a *aim) tags() []oracle.Tag {
	tags := []oracle.Tag{{TPID: 0x8100, VID: 0}, {TPID: 0x8100, VID: 4000}}
	for _, d := range a.lan.Devices {
		t := oracle.Tag{TPID: d.TPID(), VID: d.VID}
		if d.Kind == topology.KindVLAN && !slices.Contains(tags, t) {
			tags = append(tags, t)
		}
	}
	if len(tags) == 2 {
		return nil
	}
	return tags
}

// packets are IP packets, or what resolves their addresses, between all devices
// that have addresses of the family.
func (a *aim) packets(kind probe.Kind, v6 bool) iter.Seq[shot] {
	return func(yield func(shot) bool) {
		for from, to := range a.pairs() {
			source, target := addressOf(from, v6), addressOf(to, v6)
			if source.IsValid() && target.IsValid() && !yield(ipPacket(kind, from, to, source, target)) {
				return
			}
		}
	}
}

// dads ask for an address that somebody has, from no address.
func (a *aim) dads() iter.Seq[shot] {
	return func(yield func(shot) bool) {
		for from, to := range a.pairs() {
			target := addressOf(to, true)
			if target.IsValid() && !yield(ipPacket(probe.ND, from, to, netip.IPv6Unspecified(), target)) {
				return
			}
		}
	}
}

func ipPacket(kind probe.Kind, from, to *topology.Device, source, target netip.Addr) shot {
	s := raw(from, to, oracle.MACOf(to.MAC))
	s.kind, s.frame.From, s.frame.To, s.frame.Kind = kind, source, target, oracle.IPv4
	switch {
	case kind == probe.ARP:
		s.frame.Kind, s.frame.Dest = oracle.ARP, everybody
	case kind == probe.ND:
		b := target.As16()
		s.frame.Kind, s.frame.Dest = oracle.NS, oracle.MAC{0x33, 0x33, 0xff, b[13], b[14], b[15]}
	case target.Is6():
		s.frame.Kind = oracle.IPv6
	}
	return s
}

func addressOf(d *topology.Device, v6 bool) netip.Addr {
	for _, p := range d.Addresses {
		if p.Addr().Is6() == v6 {
			return p.Addr()
		}
	}
	return netip.Addr{}
}
