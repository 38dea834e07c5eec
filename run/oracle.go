package run

import (
	"context"
	"errors"
	"fmt"
	"iter"
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
		for range c.shots(newAim(e.plan.LAN)) {
			qs = append(qs, &oracleQuestion{c})
			break
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
	m, err := newMeasurement(b)
	if err != nil {
		return trouble(err)
	}
	if err := m.prime(ctx); err != nil {
		return trouble(err)
	}
	if err := m.measure(ctx, q.class.shots(m.aim)); err != nil {
		b.world = nil
		return trouble(err)
	}
	return m.answer(q.class)
}

// measurement holds what was seen against what the oracle says.
type measurement struct {
	*bench
	aim      *aim
	ports    map[*topology.Device]probe.Port
	queued   []probe.Port
	matrices *matrices
	sent     int
	frames   int
	seen     int
	// wrong are the first of those that disagreed.
	wrong     []disagreement
	disagreed int
	// hashed counts, by group and sight, what only a hash can have let through.
	hashed map[string]int
	shots  []probe.Shot
	want   []wanted // whose memory serves one comparison after the other
}

// disagreement is one frame of which oracle and kernel do not say the same.
type disagreement struct {
	shot    shot
	missing []string
	extra   []string
	landing probe.Landing
	why     []oracle.Step
}

func newMeasurement(b *bench) (*measurement, error) {
	a := newAim(b.plan.LAN)
	m := &measurement{bench: b, aim: a, ports: map[*topology.Device]probe.Port{}, matrices: newMatrices(a.ends), hashed: map[string]int{}}
	for _, d := range a.lan.Devices {
		p, err := b.portOf(d)
		if err != nil {
			return nil, err
		}
		m.ports[d] = p
		// What a parent receives for several of its children is given to them by a
		// worker, and may wait for it.
		if d.Up && (d.Kind == topology.KindMacvlan || d.Kind == topology.KindIpvlan) && a.lan.Carrier(d) {
			m.queued = append(m.queued, p)
		}
	}
	return m, nil
}

// prime makes all bridges forget, then everybody be known to them, unless they are
// as the class before has left them.
func (m *measurement) prime(ctx context.Context) error {
	if m.world != nil {
		return nil
	}
	world, err := oracle.New(m.aim.lan)
	if err != nil {
		return err
	}
	if err := m.rehearse(); err != nil {
		return err
	}
	for _, d := range m.aim.lan.Devices {
		if err := m.forget(d); err != nil {
			return err
		}
	}
	for _, d := range m.aim.lan.Devices {
		if err := m.introduce(d); err != nil {
			return err
		}
	}
	m.world = world
	if err := m.hearAll(ctx); err != nil {
		m.world = nil
		return err
	}
	return nil
}

// rehearse makes sure that no frame goes round for ever before one is sent: it would
// keep the kernel busy as long as the LAN stands.
func (m *measurement) rehearse() error {
	if !branched(m.aim.lan) {
		return nil
	}
	world, err := oracle.New(m.aim.lan)
	if err != nil {
		return err
	}
	for _, shots := range []iter.Seq[shot]{m.aim.broadcasts(), m.aim.tagged()} {
		for s := range shots {
			if _, err := world.Send(s.from.Ref, s.frame); err != nil {
				return err
			}
		}
	}
	return nil
}

// branched reports whether frames may come back to where they were: it takes two
// bridges, or one that reflects.
func branched(lan *topology.LAN) bool {
	bridges := 0
	for _, d := range lan.Devices {
		if d.Kind == topology.KindBridge {
			bridges++
		}
		if d.Port != nil && d.Port.Hairpin {
			return true
		}
	}
	return bridges > 1
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

// hearAll has everybody speak, in their order, which is no part of the class. What
// they say is for nobody, so that bridges alone hear it; but where a port lets
// nothing unknown out it is for all, since there may be a bridge behind.
func (m *measurement) hearAll(ctx context.Context) error {
	say := m.aim.unknowns()
	if slices.ContainsFunc(m.aim.lan.Devices, func(d *topology.Device) bool { return d.Port != nil && !d.Port.Flood }) {
		say = m.aim.broadcasts()
	}
	return m.inSalvos(ctx, say, func(s *shot, _ *oracle.Prediction, _ *probe.Landing) {})
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

// tell installs where a neighbour is.
func tell(at probe.Port, ip netip.Addr, mac net.HardwareAddr) error {
	if err := at.Node.Conn.AddNeighbour(rtnl.Neighbour{Index: at.Index, IP: ip, MAC: mac}); err != nil {
		return fmt.Errorf("tell %s where %s is: %w", at, ip, err)
	}
	return nil
}
