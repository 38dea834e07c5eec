package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/bench/record"
)

// block is how much is written to and read from a TCP socket at once, as iperf3 does, so
// that figures can be held against its.
const block = 128 << 10

// warmUp is the share of the effort that a stream runs before it is measured, so that
// windows are open and buffers have their sizes.
const warmUp = 4

// countedStream is how long a stream is measured at least where instructions are counted:
// with 20 ms, and 5 before, counts lay 7 % apart, for windows and buffers had not come to
// their sizes; with 100 they are 0.5 % apart.
const countedStream = 100 * time.Millisecond

// tcp measures one stream over addresses of a family.
func tcp(f family) measure {
	return func(ctx context.Context, l *Line, r Rules) ([]Figure, error) { return stream(ctx, l, r, f) }
}

// stream measures what the receiver of one stream has read, in what time.
func stream(ctx context.Context, l *Line, r Rules, f family) (figures []Figure, err error) {
	if r.Clock == record.Instructions {
		r.Effort = max(r.effort(), countedStream)
	}
	offloads, err := l.From.Offloads()
	if err != nil {
		return nil, err
	}
	s := sockets{family: f}
	defer func() { err = errors.Join(err, s.close()) }()
	defer context.AfterFunc(ctx, s.wake)()
	client, server, err := s.stream(l)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	var got meter
	var enough atomic.Bool
	send := func() error {
		buf := r.payload(block)
		for {
			if err := sent(client, buf); enough.Load() {
				return nil
			} else if err != nil {
				return fmt.Errorf("send: %w", err)
			}
		}
	}
	receive := func() error {
		buf := make([]byte, block)
		for got = newMeter(r); !got.done; {
			n, err := fill(server, buf)
			if err != nil {
				return fmt.Errorf("receive: %w", err)
			}
			if err := got.add(n); err != nil {
				return err
			}
		}
		enough.Store(true)
		s.wake()
		return nil
	}
	if err := together(ctx, r, s.wake, send, receive); err != nil {
		return nil, err
	}
	return []Figure{r.bits(got.n, got.took, "sockets, "+offloads)}, nil
}

// fill reads from a stream as iperf3 does: it waits until something is there, and takes
// it until the buffer is full or nothing is left.
func fill(fd int, buf []byte) (n int, err error) {
	ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for n == 0 {
		switch _, err := unix.Poll(ready, int(patience.Milliseconds())); {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return 0, err
		case ready[0].Revents == 0:
			return 0, told(unix.EAGAIN)
		}
		for n < len(buf) {
			got, err := received(fd, buf[n:])
			if errors.Is(err, unix.EAGAIN) {
				break
			}
			if err == nil && got == 0 {
				err = fmt.Errorf("the stream has ended: %w", errGone)
			}
			if err != nil {
				return n, err
			}
			n += got
		}
	}
	return n, nil
}

// payload is what is sent: written bytes, for those that never were all lie on one page
// of zeros, which no user's do.
func (r Rules) payload(n int) []byte {
	var seed [32]byte
	binary.NativeEndian.PutUint64(seed[:], r.Seed)
	buf := make([]byte, n)
	_, _ = rand.NewChaCha8(seed).Read(buf) // it never fails
	return buf
}

// stream connects a TCP socket of the sender to one of the receiver.
func (s *sockets) stream(l *Line) (client, server int, err error) {
	listener, err := s.open(&l.To, unix.SOCK_STREAM, 0)
	if err != nil {
		return -1, -1, err
	}
	if err := unix.Listen(listener, 1); err != nil {
		return -1, -1, fmt.Errorf("listen at %s: %w", l.To.address(s.family), err)
	}
	if client, err = s.open(&l.From, unix.SOCK_STREAM, 0); err != nil {
		return -1, -1, err
	}
	if err := join(client, listener); err != nil {
		return -1, -1, err
	}
	if server, _, err = unix.Accept4(listener, unix.SOCK_CLOEXEC); err != nil {
		return -1, -1, fmt.Errorf("accept at %s: %w", l.To.address(s.family), told(err))
	}
	s.add(server)
	if err := unix.SetNonblock(server, true); err != nil {
		return -1, -1, fmt.Errorf("have a socket not wait: %w", err)
	}
	return client, server, nil
}

// meter counts what arrives after a warm-up, for as long as the effort lasts.
type meter struct {
	rules Rules
	n     int           // what has arrived
	took  time.Duration // since the warm-up, on the system's clock
	begun time.Time     // the warm-up, or what follows it
	watch *Watch        // nil before it is over
	done  bool
}

func newMeter(r Rules) meter { return meter{rules: r, begun: time.Now()} }

