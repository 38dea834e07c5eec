package topology

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanproof/lanproof/internal/golden"
)

var update = flag.Bool("update", false, "write the golden plans anew")

// guides are the guides' examples.
func guides() map[string]*Spec {
	pub := Network{Driver: "macvlan", Parent: "eth0", Subnets: []Subnet{{Subnet: "172.16.86.0/24", Gateway: "172.16.86.1"}}}
	lan := stations("lan", Station{Addresses: []string{"172.16.86.100/24"}})
	router := stations("gateway", Station{Addresses: []string{"172.16.86.1/24"}})
	return map[string]*Spec{
		"docker-macvlan-bridge": {Docker: "27", Hosts: oneHost(), Networks: networks("pub_net", pub), Endpoints: endpoints("c1", on("pub_net"), "c2", on("pub_net")), Stations: lan, Routers: router},
		"docker-macvlan-ip-range": {Docker: "27", Hosts: oneHost(), Networks: networks("macnet32", Network{Driver: "macvlan", Parent: "eth0", Subnets: []Subnet{
			{Subnet: "192.168.32.0/24", IPRange: "192.168.32.128/25", Gateway: "192.168.32.254", AuxAddresses: map[string]string{"my-router": "192.168.32.129"}},
		}}), Endpoints: endpoints("c1", on("macnet32"), "c2", on("macnet32"))},
		"docker-macvlan-trunk": {Docker: "27", Hosts: oneHost(), Networks: networks(
			"macvlan50", Network{Driver: "macvlan", Parent: "eth0.50", Subnets: []Subnet{{Subnet: "192.168.50.0/24", Gateway: "192.168.50.1"}}},
			"macvlan10", Network{Driver: "macvlan", Parent: "eth0.10", Subnets: []Subnet{{Subnet: "192.168.10.0/24", Gateway: "192.168.10.1"}}},
		), Endpoints: endpoints("c1", on("macvlan50"), "c2", on("macvlan10")), Switch: Switch{Ports: list[SwitchPort]("host/eth0", SwitchPort{Trunk: []int{10, 50}})}},
		"docker-ipvlan-l2": {Hosts: oneHost(), Networks: networks("ipvlan210", Network{Driver: "ipvlan", Parent: "eth0", Subnets: []Subnet{
			{Subnet: "192.168.210.0/24"}, {Subnet: "192.168.212.0/24"},
		}}), Endpoints: endpoints("c1", Endpoint{Network: "ipvlan210", IP: "192.168.210.10"}, "c2", Endpoint{Network: "ipvlan210", IP: "192.168.212.10"})},
		"docker-ipvlan-l3": {Hosts: oneHost(), Networks: networks("ipnet210", Network{Driver: "ipvlan", IpvlanMode: "l3", Subnets: []Subnet{
			{Subnet: "192.168.214.0/24"}, {Subnet: "2001:db8:abc8::/64"},
		}}), Endpoints: endpoints("c1", on("ipnet210"))},
		"docker-macvlan-dual-stack": {Docker: "28", Hosts: oneHost(), Networks: networks("macvlan216", Network{Driver: "macvlan", Parent: "eth0.218", Subnets: []Subnet{
			{Subnet: "192.168.216.0/24", Gateway: "192.168.216.1"}, {Subnet: "192.168.218.0/24", Gateway: "192.168.218.1"}, {Subnet: "2001:db8:abc8::/64", Gateway: "2001:db8:abc8::10"},
		}}), Endpoints: endpoints("c1", on("macvlan216"), "c2", Endpoint{Network: "macvlan216", IP: "192.168.218.11"})},
		"iproute2-by-hand": {Hosts: oneHost(), Endpoints: endpoints(
			"net1", Endpoint{Links: links("eth0", Link{Kind: "macvlan", Parent: "host/eth0", Mode: "bridge", Addresses: []string{"172.31.0.10/20"}})},
			"net2", Endpoint{Links: links("eth0", Link{Kind: "macvlan", Parent: "host/eth0", Mode: "bridge", Addresses: []string{"172.31.0.11/20"}})},
		)},
		"host-remedies": {
			Docker: "27",
			Hosts: hosts("host", Host{
				Parents: links("eth0", Link{Addresses: []string{"172.16.86.50/24"}}),
				Links:   links("shim", Link{Kind: "macvlan", Parent: "eth0", Mode: "bridge", Addresses: []string{"172.16.86.51/32"}}),
				Routes:  []Route{{To: "172.16.86.0/28", Dev: "shim"}},
			}),
			Networks:  networks("pub_net", pub, "side", Network{Driver: "bridge", Subnets: []Subnet{{Subnet: "10.5.0.0/24"}}}),
			Endpoints: endpoints("c1", Endpoint{Attach: []Attachment{{Network: "pub_net"}, {Network: "side"}}}),
		},
		"macvlan-passthru": {Hosts: oneHost(), Networks: networks("pt", Network{Driver: "macvlan", Parent: "eth0", MacvlanMode: "passthru", Subnets: []Subnet{{Subnet: "10.1.0.0/24"}}}), Endpoints: endpoints("c1", on("pt"))},
		"switch-one-mac": {
			Hosts: oneHost(), Networks: networks("pub_net", pub), Endpoints: endpoints("c1", on("pub_net")), Stations: lan,
			Switch: Switch{Hairpin: true, MACTable: 4, Ports: list[SwitchPort]("host/eth0", SwitchPort{Allow: []string{"host/eth0"}}, "lan/eth0", SwitchPort{Hairpin: ptr(false), Isolated: true, Flood: ptr(false), Carrier: ptr(false)})},
		},
		"parents-of-all-kinds": {Hosts: oneHost(
			"d", Link{Kind: "dummy", MTU: 1400}, "n", Link{Kind: "nic", MAC: "02:00:00:00:00:01", MTU: 9000},
			"v", Link{Kind: "vlan", Parent: "eth0", ID: ptr(7), Protocol: "802.1ad", ReorderHdr: ptr(false), EgressQoS: map[int]int{6: 5, 1: 2}},
			"br", Link{Kind: "bridge", Ports: []string{"d"}, Promisc: true},
			"pt", Link{Kind: "macvlan", Parent: "v", Mode: "passthru", NoPromisc: true, BCCutoff: ptr(-1)},
			"s", Link{Kind: "macvlan", Parent: "eth0", Mode: "source", NoDst: true, BCQueueLen: ptr(0), Sources: []string{"d", "02:00:00:00:00:02"}, Down: true},
		)},
	}
}

