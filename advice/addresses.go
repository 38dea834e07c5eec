package advice

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/lanproof/lanproof/intent"
	"github.com/lanproof/lanproof/scenarios"
	"github.com/lanproof/lanproof/topology"
)

// This file has the rules about subnets and addresses.

// eachPool calls a rule for every pool of a network that was made on a parent, as it is
// written and as it was made.
func (f *file) eachPool(rule func(n *network, p *pool, made *topology.Pool) *finding) []*finding {
	if f.draft.plan == nil {
		return nil
	}
	var all []*finding
	for _, n := range f.networks {
		state := f.draft.plan.LAN.Networks[n.key]
		if !n.virtual() || state == nil {
			continue
		}
		for _, p := range n.pools {
			i := slices.IndexFunc(state.Pools, func(m *topology.Pool) bool { return m.Subnet == p.prefix })
			if i < 0 {
				continue
			}
			if w := rule(n, p, state.Pools[i]); w != nil {
				all = append(all, w)
			}
		}
	}
	return all
}

func subnetMissing(f *file) []*finding {
	var all []*finding
	for _, n := range f.networks {
		if n.virtual() && n.onParent() && n.Engine == intent.Docker && len(n.pools) == 0 && !f.unread(n.Name, "subnet") && n.IPAM.Text != "null" && !ForeignIPAM(n.Network) {
			all = append(all, about(n, n.Place, "Network %q has no subnet: Docker takes one of its own, such as 172.18.0.0/16, which nobody else on the LAN of %s is in.", n.Name, n.device()))
		}
	}
	return all
}

func subnetNotParents(f *file) []*finding {
	return f.eachPool(func(n *network, p *pool, made *topology.Pool) *finding {
		own := f.around.Parents[n.device()].Addresses
		own = slices.DeleteFunc(slices.Clone(own), func(a netip.Prefix) bool {
			return a.Addr().Is4() != p.prefix.Addr().Is4() || a.Addr().IsLinkLocalUnicast()
		})
		if len(own) == 0 || n.layer3() || slices.ContainsFunc(own, func(a netip.Prefix) bool { return a.Overlaps(p.prefix) }) {
			return nil
		}
		w := about(n, place(p.Subnet.Subnet, n.Place), "Subnet %s of network %q is not that of %s, which has %s: nobody there is reached without a router between the two on that wire.", p.prefix, n.Name, n.device(), own[0])
		if on := f.draft.in(made, n); len(on) > 0 && n.onParent() {
			w.on(on[0]).by(blocked(on[0].link(), lanNode), reach(n.hostLink(), lanNode))
			w.foreign, w.Endpoints = true, nil
		}
		return w
	})
}

// in are those on a network who have an address of a pool.
func (d *draft) in(p *topology.Pool, n *network) []*attached {
	return slices.DeleteFunc(d.of(n), func(a *attached) bool { return !a.has(p.Subnet) })
}

func (a *attached) has(p netip.Prefix) bool {
	return slices.ContainsFunc(a.device.Addresses, func(q netip.Prefix) bool { return p.Contains(q.Addr()) })
}

func rangeEmpty(f *file) []*finding {
	return f.eachPool(func(n *network, p *pool, made *topology.Pool) *finding {
		if !f.draft.barren(n, made) {
			return nil
		}
		what, at := "Subnet "+p.prefix.String(), place(p.Subnet.Subnet, n.Place)
		if p.IPRange.Set() {
			what, at = "Range "+p.IPRange.Text, place(p.IPRange, n.Place)
		} else if part, is := SpanOf(n.Network, p.Subnet); is {
			what, at = "Range "+part.String(), place(p.RangeStart, place(p.RangeEnd, n.Place))
		}
		w := about(n, at, "%s of network %q holds no address that could be handed out: what is in it is reserved, the gateway's, or excluded.", what, n.Name)
		for _, r := range f.draft.refused {
			if r.network == n && idOf(r.Problem, r.errno) == "too-many-endpoints" {
				w.refused, w.with = r, []*network{n}
				break
			}
		}
		return w
	})
}

// empty reports whether a network has a pool from which nothing can be handed out.
func (d *draft) empty(n *network) bool {
	return slices.ContainsFunc(d.plan.LAN.Networks[n.key].Pools, func(p *topology.Pool) bool { return d.barren(n, p) })
}

