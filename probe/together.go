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
		seen := f.seen()
		for i, flow := range flows {
			if f.fenceState(flow) != NoFence {
				continue
			}
			if flow.count(all[i], seen); !all[i].Happened() {
				return false
			}
		}
		return true
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
	seen := share(flows, all, f.seen())
	for i, flow := range flows {
		o := all[i]
		o.Rounds, o.Fence, o.Unseen, o.Dropped = rounds, f.fenceState(flow), f.tapless(flow.To), after-before
		flow.count(o, seen[i])
		o.Canary = f.canarySeen(flow)
		f.evidence(flow, o, seen[i])
		if err := f.senderState(flow, o); err != nil {
			return err
		}
	}
	return nil
}

// share gives each flow what can be about it: the sightings of its own frames, and of what
// resolves addresses, except what is said about another's target.
func share(flows []*Flow, all []*Observation, seen []*sighting) [][]*sighting {
	numbers, targets := map[uint32]int{}, map[netip.Addr]int{}
	for i, flow := range flows {
		targets[flow.Target] = i
		for _, n := range all[i].Sent {
			numbers[n] = i
		}
	}
	shares := make([][]*sighting, len(flows))
	for _, s := range seen {
		if i, ok := numbers[s.msg.Seq]; ok && s.ours {
			shares[i] = append(shares[i], s)
			continue
		}
		if !resolution(s.kind) {
			continue
		}
		src, from := targets[s.src]
		dst, to := targets[s.dst]
		switch {
		case from && to && src != dst:
		case from:
			shares[src] = append(shares[src], s)
		case to:
			shares[dst] = append(shares[dst], s)
		default: // a router's, by which any of them may have gone
			for i := range shares {
				shares[i] = append(shares[i], s)
			}
		}
	}
	return shares
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
