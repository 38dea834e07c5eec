package generator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// fenceLimit is for how long a fence is waited for until another is sent, for a
	// path that loses frames loses fences as well, and fences is how many are sent.
	fenceLimit = 200 * time.Millisecond
	fences     = 25
)

// Settle returns when all that was sent before has arrived at the counters or never
// will: a frame of the same addresses and tags is sent behind it, and has come to each
// counter. On a path that delivers in another order than it was
// given (several queues, or CPUs that frames are spread to) this proves nothing.
func (g *Generator) Settle(ctx context.Context, counters ...*Counter) error {
	for range fences {
		g.fences++
		if err := g.do(g.sendFence); err != nil {
			return fmt.Errorf("settle: send a fence on interface %d: %w", g.index, err)
		}
		all, until := true, time.Now().Add(fenceLimit)
		for _, c := range counters {
			come, err := c.await(ctx, g.fences, until)
			if err != nil {
				return fmt.Errorf("settle: wait for a fence: %w", err)
			}
			all = all && come
		}
		if all {
			return nil
		}
	}
	return fmt.Errorf("settle: none of %d fences came to every counter: %w", fences, unix.ETIMEDOUT)
}

// sendFence sends a fence.
func (g *Generator) sendFence() error {
	small := g.frame
	small.Size = minSize
	b := small.build(nil, small.wire()-small.header())
	setMark(b[small.header():], fenceMagic, g.fences)
	at := g.fence.to(b)
	err := unix.Sendto(g.fence.fd, b, 0, &unix.SockaddrLinklayer{Protocol: at.Protocol, Ifindex: int(at.Ifindex)})
	if errors.Is(err, unix.ENOBUFS) {
		return nil // it is lost, and another one will be sent
	}
	return err
}
