package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/rtnl"
)

// witness knows when the kernel is done with namespaces that were let go.
//
// They are cleaned up in the background, all that wait at once, by a worker that has
// one thread for the whole machine (net/core/net_namespace.c:cleanup_net, netns_wq).
// Whoever has given a namespace an id is told when that begins (RTM_DELNSID), and
// nobody is told when it ends. But a sentinel, let go after it has begun, waits for the
// worker's next turn: when the sentinel's own farewell comes, all that was let go
// before is gone, down to the last memory that RCU gives back (rcu_barrier).
type witness struct {
	ns     *netns.NS
	conn   *rtnl.Conn
	events *rtnl.Farewells
	last   int // the id and the ifindex that were given last
	seen   map[rtnl.Farewell]bool
}

// cleanupLimit is how long the kernel may take to be done with something.
const cleanupLimit = 2 * time.Minute

var errUnfinished = errors.New("the kernel was not done with it in time")

func newWitness() (*witness, error) {
	w := &witness{last: 1, seen: map[rtnl.Farewell]bool{}}
	all, err := netns.NewEach(1, func(int, *netns.NS) (err error) {
		if w.conn, err = rtnl.OpenHere(); err == nil {
			w.events, err = rtnl.WatchFarewellsHere()
		}
		return err
	})
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	w.ns = all[0]
	return w, nil
}

// close lets the witness itself go, with nobody to see it: that is an empty namespace.
func (w *witness) close() error {
	if w.conn != nil {
		w.conn.Close()
	}
	return errors.Join(w.events.Close(), w.ns.Close())
}

// know has the witness told when a namespace goes.
func (w *witness) know(ns *netns.NS) (rtnl.Farewell, error) {
	w.last++
	if err := w.conn.NameNS(ns.FD(), w.last); err != nil {
		return rtnl.Farewell{}, fmt.Errorf("give a namespace an id: %w", err)
	}
	return rtnl.Farewell{NSID: w.last}, nil
}

// await waits for farewells, in whatever order they come.
func (w *witness) await(ctx context.Context, farewells ...rtnl.Farewell) error {
	ctx, cancel := context.WithTimeoutCause(ctx, cleanupLimit, errUnfinished)
	defer cancel()
	for _, f := range farewells {
		for !w.seen[f] {
			got, err := w.events.Next(ctx)
			if err != nil {
				return err
			}
			for _, g := range got {
				w.seen[g] = true
			}
		}
		delete(w.seen, f)
	}
	return nil
}

// sentinel is an empty namespace with a cable to the witness.
type sentinel struct {
	ns          *netns.NS
	gone, cable rtnl.Farewell
}

func (w *witness) sentinel() (*sentinel, error) {
	ns, err := netns.New()
	if err != nil {
		return nil, err
	}
	s := &sentinel{ns: ns}
	if s.gone, err = w.know(ns); err == nil {
		w.last++
		s.cable = rtnl.Farewell{Index: w.last}
		err = w.conn.NewLink(&rtnl.Link{
			Name: fmt.Sprintf("s%d", w.last), Kind: "veth", Index: w.last, Peer: &rtnl.Link{Name: "s", NS: ns.FD()},
		})
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make a sentinel: %w", err), ns.Close())
	}
	return s, nil
}

// done waits until the kernel is done with the namespaces that said these farewells,
// and with all that was let go before the sentinel.
func (w *witness) done(ctx context.Context, s *sentinel, farewells ...rtnl.Farewell) error {
	err := w.await(ctx, farewells...)
	if err := errors.Join(err, s.ns.Close()); err != nil {
		return err
	}
	return w.await(ctx, s.gone)
}

// rest waits for the sentinel's own devices, and for the big lock that they are
// unregistered under, so that what is left of it meets nobody.
func (w *witness) rest(ctx context.Context, s *sentinel) error {
	if err := w.await(ctx, s.cable); err != nil {
		return err
	}
	_, err := w.conn.Link(loopback) // takes the lock (net/core/rtnetlink.c:rtnl_getlink)
	return err
}

// settle waits until the kernel is done with all namespaces that were let go, those
// that said these farewells among them.
func (w *witness) settle(ctx context.Context, farewells ...rtnl.Farewell) error {
	s, err := w.sentinel()
	if err != nil {
		return err
	}
	if len(farewells) == 0 {
		// One more, for the kernel to begin with after all that is waiting now.
		first, err := w.sentinel()
		if err != nil {
			return errors.Join(err, s.ns.Close())
		}
		if err := first.ns.Close(); err != nil {
			return err
		}
		farewells = []rtnl.Farewell{first.gone, first.cable}
	}
	err = w.done(ctx, s, farewells...)
	if err == nil {
		err = w.rest(ctx, s)
	}
	if err != nil {
		return fmt.Errorf("wait until the kernel has cleaned up: %w", errors.Join(err, s.ns.Close()))
	}
	return nil
}

// loopback is lo's ifindex in every namespace (net/core/net_namespace.c).
const loopback = 1
