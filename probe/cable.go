package probe

import (
	"context"
	"errors"
	"maps"
	"net"
	"slices"
	"time"
)

// inFlight is how many frames are under way over a cable at a time: as many as the
// smallest rings hold, which are also a few frames long only (drivers/net/ethernet/
// realtek/8139too.c has four to send by).
const inFlight = 4

// patience is how long a fence over a cable may take before another one is sent after
// it: a port that has just changed its filter may be deaf for a while.
const patience = 500 * time.Millisecond

// waited is a fence that is waited for.
type waited struct {
	fence *Fence
	// before is the number of the one that this one was sent after, 0 for none.
	before uint32
}

// arrived takes in that a fence has come. Cables are first in, first out: one that was
// sent before it and has not come never will.
func (f *Field) arrived(a arrival) {
	for w, waits := f.pending[a]; waits; w, waits = f.pending[a] {
		delete(f.pending, a)
		if w.before == 0 {
			return
		}
		if a.seq = w.before; f.waits(a) {
			f.losses++
		}
	}
}

func (f *Field) waits(a arrival) bool {
	_, ok := f.pending[a]
	return ok
}

// await waits until all fences have come that are waited for. Those over a cable are
// sent again and again meanwhile.
func (f *Field) await(ctx context.Context) (bool, error) {
	done := func() bool { return len(f.pending) == 0 }
	if !f.cabled {
		return f.wait(ctx, f.Deadline, done)
	}
	for deadline := time.Now().Add(f.Deadline); ; {
		left := time.Until(deadline)
		all, err := f.wait(ctx, min(patience, left), done)
		if err != nil || all || left <= patience {
			return all, err
		}
		if err := f.sendAgain(); err != nil {
			return false, err
		}
	}
}

// sendAgain sends the fences over a cable that have not come.
func (f *Field) sendAgain() error {
	late := map[*Fence][]arrival{}
	followed := map[uint32]bool{}
	for _, w := range f.pending {
		followed[w.before] = true
	}
	for a, w := range maps.Clone(f.pending) {
		if w.fence.Cable && !followed[a.seq] {
			late[w.fence] = append(late[w.fence], a)
		}
	}
	for fence, all := range late {
		again := *fence
		before := map[place]uint32{}
		again.Reaches = nil
		for _, p := range fence.Reaches {
			i := slices.IndexFunc(all, func(a arrival) bool { return a.place == p.key() })
			if i >= 0 {
				again.Reaches = append(again.Reaches, p)
				before[p.key()] = all[i].seq
			}
		}
		if err := f.sendFence(&again); err != nil {
			return err
		}
		for p, seq := range before {
			f.pending[arrival{p, fence.Socket, f.seq}] = waited{fence, seq}
		}
	}
	return nil
}

// crossings are the first fences that cross a cable from either side.
func crossings(fences []Fence) (all []Fence) {
	for _, fence := range fences {
		from := func(f Fence) bool { return f.At.key() == fence.At.key() }
		if fence.Cable && len(fence.Reaches) > 0 && !slices.ContainsFunc(all, from) {
			all = append(all, fence)
		}
	}
	return all
}

// cut reports whether a cable lets fences through no more. Then nothing is proven of
// what is to cross it.
func (f *Field) cut() bool {
	return slices.ContainsFunc(f.crossings, func(fence Fence) bool { return f.lost[fence.Reaches[0].key()] })
}

// errCut is why nothing can be found out over a cable.
var errCut = errors.New("the cable lets nothing through any more")

// pace waits until a cable is past what was sent over it.
func (f *Field) pace(ctx context.Context) error {
	if !f.cabled {
		return nil
	}
	clear(f.pending)
	if err := f.sendFences(ctx, f.cpus[0], f.crossings); err != nil {
		return err
	}
	all, err := f.await(ctx)
	if err == nil && !all {
		err = errCut
	}
	return err
}

// window is how long is waited where nothing else tells the time: what is to come over
// a cable may take as long as fences did.
func (f *Field) window() time.Duration {
	if !f.cabled {
		return f.QuietWindow
	}
	return f.QuietWindow + 2*f.slowest
}

// Lost is how many fences cables have lost in windows, that is behind others that had
// come, while nothing was changed.
func (f *Field) Lost() int { return f.lostInWindows }

// Crossed is how many fences were sent over cables.
func (f *Field) Crossed() int { return f.crossed }

// Missed reports whether a fence that had to reach a device got lost.
func (f *Field) Missed(p Port) bool { return f.lost[p.key()] }

// applyLimit is how long a real port may take to let through what it has been told to.
const applyLimit = 3 * time.Second

// Apply waits until the filter of a port under test is what it has been told to be. Some
// drivers tell the card later, by a worker that tells it all there is to know by then
// (drivers/net/virtio_net.c:virtnet_rx_mode_work). So a group is joined that was none
// before: when frames to it get through, all that came before it does. It reports false
// where none did in time; then whatever is asked of the port will tell.
func (f *Field) Apply(ctx context.Context) (bool, error) {
	i := slices.IndexFunc(f.crossings, func(fence Fence) bool { return fence.Dest == nil })
	if i < 0 || f.cut() {
		return true, nil
	}
	f.groups++
	fence := f.crossings[i]
	fence.Dest = net.HardwareAddr{0x03, 0x4c, 0x50, 4, byte(f.groups >> 8), byte(f.groups)}
	fence.Reaches = fence.Reaches[:1]
	// It stays a member until the next time: to leave now would have the filter change
	// while probes are under way.
	if f.leave != nil {
		f.leave()
	}
	var err error
	if f.leave, err = Join(fence.Reaches[0], fence.Dest); err != nil {
		return false, err
	}
	for deadline := time.Now().Add(applyLimit); time.Now().Before(deadline); {
		clear(f.pending)
		if err := f.sendFence(&fence); err != nil {
			return false, err
		}
		came, err := f.wait(ctx, f.window(), func() bool { return len(f.pending) == 0 })
		if came || err != nil {
			return came, err
		}
	}
	return false, nil
}
