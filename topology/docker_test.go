package topology

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// onDocker is a host with a network on it, by a version's rules.
func onDocker(version string, n Network) *Spec {
	return &Spec{Docker: version, Hosts: oneHost(), Networks: networks("net", n)}
}

// TestDockerTexts holds what Docker says, by the rules' names in the facts:
// each network is refused with these very words.
func TestDockerTexts(t *testing.T) {
	macvlan := func(parent string) Network { return Network{Driver: "macvlan", Parent: parent} }
	for name, c := range map[string]struct {
		network Network
		want    string
	}{
		"M3 too big":      {macvlan("eth0.4095"), "networks.net.parent: vlan id must be between 1-4094, received: 4095"},
		"M3 zero":         {macvlan("eth0.0"), "networks.net.parent: vlan id must be between 1-4094, received: 0"},
		"M3 negative":     {macvlan("eth0.-5"), "networks.net.parent: vlan id must be between 1-4094, received: -5"},
		"M4":              {macvlan("eth0.20.200"), "networks.net.parent: required interface name format is: name.vlan_id, ex. eth0.10 for vlan 10, instead received eth0.20.200"},
		"M5":              {macvlan("eth0.x"), "networks.net.parent: unable to parse a valid vlan id from: x (ex. eth0.10 for vlan 10)"},
		"M5 empty":        {macvlan("eth0."), "networks.net.parent: unable to parse a valid vlan id from:  (ex. eth0.10 for vlan 10)"},
		"M6":              {macvlan("eth9.10"), "networks.net.parent: -o parent interface was not found on the host: eth9"},
		"M6 before M3":    {macvlan("eth9.5000"), "networks.net.parent: -o parent interface was not found on the host: eth9"},
		"M7":              {macvlan("eth9"), "networks.net.parent: invalid subinterface vlan name eth9, example formatting is eth0.10: there is no device host/eth9"},
		"M8":              {macvlan("lo"), "networks.net.parent: loopback interface is not a valid macvlan parent link"},
		"M12":             {Network{Driver: "macvlan", Parent: "eth0", MacvlanMode: "brigde"}, "networks.net.macvlan_mode: requested macvlan mode 'brigde' is not valid, 'bridge' mode is the macvlan driver default"},
		"V3":              {Network{Driver: "ipvlan", Parent: "eth0", IpvlanMode: "l4"}, "networks.net.ipvlan_mode: requested ipvlan mode 'l4' is not valid, 'l2' mode is the ipvlan driver default"},
		"V4":              {Network{Driver: "ipvlan", Parent: "eth0", IpvlanFlag: "none"}, "networks.net.ipvlan_flag: requested ipvlan flag 'none' is not valid, 'bridge' is the ipvlan driver default"},
		"ipvlan on lo":    {Network{Driver: "ipvlan", Parent: "lo"}, "networks.net.parent: loopback interface is not a valid ipvlan parent link"},
		"name too long":   {macvlan("eth0.000000000010"), `networks.net.parent: device name "eth0.000000000010" is 17 characters long: the kernel allows 15`},
		"unknown driver":  {Network{Driver: "overlay"}, `networks.net.driver: unknown driver "overlay": it is one of macvlan, ipvlan, bridge`},
		"no driver":       {Network{}, "networks.net.driver: a network needs a driver: macvlan, ipvlan or bridge"},
		"bridge's parent": {Network{Driver: "bridge", Parent: "eth0"}, "networks.net.parent: a bridge network has no parent"},
		"foreign option":  {Network{Driver: "ipvlan", Parent: "eth0", MacvlanMode: "vepa"}, "networks.net.macvlan_mode: macvlan_mode belongs to driver macvlan, this network's is ipvlan"},
		"foreign sources": {Network{Driver: "ipvlan", Parent: "eth0", MacvlanSources: []string{"02:00:00:00:00:01"}}, "networks.net.macvlan_sources: macvlan_sources belongs to driver macvlan, this network's is ipvlan"},
		"idle sources":    {Network{Driver: "macvlan", Parent: "eth0", MacvlanSources: []string{"02:00:00:00:00:01"}}, "networks.net.macvlan_sources: macvlan_sources belong to macvlan_mode source"},
		"unknown source":  {Network{Driver: "macvlan", Parent: "eth0", MacvlanMode: "source", MacvlanSources: []string{"lan/eth0"}}, `networks.net.macvlan_sources[0]: "lan/eth0" is neither a MAC address nor a device that is there at this time, as in lan/eth0`},
		"unknown host":    {Network{Driver: "macvlan", Host: "other", Parent: "eth0"}, `networks.net.host: there is no host "other"`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := told(onDocker("", c.network)); got != c.want+"\n" {
				t.Errorf("got  %swant %s", got, c.want)
			}
		})
	}
}

