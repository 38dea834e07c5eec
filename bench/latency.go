package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/bench/record"
)

// A ping fills the smallest frame of Ethernet, of 64 bytes with its FCS.
const pingSize = 64 - 4 - 14 - 20 - 8

// fewestTrips is how many round trips a sample has at least: the slowest in a thousand
// is none otherwise.
const fewestTrips = 1000

// warmTrips are made before anything is measured.
const warmTrips = 100

// roundTrips measures how long a datagram and its answer take, one at a time, by the
// sender's own clock and by the kernel's time stamp of the answer.
func roundTrips(ctx context.Context, l *Line, r Rules) (figures []Figure, err error) {
	var s sockets
	defer func() { err = errors.Join(err, s.close()) }()
	client, server, err := s.datagrams(l)
	if err != nil {
		return nil, err
	}
	if err := unix.SetsockoptInt(client, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return nil, fmt.Errorf("have the kernel stamp what arrives: %w", err)
	}
	var enough atomic.Bool
	var seen, stamped []time.Duration
	send := func() (err error) {
		seen, stamped, err = newPinger(client).trips(r.effort())
		enough.Store(true)
		s.wake()
		return err
	}
	answer := func() error {
		buf := make([]byte, pingSize)
		for {
			n, err := received(server, buf)
			if enough.Load() {
				return nil
			}
			if err == nil {
				_, err = sent(server, buf[:n])
			}
			if err != nil && !enough.Load() {
				return fmt.Errorf("answer: %w", err)
			}
		}
	}
	if err := together(ctx, r, s.wake, send, answer); err != nil {
		return nil, err
	}
	return r.quantiles(seen, stamped), nil
}

// quantiles are the figures of round trips.
func (r Rules) quantiles(seen, stamped []time.Duration) []Figure {
	unit := "ns"
	if r.Clock == record.Instructions {
		unit = "instructions"
	}
	slices.Sort(seen)
	slices.Sort(stamped)
	figure := func(name string, v time.Duration, method string) Figure {
		return Figure{Unit: name + "-" + unit, Value: float64(v.Nanoseconds()), Better: record.LowerIsBetter, Method: method}
	}
	const own, kernel = "sockets, CLOCK_MONOTONIC", "sockets, SO_TIMESTAMPNS"
	figures := []Figure{
		figure("p50", percentile(seen, 0.5), own),
		figure("p99", percentile(seen, 0.99), own),
		figure("p999", percentile(seen, 0.999), own),
	}
	if r.Clock == record.Instructions {
		return figures // waking a thread that sleeps is work like any other there
	}
	return append(figures, figure("stamped-p50", percentile(stamped, 0.5), kernel))
}

// percentile is the value that a share of all are not above, by the nearest rank.
func percentile(sorted []time.Duration, share float64) time.Duration {
	return sorted[int(math.Ceil(share*float64(len(sorted))))-1]
}

// pinger sends pings and reads their answers with the kernel's time stamp.
type pinger struct {
	fd   int
	sent uint64
	buf  [pingSize]byte
	oob  [64]byte
	iov  unix.Iovec
	msg  unix.Msghdr
}

func newPinger(fd int) *pinger {
	p := &pinger{fd: fd}
	p.iov.Base = &p.buf[0]
	p.iov.SetLen(len(p.buf))
	p.msg.Iov, p.msg.Iovlen = &p.iov, 1
	p.msg.Control = &p.oob[0]
	return p
}

// trips makes round trips until the effort is spent. What the first ones took is not
// returned.
func (p *pinger) trips(effort time.Duration) (seen, stamped []time.Duration, err error) {
	seen, stamped = make([]time.Duration, 0, 1<<16), make([]time.Duration, 0, 1<<16)
	for range warmTrips {
		if _, _, err := p.trip(); err != nil {
			return nil, nil, err
		}
	}
	for begun := time.Now(); len(seen) < fewestTrips || time.Since(begun) < effort; {
		own, kernel, err := p.trip()
		if err != nil {
			return nil, nil, err
		}
		seen, stamped = append(seen, own), append(stamped, kernel)
	}
	return seen, stamped, nil
}

// trip makes one round trip. time.Now reads both of the kernel's clocks at once.
func (p *pinger) trip() (own, kernel time.Duration, err error) {
	p.sent++
	binary.BigEndian.PutUint64(p.buf[:], p.sent)
	begun := time.Now()
	if _, err := sent(p.fd, p.buf[:]); err != nil {
		return 0, 0, fmt.Errorf("send: %w", err)
	}
	if err := p.read(); err != nil {
		return 0, 0, fmt.Errorf("wait for the answer: %w", err)
	}
	own = time.Since(begun)
	if got := binary.BigEndian.Uint64(p.buf[:]); got != p.sent {
		return 0, 0, fmt.Errorf("the answer to ping %d is that to %d", p.sent, got)
	}
	stamp, err := p.stamp()
	return own, stamp.Sub(begun.Round(0)), err
}

// read reads an answer. The library's own call would make garbage of each.
func (p *pinger) read() error {
	clear(p.buf[:])
	p.msg.SetControllen(len(p.oob))
	for {
		n, _, errno := unix.Syscall(unix.SYS_RECVMSG, uintptr(p.fd), uintptr(unsafe.Pointer(&p.msg)), 0)
		switch {
		case errno == unix.EINTR:
			continue
		case errno != 0:
			return told(errno)
		case n != pingSize:
			return fmt.Errorf("%d bytes came for %d: %w", n, pingSize, errGone)
		}
		return nil
	}
}

// stamp is when the kernel took the last answer in, before any child of the device
// (net/core/dev.c:net_timestamp_check).
func (p *pinger) stamp() (time.Time, error) {
	h := (*unix.Cmsghdr)(unsafe.Pointer(&p.oob[0]))
	if p.msg.Controllen < unix.SizeofCmsghdr || h.Level != unix.SOL_SOCKET || h.Type != unix.SO_TIMESTAMPNS {
		return time.Time{}, errors.New("the kernel has not stamped an answer")
	}
	at := (*unix.Timespec)(unsafe.Pointer(&p.oob[unix.CmsgLen(0)]))
	return time.Unix(at.Unix()), nil
}
