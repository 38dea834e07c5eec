package lab_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/topology"
	"github.com/lanproof/lanproof/topology/lab"
)

func TestOpen(t *testing.T) {
	plan := compile(t, small())
	var mu sync.Mutex
	var inside []string
	l := open(t, plan, lab.Options{Inside: func(n *lab.Node) error {
		mu.Lock()
		defer mu.Unlock()
		inside = append(inside, n.Name)
		return nil
	}})
	slices.Sort(inside)
	if want := []string{"a", "b", "gw", "host", "pc", "switch"}; !slices.Equal(inside, want) {
		t.Errorf("Inside was called for %v, want %v", inside, want)
	}
	for _, d := range plan.LAN.Devices {
		s := state(t, l, d.String())
		if s == nil {
			t.Errorf("there is no %s", d)
			continue
		}
		if s.Index != d.Index || s.Kind != d.Kind || s.MAC.String() != d.MAC.String() || s.Up() != d.Up {
			t.Errorf("%s is a %s with index %d, %s, up %v; want %s, %d, %s, %v", d, s.Kind, s.Index, s.MAC, s.Up(), d.Kind, d.Index, d.MAC, d.Up)
		}
		if s.Operstate != "up" {
			t.Errorf("%s is %s: it does not send yet", d, s.Operstate)
		}
	}
	if got, want := addresses(t, l, "gw/eth0"), []string{"192.168.7.254/24", "2001:db8::1/64"}; !slices.Equal(got, want) {
		t.Errorf("the router has %v, want %v", got, want)
	}
	for _, n := range l.Nodes() {
		forward := map[bool]string{true: "1", false: "0"}[n.Name == "gw"]
		v6Off := map[bool]string{true: "0", false: "1"}[n.Name == "gw"]
		for name, want := range map[string]string{
			"ipv4/ip_forward": forward, "ipv6/conf/all/forwarding": forward, "ipv6/conf/default/disable_ipv6": v6Off,
			"ipv4/conf/all/rp_filter": "0", "ipv4/conf/default/rp_filter": "0",
			"ipv4/conf/all/send_redirects": "0", "ipv4/conf/default/send_redirects": "0",
			"ipv4/conf/all/arp_ignore": "0", "ipv4/conf/default/arp_announce": "0", "ipv4/conf/all/promote_secondaries": "0",
		} {
			must(t, n.NS.Do(func() error {
				got, err := os.ReadFile("/proc/sys/net/" + name)
				if strings.TrimSpace(string(got)) != want {
					t.Errorf("%s of %s is %q, want %s", name, n.Name, got, want)
				}
				return err
			}))
		}
	}
}

// TestRoutes reads what the plan's routes have become.
func TestRoutes(t *testing.T) {
	spec := small()
	spec.Stations[0].Value.Routes = []topology.Route{{To: "10.0.0.0/8", Via: "192.168.7.254"}, {To: "172.16.0.0/12", Dev: "eth0"}}
	l := open(t, compile(t, spec), lab.Options{})
	all, err := l.Node("pc").Conn.Routes()
	must(t, err)
	var got []string
	for _, r := range all {
		if r.To.Addr().Is4() {
			got = append(got, r.To.String()+" "+r.Scope)
		}
	}
	for _, want := range []string{"10.0.0.0/8 global", "172.16.0.0/12 link", "192.168.7.0/24 link"} {
		if !slices.Contains(got, want) {
			t.Errorf("the station has the routes %q, without %q", got, want)
		}
	}
}

