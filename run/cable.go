package run

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/probe"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/topology"
	"github.com/lanproof/lanproof/topology/lab"
	"github.com/lanproof/lanproof/topology/oracle"
)

// Cable names two real ports that are joined by a cable or a plain switch. Cases run
// over it: the parent that a host has on the switch is the port under test, and the
// other one is the switch's.
type Cable struct {
	// DUT is the port under test, Peer the one that is to be its switch's.
	DUT, Peer string
	// Home is the namespace that the ports are in, nil for that of the process.
	Home *netns.NS
}

// laid is a cable of which is known what it can do.
type laid struct {
	ports lab.Cable
	// dutFollows is set where the port under test has no carrier while the other one is
	// down, peerFollows the other way round.
	dutFollows, peerFollows bool
	// filters is set where the port under test has a filter for the addresses of its
	// children (IFF_UNICAST_FLT), and is not put into promiscuous mode for them.
	filters bool
	// live is set where its address can be changed while it is up.
	live           bool
	minMTU, maxMTU int
	limits         []int // of the port under test alone
}

// cableDeadline is how long a fence may take over a cable, to ports that have just got
// their carrier or changed their filter.
const cableDeadline = 10 * time.Second

// mainParent is the device that a cable is surveyed with.
var mainParent = topology.Ref{Node: "host", Link: "eth0"}

// survey finds out what a cable can do, and whether there is one at all.
func survey(ctx context.Context, c *Cable, carrier bool) (*laid, error) {
	l := &laid{ports: lab.Cable{DUT: c.DUT, Peer: c.Peer, Home: c.Home}}
	spec := &topology.Spec{Hosts: topology.Named[topology.Host]{{
		Name: mainParent.Node, Value: topology.Host{Parents: topology.Named[topology.Link]{{Name: mainParent.Link}}},
	}}}
	plan, problems := topology.Compile(spec, "cable")
	if len(problems) > 0 {
		return nil, fmt.Errorf("plan a cable: %w", problems[0])
	}
	l.lay(plan)
	b, err := openBench(plan, surveyID, lab.Options{Cable: &l.ports})
	if err != nil {
		return nil, fmt.Errorf("lay a cable between %s and %s: %w", c.DUT, c.Peer, err)
	}
	err = l.survey(ctx, b, carrier)
	return l, errors.Join(err, b.closeProbes(), b.closeLab())
}

// surveyID tells a survey's frames from a case's.
const surveyID = 0x6361626c65

// lay has a cable in the place of a plan's veth, for which there must be a place.
func (l *laid) lay(plan *topology.Plan) (others []topology.Ref) {
	at, others := plan.LAN.CableAt()
	plan.LAN.Lay(topology.Cable{At: at.Ref, DUTFollows: l.dutFollows, PeerFollows: l.peerFollows})
	return others
}

func (l *laid) survey(ctx context.Context, b *bench, carrier bool) error {
	if err := b.refresh(ctx); err != nil {
		return err
	}
	dut := b.plan.LAN.Device(mainParent)
	peer := b.plan.LAN.Device(dut.Peer)
	if err := l.surveyWire(ctx, b, dut, peer); err != nil {
		return err
	}
	if err := l.surveyPort(b, dut, peer); err != nil {
		return err
	}
	if !carrier {
		return nil
	}
	var err error
	if l.dutFollows, err = follows(b, dut, peer); err != nil {
		return err
	}
	l.peerFollows, err = follows(b, peer, dut)
	return err
}

// ErrNoCable is wrapped by the error for two ports that are not joined.
var ErrNoCable = errors.New("the ports are not joined by a cable")

// surveyWire sees whether each end sees what the other one sends.
func (l *laid) surveyWire(ctx context.Context, b *bench, dut, peer *topology.Device) error {
	if err := b.field.Settle(ctx); err != nil {
		return err
	}
	for _, way := range []struct {
		to   *topology.Device
		name string
		from string
	}{{dut, l.ports.DUT, l.ports.Peer}, {peer, l.ports.Peer, l.ports.DUT}} {
		p, err := b.portOf(way.to)
		if err != nil {
			return err
		}
		if b.field.Missed(p) {
			return fmt.Errorf("%w: %s does not get what %s sends, though both have a carrier", ErrNoCable, way.name, way.from)
		}
	}
	return nil
}

