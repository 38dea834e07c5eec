package netns_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/netns"
)

func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("making network namespaces needs root")
	}
}

// here is the namespace of the calling thread as /proc names it.
func here(t *testing.T) string {
	t.Helper()
	s, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// threads counts this process's threads by namespace.
func threads(t *testing.T) map[string]int {
	t.Helper()
	paths, err := filepath.Glob("/proc/self/task/*/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, p := range paths {
		if s, err := os.Readlink(p); err == nil { // else the thread has just ended
			count[s]++
		}
	}
	return count
}

// held counts the descriptors of this process that hold namespaces.
func held(t *testing.T) int {
	t.Helper()
	paths, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, p := range paths {
		if s, err := os.Readlink(p); err == nil && len(s) > 4 && s[:4] == "net:" {
			n++
		}
	}
	return n
}

func closeAll(t *testing.T, all ...*netns.NS) {
	t.Helper()
	for _, ns := range all {
		if err := ns.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestNewIsElsewhere(t *testing.T) {
	needRoot(t)
	home := here(t)
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(t, ns)
	var inside string
	var devices []net.Interface
	err = ns.Do(func() (err error) {
		inside = here(t)
		devices, err = net.Interfaces()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if inside == home || here(t) != home {
		t.Errorf("home is %s, inside %s, and after that this thread is in %s", home, inside, here(t))
	}
	if len(devices) != 1 || devices[0].Name != "lo" {
		t.Errorf("a fresh namespace has %v, want lo alone", devices)
	}
	var st unix.Stat_t
	if err := unix.Stat(ns.Path(), &st); err != nil || inside != fmt.Sprintf("net:[%d]", st.Ino) {
		t.Errorf("Path leads to inode %d (%v), the namespace is %s", st.Ino, err, inside)
	}
}

func TestIDTellsNamespacesApart(t *testing.T) {
	needRoot(t)
	all, err := netns.NewEach(2, func(int, *netns.NS) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(t, all...)
	var again *netns.NS
	if err := all[0].Do(func() (err error) { again, err = netns.Current(); return err }); err != nil {
		t.Fatal(err)
	}
	defer closeAll(t, again)
	if all[0].ID() != again.ID() || all[0].ID() == all[1].ID() {
		t.Errorf("IDs %s, again %s, and of another %s", all[0].ID(), again.ID(), all[1].ID())
	}
}

// TestNoThreadIsLeftInside runs many at once and then looks for threads of the
// Go runtime that some other goroutine could be put on.
func TestNoThreadIsLeftInside(t *testing.T) {
	needRoot(t)
	home := here(t)
	all, err := netns.NewEach(3, func(int, *netns.NS) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(t, all...)
	var inside [3]string
	for i, ns := range all {
		if err := ns.Do(func() error { inside[i] = here(t); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			want := inside[i%3]
			err := all[i%3].Do(func() error {
				if got := here(t); got != want {
					return fmt.Errorf("in %s, want %s", got, want)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			if got := here(t); got != home {
				t.Errorf("a goroutine outside is in %s, want %s", got, home)
			}
		})
	}
	wg.Wait()
	// Threads end on their own after their goroutine; none may take work again.
	for range 200 {
		wg.Go(func() {
			if got := here(t); got != home {
				t.Errorf("a later goroutine is in %s, want %s", got, home)
			}
		})
	}
	wg.Wait()
	t.Logf("threads by namespace: %v, home is %s", threads(t), home)
}

// TestFirstThreadStays has so much to do in namespaces that every thread gets some of
// it, and wants the process to be where it was by what the kernel says.
func TestFirstThreadStays(t *testing.T) {
	needRoot(t)
	was, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			for range 5 {
				if err := ns.Do(func() error { return nil }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if now, err := os.Readlink("/proc/self/ns/net"); err != nil || now != was {
		t.Errorf("the process is in %s and was in %s: %v", now, was, err)
	}
}

func TestErrorsAndPanicsComeBack(t *testing.T) {
	needRoot(t)
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(t, ns)
	if err := ns.Do(func() error { return unix.ENODEV }); !errors.Is(err, unix.ENODEV) {
		t.Errorf("Do returns %v, want what the function returned", err)
	}
	if err := ns.Do(func() error { panic("oops") }); err == nil {
		t.Error("a panic inside is no error outside")
	}
}

func TestNewEachCleansUp(t *testing.T) {
	needRoot(t)
	before := held(t)
	all, err := netns.NewEach(5, func(i int, ns *netns.NS) error {
		if i == 3 {
			return unix.EIO
		}
		return nil
	})
	if !errors.Is(err, unix.EIO) || all != nil {
		t.Errorf("NewEach = %v, %v; want nothing and EIO", all, err)
	}
	if now := held(t); now != before {
		t.Errorf("%d descriptors hold namespaces, %d before", now, before)
	}
	_, err = netns.NewEach(2, func(i int, ns *netns.NS) error {
		if i == 1 {
			panic("oops")
		}
		return nil
	})
	if err == nil {
		t.Error("a panic inside is no error outside")
	}
	if now := held(t); now != before {
		t.Errorf("after a panic %d descriptors hold namespaces, %d before", now, before)
	}
}

func TestClose(t *testing.T) {
	needRoot(t)
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := ns.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := ns.Do(func() error { return nil }); err == nil {
		t.Error("a closed namespace can be entered")
	}
	if err := (*netns.NS)(nil).Close(); err != nil {
		t.Errorf("closing nil: %v", err)
	}
	if err := (&netns.NS{}).Close(); err != nil {
		t.Errorf("closing the zero value: %v", err)
	}
	if _, err := os.Stdin.Stat(); err != nil {
		t.Errorf("closing the zero value closed descriptor 0: %v", err)
	}
}