// TestVLANParent is M2, M18 and M19: the dotted parent comes with the first
// network and goes with the last, in whatever order they are removed.
func TestVLANParent(t *testing.T) {
	for _, first := range []string{"one", "two"} {
		s := &Spec{Hosts: oneHost(), Networks: networks(
			"one", Network{Driver: "macvlan", Parent: "eth0.50"},
			"two", Network{Driver: "macvlan", Parent: "eth0.50"},
		)}
		p := mustCompile(t, s)
		d := device(t, p, "host/eth0.50")
		if d.Kind != KindVLAN || d.VID != 50 || d.Parent != (Ref{"host", "eth0"}) || !d.Up || d.OwnMAC {
			t.Fatalf("eth0.50 is %+v", d)
		}
		second := map[string]string{"one": "two", "two": "one"}[first]
		do(t, p, &Change{RemoveNetwork: first})
		device(t, p, "host/eth0.50")
		// A network of the removed one's name has nothing to do with the parent.
		do(t, p, &Change{Network: &AddNetwork{Name: first, Network: Network{Driver: "macvlan", Parent: "eth0"}}}, &Change{RemoveNetwork: first})
		next, err := p.Change(&Change{RemoveNetwork: second})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"ip -n host link delete dev eth0.50"}, commands(next.Ops)); diff != "" {
			t.Error(diff)
		}
		p.Commit(next)
		if p.LAN.Device(d.Ref) != nil || p.LAN.Device(Ref{"host", "eth0"}) == nil {
			t.Error("the wrong device is gone")
		}
	}
}

// TestOwnParentStays is M1: what the user made is never deleted.
func TestOwnParentStays(t *testing.T) {
	s := &Spec{Hosts: oneHost("eth0.50", Link{Kind: "vlan", Parent: "eth0", ID: ptr(50)}), Networks: networks(
		"one", Network{Driver: "macvlan", Parent: "eth0.50"},
	)}
	p := mustCompile(t, s)
	next, err := p.Change(&Change{RemoveNetwork: "one"})
	if err != nil || len(next.Ops) > 0 {
		t.Errorf("removal does %v, %v", commands(next.Ops), err)
	}
}

// TestIpvlanDropsSharedParent is V6: ipvlan counts no users, and another
// driver's networks are no users to macvlan either.
func TestIpvlanDropsSharedParent(t *testing.T) {
	s := &Spec{Hosts: oneHost(), Endpoints: endpoints("a", Endpoint{}), Networks: networks(
		"one", Network{Driver: "macvlan", Parent: "eth0.50"},
		"two", Network{Driver: "ipvlan", Parent: "eth0.50"},
	)}
	p := mustCompile(t, s)
	do(t, p, &Change{RemoveNetwork: "two"})
	device(t, p, "host/eth0.50")
	p = mustCompile(t, s)
	do(t, p, &Change{RemoveNetwork: "one"})
	if got := refusal(t, p, &Change{Attach: &Attach{Endpoint: "a", Attachment: Attachment{Network: "two"}}}); got != "network two has lost its parent interface eth0.50" {
		t.Error(got)
	}
}

