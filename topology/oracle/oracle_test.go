package oracle_test

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/lanproof/lanproof/topology"
	"github.com/lanproof/lanproof/topology/oracle"
)

// compiled is the LAN of a spec.
func compiled(t *testing.T, s *topology.Spec) *topology.LAN {
	t.Helper()
	plan, problems := topology.Compile(s, "0")
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return plan.LAN
}

func named[T any](pairs ...any) topology.Named[T] {
	var n topology.Named[T]
	for i := 0; i < len(pairs); i += 2 {
		n = append(n, topology.Item[T]{Name: pairs[i].(string), Value: pairs[i+1].(T)})
	}
	return n
}

// spec is a host with a parent, children a and b on it, a VLAN device of VID 10, and a
// station.
func spec(driver, mode, flag string, hairpin bool) *topology.Spec {
	network := topology.Network{Driver: driver, Parent: "eth0", Subnets: []topology.Subnet{{Subnet: "192.168.1.0/24", AuxAddresses: map[string]string{"host": "192.168.1.10", "pc": "192.168.1.20"}}}}
	switch driver {
	case "macvlan":
		network.MacvlanMode = mode
	case "ipvlan":
		network.IpvlanMode, network.IpvlanFlag = mode, flag
	}
	vid := 10
	return &topology.Spec{
		Hosts: named[topology.Host]("host", topology.Host{Parents: named[topology.Link](
			"eth0", topology.Link{Addresses: []string{"192.168.1.10/24"}},
			"eth0.10", topology.Link{Kind: "vlan", Parent: "eth0", ID: &vid},
		)}),
		Switch:    topology.Switch{Hairpin: hairpin},
		Networks:  named[topology.Network]("n", network),
		Endpoints: named[topology.Endpoint]("a", topology.Endpoint{Network: "n"}, "b", topology.Endpoint{Network: "n"}),
		Stations:  named[topology.Station]("pc", topology.Station{Addresses: []string{"192.168.1.20/24"}}),
	}
}

// world is a LAN whose switch has heard from everybody.
type world struct {
	*oracle.World
	lan *topology.LAN
}

func newWorld(t *testing.T, s *topology.Spec) *world {
	t.Helper()
	w := &world{lan: compiled(t, s)}
	var err error
	if w.World, err = oracle.New(w.lan); err != nil {
		t.Fatal(err)
	}
	for _, d := range w.lan.Devices {
		if d.Node != topology.SwitchNode {
			w.send(t, d.Ref.String(), "all", oracle.Raw)
		}
	}
	return w
}

