package generator

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/netns"
)

// End is one end of a path: a device, and what frames to it carry.
type End struct {
	NS    *netns.NS
	Index int
	Address
}

// Trip holds the stamps of a frame and of its answer, in nanoseconds of the clock that
// gave them.
//
// Stamps of software are the kernel's: of a frame that leaves when it is handed to the
// device (net/core/dev.c:__dev_queue_xmit, SOF_TIMESTAMPING_TX_SCHED), so that what the
// device and those below it do counts; of one that arrives when the first device of its
// namespace hands it up (net_timestamp_check). Their clock is CLOCK_REALTIME. Those of
// hardware are each card's own, when the frame is on the wire; the clocks of two cards
// have nothing to do with each other, so that Out and There cannot be compared.
type Trip struct {
	Out   int64 // the frame leaves the first end
	There int64 // it arrives at the second
	Back  int64 // the answer leaves the second
	Home  int64 // it arrives at the first
}

// Path is what both ways took, without the time at the second end. It holds for any
// pair of clocks.
func (t Trip) Path() time.Duration { return time.Duration(t.Home - t.Out - (t.Back - t.There)) }

// TripOptions say how trips are made.
type TripOptions struct {
	// Trips is how many are kept.
	Trips int
	// Warm is how many are made before, and thrown away; 100 if zero.
	Warm int
	// Frame gives size, tags, port and whether frames are raw; its addresses are the ends'.
	// A stack that has the address answers UDP to a port where nobody listens.
	Frame Frame
	// Hardware asks for stamps of the cards at both ends, and sets the cards for it as long
	// as it takes. Without it they are software's.
	Hardware bool
	// CPU is the one that sends and reads at both ends.
	CPU int
}

// tripLimit is for how long a frame is waited for, and lostTrips how many in a row may
// not come.
const (
	tripLimit = 500 * time.Millisecond
	lostTrips = 5
)

// errLost is of a frame that did not come, errBare of one that came without a stamp: the
// kernel begins to stamp some time after it was asked to (net_enable_timestamp).
var (
	errLost = fmt.Errorf("the frame did not come: %w", unix.ETIMEDOUT)
	errBare = fmt.Errorf("frames come without stamps: %w", unix.EOPNOTSUPP)
)

// Trips sends one frame at a time from one end to the other and an answer back, and
// returns the stamps, so that any quantile can be taken. A trip whose frame is lost is
// made again; several in a row are an error, ETIMEDOUT. EOPNOTSUPP is of a card, or a
// device that is none, without stamps of hardware. What was made until an error is
// returned beside it.
func Trips(ctx context.Context, from, to End, o TripOptions) (all []Trip, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and ends with the goroutine, so that it stays on its CPU
		all, err = trips(ctx, from, to, o)
	}()
	<-done
	if err != nil {
		err = fmt.Errorf("make round trips: %w", err)
	}
	return all, err
}

func trips(ctx context.Context, from, to End, o TripOptions) (all []Trip, err error) {
	if o.Trips <= 0 || o.Warm < 0 {
		return nil, fmt.Errorf("%d trips: %w", o.Trips, unix.EINVAL)
	}
	if o.Warm == 0 {
		o.Warm = 100
	}
	if err := pin(o.CPU); err != nil {
		return nil, err
	}
	a, err := openStation(from, to, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, a.close()) }()
	b, err := openStation(to, from, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	lost, begun := 0, time.Now()
	for number := uint32(1); len(all) < o.Trips; number++ {
		if ctx.Err() != nil {
			return all, context.Cause(ctx)
		}
		t, err := trip(ctx, a, b, number)
		switch {
		case errors.Is(err, errBare) && len(all) == 0 && time.Since(begun) < tripLimit:
		case err == nil && o.Warm > 0:
			lost, o.Warm = 0, o.Warm-1
		case err == nil:
			lost, all = 0, append(all, t)
		default:
			if lost++; !errors.Is(err, errLost) || lost == lostTrips {
				return all, err
			}
		}
	}
	return all, nil
}

// trip makes one round trip.
func trip(ctx context.Context, a, b *station, number uint32) (t Trip, err error) {
	if t.Out, err = a.send(ctx, number); err != nil {
		return t, err
	}
	if t.There, err = b.await(ctx, number); err != nil {
		return t, err
	}
	if t.Back, err = b.send(ctx, number); err != nil {
		return t, err
	}
	t.Home, err = a.await(ctx, number)
	return t, err
}

// pin keeps the calling thread on a CPU.
func pin(cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("move to CPU %d: %w", cpu, err)
	}
	return nil
}