// TestNoParent is M9 and V2: a dummy named after the network, and no gateway.
func TestNoParent(t *testing.T) {
	for driver, prefix := range map[string]string{"macvlan": "dm-", "ipvlan": "di-"} {
		s := onDocker("", Network{Driver: driver, Subnets: []Subnet{{Subnet: "10.1.0.0/24", Gateway: "10.1.0.1"}}})
		s.Endpoints = endpoints("a", on("net"))
		p := mustCompile(t, s)
		n := p.LAN.Networks["net"]
		if !strings.HasPrefix(n.Parent.Link, prefix) || len(n.Parent.Link) != 15 || !n.Internal {
			t.Errorf("%s: parent %s, internal %v", driver, n.Parent, n.Internal)
		}
		if d := p.LAN.Device(n.Parent); d.Kind != KindDummy || !d.Up || d.MAC == nil {
			t.Errorf("%s: %+v", driver, d)
		}
		if strings.Contains(p.String(), "route add default") {
			t.Errorf("%s: a default route on an internal network", driver)
		}
		do(t, p, &Change{Detach: &Detach{Endpoint: "a", Network: "net"}}, &Change{RemoveNetwork: "net"})
		if p.LAN.Device(n.Parent) != nil {
			t.Errorf("%s: the dummy stays", driver)
		}
	}
}

// TestDefaultMode is M11, V3 and V4: Docker's defaults are not the kernel's.
func TestDefaultMode(t *testing.T) {
	s := &Spec{
		Hosts: oneHost("eth1", Link{}), Endpoints: endpoints("a", on("m"), "b", on("i"),
			"c", Endpoint{Links: links("eth0", Link{Kind: "macvlan", Parent: "host/eth0"}, "eth1", Link{Kind: "ipvlan", Parent: "host/eth2"})}),
		Networks: networks("m", Network{Driver: "macvlan", Parent: "eth0"}, "i", Network{Driver: "ipvlan", Parent: "eth1"}),
	}
	s.Hosts[0].Value.Parents = append(s.Hosts[0].Value.Parents, Item[Link]{Name: "eth2"})
	p := mustCompile(t, s)
	for ref, want := range map[string]string{"a/eth0": "bridge", "b/eth0": "l2", "c/eth0": "vepa", "c/eth1": "l3"} {
		if got := device(t, p, ref).Mode; got != want {
			t.Errorf("%s is in mode %s, want %s", ref, got, want)
		}
	}
	if q := device(t, p, "a/eth0").TxQueueLen; q == nil || *q != 0 {
		t.Error("Docker's children have no transmit queue (M23)")
	}
}

// TestSharing is M13 to M16 and V5 for every version.
func TestSharing(t *testing.T) {
	id := networkID("first")
	shared := func(version, driver, first, second string) string {
		n := func(mode string) Network {
			if driver == "ipvlan" {
				return Network{Driver: driver, Parent: "eth0", IpvlanMode: mode}
			}
			return Network{Driver: driver, Parent: "eth0", MacvlanMode: mode}
		}
		return told(&Spec{Docker: version, Hosts: oneHost(), Networks: networks("first", n(first), "second", n(second))})
	}
	for _, c := range []struct {
		versions              string
		driver, first, second string
		want                  string
	}{
		{"20.10 23 24 25 26", "macvlan", "bridge", "bridge", "network dm-" + id[:12] + " is already using parent interface eth0"},
		{"20.10 23 24 25 26", "macvlan", "passthru", "bridge", "network dm-" + id[:12] + " is already using parent interface eth0"},
		{"27 28 29", "macvlan", "bridge", "private", ""},
		{"27 28 29", "macvlan", "bridge", "passthru", "cannot use mode passthru, macvlan network " + id + " is already using parent interface eth0"},
		{"27 28 29", "macvlan", "passthru", "bridge", "macvlan network " + id + " is already using parent interface eth0 in mode passthru"},
		{"20.10 23 24 25 26 27 28 29", "ipvlan", "l2", "l2", "network di-" + id[:12] + " is already using parent interface eth0"},
		{"20.10 23 24 25 26 27 28 29", "ipvlan", "l2", "l3", "network di-" + id[:12] + " is already using parent interface eth0"},
	} {
		for _, version := range strings.Fields(c.versions) {
			want := ""
			if c.want != "" {
				want = "networks.second.parent: " + c.want + "\n"
			}
			if got := shared(version, c.driver, c.first, c.second); got != want {
				t.Errorf("Docker %s, %s %s then %s: got %q, want %q", version, c.driver, c.first, c.second, got, want)
			}
		}
	}
}

