package answer

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/lanproof/lanproof/advice"
	"github.com/lanproof/lanproof/intent"
	"github.com/lanproof/lanproof/topology"
)

// hosts drafts the one host with the parents that networks name, and what is known of
// their addresses.
func (d *Draft) hosts() {
	var parents topology.Named[topology.Link]
	add := func(name string, l topology.Link) {
		for _, a := range d.around.Parents[name].Addresses {
			l.Addresses = append(l.Addresses, a.String())
		}
		_, is := d.around.Parents[name]
		if _, there := parents.Get(name); !there && (is || !d.around.Complete) && name != "" && name != "lo" {
			parents = append(parents, topology.Item[topology.Link]{Name: name, Value: l})
		}
	}
	for _, n := range d.networks {
		if !n.built() || !n.onWire() {
			continue
		}
		name := n.spec.Parent
		if !strings.HasPrefix(name, ".") {
			add(base(name), topology.Link{})
		}
		_, there := d.around.Parents[name]
		vid, ok := vidOf(name)
		if !ok && n.ownBooks() {
			add(name, topology.Link{}) // whatever it is called, it has to be there
		}
		if there && ok {
			// Somebody has made it by hand, and it stays.
			add(name, topology.Link{Kind: topology.KindVLAN, Parent: base(name), ID: &vid})
		}
	}
	d.Spec.Hosts = topology.Named[topology.Host]{{Name: d.nodes.take(string(RoleHost)), Value: topology.Host{Parents: parents}}}
}

// dropParents takes those away that no network is left on.
func (d *Draft) dropParents() {
	host := &d.Spec.Hosts[0].Value
	host.Parents = slices.DeleteFunc(host.Parents, func(p topology.Item[topology.Link]) bool {
		return !slices.ContainsFunc(d.networks, func(n *network) bool {
			return n.built() && n.onWire() && (n.spec.Parent == p.Name || base(n.spec.Parent) == p.Name)
		})
	})
}

// vidOf is the number behind the dot of a device's name.
func vidOf(name string) (int, bool) {
	_, id, dotted := strings.Cut(name, ".")
	vid, err := strconv.Atoi(id)
	return vid, dotted && err == nil && vid >= 1 && vid <= 4094
}

// segment is one VLAN of the wire, or what goes without a tag, with the pools of the
// networks on it.
type segment struct {
	vid      int // 0 is untagged
	parent   string
	pools    []*topology.Pool
	gateways []netip.Prefix // those that the file names
}

// segments are the parts of the wire that networks are on, in their order: those of one
// parent and VLAN together. Networks in ipvlan's layer 3 modes are not on any, for their
// addresses are not the wire's.
func (d *Draft) segments() []*segment {
	var all []*segment
	for _, n := range d.networks {
		state := d.Plan.LAN.Networks[n.name]
		if !n.built() || state == nil || !n.onWire() || n.layer3() {
			continue
		}
		parent, vid := d.Plan.LAN.Device(state.Parent), 0
		if parent.Kind == topology.KindVLAN {
			vid, parent = parent.VID, d.Plan.LAN.Device(parent.Parent)
		}
		i := slices.IndexFunc(all, func(s *segment) bool { return s.vid == vid && s.parent == parent.Link })
		if i < 0 {
			i = len(all)
			all = append(all, &segment{vid: vid, parent: parent.Link})
		}
		s := all[i]
		s.pools = append(s.pools, state.Pools...)
		for _, p := range state.Pools {
			if k := n.pool(p.Subnet); k >= 0 && n.subnets[k] >= 0 && n.of.Subnets[n.subnets[k]].Gateway.Set() && p.Gateway.IsValid() {
				s.gateways = append(s.gateways, netip.PrefixFrom(p.Gateway, p.Subnet.Bits()))
			}
		}
	}
	return all
}

// populate gives the host its addresses and puts the other machines on the wire, now
// that it is known which addresses the engine hands out.
func (d *Draft) populate() {
	host := &d.Spec.Hosts[0]
	if len(host.Value.Parents) == 0 {
		return
	}
	f := &finder{lan: d.Plan.LAN, taken: map[netip.Addr]bool{}}
	for _, p := range d.around.Parents {
		for _, a := range p.Addresses {
			f.taken[a.Addr()] = true
		}
	}
	all := d.segments()
	for i := range host.Value.Parents {
		d.hostAddresses(f, host.Name, &host.Value.Parents[i], all)
	}
	ports := newSwitchPorts(all)
	for _, parent := range host.Value.Parents {
		ports.parent(&d.Spec.Switch, host.Name, parent.Name, all)
	}
	d.lanStation(f, all, ports)
	d.gatewayStation(f, all, ports)
	d.vlanStations(f, all)
}