// TestApply takes a LAN through every operation there is.
func TestApply(t *testing.T) {
	plan := compile(t, small())
	l := open(t, plan, lab.Options{})
	for _, c := range []struct {
		name   string
		change topology.Change
		at     string
		holds  func(s *rtnl.State) bool // nil when it is to be gone
	}{
		{
			"add",
			topology.Change{Add: &topology.AddLink{Node: "b", Name: "m0", Link: topology.Link{Kind: "macvlan", Parent: "host/eth0", Mode: "source", Sources: []string{"02:00:00:00:00:05"}}}},
			"b/m0", func(s *rtnl.State) bool { return s.Mode == "source" && len(s.Sources) == 1 && s.Up() },
		},
		{
			"sources",
			topology.Change{Set: &topology.SetLink{Link: "b/m0", Sources: []string{}}},
			"b/m0", func(s *rtnl.State) bool { return len(s.Sources) == 0 },
		},
		{
			"flag",
			topology.Change{Set: &topology.SetLink{Link: "b/m0", NoDst: pointer(true)}},
			"b/m0", func(s *rtnl.State) bool { return slices.Equal(s.MacvlanFlags, []string{"nodst"}) },
		},
		{
			"mode",
			topology.Change{Set: &topology.SetLink{Link: "b/m0", Mode: "vepa"}},
			"b/m0", func(s *rtnl.State) bool { return s.Mode == "vepa" },
		},
		{
			"down",
			topology.Change{Set: &topology.SetLink{Link: "b/m0", Up: pointer(false)}},
			"b/m0", func(s *rtnl.State) bool { return !s.Up() },
		},
		{
			"mac and mtu",
			topology.Change{Set: &topology.SetLink{Link: "b/m0", MAC: "02:00:00:00:00:77", MTU: 1300, Promisc: pointer(true), Up: pointer(true)}},
			"b/m0", func(s *rtnl.State) bool {
				return s.MAC.String() == "02:00:00:00:00:77" && s.MTU == 1300 && s.Promiscuity == 1 && s.Up()
			},
		},
		{
			"move",
			topology.Change{Move: &topology.MoveLink{Link: "b/m0", To: "a", Name: "m1"}},
			"a/m1", func(s *rtnl.State) bool { return s.Kind == "macvlan" && !s.Up() },
		},
		{
			"set after move",
			topology.Change{Set: &topology.SetLink{Link: "a/m1", Up: pointer(true)}},
			"a/m1", func(s *rtnl.State) bool { return s.Up() && s.Operstate == "up" },
		},
		{"delete", topology.Change{Delete: "a/m1"}, "a/m1", nil},
		{
			"bridge",
			topology.Change{Add: &topology.AddLink{Node: "host", Name: "br0", Link: topology.Link{Kind: "bridge"}}},
			"host/br0", func(s *rtnl.State) bool { return s.Kind == "bridge" && s.Up() },
		},
		{
			"new veth",
			topology.Change{Add: &topology.AddLink{Node: "host", Name: "eth1", Link: topology.Link{Kind: "veth"}}},
			"host/eth1", func(s *rtnl.State) bool { return s.Operstate == "up" },
		},
		{
			"its port",
			topology.Change{Switch: &topology.SetSwitch{Port: "host/eth1", SwitchPort: topology.SwitchPort{Hairpin: pointer(true)}}},
			"host/eth1", func(s *rtnl.State) bool { return s.Carrier },
		},
		{
			"master",
			topology.Change{Set: &topology.SetLink{Link: "host/eth1", Master: "br0"}},
			"host/eth1", func(s *rtnl.State) bool { return s.Master != 0 },
		},
		{
			"no carrier",
			topology.Change{Switch: &topology.SetSwitch{Port: "host/eth0", SwitchPort: topology.SwitchPort{Carrier: pointer(false)}}},
			"a/eth0", func(s *rtnl.State) bool { return s.Operstate != "up" && !s.Carrier },
		},
		{
			"carrier",
			topology.Change{Switch: &topology.SetSwitch{Port: "host/eth0", SwitchPort: topology.SwitchPort{Carrier: pointer(true)}}},
			"a/eth0", func(s *rtnl.State) bool { return s.Operstate == "up" && s.Carrier },
		},
		{
			"network",
			topology.Change{Network: &topology.AddNetwork{Name: "own", Network: topology.Network{Driver: "bridge", Subnets: []topology.Subnet{{Subnet: "10.9.0.0/24", Gateway: "10.9.0.1"}}}}},
			"host/br-own", func(s *rtnl.State) bool { return s.Kind == "bridge" },
		},
		{
			"attach",
			topology.Change{Attach: &topology.Attach{Endpoint: "b", Attachment: topology.Attachment{Network: "own"}}},
			"b/eth0", func(s *rtnl.State) bool { return s.Kind == "veth" && s.Operstate == "up" },
		},
		{
			"detach",
			topology.Change{Detach: &topology.Detach{Endpoint: "b", Network: "own"}},
			"b/eth0", nil,
		},
		{"remove network", topology.Change{RemoveNetwork: "own"}, "host/br-own", nil},
	} {
		change(t, l, plan, c.change)
		s := state(t, l, c.at)
		switch {
		case c.holds == nil && s != nil:
			t.Errorf("%s: %s is there: %+v", c.name, c.at, s)
		case c.holds != nil && (s == nil || !c.holds(s)):
			t.Errorf("%s: %s is %+v", c.name, c.at, s)
		}
	}
	change(t, l, plan, topology.Change{Address: &topology.SetAddress{Link: "pc/eth0", Address: "10.1.0.1/16"}})
	if got, want := addresses(t, l, "pc/eth0"), []string{"10.1.0.1/16", "192.168.7.9/24"}; !slices.Equal(got, want) {
		t.Errorf("the station has %v, want %v", got, want)
	}
	change(t, l, plan, topology.Change{RemoveAddress: &topology.SetAddress{Link: "pc/eth0", Address: "192.168.7.9/24"}})
	if got, want := addresses(t, l, "pc/eth0"), []string{"10.1.0.1/16"}; !slices.Equal(got, want) {
		t.Errorf("the station has %v, want %v", got, want)
	}
}