func (m *meter) add(n int) (err error) {
	passed := time.Since(m.begun)
	switch {
	case m.watch != nil:
		m.n += n
		if m.done = passed >= m.rules.effort(); m.done {
			m.took, _, err = m.watch.Took()
		}
	case passed >= m.rules.effort()/warmUp:
		m.watch, m.begun = m.rules.Watch(), time.Now()
	}
	return err
}

// How many datagrams of a full frame a kernel takes at once (65,507 bytes are the most of
// a datagram, RFC 768 and 791), and how many may be under way: a CPU's backlog holds 1000
// (net/core/dev.c:netdev_max_backlog), and the receiver's socket more.
const (
	maxSegments = 44
	underWay    = 512
)

// udp measures datagrams that are handed to the kernel so many at once. The sender
// waits when too many are under way, so that none is lost: one that is, is an error.
func udp(fam family, segments int) measure {
	return func(ctx context.Context, l *Line, r Rules) (figures []Figure, err error) {
		offloads, err := l.From.Offloads()
		if err != nil {
			return nil, err
		}
		s, size := sockets{family: fam}, fam.datagram()
		defer func() { err = errors.Join(err, s.close()) }()
		client, server, err := s.datagrams(l)
		if err != nil {
			return nil, err
		}
		method := "sockets, " + offloads
		if segments > 1 {
			if err := segment(client, server, size); err != nil {
				return nil, err
			}
			method = "sockets, UDP_SEGMENT, UDP_GRO, " + offloads
		}
		f := flow{credit: make(chan struct{}, 1), segments: segments, size: size}
		send := func() error { return f.send(ctx, client, r.payload(size*segments)) }
		receive := func() error {
			defer f.finish()
			return f.receive(server, r)
		}
		if err := together(ctx, r, s.wake, send, receive); err != nil {
			return nil, err
		}
		return []Figure{
			r.bits(f.got.n*size, f.got.took, method),
			r.Rate("datagram", f.got.n, f.got.took, method),
		}, nil
	}
}

// datagrams makes two UDP sockets that are connected to each other.
func (s *sockets) datagrams(l *Line) (client, server int, err error) {
	if server, err = s.open(&l.To, unix.SOCK_DGRAM, 0); err != nil {
		return -1, -1, err
	}
	if client, err = s.open(&l.From, unix.SOCK_DGRAM, 0); err != nil {
		return -1, -1, err
	}
	const room = 8 << 20 // more than ever is under way, with what the kernel adds to each
	for _, fd := range []int{client, server} {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, room); err != nil {
			return -1, -1, fmt.Errorf("give a socket room: %w", err)
		}
	}
	return client, server, errors.Join(join(client, server), join(server, client))
}

// segment has datagrams of a size go through the stacks together (Linux 4.18, 5.0).
func segment(client, server, size int) error {
	if err := unix.SetsockoptInt(client, unix.IPPROTO_UDP, unix.UDP_SEGMENT, size); err != nil {
		return fmt.Errorf("have the kernel cut datagrams: %w", err)
	}
	if err := unix.SetsockoptInt(server, unix.IPPROTO_UDP, unix.UDP_GRO, 1); err != nil {
		return fmt.Errorf("have the kernel join datagrams: %w", err)
	}
	return nil
}

// flow is a stream of datagrams, of which only so many are under way.
type flow struct {
	segments int
	size     int // of one, in bytes
	arrived  atomic.Int64
	enough   atomic.Bool
	credit   chan struct{} // told whenever a part of what is under way has arrived
	got      meter
}

func (f *flow) tell() {
	select {
	case f.credit <- struct{}{}:
	default:
	}
}

// finish lets the sender go.
func (f *flow) finish() {
	f.enough.Store(true)
	f.tell()
}

func (f *flow) send(ctx context.Context, fd int, buf []byte) error {
	for n := int64(0); !f.enough.Load(); n += int64(f.segments) {
		for n+int64(f.segments)-f.arrived.Load() > underWay && !f.enough.Load() {
			select {
			case <-f.credit:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err := sent(fd, buf); err != nil && !f.enough.Load() {
			return fmt.Errorf("send: %w", err)
		}
	}
	return nil
}

func (f *flow) receive(fd int, r Rules) error {
	buf := make([]byte, 1<<16)
	all, toldAt := int64(0), int64(0)
	for f.got = newMeter(r); !f.got.done; {
		n, err := received(fd, buf)
		if err == nil && n == 0 {
			err = errGone
		}
		if err != nil {
			return fmt.Errorf("receive, after %d datagrams: %w", all, err)
		}
		count := (n + f.size - 1) / f.size
		all += int64(count)
		f.arrived.Store(all)
		if all-toldAt >= underWay/4 {
			toldAt = all
			f.tell()
		}
		if err := f.got.add(count); err != nil {
			return err
		}
	}
	return nil
}
