package oracle_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/lanproof/lanproof/topology"
	"github.com/lanproof/lanproof/topology/oracle"
)

// routed is a host with a child in mode l3 on the first of its two wires.
func routed() *topology.Spec {
	child := topology.Link{Kind: "ipvlan", Parent: "host/eth0", Mode: "l3", Addresses: []string{"192.168.1.11/24", "2001:db8:1::11/64"}}
	return &topology.Spec{
		Hosts: named[topology.Host]("host", topology.Host{Parents: named[topology.Link](
			"eth0", topology.Link{Addresses: []string{"192.168.1.10/24"}},
			"eth1", topology.Link{Addresses: []string{"192.168.2.10/24", "2001:db8:2::10/64"}},
		)}),
		Endpoints: named[topology.Endpoint]("c", topology.Endpoint{Links: named[topology.Link]("eth0", child)}),
		Stations:  named[topology.Station]("pc", topology.Station{Addresses: []string{"192.168.1.20/24", "2001:db8:2::20/64"}}),
	}
}

// TestRoutes is where an l3 child's packets go: IPv4 by the parent alone, IPv6 by
// whichever device has a route.
func TestRoutes(t *testing.T) {
	for _, c := range []struct{ to, by, errno string }{
		{"192.168.1.10", "", ""},
		{"192.168.2.10", "eth0", ""},
		{"192.168.1.20", "eth0", ""},
		{"2001:db8:2::10", "", ""},
		{"2001:db8:2::20", "eth1", ""},
		{"2001:db8:3::20", "", "ENETUNREACH"},
	} {
		w := newWorld(t, routed())
		f := oracle.Frame{Kind: oracle.IPv4, From: netip.MustParseAddr("192.168.1.11"), To: netip.MustParseAddr(c.to)}
		if f.To.Is6() {
			f.Kind, f.From = oracle.IPv6, netip.MustParseAddr("2001:db8:1::11")
		}
		p, err := w.Send(topology.Ref{Node: "c", Link: "eth0"}, f)
		if err != nil {
			t.Fatal(err)
		}
		by := ""
		for _, s := range p.Sights {
			if s.At.Node == "host" && s.Type == oracle.Outgoing {
				by += s.At.Link
			}
		}
		if by != c.by || p.Errno != c.errno {
			t.Errorf("to %s: by %q with errno %q, want %q and %q", c.to, by, p.Errno, c.by, c.errno)
		}
	}
}

// TestListens shows what has a bridge take all that passes.
func TestListens(t *testing.T) {
	for _, c := range []struct {
		name string
		link topology.Link
		want bool
	}{
		{"macvlan", topology.Link{Kind: "macvlan"}, true},
		{"passthru", topology.Link{Kind: "macvlan", Mode: "passthru"}, true},
		{"nopromisc", topology.Link{Kind: "macvlan", Mode: "passthru", NoPromisc: true}, false},
		{"ipvlan", topology.Link{Kind: "ipvlan"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.link.Parent = "host/br0"
			w := newWorld(t, &topology.Spec{
				Hosts: named[topology.Host]("host", topology.Host{Parents: named[topology.Link](
					"eth0", topology.Link{}, "br0", topology.Link{Kind: "bridge", Ports: []string{"eth0"}},
				)}),
				Endpoints: named[topology.Endpoint]("c", topology.Endpoint{Links: named[topology.Link]("eth0", c.link)}),
				Stations:  named[topology.Station]("pc", topology.Station{}),
			})
			p := w.send(t, "pc/eth0", "nobody", oracle.Raw)
			if got := len(p.At(topology.Ref{Node: "host", Link: "br0"})) > 0; got != c.want {
				t.Errorf("a frame for nobody is seen at the bridge: %t, want %t", got, c.want)
			}
		})
	}
}

// TestTagShown has a VLAN device that leaves the tag where it was: taps see it there
// and on ipvlans, not on macvlans.
func TestTagShown(t *testing.T) {
	no, vid := false, 10
	ten := oracle.Tag{TPID: 0x8100, VID: vid}
	for kind, want := range map[string][]oracle.Tag{"macvlan": nil, "ipvlan": {ten}} {
		child := topology.Link{Kind: kind, Parent: "host/eth0.10", Mode: map[string]string{"macvlan": "bridge", "ipvlan": "l2"}[kind]}
		w := newWorld(t, &topology.Spec{
			Hosts: named[topology.Host]("host", topology.Host{Parents: named[topology.Link](
				"eth0", topology.Link{}, "eth0.10", topology.Link{Kind: "vlan", Parent: "eth0", ID: &vid, ReorderHdr: &no},
			)}),
			Endpoints: named[topology.Endpoint]("c", topology.Endpoint{Links: named[topology.Link]("eth0", child)}),
			Stations:  named[topology.Station]("pc", topology.Station{}),
		})
		p := w.send(t, "pc/eth0", "all", oracle.Raw, ten)
		for _, ref := range []topology.Ref{{Node: "host", Link: "eth0.10"}, {Node: "c", Link: "eth0"}} {
			sights := p.At(ref)
			if len(sights) != 1 || !slices.Equal(sights[0].Tags, want) {
				t.Errorf("%s: %s sees %v, want one sight with tags %v", kind, ref, sights, want)
			}
		}
	}
}
