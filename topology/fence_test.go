package topology

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// told of a fence: where it is sent, what it is, and what it reaches.
func (f Fence) tell(l *LAN) string {
	var b strings.Builder
	b.WriteString(f.At.String())
	for _, tag := range f.Tags {
		fmt.Fprintf(&b, " %x:%d", tag.TPID, tag.VID)
	}
	if f.Source != nil {
		b.WriteString(" from " + l.owner(f.Source))
	}
	if f.Dest != nil {
		b.WriteString(" to " + l.owner(f.Dest))
	}
	if f.IP.IsValid() {
		b.WriteString(" ip " + f.IP.String())
	}
	if f.Socket {
		b.WriteString(" socket")
	}
	b.WriteString(" >")
	for _, r := range f.Reaches {
		b.WriteString(" " + r.String())
	}
	return b.String()
}

// owner is the first device that has the address.
func (l *LAN) owner(m []byte) string {
	for _, d := range l.Devices {
		if slices.Equal(d.MAC, m) {
			return d.String()
		}
	}
	return "nobody"
}

// onParent is a host with eth0 on the LAN and these devices on it.
func onParent(pairs ...any) *Spec { return &Spec{Hosts: oneHost(pairs...)} }

func mv(mode string) Link { return Link{Kind: "macvlan", Parent: "eth0", Mode: mode} }

func vl(parent string, id int) Link { return Link{Kind: "vlan", Parent: parent, ID: &id} }

