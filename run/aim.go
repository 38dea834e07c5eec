package run

import (
	"net/netip"
	"slices"

	"github.com/lanproof/lanproof/probe"
	"github.com/lanproof/lanproof/topology"
	"github.com/lanproof/lanproof/topology/oracle"
)

// class is a kind of frame that the oracle is asked about.
type class struct {
	name, title string
	// shots are the frames of the class in a LAN, in the order in which they are sent.
	shots func(*aim) []shot
}

// classes are all of them. A new one is a line here.
func classes() []class {
	return []class{
		{"unicast", "raw frame to one address", (*aim).unicasts},
		{"unknown", "raw frame to an address that nobody has", (*aim).unknowns},
		{"broadcast", "raw broadcast", (*aim).broadcasts},
		{"multicast", "raw frame to groups that the target has joined", func(a *aim) []shot { return a.multicasts(true) }},
		{"unsubscribed", "raw frame to groups that nobody has joined", func(a *aim) []shot { return a.multicasts(false) }},
		{"tagged", "raw frame with a VLAN tag", (*aim).tagged},
		{"arp", "ARP request", func(a *aim) []shot { return a.packets(probe.ARP, false) }},
		{"nd", "neighbour solicitation", func(a *aim) []shot { return a.packets(probe.ND, true) }},
		{"dad", "neighbour solicitation of who looks whether an address is free", (*aim).dads},
		{"icmp4", "ICMP echo request over IPv4", func(a *aim) []shot { return a.packets(probe.ICMP, false) }},
		{"icmp6", "ICMP echo request over IPv6", func(a *aim) []shot { return a.packets(probe.ICMP, true) }},
		{"udp4", "datagram over IPv4", func(a *aim) []shot { return a.packets(probe.UDP, false) }},
		{"udp6", "datagram over IPv6", func(a *aim) []shot { return a.packets(probe.UDP, true) }},
	}
}

// shot is one frame, as the oracle and as the probes know it.
type shot struct {
	from, to topology.Ref // to is empty where the frame is for nobody in particular
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

// pairs calls f for every ordered pair of different devices.
func (a *aim) pairs(f func(from, to *topology.Device)) {
	for _, from := range a.ends {
		for _, to := range a.ends {
			if from != to {
				f(from, to)
			}
		}
	}
}

func (a *aim) unicasts() (all []shot) {
	a.pairs(func(from, to *topology.Device) { all = append(all, raw(from, to, oracle.MACOf(to.MAC))) })
	return all
}

// raw is a raw frame; to may be nil.
func raw(from, to *topology.Device, dest oracle.MAC, tags ...oracle.Tag) shot {
	s := shot{from: from.Ref, kind: probe.Raw, frame: oracle.Frame{Source: oracle.MACOf(from.MAC), Dest: dest, Tags: tags}}
	if to != nil {
		s.to = to.Ref
	}
	return s
}

var (
	everybody = oracle.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	nobodys   = oracle.MAC{0x02, 0x4c, 0x50, 0xde, 0xad, 0x42}
)

func (a *aim) unknowns() (all []shot) {
	for _, from := range a.ends {
		all = append(all, raw(from, nil, nobodys))
	}
	return all
}

func (a *aim) broadcasts() (all []shot) {
	for _, from := range a.ends {
		all = append(all, raw(from, nil, everybody))
	}
	return all
}

// groupsEach is how many groups stand for one: the filters of macvlan and ipvlan
// are hashes that let 2 groups in 100 through that nobody joined, but not 5 in turn.
const groupsEach = 5

func (a *aim) multicasts(joins bool) (all []shot) {
	kind := byte(1)
	if joins {
		kind = 2
	}
	one := func(from, to *topology.Device) {
		a.group++
		for i := range groupsEach {
			s := raw(from, to, oracle.MAC{0x03, 0x4c, 0x50, 3, kind, byte(i*37 + 5)})
			s.group, s.joins = a.group, joins
			all = append(all, s)
		}
	}
	if joins {
		// By target, so that each joins once.
		for _, to := range a.ends {
			for _, from := range a.ends {
				if from != to {
					one(from, to)
				}
			}
		}
		return all
	}
	for _, from := range a.ends {
		one(from, nil)
	}
	return all
}

// tagged are frames with each tag that means something in the LAN, a foreign one,
// and the one that tells a priority only.
func (a *aim) tagged() (all []shot) {
	tags := []oracle.Tag{{TPID: 0x8100, VID: 0}, {TPID: 0x8100, VID: 4000}}
	for _, d := range a.lan.Devices {
		t := oracle.Tag{TPID: d.TPID(), VID: d.VID}
		if d.Kind == topology.KindVLAN && !slices.Contains(tags, t) {
			tags = append(tags, t)
		}
	}
	if len(tags) == 2 {
		return nil // nothing in the LAN knows tags
	}
	for _, t := range tags {
		a.pairs(func(from, to *topology.Device) { all = append(all, raw(from, to, oracle.MACOf(to.MAC), t)) })
		for _, from := range a.ends {
			all = append(all, raw(from, nil, everybody, t))
		}
	}
	return all
}

// packets are IP packets, or what resolves their addresses, between all devices
// that have addresses of the family.
func (a *aim) packets(kind probe.Kind, v6 bool) (all []shot) {
	a.pairs(func(from, to *topology.Device) {
		source, target := addressOf(from, v6), addressOf(to, v6)
		if source.IsValid() && target.IsValid() {
			all = append(all, ipPacket(kind, from, to, source, target))
		}
	})
	return all
}

// dads ask for an address that somebody has, from no address.
func (a *aim) dads() (all []shot) {
	a.pairs(func(from, to *topology.Device) {
		if target := addressOf(to, true); target.IsValid() {
			all = append(all, ipPacket(probe.ND, from, to, netip.IPv6Unspecified(), target))
		}
	})
	return all
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
