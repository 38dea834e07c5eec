package answer

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/lanproof/lanproof/intent"
	"github.com/lanproof/lanproof/topology"
)

// machines lists the rows of the table: endpoints, then the others in a fixed order.
func (d *Draft) machines() {
	shared := map[string][]string{}
	for _, e := range d.ends {
		switch {
		case e.mode == "host":
			shared[d.Spec.Hosts[0].Name] = append(shared[d.Spec.Hosts[0].Name], e.of.Name)
		case e.mode != "" && e.mode != "none":
			if with := d.sharer(e); with != nil {
				node := with.node
				if with.mode == "host" {
					node = d.Spec.Hosts[0].Name
				}
				shared[node] = append(shared[node], e.of.Name)
			}
		}
	}
	add := func(name string, role Role, node string) {
		if d.Plan.LAN.Main(node) != nil {
			d.Machines = append(d.Machines, Machine{Name: name, Role: role, Node: node, Shared: shared[node]})
		}
	}
	for _, e := range d.ends {
		if e.built() {
			add(e.of.Name, RoleEndpoint, e.node)
		}
	}
	add(d.Spec.Hosts[0].Name, RoleHost, d.Spec.Hosts[0].Name)
	for _, s := range d.Spec.Stations {
		role := RoleLAN
		switch {
		case strings.HasPrefix(s.Name, string(RoleGateway)):
			role = RoleGateway
		case strings.HasPrefix(s.Name, string(RoleVLAN)):
			role = RoleVLAN
		}
		add(s.Name, role, s.Name)
	}
}

// notes tell which machines are called otherwise, since containers have their names.
func (d *Draft) notes() []string {
	whom := map[Role]string{
		RoleHost: "the machine that the containers are on", RoleLAN: "another machine on the same wire",
		RoleGateway: "whoever has the gateways' addresses", RoleVLAN: "a machine on the VLAN",
	}
	var all []string
	for _, m := range d.Machines {
		for _, e := range d.Machines {
			if e.Role == RoleEndpoint && m.Role != RoleEndpoint && m.Name != e.Name && named(m.Name, e.Node) {
				all = append(all, fmt.Sprintf("%s is %s; %s is the container of that name.", m.Name, whom[m.Role], e.Name))
			}
		}
	}
	return all
}

// named reports whether a name is another one with a number behind it, as names.take makes
// it where the other is taken.
func named(name, other string) bool {
	number, is := strings.CutPrefix(name, other+"-")
	return is && number != "" && strings.Trim(number, "0123456789") == ""
}

// describe tells the networks and who gets which address.
func (d *Draft) describe() {
	for _, n := range d.networks {
		d.Networks = append(d.Networks, d.network(n))
	}
	for _, e := range d.ends {
		d.Endpoints = append(d.Endpoints, d.endpoint(e)...)
	}
}

func (d *Draft) network(n *network) Network {
	of := n.of
	t := Network{
		Name: of.Name, Driver: n.spec.Driver, Parent: n.spec.Parent, Internal: n.spec.Internal,
		Simulated: n.built(), Subnets: []Subnet{}, File: of.Place.File, Line: of.Place.Line,
	}
	t.Mode, t.Flag = n.spec.MacvlanMode+n.spec.IpvlanMode, n.spec.IpvlanFlag
	state := d.Plan.LAN.Networks[n.name]
	if !n.built() || state == nil {
		for _, s := range n.spec.Subnets {
			t.Subnets = append(t.Subnets, Subnet{Subnet: s.Subnet, Gateway: s.Gateway, IPRange: s.IPRange})
		}
		return t
	}
	t.Internal, t.Mode, t.Flag = state.Internal, state.Mode, state.Flag
	for _, p := range state.Pools {
		s := Subnet{Subnet: p.Subnet.String(), Chosen: true}
		if i := n.pool(p.Subnet); i >= 0 {
			s.IPRange, s.Chosen = n.spec.Subnets[i].IPRange, n.subnets[i] < 0
			if part, ok := n.spanOf(p.Subnet.Addr().Is6()); ok && s.IPRange == "" {
				s.IPRange = part.String()
			}
		}
		if p.Gateway.IsValid() {
			s.Gateway = p.Gateway.String()
		}
		t.Subnets = append(t.Subnets, s)
	}
	return t
}

// endpoint is an entry for each network that the endpoint is on.
func (d *Draft) endpoint(e *endpoint) []Endpoint {
	at := e.of.Place
	plain := Endpoint{Name: e.of.Name, Mode: e.mode, File: at.File, Line: at.Line}
	var all []Endpoint
	for _, a := range e.attach {
		if t := plain; e.refused || !a.built() {
			if t.Network = a.name; a.network != nil {
				t.Network = a.network.of.Name
			}
			all = append(all, t)
		}
	}
	if !e.built() {
		if len(all) == 0 {
			all = []Endpoint{plain}
		}
		return all
	}
	for _, dev := range d.Plan.LAN.DevicesOf(e.node) {
		n := d.built(dev.Network)
		if n == nil {
			continue
		}
		t := plain
		t.Network, t.Interface, t.MAC = n.of.Name, dev.Link, dev.MAC.String()
		t.MACParent = n.spec.Driver == topology.KindIpvlan
		t.MACRandom = d.random(e, dev)
		for _, p := range dev.Addresses {
			switch {
			case p.Addr().Is4() && !d.unknown(e.of.Name, "ip"):
				t.IPv4 = p.Addr().String()
			case p.Addr().Is6() && !d.unknown(e.of.Name, "ip6"):
				t.IPv6 = p.Addr().String()
			}
		}
		t.Gateway, t.Gateway6 = d.defaultRoute(dev, false), d.defaultRoute(dev, true)
		all = append(all, t)
	}
	return all
}

