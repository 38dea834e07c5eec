package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"github.com/lanproof/lanproof/capture"
)

// Growth returns the benchmarks of what grows with the number of children on a parent:
// what the next child costs to make, what a frame from the wire to all of them costs,
// and what one to some of them in turn does. A macvlan in mode passthru has no siblings.
// In mode l3s a child's frames cannot be told by their arrival at it.
func Growth() []Benchmark {
	var all []Benchmark
	for _, name := range []string{
		"macvlan-private", "macvlan-vepa", "macvlan-bridge", "macvlan-source", "ipvlan-l2", "ipvlan-l3", "vlan", "vlan-macvlan", "bridge",
	} {
		for _, n := range []int{1, 10, 100, 1000, 4000} {
			if name == "bridge" && n > bridgePorts {
				continue
			}
			all = append(all, sampled(fmt.Sprintf("growth/%s/children=%d", name, n), "What the next child costs, a frame to all of them, and one to some of them in turn.", kindOf(name).wants(),
				func(ctx context.Context, s *site) ([]Figure, error) { return grow(ctx, s, name, n) }))
		}
	}
	return all
}

// bridgePorts is how many ports a bridge has at most (net/bridge/br_private.h:BR_MAX_PORTS),
// one of them for the wire and some for the next ones.
const bridgePorts = 1000

// grow takes one sample with n children.
func grow(ctx context.Context, s *site, name string, n int) ([]Figure, error) {
	if err := enough(name, n); err != nil {
		return nil, err
	}
	c, err := s.crowd(name)
	if err != nil {
		return nil, err
	}
	for range n {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err := c.add(); err != nil {
			return nil, err
		}
	}
	var figures []Figure
	for _, part := range []func(context.Context, *crowd) ([]Figure, error){broadcasts, unicasts, creations} {
		some, err := part(ctx, c)
		if err != nil {
			return nil, err
		}
		figures = append(figures, some...)
	}
	return figures, nil
}

// enough finds out whether so many children fit into the memory that there is. One takes
// some 40 kB with two processors, and part of it is there for each.
func enough(name string, n int) error {
	each := int64(40<<10 + 8<<10*runtime.NumCPU())
	if name == "bridge" {
		each *= 2 // both ends of a veth
	}
	free, err := available()
	if err != nil {
		return err
	}
	if need := int64(n) * each; need > free {
		return fmt.Errorf("%w: %d children take about %d MB, and %d MB are available", ErrSkip, n, need>>20, free>>20)
	}
	return nil
}

// creations measures what the next children cost.
func creations(ctx context.Context, c *crowd) ([]Figure, error) {
	const n = 10
	took, err := c.site.repeat(ctx, n, func(int) error { return c.add() })
	return []Figure{c.site.rules.Per("creation", n, took, oneMessage)}, err
}

// broadcasts measures what a frame from the wire to all children costs, sending included.
func broadcasts(ctx context.Context, c *crowd) ([]Figure, error) {
	if !c.floods {
		return nil, nil
	}
	n := len(c.tops)
	frames := min(max(40_000/n, 20), 2000)
	to := func(typ uint16) []byte { return frameTo(everybody(), c.tag, typ, nil) }
	// Before the last of a salvo is waited for, no more are sent than there is room for:
	// macvlan and ipvlan have queues of 1000 frames to all, and a processor one of 1000
	// copies (net.core.netdev_max_backlog), which none empties while ksoftirqd has yet to.
	salvo := make([]wireFrame, min(250, max(1, 900/n)))
	for i := range salvo {
		salvo[i] = wireFrame{probeType, to(probeType)}
	}
	salvo[len(salvo)-1] = wireFrame{fenceType, to(fenceType)}
	rounds := (frames + len(salvo) - 1) / len(salvo)
	frames = rounds * len(salvo)
	// When the last frame comes to one, all copies of those before it have been made; its
	// own may still be under way.
	took, err := c.send(ctx, salvo, rounds, fenceType, (frames-1)*n)
	const method = "AF_PACKET, one call each"
	return []Figure{c.site.rules.Per("broadcast", frames, took, method), c.site.rules.Per("copy", frames*n, took, method)}, err
}

