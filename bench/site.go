package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/rtnl"
)

// site is where one sample of the control path is taken: a host with a parent, and a
// wire to the far end, both in fresh namespaces. IPv6 is off, so that nothing talks
// that was not told to.
type site struct {
	rules         Rules
	witness       *witness
	host, far     *netns.NS
	conn, farConn *rtnl.Conn
	parent, wire  int // ifindexes of the two ends
	last          int // the last ifindex given in the host
}

// onSite takes a sample. The kernel is done with what was before when it begins, and
// with all that it made when it ends, but for an empty namespace.
func onSite(ctx context.Context, r Rules, sample func(ctx context.Context, s *site) ([]Figure, error)) ([]Figure, error) {
	w, err := newWitness()
	if err != nil {
		return nil, err
	}
	figures, err := func() ([]Figure, error) {
		if err := w.settle(ctx); err != nil {
			return nil, err
		}
		s, err := w.site(r)
		if err != nil {
			return nil, err
		}
		figures, err := sample(ctx, s)
		gone, closed := s.close()
		return figures, errors.Join(err, closed, w.settle(ctx, gone...))
	}()
	if err := errors.Join(err, w.close()); err != nil {
		return nil, err
	}
	return figures, nil
}

// site builds a site.
func (w *witness) site(r Rules) (*site, error) {
	s := &site{rules: r, witness: w, last: 100}
	conns := []**rtnl.Conn{&s.conn, &s.farConn}
	all, err := netns.NewEach(len(conns), func(i int, _ *netns.NS) (err error) {
		if *conns[i], err = rtnl.OpenHere(); err != nil {
			return err
		}
		return quiet()
	})
	if err != nil {
		s.disconnect()
		return nil, err
	}
	s.host, s.far = all[0], all[1]
	if s.parent, s.wire, err = s.cable(); err != nil {
		_, closed := s.close()
		return nil, errors.Join(err, closed)
	}
	return s, nil
}

// quiet keeps IPv6 off from all devices to come in the calling thread's namespace.
func quiet() error {
	err := os.WriteFile("/proc/sys/net/ipv6/conf/default/disable_ipv6", []byte("1"), 0)
	if err != nil && !errors.Is(err, os.ErrNotExist) { // a kernel without IPv6
		return fmt.Errorf("turn IPv6 off: %w", err)
	}
	return nil
}

// cable makes a veth from the host to the far end, up at both ends.
func (s *site) cable() (here, there int, err error) {
	here, there = s.index(), s.index()
	l := &rtnl.Link{Name: name(here), Kind: "veth", Index: here, Up: true}
	l.Peer = &rtnl.Link{Name: name(there), Index: there, NS: s.far.FD()}
	if err = s.conn.NewLink(l); err == nil {
		err = s.farConn.SetLink(there, &rtnl.Change{Up: up()})
	}
	if err != nil {
		return 0, 0, fmt.Errorf("make a parent: %w", err)
	}
	return here, there, nil
}

// index is an ifindex that was not there before.
func (s *site) index() int {
	s.last++
	return s.last
}

func name(index int) string { return fmt.Sprintf("l%d", index) }

func up() *bool {
	yes := true
	return &yes
}

// close lets go of the site, and tells which farewells will be heard.
func (s *site) close() (gone []rtnl.Farewell, err error) {
	s.disconnect()
	for _, ns := range []*netns.NS{s.host, s.far} {
		if ns.FD() < 0 {
			continue // let go before, as part of the sample
		}
		f, e := s.witness.know(ns)
		if e == nil {
			gone = append(gone, f)
		}
		err = errors.Join(err, e, ns.Close())
	}
	return gone, err
}

func (s *site) disconnect() {
	for _, c := range []*rtnl.Conn{s.conn, s.farConn} {
		if c != nil {
			c.Close()
		}
	}
}

// inside calls fn on a thread in the host that is kept on the sample's processor.
func (s *site) inside(fn func() error) error {
	return s.host.Do(func() error {
		var set unix.CPUSet
		set.Set(s.rules.CPU)
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			return fmt.Errorf("keep to processor %d: %w", s.rules.CPU, err)
		}
		return fn()
	})
}

// measure tells how long fn takes, on a thread as inside has it. What memory of ours is
// to be collected is collected before, and so is what the kernel was given to do by
// building what is measured, where that is counted.
func (s *site) measure(ctx context.Context, fn func() error) (took time.Duration, err error) {
	runtime.GC()
	s.rules.calm(ctx)
	err = s.inside(func() error {
		w := s.rules.Watch()
		if err := fn(); err != nil {
			return err
		}
		var err error
		took, _, err = w.Took()
		return err
	})
	return took, err
}

// each tells how long requests take together, on a thread as inside has it.
func (s *site) each(ctx context.Context, requests []*rtnl.Request) (time.Duration, error) {
	return s.repeat(ctx, len(requests), func(i int) error { return requests[i].Do() })
}

// repeat tells how long n calls take together, on a thread as inside has it.
func (s *site) repeat(ctx context.Context, n int, fn func(i int) error) (time.Duration, error) {
	return s.measure(ctx, func() error {
		for i := range n {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := fn(i); err != nil {
				return err
			}
		}
		return nil
	})
}
