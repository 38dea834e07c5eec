package run

import (
	"net/netip"
	"slices"

	"github.com/lanproof/lanproof/probe"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/topology"
	"github.com/lanproof/lanproof/topology/oracle"
)

// leg is one frame of those that have to arrive one after the other for a flow to
// happen: who has the address, the answer, the packet.
type leg struct {
	name      string
	from, to  topology.Ref
	frame     oracle.Frame
	joined    bool // the target is a member of the group
	overheard bool // it is to pass by the target, whoever it is for
}

// way is what has to arrive for a flow to happen. It is none where routers have a say
// in it.
func (q *flowQuestion) way(lan *topology.LAN, flow *probe.Flow) []leg {
	from, to := lan.Device(q.from), lan.Device(q.to)
	if from == nil || to == nil {
		return nil
	}
	there, back := leg{name: "the frame", from: from.Ref, to: to.Ref}, leg{from: to.Ref, to: from.Ref}
	there.frame = oracle.Frame{Source: oracle.MACOf(from.MAC), Dest: oracle.MACOf(to.MAC), From: q.source, To: q.target}
	back.frame = oracle.Frame{Source: oracle.MACOf(to.MAC), Dest: oracle.MACOf(from.MAC), From: q.target, To: q.source}
	there.joined = q.cast == probe.Multicast
	if q.kind == probe.Raw {
		there.frame.Dest, there.overheard = oracle.MACOf(flow.DestOf(0)), flow.Overheard()
		if flow.SourceMAC != nil {
			there.frame.Source = oracle.MACOf(flow.SourceMAC)
		}
		for _, t := range q.tags {
			there.frame.Tags = append(there.frame.Tags, oracle.Tag{TPID: t.TPID, VID: int(t.VID), PCP: int(t.PCP)})
		}
		return []leg{there}
	}
	// An ipvlan in layer 3 asks nobody where an address is, and sends all to its parent.
	layer3 := from.Kind == topology.KindIpvlan && from.Mode != "l2"
	resolves := q.kind == probe.ARP || q.kind == probe.ND
	if !resolves && !layer3 && !slices.ContainsFunc(from.Addresses, func(p netip.Prefix) bool { return p.Contains(q.target) }) {
		return nil
	}
	there.frame.Kind, back.frame.Kind = oracle.IPv4, oracle.IPv4
	if q.target.Is6() {
		there.frame.Kind, back.frame.Kind = oracle.IPv6, oracle.IPv6
	}
	if q.cast != probe.Unicast {
		there.frame.To = flow.TargetOf(0)
		there.frame.Dest = groupOf(there.frame.To)
		return []leg{there}
	}
	var all []leg
	if !q.static && (resolves || !layer3) {
		all = append(all, asking(there), back.called("the answer who has the address"))
	}
	switch q.kind {
	case probe.UDP:
		all = append(all, there)
	case probe.ICMP:
		all = append(all, there, back.called("the reply"))
	case probe.ARP, probe.ND, probe.Raw:
	}
	return all
}

func (l leg) called(name string) leg {
	l.name = name
	return l
}

// asking is who has the address that a packet goes to.
func asking(packet leg) leg {
	packet.name = "the question who has the address"
	packet.frame.Kind, packet.frame.Dest = oracle.ARP, everybody
	if packet.frame.To.Is6() {
		b := packet.frame.To.As16()
		packet.frame.Kind, packet.frame.Dest = oracle.NS, oracle.MAC{0x33, 0x33, 0xff, b[13], b[14], b[15]}
	}
	return packet
}

// groupOf is the MAC address that packets to a group go to (RFC 1112 section 6.4, RFC
// 2464 section 7).
func groupOf(a netip.Addr) oracle.MAC {
	b := a.AsSlice()
	switch {
	case a.Is6():
		return oracle.MAC{0x33, 0x33, b[12], b[13], b[14], b[15]}
	case a.IsMulticast():
		return oracle.MAC{1, 0, 0x5e, b[1] & 0x7f, b[2], b[3]}
	}
	return everybody
}

// whyNot are the oracle's rules by which something does not arrive: of the first frame
// that gets lost the decision that it meets first, and those where it is kept from its
// target. They are none where the tables say nothing, or say that it arrives.
func whyNot(lan *topology.LAN, way []leg) []reports.Rule {
	world, err := oracle.New(lan)
	if err != nil {
		return nil
	}
	// Bridges have heard of everybody by now, for fences come from everywhere.
	for s := range newAim(lan).unknowns() {
		if _, err := world.Send(s.from.Ref, s.frame); err != nil {
			return nil
		}
	}
	for i := range way {
		l := &way[i]
		if l.joined {
			world.Join(l.to, l.frame.Dest)
		}
		p, err := world.Send(l.from, l.frame)
		if err != nil {
			return nil
		}
		if !l.arrives(p) {
			return l.rules(world, p, lan.Device(l.to))
		}
		if mute := l.mute(lan.Device(l.to)); mute != nil {
			return []reports.Rule{*mute}
		}
	}
	return nil
}

// noARP is the one rule that is not of the tables, which end where a stack begins.
const noARP = "stack-noarp"

// mute is the rule by which the target takes a question and leaves it without an answer;
// nil where it answers. Nothing is dropped then: the kernel counts the frame as consumed.
func (l *leg) mute(to *topology.Device) *reports.Rule {
	if l.frame.Kind != oracle.ARP || to == nil || to.Kind != topology.KindIpvlan || to.Mode == "l2" {
		return nil
	}
	return &reports.Rule{
		ID: noARP, At: to.Ref.String(), Frame: l.name,
		When: "an ipvlan in mode l3 or l3s, which has the flag NOARP", Then: "its stack takes the request and says nothing",
		Source: "net/ipv4/arp.c:arp_rcv; drivers/net/ipvlan/ipvlan_main.c:ipvlan_open",
	}
}

// rules are those that keep the frame from its target.
func (l *leg) rules(world *oracle.World, p *oracle.Prediction, to *topology.Device) []reports.Rule {
	last, ok := world.Why(p, l.to)
	if !ok || to == nil {
		return nil
	}
	at := last.At
	if at == l.to && to.Parent != (topology.Ref{}) && slices.ContainsFunc(p.Taken, func(s oracle.Sight) bool { return s.At == l.to }) {
		at = to.Parent // a hash may let it through; it is there that it is asked for
	}
	var all []reports.Rule
	for i, s := range p.Steps {
		r := reports.Rule{ID: s.Rule.ID, At: s.At.String(), When: s.Rule.When, Then: s.Rule.Then, Source: s.Rule.Source, Frame: l.name}
		if (i == 0 || s.At == at) && !slices.Contains(all, r) {
			all = append(all, r)
		}
	}
	return all
}

// arrives reports whether the target gets the frame for certain.
func (l *leg) arrives(p *oracle.Prediction) bool {
	if p.Errno != "" {
		return false
	}
	got := p.Taken
	if l.overheard {
		got = p.Sights
	}
	return slices.ContainsFunc(got, func(s oracle.Sight) bool { return s.At == l.to && s.Type != oracle.Outgoing && !s.Maybe })
}
