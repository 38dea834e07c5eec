package topology

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pools makes a network of Docker 29 on a dummy with these subnets.
func pools(subnets ...Subnet) *Spec {
	return &Spec{Hosts: hosts("host", Host{}), Networks: networks("net", Network{Driver: "macvlan", Subnets: subnets})}
}

// TestHandedOut is the guides' macnet32 and its like (A2, A3, A4).
func TestHandedOut(t *testing.T) {
	for name, c := range map[string]struct {
		subnet Subnet
		next   string // the first three
		size   int
	}{
		"pub_net": {Subnet{Subnet: "172.16.86.0/24", Gateway: "172.16.86.1"}, "172.16.86.2 172.16.86.3 172.16.86.4", 253},
		"macnet32": {
			Subnet{Subnet: "192.168.32.0/24", IPRange: "192.168.32.128/25", Gateway: "192.168.32.254", AuxAddresses: map[string]string{"my-router": "192.168.32.129"}},
			"192.168.32.128 192.168.32.130 192.168.32.131", 125,
		},
		"range of its own":      {Subnet{Subnet: "10.0.0.0/24", IPRange: "10.0.0.8/30"}, "10.0.0.8 10.0.0.9 10.0.0.10", 4},
		"gateway outside range": {Subnet{Subnet: "10.0.0.0/24", IPRange: "10.0.0.8/30", Gateway: "10.0.0.1"}, "10.0.0.8 10.0.0.9 10.0.0.10", 4},
		"point to point":        {Subnet{Subnet: "10.0.0.4/31"}, "10.0.0.4 10.0.0.5", 2},
		"single":                {Subnet{Subnet: "10.0.0.4/32"}, "10.0.0.4", 1},
		"nothing left":          {Subnet{Subnet: "10.0.0.4/30", Gateway: "10.0.0.5", AuxAddresses: map[string]string{"x": "10.0.0.6"}}, "", 0},
		"end of IPv4":           {Subnet{Subnet: "255.255.255.252/30"}, "255.255.255.253 255.255.255.254", 2},
		"IPv6":                  {Subnet{Subnet: "2001:db8:abc8::/64", Gateway: "2001:db8:abc8::1"}, "2001:db8:abc8::2 2001:db8:abc8::3 2001:db8:abc8::4", math.MaxInt},
		"IPv6 range":            {Subnet{Subnet: "2001:db8::/64", IPRange: "2001:db8::100/126"}, "2001:db8::100 2001:db8::101 2001:db8::102", 4},
		"IPv6 anycast":          {Subnet{Subnet: "2001:db8::/126"}, "2001:db8::1 2001:db8::2 2001:db8::3", 3},
	} {
		t.Run(name, func(t *testing.T) {
			p := mustCompile(t, pools(c.subnet))
			pool := p.LAN.Networks["net"].Pools[0]
			if got := addrs(pool.Upcoming(3)); got != c.next {
				t.Errorf("upcoming: %q, want %q", got, c.next)
			}
			if pool.Size() != c.size {
				t.Errorf("size %d, want %d", pool.Size(), c.size)
			}
			given := 0
			for ; given < 1000; given++ {
				a, ok := pool.Next()
				if !ok {
					break
				}
				if fields := strings.Fields(c.next); given < len(fields) && fields[given] != a.String() {
					t.Errorf("address %d is %s", given, a)
				}
				if a == pool.Gateway || pool.Aux[a] != "" || !pool.Taken(a) {
					t.Errorf("%s is handed out", a)
				}
			}
			if given != min(c.size, 1000) {
				t.Errorf("%d addresses handed out, want %d", given, c.size)
			}
		})
	}
}