// station puts a machine on the wire by a port of the switch, unless it has no address.
func (d *Draft) station(name string, s topology.Station, port topology.SwitchPort) {
	if len(s.Addresses) == 0 && len(s.Links) == 0 {
		return
	}
	name = d.nodes.take(name)
	d.Spec.Stations = append(d.Spec.Stations, topology.Item[topology.Station]{Name: name, Value: s})
	if port.Access != 0 || len(port.Trunk) > 0 {
		setPort(&d.Spec.Switch, name+"/eth0", port)
	}
}

// hostAddresses gives a parent what is known of it, or else the highest free address of
// the first subnet of each family that goes without a tag.
func (d *Draft) hostAddresses(f *finder, host string, parent *topology.Item[topology.Link], all []*segment) {
	if m := d.around.Parents[parent.Name].Medium; m == advice.WiFi || m == advice.Cloud {
		d.Spec.Switch.Ports = append(d.Spec.Switch.Ports, topology.Item[topology.SwitchPort]{
			Name: host + "/" + parent.Name, Value: topology.SwitchPort{Allow: []string{host + "/" + parent.Name}},
		})
	}
	if len(parent.Value.Addresses) > 0 || parent.Value.Kind == topology.KindVLAN {
		return
	}
	for _, subnet := range firstOfEach(untagged(all, parent.Name), d.families()) {
		if a, ok := d.find(f, subnet, host); ok {
			parent.Value.Addresses = append(parent.Value.Addresses, a.String())
		}
	}
}

// lanStation is another machine on the untagged wire, with an address in every subnet
// there; where all is tagged, in the VLANs' subnets, which does not help it.
func (d *Draft) lanStation(f *finder, all []*segment, ports *switchPorts) {
	var subnets []netip.Prefix
	add := func(p netip.Prefix) {
		if !slices.Contains(subnets, p) {
			subnets = append(subnets, p)
		}
	}
	plain := slices.ContainsFunc(all, func(s *segment) bool { return s.vid == 0 })
	for _, s := range all {
		for _, p := range s.pools {
			if s.vid == 0 || !plain {
				add(p.Subnet)
			}
		}
	}
	for _, parent := range d.Spec.Hosts[0].Value.Parents {
		for _, a := range parent.Value.Addresses {
			if p, err := netip.ParsePrefix(a); err == nil && parent.Value.Kind != topology.KindVLAN {
				add(p.Masked())
			}
		}
	}
	var s topology.Station
	for _, subnet := range subnets {
		if a, ok := d.find(f, subnet, d.nodes.free(string(RoleLAN))); ok {
			s.Addresses = append(s.Addresses, a.String())
		}
	}
	d.station(string(RoleLAN), s, topology.SwitchPort{Access: ports.untagged})
}

// gatewayStation has all gateways that the file names, each on its part of the wire.
func (d *Draft) gatewayStation(f *finder, all []*segment, ports *switchPorts) {
	var s topology.Station
	for _, part := range all {
		for _, gw := range part.gateways {
			if f.taken[gw.Addr()] {
				continue // the host itself has it
			}
			f.taken[gw.Addr()] = true
			if part.vid == 0 {
				s.Addresses = append(s.Addresses, gw.String())
				continue
			}
			addVLAN(&s, part.vid, gw)
		}
	}
	d.station(string(RoleGateway), s, ports.router(&s, all))
}

// vlanStations are a machine for each VLAN, on an access port: a machine that has the VLAN
// as a device of its own would answer on its untagged one, too.
func (d *Draft) vlanStations(f *finder, all []*segment) {
	for _, vid := range vidsOn(all, "") {
		name := fmt.Sprintf("%s%d", RoleVLAN, vid)
		var s topology.Station
		var have []netip.Prefix
		for _, part := range all {
			for _, p := range part.pools {
				if part.vid != vid || slices.Contains(have, p.Subnet) {
					continue
				}
				have = append(have, p.Subnet)
				if a, ok := d.find(f, p.Subnet, d.nodes.free(name)); ok {
					s.Addresses = append(s.Addresses, a.String())
				}
			}
		}
		d.station(name, s, topology.SwitchPort{Access: vid})
	}
}

