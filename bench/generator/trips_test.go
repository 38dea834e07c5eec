package generator_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/bench/generator"
	"github.com/lanproof/lanproof/capture/frames"
	"github.com/lanproof/lanproof/internal/rtnl"
)

func (p path) ends() (from, to generator.End) {
	return generator.End{NS: p.sender, Index: senderIndex, Address: address(1)}, generator.End{NS: p.receiver, Index: receiverIndex, Address: address(2)}
}

func TestTrips(t *testing.T) {
	for name, f := range map[string]generator.Frame{
		"UDP": {}, "IPv6": {Size: 80}, "raw": {Raw: true}, "tag": {Raw: true, Tags: []frames.Tag{{TPID: frames.TPID8021Q, VID: 5}}, Size: 1000},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := newPath(t).ends()
			if name == "IPv6" {
				from.IP, to.IP = netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fd00::2")
			}
			all, err := generator.Trips(t.Context(), from, to, generator.TripOptions{Trips: 200, Frame: f})
			if err != nil || len(all) != 200 {
				t.Fatalf("%d trips, %v", len(all), err)
			}
			last := int64(0)
			for i, trip := range all {
				// Clocks do not go back, and no frame arrives before it is sent.
				if trip.Out <= last || trip.There <= trip.Out || trip.Back <= trip.There || trip.Home <= trip.Back {
					t.Fatalf("trip %d: %+v after %d", i, trip, last)
				}
				last = trip.Home
				if whole := trip.Home - trip.Out; trip.Path() <= 0 || int64(trip.Path()) >= whole {
					t.Fatalf("trip %d: %+v took %v of %d ns", i, trip, trip.Path(), whole)
				}
			}
		})
	}
}

func TestTripsThatFail(t *testing.T) {
	down := false
	for name, c := range map[string]struct {
		do   func(p path)
		o    generator.TripOptions
		want error
	}{
		"no trips": {o: generator.TripOptions{}, want: unix.EINVAL},
		"hardware": {o: generator.TripOptions{Trips: 1, Hardware: true}, want: unix.EOPNOTSUPP},
		"down": {
			do: func(p path) {
				change(t, p.sender, func(c *rtnl.Conn) error { return c.SetLink(senderIndex, &rtnl.Change{Up: &down}) })
			},
			o: generator.TripOptions{Trips: 1}, want: unix.ENETDOWN,
		},
		"no way": {
			do: func(p path) {
				change(t, p.receiver, func(c *rtnl.Conn) error { return c.SetLink(receiverIndex, &rtnl.Change{Up: &down}) })
			},
			o: generator.TripOptions{Trips: 1}, want: unix.ETIMEDOUT,
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPath(t)
			if c.do != nil {
				c.do(p)
			}
			from, to := p.ends()
			_, err := generator.Trips(t.Context(), from, to, c.o)
			if name == "no way" && errors.Is(err, unix.ENETDOWN) {
				err = unix.ETIMEDOUT // the receiver's socket may say it first
			}
			if !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	from, to := newPath(t).ends()
	if all, err := generator.Trips(ctx, from, to, generator.TripOptions{Trips: 1 << 30}); !errors.Is(err, context.Canceled) {
		t.Errorf("%d trips, %v; want that they were cancelled", len(all), err)
	}
}