// notExcluded finds machines of the LAN in a range that is handed out: the host, its
// routers, and, where the routers are not known, whoever has the subnet's first address.
func notExcluded(f *file) []*finding {
	return f.eachPool(func(n *network, p *pool, made *topology.Pool) *finding {
		if !n.onParent() || f.unread(n.Name, "gateway", "ip_range", "aux_address") {
			return nil
		}
		around := f.around.Parents[n.device()]
		for _, a := range around.Addresses {
			if w := f.handedOut(n, p, made, a.Addr(), "this host"); w != nil {
				return w
			}
		}
		for _, a := range around.Gateways {
			if w := f.handedOut(n, p, made, a, "the LAN's router"); w != nil {
				return w
			}
		}
		if len(around.Gateways) == 0 && !made.Gateway.IsValid() && !n.layer3() && !n.Internal.Is && made.Subnet.Addr().Is4() {
			return f.handedOut(n, p, made, made.Subnet.Addr().Next(), "the router on most LANs")
		}
		return nil
	})
}

// handedOut is the finding that an address of somebody else is given to a container, now
// or within the next few.
func (f *file) handedOut(n *network, p *pool, made *topology.Pool, a netip.Addr, whose string) *finding {
	at := place(cmp.Or(p.IPRange, p.RangeStart, p.RangeEnd, p.Subnet.Subnet), n.Place)
	for _, on := range f.draft.of(n) {
		if !on.asked(a) && !on.sample && !f.unknown(on.name(), "ip", "ip6") && on.has(netip.PrefixFrom(a, a.BitLen())) {
			w := about(n, at, "%q gets %s, which is the address of %s: two machines answer for it.", on.name(), a, whose)
			w.on(on).by(scenarios.Check{Addresses: &scenarios.Addresses{Link: on.link(), Include: []string{netip.PrefixFrom(a, made.Subnet.Bits()).String()}}})
			if n.driver == macvlan {
				w.by(reach(lanNode, on.link(), "raw")) // an ipvlan takes nothing but IP
			}
			w.crowd, w.twin = true, true
			f.shareWith(w, n, a, made.Subnet.Bits())
			if !f.roomy(on) { // then nobody is there to send to both
				w.checks = slices.DeleteFunc(w.checks, func(c scenarios.Check) bool { return c.Reach != nil })
			}
			return w
		}
	}
	next := f.draft.upcoming(n, made, 32)
	i := slices.Index(next, a)
	if i < 0 {
		return nil
	}
	w := about(n, at, "%s is the address of %s and lies in what is handed out: container number %d from here on would get it.", a, whose, i+1)
	if _, is := n.span(a.Is6()); is {
		return w // what hands out such a part is not simulated
	}
	w.with, w.crowd = []*network{n}, true
	for _, on := range f.draft.of(n) {
		if !on.sample {
			w.needs = append(w.needs, on)
		}
	}
	if len(w.needs) == 0 {
		w.by(scenarios.Check{HandedOut: &scenarios.HandedOut{Network: n.key, Addresses: texts(made.Upcoming(i + 2)[:i+1])}})
		return w
	}
	w.by(scenarios.Check{HandedOut: &scenarios.HandedOut{Network: n.key, Addresses: texts(next[:i+1])}})
	return w
}

// shareWith adds the machine that has the address, too: the host, or another one.
func (f *file) shareWith(w *finding, n *network, a netip.Addr, bits int) {
	if slices.ContainsFunc(f.around.Parents[n.device()].Addresses, func(p netip.Prefix) bool { return p.Addr() == a }) {
		w.by(
			scenarios.Check{Addresses: &scenarios.Addresses{Link: n.hostLink(), Include: []string{netip.PrefixFrom(a, bits).String()}}},
			reach(lanNode, n.hostLink(), "raw"))
		return
	}
	w.other = netip.PrefixFrom(a, bits)
	w.by(
		scenarios.Check{Addresses: &scenarios.Addresses{Link: gatewayNode + "/eth0", Include: []string{w.other.String()}}},
		reach(lanNode, gatewayNode, "raw"))
}

func texts(list []netip.Addr) []string {
	var out []string
	for _, a := range list {
		out = append(out, a.String())
	}
	return out
}

func inDynamicRange(f *file) []*finding { return f.takenFirst(true) }

func inOtherRange(f *file) []*finding { return f.takenFirst(false) }

// takenFirst finds static addresses that are handed out to others, of the same network or
// of another with the same subnet, if those start before.
func (f *file) takenFirst(same bool) []*finding {
	var all []*finding
	for _, s := range f.draft.attached {
		for _, p := range s.device.Addresses {
			a := p.Addr()
			if !s.asked(a) {
				continue
			}
			for _, n := range f.networks {
				if (n == s.network) != same || n.driver == bridge {
					continue
				}
				if w := f.takes(n, s, a); w != nil {
					all = append(all, w)
				}
			}
		}
	}
	return all
}