// TestPoolTexts is A4 to A8.
func TestPoolTexts(t *testing.T) {
	in := func(s Subnet) Subnet { s.Subnet = "10.0.0.0/24"; return s }
	for name, c := range map[string]struct {
		subnet Subnet
		want   string
	}{
		"malformed":         {Subnet{Subnet: "10.0.0/24"}, "subnet: invalid subnet 10.0.0/24: it is written like 172.16.86.0/24"},
		"missing":           {Subnet{}, "subnet: a subnet is missing: it is written like 172.16.86.0/24"},
		"no length":         {Subnet{Subnet: "10.0.0.0"}, "subnet: invalid subnet 10.0.0.0: it is written like 172.16.86.0/24"},
		"host bits":         {Subnet{Subnet: "10.0.0.5/24"}, "subnet: invalid subnet 10.0.0.5/24: it should be 10.0.0.0/24"},
		"range malformed":   {in(Subnet{IPRange: "x"}), "ip_range: invalid ip-range x: it is written like 192.168.32.128/25"},
		"range family":      {in(Subnet{IPRange: "fd00::/64"}), "ip_range: invalid ip-range fd00::/64: parent subnet is an IPv4 block"},
		"range too big":     {in(Subnet{IPRange: "10.0.0.0/16"}), "ip_range: invalid ip-range 10.0.0.0/16: CIDR block is bigger than its parent subnet 10.0.0.0/24"},
		"range host bits":   {in(Subnet{IPRange: "10.0.0.9/25"}), "ip_range: invalid ip-range 10.0.0.9/25: it should be 10.0.0.0/25"},
		"range elsewhere":   {in(Subnet{IPRange: "10.0.1.0/25"}), "ip_range: invalid ip-range 10.0.1.0/25: parent subnet 10.0.0.0/24 doesn't contain ip-range"},
		"gateway malformed": {in(Subnet{Gateway: "x"}), "gateway: invalid gateway x: invalid address"},
		"gateway outside":   {in(Subnet{Gateway: "10.0.1.1"}), "gateway: invalid gateway 10.0.1.1: parent subnet 10.0.0.0/24 doesn't contain this address"},
		"gateway family":    {in(Subnet{Gateway: "fd00::1"}), "gateway: invalid gateway fd00::1: parent subnet is an IPv4 block"},
		"gateway network":   {in(Subnet{Gateway: "10.0.0.0"}), "gateway: failed to allocate gateway (10.0.0.0): Address already in use"},
		"gateway broadcast": {in(Subnet{Gateway: "10.0.0.255"}), "gateway: failed to allocate gateway (10.0.0.255): Address already in use"},
		"aux malformed":     {in(Subnet{AuxAddresses: map[string]string{"r": "x"}}), "aux_addresses.r: invalid auxiliary address r: invalid address"},
		"aux outside":       {in(Subnet{AuxAddresses: map[string]string{"r": "10.0.1.1"}}), "aux_addresses.r: auxiliary address: (r:10.0.1.1) must belong to the master pool: 10.0.0.0/24"},
		"aux is gateway":    {in(Subnet{Gateway: "10.0.0.1", AuxAddresses: map[string]string{"r": "10.0.0.1"}}), "aux_addresses.r: failed to allocate secondary ip address (r:10.0.0.1): Address already in use"},
		"aux twice":         {in(Subnet{AuxAddresses: map[string]string{"r": "10.0.0.1", "s": "10.0.0.1"}}), "aux_addresses.s: failed to allocate secondary ip address (s:10.0.0.1): Address already in use"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, want := told(pools(c.subnet)), "networks.net.subnets[0]."+c.want+"\n"; got != want {
				t.Errorf("got  %swant %s", got, want)
			}
		})
	}
	s := pools(Subnet{Subnet: "10.0.0.0/32"})
	s.Docker, s.Networks[0].Value.Driver = "27", "macvlan"
	if got := told(s); got != "" {
		t.Error(got)
	}
	s.Networks[0].Value.Subnets[0].AuxAddresses = map[string]string{"r": "10.0.0.0"}
	if got := told(s); !strings.Contains(got, "Address already in use") {
		t.Errorf("the guessed gateway is not taken: %q", got)
	}
}

