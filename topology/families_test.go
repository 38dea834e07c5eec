package topology

import (
	"fmt"
	"strings"
	"testing"
)

// poolsOf are the subnets of a network, and the gateways that were chosen.
func poolsOf(p *Plan, network string) string {
	var all []string
	for _, pool := range p.LAN.Networks[network].Pools {
		s := pool.Subnet.String()
		if pool.Gateway.IsValid() {
			s += " via " + pool.Gateway.String()
		}
		all = append(all, s)
	}
	return strings.Join(all, ", ")
}

// TestFamilies is A1 and M34: which pools a network has by what is switched on.
func TestFamilies(t *testing.T) {
	four, six := Subnet{Subnet: "10.1.0.0/24", Gateway: "10.1.0.254"}, Subnet{Subnet: "fd01::/64", Gateway: "fd01::fe"}
	on, off := ptr(true), ptr(false)
	for name, c := range map[string]struct {
		versions string
		v4, v6   *bool
		subnets  []Subnet
		want     string
	}{
		"nothing said":              {"20.10 29", nil, nil, nil, ""},
		"as written":                {"20.10 29", nil, nil, []Subnet{six}, "fd01::/64 via fd01::fe"},
		"Docker's choice":           {"29", on, nil, nil, "172.18.0.0/16"},
		"with a guess":              {"20.10 28", on, off, nil, "172.18.0.0/16 via 172.18.0.1"},
		"beside what is given":      {"29", on, on, []Subnet{four}, "10.1.0.0/24 via 10.1.0.254, fd6b:5c25:e6dd::/64"},
		"a subnet of the other":     {"29", on, on, []Subnet{six}, "fd01::/64 via fd01::fe, 172.18.0.0/16"},
		"IPv6 forgotten":            {"20.10 25 28 29", on, off, []Subnet{four, six}, "10.1.0.0/24 via 10.1.0.254"},
		"IPv4 left out":             {"28 29", off, on, []Subnet{four, six}, "fd01::/64 via fd01::fe"},
		"IPv4 cannot be left out":   {"20.10 27", off, on, []Subnet{four, six}, "10.1.0.0/24 via 10.1.0.254, fd01::/64 via fd01::fe"},
		"nor without a subnet":      {"27", off, nil, nil, "172.18.0.0/16 via 172.18.0.1"},
		"nobody reads what is left": {"29", on, off, []Subnet{four, {Subnet: "fd01::5/64"}}, "10.1.0.0/24 via 10.1.0.254"},
	} {
		for _, version := range strings.Fields(c.versions) {
			p := mustCompile(t, onDocker(version, Network{Driver: "macvlan", Parent: "eth0", Subnets: c.subnets, EnableIPv4: c.v4, EnableIPv6: c.v6}))
			if got := poolsOf(p, "net"); got != c.want {
				t.Errorf("%s, Docker %s: %q, want %q", name, version, got, c.want)
			}
		}
	}
	for version, want := range map[string]string{
		"26": "networks.net.enable_ipv6: could not find an available, non-overlapping IPv6 address pool among the defaults to assign to the network\n", "27": "",
	} {
		if got := told(onDocker(version, Network{Driver: "macvlan", Parent: "eth0", EnableIPv6: on})); got != want {
			t.Errorf("Docker %s says %q, want %q", version, got, want)
		}
	}
}

// TestDefaultPools: Docker's own subnets in their order, without what is in use, until
// there is none left.
func TestDefaultPools(t *testing.T) {
	none := Network{Driver: "bridge", EnableIPv4: ptr(true), EnableIPv6: ptr(true)}
	s := &Spec{Hosts: hosts("host", Host{Parents: links("eth0", Link{Addresses: []string{"172.19.3.4/24"}})})}
	var want []string
	add := func(name string, n Network) { s.Networks = append(s.Networks, Item[Network]{Name: name, Value: n}) }
	add("given", Network{Driver: "bridge", Subnets: []Subnet{{Subnet: "172.20.128.0/24"}}})
	for i := range 28 {
		add(fmt.Sprintf("n%02d", i), none)
	}
	p := mustCompile(t, s)
	for i := range 28 {
		name := fmt.Sprintf("n%02d", i)
		want = append(want, p.LAN.Networks[name].Pools[0].Subnet.String())
	}
	if want[0] != "172.18.0.0/16" || want[1] != "172.21.0.0/16" || want[11] != "172.31.0.0/16" || want[12] != "192.168.0.0/20" || want[27] != "192.168.240.0/20" {
		t.Errorf("the order is %v", want)
	}
	if v6 := p.LAN.Networks["n01"].Pools[1].Subnet; v6.Bits() != 64 || v6 == p.LAN.Networks["n00"].Pools[1].Subnet || v6.Addr().As16()[0] != 0xfd {
		t.Errorf("the second network has %v", v6)
	}
	add("last", none)
	if got, want := told(s), "networks.last.enable_ipv4: all predefined address pools have been fully subnetted\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	s.Docker = "26"
	for i := range s.Networks {
		s.Networks[i].Value.EnableIPv6 = nil
	}
	if got, want := told(s), "networks.last.enable_ipv4: could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestForeignAddress is A8: an address that is in no configured subnet, by version.
func TestForeignAddress(t *testing.T) {
	own := "user specified IP address is supported only when connecting to networks with user configured subnets"
	given := Network{Driver: "macvlan", Parent: "eth0", Subnets: []Subnet{{Subnet: "10.1.0.0/24"}}}
	chosen := Network{Driver: "macvlan", Parent: "eth0", EnableIPv4: ptr(true)}
	forgotten := Network{Driver: "macvlan", Parent: "eth0", Subnets: []Subnet{{Subnet: "10.1.0.0/24"}, {Subnet: "fd01::/64"}}, EnableIPv6: ptr(false)}
	for name, c := range map[string]struct {
		network Network
		ip, ip6 string
		want    map[string]string
	}{
		"outside": {given, "10.2.0.1", "", map[string]string{
			"20.10": "Invalid address 10.2.0.1: It does not belong to any of this network's subnets",
			"24":    "Invalid address 10.2.0.1: It does not belong to any of this network's subnets",
			"25":    "no configured subnet or ip-range contain the IP address 10.2.0.1",
			"28":    "no configured subnet or ip-range contain the IP address 10.2.0.1",
			"29":    "no configured subnet contains IP address 10.2.0.1",
		}},
		"in a pool of Docker's own": {chosen, "172.18.0.9", "", map[string]string{"20.10": own, "28": own, "29": ""}},
		"in what was left out":      {forgotten, "", "fd01::9", map[string]string{"20.10": "", "28": "", "29": "no configured subnet contains IP address fd01::9"}},
	} {
		for version, want := range c.want {
			s := onDocker(version, c.network)
			s.Endpoints = endpoints("a", Endpoint{Network: "net", IP: c.ip, IP6: c.ip6})
			if want != "" {
				field := map[bool]string{true: "ip", false: "ip6"}[c.ip != ""]
				want = "endpoints.a." + field + ": " + want + "\n"
			}
			if got := told(s); got != want {
				t.Errorf("%s, Docker %s: %q, want %q", name, version, got, want)
			}
		}
	}
}