// takes is the finding that those on a network, when they come first, are handed a static
// address of somebody else.
func (f *file) takes(n *network, s *attached, a netip.Addr) *finding {
	state := f.draft.plan.LAN.Networks[n.key]
	if state == nil || s.user.end == nil {
		return nil
	}
	part, is := n.span(a.Is6())
	i := slices.IndexFunc(state.Pools, func(p *topology.Pool) bool {
		return is && part.Contains(a) && p.Subnet.Contains(a) || !is && p.Range.Contains(a)
	})
	if i < 0 || f.unread(n.Name, "ip_range") {
		return nil
	}
	pool := state.Pools[i]
	dynamic := slices.DeleteFunc(f.draft.in(pool, n), func(o *attached) bool {
		return o.sample || o.fixed(a.Is6())
	})
	nth := rank(pool, a, len(dynamic))
	if is {
		first := part.Free(len(dynamic), func(a netip.Addr) bool { return f.draft.kept(n, a) })
		nth = slices.Index(append(first, a), a)
	}
	if nth >= len(dynamic) {
		return nil
	}
	taker := dynamic[nth]
	w := about(s.network, place(s.user.at.IP, s.user.end.Place), "%s of %q lies in what network %q hands out: if %s before %q, %q has it, and %q does not start.",
		a, s.name(), n.Name, starts(dynamic[:nth+1]), s.name(), taker.name(), s.name())
	w.Endpoints = []string{s.name(), taker.name()}
	w.with = []*network{s.network, n}
	for _, o := range dynamic[:nth+1] {
		w.before = append(w.before, topology.Change{Attach: &topology.Attach{Endpoint: o.node, Attachment: o.given}})
	}
	w.refused = &refusal{
		Problem: topology.Problem{Path: []any{"attach", "ip"}, Text: "Address already in use: " + a.String()},
		change:  topology.Change{Attach: &topology.Attach{Endpoint: s.node, Attachment: s.given}}, network: s.network, user: &s.user,
	}
	if n.Engine != intent.Docker {
		w.refused = nil
	}
	return w
}

func starts(ends []*attached) string {
	if len(ends) == 1 {
		return fmt.Sprintf("%q starts", ends[0].name())
	}
	return fmt.Sprintf("%d others start", len(ends))
}

// rank is how many addresses a pool hands out before that one when nobody has any, as far
// as it matters.
func rank(p *topology.Pool, a netip.Addr, most int) int {
	n := 0
	for b := p.Range.Addr(); b != a && p.Range.Contains(b) && n < most; b = b.Next() {
		_, aux := p.Aux[b]
		if b != p.Gateway && !aux && (b.Is6() || b != p.Subnet.Addr()) {
			n++
		}
	}
	return n
}

func ipv6Off(f *file) []*finding {
	var all []*finding
	for _, n := range f.networks {
		for _, p := range n.pools {
			if !n.virtual() || n.Engine != intent.Docker || !p.prefix.IsValid() || p.prefix.Addr().Is4() || n.IPv6.Is {
				continue
			}
			w := about(n, place(p.Subnet.Subnet, n.Place), "Network %q has the IPv6 subnet %s, and IPv6 is not enabled on it: Docker leaves the subnet out, and no container gets an address of it.", n.Name, p.prefix)
			if on := f.draft.of(n); len(on) > 0 {
				w.on(on[0]).by(exactly(on[0]))
				w.Endpoints = nil
			}
			all = append(all, w)
		}
	}
	return all
}

// exactly expects the addresses that a device got, and no others.
func exactly(a *attached) scenarios.Check {
	have := []string{}
	for _, p := range a.device.Addresses {
		have = append(have, p.String())
	}
	return scenarios.Check{Addresses: &scenarios.Addresses{Link: a.link(), Are: &have}}
}

func ipv6Unused(f *file) []*finding {
	return f.eachUsed(func(n *network, on []*attached) *finding {
		global := slices.ContainsFunc(f.around.Parents[n.device()].Addresses, func(p netip.Prefix) bool {
			return p.Addr().Is6() && p.Addr().IsGlobalUnicast()
		})
		has6 := slices.ContainsFunc(n.pools, func(p *pool) bool { return p.prefix.IsValid() && p.prefix.Addr().Is6() })
		if !global || has6 || !n.onParent() || len(n.pools) == 0 {
			return nil
		}
		w := about(n, n.Place, "%s has IPv6, and network %q has none: its containers use IPv4 alone.", n.device(), n.Name)
		w.on(on[0]).by(exactly(on[0]))
		w.Endpoints = nil
		return w
	})
}
