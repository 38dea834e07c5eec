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

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/bench/generator"
	"github.com/lanproof/lanproof/bench/record"
)

// pingSize is how many bytes a ping carries. With IPv4 it fills the smallest frame of
// Ethernet, of 64 bytes with its FCS; with IPv6 its frame has 84, and nothing else differs.
const pingSize = 64 - fcs - 14 - 20 - udpHeader

// fewestTrips is how many round trips a sample has at least, and beyond how many of them
// lie that are slower than a percentile which is told: with fewer, the percentile says
// what happened to one of them.
const (
	fewestTrips = 10_000
	beyond      = 10
)

// fewestCounted is how many there are at least where instructions are counted, which takes
// a guest a hundred times as long.
const fewestCounted = 1000

// warmTrips are made before anything is measured.
const warmTrips = 100

// roundTrips measures how long a datagram and its answer take, one at a time, by the
// sender's own clock; and what is left of that without the programs at both ends, by time
// stamps, where a clock of time says how long that is.
func roundTrips(f family) measure {
	return func(ctx context.Context, l *Line, r Rules) ([]Figure, error) {
		seen, err := pings(ctx, l, r, f)
		if err != nil {
			return nil, err
		}
		unit := "ns"
		if r.Clock == record.Instructions {
			unit = "instructions"
		}
		figures := quantiles("", unit, "sockets, CLOCK_MONOTONIC", seen)
		if r.Clock == record.Instructions || !l.Path.seenBothWays() {
			return figures, nil
		}
		stamped, by, err := stampedTrips(ctx, l, r, f)
		if err != nil {
			return nil, err
		}
		return append(figures, quantiles("stamped-", unit, "AF_PACKET, SO_TIMESTAMPING of "+by, stamped)...), nil
	}
}

// quantiles are the figures of round trips: those percentiles that there are enough for.
func quantiles(prefix, unit, method string, all []time.Duration) []Figure {
	slices.Sort(all)
	var figures []Figure
	for _, q := range []struct {
		name  string
		share float64
	}{{"p50", 0.5}, {"p99", 0.99}, {"p999", 0.999}} {
		at := int(math.Ceil(q.share * float64(len(all)))) // by the nearest rank
		if len(all)-at < beyond {
			break
		}
		figures = append(figures, Figure{
			Unit: prefix + q.name + "-" + unit, Value: float64(all[at-1].Nanoseconds()), Better: record.LowerIsBetter, Method: method,
		})
	}
	return figures
}

// pings makes round trips through the kernel's own sockets, from a thread to another.
func pings(ctx context.Context, l *Line, r Rules, f family) (seen []time.Duration, err error) {
	s := sockets{family: f}
	defer func() { err = errors.Join(err, s.close()) }()
	client, server, err := s.datagrams(l)
	if err != nil {
		return nil, err
	}
	var enough atomic.Bool
	send := func() (err error) {
		seen, err = r.trips(client)
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
				err = sent(server, buf[:n])
			}
			if err != nil && !enough.Load() {
				return fmt.Errorf("answer: %w", err)
			}
		}
	}
	return seen, together(ctx, r, s.wake, send, answer)
}

// stampedTrips makes round trips of raw frames and tells what both ways took by time
// stamps: those of the cards at both ends, where they give any, or of their kernel.
func stampedTrips(ctx context.Context, l *Line, r Rules, f family) (all []time.Duration, by string, err error) {
	s := sockets{family: f}
	defer func() { err = errors.Join(err, s.close()) }()
	end := func(e *End) generator.End {
		// Its stack takes the frames as well, and would answer that nobody wants them.
		err = errors.Join(err, s.sink(e))
		return generator.End{NS: e.NS, Index: e.Index, Address: generator.Address{MAC: e.MAC, IP: e.address(f)}}
	}
	from, to := end(&l.From), end(&l.To)
	if err != nil {
		return nil, "", err
	}
	o := generator.TripOptions{Trips: fewestTrips, Warm: warmTrips, Frame: generator.Frame{Size: 14 + f.header() + udpHeader + pingSize, Port: discard}, CPU: r.CPU, Hardware: true}
	by = "the cards"
	trips, err := generator.Trips(ctx, from, to, o)
	if errors.Is(err, unix.EOPNOTSUPP) {
		o.Hardware, by = false, "the kernel"
		trips, err = generator.Trips(ctx, from, to, o)
	}
	for _, t := range trips {
		all = append(all, t.Path())
	}
	return all, by, err
}

// trips makes round trips until the effort is spent. What the first ones took is not
// returned.
func (r Rules) trips(fd int) ([]time.Duration, error) {
	fewest := fewestTrips
	if r.Clock == record.Instructions {
		fewest = fewestCounted
	}
	p := pinger{fd: fd}
	for range warmTrips {
		if _, err := p.trip(); err != nil {
			return nil, err
		}
	}
	seen := make([]time.Duration, 0, 1<<16)
	for begun := time.Now(); len(seen) < fewest || time.Since(begun) < r.effort(); {
		took, err := p.trip()
		if err != nil {
			return nil, err
		}
		seen = append(seen, took)
	}
	return seen, nil
}

// pinger sends pings and reads their answers.
type pinger struct {
	fd   int
	sent uint64
	buf  [pingSize]byte
}

// trip makes one round trip.
func (p *pinger) trip() (time.Duration, error) {
	p.sent++
	binary.BigEndian.PutUint64(p.buf[:], p.sent)
	begun := time.Now()
	if err := sent(p.fd, p.buf[:]); err != nil {
		return 0, fmt.Errorf("send: %w", err)
	}
	n, err := received(p.fd, p.buf[:])
	took := time.Since(begun)
	if err == nil && n != len(p.buf) {
		err = fmt.Errorf("%d bytes came for %d: %w", n, len(p.buf), errGone)
	}
	if err != nil {
		return 0, fmt.Errorf("wait for the answer: %w", err)
	}
	if got := binary.BigEndian.Uint64(p.buf[:]); got != p.sent {
		return 0, fmt.Errorf("the answer to ping %d is that to %d", p.sent, got)
	}
	return took, nil
}
