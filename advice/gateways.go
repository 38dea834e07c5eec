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

// This file has the rules about gateways and default routes.

func gatewayMissing(f *file) []*finding {
	return f.eachPool(func(n *network, p *pool, made *topology.Pool) *finding {
		if made.Gateway.IsValid() || p.Gateway.Set() || n.closed() || n.layer3() || n.Engine == intent.CNI || f.unread(n.Name, "gateway") || f.otherWayOut(n, p) {
			return nil
		}
		w := about(n, place(p.Subnet.Subnet, n.Place), "Subnet %s of network %q has no gateway, and Docker %s makes none up: its containers reach nothing beyond it.", p.prefix, n.Name, f.around.docker())
		if a := f.single(n, made); a != nil {
			no := false
			w.on(a).by(scenarios.Check{Route: &scenarios.RouteState{Node: a.node, To: defaultOf(made), Exists: &no}})
			w.Endpoints = nil
		}
		return w
	})
}

// otherWayOut reports whether everybody on a network has a default route by another one.
func (f *file) otherWayOut(n *network, p *pool) bool {
	on := f.draft.of(n)
	return len(on) > 0 && !slices.ContainsFunc(on, func(a *attached) bool {
		return !slices.ContainsFunc(f.draft.attached, func(o *attached) bool {
			return o.node == a.node && o.network != n && f.offers(o.network, p.prefix.Addr().Is6())
		})
	})
}

// single is somebody with an address of the pool who is on no other network.
func (f *file) single(n *network, made *topology.Pool) *attached {
	for _, a := range f.draft.in(made, n) {
		if count := slices.IndexFunc(f.draft.attached, func(o *attached) bool { return o.node == a.node && o.network != n }); count < 0 {
			return a
		}
	}
	return nil
}

func defaultOf(p *topology.Pool) string {
	if p.Subnet.Addr().Is6() {
		return "default6"
	}
	return "default"
}

func gatewayGuessed(f *file) []*finding {
	return f.eachPool(func(n *network, p *pool, made *topology.Pool) *finding {
		if !made.Gateway.IsValid() || p.Gateway.Set() || n.closed() || n.layer3() || n.Engine == intent.CNI || f.unread(n.Name, "gateway") || slices.Contains(f.around.Parents[n.device()].Gateways, made.Gateway) {
			return nil
		}
		who := fmt.Sprintf("Docker %s", f.around.docker())
		if n.Engine == intent.Podman {
			who = "Podman"
		}
		w := about(n, place(p.Subnet.Subnet, n.Place), "Subnet %s of network %q has no gateway, so that %s takes its first free address, %s, whoever has it on the LAN.", p.prefix, n.Name, who, made.Gateway)
		w.via(f.single(n, made), made)
		return w
	})
}

// via shows the default route that somebody gets.
func (f *finding) via(a *attached, p *topology.Pool) {
	if a == nil {
		return
	}
	f.on(a).by(scenarios.Check{Route: &scenarios.RouteState{Node: a.node, To: defaultOf(p), Via: p.Gateway.String()}})
	f.Endpoints = nil
}

func gatewayNotRouter(f *file) []*finding {
	return f.eachPool(func(n *network, p *pool, made *topology.Pool) *finding {
		routers := slices.DeleteFunc(slices.Clone(f.around.Parents[n.device()].Gateways), func(g netip.Addr) bool { return !p.prefix.Contains(g) })
		if !p.Gateway.Set() || len(routers) == 0 || slices.Contains(routers, made.Gateway) || !made.Gateway.IsValid() || n.closed() || n.layer3() {
			return nil
		}
		w := about(n, place(p.Gateway, n.Place), "Gateway %s of network %q is not the router of %s, which is %s as this machine knows.", made.Gateway, n.Name, n.device(), routers[0])
		w.via(f.single(n, made), made)
		return w
	})
}

func twoDefaults(f *file) []*finding {
	var all []*finding
	for i := range f.Endpoints {
		e := &f.Endpoints[i]
		for _, v6 := range []bool{false, true} {
			if w := f.twoDefaultsOf(e, v6); w != nil {
				all = append(all, w)
				break
			}
		}
	}
	return all
}