// TestIPv6InAStep gives an IPv6 address to a node that was made without IPv6.
func TestIPv6InAStep(t *testing.T) {
	plan := compile(t, small())
	l := open(t, plan, lab.Options{})
	change(t, l, plan, topology.Change{Address: &topology.SetAddress{Link: "pc/eth0", Address: "2001:db8::9/64"}})
	if got, want := addresses(t, l, "pc/eth0"), []string{"192.168.7.9/24", "2001:db8::9/64"}; !slices.Equal(got, want) {
		t.Errorf("the station has %v, want %v", got, want)
	}
}

func TestErrorsSayWhatWasAttempted(t *testing.T) {
	plan := compile(t, small())
	l := open(t, plan, lab.Options{})
	next, err := plan.Change(&topology.Change{Set: &topology.SetLink{Link: "a/eth0", MTU: 9000}})
	if err != nil || len(next.Ops) != 1 {
		t.Fatalf("the plan is %v, %v", next, err)
	}
	if err := l.Apply(next.Ops[0]); !errors.Is(err, unix.EINVAL) {
		t.Errorf("an MTU above the parent's gives %v, want EINVAL", err)
	}
	if err := l.Apply(topology.SetPort{Port: topology.Port{Name: "p99"}}); err == nil {
		t.Error("a port that is not there can be set")
	}
}

// TestFailureLeavesNothing breaks the building at several moments.
func TestFailureLeavesNothing(t *testing.T) {
	needRoot(t)
	ghost := &topology.Device{Ref: topology.Ref{Node: "host", Link: "ghost"}, Index: 9999}
	for name, at := range map[string]int{"first": 0, "in the middle": 9, "last": -1} {
		plan := compile(t, small())
		if at < 0 {
			at = len(plan.Ops)
		}
		plan.Ops = slices.Insert(plan.Ops, at, topology.Op(topology.DeleteLink{Device: ghost}))
		before := held(t)
		l, err := lab.Open(plan, lab.Options{})
		if l != nil || !errors.Is(err, unix.ENODEV) || !strings.Contains(err.Error(), "ip -n host link delete dev ghost") {
			t.Errorf("%s: Open = %v, %v; want ENODEV and the command", name, l, err)
		}
		if now := held(t); now != before {
			t.Errorf("%s: %d descriptors are held, %d before", name, now, before)
		}
	}
	before := held(t)
	if _, err := lab.Open(compile(t, small()), lab.Options{Inside: func(n *lab.Node) error {
		if n.Name == "a" {
			return unix.EIO
		}
		return nil
	}}); !errors.Is(err, unix.EIO) {
		t.Errorf("Inside fails and Open says %v", err)
	}
	if now := held(t); now != before {
		t.Errorf("%d descriptors are held, %d before", now, before)
	}
}

