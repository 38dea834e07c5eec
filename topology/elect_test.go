package topology

import (
	"strings"
	"testing"
)

// twoNetworks is an endpoint on two bridge networks, which Docker gives gateways.
func twoNetworks(version string, one, two Network, priority int) *Spec {
	s := &Spec{Docker: version, Hosts: oneHost("eth1", Link{}), Networks: networks("b-net", one, "a-net", two)}
	s.Endpoints = endpoints("c", Endpoint{Attach: []Attachment{{Network: "b-net", GatewayPriority: priority}, {Network: "a-net"}}})
	return s
}

// defaults are the default routes that a plan sets, and takes away.
func defaults(ops []Op) string {
	var all []string
	for _, c := range commands(ops) {
		if _, route, ok := strings.Cut(c, "-n c "); ok && strings.Contains(route, "default") {
			all = append(all, strings.ReplaceAll(route, "route add ", ""))
		}
	}
	return strings.Join(all, ", ")
}

// TestGatewayChoice: which of two networks gives the default route, by version.
func TestGatewayChoice(t *testing.T) {
	pools := func(driver, parent string, subnets ...Subnet) Network {
		return Network{Driver: driver, Parent: parent, Subnets: subnets}
	}
	four := pools("bridge", "", Subnet{Subnet: "10.1.0.0/24"})
	other := pools("bridge", "", Subnet{Subnet: "10.2.0.0/24"})
	dual := pools("bridge", "", Subnet{Subnet: "10.1.0.0/24"}, Subnet{Subnet: "fd01::/64"})
	six := pools("bridge", "", Subnet{Subnet: "fd02::/64"})
	bare := pools("macvlan", "eth0", Subnet{Subnet: "10.2.0.0/24"})
	inside := pools("bridge", "", Subnet{Subnet: "10.2.0.0/24"})
	inside.Internal = true
	l3 := pools("ipvlan", "eth0", Subnet{Subnet: "10.2.0.0/24"})
	l3.IpvlanMode = "l3"
	for name, c := range map[string]struct {
		versions string
		one, two Network // b-net, a-net
		priority int     // of b-net
		want     string
	}{
		"lower name":               {"20.10 27 28 29", four, other, 0, "default via 10.2.0.1 dev eth1"},
		"priority":                 {"28 29", four, other, 1, "default via 10.1.0.1 dev eth0"},
		"lower priority":           {"28 29", four, other, -1, "default via 10.2.0.1 dev eth1"},
		"priority before 28":       {"20.10 27", four, other, 1, "default via 10.2.0.1 dev eth1"},
		"internal":                 {"20.10 27 28 29", four, inside, 0, "default via 10.1.0.1 dev eth0"},
		"both families":            {"20.10 27 28 29", dual, other, 0, "default via 10.1.0.1 dev eth0, -6 default via fd01::1 dev eth0"},
		"both families first":      {"28 29", dual, six, -1, "default via 10.1.0.1 dev eth0, -6 default via fd01::1 dev eth0"},
		"one each":                 {"28 29", four, six, 0, "default via 10.1.0.1 dev eth0, -6 default via fd02::1 dev eth1"},
		"one for both":             {"27", four, six, 0, "default via 10.1.0.1 dev eth0"},
		"six alone":                {"27", six, inside, 0, "-6 default via fd02::1 dev eth0"},
		"no gateway, guessed":      {"20.10 27 28", four, bare, 0, "default via 10.2.0.1 dev eth1"},
		"no gateway takes the job": {"29", four, bare, 0, ""},
		"priority over none":       {"29", four, bare, 1, "default via 10.1.0.1 dev eth0"},
		"layer 3":                  {"28 29", four, l3, 0, "default dev eth1"},
		"layer 3 behind":           {"28 29", four, l3, 1, "default via 10.1.0.1 dev eth0"},
	} {
		for _, version := range strings.Fields(c.versions) {
			if got := defaults(mustCompile(t, twoNetworks(version, c.one, c.two, c.priority)).Ops); got != c.want {
				t.Errorf("%s, Docker %s: %q, want %q", name, version, got, c.want)
			}
		}
	}
	want := "endpoints.c: failed to set gateway while updating gateway: file exists: c has a default route by network b-net already\n"
	if got := told(twoNetworks("27", four, l3, 0)); got != want {
		t.Errorf("a gateway beside layer 3 under Docker 27: %q, want %q", got, want)
	}
}