// TestOverlap is A6 and A7: what overlaps and what may share, on one host and
// on two.
func TestOverlap(t *testing.T) {
	type net struct{ host, subnet, ipRange, gateway string }
	for name, c := range map[string]struct {
		one, two net
		want     string
	}{
		"same":                {net{"h", "10.0.0.0/24", "", ""}, net{"h", "10.0.0.0/24", "", ""}, "Pool overlaps with other one on this address space"},
		"inside":              {net{"h", "10.0.0.0/16", "", ""}, net{"h", "10.0.4.0/24", "", ""}, "Pool overlaps with other one on this address space"},
		"around":              {net{"h", "10.0.4.0/24", "", ""}, net{"h", "10.0.0.0/16", "", ""}, "Pool overlaps with other one on this address space"},
		"apart":               {net{"h", "10.0.4.0/24", "", ""}, net{"h", "10.0.5.0/24", "", ""}, ""},
		"other host":          {net{"h", "10.0.0.0/24", "", ""}, net{"i", "10.0.0.0/24", "", ""}, ""},
		"distinct ranges":     {net{"h", "10.0.0.0/24", "10.0.0.0/25", ""}, net{"h", "10.0.0.0/24", "10.0.0.128/25", ""}, ""},
		"joined ranges":       {net{"h", "10.0.0.0/24", "10.0.0.0/25", ""}, net{"h", "10.0.0.0/24", "10.0.0.64/26", ""}, ""},
		"same range":          {net{"h", "10.0.0.0/24", "10.0.0.0/25", ""}, net{"h", "10.0.0.0/24", "10.0.0.0/25", ""}, "Pool overlaps with other one on this address space"},
		"range after a whole": {net{"h", "10.0.0.0/24", "", ""}, net{"h", "10.0.0.0/24", "10.0.0.0/25", ""}, ""},
		"whole after a range": {net{"h", "10.0.0.0/24", "10.0.0.0/25", ""}, net{"h", "10.0.0.0/24", "", ""}, "Pool overlaps with other one on this address space"},
		"same gateway":        {net{"h", "10.0.0.0/24", "10.0.0.0/25", "10.0.0.1"}, net{"h", "10.0.0.0/24", "10.0.0.128/25", "10.0.0.1"}, "failed to allocate gateway (10.0.0.1): Address already in use"},
	} {
		t.Run(name, func(t *testing.T) {
			of := func(n net) Network {
				return Network{Driver: "macvlan", Host: n.host, Subnets: []Subnet{{Subnet: n.subnet, IPRange: n.ipRange, Gateway: n.gateway}}}
			}
			s := &Spec{Hosts: hosts("h", Host{}, "i", Host{}), Networks: networks("one", of(c.one), "two", of(c.two))}
			got := told(s)
			if c.want == "" && got != "" || !strings.Contains(got, c.want) || strings.Count(got, "\n") > 1 {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	s := pools(Subnet{Subnet: "10.0.0.0/24"}, Subnet{Subnet: "10.0.0.0/25"})
	if got := told(s); !strings.HasPrefix(got, "networks.net.subnets[1].subnet: invalid pool request: Pool overlaps with other one on this address space: 10.0.0.0/25 and network net's 10.0.0.0/24") {
		t.Error(got)
	}
}

// TestUniqueAcrossNetworks: pools of one subnet hand out no address twice, and
// a network that goes gives back what it had.
func TestUniqueAcrossNetworks(t *testing.T) {
	n := func(r, gw string) Network {
		return Network{Driver: "macvlan", Subnets: []Subnet{{Subnet: "10.0.0.0/24", IPRange: r, Gateway: gw}}}
	}
	s := &Spec{
		Hosts: hosts("host", Host{}), Networks: networks("one", n("10.0.0.0/29", "10.0.0.2"), "two", n("10.0.0.0/28", "")),
		Endpoints: endpoints("a", on("one"), "b", on("two"), "c", on("one")),
	}
	p := mustCompile(t, s)
	got := []string{prefixes(device(t, p, "a/eth0")), prefixes(device(t, p, "b/eth0")), prefixes(device(t, p, "c/eth0"))}
	if diff := cmp.Diff([]string{"10.0.0.1/24", "10.0.0.3/24", "10.0.0.4/24"}, got); diff != "" {
		t.Error(diff)
	}
	do(t, p, &Change{Detach: &Detach{"a", "one"}}, &Change{Detach: &Detach{"c", "one"}}, &Change{RemoveNetwork: "one"})
	if got := addrs(p.LAN.Networks["two"].Pools[0].Upcoming(3)); got != "10.0.0.1 10.0.0.2 10.0.0.4" {
		t.Errorf("upcoming %s", got)
	}
}

// TestSecondPool: Docker asks the pools in turn.
func TestSecondPool(t *testing.T) {
	s := pools(Subnet{Subnet: "10.0.0.0/30", Gateway: "10.0.0.1"}, Subnet{Subnet: "10.0.1.0/30", Gateway: "10.0.1.2"})
	s.Endpoints = endpoints("a", on("net"), "b", on("net"))
	p := mustCompile(t, s)
	if got := prefixes(device(t, p, "a/eth0")) + " " + prefixes(device(t, p, "b/eth0")); got != "10.0.0.2/30 10.0.1.1/30" {
		t.Error(got)
	}
	if got := p.LAN.Networks["net"].Pools[0].Describe(); got != "10.0.0.0/30" {
		t.Error(got)
	}
}
