package generator

import (
	"context"
	"math"
	"sync/atomic"
	"time"
)

// burster sends up to n frames, the first of which is the first-th from 0. It tells how
// many the device took and how many its queue refused.
type burster interface {
	burst(first uint64, n int) (taken, refused int, err error)
	close() error
}

// bursts sends a load burst by burst.
type bursts struct {
	burster
	size uint64 // of a frame
}

// send sends a load.
func (b *bursts) send(ctx context.Context, l Load) (s Sent, err error) {
	var stop atomic.Bool
	defer context.AfterFunc(ctx, func() { stop.Store(true) })()
	begin := nanoseconds()
	now := begin
	for !stop.Load() && err == nil {
		if l.For > 0 || l.Rate > 0 {
			now = nanoseconds()
		}
		done := s.Frames + s.Refused
		if l.For > 0 && now-begin >= int64(l.For) || l.Frames > 0 && done >= l.Frames {
			break
		}
		n := l.due(done, now-begin)
		if n == 0 {
			sleepUntil(begin + l.wake(done, now-begin))
			continue
		}
		taken, refused, failed := b.burst(done, n)
		s.Frames += uint64(taken)
		s.Refused += uint64(refused)
		err = failed
	}
	s.Took = time.Duration(nanoseconds() - begin)
	s.Bytes = s.Frames * b.size
	return s, err
}

// due is how many frames may be sent now, when so many are done and so many nanoseconds
// are over.
func (l Load) due(done uint64, over int64) int {
	n := uint64(math.MaxInt32)
	if l.Frames > 0 {
		n = min(n, l.Frames-done)
	}
	if l.Rate > 0 {
		due := uint64(float64(over)/1e9*l.Rate) + 1
		n = min(n, max(due, done)-done, batch)
	}
	return int(n)
}

const (
	// slice is for how long a paced sender sleeps at least: what becomes due meanwhile is
	// sent in one burst.
	slice = 50 * time.Microsecond
	// nap is for how long it sleeps at most, so that the end of a context is noticed.
	nap = 100 * time.Millisecond
)

// wake is when a paced sender for which nothing is due goes on, in nanoseconds from its
// start.
func (l Load) wake(done uint64, over int64) int64 {
	at := max(int64(float64(done)/l.Rate*1e9), over+int64(slice))
	if l.For > 0 {
		at = min(at, int64(l.For))
	}
	return min(at, over+int64(nap))
}