func TestFences(t *testing.T) {
	ipv := func(parent, mode, address string) Link {
		return Link{Kind: "ipvlan", Parent: parent, Mode: mode, Addresses: strings.Fields(address)}
	}
	down := func(l Link) Link { l.Down = true; return l }
	withDown := func(name string, s *Spec) *Spec {
		for i, item := range s.Hosts[0].Value.Parents {
			if item.Name == name {
				s.Hosts[0].Value.Parents[i].Value.Down = true
			}
		}
		return s
	}
	for name, c := range map[string]struct {
		spec *Spec
		want []string
	}{
		"all modes hear a broadcast": {
			onParent("a", mv("private"), "b", mv("vepa"), "c", mv("bridge")),
			[]string{"switch/p1 > host/eth0 host/a host/b host/c"},
		},
		"passthru": {onParent("a", mv("passthru")), []string{"switch/p1 > host/eth0 host/a"}},
		"source": {
			&Spec{Stations: stations("lan", Station{}), Hosts: oneHost("a", Link{Kind: "macvlan", Parent: "eth0", Mode: "source", Sources: []string{"lan/eth0"}}, "b", mv("source"))},
			[]string{"switch/p1 > lan/eth0", "switch/p2 > host/eth0", "switch/p2 from lan/eth0 to host/a > host/a"},
		},
		"no queue for broadcasts": {
			onParent("a", Link{Kind: "macvlan", Parent: "eth0", Mode: "bridge", BCQueueLen: ptr(0)}),
			[]string{"switch/p1 > host/eth0", "switch/p1 to host/a > host/a"},
		},
		"a queue that another asks for": {
			onParent("a", Link{Kind: "macvlan", Parent: "eth0", BCQueueLen: ptr(0)}, "b", mv("")),
			[]string{"switch/p1 > host/eth0 host/a host/b"},
		},
		"child that is down": {onParent("a", mv("bridge"), "b", down(mv("bridge"))), []string{"switch/p1 > host/eth0 host/a"}},
		"ipvlan l2":          {onParent("a", ipv("eth0", "l2", "10.0.0.1/24"), "b", ipv("eth0", "l2", "")), []string{"switch/p1 > host/eth0 host/a host/b"}},
		"ipvlan l3": {
			onParent("a", ipv("eth0", "l3", "10.0.0.1/24"), "b", ipv("eth0", "l3", "")),
			[]string{"switch/p1 > host/eth0", "switch/p1 to host/eth0 ip 10.0.0.1 > host/a"},
		},
		"ipvlan l3s": {onParent("a", ipv("eth0", "l3s", "fd00::1/64")), []string{"switch/p1 > host/eth0", "switch/p1 to host/eth0 ip fd00::1 socket > host/a"}},
		"vlan":       {onParent("v", vl("eth0", 10)), []string{"switch/p1 > host/eth0", "switch/p1 8100:10 > host/v"}},
		"vlan 0":     {onParent("v", vl("eth0", 0)), []string{"switch/p1 > host/eth0", "switch/p1 8100:0 > host/v"}},
		"stacked vlan": {
			onParent("s", Link{Kind: "vlan", Parent: "eth0", ID: ptr(10), Protocol: "802.1ad"}, "c", vl("s", 20), "m", Link{Kind: "macvlan", Parent: "c"}),
			[]string{"switch/p1 > host/eth0", "switch/p1 88a8:10 > host/s", "switch/p1 88a8:10 8100:20 > host/c host/m"},
		},
		"macvlan on a vlan, and beside it": {
			onParent("v", vl("eth0", 10), "m", Link{Kind: "macvlan", Parent: "v"}, "n", mv("bridge")),
			[]string{"switch/p1 > host/eth0 host/n", "switch/p1 8100:10 > host/v host/m"},
		},
		"vlan on a macvlan": {onParent("m", mv("bridge"), "v", vl("m", 10)), []string{"switch/p1 > host/eth0 host/m", "switch/p1 8100:10 > host/v"}},
		"vlan on a source macvlan": {
			&Spec{Hosts: oneHost("m", Link{Kind: "macvlan", Parent: "eth0", Mode: "source", Sources: []string{"02:00:00:00:00:01"}}, "v", vl("m", 10), "n", Link{Kind: "macvlan", Parent: "v"}, "o", Link{Kind: "macvlan", Parent: "v", Mode: "source", Sources: []string{"02:00:00:00:00:02"}})},
			[]string{"switch/p1 > host/eth0", "switch/p1 from nobody to host/m > host/m", "switch/p1 8100:10 from nobody to host/m > host/v"},
		},
		"a vlan that is down swallows": {onParent("v", down(vl("eth0", 10)), "m", Link{Kind: "macvlan", Parent: "v"}), []string{"switch/p1 > host/eth0"}},
		"parent down":                  {withDown("eth0", onParent("a", mv("bridge"), "b", mv("bridge"))), nil},
		"no carrier": {
			&Spec{Hosts: oneHost("a", mv("bridge"), "b", mv("bridge")), Switch: Switch{Ports: list[SwitchPort]("host/eth0", SwitchPort{Carrier: ptr(false)})}},
			nil,
		},
		"bridge parent with a port": {
			onParent("br", Link{Kind: "bridge", Ports: []string{"eth0"}}, "m", Link{Kind: "macvlan", Parent: "br", Mode: "bridge"}, "v", vl("br", 5), "w", vl("eth0", 6)),
			[]string{"switch/p1 > host/eth0 host/br host/m", "switch/p1 8100:6 > host/w", "switch/p1 8100:5 > host/v"},
		},
		"a port's own children hear nothing but tags": {
			onParent("m", mv("bridge"), "s", Link{Kind: "macvlan", Parent: "eth0", Mode: "source", Sources: []string{"02:00:00:00:00:01"}},
				"i", ipv("eth0", "l3", "10.0.0.1/24"), "w", vl("eth0", 6), "br", Link{Kind: "bridge", Ports: []string{"eth0"}}),
			[]string{"switch/p1 > host/eth0 host/br", "switch/p1 8100:6 > host/w"},
		},
		"bridge that is down": {
			onParent("br", Link{Kind: "bridge", Down: true, Ports: []string{"eth0"}}, "m", Link{Kind: "macvlan", Parent: "br"}),
			[]string{"switch/p1 > host/eth0"},
		},
		"bridge without a port": {
			&Spec{Hosts: hosts("host", Host{Parents: links("br", Link{Kind: "bridge"}, "m", Link{Kind: "macvlan", Parent: "br", Mode: "bridge"}, "n", Link{Kind: "macvlan", Parent: "br", Mode: "bridge"})})},
			nil,
		},
		"bridge on a macvlan": {
			&Spec{Hosts: oneHost(), Endpoints: endpoints("a", Endpoint{Links: links("m", Link{Kind: "macvlan", Parent: "host/eth0", Mode: "passthru"}, "br", Link{Kind: "bridge", Ports: []string{"m"}})})},
			[]string{"switch/p1 > host/eth0 a/m a/br"},
		},
		"docker bridge": {
			&Spec{Hosts: hosts("host", Host{}), Networks: networks("n", Network{Driver: "bridge"}), Endpoints: endpoints("a", on("n"), "b", on("n"))},
			[]string{
				"a/eth0 > host/veth-a host/br-n b/eth0", "host/veth-a > a/eth0",
				"b/eth0 > host/veth-b host/br-n a/eth0", "host/veth-b > b/eth0",
			},
		},
		"a third on a docker bridge": {
			&Spec{Hosts: hosts("host", Host{}), Networks: networks("n", Network{Driver: "bridge"}), Endpoints: endpoints("a", on("n"), "b", on("n"), "c", on("n"))},
			[]string{
				"a/eth0 > host/veth-a host/br-n b/eth0 c/eth0", "host/veth-a > a/eth0",
				"b/eth0 > host/veth-b host/br-n a/eth0 c/eth0", "host/veth-b > b/eth0",
				"c/eth0 to host/veth-c > host/veth-c", "host/veth-c > c/eth0",
			},
		},
		"siblings on a dummy": {
			&Spec{Hosts: hosts("host", Host{}), Networks: networks("n", Network{Driver: "macvlan"}), Endpoints: endpoints("a", on("n"), "b", on("n"), "c", Endpoint{Network: "n"})},
			[]string{"a/eth0 > b/eth0 c/eth0", "b/eth0 > a/eth0 c/eth0"},
		},
		"a dummy that is down": {
			withDown("d", &Spec{Hosts: hosts("host", Host{Parents: links("d", Link{Kind: "dummy"}, "m", Link{Kind: "macvlan", Parent: "d", Mode: "bridge"}, "n", Link{Kind: "macvlan", Parent: "d", Mode: "bridge"})})}),
			[]string{"host/m > host/n", "host/n > host/m"},
		},
		"siblings that do not talk": {
			&Spec{Hosts: hosts("host", Host{}), Networks: networks("n", Network{Driver: "macvlan", MacvlanMode: "private"}), Endpoints: endpoints("a", on("n"), "b", on("n"))},
			nil,
		},
		"vlan on siblings": {
			&Spec{Hosts: hosts("host", Host{Parents: links("d", Link{Kind: "dummy"})}), Endpoints: endpoints(
				"a", Endpoint{Links: links("m", Link{Kind: "macvlan", Parent: "host/d", Mode: "bridge"})},
				"b", Endpoint{Links: links("m", Link{Kind: "macvlan", Parent: "host/d", Mode: "bridge"}, "v", vl("m", 9))})},
			[]string{"a/m > b/m", "a/m 8100:9 > b/v", "b/m > a/m"},
		},
		"siblings of a vlan on a dummy": {
			&Spec{Hosts: hosts("host", Host{Parents: links("eth0", Link{Kind: "dummy"})}), Networks: networks("n", Network{Driver: "ipvlan", IpvlanFlag: "private", Parent: "eth0.9"}), Endpoints: endpoints("a", on("n"), "b", on("n"))},
			[]string{"a/eth0 > b/eth0", "b/eth0 > a/eth0"},
		},
		"ipvlan l3 on a dummy": {
			&Spec{Hosts: hosts("host", Host{}), Networks: networks("n", Network{Driver: "ipvlan", IpvlanMode: "l3", Subnets: []Subnet{{Subnet: "10.0.0.0/24"}}}), Endpoints: endpoints("a", on("n"), "b", on("n"), "c", on("n"))},
			[]string{"a/eth0 to DUMMY ip 10.0.0.2 > b/eth0", "a/eth0 to DUMMY ip 10.0.0.3 > c/eth0", "b/eth0 to DUMMY ip 10.0.0.1 > a/eth0"},
		},
		"ipvlan l3 private on a dummy": {
			&Spec{Hosts: hosts("host", Host{}), Networks: networks("n", Network{Driver: "ipvlan", IpvlanMode: "l3", IpvlanFlag: "private", Subnets: []Subnet{{Subnet: "10.0.0.0/24"}}}), Endpoints: endpoints("a", on("n"), "b", on("n"))},
			nil,
		},
		"siblings on a real port": {
			&Spec{Hosts: hosts("host", Host{Parents: links("eth0", Link{Kind: "nic"})}), Networks: networks("n", Network{Driver: "macvlan", Parent: "eth0"}), Endpoints: endpoints("a", on("n"), "b", on("n"))},
			[]string{"a/eth0 > b/eth0", "b/eth0 > a/eth0"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := mustCompile(t, c.spec).LAN
			var got []string
			for _, f := range l.Fences() {
				s := f.tell(l)
				for _, d := range l.Devices {
					if d.Kind == KindDummy {
						s = strings.ReplaceAll(s, d.String(), "DUMMY")
					}
				}
				got = append(got, s)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestLoopOfBridges: two bridges of one host, joined by pairs of veths whose
// ends were moved into it; and a pair with both ends in one bridge.
func TestLoopOfBridges(t *testing.T) {
	s := &Spec{
		Hosts: oneHost("b1", Link{Kind: "bridge", Ports: []string{"eth0"}}), Networks: networks("n", Network{Driver: "bridge"}),
		Endpoints: endpoints("a", on("n"), "b", on("n"), "c", on("n")),
	}
	p := mustCompile(t, s)
	for i, a := range []string{"a", "b", "c"} {
		name := fmt.Sprintf("x%d", i)
		do(t, p, &Change{Move: &MoveLink{Link: a + "/eth0", To: "host", Name: name}}, &Change{Set: &SetLink{Link: "host/" + name, Up: ptr(true), Master: "b1"}})
	}
	do(t, p, &Change{Set: &SetLink{Link: "host/x2", Master: "br-n"}})
	fences := p.LAN.Fences()
	want := "switch/p1 > host/eth0 host/b1 host/veth-a host/br-n host/veth-b host/x0 host/x1 host/veth-c host/x2"
	if got := fences[0].tell(p.LAN); !sameWords(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if at, _, ok := p.LAN.Wire(device(t, p, "host/br-n")); !ok || at.String() != "switch/p1" {
		t.Errorf("br-n leaves by %s", at)
	}
}

func sameWords(a, b string) bool {
	x, y := strings.Fields(a), strings.Fields(b)
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

// TestFencesNow: fences are those of the LAN as it stands after changes.
func TestFencesNow(t *testing.T) {
	p := mustCompile(t, onParent("v", vl("eth0", 10), "m", mv("source")))
	count := func(changes ...*Change) int {
		t.Helper()
		do(t, p, changes...)
		return len(p.LAN.Fences())
	}
	for i, c := range []struct {
		change *Change
		want   int
	}{
		{&Change{Set: &SetLink{Link: "host/v", Up: ptr(false)}}, 1},
		{&Change{Set: &SetLink{Link: "host/v", Up: ptr(true)}}, 2},
		{&Change{Set: &SetLink{Link: "host/m", Sources: []string{"host/eth0"}}}, 3},
		{&Change{Switch: &SetSwitch{Port: "host/eth0", SwitchPort: SwitchPort{Carrier: ptr(false)}}}, 0},
		{&Change{Switch: &SetSwitch{Port: "host/eth0", SwitchPort: SwitchPort{Carrier: ptr(true)}}}, 3},
		{&Change{Delete: "host/v"}, 2},
		{&Change{Set: &SetLink{Link: "host/eth0", Up: ptr(false)}}, 0},
	} {
		if got := count(c.change); got != c.want {
			t.Errorf("after change %d: %d fences, want %d", i, got, c.want)
		}
	}
}

func TestWireAndRoot(t *testing.T) {
	s := &Spec{
		Hosts: oneHost(
			"q", Link{Kind: "vlan", Parent: "eth0", ID: ptr(10), Protocol: "802.1ad"}, "c", vl("q", 20), "m", Link{Kind: "macvlan", Parent: "c"},
			"eth1", Link{}, "v1", vl("eth1", 7), "br", Link{Kind: "bridge", Ports: []string{"v1"}}, "on", Link{Kind: "macvlan", Parent: "br"}, "vbr", vl("br", 8),
			"d", Link{Kind: "dummy"}, "od", Link{Kind: "macvlan", Parent: "d"}, "lone", Link{Kind: "bridge"}, "ol", Link{Kind: "macvlan", Parent: "lone"}),
		Networks:  networks("n", Network{Driver: "bridge"}),
		Endpoints: endpoints("a", on("n")),
		Stations:  stations("lan", Station{Links: links("v", vl("eth0", 3))}),
	}
	p := mustCompile(t, s)
	for ref, c := range map[string]struct{ wire, root string }{
		"host/eth0": {"switch/p2 []", "host/eth0"},
		"host/q":    {"switch/p2 [{34984 10}]", "host/eth0"},
		"host/m":    {"switch/p2 [{34984 10} {33024 20}]", "host/eth0"},
		"host/br":   {"switch/p3 [{33024 7}]", "host/br"},
		"host/on":   {"switch/p3 [{33024 7}]", "host/br"},
		"host/vbr":  {"switch/p3 [{33024 7} {33024 8}]", "host/br"},
		"host/od":   {"nowhere", "host/d"},
		"host/ol":   {"nowhere", "host/lone"},
		"a/eth0":    {"nowhere", "a/eth0"},
		"lan/v":     {"switch/p1 [{33024 3}]", "lan/eth0"},
	} {
		d := device(t, p, ref)
		at, tags, ok := p.LAN.Wire(d)
		got := "nowhere"
		if ok {
			got = fmt.Sprint(at, " ", tags)
		}
		if got != c.wire {
			t.Errorf("%s comes out at %s, want %s", ref, got, c.wire)
		}
		if got := p.LAN.Root(d).String(); got != c.root {
			t.Errorf("the root of %s is %s, want %s", ref, got, c.root)
		}
	}
	// A bridged network whose bridge has a port on the LAN.
	do(t, p, &Change{Add: &AddLink{Node: "host", Name: "eth2"}}, &Change{Set: &SetLink{Link: "host/eth2", Master: "br-n"}})
	if at, tags, ok := p.LAN.Wire(device(t, p, "a/eth0")); !ok || at != (Ref{"switch", "p4"}) || len(tags) > 0 {
		t.Errorf("a/eth0 comes out at %s %v %v", at, tags, ok)
	}
}
