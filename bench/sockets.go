package bench

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/bench/record"
)

// patience is how long a socket waits for what comes at once on a path that works.
const patience = 2 * time.Second

// errGone is wrapped where nothing came for as long as patience lasts.
var errGone = errors.New("nothing arrived")

// sockets are the blocking sockets of a measurement. When its context ends, or the
// other side has failed, who waits at them is woken.
type sockets struct {
	family family
	mu     sync.Mutex
	fds    []int
	woken  bool
	closed bool
}

// open makes a socket in an end's namespace and binds it to a port, any if 0.
func (s *sockets) open(e *End, kind, port int) (fd int, err error) {
	err = e.NS.Do(func() error {
		fd, err = unix.Socket(int(s.family), kind|unix.SOCK_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return -1, fmt.Errorf("open a socket in %s: %w", e.Node, err)
	}
	s.add(fd)
	limit := unix.NsecToTimeval(patience.Nanoseconds())
	for _, option := range []int{unix.SO_RCVTIMEO, unix.SO_SNDTIMEO} {
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, option, &limit); err != nil {
			return -1, fmt.Errorf("limit how long a socket waits: %w", err)
		}
	}
	at := e.address(s.family)
	if err := unix.Bind(fd, sockaddr(netip.AddrPortFrom(at, uint16(port)))); err != nil {
		return -1, fmt.Errorf("bind a socket to %s: %w", at, err)
	}
	return fd, nil
}

// sink opens a socket at an end that takes what is sent to the port for that, and keeps
// none of it.
func (s *sockets) sink(e *End) error {
	fd, err := s.open(e, unix.SOCK_DGRAM, discard)
	if err != nil {
		return err
	}
	nothing := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K}}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &nothing[0]}); err != nil {
		return fmt.Errorf("have a socket drop what comes: %w", err)
	}
	return nil
}

func (s *sockets) add(fd int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fds = append(s.fds, fd)
	if s.woken {
		_ = unix.Shutdown(fd, unix.SHUT_RDWR)
	}
}

// wake ends all waiting at the sockets, now and later.
func (s *sockets) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.woken = true
	if s.closed {
		return
	}
	for _, fd := range s.fds {
		_ = unix.Shutdown(fd, unix.SHUT_RDWR) // one that is not connected says so, and wakes all the same
	}
}

func (s *sockets) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	var errs []error
	for _, fd := range s.fds {
		errs = append(errs, unix.Close(fd))
	}
	return errors.Join(errs...)
}

// join connects a socket to where another one is bound.
func join(from, to int) error {
	at, err := boundTo(to)
	if err != nil {
		return err
	}
	if err := unix.Connect(from, sockaddr(at)); err != nil {
		return fmt.Errorf("connect to %s: %w", at.Addr(), told(err))
	}
	return nil
}

// told says in words what a socket's own errors mean here.
func told(err error) error {
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINPROGRESS) {
		return fmt.Errorf("%w for %v: %w", errGone, patience, err)
	}
	return err
}

// received reads what has come. Nothing at all is the end of a stream, or of patience.
func received(fd int, buf []byte) (int, error) {
	for {
		n, err := unix.Read(fd, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return max(n, 0), told(err)
	}
}

// sent hands a socket what is to be sent; how much of a stream went, its receiver counts.
func sent(fd int, buf []byte) error {
	for {
		if _, err := unix.Write(fd, buf); !errors.Is(err, unix.EINTR) {
			return told(err)
		}
	}
}

// fewestProcs is how many goroutines must be able to run at once, so that one which
// returns from the kernel need not wait until the runtime has noticed that another
// sleeps there. It says nothing about processors.
const fewestProcs = 4

// together runs a sender and a receiver, each on its processor and on a thread of its
// own. When one of them fails, or the context ends, wake is called so that the other
// ends, too.
func together(ctx context.Context, r Rules, wake func(), send, receive func() error) error {
	if was := runtime.GOMAXPROCS(0); was < fewestProcs {
		runtime.GOMAXPROCS(fewestProcs)
		defer runtime.GOMAXPROCS(was)
	}
	both, failed := errgroup.WithContext(ctx)
	defer context.AfterFunc(failed, wake)()
	both.Go(func() error { return r.pinned(r.Peer, receive) })
	both.Go(func() error { return r.pinned(r.CPU, send) })
	err := both.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// pinned runs fn on a processor, on a thread that ends with it. Where instructions are
// counted, sender and receiver share one processor and neither interrupts the other when
// it is woken (SCHED_BATCH): who does would depend on how much each happened to have had.
func (r Rules) pinned(cpu int, fn func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: no other goroutine gets a thread that is kept on a processor
		var set unix.CPUSet
		set.Set(cpu)
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			done <- fmt.Errorf("stay on processor %d: %w", cpu, err)
			return
		}
		if r.Clock == record.Instructions {
			if err := unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_BATCH}, 0); err != nil {
				done <- fmt.Errorf("interrupt nobody: %w", err)
				return
			}
		}
		done <- fn()
	}()
	return <-done
}