// unknown reports whether a part of a network or an endpoint is something, and it is not
// known what: whatever the simulation has in its place is nobody's.
func (d *Draft) unknown(of, part string) bool {
	return slices.ContainsFunc(d.in.Unread, func(u intent.Unread) bool { return u.Of == of && u.Part == part && !u.Blank })
}

// built is the network of that name in the spec.
func (d *Draft) built(name string) *network {
	i := slices.IndexFunc(d.networks, func(n *network) bool { return n.name == name && n.built() })
	if i < 0 {
		return nil
	}
	return d.networks[i]
}

// random reports whether the engine rolls dice for a device's MAC address: it was not asked
// for one, and does not make one of the IP address. One in mode passthru gets such an
// address, too, and its parent with it (macvlan.c:macvlan_set_mac_address).
func (d *Draft) random(e *endpoint, dev *topology.Device) bool {
	n := d.built(dev.Network)
	asked := slices.ContainsFunc(e.attach, func(a attachment) bool { return a.network == n && a.of != nil && a.of.MAC.Set() })
	return (dev.OwnMAC || dev.Mode == "passthru") && !asked && !strings.HasPrefix(dev.MAC.String(), "02:42:")
}

// defaultRoute is the next hop of the default route over a device, "link" where that is
// the way itself, and empty where there is no such route.
func (d *Draft) defaultRoute(dev *topology.Device, v6 bool) string {
	hop := ""
	for _, op := range d.Plan.Ops {
		switch r := op.(type) {
		case topology.AddRoute:
			if !isDefault(r, dev, v6) {
				continue
			}
			if hop = "link"; r.Via.IsValid() {
				hop = r.Via.String()
			}
		case topology.RemoveRoute:
			if isDefault(topology.AddRoute(r), dev, v6) {
				hop = ""
			}
		}
	}
	return hop
}

func isDefault(r topology.AddRoute, dev *topology.Device, v6 bool) bool {
	return r.Node == dev.Node && r.Device != nil && r.Device.Ref == dev.Ref && r.Prefix.Bits() == 0 && r.Prefix.Addr().Is6() == v6
}

// pair is one question: does one reach the other by an address.
type pair struct {
	from, to *Machine
	v6       bool
	target   netip.Addr
	// several is set where the target has other addresses of the family, too.
	several bool
}

func (p *pair) family() string {
	if p.v6 {
		return "ipv6"
	}
	return "ipv4"
}

// pairs are all questions that the simulation can answer, and those that it cannot.
func (d *Draft) pairs() (asked, nat []pair) {
	for i := range d.Machines {
		for k := range d.Machines {
			from, to := &d.Machines[i], &d.Machines[k]
			if from == to {
				continue
			}
			for _, v6 := range []bool{false, true} {
				targets, several := d.targets(from, to, v6)
				for _, t := range targets {
					p := pair{from, to, v6, t, several}
					if d.translated(from, to) {
						nat = append(nat, p)
					} else {
						asked = append(asked, p)
					}
				}
			}
		}
	}
	return asked, nat
}

// targets are the addresses by which one machine would ask for another: all that are in
// a subnet of its own, or else one that is not. Of the machines that lanproof adds one
// is enough. several is set where the target has more than one of the family.
func (d *Draft) targets(from, to *Machine, v6 bool) (targets []netip.Addr, several bool) {
	sources, all := addressesOf(d.Plan.LAN, from.Node, v6), addressesOf(d.Plan.LAN, to.Node, v6)
	if len(sources) == 0 || len(all) == 0 {
		return nil, false
	}
	for _, t := range all {
		if slices.ContainsFunc(sources, func(s netip.Prefix) bool { return s.Contains(t.Addr()) }) {
			targets = append(targets, t.Addr())
		}
	}
	switch {
	case len(targets) == 0:
		targets = []netip.Addr{all[0].Addr()}
	case to.Role != RoleEndpoint && to.Role != RoleHost:
		targets = targets[:1]
	}
	return targets, len(all) > 1
}

func addressesOf(lan *topology.LAN, node string, v6 bool) []netip.Prefix {
	var all []netip.Prefix
	for _, dev := range lan.DevicesOf(node) {
		for _, p := range dev.Addresses {
			if p.Addr().Is6() == v6 {
				all = append(all, p)
			}
		}
	}
	return all
}

// translated reports whether what happens between two machines is decided by the
// engine's NAT on the host, which is not simulated: one of them is on bridge networks
// only, of which one leads out, and the other is neither the host nor on a bridge.
func (d *Draft) translated(a, b *Machine) bool {
	return d.behindNAT(a) && d.elsewhere(b) || d.behindNAT(b) && d.elsewhere(a)
}

func (d *Draft) behindNAT(m *Machine) bool {
	if m.Role != RoleEndpoint {
		return false
	}
	out := false
	for _, dev := range d.Plan.LAN.DevicesOf(m.Node) {
		n := d.built(dev.Network)
		if n == nil || n.spec.Driver != topology.KindBridge {
			return false
		}
		out = out || !n.spec.Internal
	}
	return out
}

// elsewhere reports whether a machine is on no bridge network.
func (d *Draft) elsewhere(m *Machine) bool {
	return m.Role != RoleHost && !slices.ContainsFunc(d.Plan.LAN.DevicesOf(m.Node), func(dev *topology.Device) bool {
		n := d.built(dev.Network)
		return n != nil && n.spec.Driver == topology.KindBridge
	})
}

// check is a pair's name among the checks.
func checkID(i int) string { return "pair-" + strconv.Itoa(i+1) }
