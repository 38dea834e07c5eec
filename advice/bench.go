package advice

import (
	"net/netip"
	"slices"

	"github.com/lanproof/lanproof/intent"
	"github.com/lanproof/lanproof/scenarios"
	"github.com/lanproof/lanproof/topology"
)

// made are the checks of a finding.
func (f *finding) made() []scenarios.Check {
	if f.refused == nil {
		return f.checks
	}
	want := &scenarios.Refused{Do: append(slices.Clone(f.before), f.refused.change), Errno: f.refused.errno}
	if want.Errno == "" {
		want.Reason = f.refused.Text
	}
	return append([]scenarios.Check{{Refused: want}}, f.checks...)
}

// networks are those that have to be there: for what the engine refuses all that it has
// accepted before, else those of the endpoints that are spoken of.
func (b *bench) networks() []*network {
	want := map[*network]bool{}
	for _, f := range b.findings {
		for _, a := range f.needs {
			want[a.network] = true
		}
		for _, n := range f.with {
			want[n] = true
		}
	}
	for _, f := range b.findings {
		if f.refused != nil && f.refused.user == nil {
			delete(want, f.refused.network)
		}
	}
	return slices.DeleteFunc(slices.Clone(b.draft.file.networks), func(n *network) bool {
		return !want[n] || b.draft.plan.LAN.Networks[n.key] == nil
	})
}

// endpoints puts those on their networks that are spoken of, in the order in which the
// engine does so, and names the machines that a refused change is about.
func (b *bench) endpoints(s *scenarios.Scenario) {
	want, crowd := map[*attached]bool{}, map[*network]bool{}
	// Those who are to be attached by a check have a machine, and are not attached yet.
	later, bare := map[[2]string]bool{}, map[string]bool{}
	for _, f := range b.findings {
		for _, a := range f.needs {
			want[a] = true
			crowd[a.network] = crowd[a.network] || f.crowd
		}
		for _, c := range f.made() {
			if c.Refused != nil {
				for _, do := range c.Refused.Do {
					if do.Attach != nil {
						bare[do.Attach.Endpoint] = true
						later[[2]string{do.Attach.Endpoint, do.Attach.Network}] = true
					}
				}
			}
		}
	}
	on := map[string][]topology.Attachment{}
	for _, a := range b.draft.attached {
		_, there := s.Networks.Get(a.network.key)
		if there && !later[[2]string{a.node, a.network.key}] && (want[a] || crowd[a.network] && !a.sample) {
			on[a.node] = append(on[a.node], a.placed(crowd[a.network]))
		}
	}
	for _, e := range b.draft.spec.Endpoints {
		if list := on[e.Name]; len(list) > 0 || bare[e.Name] {
			s.Endpoints = append(s.Endpoints, topology.Item[topology.Endpoint]{Name: e.Name, Value: topology.Endpoint{Attach: list}})
		}
	}
}

// placed is how an endpoint is put on its network: with the very addresses that it got,
// or by the engine's own choice.
func (a *attached) placed(chosen bool) topology.Attachment {
	out := a.given
	out.Name = a.device.Link
	if chosen {
		return out
	}
	for _, p := range a.device.Addresses {
		if p.Addr().Is4() {
			out.IP = p.Addr().String()
		} else {
			out.IP6 = p.Addr().String()
		}
	}
	return out
}

// machines adds the host with its parents, another machine on the LAN, and whoever has
// the gateways' addresses. A dotted parent is a device of that name here: whether it is a
// VLAN makes no difference to what is shown on it.
func (b *bench) machines(s *scenarios.Scenario, networks []*network) {
	var host topology.Host
	link := func(name string) *topology.Link {
		for i := range host.Parents {
			if host.Parents[i].Name == name {
				return &host.Parents[i].Value
			}
		}
		host.Parents = append(host.Parents, topology.Item[topology.Link]{Name: name})
		return &host.Parents[len(host.Parents)-1].Value
	}
	for _, f := range b.findings {
		if f.refused != nil && f.refused.change.Network != nil {
			host.Parents = append(topology.Named[topology.Link]{}, b.draft.spec.Hosts[0].Value.Parents...)
		}
	}
	var lan, gateway topology.Station
	for _, f := range b.findings {
		add(&gateway.Addresses, f.other)
		if f.mtu != 0 {
			link(f.refused.network.device()).MTU = f.mtu
		}
	}
	used := b.draft.used()
	for _, n := range networks {
		if !n.virtual() {
			continue
		}
		var parent *topology.Link
		if n.onParent() {
			parent = link(n.device())
		}
		if b.foreign {
			b.home(n, parent, &lan, used)
		}
		for _, p := range b.draft.plan.LAN.Networks[n.key].Pools {
			if parent != nil {
				add(&parent.Addresses, b.hostAddress(n, p, used))
			}
			if b.foreign {
				continue
			}
			add(&lan.Addresses, spare(p, used))
			for _, g := range b.draft.file.routers(n, p) {
				if !b.twin && b.draft.has(g) {
					continue
				}
				add(&gateway.Addresses, netip.PrefixFrom(g, p.Subnet.Bits()))
			}
		}
	}
	s.Hosts = topology.Named[topology.Host]{{Name: hostNode, Value: host}}
	for _, st := range []topology.Item[topology.Station]{{Name: lanNode, Value: lan}, {Name: gatewayNode, Value: gateway}} {
		if len(st.Value.Addresses) > 0 {
			s.Stations = append(s.Stations, st)
		}
	}
	b.admitOne(s)
}