func TestCloseTwice(t *testing.T) {
	needRoot(t)
	before := held(t)
	l, err := lab.Open(compile(t, small()), lab.Options{})
	must(t, err)
	must(t, l.Close())
	must(t, l.Close())
	if now := held(t); now != before {
		t.Errorf("%d descriptors are held, %d before", now, before)
	}
}

// privately runs a test in a mount namespace of its own with an empty /run.
func privately(t *testing.T, test func()) {
	t.Helper()
	elsewhere(t, func(*netns.NS, *rtnl.Conn) {
		for _, err := range []error{
			unix.Unshare(unix.CLONE_NEWNS),
			unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
			unix.Mount("tmpfs", "/run", "tmpfs", 0, ""),
		} {
			if err != nil {
				t.Errorf("make a mount namespace: %v", err)
				return
			}
		}
		test()
	})
}

func TestKeep(t *testing.T) {
	privately(t, func() {
		if names, err := lab.CleanKept(); err != nil || len(names) > 0 {
			t.Errorf("with nothing kept CleanKept = %v, %v", names, err)
		}
		l, err := lab.Open(compile(t, small()), lab.Options{})
		if err != nil {
			t.Error(err)
			return
		}
		names, err := l.Keep("case@mode=bridge")
		if err != nil || len(names) != 6 {
			t.Errorf("Keep = %v, %v; want six names", names, err)
		}
		if _, err := l.Keep("case@mode=bridge"); !errors.Is(err, unix.EEXIST) {
			t.Errorf("keeping under a name that is taken gives %v, want EEXIST", err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		for _, name := range names {
			var st unix.Statfs_t
			if err := unix.Statfs("/run/netns/"+name, &st); err != nil || st.Type != unix.NSFS_MAGIC {
				t.Errorf("%s is no namespace any more: %v", name, err)
			}
		}
		// What is not ours, and what a run left that died in between.
		for _, name := range []string{"/run/netns/other", "/run/netns/lanproof-dead"} {
			if err := os.WriteFile(name, nil, 0o444); err != nil {
				t.Error(err)
			}
		}
		cleaned, err := lab.CleanKept()
		if want := slices.Sorted(slices.Values(append(names, "lanproof-dead"))); err != nil || !slices.Equal(slices.Sorted(slices.Values(cleaned)), want) {
			t.Errorf("CleanKept = %v, %v; want %v", cleaned, err, want)
		}
		left, err := os.ReadDir("/run/netns")
		if err != nil || len(left) != 1 || left[0].Name() != "other" {
			t.Errorf("left are %v, %v; want what is not ours", left, err)
		}
	})
}

// A device whose name is taken is refused, and the one that has the name is
// still what others stand on.
func TestRefusedNameKeepsTheFirst(t *testing.T) {
	plan := compile(t, small())
	l := open(t, plan, lab.Options{})
	twice, err := plan.Change(&topology.Change{Add: &topology.AddLink{Node: "host", Name: "eth0", Link: topology.Link{Kind: "bridge"}}})
	must(t, err)
	for _, op := range twice.Ops {
		if err = l.Apply(op); err != nil {
			break
		}
	}
	if !errors.Is(err, unix.EEXIST) {
		t.Fatalf("a second host/eth0 met %v", err)
	}
	change(t, l, plan, topology.Change{Add: &topology.AddLink{Node: "b", Name: "mv0", Link: topology.Link{Kind: "macvlan", Parent: "host/eth0", Mode: "bridge"}}})
}

// TestDeleteNode lets a node's namespace go, and with it a child whose parent is
// elsewhere.
func TestDeleteNode(t *testing.T) {
	plan := compile(t, small())
	l := open(t, plan, lab.Options{})
	next, err := plan.Change(&topology.Change{RemoveNode: "a"})
	must(t, err)
	before, err := l.Node("host").Conn.Links()
	must(t, err)
	for _, op := range next.Ops {
		must(t, l.Apply(op))
	}
	plan.Commit(next)
	must(t, l.Settle())
	if l.Node("a") != nil || plan.LAN.Main("a") != nil {
		t.Error("the node is still there")
	}
	after, err := l.Node("host").Conn.Links()
	must(t, err)
	if len(after) != len(before) {
		t.Errorf("the host has %d devices, and had %d", len(after), len(before))
	}
}
