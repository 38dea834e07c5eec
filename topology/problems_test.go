package topology

import (
	"strings"
	"testing"
)

// TestProblems holds that each mistake is told once, at its place, in a clear
// sentence, and that nothing else is said about what follows from it.
func TestProblems(t *testing.T) {
	vlan := func(id int) Link { return Link{Kind: "vlan", Parent: "eth0", ID: &id} }
	host := func(pairs ...any) *Spec { return &Spec{Hosts: oneHost(pairs...)} }
	for name, c := range map[string]struct {
		spec *Spec
		want string
	}{
		"empty":               {&Spec{}, "there is no machine: a topology needs hosts, endpoints, stations or routers"},
		"unknown version":     {&Spec{Docker: "22", Hosts: oneHost()}, `docker: unknown version of Docker "22": it is one of 20.10, 23, 24, 25, 26, 27, 28, 29`},
		"bad machine name":    {&Spec{Hosts: hosts("a b", Host{Parents: links("eth0", Link{}, "eth1", vlan(1))})}, `hosts.a b: "a b" is no name for a machine: up to 63 letters, digits, dots, dashes and underscores, a letter or digit first`},
		"name taken":          {&Spec{Hosts: oneHost(), Stations: stations("host", Station{MAC: "x"})}, `stations.host: "host" is the name of one of the hosts already`},
		"switch is a name":    {&Spec{Stations: stations("switch", Station{})}, `stations.switch: "switch" is the name of the switch already`},
		"unknown kind":        {host("x", Link{Kind: "bond", Mode: "802.3ad"}, "y", Link{Kind: "vlan", Parent: "x", ID: ptr(1)}), `hosts.host.parents.x.kind: unknown kind of device "bond": it is one of veth, dummy, bridge, vlan, macvlan, ipvlan, nic`},
		"long name":           {host("sixteencharacter", Link{}, "y", Link{Kind: "macvlan", Parent: "sixteencharacter"}), `hosts.host.parents.sixteencharacter: device name "sixteencharacter" is 16 characters long: the kernel allows 15`},
		"name with a slash":   {host("a:b", Link{}), `hosts.host.parents.a:b: device name "a:b": the kernel allows no slash, colon or white space in a name, and neither . nor ..`},
		"name lo":             {host("lo", Link{}), `hosts.host.parents.lo: device name "lo" is the loopback's`},
		"name all":            {host("all", Link{}), `hosts.host.parents.all: device name "all" stands for all devices in sysctl: the kernel allows no device of that name`},
		"name of a number":    {host("eth%d", Link{}), `hosts.host.parents.eth%d: device name "eth%d": the kernel would put a number in the place of %`},
		"no name":             {host("", Link{}), `hosts.host.parents.: a device needs a name`},
		"vid 4095":            {host("v", vlan(4095), "w", Link{Kind: "vlan", Parent: "v", ID: ptr(1)}), "hosts.host.parents.v.id: vlan id 4095 is out of range: 0 to 4094 (IEEE 802.1Q table 9-2)"},
		"vid 70000":           {host("v", vlan(70000)), "hosts.host.parents.v.id: vlan id 70000 is out of range: 0 to 4094"},
		"vid -1":              {host("v", vlan(-1)), "hosts.host.parents.v.id: vlan id -1 is out of range: 0 to 4094"},
		"no vid":              {host("v", Link{Kind: "vlan", Parent: "eth0"}), "hosts.host.parents.v: a vlan needs an id, 0 to 4094"},
		"vid 0":               {host("v", vlan(0)), ""},
		"no parent":           {host("v", Link{Kind: "macvlan"}), "hosts.host.parents.v.parent: a macvlan needs a parent"},
		"parent missing":      {host("v", Link{Kind: "macvlan", Parent: "eth9"}, "w", Link{Kind: "vlan", Parent: "v", ID: ptr(1)}), "hosts.host.parents.v.parent: there is no device host/eth9 for a parent"},
		"parent lo":           {host("v", Link{Kind: "macvlan", Parent: "lo"}), "hosts.host.parents.v.parent: the loopback can have no macvlan"},
		"parent the switch":   {host("v", Link{Kind: "macvlan", Parent: "switch/sw"}), "hosts.host.parents.v.parent: there is no device switch/sw for a parent"},
		"own parent":          {host("v", Link{Kind: "vlan", Parent: "v", ID: ptr(1)}), "hosts.host.parents.v: device v stands on itself"},
		"circle":              {host("a", Link{Kind: "vlan", Parent: "c", ID: ptr(1)}, "b", Link{Kind: "vlan", Parent: "a", ID: ptr(1)}, "c", Link{Kind: "vlan", Parent: "b", ID: ptr(1)}, "d", Link{Kind: "vlan", Parent: "c", ID: ptr(1)}), "hosts.host.parents.a: device a stands on itself"},
		"circle of ports":     {host("br", Link{Kind: "bridge", Ports: []string{"v"}}, "v", Link{Kind: "vlan", Parent: "br", ID: ptr(1)}), "hosts.host.parents.br: device br stands on itself"},
		"port missing":        {host("br", Link{Kind: "bridge", Ports: []string{"eth9"}}), "hosts.host.parents.br.ports[0]: there is no device eth9 on host to be a port"},
		"port twice":          {host("b1", Link{Kind: "bridge", Ports: []string{"eth0"}}, "b2", Link{Kind: "bridge", Ports: []string{"eth0"}}), "hosts.host.parents.b2.ports[0]: device eth0 is a port of b1 already"},
		"vlan on a downed":    {host("d", Link{Kind: "dummy", Down: true}, "v", Link{Kind: "vlan", Parent: "d", ID: ptr(1)}), "hosts.host.parents.v: vlan host/v cannot come up: its parent host/d is down"},
		"wrong mode":          {host("m", Link{Kind: "macvlan", Parent: "eth0", Mode: "l2"}), `hosts.host.parents.m.mode: unknown macvlan mode "l2": it is one of bridge, private, vepa, passthru, source`},
		"wrong flag":          {host("m", Link{Kind: "ipvlan", Parent: "eth0", Flag: "x"}), `hosts.host.parents.m.flag: unknown ipvlan flag "x": it is one of bridge, private, vepa`},
		"sources for none":    {host("m", Link{Kind: "macvlan", Parent: "eth0", Sources: []string{"02:00:00:00:00:01"}}), "hosts.host.parents.m.sources: sources are for mode source, not for vepa"},
		"nopromisc":           {host("m", Link{Kind: "macvlan", Parent: "eth0", NoPromisc: true}), "hosts.host.parents.m.nopromisc: nopromisc is for mode passthru, not for vepa"},
		"nodst":               {host("m", Link{Kind: "macvlan", Parent: "eth0", NoDst: true}), "hosts.host.parents.m.nodst: nodst is for mode source, not for vepa"},
		"child's name taken":  {&Spec{Hosts: oneHost(), Networks: networks("n", Network{Driver: "macvlan"}, "o", Network{Driver: "macvlan"}), Endpoints: endpoints("a", Endpoint{Attach: []Attachment{{Network: "n"}, {Network: "o", Name: "eth0"}}})}, "endpoints.a.attach[1].name: there is already a device a/eth0"},
		"IPv6 without length": {host("m", Link{Addresses: []string{"fd00::1"}}), `hosts.host.parents.m.addresses[0]: address "fd00::1" lacks its prefix length, as in fd00::1/64`},
		"bad source":          {host("m", Link{Kind: "macvlan", Parent: "eth0", Mode: "source", Sources: []string{"eth0", "lan"}}), `hosts.host.parents.m.sources[1]: "lan" is neither a MAC address nor a device that is there at this time, as in lan/eth0`},
		"nic as a source":     {host("n", Link{Kind: "nic"}, "m", Link{Kind: "macvlan", Parent: "eth0", Mode: "source", Sources: []string{"n"}}), `hosts.host.parents.m.sources[0]: the MAC address of host/n is not known beforehand: write it down`},
		"field of another":    {host("m", Link{Kind: "dummy", ID: ptr(1), Parent: "eth0"}), "hosts.host.parents.m.parent: a dummy has no parent\nhosts.host.parents.m.id: a dummy has no id"},
		"mac of a group":      {host("m", Link{MAC: "01:00:5e:00:00:01"}), "hosts.host.parents.m.mac: 01:00:5e:00:00:01 is no address that a device can have"},
		"mac of zeros":        {host("m", Link{MAC: "00:00:00:00:00:00"}), "hosts.host.parents.m.mac: 00:00:00:00:00:00 is no address that a device can have"},
		"mac malformed":       {host("m", Link{MAC: "02:00"}), `hosts.host.parents.m.mac: "02:00" is not a MAC address, as in 02:42:ac:10:56:02`},
		"mac of infiniband":   {host("m", Link{MAC: "02:00:5e:10:00:00:00:01"}), `hosts.host.parents.m.mac: "02:00:5e:10:00:00:00:01" is not a MAC address, as in 02:42:ac:10:56:02`},
		"ipvlan's mac":        {host("m", Link{Kind: "ipvlan", Parent: "eth0", MAC: "02:00:00:00:00:01"}), "hosts.host.parents.m.mac: a device of this kind has its parent's address: it can be given none of its own"},
		"mtu":                 {host("m", Link{MTU: -1}), "hosts.host.parents.m.mtu: an MTU is a number of bytes: -1 is too few"},
		"queue":               {host("m", Link{Kind: "macvlan", Parent: "eth0", BCQueueLen: ptr(-1)}), "hosts.host.parents.m.bc_queue_len: bc_queue_len is a number of frames: -1 is too few"},
		"qos":                 {host("m", Link{Kind: "vlan", Parent: "eth0", ID: ptr(1), EgressQoS: map[int]int{1: 8}}), "hosts.host.parents.m.egress_qos: egress_qos maps socket priorities to PCP values 0 to 7: 1: 8 is out of range"},
		"mac table":           {&Spec{Hosts: oneHost(), Switch: Switch{MACTable: -1}}, "switch.mac_table: mac_table is a number of addresses: -1 is too few"},

		"address without length": {host("m", Link{Addresses: []string{"10.0.0.1"}}), `hosts.host.parents.m.addresses[0]: address "10.0.0.1" lacks its prefix length, as in 10.0.0.1/24`},
		"address malformed":      {host("m", Link{Addresses: []string{"10.0.0/24"}}), `hosts.host.parents.m.addresses[0]: "10.0.0/24" is not an address with prefix length, as in 172.16.86.2/24`},
		"address mapped":         {host("m", Link{Addresses: []string{"::ffff:10.0.0.1/120"}}), `hosts.host.parents.m.addresses[0]: "::ffff:10.0.0.1/120" is an IPv4 address in IPv6's clothes: write 10.0.0.1`},
		"network's address":      {host("m", Link{Addresses: []string{"10.0.0.0/24"}}), `hosts.host.parents.m.addresses[0]: no host of subnet 10.0.0.0/24 may have address 10.0.0.0`},
		"broadcast address":      {host("m", Link{Addresses: []string{"10.0.0.255/24"}}), `hosts.host.parents.m.addresses[0]: no host of subnet 10.0.0.0/24 may have address 10.0.0.255`},
		"multicast address":      {host("m", Link{Addresses: []string{"ff02::1/64"}}), `hosts.host.parents.m.addresses[0]: ff02::1/64 is no address that a device can have`},
		"address twice":          {host("m", Link{Addresses: []string{"10.0.0.1/24", "10.0.0.1/24"}}), `hosts.host.parents.m.addresses[1]: address 10.0.0.1 is given out twice on host`},
		"short subnets":          {host("m", Link{Addresses: []string{"10.0.0.0/31", "10.0.0.1/32", "fd00::/127", "fd00::8/128"}}), ""},

		"route nowhere":      {routed(Route{To: "default"}), "hosts.host.routes[0]: a route needs via, dev, or both"},
		"route via rubbish":  {routed(Route{To: "default", Via: "x"}), `hosts.host.routes[0].via: "x" is not an IP address`},
		"route dev missing":  {routed(Route{To: "default", Dev: "eth9"}), "hosts.host.routes[0].dev: there is no device eth9 on host"},
		"route dev foreign":  {routed(Route{To: "default", Dev: "lan/eth0"}), "hosts.host.routes[0].dev: there is no device lan/eth0 on host"},
		"route to rubbish":   {routed(Route{To: "10.0.0.1/24", Dev: "eth0"}), `hosts.host.routes[0].to: "10.0.0.1/24" is neither default nor a prefix without host bits`},
		"route of two minds": {routed(Route{To: "10.0.0.0/24", Via: "fd00::1"}), "hosts.host.routes[0].to: 10.0.0.0/24 is IPv4 and its next hop fd00::1 is IPv6"},

		"no host":          {&Spec{Endpoints: endpoints("a", on("net")), Networks: networks("net", Network{Driver: "macvlan"})}, "networks.net.host: there is no host for the network to be on"},
		"which host":       {&Spec{Hosts: hosts("a", Host{}, "b", Host{}), Networks: networks("net", Network{Driver: "macvlan"})}, "networks.net.host: there are 2 hosts: say which one the network is on"},
		"network name":     {&Spec{Hosts: oneHost(), Networks: networks("a/b", Network{Driver: "macvlan"})}, `networks.a/b: "a/b" is no name for a network: up to 63 letters, digits, dots, dashes and underscores, a letter or digit first`},
		"network twice":    {&Spec{Hosts: oneHost(), Networks: networks("n", Network{Driver: "macvlan"}, "n", Network{Driver: "macvlan"})}, "networks.n: network with name n already exists"},
		"ip without":       {&Spec{Hosts: oneHost(), Endpoints: endpoints("a", Endpoint{IP: "10.0.0.1"})}, "endpoints.a: ip, ip6 and mac belong to a network: name it, or use attach or links"},
		"name of a child":  {&Spec{Hosts: oneHost(), Networks: networks("n", Network{Driver: "macvlan"}), Endpoints: endpoints("a", Endpoint{Attach: []Attachment{{Network: "n", Name: "a/b"}}})}, `endpoints.a.attach[0].name: device name "a/b": the kernel allows no slash, colon or white space in a name, and neither . nor ..`},
		"mac of a child":   {&Spec{Hosts: oneHost(), Networks: networks("n", Network{Driver: "macvlan"}), Endpoints: endpoints("a", Endpoint{Network: "n", MAC: "x"})}, `endpoints.a.mac: "x" is not a MAC address, as in 02:42:ac:10:56:02`},
		"port of nobody":   {&Spec{Hosts: oneHost(), Switch: Switch{Ports: list[SwitchPort]("host/eth1", SwitchPort{})}}, `switch.ports.host/eth1: nothing called "host/eth1" is plugged into the switch: it is written NODE/LINK, as in host/eth0`},
		"port's vid":       {&Spec{Hosts: oneHost(), Switch: Switch{Ports: list[SwitchPort]("host/eth0", SwitchPort{Access: 4095, Trunk: []int{0, 7}})}}, "switch.ports.host/eth0.access: VID 4095 is out of range: 1 to 4094\nswitch.ports.host/eth0.trunk[0]: VID 0 is out of range: 1 to 4094"},
		"port allows whom": {&Spec{Hosts: oneHost(), Switch: Switch{Ports: list[SwitchPort]("host/eth0", SwitchPort{Allow: []string{"host/eth0", "eth0"}})}}, `switch.ports.host/eth0.allow[1]: "eth0" is neither a MAC address nor a device that is there at this time, as in lan/eth0`},
	} {
		t.Run(name, func(t *testing.T) {
			want := c.want
			if want != "" {
				want += "\n"
			}
			if got := told(c.spec); got != want {
				t.Errorf("got  %swant %s", got, want)
			}
		})
	}
}