// home gives the parent and the other machine addresses of the parent's own subnets.
func (b *bench) home(n *network, parent *topology.Link, lan *topology.Station, used map[netip.Addr]bool) {
	for _, p := range b.draft.file.around.Parents[n.device()].Addresses {
		add(&parent.Addresses, p)
		add(&lan.Addresses, spare(&topology.Pool{Subnet: p.Masked()}, used))
	}
}

// admitOne makes the parents' ports admit nothing but the parent's own address.
func (b *bench) admitOne(s *scenarios.Scenario) {
	if !b.oneMAC {
		return
	}
	for _, p := range s.Hosts[0].Value.Parents {
		ref := hostNode + "/" + p.Name
		s.Switch.Ports = append(s.Switch.Ports, topology.Item[topology.SwitchPort]{Name: ref, Value: topology.SwitchPort{Allow: []string{ref}}})
	}
}

// add appends an address that is one and not there yet.
func add(list *[]string, p netip.Prefix) {
	if p.IsValid() && !slices.Contains(*list, p.String()) {
		*list = append(*list, p.String())
	}
}

// used are all addresses that somebody has, or is to have.
func (d *draft) used() map[netip.Addr]bool {
	used := map[netip.Addr]bool{}
	for _, a := range d.attached {
		for _, p := range a.device.Addresses {
			used[p.Addr()] = true
		}
	}
	for _, n := range d.file.networks {
		for _, p := range n.pools {
			used[p.gateway] = true
			for _, a := range p.Aux {
				note(used, a.Value)
			}
		}
		for _, u := range n.users {
			note(used, u.at.IP)
			note(used, u.at.IP6)
		}
		for _, a := range d.file.around.Parents[n.device()].Addresses {
			used[a.Addr()] = true
		}
		for _, a := range d.file.around.Parents[n.device()].Gateways {
			used[a] = true
		}
	}
	return used
}

func note(used map[netip.Addr]bool, v intent.Value) {
	if a, err := netip.ParseAddr(v.Text); err == nil {
		used[a] = true
	}
}

// spare takes the highest address that nobody has, for those are handed out last; none
// when there is none among the last thousand.
func spare(p *topology.Pool, used map[netip.Addr]bool) netip.Prefix {
	a := topology.LastOf(p.Subnet)
	for range 1000 {
		if !p.Subnet.Contains(a) {
			break
		}
		if !used[a] && a != p.Subnet.Addr() && a != topology.LastOf(p.Subnet) && a != p.Gateway {
			used[a] = true
			return netip.PrefixFrom(a, p.Subnet.Bits())
		}
		a = a.Prev()
	}
	return netip.Prefix{}
}

// has reports whether an endpoint has got an address.
func (d *draft) has(a netip.Addr) bool {
	return slices.ContainsFunc(d.attached, func(o *attached) bool { return o.has(netip.PrefixFrom(a, a.BitLen())) })
}

// hostAddress is the parent's in the subnet: the one that it has, else a spare one.
func (b *bench) hostAddress(n *network, p *topology.Pool, used map[netip.Addr]bool) netip.Prefix {
	for _, a := range b.draft.file.around.Parents[n.device()].Addresses {
		if p.Subnet.Contains(a.Addr()) && (b.twin || !b.draft.has(a.Addr())) {
			return netip.PrefixFrom(a.Addr(), p.Subnet.Bits())
		}
	}
	return spare(p, used)
}

// routers are the addresses of the LAN's gateways in a subnet: as the machine knows them,
// else as the file says.
func (f *file) routers(n *network, p *topology.Pool) []netip.Addr {
	var all []netip.Addr
	for _, g := range append(slices.Clone(f.around.Parents[n.device()].Gateways), p.Gateway) {
		if p.Subnet.Contains(g) && !slices.Contains(all, g) {
			all = append(all, g)
		}
	}
	return all
}

// closed reports whether nothing of the network leads out: it is internal, or has no
// parent, which Docker takes for the same.
func (n *network) closed() bool {
	return n.Internal.Is || n.virtual() && !n.onParent()
}

// offers reports whether a network offers its endpoints a default route of a family.
func (f *file) offers(n *network, v6 bool) bool {
	if n.closed() || f.draft.plan == nil {
		return false
	}
	state := f.draft.plan.LAN.Networks[n.key]
	return state != nil && slices.ContainsFunc(state.Pools, func(p *topology.Pool) bool {
		return p.Subnet.Addr().Is6() == v6 && (p.Gateway.IsValid() || n.layer3())
	})
}
