package topology

import (
	"fmt"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSameAgain: two compiles are equal, and another seed changes addresses and
// nothing else.
func TestSameAgain(t *testing.T) {
	anyMAC := regexp.MustCompile(`[0-9a-f]{2}(:[0-9a-f]{2}){5}`)
	all := guides()
	all["busy"], all["stacked"] = busy(), stacked()
	for name, s := range all {
		one, two := mustCompile(t, s), mustCompile(t, s)
		if diff := cmp.Diff(one.String(), two.String()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if diff := cmp.Diff(fmt.Sprint(one.LAN.Fences()), fmt.Sprint(two.LAN.Fences())); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		other, problems := Compile(s, "another seed")
		if len(problems) > 0 {
			t.Fatal(lines(problems))
		}
		if other.String() == one.String() {
			t.Errorf("%s: the seed changes nothing", name)
		}
		if diff := cmp.Diff(anyMAC.ReplaceAllString(one.String(), "MAC"), anyMAC.ReplaceAllString(other.String(), "MAC")); diff != "" {
			t.Errorf("%s: the seed changes more than addresses: %s", name, diff)
		}
	}
}

func TestNeeds(t *testing.T) {
	needs := func(s *Spec) []string { return Needs(mustCompile(t, s).Ops) }
	for name, c := range map[string]struct {
		spec *Spec
		want []string
	}{
		"least":       {&Spec{Hosts: hosts("host", Host{})}, []string{"bridge"}},
		"macvlan":     {onParent("m", mv("")), []string{"bridge", "macvlan", "veth"}},
		"nic":         {&Spec{Hosts: hosts("host", Host{Parents: links("eth0", Link{Kind: "nic"})})}, []string{"bridge", "nic"}},
		"trunk":       {guides()["docker-macvlan-trunk"], []string{"bridge", "bridge-vlan-filtering", "macvlan", "veth", "vlan"}},
		"mac table":   {&Spec{Hosts: oneHost(), Switch: Switch{MACTable: 5}}, []string{"bridge", "bridge-fdb-limit", "veth"}},
		"cutoff":      {onParent("m", Link{Kind: "macvlan", Parent: "eth0", BCCutoff: ptr(-1)}), []string{"bridge", "macvlan", "macvlan-bc-cutoff", "veth"}},
		"l3s":         {onParent("i", Link{Kind: "ipvlan", Parent: "eth0", Mode: "l3s"}), []string{"bridge", "ipvlan", "ipvlan-l3s", "veth"}},
		"ipvlan":      {guides()["docker-ipvlan-l3"], []string{"bridge", "dummy", "ipvlan", "veth"}},
		"access port": {&Spec{Hosts: oneHost(), Switch: Switch{Ports: list[SwitchPort]("host/eth0", SwitchPort{Access: 5})}}, []string{"bridge", "bridge-vlan-filtering", "veth"}},
	} {
		if diff := cmp.Diff(c.want, needs(c.spec)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	p := mustCompile(t, busy())
	for want, c := range map[string]Change{
		"[ipvlan-l3s]":            {Set: &SetLink{Link: "b/eth0", Mode: "l3s"}},
		"[]":                      {Set: &SetLink{Link: "b/eth0", Mode: "l3"}},
		"[dummy]":                 {Add: &AddLink{Node: "host", Name: "x", Link: Link{Kind: "dummy"}}},
		"[bridge-vlan-filtering]": {Switch: &SetSwitch{Port: "host/eth1", SwitchPort: SwitchPort{Trunk: []int{7}}}},
		"[vlan]":                  {Network: &AddNetwork{Name: "x", Network: Network{Driver: "macvlan", Parent: "eth1.7"}}},
	} {
		next, err := p.Change(&c)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(Needs(next.Ops)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := mustCompile(t, stacked()).LAN.NICs(); !slices.Equal(got, []string{"n"}) {
		t.Error(got)
	}
}

// bytes hands out small choices from fuzzed bytes.
type bytes struct{ b []byte }

func (f *bytes) next() int {
	if len(f.b) == 0 {
		return 0
	}
	c := f.b[0]
	f.b = f.b[1:]
	return int(c)
}

func pick[T any](f *bytes, of ...T) T { return of[f.next()%len(of)] }

func (f *bytes) link() Link {
	l := Link{
		Kind:      pick(f, "", "veth", "dummy", "bridge", "vlan", "macvlan", "ipvlan", "nic", "x"),
		Parent:    pick(f, "", "l0", "l1", "l2", "h/l0", "h/l1", "e/l0", "lo", "h/eth0.5", "switch/sw", "/", "s/eth0"),
		Mode:      pick(f, "", "bridge", "private", "passthru", "source", "l2", "l3", "l3s"),
		Flag:      pick(f, "", "", "", "private", "bridge"),
		MAC:       pick(f, "", "", "02:00:00:00:00:01", "x", "ff:ff:ff:ff:ff:ff"),
		Addresses: pick(f, nil, nil, []string{"10.0.0.1/24"}, []string{"fd00::1/64", "10.0.0.0/24"}, []string{"x"}),
		Ports:     pick(f, nil, nil, []string{"l0"}, []string{"l1", "l2"}),
		Sources:   pick(f, nil, nil, []string{"l0"}, []string{"s/eth0", "e/l1"}),
		Down:      pick(f, false, false, true),
		MTU:       pick(f, 0, 1400, -1),
	}
	if l.Kind == "vlan" {
		l.ID = pick(f, ptr(1), ptr(2), ptr(0), ptr(4095), ptr(-1), nil)
	}
	return l
}

func (f *bytes) links() Named[Link] {
	var out Named[Link]
	for i := range f.next() % 4 {
		out = append(out, Item[Link]{Name: pick(f, fmt.Sprintf("l%d", i), "l0", "eth0", "", "sixteencharacter"), Value: f.link()})
	}
	return out
}

func (f *bytes) network() Network {
	n := Network{
		Driver:      pick(f, "macvlan", "ipvlan", "bridge", ""),
		Host:        pick(f, "", "h", "i", "x"),
		Parent:      pick(f, "", "l0", "l0.5", "l1.5000", "x"),
		MacvlanMode: pick(f, "", "passthru", "source", "x"),
		IpvlanMode:  pick(f, "", "", "l3"),
		Internal:    pick(f, false, true),
	}
	for range f.next() % 3 {
		n.Subnets = append(n.Subnets, Subnet{
			Subnet:  pick(f, "10.0.0.0/30", "10.0.0.0/24", "fd00::/64", "10.0.0.4/31", "0.0.0.0/0", "::/0", "255.255.255.255/32", "10.0.0.1/24", ""),
			Gateway: pick(f, "", "10.0.0.1", "fd00::1", "x"),
			IPRange: pick(f, "", "10.0.0.0/25", "10.0.0.0/31", "fd00::/126", "x"),
		})
	}
	n.EnableIPv4, n.EnableIPv6 = pick(f, nil, ptr(true), ptr(false)), pick(f, nil, ptr(true), ptr(false))
	return n
}

func (f *bytes) route() []Route {
	return pick(f, nil, nil, []Route{{To: "default", Via: "10.0.0.9"}}, []Route{{To: "::/0", Dev: "eth0"}}, []Route{{To: "x", Dev: "l0", Via: "y"}})
}

func (f *bytes) attachment() Attachment {
	return Attachment{Network: pick(f, "n0", "n1", "x"), IP: pick(f, "", "", "10.0.0.2", "fd00::2"), IP6: pick(f, "", "", "fd00::9", "x"), Name: pick(f, "", "", "eth0", "a b"), GatewayPriority: pick(f, 0, 0, 1, -1)}
}

func (f *bytes) spec() *Spec {
	s := &Spec{Docker: pick(f, "", "20.10", "25", "26", "27", "28", "29", "x")}
	for _, name := range []string{"h", "i"}[:f.next()%3%3] {
		s.Hosts = append(s.Hosts, Item[Host]{Name: name, Value: Host{Parents: f.links(), Links: f.links(), Routes: f.route(), Forwarding: true}})
	}
	for i := range f.next() % 3 {
		s.Networks = append(s.Networks, Item[Network]{Name: pick(f, fmt.Sprintf("n%d", i), "n0", "n/"), Value: f.network()})
	}
	for _, name := range []string{"e", "h"}[:f.next()%3] {
		e := Endpoint{Links: f.links(), Routes: f.route()}
		for range f.next() % 3 {
			e.Attach = append(e.Attach, f.attachment())
		}
		s.Endpoints = append(s.Endpoints, Item[Endpoint]{Name: name, Value: e})
	}
	for _, name := range []string{"s", "e"}[:f.next()%3] {
		s.Stations = append(s.Stations, Item[Station]{Name: name, Value: Station{MAC: pick(f, "", "x"), Links: f.links()}})
	}
	for range f.next() % 3 {
		s.Switch.Ports = append(s.Switch.Ports, Item[SwitchPort]{Name: pick(f, "h/l0", "s/eth0", "x"), Value: f.port()})
	}
	s.Switch.Hairpin = pick(f, false, true)
	return s
}

func (f *bytes) port() SwitchPort {
	return SwitchPort{Access: pick(f, 0, 5, 5000, -1), Trunk: pick(f, nil, []int{6}, []int{0}), Allow: pick(f, nil, []string{}, []string{"h/l0"}, []string{"x"}), Carrier: pick(f, nil, ptr(false), ptr(true))}
}

func (f *bytes) ref() string { return pick(f, "h/l0", "h/l1", "h/l2", "e/l0", "e/eth0", "s/eth0", "x") }

func (f *bytes) change() *Change {
	switch f.next() % 12 {
	case 0:
		return &Change{Add: &AddLink{Node: pick(f, "h", "e", "s", "x"), Name: pick(f, "l0", "l3", "eth0", ""), Link: f.link()}}
	case 1:
		return &Change{Set: &SetLink{
			Link: f.ref(), Up: pick(f, nil, ptr(true), ptr(false)), MAC: pick(f, "", "02:00:00:00:00:09", "x"), Mode: pick(f, "", "l3", "private", "passthru", "source", "bridge"),
			Flag: pick(f, "", "vepa"), Sources: pick(f, nil, []string{}, []string{"s/eth0"}), Master: pick(f, "", "", "l0", "l1", "l2"), MTU: pick(f, 0, 1400),
		}}
	case 2:
		return &Change{Delete: f.ref()}
	case 3:
		return &Change{Move: &MoveLink{Link: f.ref(), To: pick(f, "e", "h", "s", "x"), Name: pick(f, "", "moved", "a/b")}}
	case 4:
		return &Change{Switch: &SetSwitch{Port: pick(f, "", "h/l0", "s/eth0", "x"), SwitchPort: f.port()}}
	case 5:
		return &Change{Network: &AddNetwork{Name: pick(f, "n0", "n1", "n2"), Network: f.network()}}
	case 6:
		return &Change{RemoveNetwork: pick(f, "n0", "n1", "n2")}
	case 7:
		return &Change{Attach: &Attach{Endpoint: pick(f, "e", "h", "x"), Attachment: f.attachment()}}
	case 8:
		return &Change{Detach: &Detach{Endpoint: pick(f, "e", "h", "x"), Network: pick(f, "n0", "n1", "n2")}}
	case 9:
		return &Change{Address: &SetAddress{Link: f.ref(), Address: pick(f, "10.0.0.5/24", "x")}}
	case 10:
		return &Change{RemoveAddress: &SetAddress{Link: f.ref(), Address: pick(f, "10.0.0.5/24", "10.0.0.1/24")}}
	}
	return &Change{}
}

// FuzzCompile builds small LANs of rubbish and changes them: nothing panics or
// hangs, problems have a place and come once, and what is planned hangs
// together.
func FuzzCompile(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x00\x01\x03\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05\x01\x02"))
	f.Add([]byte("a host and two networks, an endpoint on both, and some changes"))
	f.Fuzz(func(t *testing.T, b []byte) {
		in := &bytes{b}
		s := in.spec()
		p, problems := Compile(s, "fuzz")
		told := map[string]bool{}
		for _, problem := range problems {
			if len(problem.Path) == 0 && len(s.Hosts)+len(s.Endpoints)+len(s.Stations) > 0 {
				t.Errorf("no place: %s", problem)
			}
			if told[problem.Error()] || problem.Text == "" {
				t.Errorf("told twice, or nothing told: %s", problem)
			}
			told[problem.Error()] = true
		}
		if (p == nil) == (len(problems) == 0) {
			t.Fatalf("a plan %v, and problems %v", p, problems)
		}
		if p == nil {
			return
		}
		holds(t, p, p.Ops)
		changed(t, p, in)
	})
}

// FuzzChange does the same from a LAN that is right and has most things in it.
func FuzzChange(f *testing.F) {
	f.Add([]byte{})
	for kind := range byte(11) {
		f.Add([]byte{kind, 1, 0, 0, 1, 2, 2, 3, 0, 4, kind, 0, 2, 1})
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p := mustCompile(t, &Spec{
			Hosts: hosts("h", Host{Parents: links("l0", Link{}, "l1", Link{Kind: "vlan", Parent: "l0", ID: ptr(7)}, "l2", Link{Kind: "bridge"}, "eth0", Link{})}),
			Networks: networks("n0", Network{Driver: "macvlan", Parent: "l1", Subnets: []Subnet{{Subnet: "10.0.0.0/24", Gateway: "10.0.0.1"}}},
				"n1", Network{Driver: "bridge", Subnets: []Subnet{{Subnet: "10.1.0.0/24"}}}, "n2", Network{Driver: "ipvlan", Parent: "eth0"}),
			Endpoints: endpoints("e", Endpoint{Attach: []Attachment{{Network: "n0"}, {Network: "n2"}}, Links: links("l0", Link{Kind: "macvlan", Parent: "h/l0", Mode: "passthru"})}),
			Stations:  stations("s", Station{}),
			Switch:    Switch{Ports: list[SwitchPort]("h/l0", SwitchPort{Access: 1})},
		})
		changed(t, p, &bytes{b})
	})
}

// changed makes changes and checks after each.
func changed(t *testing.T, p *Plan, in *bytes) {
	for range 8 {
		c := in.change()
		wrong := p.Try(c)
		before := snapshot(p.LAN)
		next, err := p.Change(c)
		if before != snapshot(p.LAN) {
			t.Fatalf("planning %+v left a trace", c)
		}
		if err == nil && len(wrong) == 0 {
			known := p.LAN.clone()
			p.Commit(next)
			holds(t, &Plan{LAN: merged(p.LAN, known)}, next.Ops)
			sound(t, p.LAN)
		}
	}
}

// merged knows the devices before and after a change.
func merged(a, b *LAN) *LAN {
	c := a.clone()
	c.Devices = append(c.Devices, b.Devices...)
	return c
}

// holds checks that operations are about devices that there are.
func holds(t *testing.T, p *Plan, ops []Op) {
	t.Helper()
	known := func(d *Device) {
		t.Helper()
		if d == nil || !slices.ContainsFunc(p.LAN.Devices, func(o *Device) bool { return o.Index == d.Index }) {
			t.Fatalf("an operation on %v, which is not there", d)
		}
		if _, ok := p.LAN.Node(d.Node); !ok {
			t.Fatalf("an operation on %s, whose node is not there", d)
		}
	}
	for _, o := range ops {
		if o.String() == "" {
			t.Fatalf("%T says nothing", o)
		}
		switch o := o.(type) {
		case MakeLink:
			known(o.Device)
			if o.Peer != nil {
				known(o.Peer)
			}
		case DeleteLink:
			known(o.Device)
		case ChangeLink:
			known(o.Device)
		case MoveDevice:
			known(o.Device)
		case AddAddress:
			known(o.Device)
		case RemoveAddress:
			known(o.Device)
		case SetPort:
			known(o.Device)
		case AddRoute:
			if o.Device != nil {
				known(o.Device)
			}
		}
	}
	sound(t, p.LAN)
}

// sound checks that a LAN hangs together, and that looking at it ends.
func sound(t *testing.T, l *LAN) {
	t.Helper()
	index := map[Ref]int{}
	for _, d := range l.Devices {
		if was, ok := index[d.Ref]; ok && was != d.Index {
			t.Fatalf("two devices are called %s", d)
		}
		index[d.Ref] = d.Index
	}
	for _, d := range l.Devices {
		for _, r := range []Ref{d.Parent, d.Peer, d.Master} {
			if r != (Ref{}) && l.Device(r) == nil {
				t.Fatalf("%s refers to %s, which is not there", d, r)
			}
		}
		if d.broken || d.MAC == nil && l.Root(d).Kind != KindNIC {
			t.Fatalf("%s has no address", d)
		}
		l.Wire(d)
	}
	for _, fence := range l.Fences() {
		for _, r := range append(fence.Reaches, fence.At) {
			if l.Device(r) == nil {
				t.Fatalf("a fence for %s, which is not there", r)
			}
		}
	}
}
