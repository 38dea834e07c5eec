package capture

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Source is anything with a descriptor that becomes readable: a Tap, or a
// socket where no tap can see (ipvlan l3s delivers to sockets only).
type Source interface {
	// FD is the descriptor, negative once closed.
	FD() int
}

var _ Source = (*Tap)(nil)

// Waiter waits for its sources, again and again, without allocating for each
// wait that nobody can cancel. Close lets its descriptor go.
type Waiter struct {
	sources []Source
	fds     []unix.PollFd // of the sources, then of wake
	wake    int           // an eventfd that a cancelled context makes readable
	left    unix.Timespec // until the deadline, kept here to stay off the heap
}

// NewWaiter makes a Waiter for these sources.
func NewWaiter(sources ...Source) (*Waiter, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("make a waiter: eventfd: %w", err)
	}
	return &Waiter{
		sources: sources,
		fds:     make([]unix.PollFd, len(sources)+1),
		wake:    fd,
	}, nil
}

// Wait blocks until a source is readable, and says true then; a tap that a
// device went down under counts as readable, though Read may find nothing.
// It says false when the deadline passes first; the zero time is no deadline.
// A context that ends gives its cause as the error, and so does a source that
// is closed, as os.ErrClosed.
//
// Read the sources until they are empty before waiting: what is still queued
// makes Wait return at once.
func (w *Waiter) Wait(ctx context.Context, deadline time.Time) (bool, error) {
	if w.fds == nil {
		return false, fmt.Errorf("wait: %w", os.ErrClosed)
	}
	if err := w.arm(); err != nil {
		return false, err
	}
	if ctx.Done() != nil {
		if ctx.Err() != nil {
			return false, fmt.Errorf("wait: %w", context.Cause(ctx))
		}
		defer w.wakeWhenDone(ctx)()
	}
	for {
		n, err := unix.Ppoll(w.fds, w.timeout(deadline), nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return false, fmt.Errorf("wait: poll: %w", err)
		case ctx.Err() != nil:
			return false, fmt.Errorf("wait: %w", context.Cause(ctx))
		case n == 0 && !deadline.IsZero() && time.Now().Before(deadline):
			continue // a timeout is cut to whole nanoseconds and may be a little early
		}
		return n > 0, w.invalid()
	}
}

// Ready reports whether the last Wait found the i-th source readable.
func (w *Waiter) Ready(i int) bool {
	return i >= 0 && i < len(w.sources) && i < len(w.fds) && w.fds[i].Revents != 0
}

// Close lets the Waiter go; its sources stay open. Closing again does nothing.
func (w *Waiter) Close() error {
	if w == nil || w.fds == nil {
		return nil
	}
	w.fds = nil
	if err := unix.Close(w.wake); err != nil {
		return fmt.Errorf("close waiter: %w", err)
	}
	return nil
}

// arm fills in the descriptors. poll(2) passes over negative ones in silence,
// and would wait for ever.
func (w *Waiter) arm() error {
	for i, s := range w.sources {
		fd := s.FD()
		if fd < 0 {
			return fmt.Errorf("wait: source %d: %w", i, os.ErrClosed)
		}
		w.fds[i] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	}
	w.fds[len(w.sources)] = unix.PollFd{Fd: int32(w.wake), Events: unix.POLLIN}
	return nil
}

// invalid finds a source whose descriptor is none any more.
func (w *Waiter) invalid() error {
	for i := range w.fds {
		if w.fds[i].Revents&unix.POLLNVAL != 0 {
			return fmt.Errorf("wait: source %d: %w", i, os.ErrClosed)
		}
	}
	return nil
}

// wakeWhenDone lets the context end the poll. What it returns takes that back:
// when it is done, nothing touches the eventfd any more and it is not readable.
func (w *Waiter) wakeWhenDone(ctx context.Context) (undo func()) {
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(woken)
		one := [8]byte{0: 1, 7: 1} // not zero in either byte order
		_, _ = unix.Write(w.wake, one[:])
	})
	return func() {
		if stop() {
			return
		}
		<-woken
		var count [8]byte
		_, _ = unix.Read(w.wake, count[:])
	}
}

// timeout is what is left until the deadline for ppoll(2): nil for ever.
func (w *Waiter) timeout(deadline time.Time) *unix.Timespec {
	if deadline.IsZero() {
		return nil
	}
	left := min(max(time.Until(deadline), 0), math.MaxInt32*time.Second)
	w.left = unix.NsecToTimespec(int64(left))
	return &w.left
}

// Wait waits once for taps, as [Waiter.Wait] does. A loop does better with a
// Waiter of its own.
func Wait(ctx context.Context, deadline time.Time, taps ...*Tap) (ready bool, err error) {
	sources := make([]Source, len(taps))
	for i, t := range taps {
		sources[i] = t
	}
	w, err := NewWaiter(sources...)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	return w.Wait(ctx, deadline)
}