// send sends a frame to a device, to "all", or to "nobody".
func (w *world) send(t *testing.T, from, to string, kind oracle.Kind, tags ...oracle.Tag) *oracle.Prediction {
	t.Helper()
	by := w.lan.Device(topology.ParseRef(from, ""))
	f := oracle.Frame{Source: oracle.MACOf(by.MAC), Kind: kind, Tags: tags}
	switch to {
	case "all":
		f.Dest = oracle.MACOf(net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	case "nobody":
		f.Dest = oracle.MAC{2, 0, 0, 0, 0xff, 1}
	default:
		target := w.lan.Device(topology.ParseRef(to, ""))
		f.Dest = oracle.MACOf(target.MAC)
		f.To = first(target)
	}
	f.From = first(by)
	p, err := w.Send(by.Ref, f)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func first(d *topology.Device) netip.Addr {
	if len(d.Addresses) == 0 {
		return netip.Addr{}
	}
	return d.Addresses[0].Addr()
}

// taken is who takes a frame: devices, sorted.
func taken(p *oracle.Prediction) string {
	var all []string
	for _, s := range p.Taken {
		if s.At.Node != topology.SwitchNode {
			all = append(all, s.At.Node)
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// TestMacvlanModes is what the modes are for, as documents tell it.
func TestMacvlanModes(t *testing.T) {
	for _, c := range []struct {
		mode     string
		hairpin  bool
		from, to string
		want     string
	}{
		{"private", false, "a/eth0", "b/eth0", ""},
		{"private", true, "a/eth0", "b/eth0", "b"}, // what no document says
		{"private", true, "a/eth0", "all", "a pc"},
		{"vepa", false, "a/eth0", "b/eth0", ""},
		{"vepa", true, "a/eth0", "b/eth0", "b"},
		{"vepa", true, "a/eth0", "all", "b host pc"},
		{"bridge", false, "a/eth0", "b/eth0", "b"},
		{"bridge", false, "a/eth0", "all", "b pc"},
		{"bridge", true, "a/eth0", "all", "b host pc"},
		{"bridge", false, "a/eth0", "host/eth0", ""},
		{"bridge", true, "a/eth0", "host/eth0", "host"},
		{"bridge", false, "host/eth0", "a/eth0", ""},
		{"bridge", false, "pc/eth0", "a/eth0", "a"},
		{"bridge", false, "pc/eth0", "host/eth0", "host"},
		{"bridge", false, "pc/eth0", "all", "a b host"},
		{"bridge", false, "pc/eth0", "nobody", ""},
	} {
		t.Run(fmt.Sprintf("%s %v %s %s", c.mode, c.hairpin, c.from, c.to), func(t *testing.T) {
			w := newWorld(t, spec("macvlan", c.mode, "", c.hairpin))
			if got := taken(w.send(t, c.from, c.to, oracle.Raw)); got != c.want {
				t.Errorf("taken by %q, want %q", got, c.want)
			}
		})
	}
}

func TestIpvlanModes(t *testing.T) {
	for _, c := range []struct {
		mode, flag, from, to string
		want, errno          string
	}{
		{"l2", "", "a/eth0", "b/eth0", "b", ""},
		{"l2", "private", "a/eth0", "b/eth0", "", "ENOBUFS"},
		{"l2", "vepa", "a/eth0", "b/eth0", "", ""},
		{"l2", "", "a/eth0", "host/eth0", "host", ""},
		{"l2", "", "pc/eth0", "a/eth0", "a", ""},
		{"l2", "private", "a/eth0", "all", "b pc", ""},
		{"l3", "", "a/eth0", "b/eth0", "b", ""},
		{"l3", "private", "a/eth0", "b/eth0", "", "ENOBUFS"},
		{"l3", "", "a/eth0", "all", "", "ENOBUFS"},
		{"l3", "", "a/eth0", "pc/eth0", "pc", ""},
		{"l3", "", "pc/eth0", "a/eth0", "a", ""},
		{"l3s", "", "pc/eth0", "a/eth0", "host", ""},
	} {
		t.Run(c.mode+" "+c.flag+" "+c.from+" "+c.to, func(t *testing.T) {
			w := newWorld(t, spec("ipvlan", c.mode, c.flag, false))
			p := w.send(t, c.from, c.to, oracle.IPv4)
			if got := taken(p); got != c.want || p.Errno != c.errno {
				t.Errorf("taken by %q, errno %q; want %q, %q", got, p.Errno, c.want, c.errno)
			}
		})
	}
}

// TestTags shows where tags appear and go, and who sees a foreign one.
func TestTags(t *testing.T) {
	w := newWorld(t, spec("macvlan", "bridge", "", false))
	p := w.send(t, "host/eth0.10", "pc/eth0", oracle.Raw)
	for _, s := range p.At(topology.Ref{Node: "pc", Link: "eth0"}) {
		if len(s.Tags) != 1 || s.Tags[0] != (oracle.Tag{TPID: 0x8100, VID: 10}) {
			t.Errorf("pc sees tags %v", s.Tags)
		}
	}
	if got := taken(p); got != "" {
		t.Errorf("a frame of VLAN 10 is taken by %q", got)
	}
	ten, foreign := oracle.Tag{TPID: 0x8100, VID: 10}, oracle.Tag{TPID: 0x8100, VID: 30}
	if got := w.send(t, "pc/eth0", "all", oracle.Raw, ten).Taken; len(got) != 1 || got[0].At.Link != "eth0.10" {
		t.Errorf("a frame with tag 10 is taken by %v", got)
	}
	p = w.send(t, "pc/eth0", "a/eth0", oracle.Raw, foreign)
	if len(p.At(topology.Ref{Node: "a", Link: "eth0"})) != 1 || len(p.Taken) != 0 {
		t.Errorf("a frame with a foreign tag: %v, taken by %v", p.Sights, p.Taken)
	}
}

// TestWhy names what keeps a frame away.
func TestWhy(t *testing.T) {
	for _, c := range []struct {
		mode, from, to, at string
		want               string
	}{
		{"bridge", "host/eth0", "a/eth0", "a/eth0", "bridge-not-back"},
		{"private", "a/eth0", "b/eth0", "b/eth0", "bridge-not-back"},
		{"bridge", "a/eth0", "host/eth0", "host/eth0", "bridge-not-back"},
		{"bridge", "a/eth0", "b/eth0", "pc/eth0", "device-taken"},
		{"bridge", "pc/eth0", "nobody", "a/eth0", "device-for-others"},
	} {
		w := newWorld(t, spec("macvlan", c.mode, "", false))
		step, ok := w.Why(w.send(t, c.from, c.to, oracle.Raw), topology.ParseRef(c.at, ""))
		if !ok || step.Rule.ID != c.want {
			t.Errorf("%s: %s to %s: %s does not get it by %s, want %s", c.mode, c.from, c.to, c.at, step.Rule.ID, c.want)
		}
	}
}

// TestNoPrediction names what the oracle cannot judge.
func TestNoPrediction(t *testing.T) {
	s := spec("macvlan", "bridge", "", false)
	s.Hosts[0].Value.Parents[0].Value.Kind = "nic"
	if _, err := oracle.New(compiled(t, s)); err == nil || !strings.Contains(err.Error(), "host/eth0") {
		t.Errorf("a real port is judged: %v", err)
	}
	w := newWorld(t, spec("ipvlan", "l3", "", false))
	_, err := w.Send(topology.Ref{Node: "a", Link: "eth0"}, oracle.Frame{Kind: oracle.IPv4, To: netip.MustParseAddr("192.168.1.77")})
	if err == nil || !strings.Contains(err.Error(), "192.168.1.77") {
		t.Errorf("a packet to nobody is judged: %v", err)
	}
	if _, err := w.Send(topology.Ref{Node: "no", Link: "body"}, oracle.Frame{}); err == nil {
		t.Error("a device that is not there sends")
	}
}

// TestTables shows that every rule says what it is about, once.
func TestTables(t *testing.T) {
	seen := map[string]bool{}
	for _, table := range oracle.Tables() {
		if table.Title == "" || len(table.Rules) == 0 {
			t.Errorf("an empty table %q", table.Title)
		}
		for _, r := range table.Rules {
			if r.ID == "" || r.When == "" || r.Then == "" || r.Source == "" || seen[r.ID] {
				t.Errorf("rule %+v", r)
			}
			seen[r.ID] = true
		}
	}
}
