package bench

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/features"
	"github.com/lanproof/lanproof/internal/rtnl"
)

// kind is a kind of device, in a mode, as it is made by netlink messages.
type kind struct {
	name  string
	needs []string
	// solo is a kind of which a parent carries but one.
	solo bool
	// links are the messages that make the n-th on a parent, the topmost last.
	links func(s *site, parent, n int) []*rtnl.Link
}

// kinds are all that can be made.
func kinds() []kind {
	all := []kind{
		{name: "veth", links: veth},
		{name: "bridge", needs: []string{"bridge"}, links: alone("bridge")},
		{name: "dummy", needs: []string{"dummy"}, links: alone("dummy")},
	}
	return append(all, children()...)
}

// children are the kinds that stand on a parent.
func children() []kind {
	var all []kind
	for _, mode := range []string{"private", "vepa", "bridge", "passthru", "source"} {
		all = append(all, kind{name: "macvlan-" + mode, needs: []string{"macvlan"}, solo: mode == "passthru", links: macvlan(mode)})
	}
	for _, mode := range []string{"l2", "l3", "l3s"} {
		k := kind{name: "ipvlan-" + mode, needs: []string{"ipvlan"}, links: ipvlan(mode)}
		if mode == "l3s" {
			k.needs = append(k.needs, features.L3S)
		}
		all = append(all, k)
	}
	return append(all,
		kind{name: "vlan", needs: []string{"vlan"}, links: vlan},
		kind{name: "vlan-macvlan", needs: []string{"vlan", "macvlan"}, links: vlanMacvlan},
	)
}

// kindOf finds a kind by its name.
func kindOf(name string) kind {
	for _, k := range kinds() {
		if k.name == name {
			return k
		}
	}
	return kind{name: name, needs: []string{name}}
}

// wants are what the kernel must offer to make the kind, parents included.
func (k kind) wants() []string { return append([]string{"veth"}, k.needs...) }

// link starts a message.
func (s *site) link(kind string, parent int, data ...rtnl.Attr) *rtnl.Link {
	index := s.index()
	return &rtnl.Link{Name: name(index), Kind: kind, Index: index, Parent: parent, Data: data}
}

// mac is an address of our own, told apart by a number: locally administered.
func mac(n int) net.HardwareAddr {
	return net.HardwareAddr{0x02, 0x4c, 0x50, byte(n >> 16), byte(n >> 8), byte(n)}
}

func veth(s *site, _, _ int) []*rtnl.Link {
	l := s.link("veth", 0)
	peer := s.index()
	l.Peer = &rtnl.Link{Name: name(peer), Index: peer}
	return []*rtnl.Link{l}
}

func alone(kind string) func(*site, int, int) []*rtnl.Link {
	return func(s *site, _, _ int) []*rtnl.Link { return []*rtnl.Link{s.link(kind, 0)} }
}

func macvlan(mode string) func(*site, int, int) []*rtnl.Link {
	return func(s *site, parent, n int) []*rtnl.Link {
		var sources []net.HardwareAddr
		if mode == "source" {
			sources = []net.HardwareAddr{sourceOf(n)}
		}
		l := s.link("macvlan", parent, rtnl.Macvlan(mode, nil, sources, nil, nil)...)
		if mode != "passthru" { // which takes its parent's
			l.MAC = mac(n)
		}
		return []*rtnl.Link{l}
	}
}

func ipvlan(mode string) func(*site, int, int) []*rtnl.Link {
	return func(s *site, parent, _ int) []*rtnl.Link {
		return []*rtnl.Link{s.link("ipvlan", parent, rtnl.Ipvlan(mode, "")...)}
	}
}

// vidOf is the VLAN of the n-th child; 0 and 4095 mean something else (IEEE 802.1Q 9.6).
func vidOf(n int) int { return 1 + n%4094 }

func vlan(s *site, parent, n int) []*rtnl.Link {
	id := vidOf(n)
	return []*rtnl.Link{s.link("vlan", parent, (&rtnl.VLANData{ID: &id, Protocol: unix.ETH_P_8021Q}).Attrs()...)}
}

// vlanMacvlan is a VLAN with a macvlan on it.
func vlanMacvlan(s *site, parent, n int) []*rtnl.Link {
	lower := vlan(s, parent, n)
	return append(lower, macvlan("bridge")(s, lower[0].Index, n)...)
}

// sourceOf is whose frames the n-th macvlan in source mode takes: each has one sender.
func sourceOf(n int) net.HardwareAddr { return mac(1<<22 + n) }

// stationMAC is the address of the station at the far end of the wire.
func stationMAC() net.HardwareAddr { return mac(1<<23 - 1) }

// news are the messages that make links.
func (s *site) news(links []*rtnl.Link) []*rtnl.Request {
	requests := make([]*rtnl.Request, len(links))
	for i, l := range links {
		requests[i] = s.conn.PrepareNew(l)
	}
	return requests
}

// make makes links, one message each.
func (s *site) make(links []*rtnl.Link) error {
	for _, l := range links {
		if err := s.conn.PrepareNew(l).Do(); err != nil {
			return fmt.Errorf("make %s as %s: %w", l.Name, l.Kind, err)
		}
	}
	return nil
}

// plan writes the messages for n of a kind, with the parents that they need: the
// site's own, or one for each.
func (s *site) plan(k kind, n int) ([]*rtnl.Link, error) {
	var all []*rtnl.Link
	for i := range n {
		parent := s.parent
		if k.solo {
			var err error
			if parent, _, err = s.cable(); err != nil {
				return nil, err
			}
		}
		all = append(all, k.links(s, parent, i)...)
	}
	return all, nil
}