// unicasts measures what a frame from the wire to one of the children costs, to all of
// them in turn, in an order that is nobody's.
func unicasts(ctx context.Context, c *crowd) ([]Figure, error) {
	const frames, length = 10_000, 250
	random := rand.New(rand.NewPCG(c.site.rules.Seed, uint64(len(c.tops))))
	var all []wireFrame
	for len(all) < frames {
		for _, i := range random.Perm(len(c.tops)) {
			all = append(all, wireFrame{probeType, c.toOne(i, false)})
		}
	}
	// The fence is to the child that is listened at, the last one.
	fence := wireFrame{fenceType, c.toOne(len(c.tops)-1, true)}
	var salvos []wireFrame
	for part := range slices.Chunk(all[:frames], length) {
		salvos = append(append(salvos, part...), fence)
	}
	n := len(salvos)
	took, err := c.send(ctx, salvos, 1, c.fenceType, n)
	return []Figure{c.site.rules.Per("unicast", n, took, "AF_PACKET, one call each")}, err
}

// wireFrame is a frame as it is sent at the far end.
type wireFrame struct {
	typ  uint16 // fenceType if it is to be waited for
	data []byte
}

// send sends the frames so many times over, waits for each fence at the last child, and
// tells how long all of it took. The children must have counted at least so many.
func (c *crowd) send(ctx context.Context, frames []wireFrame, rounds int, fence uint16, least int) (took time.Duration, err error) {
	tap, err := capture.Open(c.site.host, capture.Config{Protocol: fence, Index: c.tops[len(c.tops)-1], Plain: true, IgnoreOutgoing: true})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, tap.Close()) }()
	sender, err := capture.Open(c.site.far, capture.Config{SendOnly: true})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, sender.Close()) }()
	one := func(int) error { return c.salvoOf(ctx, sender, tap, frames) }
	if err := one(0); err != nil { // what is done for the first time takes longer
		return 0, err
	}
	before, err := c.received()
	if err != nil {
		return 0, err
	}
	if took, err = c.site.repeat(ctx, rounds, one); err != nil {
		return 0, err
	}
	after, err := c.received()
	if err == nil && after-before < uint64(least) {
		err = fmt.Errorf("%d frames were sent to %d children, which counted %d instead of %d at least",
			len(frames)*rounds, len(c.tops), after-before, least)
	}
	return took, err
}

// salvoOf sends frames, and waits behind each fence until it has come.
func (c *crowd) salvoOf(ctx context.Context, from, to *capture.Tap, frames []wireFrame) error {
	const limit = time.Minute
	w, err := capture.NewWaiter(to)
	if err != nil {
		return err
	}
	defer w.Close() //nolint:errcheck // it holds nothing but an event
	for _, f := range frames {
		if err := from.Send(c.site.wire, f.typ, f.data); err != nil {
			return err
		}
		if f.typ != fenceType {
			continue
		}
		came, err := w.Wait(ctx, time.Now().Add(limit))
		if err != nil {
			return fmt.Errorf("wait for a fence: %w", err)
		}
		if !came {
			return fmt.Errorf("a fence to child %d of %d never came", len(c.tops), len(c.tops))
		}
		if _, _, err := to.Read(); err != nil {
			return err
		}
	}
	return nil
}

// received is how many frames all children have counted.
func (c *crowd) received() (sum uint64, err error) {
	links, err := c.site.conn.Links()
	if err != nil {
		return 0, fmt.Errorf("ask for counters: %w", err)
	}
	at := make(map[int]bool, len(c.tops))
	for _, i := range c.tops {
		at[i] = true
	}
	for _, l := range links {
		if at[l.Index] {
			sum += l.Counters["rx_packets"]
		}
	}
	return sum, nil
}
