package run

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/probe"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/scenarios"
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

// oracleQuestion asks whether every frame of a class is seen where the oracle says,
// and nowhere else.
type oracleQuestion struct{ class class }

// oracle makes the questions of the classes that a LAN has frames of.
func (e *expansion) oracle(names []string) []question {
	var qs []question
	for _, c := range classes() {
		if len(names) > 0 && !slices.Contains(names, "all") && !slices.Contains(names, c.name) {
			continue
		}
		if len(c.shots(newAim(e.plan.LAN))) > 0 {
			qs = append(qs, &oracleQuestion{c})
		}
	}
	return qs
}

// withOracle is a case that also holds every frame of every class against the
// oracle, as it is built and after each of its steps.
func withOracle(c *scenarios.Case) *scenarios.Case {
	with, s := *c, *c.Scenario
	all := scenarios.Values{"all"}
	s.Checks = append(slices.Clone(s.Checks), scenarios.Check{At: scenarios.Position{Line: 1, Column: 1}, Oracle: all})
	s.Steps = slices.Clone(s.Steps)
	for i := range s.Steps {
		step := &s.Steps[i]
		step.Checks = append(slices.Clone(step.Checks), scenarios.Check{At: step.At, Oracle: all})
	}
	with.Scenario = &s
	return &with
}

func (q *oracleQuestion) describe() (id, title, expected string) {
	return "oracle-" + q.class.name, "every " + q.class.title + " is seen where the tables say, and nowhere else", "as the oracle's tables say"
}

func (q *oracleQuestion) ask(ctx context.Context, b *bench) answer {
	world, err := oracle.New(b.plan.LAN)
	if err != nil {
		return trouble(err)
	}
	a := newAim(b.plan.LAN)
	m := &measurement{bench: b, world: world, matrices: newMatrices(a.ends)}
	if err := m.prime(ctx, a); err != nil {
		return trouble(err)
	}
	if err := m.measure(ctx, q.class.shots(a)); err != nil {
		return trouble(err)
	}
	return m.answer(q.class)
}

// measurement holds what was seen against what the oracle says.
type measurement struct {
	*bench
	world    *oracle.World
	matrices *matrices
	frames   int
	seen     int
	wrong    []disagreement
	// hashed counts, by group and sight, what only a hash can have let through.
	hashed map[string]int
}

// disagreement is one frame of which oracle and kernel do not say the same.
type disagreement struct {
	shot    shot
	missing []string
	extra   []string
	landing *probe.Landing
	steps   []oracle.Step
}

// prime makes all bridges forget, then everybody be known to them.
func (m *measurement) prime(ctx context.Context, a *aim) error {
	for _, d := range a.lan.Devices {
		if d.Master == (topology.Ref{}) {
			continue
		}
		c, err := m.conn(d.Ref)
		if err != nil {
			return err
		}
		if err := c.FlushPort(d.Index); err != nil {
			return err
		}
	}
	for _, d := range a.lan.Devices {
		if err := m.introduce(d); err != nil {
			return err
		}
	}
	before := len(m.wrong)
	err := m.measure(ctx, a.broadcasts())
	m.frames, m.seen, m.wrong, m.matrices = 0, 0, m.wrong[:before], newMatrices(a.ends)
	return err
}

// introduce tells the node that routes for an ipvlan where everybody is, so that
// nothing waits for an answer.
func (m *measurement) introduce(d *topology.Device) error {
	if d.Kind != topology.KindIpvlan || d.Mode == "l2" {
		return nil
	}
	parent, err := m.port(d.Parent)
	if err != nil {
		return err
	}
	for _, other := range m.plan.LAN.Devices {
		for _, p := range other.Addresses {
			if other.Node == d.Parent.Node {
				continue
			}
			err := tell(parent, p.Addr(), other.MAC)
			if err != nil && !(p.Addr().Is6() && errors.Is(err, unix.EINVAL)) { // IPv6 is off there
				return err
			}
		}
	}
	return nil
}

// measure sends shots and compares.
func (m *measurement) measure(ctx context.Context, all []shot) error {
	m.hashed = map[string]int{}
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].joins == all[0].joins && (!all[0].joins || all[n].to == all[0].to) {
			n++
		}
		if err := m.salvo(ctx, all[:n]); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

