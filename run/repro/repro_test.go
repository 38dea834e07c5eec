package repro

import (
	"regexp"
	"strings"
	"testing"

	"github.com/lanproof/lanproof/topology"
)

func TestRename(t *testing.T) {
	for command, want := range map[string]string{
		"ip -n host link set dev eth0 up":                                   "ip -n $ns-host link set dev eth0 up",
		"bridge -n switch fdb replace 02:00:00:00:00:01 dev p1 master":      "bridge -n $ns-switch fdb replace 02:00:00:00:00:01 dev p1 master",
		"ip -n host link add link eth0 name eth0 netns c1 type macvlan":     "ip -n $ns-host link add link eth0 name eth0 netns $ns-c1 type macvlan",
		"ip -n host link set dev eth1 netns c1 name eth0":                   "ip -n $ns-host link set dev eth1 netns $ns-c1 name eth0",
		"ip netns delete host":                                              "ip netns delete $ns-host",
		"ip -n netns link add name netns netns add type veth":               "ip -n $ns-netns link add name netns netns $ns-add type veth",
		"ip -n delete link set dev netns netns netns name x":                "ip -n $ns-delete link set dev netns netns $ns-netns name x",
		"ip -n a link add name x index 5 type veth peer name y netns netns": "ip -n $ns-a link add name x index 5 type veth peer name y netns $ns-netns",
	} {
		if got := (&writer{}).rename(command); got != want {
			t.Errorf("%s\n got %s\nwant %s", command, got, want)
		}
	}
}

// Variables of a kselftest are names that bash takes, each its own.
func TestVariables(t *testing.T) {
	w := &writer{style: Kselftest, vars: map[string]string{}}
	seen := map[string]bool{}
	for _, node := range []string{"c-1", "c_1", "c.1", "C-1", "1", "host"} {
		name := w.name(node)
		if seen[name] || strings.ContainsAny(name, "-.") || w.name(node) != name {
			t.Errorf("%s is called %s", node, name)
		}
		seen[name] = true
	}
}

func TestSayable(t *testing.T) {
	for _, name := range []string{"a;b", "$x", "a b", "-x", "#", "&&", "`x`", "sixteen-letters0", ""} {
		if sayable(topology.MakeLink{Device: &topology.Device{Ref: topology.Ref{Node: "host", Link: name}}}) == nil {
			t.Errorf("%q is said", name)
		}
	}
	for _, name := range []string{"eth0", "eth0.50", "br-1", "dm-6050cef0f8af"} {
		if err := sayable(topology.MakeLink{Device: &topology.Device{Ref: topology.Ref{Node: "host", Link: name}}}); err != nil {
			t.Error(err)
		}
	}
}

// Who is left out, and who must not be.
func TestKept(t *testing.T) {
	lan := func(change func(a, b, c *topology.Device)) *topology.LAN {
		device := func(node, kind string, parent topology.Ref) *topology.Device {
			return &topology.Device{Ref: topology.Ref{Node: node, Link: "eth0"}, Kind: kind, Parent: parent, Mode: "bridge", Up: true}
		}
		under := topology.Ref{Node: "host", Link: "eth0"}
		host := device("host", topology.KindVeth, topology.Ref{})
		a, b, c := device("a", topology.KindMacvlan, under), device("b", topology.KindMacvlan, under), device("c", topology.KindMacvlan, under)
		change(a, b, c)
		l := &topology.LAN{Devices: []*topology.Device{host, a, b, c}}
		for name, role := range map[string]topology.Role{"host": topology.RoleHost, "a": topology.RoleEndpoint, "b": topology.RoleEndpoint, "c": topology.RoleEndpoint} {
			l.Nodes = append(l.Nodes, topology.Node{Name: name, Role: role})
		}
		return l
	}
	asks := &Flow{From: topology.Ref{Node: "a", Link: "eth0"}, To: topology.Ref{Node: "b", Link: "eth0"}}
	for name, c := range map[string]struct {
		script *Script
		want   bool // that c stays
	}{
		"a third of a kind": {&Script{Ask: asks, LAN: lan(func(_, _, _ *topology.Device) {})}, false},
		"another mode":      {&Script{Ask: asks, LAN: lan(func(_, _, c *topology.Device) { c.Mode = "passthru" })}, true},
		"down":              {&Script{Ask: asks, LAN: lan(func(_, _, c *topology.Device) { c.Up = false })}, true},
		"the same MAC address": {&Script{Ask: asks, LAN: lan(func(a, _, c *topology.Device) {
			a.MAC, a.OwnMAC, c.MAC, c.OwnMAC = []byte{2, 0, 0, 0, 0, 1}, true, []byte{2, 0, 0, 0, 0, 1}, true
		})}, true},
		"under another": {&Script{Ask: asks, LAN: lan(func(a, _, c *topology.Device) { a.Parent = c.Ref })}, true},
		"in a step": {&Script{Ask: asks, LAN: lan(func(_, _, _ *topology.Device) {}), Steps: []Step{{Ops: []topology.Op{
			topology.DeleteLink{Device: &topology.Device{Ref: topology.Ref{Node: "c", Link: "eth0"}}},
		}}}}, true},
		"a refusal": {&Script{Ask: &Refused{}, LAN: lan(func(_, _, _ *topology.Device) {})}, true},
	} {
		if got := c.script.kept()["c"]; got != c.want {
			t.Errorf("%s: c stays: %v, want %v", name, got, c.want)
		}
	}
}

// What tcpdump 4.99 prints of a broadcast with tags, and without.
func TestWirePattern(t *testing.T) {
	const (
		plain  = "10:36:28.195842 02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, ethertype ARP (0x0806), length 42: Request who-has"
		tagged = "10:36:28.195842 02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, ethertype 802.1Q (0x8100), length 46: vlan 50, p 0, ethertype ARP (0x0806), Request who-has"
		two    = "10:36:28.195842 02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, ethertype 802.1Q-QinQ (0x88a8), length 50: vlan 10, p 0, ethertype 802.1Q (0x8100), vlan 50, p 0, ethertype ARP (0x0806), Request who-has"
	)
	inner, outer := topology.Tag{TPID: 0x8100, VID: 50}, topology.Tag{TPID: 0x88a8, VID: 10}
	mac := []byte{2, 0, 0, 0, 0, 1}
	for name, c := range map[string]struct {
		sender Sender
		fits   string
	}{
		"any tags":  {Sender{MAC: mac}, plain + tagged + two},
		"another":   {Sender{MAC: []byte{2, 0, 0, 0, 0, 2}}, ""},
		"untagged":  {Sender{Tagged: true}, plain},
		"one tag":   {Sender{MAC: mac, Tagged: true, Tags: []topology.Tag{inner}, PCPs: []int{0}}, tagged},
		"two tags":  {Sender{Tagged: true, Tags: []topology.Tag{outer, inner}, PCPs: []int{0, 0}}, two},
		"other VID": {Sender{Tagged: true, Tags: []topology.Tag{{TPID: 0x8100, VID: 5}}, PCPs: []int{0}}, ""},
		"other PCP": {Sender{Tagged: true, Tags: []topology.Tag{inner}, PCPs: []int{3}}, ""},
	} {
		for _, line := range []string{plain, tagged, two} {
			if got, want := regexp.MustCompile(c.sender.pattern()).MatchString(line), strings.Contains(c.fits, line); got != want {
				t.Errorf("%s: %q fits %v, want %v:\n%s", name, c.sender.pattern(), got, want, line)
			}
		}
	}
}
