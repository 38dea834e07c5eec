package generator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/netns"
)

// Method is a way to make frames; the package's text says which there are.
type Method string

// The methods.
const (
	// Best is the fastest that can send the frame: [Segments], [Clones], [Packet]. Figures
	// that are made by different methods say nothing of each other.
	Best     Method = ""
	Packet   Method = "AF_PACKET sendmmsg"
	Segments Method = "AF_PACKET GSO"
	Clones   Method = "BPF_PROG_RUN clones"
	Pktgen   Method = "pktgen"
)

// Options say how frames are made.
type Options struct {
	Method Method
	// CPU is the one that sends.
	CPU int
}

// Load is what one Send is to send. It ends with the first of Frames, For, and the
// context; one of the first two must be there.
type Load struct {
	// Frames is how many, those included that a queue refuses.
	Frames uint64
	// For is for how long, on CLOCK_MONOTONIC.
	For time.Duration
	// Rate is how many frames a second are offered, in bursts of what is due after 50 µs
	// or more, at most 64; as many as possible if zero. A sender that falls behind
	// hurries to catch up, so that Sent tells whether the rate was reached.
	Rate float64
}

// Sent is what was sent.
type Sent struct {
	// Frames is how many the device took.
	Frames uint64
	// Refused is how many more a full queue on the sender's side threw away.
	Refused uint64
	// Bytes is that of Frames, without FCS and with tags.
	Bytes uint64
	Took  time.Duration
}

// Rate is frames taken a second, 0 when no time has passed.
func (s Sent) Rate() float64 {
	if s.Took <= 0 {
		return 0
	}
	return float64(s.Frames) / s.Took.Seconds()
}

// Generator sends copies of a frame from one device, on a thread of its own that stays
// on one CPU. It is not for concurrent use.
type Generator struct {
	method Method
	frame  Frame
	ns     *netns.NS
	index  int
	cpu    int
	jobs   chan func()   // on the thread
	ended  chan struct{} // closed when the thread has ended
	err    error         // of the thread; read when it has ended
	way    way
	fence  *socket
	fences uint32
}

// way sends a load. The context is asked now and then whether it has ended, which is no
// error to it.
type way interface {
	send(ctx context.Context, l Load) (Sent, error)
	close() error
}

// Open makes a generator on the device with an index, which must be up, in a namespace.
// Errors wrap the errno: EPERM without CAP_NET_RAW there, ENODEV without the device,
// EMSGSIZE for a frame above its MTU, EOPNOTSUPP where the kernel or the device lacks the
// method, EINVAL for a frame that cannot be, EBUSY where the namespace's pktgen has a device.
// The namespace must stay open for as long as the generator.
func Open(ns *netns.NS, index int, f Frame, o Options) (*Generator, error) {
	f, err := f.withDefaults()
	if err == nil && f.v6() {
		err = fmt.Errorf("IP address %q is not of IPv4: %w", f.From.IP, unix.EINVAL)
	}
	if err != nil {
		return nil, fmt.Errorf("open a generator: %w", err)
	}
	g := &Generator{frame: f, ns: ns, index: index, cpu: o.CPU, method: o.Method, jobs: make(chan func()), ended: make(chan struct{})}
	ready, jobs := make(chan struct{}), g.jobs // which Close forgets
	go func() {
		defer close(g.ended)
		g.err = ns.Do(func() error {
			if err := g.open(); err != nil {
				return errors.Join(err, g.release())
			}
			close(ready)
			for job := range jobs {
				job()
			}
			return g.release()
		})
	}()
	select {
	case <-ready:
		return g, nil
	case <-g.ended:
		return nil, fmt.Errorf("open a generator on interface %d: %w", index, g.err)
	}
}

// open sets the thread up, which is in the namespace.
func (g *Generator) open() error {
	if err := pin(g.cpu); err != nil {
		return err
	}
	device, err := net.InterfaceByIndex(g.index)
	if err != nil {
		return fmt.Errorf("%w: %w", unix.ENODEV, err)
	}
	if g.frame.Size-etherLen > device.MTU {
		return fmt.Errorf("a frame of %d bytes on %s with an MTU of %d: %w", g.frame.Size, device.Name, device.MTU, unix.EMSGSIZE)
	}
	if g.fence, err = openSocket(g.index); err != nil {
		return err
	}
	return g.choose(device.Name)
}

// choose opens the way that was asked for, or the best.
func (g *Generator) choose(device string) error {
	switch g.method {
	case Best:
		if !g.frame.Raw && g.openSegments(device) == nil || g.openClones() == nil {
			return nil
		}
		return g.openPackets()
	case Packet:
		return g.openPackets()
	case Segments:
		if g.frame.Raw {
			return fmt.Errorf("only UDP is cut into frames: %w", unix.EOPNOTSUPP)
		}
		return g.openSegments(device)
	case Clones:
		return g.openClones()
	case Pktgen:
		way, err := newPktgen(g.ns, device, g.cpu, &g.frame)
		if err == nil {
			g.way = way
		}
		return err
	}
	return fmt.Errorf("there is no method %q: %w", g.method, unix.EINVAL)
}

func (g *Generator) openPackets() error {
	s, err := openSocket(g.index)
	if err != nil {
		return err
	}
	g.way, g.method = &bursts{newPackets(s, &g.frame), uint64(g.frame.wire())}, Packet
	return nil
}

func (g *Generator) openClones() error {
	way, err := newClones(g.index, &g.frame)
	if err != nil {
		return err
	}
	g.way, g.method = &bursts{way, uint64(g.frame.wire())}, Clones
	return nil
}

func (g *Generator) openSegments(device string) error {
	s, err := openSocket(g.index)
	if err != nil {
		return err
	}
	way, err := newSegments(s, &g.frame, device)
	if err != nil {
		return errors.Join(err, s.close())
	}
	g.way, g.method = &bursts{way, uint64(g.frame.wire())}, Segments
	return nil
}

// release closes what the thread has opened.
func (g *Generator) release() (err error) {
	if g.way != nil {
		err = g.way.close()
	}
	if g.fence != nil {
		err = errors.Join(err, g.fence.close())
	}
	return err
}

// Method is the one that is used.
func (g *Generator) Method() Method { return g.method }

// Close ends the thread and puts the device's features back. Closing again does nothing.
func (g *Generator) Close() error {
	if g == nil || g.jobs == nil {
		return nil
	}
	close(g.jobs)
	g.jobs = nil
	<-g.ended
	return g.err
}

// do runs a job on the thread.
func (g *Generator) do(job func() error) error {
	if g.jobs == nil {
		return os.ErrClosed
	}
	done := make(chan error, 1)
	g.jobs <- func() { done <- job() }
	return <-done
}

// Send sends what a load says. What was sent until an error is told beside it: the
// context's cause, or one that wraps the errno, such as ENETDOWN and ENXIO where the
// device went down or away.
func (g *Generator) Send(ctx context.Context, l Load) (Sent, error) {
	if l.Frames == 0 && l.For <= 0 || l.Rate < 0 {
		return Sent{}, fmt.Errorf("send a load without an end: %w", unix.EINVAL)
	}
	var s Sent
	err := g.do(func() (err error) {
		s, err = g.way.send(ctx, l)
		return err
	})
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		err = fmt.Errorf("send frames on interface %d: %w", g.index, err)
	}
	return s, err
}
