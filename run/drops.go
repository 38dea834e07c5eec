package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lanproof/lanproof/internal/drops"
	"github.com/lanproof/lanproof/probe"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/topology"
)

// coroner finds out where frames died that did not arrive, in a pass of its own after
// the checks of a stage: they are sent once more, and no tap is open where one would
// take what is dropped without it. No verdict comes of it. Nil, it does nothing.
type coroner struct {
	// tracer hears of drops; where there is none, counters are compared.
	tracer *drops.Tracer
	// unwanted is how a raw frame dies at the top of a stack where no tap takes it.
	unwanted drops.Drop
	// blind closes the taps that hide how a frame dies. It waits for the kernel twice a
	// stage. Otherwise it is concluded from unwanted. Counters cannot conclude.
	blind bool
	// away is called with what only waits for the kernel, so that others can work
	// meanwhile; may be nil.
	away func(func() error) error
}

// newCoroner makes one. The error says what it cannot do.
func newCoroner(blind bool) (*coroner, error) {
	tracer, err := drops.Open()
	if err != nil {
		return &coroner{}, fmt.Errorf("%w; counters are compared instead", err)
	}
	c := &coroner{tracer: tracer, blind: blind}
	if c.unwanted, err = tracer.Unwanted(probe.EtherType); err != nil {
		return c, fmt.Errorf("%w; where raw frames end that nobody wants is not told", err)
	}
	return c, nil
}

// Close takes the tracer out of the kernel.
func (c *coroner) Close() error {
	if c == nil {
		return nil
	}
	return c.tracer.Close()
}

// lost is something that was sent and did not arrive.
type lost struct {
	check int // its number in the result
	kind  probe.Kind
	send  func(context.Context) ([]uint32, error)
	to    topology.Ref
	group bool  // several are given copies
	way   []leg // what has to arrive for it to have arrived
	// refused is the kernel's refusal to send, when it was sent for the verdict.
	refused  error
	lastSeen string
	came     []probe.Sighting // where it came to a stack

	begin   time.Duration // of its window in the pass
	numbers []uint32
	ends    []reports.End
	rises   []reports.Rise
}

// examine sends what was lost once more, and says by the check's number where it
// ended. An error means that the LAN cannot be watched any more.
func (c *coroner) examine(ctx context.Context, b *bench, all []*lost) (map[int]*reports.Drops, error) {
	if c == nil || len(all) == 0 {
		return nil, nil
	}
	b.world = nil
	blind := c.blinding(b, all)
	if err := c.wait(blind, func() error { return b.field.Pause(blind...) }); err != nil {
		return nil, err
	}
	p := &pass{bench: b, coroner: c, all: all}
	trouble := p.resend(ctx)
	if err := c.wait(blind, func() error { return b.field.Resume(blind...) }); err != nil {
		return nil, errors.Join(err, p.close())
	}
	// What workers of the kernel still had in their queues is past then.
	if err := b.field.Settle(ctx); err != nil {
		return nil, errors.Join(err, p.close())
	}
	if trouble == nil {
		trouble = p.collect()
	}
	return p.report(errors.Join(trouble, p.close())), nil
}

// wait calls what waits for the kernel where there are nodes to blind.
func (c *coroner) wait(blind []*probe.Node, fn func() error) error {
	if c.away == nil || len(blind) == 0 {
		return fn()
	}
	return c.away(fn)
}

// blinding are the nodes that are to close their taps: all of them where one hides how
// something died, else none. A tap hides but the end of raw frames that come to the top
// of a stack, where nobody else wants them: IP has takers of its own, whose drops show.
// Up to Linux 6.12 at least the taps of all namespaces are in one list, and any hides it
// (net/core/dev.c:__netif_receive_skb_core, ptype_all).
func (c *coroner) blinding(b *bench, all []*lost) (nodes []*probe.Node) {
	if c.tracer != nil && !c.blind || !slices.ContainsFunc(all, (*lost).hidden) {
		return nil
	}
	for _, n := range b.nodes {
		nodes = append(nodes, n)
	}
	return nodes
}

// hidden reports whether taps have taken what would be dropped. Where copies came that
// were for others nobody asks.
func (l *lost) hidden() bool {
	return slices.ContainsFunc(l.came, func(s probe.Sighting) bool { return !l.group || s.Node == l.to.Node })
}

// pass is one examination: by a watch, or else by counters.
type pass struct {
	*bench
	*coroner
	watch    *drops.Watch
	counters *counters
	all      []*lost
}

func (p *pass) open() (err error) {
	if p.tracer != nil {
		p.watch, err = p.tracer.Watch(p.inodes()...)
		return err
	}
	p.counters, err = openCounters(p.lab.Nodes())
	return err
}

func (p *pass) close() error {
	var errs []error
	if p.watch != nil {
		errs = append(errs, p.watch.Close())
	}
	if p.counters != nil {
		errs = append(errs, p.counters.Close())
	}
	return errors.Join(errs...)
}