// surveyPort looks at the limits of the ports.
func (l *laid) surveyPort(b *bench, dut, peer *topology.Device) error {
	c := b.lab.Node(dut.Node).Conn
	s, err := c.Link(dut.Index)
	if err != nil {
		return fmt.Errorf("ask for port %s: %w", l.ports.DUT, err)
	}
	far, err := b.lab.Node(peer.Node).Conn.Link(peer.Index)
	if err != nil {
		return fmt.Errorf("ask for port %s: %w", l.ports.Peer, err)
	}
	l.limits = []int{s.MinMTU, s.MaxMTU}
	l.minMTU, l.maxMTU = max(s.MinMTU, far.MinMTU), s.MaxMTU
	if l.maxMTU == 0 || far.MaxMTU > 0 && far.MaxMTU < l.maxMTU {
		l.maxMTU = far.MaxMTU
	}
	if l.live, err = readdressedLive(c, dut.Index, s.MAC); err != nil {
		return fmt.Errorf("give port %s another address: %w", l.ports.DUT, err)
	}
	if err := c.SetFilter(dut.Index, elsewhereMAC, true); err != nil {
		return fmt.Errorf("have port %s take another address: %w", l.ports.DUT, err)
	}
	filled, err := c.Link(dut.Index)
	if err != nil {
		return fmt.Errorf("ask for port %s: %w", l.ports.DUT, err)
	}
	l.filters = filled.Promiscuity == s.Promiscuity
	if err := c.SetFilter(dut.Index, elsewhereMAC, false); err != nil {
		return fmt.Errorf("have port %s take another address no more: %w", l.ports.DUT, err)
	}
	return nil
}

// readdressedLive reports whether a device that is up takes another address, and gives
// it its own again. The one that it has would do for any driver, since the kernel does
// not ask it then (net/core/dev.c:dev_set_mac_address).
func readdressedLive(c *rtnl.Conn, index int, own net.HardwareAddr) (bool, error) {
	other := slices.Clone(own)
	other[len(other)-1] ^= 1
	err := c.SetLink(index, &rtnl.Change{MAC: other})
	if errors.Is(err, unix.EBUSY) {
		return false, nil
	}
	return true, errors.Join(err, c.SetLink(index, &rtnl.Change{MAC: own}))
}

// followLimit is how long a port may take to notice that the other one is gone: some
// drivers look every two seconds.
const followLimit = 3 * time.Second

// follows finds out whether a port has no carrier while the other end is down. Both have
// theirs again afterwards.
func follows(b *bench, d, other *topology.Device) (bool, error) {
	near, far := b.lab.Node(d.Node), b.lab.Node(other.Node)
	up, down := true, false
	if err := far.Conn.SetLink(other.Index, &rtnl.Change{Up: &down}); err != nil {
		return false, fmt.Errorf("bring down %s: %w", other.Ref, err)
	}
	lost, err := near.AwaitCarrier(d.Index, false, followLimit)
	if err != nil && !errors.Is(err, lab.ErrCarrier) {
		return false, err
	}
	follows := lost
	if err := far.Conn.SetLink(other.Index, &rtnl.Change{Up: &up}); err != nil {
		return false, fmt.Errorf("bring up %s: %w", other.Ref, err)
	}
	return follows, b.lab.Settle()
}

// forbids says why a real port cannot carry an operation out; "" when it can.
func (l *laid) forbids(op topology.Op, lan *topology.LAN) string {
	if l == nil {
		return ""
	}
	at := lan.Device(lan.CableLaid())
	if at == nil {
		return ""
	}
	switch o := op.(type) {
	case topology.MakeLink:
		if o.Device.Ref == at.Ref {
			return l.forbidsMTU(o.Device.MTU)
		}
	case topology.DeleteLink:
		if o.Device.Ref == at.Ref || o.Device.Ref == at.Peer {
			return "a real port cannot be deleted"
		}
	case topology.MoveDevice:
		if o.Device.Ref == at.Ref || o.Device.Ref == at.Peer {
			return "the real port stays in its namespace"
		}
	case topology.DeleteNode:
		if o.Node.Name == at.Node || o.Node.Name == at.Peer.Node {
			return "a real port does not go with its namespace"
		}
	case topology.SetPort:
		if o.Device.Ref == at.Ref && o.Port.NoCarrier != o.Was.NoCarrier && !l.dutFollows {
			return "the port does not lose its carrier when the other end of its cable goes down"
		}
	case topology.ChangeLink:
		return l.forbidsChange(&o, at)
	}
	return ""
}