// TestGatewayMoves: who comes and goes takes the default route along.
func TestGatewayMoves(t *testing.T) {
	bare := Network{Driver: "macvlan", Parent: "eth0", Subnets: []Subnet{{Subnet: "10.2.0.0/24"}}}
	s := &Spec{
		Hosts: oneHost(), Networks: networks("b-net", Network{Driver: "bridge", Subnets: []Subnet{{Subnet: "10.1.0.0/24"}}}, "a-net", bare),
		Endpoints: endpoints("c", on("b-net")),
	}
	p := mustCompile(t, s)
	if got := defaults(p.Ops); got != "default via 10.1.0.1 dev eth0" {
		t.Fatal(got)
	}
	for _, c := range []struct {
		change Change
		want   string
	}{
		{Change{Attach: &Attach{"c", Attachment{Network: "a-net"}}}, "route delete default via 10.1.0.1 dev eth0"},
		{Change{Detach: &Detach{"c", "a-net"}}, "default via 10.1.0.1 dev eth0"},
		{Change{Attach: &Attach{"c", Attachment{Network: "a-net", GatewayPriority: -1}}}, ""},
	} {
		next, err := p.Change(&c.change)
		if err != nil {
			t.Fatal(err)
		}
		if got := defaults(next.Ops); got != c.want {
			t.Errorf("%+v: %q, want %q", c.change, got, c.want)
		}
		p.Commit(next)
	}
}

// TestMACOfALateEndpoint: docker network connect heeds a MAC address since 29, and one that
// no ipvlan can have is refused since then.
func TestMACOfALateEndpoint(t *testing.T) {
	for version, want := range map[string]string{"20.10": "02:42:0a:01:00:02", "27": "02:42:0a:01:00:02", "28": "", "29": "02:de:ad:be:ef:01"} {
		s := &Spec{Docker: version, Hosts: oneHost("eth1", Link{}), Endpoints: endpoints("c", Endpoint{}), Networks: networks(
			"m", Network{Driver: "macvlan", Parent: "eth0", Subnets: []Subnet{{Subnet: "10.1.0.0/24", Gateway: "10.1.0.1"}}},
			"i", Network{Driver: "ipvlan", Parent: "eth1", Subnets: []Subnet{{Subnet: "10.2.0.0/24"}}},
		)}
		p := mustCompile(t, s)
		_, err := p.Change(&Change{Attach: &Attach{"c", Attachment{Network: "i", MAC: "02:de:ad:be:ef:01"}}})
		if refused := err != nil; refused != (version == "29") {
			t.Errorf("Docker %s says %v to an ipvlan's own address", version, err)
		}
		do(t, p, &Change{Attach: &Attach{"c", Attachment{Network: "m", MAC: "02:de:ad:be:ef:01"}}})
		if got := device(t, p, "c/eth0").MAC.String(); got != want && (want != "" || got == "02:de:ad:be:ef:01") {
			t.Errorf("Docker %s gives %s, want %s", version, got, want)
		}
	}
}

// TestAnnounce is M28: since 28 an endpoint that comes later tells the LAN, an ipvlan never.
func TestAnnounce(t *testing.T) {
	for version, want := range map[string]int{"20.10": 0, "27": 0, "28": 1, "29": 1} {
		s := &Spec{Docker: version, Hosts: oneHost("eth1", Link{}), Endpoints: endpoints("c", Endpoint{}), Networks: networks(
			"m", Network{Driver: "macvlan", Parent: "eth0", Subnets: []Subnet{{Subnet: "10.1.0.0/24"}}},
			"i", Network{Driver: "ipvlan", Parent: "eth1", Subnets: []Subnet{{Subnet: "10.2.0.0/24"}}},
		)}
		p := mustCompile(t, s)
		for network, want := range map[string]int{"m": want, "i": 0} {
			next, err := p.Change(&Change{Attach: &Attach{"c", Attachment{Network: network}}})
			if err != nil {
				t.Fatal(err)
			}
			said := 0
			for _, o := range next.Ops {
				if a, ok := o.(Announce); ok && a.Device.Ref == (Ref{"c", "eth0"}) {
					said++
				}
			}
			if said != want {
				t.Errorf("Docker %s announces an endpoint of %s %d times, want %d", version, network, said, want)
			}
		}
	}
}
