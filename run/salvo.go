package run

import (
	"context"
	"fmt"
	"iter"
	"net"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/lanproof/lanproof/probe"
	"github.com/lanproof/lanproof/topology/oracle"
)

// judge takes in what became of a shot; prediction and landing are good until it
// returns.
type judge func(*shot, *oracle.Prediction, *probe.Landing)

// measure sends shots and compares.
func (m *measurement) measure(ctx context.Context, all iter.Seq[shot]) error {
	if !contested(m.aim.lan) {
		return m.inSalvos(ctx, all, m.judge)
	}
	for s := range all {
		if err := m.hearAll(ctx); err != nil {
			return err
		}
		alone := func(yield func(shot) bool) { yield(s) }
		if err := m.inSalvos(ctx, alone, m.judge); err != nil {
			return err
		}
	}
	return nil
}

// judge says what became of one shot.
func (m *measurement) judge(s *shot, p *oracle.Prediction, l *probe.Landing) {
	m.compare(s, p, l)
	m.matrices.mark(s, p, l)
}

// What is sent before the LAN is settled: frames to one address as many as keep the
// memory small that their sights take, to groups no more than the queues hold before
// workers, 1000 (drivers/net/macvlan.c:MACVLAN_DEFAULT_BC_QUEUE_LEN,
// drivers/net/ipvlan/ipvlan.h:IPVLAN_QBACKLOG_LIMIT), each of which they may be in
// more than once.
const (
	salvoToOne   = 16384
	salvoToGroup = 64
)

// inSalvos sends shots, as many at once as can be, and has each judged: while one
// salvo is on its way the one before is, on another CPU.
func (m *measurement) inSalvos(ctx context.Context, all iter.Seq[shot], judge judge) error {
	before := func() error { return nil }
	send := func(salvo []shot) error {
		var g errgroup.Group
		g.Go(before)
		landings, err := m.send(ctx, salvo)
		before = func() error { return m.judgeAll(salvo, landings, judge) }
		if judged := g.Wait(); judged != nil {
			return judged
		}
		return err
	}
	var next, judged []shot
	for s := range all {
		if len(next) > 0 && !s.joinsIn(next) {
			if err := send(next); err != nil {
				return err
			}
			next, judged = judged[:0], next
		}
		next = append(next, s)
	}
	if len(next) > 0 {
		if err := send(next); err != nil {
			return err
		}
	}
	return before()
}

// joinsIn reports whether a shot can be sent together with others.
func (s *shot) joinsIn(salvo []shot) bool {
	most := salvoToOne
	if s.frame.Dest.Group() || salvo[0].frame.Dest.Group() {
		most = salvoToGroup
	}
	return len(salvo) < most && s.joins == salvo[0].joins && (!s.joins || s.to == salvo[0].to)
}

// send sends a salvo, whose target is a member of its groups meanwhile if it is to
// join them.
func (m *measurement) send(ctx context.Context, salvo []shot) ([]probe.Landing, error) {
	shots := slices.Grow(m.shots[:0], len(salvo))[:len(salvo)]
	m.shots = shots
	for i := range salvo {
		s := &salvo[i]
		if s.joins {
			leave, err := probe.Join(m.ports[s.to], net.HardwareAddr(s.frame.Dest[:]))
			if err != nil {
				return nil, err
			}
			defer leave()
		}
		shots[i] = s.fired(m.ports[s.from])
		shots[i].To, shots[i].Record = m.ports[s.to].Node, m.sent < m.recorded()
		m.sent++
	}
	if salvo[0].joins {
		if _, err := m.field.Apply(ctx); err != nil {
			return nil, err
		}
	}
	landings, err := m.field.Sweep(ctx, shots, m.queued)
	if err != nil {
		return nil, fmt.Errorf("send %d frames: %w", len(shots), err)
	}
	return landings, nil
}

// judgeAll has the oracle say what had to become of a salvo.
func (m *measurement) judgeAll(salvo []shot, landings []probe.Landing, judge judge) error {
	for i := range salvo {
		if s := &salvo[i]; s.joins {
			m.world.Join(s.to.Ref, s.frame.Dest)
			defer m.world.Leave(s.to.Ref, s.frame.Dest)
		}
	}
	for i := range salvo {
		p, err := m.world.Send(salvo[i].from.Ref, salvo[i].frame)
		if err != nil {
			return err
		}
		judge(&salvo[i], p, &landings[i])
	}
	return nil
}

// recorded is how many shots of a class are in the capture, whatever became of them:
// all of any LAN but a very large one, for each is seen by up to as many devices as
// there are.
func (m *measurement) recorded() int {
	const most = 20_000
	return most / max(len(m.aim.ends), 1)
}

// fired is the shot as probes send it; they share its addresses.
func (s *shot) fired(from probe.Port) probe.Shot {
	f := &s.frame
	p := probe.Shot{From: from, Source: f.Source[:], Dest: f.Dest[:], Kind: s.kind, SourceIP: f.From, Target: f.To}
	for _, t := range f.Tags {
		p.Tags = append(p.Tags, probe.Tag{TPID: t.TPID, VID: uint16(t.VID), PCP: uint8(t.PCP)})
	}
	return p
}