// TestGolden holds the plans of the guides' examples as they are printed.
func TestGolden(t *testing.T) {
	for name, s := range guides() {
		t.Run(name, func(t *testing.T) {
			got := mustCompile(t, s).String()
			golden.Compare(t, filepath.Join("testdata", "plans", name+".txt"), got, *update)
		})
	}
}

// inPrivate runs a script in a network and mount namespace of its own, with
// /run empty, so that ip netns touches nothing of this machine.
func inPrivate(t *testing.T, script string) string {
	t.Helper()
	for _, tool := range []string{"ip", "bridge", "unshare", "sysctl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	if os.Getuid() != 0 {
		t.Skip("network namespaces need root")
	}
	cmd := exec.Command("unshare", "--net", "--mount", "sh", "-s")
	cmd.Stdin = strings.NewReader("mount -t tmpfs tmpfs /run\n" + script)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// lacks are the kinds that this kernel cannot make.
func lacks(t *testing.T, kinds ...string) string {
	t.Helper()
	script := "ip link add name p type veth peer name q\n"
	for _, k := range kinds {
		args := map[string]string{KindVLAN: "link p name x type vlan id 5", KindMacvlan: "link p name x type macvlan", KindIpvlan: "link p name x type ipvlan"}[k]
		if args == "" {
			args = "name x type " + k
		}
		script += fmt.Sprintf("ip link add %s 2>/dev/null && ip link delete dev x || echo %s\n", args, k)
	}
	return strings.Join(strings.Fields(inPrivate(t, script)), " ")
}

// TestPlanIsTrue carries printed plans and changes out with the real iproute2
// and compares the kernel's devices with the model's.
func TestPlanIsTrue(t *testing.T) {
	for name, s := range guides() {
		t.Run(name, func(t *testing.T) {
			p := mustCompile(t, s)
			if len(p.LAN.NICs()) > 0 || p.LAN.Switch.MACTable > 0 {
				t.Skip("this ip knows no fdb_max_learned, and there is no real port")
			}
			var needed []string
			for _, need := range Needs(p.Ops) {
				switch need {
				case KindVeth, KindDummy, KindBridge, KindVLAN, KindMacvlan, KindIpvlan:
					needed = append(needed, need)
				}
			}
			if missing := lacks(t, needed...); missing != "" {
				t.Skipf("this kernel lacks %s", missing)
			}
			carriedOut(t, p, nil)
		})
	}
}

func TestChangesAreTrue(t *testing.T) {
	s := guides()["host-remedies"]
	s.Hosts[0].Value.Parents = append(s.Hosts[0].Value.Parents, links("eth1", Link{}, "br0", Link{Kind: "bridge"}, "eth2", Link{})...)
	s.Endpoints = append(s.Endpoints, Item[Endpoint]{Name: "c2"})
	if missing := lacks(t, KindVeth, KindBridge, KindMacvlan); missing != "" {
		t.Skipf("this kernel lacks %s", missing)
	}
	carriedOut(t, mustCompile(t, s), []Change{
		{Add: &AddLink{Node: "c2", Name: "pt", Link: Link{Kind: "macvlan", Parent: "host/eth1", Mode: "passthru", NoPromisc: true}}},
		{Set: &SetLink{Link: "c2/pt", MAC: "02:00:00:00:00:77"}},
		{Set: &SetLink{Link: "c2/pt", NoPromisc: ptr(false)}},
		{Set: &SetLink{Link: "c2/pt", NoPromisc: ptr(true)}},
		{Delete: "c2/pt"},
		{Add: &AddLink{Node: "c2", Name: "m", Link: Link{Kind: "macvlan", Parent: "host/eth1", Mode: "private"}}},
		{Add: &AddLink{Node: "c2", Name: "mm", Link: Link{Kind: "macvlan", Parent: "c2/m", Mode: "source", BCQueueLen: ptr(7), Sources: []string{"host/eth2", "02:00:00:00:00:01"}}}},
		{Set: &SetLink{Link: "c2/mm", NoDst: ptr(true), Sources: []string{"host/eth1"}}},
		{Set: &SetLink{Link: "c2/mm", Sources: []string{}}},
		{Set: &SetLink{Link: "c2/mm", Mode: "vepa", MTU: 1400, Promisc: ptr(true)}},
		{Set: &SetLink{Link: "host/eth1", MAC: "02:00:00:00:00:78", Up: ptr(false)}},
		{Move: &MoveLink{Link: "c2/mm", To: "c1", Name: "moved"}},
		{Address: &SetAddress{Link: "c1/moved", Address: "fd00::9/64"}},
		{Set: &SetLink{Link: "host/eth2", Master: "br0"}},
		{Add: &AddLink{Node: "c2", Name: "eth5", Link: Link{MTU: 1300, Addresses: []string{"10.7.0.1/24"}}}},
		{RemoveAddress: &SetAddress{Link: "c2/eth5", Address: "10.7.0.1/24"}},
		{Switch: &SetSwitch{Port: "host/eth1", SwitchPort: SwitchPort{Hairpin: ptr(true), Isolated: true, Learning: ptr(false), Allow: []string{"host/eth1", "02:00:00:00:00:05"}}}},
		{Switch: &SetSwitch{Port: "host/eth1", SwitchPort: SwitchPort{Allow: []string{"02:00:00:00:00:05"}, Carrier: ptr(false)}}},
		{Switch: &SetSwitch{Port: "host/eth1", SwitchPort: SwitchPort{Allow: []string{}, Carrier: ptr(true)}}},
		{Attach: &Attach{"c2", Attachment{Network: "pub_net"}}},
		{Attach: &Attach{"c2", Attachment{Network: "side"}}},
		{Detach: &Detach{"c1", "pub_net"}},
		{Detach: &Detach{"c1", "side"}},
		{Detach: &Detach{"c2", "side"}},
		{RemoveNetwork: "side"},
		{Delete: "host/eth1"},
	})
}

// carriedOut runs a plan and changes of it, and compares the kernel's devices
// with the model's after each.
func carriedOut(t *testing.T, p *Plan, changes []Change) {
	t.Helper()
	var script, want strings.Builder
	step := func(when string, ops []Op) {
		for _, o := range ops {
			fmt.Fprintf(&script, "{ %s; } || echo 'refused: %s'\n", o, o)
		}
		for _, n := range p.LAN.Nodes {
			fmt.Fprintf(&script, "echo '%s, %s'; ip -n %s -o link show; ip -n %s -o address show\n", when, n.Name, n.Name, n.Name)
			fmt.Fprintf(&want, "%s, %s\n", when, n.Name)
			devices := slices.SortedFunc(slices.Values(p.LAN.DevicesOf(n.Name)), func(a, b *Device) int { return a.Index - b.Index })
			for _, d := range devices {
				fmt.Fprintf(&want, "%d %s %s up=%v\n", d.Index, d.Link, d.MAC, d.Up)
			}
			for _, d := range devices {
				for _, a := range d.Addresses {
					fmt.Fprintf(&want, "%d %s %s\n", d.Index, d.Link, a)
				}
			}
		}
	}
	step("at first", p.Ops)
	for i := range changes {
		next, err := p.Change(&changes[i])
		if err != nil {
			t.Fatalf("change %d: %v", i, err)
		}
		p.Commit(next)
		step(fmt.Sprintf("after change %d", i), next.Ops)
	}
	if diff := cmp.Diff(want.String(), seen(inPrivate(t, script.String()))); diff != "" {
		t.Error(diff)
	}
}

var (
	linkLine    = regexp.MustCompile(`^(\d+): ([^:@]+)[:@].*<(.*)>.*link/ether (\S+)`)
	addressLine = regexp.MustCompile(`^(\d+): (\S+) +inet6? (\S+) .*scope (\S+)`)
)

// seen puts what ip says into the words of the model, without loopbacks and
// link-local addresses.
func seen(out string) string {
	var b strings.Builder
	for line := range strings.Lines(out) {
		if m := linkLine.FindStringSubmatch(line); m != nil {
			fmt.Fprintf(&b, "%s %s %s up=%v\n", m[1], m[2], m[4], slices.Contains(strings.Split(m[3], ","), "UP"))
		} else if m := addressLine.FindStringSubmatch(line); m != nil {
			if m[4] == "global" {
				fmt.Fprintf(&b, "%s %s %s\n", m[1], m[2], m[3])
			}
		} else if !strings.Contains(line, "link/loopback") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// TestSyntax: ip and bridge take the arguments of kinds that this kernel may
// lack: they are done or it is the kernel that says no.
func TestSyntax(t *testing.T) {
	s := &Spec{Hosts: oneHost(
		"v", Link{Kind: "vlan", Parent: "eth0", ID: ptr(7), Protocol: "802.1ad", ReorderHdr: ptr(false), EgressQoS: map[int]int{6: 5, 1: 2}},
		"i", Link{Kind: "ipvlan", Parent: "eth0", Mode: "l3s", Flag: "vepa"}, "d", Link{Kind: "dummy", MTU: 1400},
		"pt", Link{Kind: "macvlan", Parent: "eth0", Mode: "passthru", NoPromisc: true},
		"s", Link{Kind: "macvlan", Parent: "eth0", Mode: "source", NoDst: true, BCQueueLen: ptr(0), Sources: []string{"02:00:00:00:00:03", "02:00:00:00:00:02"}},
	)}
	p := mustCompile(t, s)
	ops := p.Ops
	port := *device(t, p, "host/eth0").Port
	vlans := port.clone()
	vlans.Access, vlans.Trunk = 5, []int{6, 7}
	ops = append(ops, SetPort{Port: vlans, Was: port}, SetPort{Port: port, Was: vlans},
		ChangeLink{Device: &Device{Ref: Ref{"host", "eth0"}, Kind: KindIpvlan}, Mode: "l2", Flag: "bridge"})
	var script strings.Builder
	for _, o := range ops {
		for _, command := range strings.Split(o.String(), " && ") {
			if strings.Contains(command, "link set dev") && !strings.Contains(command, "eth0") && !strings.Contains(command, "p1") {
				continue // of a device that may not be there
			}
			fmt.Fprintf(&script, "%s 2>/run/err; s=$?; [ $s = 0 -o $s = 2 ] || grep -q RTNETLINK /run/err || { echo \"$s: %s\"; cat /run/err; }\n", command, command)
		}
	}
	if out := inPrivate(t, script.String()); out != "" {
		t.Error(out)
	}
}