func (l *laid) forbidsMTU(mtu int) string {
	if mtu != 0 && (mtu < l.minMTU || l.maxMTU > 0 && mtu > l.maxMTU) {
		return fmt.Sprintf("the ports take an MTU from %d to %d, and this is %d", l.minMTU, l.maxMTU, mtu)
	}
	return ""
}

func (l *laid) forbidsChange(o *topology.ChangeLink, at *topology.Device) string {
	// A passthru child gives its parent the address that it gets
	// (drivers/net/macvlan.c:macvlan_set_mac_address).
	readdressed := o.Device.Ref == at.Ref || o.Device.Parent == at.Ref && o.Device.Mode == "passthru"
	switch {
	case len(o.MAC) > 0 && readdressed && at.Up && !l.live:
		return "the port's address cannot be changed while it is up (IFF_LIVE_ADDR_CHANGE)"
	case o.Device.Ref == at.Ref:
		return l.forbidsMTU(o.MTU)
	}
	return ""
}

// errUnfit is what a case is to do that a real port cannot.
type errUnfit struct{ why string }

func (e *errUnfit) Error() string { return e.why }

// unfit is why an error says that a real port cannot do what was asked of it.
func unfit(err error) (why string, ok bool) {
	var u *errUnfit
	if !errors.As(err, &u) {
		return "", false
	}
	return u.why, true
}

// survey finds out what the run's cable can do, if there is one.
func (r *runner) survey() (err error) {
	if r.o.Cable == nil {
		return nil
	}
	carrier := slices.ContainsFunc(r.jobs, func(j *job) bool { return changesCarrier(j.p) })
	r.cable, err = surveyed(r.ctx, r.o.Cable, carrier)
	return err
}

// changesCarrier reports whether a case has a step after which an end of the cable may
// have lost its carrier. Only then has anybody to know what becomes of the other end,
// and a hub, which does not tell it, takes seconds to show that.
func changesCarrier(p *Prepared) bool {
	for _, s := range p.Stages {
		for _, c := range s.Do {
			if c.Switch != nil && c.Switch.Carrier != nil || c.Set != nil && c.Set.Up != nil {
				return true
			}
		}
	}
	return false
}

// surveyed finds out what a cable can do; carrier is whether it has to be known what
// becomes of one end when the other goes down.
func surveyed(ctx context.Context, c *Cable, carrier bool) (l *laid, err error) {
	err = probe.Locked(func() error {
		l, err = survey(ctx, c, carrier)
		return err
	})
	return l, err
}

// cardsHere is a cable between the devices with some MAC addresses.
func cardsHere(macs [2]string) (*Cable, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("look for the cards: %w", err)
	}
	var names [2]string
	for i, mac := range macs {
		at := slices.IndexFunc(all, func(d net.Interface) bool { return d.HardwareAddr.String() == mac })
		if at < 0 {
			return nil, fmt.Errorf("look for the card with %s: the driver has not found it", mac)
		}
		names[i] = all[at].Name
	}
	return &Cable{DUT: names[0], Peer: names[1]}, nil
}

// placeOnCable puts a job on real ports.
func (r *runner) placeOnCable(j *job) {
	j.result.Ground = string(GroundNIC)
	if why := uncabled(j.p.Plan.LAN); why != "" {
		j.result.Verdict, j.result.Reason = reports.Skip, why
		return
	}
	if r.o.Emulate == "" {
		r.placeHere(j)
	}
}

