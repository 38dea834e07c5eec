package lab_test

import (
	"errors"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/topology"
	"github.com/lanproof/lanproof/topology/lab"
)

const (
	portIndex = 42
	portMAC   = "02:00:00:00:00:42"
)

// withPort runs a test on a machine with one real port, a veth in truth, whose
// other end is up.
func withPort(t *testing.T, up bool, test func(c *rtnl.Conn)) {
	t.Helper()
	t.Setenv("LANPROOF_STATE", t.TempDir())
	elsewhere(t, func(_ *netns.NS, c *rtnl.Conn) {
		for _, err := range []error{
			c.NewLink(&rtnl.Link{Name: "enp1s0", Kind: "veth", Index: portIndex, MAC: []byte{2, 0, 0, 0, 0, 0x42}, MTU: 1450, Peer: &rtnl.Link{Name: "cable", Index: 43}}),
			c.SetLink(43, &rtnl.Change{Up: pointer(true)}),
			c.SetLink(portIndex, &rtnl.Change{Up: &up}),
		} {
			if err != nil {
				t.Error(err)
				return
			}
		}
		test(c)
	})
}

// nicSpec is a host whose parent is a real port, with a passthru child that
// takes over the port's address.
func nicSpec(mode string) *topology.Spec {
	return &topology.Spec{
		Hosts:     named("host", topology.Host{Parents: named("eth0", topology.Link{Kind: "nic", MTU: 1300, Addresses: []string{"192.168.7.1/24"}})}),
		Networks:  named("net", topology.Network{Driver: "macvlan", Parent: "eth0", MacvlanMode: mode, Subnets: []topology.Subnet{{Subnet: "192.168.7.0/24"}}}),
		Endpoints: named("a", topology.Endpoint{Network: "net", MAC: "02:00:00:00:00:99"}),
	}
}

// checkHome holds the port against what it was before.
func checkHome(t *testing.T, c *rtnl.Conn, up bool) {
	t.Helper()
	s, err := c.LinkByName("enp1s0")
	if err != nil {
		t.Errorf("the port did not come back: %v", err)
		return
	}
	if s.Index != portIndex || s.MAC.String() != portMAC || s.MTU != 1450 || s.Up() != up || s.Promiscuity != 0 {
		t.Errorf("the port came back with index %d, %s, MTU %d, up %v, promiscuity %d; want %d, %s, 1450, %v, 0",
			s.Index, s.MAC, s.MTU, s.Up(), s.Promiscuity, portIndex, portMAC, up)
	}
}

func TestBorrow(t *testing.T) {
	for _, up := range []bool{true, false} {
		for _, mode := range []string{"bridge", "passthru"} {
			withPort(t, up, func(c *rtnl.Conn) {
				plan, problems := topology.Compile(nicSpec(mode), "1")
				if len(problems) > 0 {
					t.Error(problems)
					return
				}
				l, err := lab.Open(plan, lab.Options{NICs: map[string]string{"eth0": "enp1s0"}})
				if err != nil {
					t.Errorf("%s: %v", mode, err)
					return
				}
				s := state(t, l, "host/eth0")
				if s.Index != plan.LAN.Device(topology.Ref{Node: "host", Link: "eth0"}).Index || !s.Carrier || s.MTU != 1300 {
					t.Errorf("%s: in its node the port is %+v", mode, s)
				}
				if got := addresses(t, l, "host/eth0"); !slices.Equal(got, []string{"192.168.7.1/24"}) {
					t.Errorf("%s: in its node the port has %v", mode, got)
				}
				if _, err := c.LinkByName("enp1s0"); !errors.Is(err, unix.ENODEV) {
					t.Errorf("%s: the port is still at home: %v", mode, err)
				}
				if err := l.Close(); err != nil {
					t.Errorf("%s: %v", mode, err)
				}
				checkHome(t, c, up)
			})
		}
	}
}

// TestBorrowWhatMoves gives back a port that a step has moved to another node.
func TestBorrowWhatMoves(t *testing.T) {
	withPort(t, true, func(c *rtnl.Conn) {
		spec := nicSpec("bridge")
		spec.Networks, spec.Endpoints = nil, named("a", topology.Endpoint{})
		plan, problems := topology.Compile(spec, "1")
		if len(problems) > 0 {
			t.Error(problems)
			return
		}
		l, err := lab.Open(plan, lab.Options{NICs: map[string]string{"eth0": "enp1s0"}})
		if err != nil {
			t.Error(err)
			return
		}
		change(t, l, plan, topology.Change{Set: &topology.SetLink{Link: "host/eth0", MAC: "02:00:00:00:00:55", Promisc: pointer(true)}})
		change(t, l, plan, topology.Change{Move: &topology.MoveLink{Link: "host/eth0", To: "a", Name: "lan"}})
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		checkHome(t, c, true)
	})
}

// TestBorrowComesBackAfterFailure breaks the building after the port was moved,
// and when its index at home was taken meanwhile.
func TestBorrowComesBackAfterFailure(t *testing.T) {
	withPort(t, true, func(c *rtnl.Conn) {
		plan, problems := topology.Compile(nicSpec("bridge"), "1")
		if len(problems) > 0 {
			t.Error(problems)
			return
		}
		plan.Ops = append(plan.Ops, topology.DeleteLink{Device: &topology.Device{Ref: topology.Ref{Node: "host", Link: "ghost"}, Index: 9999}})
		if _, err := lab.Open(plan, lab.Options{NICs: map[string]string{"eth0": "enp1s0"}}); !errors.Is(err, unix.ENODEV) {
			t.Errorf("Open gives %v, want ENODEV", err)
		}
		checkHome(t, c, true)
		for name, nics := range map[string]map[string]string{"none named": nil, "no such port": {"eth0": "nope"}} {
			if _, err := lab.Open(compilePlan(t, nicSpec("bridge")), lab.Options{NICs: nics}); err == nil {
				t.Errorf("%s: Open succeeds", name)
			}
			checkHome(t, c, true)
		}
	})
	withPort(t, true, func(c *rtnl.Conn) {
		l, err := lab.Open(compilePlan(t, nicSpec("bridge")), lab.Options{NICs: map[string]string{"eth0": "enp1s0"}})
		if err != nil {
			t.Error(err)
			return
		}
		if err := c.NewLink(&rtnl.Link{Name: "thief", Kind: "bridge", Index: portIndex}); err != nil {
			t.Error(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if s, err := c.LinkByName("enp1s0"); err != nil || s.MAC.String() != portMAC || !s.Up() {
			t.Errorf("the port came back as %+v, %v", s, err)
		}
	})
}

// compilePlan is compile for goroutines that must not end the test.
func compilePlan(t *testing.T, s *topology.Spec) *topology.Plan {
	t.Helper()
	plan, problems := topology.Compile(s, "1")
	if len(problems) > 0 {
		t.Error(problems)
	}
	return plan
}
