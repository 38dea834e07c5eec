// Package enginetest has what the tests of all engines need: a host for them, and a look
// at what they have built on it.
package enginetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/engine"
	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/topology"
)

// NewHost is a host's namespace with a parent eth0 that has a carrier.
func NewHost() (*netns.NS, error) {
	all, err := netns.NewEach(1, func(int, *netns.NS) error {
		c, err := rtnl.OpenHere()
		if err != nil {
			return err
		}
		defer c.Close()
		if err := c.NewLink(&rtnl.Link{Name: "eth0", Kind: "veth", Index: 100, Peer: &rtnl.Link{Name: "wire", Index: 101}}); err != nil {
			return err
		}
		up := true
		for _, index := range []int{1, 101, 100} {
			if err := c.SetLink(index, &rtnl.Change{Up: &up}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// Started is an engine on a host of its own. The test is skipped where the machine has no
// such engine, or does not let it run.
func Started(t *testing.T, i engine.Installation, err error) (engine.Engine, *netns.NS) {
	t.Helper()
	skip := func(err error) {
		var none *engine.Unavailable
		if errors.As(err, &none) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	skip(err)
	host, err := NewHost()
	if err != nil {
		t.Skip(err)
	}
	e, err := i.Start(t.Context(), host)
	skip(err)
	t.Cleanup(func() {
		if err := errors.Join(e.Close(), e.Close(), host.Close()); err != nil {
			t.Error(err)
		}
	})
	return e, host
}

// Begin has a container run on a network lan of an engine, outside of a test that would
// end it, and returns the container's namespace.
func Begin(find func(context.Context) (engine.Installation, error), lan *topology.Network) (*netns.NS, error) {
	ctx := context.Background()
	i, err := find(ctx)
	if err != nil {
		return nil, err
	}
	host, err := NewHost()
	if err != nil {
		return nil, err
	}
	e, err := i.Start(ctx, host)
	if err != nil {
		return nil, err
	}
	if err := e.Network(ctx, "lan", lan); err != nil {
		return nil, err
	}
	return e.Endpoint(ctx, "a", &topology.Attachment{Network: "lan"})
}

// Endpoints has an engine run two containers on a network lan, of which one has a MAC
// address of its own and is on a second network as well, and holds what was built against
// what is wanted. They leave again, and nothing of them stays.
func Endpoints(t *testing.T, e engine.Engine, lan *topology.Network, want []string) {
	t.Helper()
	ctx := t.Context()
	second := &topology.Network{Driver: "macvlan", Parent: "eth0", MacvlanMode: "private", Internal: true, Subnets: []topology.Subnet{{Subnet: "10.0.0.0/8"}}}
	for name, n := range map[string]*topology.Network{"lan": lan, "second": second} {
		if err := e.Network(ctx, name, n); err != nil {
			t.Fatal(err, e.Log())
		}
	}
	a, err := e.Endpoint(ctx, "a", &topology.Attachment{Network: "lan", MAC: "02:00:00:00:00:0a"})
	if err != nil {
		t.Fatal(err, e.Log())
	}
	defer a.Close() //nolint:errcheck // of a test
	if err := e.Attach(ctx, "a", topology.Attachment{Network: "second", Name: "other0", IP: "10.1.2.3"}); err != nil {
		t.Fatal(err)
	}
	b, err := e.Endpoint(ctx, "b", &topology.Attachment{Network: "lan"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close() //nolint:errcheck // of a test
	if diff := cmp.Diff(want, append(Built(t, a), Built(t, b)...)); diff != "" {
		t.Error(diff)
	}
	if mac := MAC(t, a, "eth0").String(); mac != "02:00:00:00:00:0a" {
		t.Errorf("its MAC address is %s", mac)
	}
	if err := e.Detach(ctx, "a", "lan"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"other0 macvlan private 10.1.2.3/8"}, Built(t, a)); diff != "" {
		t.Error(diff)
	}
	if err := errors.Join(e.RemoveEndpoint(ctx, "b"), e.RemoveEndpoint(ctx, "a"), e.RemoveEndpoint(ctx, "a")); err != nil {
		t.Fatal(err)
	}
	if words := append(Built(t, a), Built(t, b)...); words != nil {
		t.Errorf("left: %q", words)
	}
	if err := e.RemoveNetwork(ctx, "lan"); err != nil {
		t.Fatal(err)
	}
}

// look calls fn with what talks to the kernel of a namespace.
func look(t *testing.T, ns *netns.NS, fn func(c *rtnl.Conn) error) {
	t.Helper()
	err := ns.Do(func() error {
		c, err := rtnl.OpenHere()
		if err != nil {
			return err
		}
		defer c.Close()
		return fn(c)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Built is what a namespace has, in words: each device with its kind, mode and addresses,
// and then the default routes.
func Built(t *testing.T, ns *netns.NS) (words []string) {
	t.Helper()
	look(t, ns, func(c *rtnl.Conn) error {
		links, err := c.Links()
		if err != nil {
			return err
		}
		addresses, err := c.Addresses()
		if err != nil {
			return err
		}
		routes, err := c.Routes()
		if err != nil {
			return err
		}
		for _, l := range links {
			if l.Name == "lo" {
				continue
			}
			text := []string{l.Name, l.Kind, l.Mode}
			for _, a := range addresses {
				if a.Index == l.Index && !a.LinkLocal() {
					text = append(text, a.Prefix.String())
				}
			}
			words = append(words, strings.Join(text, " "))
		}
		for _, r := range routes {
			if r.To.Bits() == 0 {
				words = append(words, fmt.Sprintf("default via %s", r.Via))
			}
		}
		return nil
	})
	return words
}

// MAC is the address of a device.
func MAC(t *testing.T, ns *netns.NS, name string) (mac net.HardwareAddr) {
	t.Helper()
	look(t, ns, func(c *rtnl.Conn) error {
		l, err := c.LinkByName(name)
		if err == nil {
			mac = l.MAC
		}
		return err
	})
	return mac
}

// NextAddress runs two containers on a network one after the other, of which the first has
// gone, and returns what was built for each.
func NextAddress(t *testing.T, e engine.Engine, network string) (built []string) {
	t.Helper()
	for _, name := range []string{"first", "second"} {
		ns, err := e.Endpoint(t.Context(), name, &topology.Attachment{Network: network})
		if err != nil {
			t.Fatal(err)
		}
		built = append(built, Built(t, ns)[0])
		if err := errors.Join(e.RemoveEndpoint(t.Context(), name), ns.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return built
}

// endLimit is how long the processes of an engine may take to end.
const endLimit = 20 * time.Second

// Killed starts this test's binary with a variable set, kills it once it has written a
// line with the number of a namespace (netns.NS.Inode), and sees to it that what is in
// that namespace ends.
func Killed(t *testing.T, variable string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env, cmd.Stderr = append(os.Environ(), variable+"=1"), os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var inode uint32
	_, err = fmt.Fscan(out, &inode)
	held := processesIn(t, inode)
	if killed := cmd.Process.Kill(); killed != nil {
		t.Fatal(killed)
	}
	_ = cmd.Wait()
	if err != nil || len(held) == 0 {
		t.Fatalf("there is nothing in the namespace %d: %v", inode, err)
	}
	for _, fd := range held {
		if err := ended(fd); err != nil {
			t.Errorf("a process goes on: %v", err)
		}
		_ = unix.Close(fd)
	}
}

// ended waits for the end of a process.
func ended(fd int) error {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(endLimit.Milliseconds()))
		switch {
		case errors.Is(err, unix.EINTR): // a signal of Go's own scheduler
		case err == nil && n == 0:
			return unix.ETIMEDOUT
		default:
			return err
		}
	}
}

// processesIn are descriptors of the processes in a namespace.
func processesIn(t *testing.T, inode uint32) (held []int) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		if at, err := os.Readlink(path); err != nil || at != fmt.Sprintf("net:[%d]", inode) {
			continue // most are elsewhere, and some have ended
		}
		pid, err := strconv.Atoi(strings.Split(path, "/")[2])
		if err != nil {
			t.Fatal(err)
		}
		fd, err := unix.PidfdOpen(pid, 0)
		if errors.Is(err, unix.ESRCH) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, fd)
	}
	return held
}
