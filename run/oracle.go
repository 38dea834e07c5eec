package run

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/probe"
	"github.com/lanproof/lanproof/scenarios"
	"github.com/lanproof/lanproof/topology"
	"github.com/lanproof/lanproof/topology/oracle"
)

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
	a := newAim(b.plan.LAN)
	m := &measurement{bench: b, matrices: newMatrices(a.ends)}
	if err := m.prime(ctx, a); err != nil {
		return trouble(err)
	}
	if err := m.measure(ctx, q.class.shots(a)); err != nil {
		b.world = nil
		return trouble(err)
	}
	return m.answer(q.class)
}

// measurement holds what was seen against what the oracle says.
type measurement struct {
	*bench
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
	why     []oracle.Step
}

// prime makes all bridges forget, then everybody be known to them, unless they are
// as the class before has left them.
func (m *measurement) prime(ctx context.Context, a *aim) error {
	if m.world != nil {
		return nil
	}
	world, err := oracle.New(a.lan)
	if err != nil {
		return err
	}
	for _, d := range a.lan.Devices {
		if err := m.forget(d); err != nil {
			return err
		}
	}
	for _, d := range a.lan.Devices {
		if err := m.introduce(d); err != nil {
			return err
		}
	}
	m.world = world
	if err := m.hearAll(ctx, a); err != nil {
		m.world = nil
		return err
	}
	return nil
}

// forget makes a bridge forget what it has learned at a port, and know again who is
// admitted there: an address that was heard at another port counts as having moved.
func (m *measurement) forget(port *topology.Device) error {
	if port.Master == (topology.Ref{}) {
		return nil
	}
	c, err := m.conn(port.Ref)
	if err != nil {
		return err
	}
	if err := c.FlushPort(port.Index); err != nil {
		return err
	}
	far := m.plan.LAN.Device(port.Peer)
	if far == nil || far.Port == nil {
		return nil
	}
	for _, mac := range far.Port.Allow {
		if err := c.AddFDB(port.Index, mac); err != nil {
			return err
		}
	}
	return nil
}

// hearAll has everybody speak, in their order, which is no part of the class.
func (m *measurement) hearAll(ctx context.Context, a *aim) error {
	apart := &measurement{bench: m.bench, matrices: newMatrices(a.ends), hashed: map[string]int{}}
	return apart.salvo(ctx, a.broadcasts())
}

// contested reports whether two devices on different wires have one address. Then
// whoever answers moves it, and bridges must hear all again before each frame.
func contested(lan *topology.LAN) bool {
	wires := map[oracle.MAC]topology.Ref{}
	for _, d := range lan.Devices {
		root := lan.Root(d).Ref
		if at, ok := wires[oracle.MACOf(d.MAC)]; ok && at != root && d.Node != topology.SwitchNode {
			return true
		}
		wires[oracle.MACOf(d.MAC)] = root
	}
	return false
}

// introduce tells the node that routes for an ipvlan where everybody is, so that
// nothing waits for an answer.
func (m *measurement) introduce(d *topology.Device) error {
	if d.Kind != topology.KindIpvlan || d.Mode == "l2" {
		return nil
	}
	for _, by := range m.plan.LAN.Devices {
		if by.Node != d.Parent.Node {
			continue
		}
		at, err := m.port(by.Ref)
		if err != nil {
			return err
		}
		for _, other := range m.plan.LAN.Devices {
			if err := introduceTo(at, by.Ref == d.Parent, other); err != nil {
				return err
			}
		}
	}
	return nil
}

// introduceTo tells a device of the node that routes where another one is. It is the
// parent that sends IPv4; IPv6 may go by any.
func introduceTo(at probe.Port, parent bool, other *topology.Device) error {
	here := topology.Ref{Node: at.Node.Name, Link: at.Name} == other.Ref
	for _, p := range other.Addresses {
		if here || p.Addr().Is4() && !parent || p.Addr().Is6() && other.Node == at.Node.Name {
			continue // it is there itself, or not asked
		}
		err := tell(at, p.Addr(), other.MAC)
		if err != nil && !(p.Addr().Is6() && errors.Is(err, unix.EINVAL)) { // IPv6 is off there
			return err
		}
	}
	return nil
}

// measure sends shots and compares.
func (m *measurement) measure(ctx context.Context, all []shot) error {
	m.hashed = map[string]int{}
	alone := contested(m.plan.LAN)
	for len(all) > 0 {
		if alone {
			if err := m.hearAll(ctx, newAim(m.plan.LAN)); err != nil {
				return err
			}
		}
		n := 1
		for !alone && n < len(all) && all[n].joins == all[0].joins && (!all[0].joins || all[n].to == all[0].to) {
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

// tell installs where a neighbour is.
func tell(at probe.Port, ip netip.Addr, mac net.HardwareAddr) error {
	if err := at.Node.Conn.AddNeighbour(rtnl.Neighbour{Index: at.Index, IP: ip, MAC: mac}); err != nil {
		return fmt.Errorf("tell %s where %s is: %w", at, ip, err)
	}
	return nil
}
