// Package netns makes network namespaces and runs code in them.
//
// A namespace is held by a file descriptor only, never by a name: when the
// process dies, however it dies, the kernel takes the namespace and all of its
// links away (net/core/net_namespace.c:cleanup_net).
package netns

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"

	"github.com/vishvananda/netns"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// NS is a network namespace held by a file descriptor. Close lets it go; the
// zero value is a closed one.
type NS struct {
	handle netns.NsHandle
	open   bool
}

// Current returns a handle on the namespace of the calling thread.
func Current() (*NS, error) {
	// The calling thread's own, not the process's main thread's.
	h, err := netns.GetFromPath(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
	if err != nil {
		return nil, fmt.Errorf("open the current network namespace: %w", err)
	}
	return &NS{handle: h, open: true}, nil
}

// New makes a fresh namespace. The caller's thread stays where it is.
func New() (*NS, error) {
	all, err := NewEach(1, func(int, *NS) error { return nil })
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// makers is how many threads make namespaces at once: with more, they wait for
// the kernel's locks (net/core/net_namespace.c:setup_net).
const makers = 2

// NewEach makes n fresh namespaces and calls inside in each of them, on a thread
// that is there, so that sockets can be opened without another switch. It is
// called on several threads at once. When anything fails, no namespace is left.
func NewEach(n int, inside func(i int, ns *NS) error) ([]*NS, error) {
	all := make([]*NS, n)
	var next atomic.Int64
	var g errgroup.Group
	for range min(makers, n) {
		g.Go(func() error {
			return onThread(func() error {
				for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
					if err := enterNew(&all[i]); err != nil {
						return err
					}
					if err := inside(i, all[i]); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
	if err := g.Wait(); err != nil {
		for _, ns := range all {
			err = errors.Join(err, ns.Close())
		}
		return nil, err
	}
	return all, nil
}

// enterNew moves the calling thread into a fresh namespace.
func enterNew(ns **NS) (err error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("make a network namespace: %w", err)
	}
	*ns, err = Current()
	return err
}

// Do runs fn on a thread that is in the namespace and waits for it. Goroutines
// that fn starts are not in the namespace; sockets that it opens stay there.
func (n *NS) Do(fn func() error) error {
	if !n.open {
		return fmt.Errorf("enter network namespace: %w", os.ErrClosed)
	}
	return onThread(func() error {
		if err := netns.Set(n.handle); err != nil {
			return fmt.Errorf("enter network namespace: %w", err)
		}
		return fn()
	})
}

// FD returns the descriptor that holds the namespace; it stays the NS's own. It
// is -1 once closed.
func (n *NS) FD() int {
	if !n.open {
		return -1
	}
	return int(n.handle)
}

// ID tells namespaces apart: two handles are of one namespace if and only if
// their IDs are equal.
func (n *NS) ID() string { return n.handle.UniqueId() }

// Inode is the namespace's number, as links in /proc show it: net:[4026532000]. It is
// 0 of a closed one.
func (n *NS) Inode() uint32 {
	var st unix.Stat_t
	if err := unix.Fstat(n.FD(), &st); err != nil {
		return 0
	}
	return uint32(st.Ino)
}

// Path is a path by which other processes can open the namespace for as long
// as this process holds it.
func (n *NS) Path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.FD()) }

// Close lets the namespace go. It is safe to call more than once.
func (n *NS) Close() error {
	if n == nil || !n.open {
		return nil
	}
	n.open = false
	if err := n.handle.Close(); err != nil {
		return fmt.Errorf("close network namespace: %w", err)
	}
	return nil
}

// onThread runs fn on a thread of its own. The thread is thrown away with the
// namespace that fn left it in, so none can ever be handed on in a wrong one. It is
// never the first one: by that the kernel says where a process is (/proc/PID/ns/net),
// and it is not thrown away, but parked for good where it was left.
func onThread(fn func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the runtime ends the thread with the goroutine
		if unix.Gettid() == unix.Getpid() {
			done <- onThread(fn) // on another one, for this one is held
			runtime.UnlockOSThread()
			return
		}
		defer func() {
			if p := recover(); p != nil {
				done <- fmt.Errorf("in network namespace: panic: %v", p)
			}
		}()
		done <- fn()
	}()
	return <-done
}