// salvo sends shots that ask for the same membership.
func (m *measurement) salvo(ctx context.Context, all []shot) error {
	if all[0].joins {
		leave, err := m.join(all)
		defer leave()
		if err != nil {
			return err
		}
	}
	var shots []probe.Shot
	for i := range all {
		from, err := m.port(all[i].from)
		if err != nil {
			return err
		}
		shots = append(shots, all[i].fired(from))
	}
	landings, err := m.field.Sweep(ctx, shots, m.queued())
	if err != nil {
		return fmt.Errorf("send %d frames: %w", len(shots), err)
	}
	for i := range all {
		p, err := m.world.Send(all[i].from, all[i].frame)
		if err != nil {
			return err
		}
		m.compare(all[i], p, &landings[i])
		m.matrices.mark(&all[i], p, &landings[i])
	}
	return nil
}

// queued are the devices on the way to which frames may wait: what a parent
// receives for several of its children is given to them by a worker.
func (m *measurement) queued() []probe.Port {
	var all []probe.Port
	for _, d := range m.plan.LAN.Devices {
		if !d.Up || d.Kind != topology.KindMacvlan && d.Kind != topology.KindIpvlan {
			continue
		}
		if p, err := m.port(d.Ref); err == nil && m.plan.LAN.Carrier(d) {
			all = append(all, p)
		}
	}
	return all
}

// join makes the target a member of all groups of some shots.
func (m *measurement) join(all []shot) (leave func(), err error) {
	var undo []func()
	leave = func() {
		for _, u := range undo {
			u()
		}
	}
	to, err := m.port(all[0].to)
	if err != nil {
		return leave, err
	}
	for _, s := range all {
		u, err := probe.Join(to, net.HardwareAddr(s.frame.Dest[:]))
		if err != nil {
			return leave, err
		}
		m.world.Join(s.to, s.frame.Dest)
		undo = append(undo, u, func() { m.world.Leave(s.to, s.frame.Dest) })
	}
	return leave, nil
}

// fired is the shot as probes send it.
func (s *shot) fired(from probe.Port) probe.Shot {
	f := s.frame
	p := probe.Shot{
		From: from, Source: slices.Clone(f.Source[:]), Dest: slices.Clone(f.Dest[:]), Kind: s.kind,
		SourceIP: f.From, Target: f.To,
	}
	for _, t := range f.Tags {
		p.Tags = append(p.Tags, probe.Tag{TPID: t.TPID, VID: uint16(t.VID), PCP: uint8(t.PCP)})
	}
	return p
}

// compare holds one landing against its prediction.
func (m *measurement) compare(s shot, p *oracle.Prediction, l *probe.Landing) {
	m.frames++
	want, maybe := map[string]int{}, map[string]bool{}
	for _, sight := range p.Sights {
		if sight.Maybe {
			maybe[sight.Key()] = true
			continue
		}
		want[sight.Key()]++
	}
	for _, t := range p.Taken {
		switch {
		case s.kind != probe.Raw: // only of those is it known
		case t.Maybe:
			maybe[takenKey(t.At)] = true
		default:
			want[takenKey(t.At)]++
		}
	}
	d := disagreement{shot: s, landing: l, steps: p.Steps}
	for _, key := range observed(l) {
		m.seen++
		switch {
		case want[key] > 0:
			want[key]--
		case maybe[key] && !m.always(s, key):
		default:
			d.extra = append(d.extra, key)
		}
	}
	for _, key := range sortedKeys(want) {
		for range want[key] {
			d.missing = append(d.missing, key)
		}
	}
	if got := errnoOf(l.SendErr); got != p.Errno {
		d.extra = append(d.extra, "sending ended with "+orNone(got))
		d.missing = append(d.missing, "sending ends with "+orNone(p.Errno))
	}
	if len(d.missing)+len(d.extra) > 0 {
		m.wrong = append(m.wrong, d)
	}
}

// always counts what a hash let through, and reports whether it did for each
// group of a shot's: then it was no chance.
func (m *measurement) always(s shot, key string) bool {
	if s.group == 0 {
		return false
	}
	key = fmt.Sprintf("%d %s", s.group, strings.Replace(key, s.frame.Dest.String(), "", 1))
	m.hashed[key]++
	return m.hashed[key] >= groupsEach
}

func orNone(errno string) string {
	if errno == "" {
		return "no error"
	}
	return errno
}

func errnoOf(err error) string {
	if err == nil {
		return ""
	}
	name, _, _ := strings.Cut(probe.ErrnoText(err), " ")
	return name
}

func takenKey(r topology.Ref) string { return r.String() + " stack took it" }