// TestMACByVersion is M26 and M27.
func TestMACByVersion(t *testing.T) {
	for _, version := range dockers {
		s := onDocker(version, Network{Driver: "macvlan", Parent: "eth0", Subnets: []Subnet{{Subnet: "172.16.86.0/24", Gateway: "172.16.86.1"}}})
		s.Endpoints = endpoints("a", on("net"), "b", Endpoint{Network: "net", MAC: "02:de:ad:be:ef:01"})
		p := mustCompile(t, s)
		a, b := device(t, p, "a/eth0"), device(t, p, "b/eth0")
		old := a.MAC.String() == "02:42:ac:10:56:02"
		if old != (version != "28" && version != "29") {
			t.Errorf("Docker %s gives %s", version, a.MAC)
		}
		if a.MAC[0]&3 != 2 || !a.OwnMAC {
			t.Errorf("Docker %s: %s is not unicast and local, or not its own", version, a.MAC)
		}
		if b.MAC.String() != "02:de:ad:be:ef:01" {
			t.Errorf("Docker %s: the configured address became %s", version, b.MAC)
		}
	}
}

// TestPassthruMAC: Docker gives a passthru child an address like any other, and
// so its parent (moby 21735).
func TestPassthruMAC(t *testing.T) {
	s := onDocker("27", Network{Driver: "macvlan", Parent: "eth0", MacvlanMode: "passthru", Subnets: []Subnet{{Subnet: "172.16.86.0/24", Gateway: "172.16.86.1"}}})
	s.Endpoints = endpoints("a", on("net"))
	p := mustCompile(t, s)
	parent, child := device(t, p, "host/eth0"), device(t, p, "a/eth0")
	if got := parent.MAC.String(); got != "02:42:ac:10:56:02" || child.MAC.String() != got || child.OwnMAC {
		t.Errorf("parent has %s, child %s (its own: %v)", parent.MAC, child.MAC, child.OwnMAC)
	}
	do(t, p, &Change{Detach: &Detach{Endpoint: "a", Network: "net"}})
	if got, want := device(t, p, "host/eth0").MAC.String(), p.LAN.MACOf(Ref{"host", "eth0"}).String(); got != want {
		t.Errorf("afterwards the parent has %s, want %s back", got, want)
	}
}

