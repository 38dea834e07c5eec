package lab_test

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/topology"
	"github.com/lanproof/lanproof/topology/lab"
)

func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("making network namespaces needs root")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func compile(t *testing.T, s *topology.Spec) *topology.Plan {
	t.Helper()
	plan, problems := topology.Compile(s, "1")
	if len(problems) > 0 {
		t.Fatalf("the spec has problems: %v", problems)
	}
	return plan
}

// named makes a list of one.
func named[T any](name string, v T) topology.Named[T] {
	return topology.Named[T]{{Name: name, Value: v}}
}

// small is a host with a macvlan network on a veth, two endpoints, a station
// and a router.
func small() *topology.Spec {
	return &topology.Spec{
		Hosts: named("host", topology.Host{Parents: named("eth0", topology.Link{Addresses: []string{"192.168.7.1/24"}})}),
		Networks: named("net", topology.Network{Driver: "macvlan", Parent: "eth0", Subnets: []topology.Subnet{{
			Subnet: "192.168.7.0/24", Gateway: "192.168.7.254", IPRange: "192.168.7.64/26",
		}}}),
		Endpoints: topology.Named[topology.Endpoint]{{Name: "a", Value: topology.Endpoint{Network: "net"}}, {Name: "b", Value: topology.Endpoint{}}},
		Stations:  named("pc", topology.Station{Addresses: []string{"192.168.7.9/24"}}),
		Routers:   named("gw", topology.Station{Addresses: []string{"192.168.7.254/24", "2001:db8::1/64"}}),
	}
}

// open opens a lab and closes it with the test.
func open(t *testing.T, plan *topology.Plan, o lab.Options) *lab.Lab {
	t.Helper()
	needRoot(t)
	l, err := lab.Open(plan, o)
	must(t, err)
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// change carries a change out as package run does.
func change(t *testing.T, l *lab.Lab, plan *topology.Plan, c topology.Change) {
	t.Helper()
	next, err := plan.Change(&c)
	must(t, err)
	for _, op := range next.Ops {
		must(t, l.Apply(op))
	}
	plan.Commit(next)
	must(t, l.Settle())
}

// state is a device by NODE/LINK, nil when there is none.
func state(t *testing.T, l *lab.Lab, ref string) *rtnl.State {
	t.Helper()
	r := topology.ParseRef(ref, "")
	all, err := l.Node(r.Node).Conn.Links()
	must(t, err)
	for _, s := range all {
		if s.Name == r.Link {
			return s
		}
	}
	return nil
}

func addresses(t *testing.T, l *lab.Lab, ref string) []string {
	t.Helper()
	r, s := topology.ParseRef(ref, ""), state(t, l, ref)
	all, err := l.Node(r.Node).Conn.Addresses()
	must(t, err)
	var out []string
	for _, a := range all {
		if a.Index == s.Index {
			out = append(out, a.Prefix.String())
		}
	}
	return slices.Sorted(slices.Values(out))
}

// held counts the descriptors of this process that hold namespaces, and its sockets.
func held(t *testing.T) (n int) {
	t.Helper()
	paths, err := filepath.Glob("/proc/self/fd/*")
	must(t, err)
	for _, p := range paths {
		if s, err := os.Readlink(p); err == nil && (strings.HasPrefix(s, "net:") || strings.HasPrefix(s, "socket:")) {
			n++
		}
	}
	return n
}

// elsewhere runs a test in a namespace of its own, which plays the real machine.
func elsewhere(t *testing.T, test func(home *netns.NS, c *rtnl.Conn)) {
	t.Helper()
	needRoot(t)
	home, err := netns.New()
	must(t, err)
	defer home.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends in the namespace
		err := home.Do(func() error {
			c, err := rtnl.OpenHere()
			if err != nil {
				return err
			}
			defer c.Close()
			test(home, c)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}()
	<-done
}

func pointer[T any](v T) *T { return &v }