// uncabled says why no cable can be laid in a LAN; "" when one can.
func uncabled(lan *topology.LAN) string {
	if nics := lan.NICs(); len(nics) > 0 {
		return fmt.Sprintf("has no cable: it names ports of its own, %v", nics)
	}
	if at, _ := lan.CableAt(); at == nil {
		return "has no cable: no host has a parent on the switch"
	}
	return ""
}

// withheld reports whether a flow's first frame is one that the port under test may hold
// back from its target.
func (b *bench) withheld(flow *probe.Flow) bool {
	return slices.ContainsFunc(b.predicted(flow), func(s oracle.Sight) bool { return s.Maybe })
}

// undecided reports whether it may come to its target, and need not.
func (b *bench) undecided(flow *probe.Flow) bool {
	return slices.ContainsFunc(b.predicted(flow), func(s oracle.Sight) bool { return s.Maybe && !s.Chance })
}

// predicted is how the oracle has the first frame of a raw flow over a cable seen at its
// target.
func (b *bench) predicted(flow *probe.Flow) []oracle.Sight {
	if b.cable == nil || flow.Kind != probe.Raw {
		return nil
	}
	world, err := oracle.New(b.plan.LAN)
	if err != nil {
		return nil
	}
	f := oracle.Frame{Source: oracle.MACOf(flow.SourceMAC), Dest: oracle.MACOf(flow.DestOf(0))}
	if flow.SourceMAC == nil {
		f.Source = oracle.MACOf(flow.From.MAC)
	}
	for _, t := range flow.Tags {
		f.Tags = append(f.Tags, oracle.Tag{TPID: t.TPID, VID: int(t.VID), PCP: int(t.PCP)})
	}
	if flow.Cast == probe.Multicast {
		world.Join(topology.Ref{Node: flow.To.Node.Name, Link: flow.To.Name}, f.Dest)
	}
	p, err := world.Send(topology.Ref{Node: flow.From.Node.Name, Link: flow.From.Name}, f)
	if err != nil {
		return nil
	}
	return p.At(topology.Ref{Node: flow.To.Node.Name, Link: flow.To.Name})
}

// fit lays the cable in a plan, or says why it cannot be.
func (l *laid) fit(plan *topology.Plan, o *Outcome) string {
	if why := uncabled(plan.LAN); why != "" {
		return why
	}
	others := l.lay(plan)
	for _, op := range plan.Ops {
		if why := l.forbids(op, plan.LAN); why != "" {
			return why
		}
	}
	o.placement = fmt.Sprintf("%s is port %s, its switch's is %s", plan.LAN.CableLaid(), l.ports.DUT, l.ports.Peer)
	if len(others) > 0 {
		o.placement += fmt.Sprintf("; %v stay as they are", others)
	}
	return ""
}

// cableCheck adds the check that the cable has lost nothing that it had to carry.
func (o *Outcome) cableCheck(b *bench, p *Prepared) {
	if b.cable == nil {
		return
	}
	lost, sent := b.field.Lost(), b.field.Crossed()
	f := state(lost == 0 && sent > 0, fmt.Sprintf("%d of %d fences over the cable got lost although those behind them came", lost, sent))
	o.Result.Checks = append(o.Result.Checks, reports.Check{
		ID: "cable", Title: "the cable loses nothing", Verdict: probe.Judge(f), Expected: "every fence arrives",
		Observed: f.Observed, Proof: f.Proof, Claims: []string{}, Location: p.Case.File + ":1", Evidence: []reports.Evidence{},
	})
}

// skipStages gives the checks of some stages the verdict that they could not be made.
func (o *Outcome) skipStages(p *Prepared, stages []Stage, why string) {
	for i := range stages {
		for j := range stages[i].Checks {
			c := &stages[i].Checks[j]
			o.Result.Checks = append(o.Result.Checks, reports.Check{
				ID: c.ID, Title: c.Title, Step: stages[i].Name, Verdict: probe.Judge(probe.Finding{Moot: why}), Expected: c.Expected,
				Observed: why, Claims: append([]string{}, c.Claims...), Refutes: c.Refutes, Location: p.Location(c.At), Evidence: []reports.Evidence{},
			})
		}
	}
}