// TestIpvlanMAC is V7.
func TestIpvlanMAC(t *testing.T) {
	s := onDocker("", Network{Driver: "ipvlan", Parent: "eth0"})
	s.Endpoints = endpoints("a", Endpoint{Network: "net", MAC: "02:de:ad:be:ef:01"})
	if got, want := told(s), "endpoints.a.mac: ipvlan interfaces do not support custom mac address assignment\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestGatewayByVersion is M30, M31, V8, V9, V12 and M39: which gateway is taken
// and which default route there is.
func TestGatewayByVersion(t *testing.T) {
	for _, c := range []struct {
		versions string
		network  Network
		address  string
		route    string
	}{
		{"20.10 24 25 26 27 28 29", Network{Driver: "macvlan", Parent: "eth0", Subnets: []Subnet{{Subnet: "10.1.0.0/24", Gateway: "10.1.0.1"}}}, "10.1.0.2/24", "default via 10.1.0.1 dev eth0"},
		{"20.10 24 25 26 27 28", Network{Driver: "macvlan", Parent: "eth0", Subnets: []Subnet{{Subnet: "10.1.0.0/24"}}}, "10.1.0.2/24", "default via 10.1.0.1 dev eth0"},
		{"29", Network{Driver: "macvlan", Parent: "eth0", Subnets: []Subnet{{Subnet: "10.1.0.0/24"}}}, "10.1.0.1/24", ""},
		{"20.10 24 25 26 27", Network{Driver: "macvlan", Parent: "eth0", Internal: true, Subnets: []Subnet{{Subnet: "10.1.0.0/24"}}}, "10.1.0.2/24", ""},
		{"28 29", Network{Driver: "macvlan", Parent: "eth0", Internal: true, Subnets: []Subnet{{Subnet: "10.1.0.0/24"}}}, "10.1.0.1/24", ""},
		{"28 29", Network{Driver: "macvlan", Subnets: []Subnet{{Subnet: "10.1.0.0/31"}}}, "10.1.0.0/31", ""},
		{"20.10 24 25 26 27 28", Network{Driver: "ipvlan", Parent: "eth0", Subnets: []Subnet{{Subnet: "10.1.0.0/24"}}}, "10.1.0.2/24", "default via 10.1.0.1 dev eth0"},
		{"29", Network{Driver: "ipvlan", Parent: "eth0", Subnets: []Subnet{{Subnet: "10.1.0.0/24"}}}, "10.1.0.1/24", ""},
		{"20.10 24 25 26 27", Network{Driver: "ipvlan", IpvlanMode: "l3", Parent: "eth0", Subnets: []Subnet{{Subnet: "10.1.0.0/24"}}}, "10.1.0.2/24", "default dev eth0"},
		{"28 29", Network{Driver: "ipvlan", IpvlanMode: "l3s", Parent: "eth0", Subnets: []Subnet{{Subnet: "10.1.0.0/31"}}}, "10.1.0.0/31", "default dev eth0"},
		{"29", Network{Driver: "ipvlan", IpvlanMode: "l3", Parent: "eth0", Subnets: []Subnet{{Subnet: "10.1.0.0/24", Gateway: "10.1.0.254"}}}, "10.1.0.1/24", "default dev eth0"},
		{"26 29", Network{Driver: "bridge", Subnets: []Subnet{{Subnet: "10.1.0.0/24"}}}, "10.1.0.2/24", "default via 10.1.0.1 dev eth0"},
	} {
		for _, version := range strings.Fields(c.versions) {
			s := onDocker(version, c.network)
			s.Endpoints = endpoints("a", on("net"))
			p := mustCompile(t, s)
			if got := prefixes(device(t, p, "a/eth0")); got != c.address {
				t.Errorf("Docker %s, %+v: address %s, want %s", version, c.network, got, c.address)
			}
			var routes []string
			for _, o := range p.Ops {
				if r, ok := o.(AddRoute); ok {
					routes = append(routes, strings.TrimPrefix(r.String(), "ip -n a route add "))
				}
			}
			if got := strings.Join(routes, "; "); got != c.route {
				t.Errorf("Docker %s, %+v: route %q, want %q", version, c.network, got, c.route)
			}
		}
	}
}

// TestSeveralSubnets is M33 and V9: each endpoint gets its own subnet's gateway,
// and a default route a family.
func TestSeveralSubnets(t *testing.T) {
	s := &Spec{Hosts: oneHost(), Networks: networks("macvlan216", Network{Driver: "macvlan", Parent: "eth0.218", Subnets: []Subnet{
		{Subnet: "192.168.216.0/24", Gateway: "192.168.216.1"},
		{Subnet: "192.168.218.0/24", Gateway: "192.168.218.1"},
		{Subnet: "2001:db8:abc8::/64", Gateway: "2001:db8:abc8::10"},
	}}), Endpoints: endpoints(
		"a", Endpoint{Network: "macvlan216", IP: "192.168.216.10"},
		"b", Endpoint{Network: "macvlan216", IP: "192.168.218.11", IP6: "2001:db8:abc8::99"},
	)}
	p := mustCompile(t, s)
	var routes []string
	for _, o := range p.Ops {
		if r, ok := o.(AddRoute); ok {
			routes = append(routes, r.String())
		}
	}
	want := []string{
		"ip -n a route add default via 192.168.216.1 dev eth0",
		"ip -n a -6 route add default via 2001:db8:abc8::10 dev eth0",
		"ip -n b route add default via 192.168.218.1 dev eth0",
		"ip -n b -6 route add default via 2001:db8:abc8::10 dev eth0",
	}
	if diff := cmp.Diff(want, routes); diff != "" {
		t.Error(diff)
	}
	if got := prefixes(device(t, p, "a/eth0")); got != "192.168.216.10/24 2001:db8:abc8::1/64" {
		t.Error(got)
	}
	if got := prefixes(device(t, p, "b/eth0")); got != "192.168.218.11/24 2001:db8:abc8::99/64" {
		t.Error(got)
	}
}

// TestOneDefaultRoute: one of an endpoint's networks serves as gateway, the
// next one when it is detached, and no hand-made default may be beside it.
func TestOneDefaultRoute(t *testing.T) {
	n := func(subnet, gw string) Network {
		return Network{Driver: "macvlan", Parent: "eth0", Subnets: []Subnet{{Subnet: subnet, Gateway: gw}}}
	}
	s := &Spec{
		Hosts: oneHost(), Networks: networks("one", n("10.1.0.0/24", "10.1.0.1"), "two", n("10.2.0.0/24", "10.2.0.1")),
		Endpoints: endpoints("a", Endpoint{Attach: []Attachment{{Network: "one"}, {Network: "two"}}}),
	}
	p := mustCompile(t, s)
	if got := strings.Count(p.String(), "route add default"); got != 1 {
		t.Errorf("%d default routes", got)
	}
	next, err := p.Change(&Change{Detach: &Detach{Endpoint: "a", Network: "one"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"ip -n a link delete dev eth0", "ip -n a route add default via 10.2.0.1 dev eth1"}
	if diff := cmp.Diff(want, commands(next.Ops)); diff != "" {
		t.Error(diff)
	}
	s.Endpoints[0].Value.Routes = []Route{{To: "default", Via: "10.1.0.9"}}
	if got, want := told(s), "endpoints.a.routes[0]: a has a default route by network one already\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestActiveEndpoints(t *testing.T) {
	for _, driver := range drivers {
		s := onDocker("", Network{Driver: driver})
		s.Endpoints = endpoints("a", on("net"))
		p := mustCompile(t, s)
		want := "error while removing network: network net has active endpoints (a)"
		if got := refusal(t, p, &Change{RemoveNetwork: "net"}); got != want {
			t.Errorf("%s: %s", driver, got)
		}
		do(t, p, &Change{Detach: &Detach{Endpoint: "a", Network: "net"}}, &Change{RemoveNetwork: "net"})
		if i := slices.IndexFunc(p.LAN.Devices, func(d *Device) bool { return d.Network != "" }); i >= 0 {
			t.Errorf("%s: %s is left", driver, p.LAN.Devices[i].Ref)
		}
	}
}

func TestAttachProblems(t *testing.T) {
	s := onDocker("", Network{Driver: "macvlan", Parent: "eth0", Subnets: []Subnet{{Subnet: "10.1.0.0/30"}}})
	s.Endpoints = endpoints("a", on("net"), "b", Endpoint{})
	p := mustCompile(t, s)
	for want, a := range map[string]Attach{
		"network none not found":                                                      {"b", Attachment{Network: "none"}},
		`there is no endpoint "c"`:                                                    {"c", Attachment{Network: "net"}},
		`there is no endpoint "host"`:                                                 {"host", Attachment{Network: "net"}},
		"endpoint with name a already exists in network net":                          {"a", Attachment{Network: "net"}},
		"Address already in use: 10.1.0.1":                                            {"b", Attachment{Network: "net", IP: "10.1.0.1"}},
		"no configured subnet contains IP address 10.2.0.1":                           {"b", Attachment{Network: "net", IP: "10.2.0.1"}},
		"no configured subnet contains IP address fd00::1":                            {"b", Attachment{Network: "net", IP6: "fd00::1"}},
		`"fd00::1" is not an IPv4 address`:                                            {"b", Attachment{Network: "net", IP: "fd00::1"}},
		`"10.1.0.1" is not an IPv6 address`:                                           {"b", Attachment{Network: "net", IP6: "10.1.0.1"}},
		`device name "toolongforakernel" is 17 characters long: the kernel allows 15`: {"b", Attachment{Network: "net", Name: "toolongforakernel"}},
	} {
		if got := refusal(t, p, &Change{Attach: &a}); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	do(t, p, &Change{Attach: &Attach{"b", Attachment{Network: "net"}}})
	s.Endpoints = endpoints("a", on("net"), "b", on("net"), "c", on("net"))
	want := fmt.Sprintf("endpoints.c.ip: no available IPv4 addresses on this network's address pools: net (%s)\n", networkID("net"))
	if got := told(s); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestLongNames: what is named after networks and endpoints fits the kernel's
// 15 characters and stays apart.
func TestLongNames(t *testing.T) {
	s := &Spec{
		Hosts: hosts("host", Host{}), Networks: networks("a-network-with-a-long-name", Network{Driver: "bridge"}, "a-network-with-a-long-name-too", Network{Driver: "bridge"}),
		Endpoints: endpoints(
			"an-endpoint-with-a-long-name", Endpoint{Attach: []Attachment{{Network: "a-network-with-a-long-name"}, {Network: "a-network-with-a-long-name-too"}}},
			"an-endpoint-with-a-long-name-too", Endpoint{Network: "a-network-with-a-long-name"}),
	}
	p := mustCompile(t, s)
	seen := map[string]bool{}
	for _, d := range p.LAN.DevicesOf("host") {
		if len(d.Link) > 15 || seen[d.Link] {
			t.Errorf("%s", d.Link)
		}
		seen[d.Link] = true
	}
	if len(seen) != 5 {
		t.Errorf("the host has %v", seen)
	}
}

// TestSourceNetwork is the kernel's mode that Docker does not offer.
func TestSourceNetwork(t *testing.T) {
	s := onDocker("", Network{Driver: "macvlan", Parent: "eth0", MacvlanMode: "source", MacvlanSources: []string{"lan/eth0", "eth0", "02:00:00:00:00:01"}})
	s.Stations = stations("lan", Station{MAC: "02:00:00:00:00:aa"})
	s.Endpoints = endpoints("a", on("net"))
	p := mustCompile(t, s)
	want := " 02:00:00:00:00:aa " + p.LAN.MACOf(Ref{"host", "eth0"}).String() + " 02:00:00:00:00:01"
	if d := device(t, p, "a/eth0"); spaced(d.Sources) != want || d.Mode != "source" {
		t.Errorf("%s listens to%s, want%s", d.Mode, spaced(d.Sources), want)
	}
}

// TestParentlessByVersion: until 26.1 a network without a parent was not internal,
// so that a gateway was guessed on it, too.
func TestParentlessByVersion(t *testing.T) {
	for version, want := range map[string]string{
		"20.10": "10.1.0.2/24 default via 10.1.0.1 dev eth0", "25": "10.1.0.2/24 default via 10.1.0.1 dev eth0",
		"26": "10.1.0.2/24 ", "27": "10.1.0.2/24 ", "28": "10.1.0.1/24 ", "29": "10.1.0.1/24 ",
	} {
		for _, driver := range []string{"macvlan", "ipvlan"} {
			s := onDocker(version, Network{Driver: driver, Subnets: []Subnet{{Subnet: "10.1.0.0/24"}}})
			s.Endpoints = endpoints("a", on("net"))
			p := mustCompile(t, s)
			got := device(t, p, "a/eth0").Addresses[0].String() + " "
			for _, c := range commands(p.Ops) {
				if _, route, ok := strings.Cut(c, "route add "); ok {
					got += route
				}
			}
			if got != want {
				t.Errorf("Docker %s, %s: %q, want %q", version, driver, got, want)
			}
		}
	}
}

// TestHostBitsByVersion: Docker looks at what is asked for since 25; until then it
// cut host bits off.
func TestHostBitsByVersion(t *testing.T) {
	subnet := Subnet{Subnet: "10.1.0.5/24", IPRange: "10.1.0.130/25", Gateway: "10.1.0.1"}
	for version, want := range map[string]string{
		"20.10": "", "24": "",
		"25": "networks.net.subnets[0].subnet: invalid subnet 10.1.0.5/24: it should be 10.1.0.0/24\n",
		"29": "networks.net.subnets[0].subnet: invalid subnet 10.1.0.5/24: it should be 10.1.0.0/24\n",
	} {
		s := onDocker(version, Network{Driver: "macvlan", Parent: "eth0", Subnets: []Subnet{subnet}})
		if got := told(s); got != want {
			t.Errorf("Docker %s says %q, want %q", version, got, want)
		}
		if want == "" {
			pool := mustCompile(t, s).LAN.Networks["net"].Pools[0]
			if pool.Subnet.String() != "10.1.0.0/24" || pool.Range.String() != "10.1.0.128/25" {
				t.Errorf("Docker %s has %s", version, pool.Describe())
			}
		}
	}
	for version, want := range map[string]string{
		"24": "networks.net.subnets[0].gateway: failed to allocate gateway (10.2.0.1): Requested address is out of range\n",
		"25": "networks.net.subnets[0].gateway: invalid gateway 10.2.0.1: parent subnet 10.1.0.0/24 doesn't contain this address\n",
	} {
		s := onDocker(version, Network{Driver: "macvlan", Parent: "eth0", Subnets: []Subnet{{Subnet: "10.1.0.0/24", Gateway: "10.2.0.1"}}})
		if got := told(s); got != want {
			t.Errorf("Docker %s says %q, want %q", version, got, want)
		}
	}
}