// resend sends everything that was lost.
func (p *pass) resend(ctx context.Context) error {
	if err := p.open(); err != nil {
		return err
	}
	for _, l := range p.all {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := p.resendOne(ctx, l); err != nil {
			return err
		}
	}
	// What waits to be told an address waits no more.
	return p.field.ForgetNeighbours()
}

func (p *pass) resendOne(ctx context.Context, l *lost) (err error) {
	if p.counters != nil {
		if err := p.counters.mark(); err != nil {
			return err
		}
	}
	if l.begin, err = drops.Now(); err != nil {
		return err
	}
	l.numbers, _ = l.send(ctx) // who refuses to send was asked before: see refused
	if p.counters != nil {
		l.rises, err = p.counters.since(p.deviceName)
	}
	return err
}

// collect joins drops to what was lost.
func (p *pass) collect() error {
	if p.watch == nil {
		return nil
	}
	found, err := p.watch.Drops()
	if err != nil {
		return err
	}
	nodes := map[uint32]string{}
	for _, n := range p.lab.Nodes() {
		nodes[n.NS.Inode()] = n.Name
	}
	for i := range found {
		d := &found[i]
		at := nodes[d.Netns] + "/" + p.deviceName(nodes[d.Netns], d.Index)
		for j, l := range p.all {
			what, ok := p.field.Recognize(d.Frame, l.kind, l.numbers)
			// What has no number belongs to what was sent last before it.
			if !ok || !what.Numbered && (d.Time < l.begin || j+1 < len(p.all) && d.Time >= p.all[j+1].begin) {
				continue
			}
			l.add(reports.End{At: at, Reason: d.Reason, Function: d.Function, Frame: what.Text, Own: what.Own, Count: 1})
		}
	}
	for _, l := range p.all {
		p.conclude(l)
	}
	return nil
}

// conclude adds the ends that taps have hidden.
func (p *pass) conclude(l *lost) {
	l.came = p.field.Came(l.numbers)
	for _, s := range l.came {
		if p.unwanted.Reason != "" && (!l.group || s.Node == l.to.Node) {
			l.add(reports.End{At: s.At(), Reason: p.unwanted.Reason, Function: p.unwanted.Function, Frame: s.Text(), Own: true, Count: 1, Concluded: true})
		}
	}
}

// add adds an end, to one like it where there is one.
func (l *lost) add(e reports.End) {
	i := slices.IndexFunc(l.ends, func(have reports.End) bool {
		return have.At == e.At && have.Reason == e.Reason && have.Function == e.Function && have.Frame == e.Frame && have.Own == e.Own && have.Concluded == e.Concluded
	})
	if i >= 0 {
		l.ends[i].Count++
		return
	}
	l.ends = append(l.ends, e)
}

// deviceName is a device's name, or its number where it is none of the plan's.
func (b *bench) deviceName(node string, index int) string {
	switch name := b.linkName(node, index); {
	case name != "":
		return name
	case index == 1: // in every namespace (net/core/net_namespace.c)
		return "lo"
	}
	return fmt.Sprintf("device %d", index)
}

// inodes tell the lab's namespaces apart, as links in /proc show them.
func (b *bench) inodes() (all []uint32) {
	for _, n := range b.lab.Nodes() {
		all = append(all, n.NS.Inode())
	}
	return all
}

// lostBy is what a check's answer says was lost.
func (b *bench) lostBy(q question, a *answer, check int) []*lost {
	switch q := q.(type) {
	case *flowQuestion:
		o := a.observation
		if o == nil || o.Trouble != nil || o.Happened() {
			return nil
		}
		flow, err := q.flow(b)
		if err != nil {
			return nil // it has been told as trouble
		}
		l := &lost{check: check, kind: q.kind, to: q.to, refused: o.SendErr, way: q.way(b.plan.LAN, flow)}
		l.group = q.kind == probe.ARP || q.kind == probe.ND || q.cast != probe.Unicast && q.cast != probe.Unknown
		l.send = func(ctx context.Context) ([]uint32, error) { return b.field.SendFlow(ctx, flow) }
		l.came = o.Came
		for _, s := range o.Sightings {
			if s.Ours {
				l.lastSeen = s.At()
			}
		}
		return []*lost{l}
	case *oracleQuestion:
		var all []*lost
		for i := range a.missed {
			s := &a.missed[i]
			l := &lost{check: check, kind: s.kind, to: s.from.Ref, group: s.frame.Dest.Group()}
			if s.to != nil {
				l.to = s.to.Ref
			}
			l.send = func(context.Context) ([]uint32, error) {
				from, err := b.portOf(s.from)
				if err != nil {
					return nil, err
				}
				fired := s.fired(from)
				return b.field.SendShot(&fired)
			}
			all = append(all, l)
		}
		return all
	}
	return nil
}
