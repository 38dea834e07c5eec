package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/bench/generator"
	"github.com/lanproof/lanproof/bench/record"
)

// fcs is what a frame has on a wire beside what Linux shows of it.
const fcs = 4

// sizes are those of frames in bytes, with their FCS, as RFC 2544 counts them.
func sizes() []int { return []int{64, 512, 1500} }

// discard is the UDP port that frames are sent to (RFC 863).
const discard = 9

// traffic is a generator at one end of a line, and a counter at the other.
type traffic struct {
	*generator.Generator
	counter *generator.Counter
	sinks   sockets
	size    int // with FCS
}

// generate opens a generator of frames from one end of a line to the other. A socket
// takes them there and lets them go, or the stack would answer that nobody wants them.
func generate(l *Line, r Rules, size int) (t *traffic, err error) {
	method, err := r.method()
	if err != nil {
		return nil, err
	}
	t = &traffic{size: size, sinks: sockets{family: ipv4}}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.close())
		}
	}()
	if err := t.sinks.sink(&l.To); err != nil {
		return nil, err
	}
	if t.counter, err = generator.Count(l.To.NS, l.To.Index, generator.CountOptions{}); err != nil {
		return nil, err
	}
	frame := generator.Frame{
		Size: size - fcs,
		From: generator.Address{MAC: l.From.MAC, IP: l.From.IPv4},
		To:   generator.Address{MAC: l.To.MAC, IP: l.To.IPv4},
		Port: discard,
	}
	t.Generator, err = generator.Open(l.From.NS, l.From.Index, frame, generator.Options{Method: method, CPU: r.CPU})
	if r.Generator == "" && errors.Is(err, unix.EPERM) {
		t.Generator, err = generator.Open(l.From.NS, l.From.Index, frame, generator.Options{Method: generator.Packet, CPU: r.CPU})
	}
	return t, err
}

// method is the generator's that the rules ask for. What is best differs between kernels
// and devices, and figures that were made in two ways say nothing of each other.
func (r Rules) method() (generator.Method, error) {
	switch r.Generator {
	case "", "clones":
		return generator.Clones, nil
	case "packet":
		return generator.Packet, nil
	case "segments":
		return generator.Segments, nil
	case "pktgen":
		return generator.Pktgen, nil
	}
	return "", fmt.Errorf("there is no generator %q: there are clones, packet, segments and pktgen", r.Generator)
}

func (t *traffic) close() error {
	return errors.Join(t.Generator.Close(), t.counter.Close(), t.sinks.close())
}

// salvo is what became of a load.
type salvo struct {
	sent, got uint64
	took      time.Duration // until the last had arrived, on the system's clock
}

// fire sends a load and waits until all that arrives has. That nothing does is an error.
func (t *traffic) fire(ctx context.Context, r Rules, load generator.Load) (s salvo, err error) {
	if err := t.counter.Reset(); err != nil {
		return s, err
	}
	w := r.Watch()
	sent, err := t.Send(ctx, load)
	if err != nil {
		return s, err
	}
	if err := t.Settle(ctx, t.counter); err != nil {
		return s, err
	}
	if s.took, _, err = w.Took(); err != nil {
		return s, err
	}
	got, err := t.counter.Counted()
	if err != nil {
		return s, err
	}
	s.sent, s.got = sent.Frames+sent.Refused, got.Frames
	if s.got == 0 {
		return s, fmt.Errorf("%d frames were sent: %w", s.sent, errGone)
	}
	return s, nil
}

// warmed opens a line's traffic, keeps it busy for a while, and then has it measured.
func warmed(size int, measured func(context.Context, *traffic, Rules) ([]Figure, error)) measure {
	return func(ctx context.Context, l *Line, r Rules) (figures []Figure, err error) {
		t, err := generate(l, r, size)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, t.close()) }()
		if _, err := t.fire(ctx, r, generator.Load{For: r.effort() / warmUp}); err != nil {
			return nil, err
		}
		return measured(ctx, t, r)
	}
}

// frames measures how many frames of a size arrive when as many as possible are sent.
func frames(size int) measure {
	return warmed(size, func(ctx context.Context, t *traffic, r Rules) ([]Figure, error) {
		s, err := t.fire(ctx, r, generator.Load{For: r.effort()})
		if err != nil {
			return nil, err
		}
		method := string(t.Method())
		// What did not get lost, for of a loss that is nearly always 0 there is no ratio.
		arrived := Figure{Unit: "arrived/sent", Value: float64(s.got) / float64(s.sent), Better: record.HigherIsBetter, Method: method}
		return append(r.carried("frame", int(s.got), size, s.took, method), arrived), nil
	})
}

// nearness is how near the search for the throughput comes.
const nearness = 0.02

// throughput measures the greatest rate at which nothing is lost, by the search of RFC
// 2544 26.1 with trials that are as long as the effort, and not a minute (24).
func throughput(size int) measure {
	return warmed(size, func(ctx context.Context, t *traffic, r Rules) ([]Figure, error) {
		found, err := generator.Search(ctx, t.Generator, t.counter, generator.Goal{Resolution: nearness, Trial: r.effort()})
		if err != nil {
			return nil, err
		}
		best := found.Best
		if best.Arrived == 0 {
			return nil, fmt.Errorf("frames were lost at every rate down to %.0f a second: %w", found.Above, errGone)
		}
		took := time.Duration(float64(best.Sent) / best.Offered * float64(time.Second))
		method := fmt.Sprintf("%s, trials of %v", t.Method(), r.effort())
		return r.carried("frame", int(best.Arrived), size, took, method), nil
	})
}
