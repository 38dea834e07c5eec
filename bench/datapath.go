package bench

import (
	"context"
	"errors"
	"fmt"
	"path"
	"time"

	"github.com/lanproof/lanproof/bench/record"
)

// defaultEffort is how long a path is kept busy for a sample: long enough for some ten
// thousand frames, short enough for many samples.
const defaultEffort = 100 * time.Millisecond

// effort is how long to keep a path busy.
func (r Rules) effort() time.Duration {
	if r.Effort > 0 {
		return r.Effort
	}
	return defaultEffort
}

// bits is the figure of some bytes moved in some time: "bit/s", or "instructions/byte"
// where those are counted.
func (r Rules) bits(bytes int, took time.Duration, method string) Figure {
	if r.Clock == record.Instructions {
		return r.Rate("byte", bytes, took, method)
	}
	return Figure{Unit: "bit/s", Value: float64(bytes) * 8 / took.Seconds(), Better: record.HigherIsBetter, Method: method}
}

// carried are the figures of n things of a size, in bytes, moved in some time: things and
// bits a second. Where instructions are counted those of a byte would say the same again.
func (r Rules) carried(thing string, n, size int, took time.Duration, method string) []Figure {
	rate := r.Rate(thing, n, took, method)
	if r.Clock == record.Instructions {
		return []Figure{rate}
	}
	return []Figure{rate, r.bits(n*size, took, method)}
}

// measure takes the figures of a line.
type measure func(ctx context.Context, l *Line, r Rules) ([]Figure, error)

// on has a path opened for a measure, and closed behind it. Before, the kernel is let
// finish with what was: it works in the background on a LAN that was let go.
func on(p Path, m measure) func(context.Context, Rules) ([]Figure, error) {
	return func(ctx context.Context, r Rules) (figures []Figure, err error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		w, err := newWitness()
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, w.close()) }()
		if err := w.settle(ctx); err != nil {
			return nil, err
		}
		l, err := p.Open()
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, l.Close()) }()
		if figures, err = m(ctx, l, r); err != nil {
			return nil, fmt.Errorf("measure %s: %w", p, err)
		}
		return figures, nil
	}
}

// DataPath are the benchmarks of what paths carry: streams and round trips through the
// kernel's own sockets, and raw frames.
func DataPath() []Benchmark {
	var all []Benchmark
	for _, p := range Paths() {
		add := func(what, variant string, f family, about string, m measure) {
			all = append(all, Benchmark{Name: path.Join(what, p.String(), variant, f.variant()), About: about + f.about() + " (" + p.About() + ").", Needs: p.Needs, Run: on(p, m)})
		}
		for _, f := range []family{ipv4, ipv6} {
			add("tcp", "", f, "One TCP stream through the kernel's sockets", tcp(f))
			add("udp", "gso=off", f, "Datagrams of one frame each through the kernel's sockets", udp(f, 1))
			add("udp", "gso=on", f, "Datagrams handed over 44 at once, with UDP_SEGMENT and UDP_GRO", udp(f, maxSegments))
			add("rtt", "", f, "Datagrams there and back, one at a time", roundTrips(f))
		}
		for _, size := range sizes() {
			if !p.seen() {
				continue
			}
			variant := fmt.Sprintf("size=%d", size)
			add("frames", variant, ipv4, fmt.Sprintf("Frames of %d bytes, as many as possible", size), frames(size))
			add("throughput", variant, ipv4, fmt.Sprintf("Frames of %d bytes, as many as none is lost of", size), throughput(size))
		}
	}
	return all
}
