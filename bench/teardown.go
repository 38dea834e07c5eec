package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/rtnl"
)

// untilGone is how it is known that the kernel is done, see witness.
const untilGone = "close(2) until the cleanup after it begins"

// namespaces are the benchmarks of namespaces without a device of ours.
func namespaces() []Benchmark {
	const n = 50
	return []Benchmark{
		sampled("namespace/create", "Network namespaces made, by unshare(2) on one thread.", []string{"veth"},
			func(ctx context.Context, s *site) ([]Figure, error) { return createNamespaces(ctx, s, n) }),
		sampled("namespace/let-go", "Empty network namespaces let go together, until the kernel is done with them.", []string{"veth"},
			func(ctx context.Context, s *site) ([]Figure, error) {
				all, err := netns.NewEach(n, func(int, *netns.NS) error { return nil })
				if err != nil {
					return nil, err
				}
				took, err := s.untilDone(ctx, all)
				return []Figure{s.rules.Rate("namespace", n, took, untilGone)}, err
			}),
	}
}

func createNamespaces(ctx context.Context, s *site, n int) ([]Figure, error) {
	var all []*netns.NS
	took, err := s.repeat(ctx, n, func(int) error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("make a network namespace: %w", err)
		}
		ns, err := netns.Current()
		if err == nil {
			all = append(all, ns)
		}
		return err
	})
	gone, closed := s.letGo(all)
	return []Figure{s.rules.Rate("namespace", n, took, "unshare")}, errors.Join(err, closed, s.witness.await(ctx, gone...))
}

// letGo lets namespaces go, and tells which farewells will be heard.
func (s *site) letGo(all []*netns.NS) (gone []rtnl.Farewell, err error) {
	for _, ns := range all {
		f, e := s.witness.know(ns)
		if e == nil {
			gone = append(gone, f)
		}
		err = errors.Join(err, e, ns.Close())
	}
	return gone, err
}

// untilDone lets namespaces go and tells how long it took until the kernel was done
// with them. Nobody else may hold them.
func (s *site) untilDone(ctx context.Context, all []*netns.NS) (time.Duration, error) {
	gone := make([]rtnl.Farewell, len(all))
	for i, ns := range all {
		var err error
		if gone[i], err = s.witness.know(ns); err != nil {
			return 0, err
		}
	}
	// Sockets that were closed hold their namespace until RCU has been round.
	if err := s.witness.settle(ctx); err != nil {
		return 0, err
	}
	last, err := s.witness.sentinel()
	if err != nil {
		return 0, err
	}
	s.rules.calm(ctx)
	w := s.rules.Watch()
	for _, ns := range all {
		err = errors.Join(err, ns.Close())
	}
	err = errors.Join(err, s.witness.done(ctx, last, gone...))
	took, _, watched := w.Took()
	if err := errors.Join(err, watched); err != nil {
		return 0, errors.Join(err, last.ns.Close())
	}
	return took, s.witness.rest(ctx, last)
}

// teardowns are the benchmarks of taking away a parent with all that is on it.
func teardowns() []Benchmark {
	var all []Benchmark
	for _, name := range []string{"macvlan-bridge", "ipvlan-l2", "vlan", "vlan-macvlan"} {
		for _, n := range []int{100, 1000} {
			k := kindOf(name)
			all = append(all,
				sampled(fmt.Sprintf("teardown/%s/parent/children=%d", name, n), "A parent deleted with its children, which are up.", k.wants(),
					func(ctx context.Context, s *site) ([]Figure, error) { return deleteParent(ctx, s, k, n) }),
				sampled(fmt.Sprintf("teardown/%s/namespace/children=%d", name, n),
					"A namespace let go that has a parent with children, which are up, until the kernel is done with it.", k.wants(),
					func(ctx context.Context, s *site) ([]Figure, error) { return letHostGo(ctx, s, k, n) }))
		}
	}
	return all
}

func deleteParent(ctx context.Context, s *site, k kind, n int) ([]Figure, error) {
	if _, err := s.raise(k, n, 0); err != nil {
		return nil, err
	}
	took, err := s.measure(ctx, s.conn.PrepareDelete(s.parent).Do)
	if err != nil {
		return nil, fmt.Errorf("delete the parent: %w", err)
	}
	return []Figure{s.rules.Per("op", 1, took, "rtnetlink, one message")}, nil
}

func letHostGo(ctx context.Context, s *site, k kind, n int) ([]Figure, error) {
	if _, err := s.raise(k, n, 0); err != nil {
		return nil, err
	}
	s.conn.Close()
	took, err := s.untilDone(ctx, []*netns.NS{s.host})
	return []Figure{s.rules.Per("op", 1, took, untilGone)}, err
}