// addVLAN gives a station an address on a VLAN.
func addVLAN(s *topology.Station, vid int, a netip.Prefix) {
	name := fmt.Sprintf("eth0.%d", vid)
	for i := range s.Links {
		if s.Links[i].Name == name {
			s.Links[i].Value.Addresses = append(s.Links[i].Value.Addresses, a.String())
			return
		}
	}
	s.Links = append(s.Links, topology.Item[topology.Link]{Name: name, Value: topology.Link{Kind: topology.KindVLAN, Parent: "eth0", ID: &vid, Addresses: []string{a.String()}}})
}

// untagged are the subnets on a parent that go without a tag.
func untagged(all []*segment, parent string) []netip.Prefix {
	var subnets []netip.Prefix
	for _, s := range all {
		if s.vid == 0 && s.parent == parent {
			for _, p := range s.pools {
				subnets = append(subnets, p.Subnet)
			}
		}
	}
	return subnets
}

// firstOfEach is the first subnet of each family; where there is none at all, because
// all networks on the parent route or have a tag, one that is for examples only (RFC 5737,
// RFC 3849).
func firstOfEach(subnets []netip.Prefix, families map[bool]bool) []netip.Prefix {
	if len(subnets) == 0 {
		for _, p := range []string{"192.0.2.0/24", "2001:db8::/64"} {
			if prefix := netip.MustParsePrefix(p); families[prefix.Addr().Is6()] {
				subnets = append(subnets, prefix)
			}
		}
	}
	var first []netip.Prefix
	for _, p := range subnets {
		if !slices.ContainsFunc(first, func(o netip.Prefix) bool { return o.Addr().Is6() == p.Addr().Is6() }) {
			first = append(first, p)
		}
	}
	return first
}

// families are those that networks on a wire have; true is IPv6.
func (d *Draft) families() map[bool]bool {
	has := map[bool]bool{}
	for _, n := range d.networks {
		if state := d.Plan.LAN.Networks[n.name]; n.built() && n.onWire() && state != nil {
			for _, p := range state.Pools {
				has[p.Subnet.Addr().Is6()] = true
			}
		}
	}
	return has
}

// find takes a free address for a machine, or tells that there is none.
func (d *Draft) find(f *finder, subnet netip.Prefix, machine string) (netip.Prefix, bool) {
	a, ok := f.find(subnet)
	if !ok {
		d.leaveOut("machine", machine, fmt.Sprintf("%s has no address left for it", subnet), intent.Place{})
	}
	return a, ok
}

// finder finds addresses that nobody has.
type finder struct {
	lan   *topology.LAN
	taken map[netip.Addr]bool
}

// find takes the highest free address of a subnet, outside of what the engine hands
// out if possible. Of a large IPv6 subnet the first 65536 addresses are enough.
func (f *finder) find(subnet netip.Prefix) (netip.Prefix, bool) {
	within := subnet
	if subnet.Addr().Is6() && subnet.Bits() < 112 {
		within = netip.PrefixFrom(subnet.Addr(), 112)
	}
	const tries = 1 << 16
	for _, inRange := range []bool{false, true} {
		a := topology.LastOf(within)
		for range tries {
			if !within.Contains(a) {
				break
			}
			if !f.busy(a, subnet, inRange) {
				f.taken[a] = true
				return netip.PrefixFrom(a, subnet.Bits()), true
			}
			a = a.Prev()
		}
	}
	return netip.Prefix{}, false
}

// busy reports whether an address cannot be had, or is one that the engine would hand
// out from a range.
func (f *finder) busy(a netip.Addr, subnet netip.Prefix, inRange bool) bool {
	ends := subnet.Bits() < a.BitLen()-1 && (a == subnet.Addr() || a == topology.LastOf(subnet))
	if ends || f.taken[a] {
		return true
	}
	for _, n := range f.lan.Networks {
		for _, p := range n.Pools {
			if p.Subnet.Contains(a) && (p.Taken(a) || !inRange && p.Range != p.Subnet && p.Range.Contains(a)) {
				return true
			}
		}
	}
	return false
}