// observed are the keys of all that was seen of a frame.
func observed(l *probe.Landing) []string {
	var keys []string
	for i := range l.Sightings {
		s := &l.Sightings[i]
		if s.Link == "" {
			continue
		}
		sight := oracle.Sight{
			At: topology.Ref{Node: s.Node, Link: s.Link}, Type: oracle.Type(s.Type.String()),
			Source: oracle.MACOf(s.Source), Dest: oracle.MACOf(s.Dest),
		}
		for _, t := range s.Tags {
			sight.Tags = append(sight.Tags, oracle.Tag{TPID: t.TPID, VID: int(t.VID), PCP: int(t.PCP)})
		}
		keys = append(keys, sight.Key())
	}
	for i := range l.Taken {
		keys = append(keys, takenKey(topology.Ref{Node: l.Taken[i].Node, Link: l.Taken[i].Link}))
	}
	return keys
}

// answer says what came of a class.
func (m *measurement) answer(c class) answer {
	a := answer{Finding: probe.Finding{
		Held: len(m.wrong) == 0, Proof: reports.ProofFence,
		Observed: fmt.Sprintf("%d frames, seen %d times, all as the tables say", m.frames, m.seen),
	}}
	if len(m.wrong) > 0 {
		a.Observed = fmt.Sprintf("%d of %d frames were not seen as the tables say; the first: %s", len(m.wrong), m.frames, m.wrong[0].String())
	}
	a.matrices = m.matrices.report()
	a.Proof, a.evidence = m.proof()
	const most = 20
	for i := range m.wrong[:min(len(m.wrong), most)] {
		d := &m.wrong[i]
		a.evidence = append(a.evidence, reports.Evidence{Kind: "note", At: d.shot.from.String(), Text: d.String()})
		m.field.Mark(d.landing, "oracle-"+c.name+": "+d.String())
	}
	return a
}

// proof says behind which queues fences have come out, so that what was not seen by
// then never will be. Where a queue lets no fence through there was a quiet window.
func (m *measurement) proof() (reports.Proof, []reports.Evidence) {
	all := []reports.Evidence{{Kind: "fence", Text: "behind every frame, fences came out of each CPU's backlog"}}
	proof := reports.ProofFence
	for _, parent := range m.plan.LAN.Devices {
		if len(m.plan.LAN.Children(parent)) == 0 {
			continue
		}
		e := reports.Evidence{Kind: "fence", At: parent.String(), Text: ""}
		for _, p := range m.queued() {
			child := m.plan.LAN.Device(topology.Ref{Node: p.Node.Name, Link: p.Name})
			if child == nil || child.Parent != parent.Ref {
				continue
			}
			e.Text = "behind every frame, fences came out of " + queueOf(child)
			if !m.field.Fenced(p) {
				e.Text = fmt.Sprintf("no fence gets through %s to %s: %v were waited", queueOf(child), child, m.field.QuietWindow)
				proof = reports.ProofQuiet
				break
			}
		}
		if e.Text != "" {
			all = append(all, e)
		}
	}
	return proof, all
}

// queueOf is where frames wait that a parent receives for several of its children.
func queueOf(child *topology.Device) string {
	if child.Kind == topology.KindMacvlan {
		return "macvlan's broadcast queue (macvlan.c:macvlan_process_broadcast)"
	}
	return "ipvlan's multicast queue (ipvlan_core.c:ipvlan_process_multicast)"
}

// String tells both sides, and the rules that the oracle went by.
func (d *disagreement) String() string {
	var b strings.Builder
	b.WriteString(d.shot.from.String())
	if d.shot.to != (topology.Ref{}) {
		b.WriteString(" to " + d.shot.to.String())
	}
	for _, side := range []struct {
		name string
		keys []string
	}{{"not seen: ", d.missing}, {"seen: ", d.extra}} {
		if len(side.keys) > 0 {
			b.WriteString("; " + side.name + strings.Join(side.keys, ", "))
		}
	}
	if n := len(d.steps); n > 0 {
		b.WriteString("; by")
		for _, s := range d.steps {
			fmt.Fprintf(&b, " %s at %s,", s.Rule.ID, s.At)
		}
		b.WriteString(" " + d.steps[n-1].Rule.Source)
	}
	return b.String()
}

// tell installs where a neighbour is.
func tell(at probe.Port, ip netip.Addr, mac net.HardwareAddr) error {
	if err := at.Node.Conn.AddNeighbour(rtnl.Neighbour{Index: at.Index, IP: ip, MAC: mac}); err != nil {
		return fmt.Errorf("tell %s where %s is: %w", at, ip, err)
	}
	return nil
}
