package topology

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// snapshot tells a LAN's whole state, hidden parts included.
func snapshot(l *LAN) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%+v %v %v %d %d\n", l.Nodes, l.Docker, l.Switch, l.lastIndex, l.lastPort)
	for _, d := range l.Devices {
		c := *d
		c.Port = nil
		fmt.Fprintf(&b, "%+v", c)
		if d.Port != nil {
			fmt.Fprintf(&b, " %+v", *d.Port)
		}
		b.WriteString("\n")
	}
	for _, name := range sortedKeys(l.Networks) {
		n := *l.Networks[name]
		fmt.Fprintf(&b, "%s %v %v %v %v %v %v %v", n.Name, n.Parent, n.Made, n.Mode, n.Flag, n.Sources, n.Internal, n.broken)
		for _, p := range n.Pools {
			fmt.Fprintf(&b, " %+v", *p)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// busy is a LAN with one of everything that changes work on.
func busy() *Spec {
	return &Spec{
		Docker: "27",
		Hosts: oneHost("eth1", Link{}, "eth2", Link{}, "d0", Link{Kind: "dummy"},
			"br0", Link{Kind: "bridge"}, "v5", Link{Kind: "vlan", Parent: "eth1", ID: ptr(5)},
			"src", Link{Kind: "macvlan", Parent: "eth1", Mode: "source", Sources: []string{"lan/eth0"}, Addresses: []string{"10.9.0.1/24"}}),
		Networks: networks("net", Network{Driver: "macvlan", Parent: "eth0", Subnets: []Subnet{{Subnet: "10.1.0.0/24", Gateway: "10.1.0.1"}}},
			"ip", Network{Driver: "ipvlan", Parent: "eth2", Subnets: []Subnet{{Subnet: "10.2.0.0/24"}}},
			"br", Network{Driver: "bridge", Subnets: []Subnet{{Subnet: "10.3.0.0/24"}}}),
		Endpoints: endpoints("a", on("net"), "b", on("ip"), "c", Endpoint{Attach: []Attachment{{Network: "ip"}, {Network: "br"}}}, "e", Endpoint{}),
		Stations:  stations("lan", Station{}),
		Switch:    Switch{Hairpin: true, Ports: list[SwitchPort]("host/eth0", SwitchPort{Access: 1})},
	}
}

// TestChanges: every kind of change, what it does, and that planning it leaves
// the plan as it was.
func TestChanges(t *testing.T) {
	allow := mac("02:00:00:00:00:aa")
	for name, c := range map[string]struct {
		change Change
		ops    []string
		after  func(t *testing.T, p *Plan)
	}{
		"add": {
			Change{Add: &AddLink{Node: "e", Name: "m", Link: Link{Kind: "macvlan", Parent: "host/d0", Mode: "private", MAC: "02:00:00:00:00:01", Addresses: []string{"10.5.0.1/24"}}}},
			[]string{
				"ip -n host link add link d0 name m netns e index NEXT address 02:00:00:00:00:01 type macvlan mode private && ip -n e link set dev m up",
				"ip -n e address add 10.5.0.1/24 dev m",
			},
			func(t *testing.T, p *Plan) { device(t, p, "e/m") },
		},
		"add a vlan with flags, maps and an attribute": {
			Change{Add: &AddLink{Node: "host", Name: "v", Link: Link{
				Kind: "vlan", Parent: "d0", ID: ptr(6), GVRP: ptr(true), LooseBinding: ptr(false), EgressQoS: map[int]int{3: 5, 1: 2},
				IngressQoS: map[int]int{7: 9}, AllMulticast: true, Attributes: map[string]string{"IFLA_VLAN_PROTOCOL": "be16 0x9100"},
			}}},
			[]string{"ip -n host link add link d0 name v index NEXT type vlan id 6 gvrp on loose_binding off ingress-qos-map 7:9 egress-qos-map 1:2 3:5 && " +
				"ip -n host link set dev v allmulticast on && ip -n host link set dev v up # but with IFLA_VLAN_PROTOCOL be16 0x9100"},
			func(t *testing.T, p *Plan) {
				if a := device(t, p, "host/v").Attributes; len(a) != 1 || !slices.Equal(a[0].Value, []byte{0x91, 0}) || a[0].Type != 5 {
					t.Errorf("the attributes are %+v", a)
				}
			},
		},
		"set a vlan's flags and maps": {
			Change{Set: &SetLink{Link: "host/v5", ReorderHdr: ptr(false), EgressQoS: map[int]int{1: 2}, AllMulticast: ptr(true)}},
			[]string{"ip -n host link set dev v5 allmulticast on && ip -n host link set dev v5 type vlan reorder_hdr off egress-qos-map 1:2"},
			func(t *testing.T, p *Plan) {
				if d := device(t, p, "host/v5"); d.ReorderHdr == nil || *d.ReorderHdr || d.EgressQoS[1] != 2 || !d.AllMulti {
					t.Errorf("the vlan is %+v", d)
				}
			},
		},
		"add a source": {
			Change{Set: &SetLink{Link: "host/src", AddSource: "02:00:00:00:00:01", BCQueueLen: ptr(7)}},
			[]string{"ip -n host link set dev src type macvlan bcqueuelen 7 macaddr add 02:00:00:00:00:01"},
			func(t *testing.T, p *Plan) {
				if d := device(t, p, "host/src"); len(d.Sources) != 2 || *d.BCQueueLen != 7 {
					t.Errorf("the macvlan is %+v", d)
				}
			},
		},
		"flush sources": {
			Change{Set: &SetLink{Link: "host/src", FlushSources: true}},
			[]string{"ip -n host link set dev src type macvlan macaddr flush"},
			func(t *testing.T, p *Plan) {
				if d := device(t, p, "host/src"); len(d.Sources) != 0 {
					t.Errorf("the sources are %v", d.Sources)
				}
			},
		},
		"a filter": {
			Change{Filter: &SetFilter{"a/eth0", "01:00:5e:7f:00:07"}},
			[]string{"bridge -n a fdb add 01:00:5e:7f:00:07 dev eth0 self permanent"},
			func(*testing.T, *Plan) {},
		},
		"remove a node with a child, and one with parents": {
			Change{RemoveNode: "host"},
			[]string{"ip netns delete host"},
			func(t *testing.T, p *Plan) {
				if _, ok := p.LAN.Node("host"); ok || p.LAN.Main("host") != nil || p.LAN.Main("a") != nil {
					t.Error("something is left of the host")
				}
			},
		},
		"add a veth, plugged into a switch that reflects": {
			Change{Add: &AddLink{Node: "e", Name: "m", Link: Link{MAC: "02:00:00:00:00:01"}}},
			[]string{
				"ip -n e link add name m index NEXT address 02:00:00:00:00:01 type veth peer name p5 netns switch index NEXT address MAC && ip -n e link set dev m up && ip -n switch link set dev p5 master sw && ip -n switch link set dev p5 up",
				"bridge -n switch link set dev p5 hairpin on learning on flood on isolated off locked off",
			},
			func(t *testing.T, p *Plan) { device(t, p, "e/m") },
		},
		"set everything of a device": {
			Change{Set: &SetLink{Link: "host/d0", Up: ptr(false), MAC: "02:00:00:00:00:02", MTU: 1400, Promisc: ptr(true), Master: "br0"}},
			[]string{"ip -n host link set dev d0 master br0 && ip -n host link set dev d0 address 02:00:00:00:00:02 && ip -n host link set dev d0 mtu 1400 && ip -n host link set dev d0 promisc on && ip -n host link set dev d0 down"},
			func(t *testing.T, p *Plan) {
				if d := device(t, p, "host/d0"); d.Up || d.MAC.String() != "02:00:00:00:00:02" || d.MTU != 1400 || !d.Promisc || d.Master != (Ref{"host", "br0"}) {
					t.Errorf("%+v", d)
				}
			},
		},
		"set a macvlan's flags and list": {
			Change{Set: &SetLink{Link: "host/src", NoDst: ptr(true), Sources: []string{"host/eth0", "02:00:00:00:00:aa"}}},
			[]string{"ip -n host link set dev src type macvlan mode source flag null nodst macaddr set MAC 02:00:00:00:00:aa"},
			func(t *testing.T, p *Plan) {
				d := device(t, p, "host/src")
				if diff := cmp.Diff([]net.HardwareAddr{device(t, p, "host/eth0").MAC, allow}, d.Sources); diff != "" || !d.NoDst {
					t.Error(diff)
				}
			},
		},
		"clear a macvlan's list": {
			Change{Set: &SetLink{Link: "host/src", Sources: []string{}}},
			[]string{"ip -n host link set dev src type macvlan macaddr flush"},
			func(t *testing.T, p *Plan) {
				if d := device(t, p, "host/src"); len(d.Sources) > 0 {
					t.Error(d.Sources)
				}
			},
		},
		"mode away from source": {
			Change{Set: &SetLink{Link: "host/src", Mode: "vepa"}},
			[]string{"ip -n host link set dev src type macvlan mode vepa"},
			func(t *testing.T, p *Plan) {
				if d := device(t, p, "host/src"); d.Mode != "vepa" || len(d.Sources) > 0 {
					t.Errorf("%+v", d)
				}
			},
		},
		"an ipvlan's mode is its siblings'": {
			Change{Set: &SetLink{Link: "b/eth0", Mode: "l3", Flag: "private"}},
			[]string{"ip -n b link set dev eth0 type ipvlan mode l3 private"},
			func(t *testing.T, p *Plan) {
				if d := device(t, p, "c/eth0"); d.Mode != "l3" || d.Flag != "private" {
					t.Errorf("%+v", d)
				}
			},
		},
		"so is a newcomer's": {
			Change{Add: &AddLink{Node: "e", Name: "i", Link: Link{Kind: "ipvlan", Parent: "c/eth0", Mode: "l3s", Flag: "vepa"}}},
			[]string{"ip -n c link add link eth0 name i netns e index NEXT type ipvlan mode l3s vepa && ip -n e link set dev i up"},
			func(t *testing.T, p *Plan) {
				if d := device(t, p, "b/eth0"); d.Mode != "l3s" || d.Flag != "vepa" {
					t.Errorf("%+v", d)
				}
				if d := device(t, p, "e/i"); d.Parent != (Ref{"host", "eth2"}) {
					t.Errorf("an ipvlan on an ipvlan sits on %s", d.Parent)
				}
			},
		},
		"a parent that goes down takes its vlans along": {
			Change{Set: &SetLink{Link: "host/eth1", Up: ptr(false)}},
			[]string{"ip -n host link set dev eth1 down"},
			func(t *testing.T, p *Plan) {
				if device(t, p, "host/v5").Up || !device(t, p, "host/src").Up {
					t.Error("vlans go down, macvlans do not")
				}
				do(t, p, &Change{Set: &SetLink{Link: "host/eth1", Up: ptr(true)}})
				if !device(t, p, "host/v5").Up {
					t.Error("vlans come up with their parent")
				}
			},
		},
		"delete takes all that stands on it": {
			Change{Delete: "host/eth1"},
			[]string{"ip -n host link delete dev eth1"},
			func(t *testing.T, p *Plan) {
				for _, ref := range []string{"host/eth1", "host/v5", "host/src", "switch/p3"} {
					if p.LAN.Device(ParseRef(ref, "")) != nil {
						t.Errorf("%s is left", ref)
					}
				}
				device(t, p, "switch/p2")
			},
		},
		"delete a bridge, not its ports": {
			Change{Delete: p0bridge("br")},
			[]string{"ip -n host link delete dev br-br"},
			func(t *testing.T, p *Plan) {
				if device(t, p, "host/veth-c").Master != (Ref{}) {
					t.Error("a port of no bridge")
				}
			},
		},
		"move": {
			Change{Move: &MoveLink{Link: "host/eth1", To: "e", Name: "x"}},
			[]string{"ip -n host link set dev eth1 netns e name x"},
			func(t *testing.T, p *Plan) {
				d := device(t, p, "e/x")
				if d.Up || d.Port == nil || device(t, p, "host/v5").Parent != d.Ref || device(t, p, "host/v5").Up || device(t, p, d.Peer.String()).Peer != d.Ref {
					t.Errorf("%+v", d)
				}
			},
		},
		"move loses addresses and the name stays": {
			Change{Move: &MoveLink{Link: "a/eth0", To: "e"}},
			[]string{"ip -n a link set dev eth0 netns e name eth0"},
			func(t *testing.T, p *Plan) {
				if d := device(t, p, "e/eth0"); len(d.Addresses) > 0 || d.Parent != (Ref{"host", "eth0"}) {
					t.Errorf("%+v", d)
				}
			},
		},
		"move away from a bridge": {
			Change{Move: &MoveLink{Link: "host/veth-c", To: "e"}},
			[]string{"ip -n host link set dev veth-c netns e name veth-c"},
			func(t *testing.T, p *Plan) {
				if d := device(t, p, "e/veth-c"); d.Master != (Ref{}) || device(t, p, "c/eth1").Peer != d.Ref {
					t.Errorf("%+v", d)
				}
			},
		},
		"move a network's parent": {
			Change{Move: &MoveLink{Link: "host/eth0", To: "e", Name: "x"}},
			[]string{"ip -n host link set dev eth0 netns e name x"},
			func(t *testing.T, p *Plan) {
				if got := p.LAN.Networks["net"].Parent; got != (Ref{"e", "x"}) || device(t, p, "a/eth0").Parent != got {
					t.Error(got)
				}
			},
		},
		"one port": {
			Change{Switch: &SetSwitch{Port: "host/eth1", SwitchPort: SwitchPort{Hairpin: ptr(false), Allow: []string{"02:00:00:00:00:aa"}, Access: 10, Trunk: []int{20, 30}, Isolated: true, Carrier: ptr(false)}}},
			[]string{"ip -n switch link set dev p3 type bridge_slave fdb_flush && bridge -n switch link set dev p3 hairpin off learning off flood on isolated on locked on" +
				" && bridge -n switch fdb replace 02:00:00:00:00:aa dev p3 master static && bridge -n switch vlan delete dev p3 vid 1 && bridge -n switch vlan add dev p3 vid 10 pvid untagged" +
				" && bridge -n switch vlan add dev p3 vid 20 && bridge -n switch vlan add dev p3 vid 30 && ip -n switch link set dev p3 down"},
			func(t *testing.T, p *Plan) {
				do(t, p, &Change{Switch: &SetSwitch{Port: "host/eth1", SwitchPort: SwitchPort{Allow: []string{}, Access: 11, Trunk: []int{30}, Carrier: ptr(true)}}})
				want := Port{Name: "p3", Learning: true, Flood: true, Isolated: true, Access: 11, Trunk: []int{30}}
				if diff := cmp.Diff(want, *device(t, p, "host/eth1").Port); diff != "" {
					t.Error(diff)
				}
			},
		},
		"all ports": {
			Change{Switch: &SetSwitch{SwitchPort: SwitchPort{Hairpin: ptr(false)}}},
			[]string{
				"bridge -n switch link set dev p1 hairpin off learning on flood on isolated off locked off",
				"bridge -n switch link set dev p2 hairpin off learning on flood on isolated off locked off",
				"bridge -n switch link set dev p3 hairpin off learning on flood on isolated off locked off",
				"bridge -n switch link set dev p4 hairpin off learning on flood on isolated off locked off",
			},
			func(t *testing.T, p *Plan) {
				next, err := p.Change(&Change{Add: &AddLink{Node: "e", Name: "m"}})
				if err != nil || len(next.Ops) != 1 {
					t.Errorf("a port that comes later is not like the others: %v", err)
				}
			},
		},
		"network": {
			Change{Network: &AddNetwork{Name: "more", Network: Network{Driver: "macvlan", Parent: "eth1.7"}}},
			[]string{"ip -n host link add link eth1 name eth1.7 index NEXT type vlan id 7 && ip -n host link set dev eth1.7 up"},
			func(t *testing.T, p *Plan) { device(t, p, "host/eth1.7") },
		},
		"attach": {
			Change{Attach: &Attach{"a", Attachment{Network: "ip", IP: "10.2.0.77"}}},
			[]string{
				"ip -n host link add link eth2 name eth1 netns a index NEXT txqueuelen 0 type ipvlan mode l2 bridge && ip -n a link set dev eth1 up",
				"ip -n a address add 10.2.0.77/24 dev eth1",
				"ip -n a route delete default via 10.1.0.1 dev eth0",
				"ip -n a route add default via 10.2.0.1 dev eth1",
			},
			func(t *testing.T, p *Plan) {
				if device(t, p, "a/eth1").MAC.String() != device(t, p, "host/eth2").MAC.String() {
					t.Error("an ipvlan has its parent's address")
				}
			},
		},
		"detach gives the address back": {
			Change{Detach: &Detach{"a", "net"}},
			[]string{"ip -n a link delete dev eth0"},
			func(t *testing.T, p *Plan) {
				do(t, p, &Change{Attach: &Attach{"e", Attachment{Network: "net"}}})
				if got := prefixes(device(t, p, "e/eth0")); got != "10.1.0.2/24" {
					t.Error(got)
				}
			},
		},
		"detach from a bridge": {
			Change{Detach: &Detach{"c", "br"}},
			[]string{"ip -n c link delete dev eth1", "ip -n c route add default via 10.2.0.1 dev eth0"},
			func(t *testing.T, p *Plan) {
				if p.LAN.Device(Ref{"host", "veth-c"}) != nil {
					t.Error("the host's end is left")
				}
			},
		},
		"address": {
			Change{Address: &SetAddress{Link: "host/d0", Address: "fd00::1/64"}},
			[]string{"ip -n host address add fd00::1/64 dev d0 nodad"},
			func(t *testing.T, p *Plan) {
				if got := prefixes(device(t, p, "host/d0")); got != "fd00::1/64" {
					t.Error(got)
				}
			},
		},
		"remove_address": {
			Change{RemoveAddress: &SetAddress{Link: "host/src", Address: "10.9.0.1/24"}},
			[]string{"ip -n host address delete 10.9.0.1/24 dev src"},
			func(t *testing.T, p *Plan) {
				if got := prefixes(device(t, p, "host/src")); got != "" {
					t.Error(got)
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := mustCompile(t, busy())
			before := snapshot(p.LAN)
			if wrong := p.Try(&c.change); len(wrong) > 0 {
				t.Fatal(lines(wrong))
			}
			next, err := p.Change(&c.change)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, snapshot(p.LAN)); diff != "" {
				t.Errorf("the plan changed before it was committed: %s", diff)
			}
			if diff := cmp.Diff(c.ops, masked(p, commands(next.Ops))); diff != "" {
				t.Error(diff)
			}
			p.Commit(next)
			c.after(t, p)
		})
	}
}

func p0bridge(network string) string { return "host/" + shortName("br-", network) }

// masked hides what is derived, so that the rest can be written down.
func masked(p *Plan, commands []string) []string {
	var out []string
	for _, s := range commands {
		fields := strings.Fields(s)
		for i, f := range fields {
			switch {
			case i > 0 && fields[i-1] == "index":
				fields[i] = "NEXT"
			case strings.HasPrefix(f, "02:") && !strings.HasPrefix(f, "02:00:00:00:00:"):
				fields[i] = "MAC"
			}
		}
		out = append(out, strings.Join(fields, " "))
	}
	return out
}

// TestRefusedChanges: what cannot be done is told with its place; what a kernel
// can be asked about is planned all the same.
func TestRefusedChanges(t *testing.T) {
	for want, c := range map[string]Change{
		"a change does one thing: add, set, delete, move, switch, network, remove_network, attach, detach, address, remove_address, filter, remove_filter or remove_node":  {},
		" a change does one thing: add, set, delete, move, switch, network, remove_network, attach, detach, address, remove_address, filter, remove_filter or remove_node": {Delete: "host/x", RemoveNetwork: "y"},
		`add.node: there is no node "x"`: {Add: &AddLink{Node: "x", Name: "m"}},
		`add.kind: unknown kind of device "tun": it is one of veth, dummy, bridge, vlan, macvlan, ipvlan, nic`:     {Add: &AddLink{Node: "e", Name: "m", Link: Link{Kind: "tun"}}},
		"add.parent: there is no device e/d0 for a parent":                                                         {Add: &AddLink{Node: "e", Name: "m", Link: Link{Kind: "macvlan", Parent: "d0"}}},
		`set.link: there is no device "host/x": it is written NODE/LINK`:                                           {Set: &SetLink{Link: "host/x", MTU: 9}},
		`set.link: there is no device "switch/sw": it is written NODE/LINK`:                                        {Set: &SetLink{Link: "switch/sw", MTU: 9}},
		"set: nothing is set: name what changes":                                                                   {Set: &SetLink{Link: "host/d0"}},
		"set.mode: a dummy has no mode":                                                                            {Set: &SetLink{Link: "host/d0", Mode: "vepa"}},
		"set.flag: a macvlan has no flag":                                                                          {Set: &SetLink{Link: "host/src", Flag: "vepa"}},
		"set.sources: a ipvlan has no sources":                                                                     {Set: &SetLink{Link: "b/eth0", Sources: []string{"02:00:00:00:00:01"}}},
		`set.mode: unknown ipvlan mode "vepa": it is one of l2, l3, l3s`:                                           {Set: &SetLink{Link: "b/eth0", Mode: "vepa"}},
		"set.nopromisc: nopromisc is for mode passthru, not for bridge":                                            {Set: &SetLink{Link: "a/eth0", NoPromisc: ptr(true)}},
		`set.mac: "x" is not a MAC address, as in 02:42:ac:10:56:02`:                                               {Set: &SetLink{Link: "host/d0", MAC: "x"}},
		"set.mtu: an MTU is a number of bytes: -9 is too few":                                                      {Set: &SetLink{Link: "host/d0", MTU: -9}},
		"set.gvrp: a macvlan has no gvrp":                                                                          {Set: &SetLink{Link: "host/src", GVRP: ptr(true)}},
		"set.egress_qos: egress_qos maps socket priorities to PCP values 0 to 7: 1: 8 is out of range":             {Set: &SetLink{Link: "host/v5", EgressQoS: map[int]int{1: 8}}},
		"set.ingress_qos: ingress_qos maps PCP values 0 to 7 to priorities: 9: 1 is out of range":                  {Set: &SetLink{Link: "host/v5", IngressQoS: map[int]int{9: 1}}},
		"set: a list of sources changes in one way at a time: sources, add_source, remove_source or flush_sources": {Set: &SetLink{Link: "host/src", AddSource: "02:00:00:00:00:01", FlushSources: true}},
		`set.attributes.IFLA_IPVLAN_MODE: "u8 3" is no value of an attribute: it is none, hex and bytes, or one of u16, u32 and be16 and a number, as in u32 3`: {Set: &SetLink{Link: "b/eth0", Attributes: map[string]string{"IFLA_IPVLAN_MODE": "u8 3"}}},
		`remove_node: there is no node "x"`:                                                                          {RemoveNode: "x"},
		`filter.address: "x" is not a MAC address, as in 02:42:ac:10:56:02`:                                          {Filter: &SetFilter{"a/eth0", "x"}},
		"set.master: there is no bridge eth0 on host for it to be a port of":                                         {Set: &SetLink{Link: "host/d0", Master: "eth0"}},
		"set.master: there is no bridge host/br0 on a for it to be a port of":                                        {Set: &SetLink{Link: "a/eth0", Master: "host/br0"}},
		`delete: there is no device "x": it is written NODE/LINK`:                                                    {Delete: "x"},
		`move.to: there is no node "switch"`:                                                                         {Move: &MoveLink{Link: "host/d0", To: "switch"}},
		`move.link: there is no device "host/x": it is written NODE/LINK`:                                            {Move: &MoveLink{Link: "host/x", To: "e"}},
		`switch.port: nothing called "host/d0" is plugged into the switch: it is written NODE/LINK, as in host/eth0`: {Switch: &SetSwitch{Port: "host/d0", SwitchPort: SwitchPort{Hairpin: ptr(true)}}},
		"switch.access: VID 5000 is out of range: 1 to 4094":                                                         {Switch: &SetSwitch{SwitchPort: SwitchPort{Access: 5000}}},
		"network: network with name net already exists":                                                              {Network: &AddNetwork{Name: "net", Network: Network{Driver: "macvlan"}}},
		`network.driver: unknown driver "x": it is one of macvlan, ipvlan, bridge`:                                   {Network: &AddNetwork{Name: "n", Network: Network{Driver: "x"}}},
		"remove_network: network x not found":                                                                        {RemoveNetwork: "x"},
		"attach.network: network x not found":                                                                        {Attach: &Attach{"a", Attachment{Network: "x"}}},
		`attach.endpoint: there is no endpoint "lan"`:                                                                {Attach: &Attach{"lan", Attachment{Network: "net"}}},
		"detach.network: network x not found":                                                                        {Detach: &Detach{"a", "x"}},
		"detach.endpoint: container e is not connected to network net":                                               {Detach: &Detach{"e", "net"}},
		"detach.endpoint: container host is not connected to network br":                                             {Detach: &Detach{"host", "br"}},
		`address.address: address "10.0.0.1" lacks its prefix length, as in 10.0.0.1/24`:                             {Address: &SetAddress{"host/d0", "10.0.0.1"}},
		`address.link: there is no device "host/x": it is written NODE/LINK`:                                         {Address: &SetAddress{"host/x", "10.0.0.1/24"}},
		`remove_address.address: "x" is not an address with prefix length, as in 172.16.86.2/24`:                     {RemoveAddress: &SetAddress{"host/d0", "x"}},
	} {
		want = strings.TrimSpace(want)
		p := mustCompile(t, busy())
		if got := strings.TrimSpace(lines(p.Try(&c))); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		_, err := p.Change(&c)
		var refusal *Refusal
		if !errors.As(err, &refusal) || !strings.HasSuffix(want, refusal.Text) {
			t.Errorf("refused with %v, want %s", err, want)
		}
	}
}

// TestAskTheKernel: a mistake that a kernel refuses is told, and planned.
func TestAskTheKernel(t *testing.T) {
	for want, c := range map[string]Change{
		"add: there is already a device host/d0":                                          {Add: &AddLink{Node: "host", Name: "d0", Link: Link{Kind: "dummy"}}},
		"add.id: vlan id 4095 is out of range: 0 to 4094 (IEEE 802.1Q table 9-2)":         {Add: &AddLink{Node: "host", Name: "v", Link: Link{Kind: "vlan", Parent: "d0", ID: ptr(4095)}}},
		`add: device name "sixteencharacter" is 16 characters long: the kernel allows 15`: {Add: &AddLink{Node: "host", Name: "sixteencharacter", Link: Link{Kind: "dummy"}}},
		"add.parent: the loopback can have no macvlan":                                    {Add: &AddLink{Node: "host", Name: "m", Link: Link{Kind: "macvlan", Parent: "lo"}}},
		"add.mac: 01:00:00:00:00:01 is no address that a device can have":                 {Add: &AddLink{Node: "host", Name: "m", Link: Link{Kind: "macvlan", Parent: "d0", MAC: "01:00:00:00:00:01"}}},
		"add.sources: sources are for mode source, not for bridge":                        {Add: &AddLink{Node: "host", Name: "m", Link: Link{Kind: "macvlan", Parent: "d0", Mode: "bridge", Sources: []string{"02:00:00:00:00:01"}}}},
		"set.mac: 00:00:00:00:00:00 is no address that a device can have":                 {Set: &SetLink{Link: "host/d0", MAC: "00:00:00:00:00:00"}},
		"set.sources: sources are for mode source, not for bridge":                        {Set: &SetLink{Link: "a/eth0", Sources: []string{"02:00:00:00:00:01"}}},
		"set.mode: no macvlan can change to or from mode passthru":                        {Set: &SetLink{Link: "a/eth0", Mode: "passthru"}},
		"set.mac: an ipvlan has its parent's address and can be given none of its own":    {Set: &SetLink{Link: "b/eth0", MAC: "02:00:00:00:00:01"}},
		"move.name: there is already a device e/eth0":                                     {Move: &MoveLink{Link: "a/eth0", To: "e"}},
		"address.address: host/src has address 10.9.0.1/24 already":                       {Address: &SetAddress{"host/src", "10.9.0.1/24"}},
		"remove_address.address: host/d0 has no address 10.9.0.1/24":                      {RemoveAddress: &SetAddress{"host/d0", "10.9.0.1/24"}},
		"set.up: vlan host/v5 cannot come up: its parent host/eth1 is down":               {Set: &SetLink{Link: "host/v5", Up: ptr(true)}},
		"add: vlan host/v cannot come up: its parent host/eth1 is down":                   {Add: &AddLink{Node: "host", Name: "v", Link: Link{Kind: "vlan", Parent: "eth1", ID: ptr(9)}}},
	} {
		p := mustCompile(t, busy())
		do(t, p, &Change{Add: &AddLink{Node: "e", Name: "eth0", Link: Link{Kind: "dummy"}}}, &Change{Set: &SetLink{Link: "host/eth1", Up: ptr(false)}})
		wrong := p.Try(&c)
		if got := strings.TrimSpace(lines(wrong)); got != want || !wrong[0].Kernel {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		next, err := p.Change(&c)
		if err != nil || len(next.Ops) == 0 {
			t.Errorf("%s: nothing to ask a kernel: %v", want, err)
		}
	}
}

// TestSwitchWithoutVLANs: a bridge that filters no VLANs cannot begin to.
func TestSwitchWithoutVLANs(t *testing.T) {
	s := busy()
	s.Switch.Ports = nil
	p := mustCompile(t, s)
	got := refusal(t, p, &Change{Switch: &SetSwitch{SwitchPort: SwitchPort{Access: 5}}})
	if !strings.HasPrefix(got, "the switch tells no VLANs apart") {
		t.Error(got)
	}
}

// TestOpsStayAsPlanned: an operation tells of a device as it was when it was
// planned, whatever is done to the LAN later.
func TestOpsStayAsPlanned(t *testing.T) {
	p := mustCompile(t, busy())
	before := p.String()
	do(t, p, &Change{Move: &MoveLink{Link: "host/eth0", To: "e", Name: "x"}}, &Change{Delete: "host/eth1"}, &Change{Set: &SetLink{Link: "b/eth0", Mode: "l3"}},
		&Change{Switch: &SetSwitch{SwitchPort: SwitchPort{Access: 9, Allow: []string{"02:00:00:00:00:01"}}}})
	if diff := cmp.Diff(before, p.String()); diff != "" {
		t.Error(diff)
	}
	// A device that is asked for on a child of its kind is asked for there.
	next, err := p.Change(&Change{Add: &AddLink{Node: "e", Name: "m", Link: Link{Kind: "ipvlan", Parent: "c/eth0"}}})
	if err != nil {
		t.Fatal(err)
	}
	if made := next.Ops[0].(MakeLink).Device; made.Parent != (Ref{"c", "eth0"}) {
		t.Errorf("asked for on %s", made.Parent)
	}
	if i := slices.IndexFunc(p.LAN.Devices, func(d *Device) bool { return d.Link == "m" }); i >= 0 {
		t.Error("made without being committed")
	}
}