func routed(r Route) *Spec {
	s := &Spec{Hosts: oneHost(), Stations: stations("lan", Station{})}
	s.Hosts[0].Value.Routes = []Route{r}
	return s
}

// TestAllAtOnce: many mistakes, each told once; what hangs on them is not
// blamed, whatever it is.
func TestAllAtOnce(t *testing.T) {
	s := &Spec{
		Docker: "1",
		Hosts: hosts("host", Host{
			Parents: links("eth0", Link{MTU: -1}, "br", Link{Kind: "bridge", Ports: []string{"eth0"}}),
			Links:   links("shim", Link{Kind: "macvlan", Parent: "eth0.50", Addresses: []string{"x"}}),
			Routes:  []Route{{To: "10.0.0.0/8", Dev: "shim"}, {To: "10.0.0.0/8", Dev: "br"}},
		}),
		Networks: networks(
			"net", Network{Driver: "nat", Parent: "eth0", Subnets: []Subnet{{Subnet: "10.0.0.0/24", Gateway: "10.1.0.1"}}},
			"vlan", Network{Driver: "macvlan", Parent: "eth0.50", Subnets: []Subnet{{Subnet: "10.0.0.0/24", Gateway: "10.0.0.9"}}},
		),
		Endpoints: endpoints(
			"a", Endpoint{Network: "none", Routes: []Route{{To: "default", Dev: "eth0"}}},
			"b", Endpoint{Network: "net", IP: "10.0.0.5", Routes: []Route{{To: "default", Dev: "eth0"}}},
			"c", Endpoint{Attach: []Attachment{{Network: "none"}, {Network: "vlan", IP: "10.9.0.1"}}, Links: links("v", Link{Kind: "vlan", Parent: "eth1", ID: ptr(3)})},
			"d", Endpoint{Links: links("m", Link{Kind: "macvlan", Parent: "host/eth0", Mode: "source", Sources: []string{"a/eth0", "c/eth1", "b/eth0"}})},
		),
		Switch: Switch{Ports: list[SwitchPort]("host/eth0", SwitchPort{Allow: []string{"a/eth0", "d/m"}}, "d/m", SwitchPort{})},
	}
	want := []string{
		`docker: unknown version of Docker "1": it is one of 20.10, 23, 24, 25, 26, 27, 28, 29`,
		"hosts.host.parents.eth0.mtu: an MTU is a number of bytes: -1 is too few",
		`networks.net.driver: unknown driver "nat": it is one of macvlan, ipvlan, bridge`,
		"networks.net.subnets[0].gateway: invalid gateway 10.1.0.1: parent subnet 10.0.0.0/24 doesn't contain this address",
		"networks.vlan.subnets[0].subnet: invalid pool request: Pool overlaps with other one on this address space: 10.0.0.0/24 and network net's 10.0.0.0/24",
		"endpoints.a.network: network none not found",
		"endpoints.c.attach[0].network: network none not found",
		`hosts.host.links.shim.addresses[0]: "x" is not an address with prefix length, as in 172.16.86.2/24`,
		`switch.ports.d/m: nothing called "d/m" is plugged into the switch: it is written NODE/LINK, as in host/eth0`,
	}
	if got := strings.TrimSpace(told(s)); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

// TestOrder: things may be written in any order, and a host's own device may
// stand on what a network makes.
func TestOrder(t *testing.T) {
	s := &Spec{
		Hosts: hosts("host", Host{
			Links: links("shim", Link{Kind: "macvlan", Parent: "eth0.50"}, "on-shim", Link{Kind: "vlan", Parent: "shim", ID: ptr(9)}, "v", Link{Kind: "vlan", Parent: "br", ID: ptr(2)}),
			Parents: links("on-br", Link{Kind: "vlan", Parent: "v", ID: ptr(3)}, "br", Link{Kind: "bridge", Ports: []string{"eth0"}}, "eth0", Link{},
				"on-far", Link{Kind: "vlan", Parent: "other/eth7", ID: ptr(3)}),
		}, "other", Host{Parents: links("eth7", Link{})}),
		Networks:  networks("net", Network{Driver: "macvlan", Host: "host", Parent: "eth0.50"}, "top", Network{Driver: "macvlan", Host: "host", Parent: "on-br"}),
		Endpoints: endpoints("a", Endpoint{Attach: []Attachment{{Network: "net"}}, Links: links("inner", Link{Kind: "vlan", Parent: "eth1", ID: ptr(4)}, "eth0", Link{Kind: "dummy"})}),
	}
	p := mustCompile(t, s)
	for ref, parent := range map[string]string{
		"host/shim": "host/eth0.50", "host/on-shim": "host/shim", "host/on-br": "host/v", "host/v": "host/br",
		"host/on-far": "other/eth7", "a/inner": "a/eth1", "a/eth1": "host/eth0.50",
	} {
		if got := device(t, p, ref).Parent.String(); got != parent {
			t.Errorf("%s stands on %s, want %s", ref, got, parent)
		}
	}
	if device(t, p, "host/eth0").Master.Link != "br" {
		t.Error("eth0 is no port of br")
	}
	if p.LAN.Main("a").Link != "eth1" || p.LAN.Main("nobody") != nil {
		t.Error("an endpoint is known by the device that its network gave it")
	}
}