// twoDefaultsOf is the finding that several networks offer an endpoint the default route
// of a family, and the file leaves open which of them it is to be.
func (f *file) twoDefaultsOf(e *intent.Endpoint, v6 bool) *finding {
	ways := f.ways(e, v6)
	if len(ways) < 2 || !slices.ContainsFunc(ways, func(a *attached) bool { return a.network.virtual() }) {
		return nil
	}
	first := f.winner(ways, v6)
	if first == nil || f.decided(ways) || first.network.Engine == intent.CNI {
		return nil
	}
	var names []string
	for _, a := range ways {
		names = append(names, a.network.Name)
	}
	w := &finding{Warning: Warning{
		Place: e.Place, Networks: names, Endpoints: []string{e.Name},
		Text: fmt.Sprintf("Networks %s each offer %q a default route, and a container has one: %q gives it.", list(names), e.Name, first.network.Name),
	}}
	return w.routeBy(f, ways, first, v6)
}

// ways are those networks of an endpoint that offer it a default route of a family.
func (f *file) ways(e *intent.Endpoint, v6 bool) []*attached {
	return slices.DeleteFunc(slices.Clone(f.draft.attached), func(a *attached) bool { return a.user.end != e || !f.offers(a.network, v6) })
}

// routeBy shows over which of several networks the default route of a family leads.
func (w *finding) routeBy(f *file, ways []*attached, first *attached, v6 bool) *finding {
	if first == nil || first.network.Engine != intent.Docker {
		return w
	}
	route, known := f.draft.routes[way{first.node, anyOf(v6)}]
	if !known {
		return w
	}
	state := &scenarios.RouteState{Node: first.node, To: map[bool]string{false: "default", true: "default6"}[v6], Dev: first.device.Link}
	if route.Via.IsValid() {
		state.Via = route.Via.String()
	}
	w.needs = ways
	return w.by(scenarios.Check{Route: state})
}

func anyOf(v6 bool) netip.Prefix {
	if v6 {
		return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
}

// winner is who gives the default route: as Docker chooses, or by netavark's metrics, 99
// for macvlan and ipvlan and 100 for bridges (src/network/vlan.rs).
func (f *file) winner(ways []*attached, v6 bool) *attached {
	if ways[0].network.Engine == intent.Podman {
		return ways[max(0, slices.IndexFunc(ways, func(a *attached) bool { return a.network.virtual() }))]
	}
	route, known := f.draft.routes[way{ways[0].node, anyOf(v6)}]
	if !known || route.Device == nil {
		return nil
	}
	i := slices.IndexFunc(ways, func(a *attached) bool { return a.device.Link == route.Device.Link })
	if i < 0 {
		return nil
	}
	return ways[i]
}

// decided reports whether the file says which network it is to be: since Docker 28 the one
// with the highest priority.
func (f *file) decided(ways []*attached) bool {
	if f.around.docker().Before(28) {
		return false
	}
	most, count := 0, 0
	for i, a := range ways {
		switch p := a.given.GatewayPriority; {
		case i == 0 || p > most:
			most, count = p, 1
		case p == most:
			count++
		}
	}
	return count == 1
}

// priorityIgnored are priorities of gateways for a Docker that knows none yet. Its command
// line refuses the word; of Compose, which makes containers' names, it hears and takes no heed.
func priorityIgnored(f *file) []*finding {
	if !f.around.docker().Before(28) {
		return nil
	}
	var all []*finding
	for i := range f.Endpoints {
		e := &f.Endpoints[i]
		for k := range e.Attach {
			p := e.Attach[k].GatewayPriority
			if !p.Set() || cmp.Or(e.Engine, intent.Docker) != intent.Docker {
				continue
			}
			w := &finding{Warning: Warning{
				Place: place(p, e.Place), Networks: []string{e.Attach[k].Network}, Endpoints: []string{e.Name},
				Text: fmt.Sprintf("%q asks for the default route by way of network %q, and Docker %s ignores it: priorities of gateways came with Docker 28.", e.Name, e.Attach[k].Network, f.around.docker()),
			}}
			if e.Known == "" {
				w.Severity = Error
				w.Text = fmt.Sprintf("The docker command of Docker %s refuses gw-priority for %q on network %q: priorities of gateways came with Docker 28.", f.around.docker(), e.Name, e.Attach[k].Network)
			}
			if ways := f.ways(e, false); len(ways) > 1 {
				w.routeBy(f, ways, f.winner(ways, false), false)
			}
			all = append(all, w)
		}
	}
	return all
}
