package probe

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// MostTogether is how many flows ProbeTogether takes at the most: so few that no tap
// overflows by what they cause.
const MostTogether = 32

// ProbeTogether sends several flows of one node in one window, and returns what became
// of each: they share its canaries and fences, and so cost a part of what they do one by
// one. It takes flows of kind ICMP to one address each, no two to the same, in a LAN without
// cables. Whoever sends knows nobody beforehand, as with Probe; who was asked may know the
// sender by its own question. What cannot be found out so has a Trouble; Probe may.
func (f *Field) ProbeTogether(ctx context.Context, flows []*Flow) []*Observation {
	all := make([]*Observation, len(flows))
	for i := range flows {
		all[i] = &Observation{Needed: 1, reply: true}
	}
	if err := f.probeTogether(ctx, flows, all); err != nil {
		for _, o := range all {
			o.Trouble = errors.Join(o.Trouble, err)
		}
	}
	return all
}

func (f *Field) probeTogether(ctx context.Context, flows []*Flow, all []*Observation) error {
	defer f.free()
	before, err := f.openTogether(ctx, flows)
	if err != nil {
		return err
	}
	if err := f.sendTogether(ctx, flows, all); err != nil {
		return err
	}
	rounds, err := f.settle(ctx)
	if err != nil {
		return err
	}
	happened := func() bool {
		return !slices.ContainsFunc(flows, func(flow *Flow) bool {
			o := all[slices.Index(flows, flow)]
			f.count(flow, o.Sent, o)
			return f.fenceState(flow) == NoFence && !o.Happened()
		})
	}
	if !happened() {
		quiet, err := f.quiet(ctx, happened)
		if err != nil {
			return err
		}
		for _, o := range all {
			o.Quiet = quiet
		}
	}
	after, err := f.drops()
	if err != nil {
		return err
	}
	for i, flow := range flows {
		o := all[i]
		o.Rounds, o.Fence, o.Unseen, o.Dropped = rounds, f.fenceState(flow), f.tapless(flow.To), after-before
		f.count(flow, o.Sent, o)
		o.Canary = f.canarySeen(flow)
		f.evidence(flow, o.Sent, o, others(flows, flow))
		if err := f.senderState(flow, o); err != nil {
			return err
		}
	}
	return nil
}

// others are the addresses that the other flows are for: what is said about them is no
// evidence of this one.
func others(flows []*Flow, of *Flow) map[netip.Addr]bool {
	theirs := map[netip.Addr]bool{}
	for _, flow := range flows {
		theirs[flow.Target] = flow != of
	}
	return theirs
}

// openTogether begins a window: nothing of before is in flight, and every target's
// observer has just seen a canary.
func (f *Field) openTogether(ctx context.Context, flows []*Flow) (drops int, err error) {
	if err := f.ForgetNeighbours(); err != nil {
		return 0, err
	}
	if err := f.rest(ctx); err != nil {
		return 0, err
	}
	clear(f.canaries)
	clear(f.pending)
	unseen := func(flow *Flow) bool { return f.ipCanary(flow) != nil && !f.canarySeen(flow) }
	// A broadcast comes to everybody: only who has not heard his own gets one (see
	// sendIPCanary).
	for _, toAll := range []bool{false, true} {
		if err := f.sendCanaries(slices.DeleteFunc(slices.Clone(flows), func(flow *Flow) bool { return !unseen(flow) }), toAll); err != nil {
			return 0, err
		}
	}
	if _, err := f.wait(ctx, f.window(), func() bool { return !slices.ContainsFunc(flows, unseen) }); err != nil {
		return 0, err
	}
	for _, flow := range flows {
		if unseen(flow) {
			if err := f.sendIPCanary(ctx, flow); err != nil {
				return 0, err
			}
		}
	}
	f.log = f.log[:0]
	clear(f.lastFence)
	return f.drops()
}

// sendCanaries sends a canary to the target of each flow, and reads what came at once.
func (f *Field) sendCanaries(flows []*Flow, toAll bool) error {
	for _, flow := range flows {
		canary := f.ipCanary(flow)
		if canary.Dest = flow.To.MAC; toAll {
			canary.Dest = nil
		}
		if err := f.sendFence(canary); err != nil {
			return err
		}
	}
	return f.drain()
}

// sendTogether sends all flows from the window's home.
func (f *Field) sendTogether(ctx context.Context, flows []*Flow, all []*Observation) error {
	f.rested = false
	return f.onCPU(f.cpus[0], func() error {
		for i, flow := range flows {
			sent, err := f.send(ctx, flow)
			var errno unix.Errno
			if err != nil && !errors.As(err, &errno) {
				return err
			}
			all[i].Sent, all[i].SendErr = sent, err
		}
		return nil
	})
}

// Beyond reports whether an observation is beyond doubt: the answer came back, or it is
// proven that it did not.
func (o *Observation) Beyond() bool {
	if o.Trouble != nil || o.Dropped > 0 {
		return false
	}
	absent := o.SendErr != nil || o.NoCarrier || o.Left && o.Canary && o.Fence == FenceHeld
	return o.Happened() || absent
}
