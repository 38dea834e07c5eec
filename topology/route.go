package topology

import "net/netip"

// defaultRoute is a default route that a network offers to an endpoint.
type defaultRoute struct {
	prefix netip.Prefix
	// via is the gateway, invalid where the device itself is the way.
	via netip.Addr
	// nowhere is set where the network stands for a gateway and has none.
	nowhere bool
	// set is true of the one that the endpoint has.
	set bool
}

// routes adds a node's routes.
func (b *builder) routes(node string, routes []Route) {
	defer b.enter("routes")()
	for i, r := range routes {
		b.in(i, func() { b.route(node, r) })
	}
}

func (b *builder) route(node string, r Route) {
	o := AddRoute{Node: node}
	if r.Via != "" {
		b.in("via", func() {
			a, problem := parseAddr(r.Via)
			b.text(problem)
			o.Via = a
		})
	}
	if r.Dev != "" {
		b.in("dev", func() {
			d := b.device(r.Dev, node)
			if d == nil || d.Node != node {
				b.problem("there is no device %s on %s", r.Dev, node)
				return
			}
			o.Device = d.clone()
		})
	}
	if r.Via == "" && r.Dev == "" {
		b.problem("a route needs via, dev, or both")
	}
	b.in("to", func() { o.Prefix = b.destination(r.To, o.Via) })
	if b.failed() {
		return
	}
	b.oneDefault(o)
	b.op(o)
}

// destination reads a route's prefix. A default route is of its gateway's
// family, IPv4 when it has none.
func (b *builder) destination(to string, via netip.Addr) netip.Prefix {
	if to == "default" {
		if via.IsValid() {
			return anyPrefix(via)
		}
		return anyPrefix(netip.IPv4Unspecified())
	}
	p, err := netip.ParsePrefix(to)
	switch {
	case err != nil || p != p.Masked():
		b.problem("%q is neither default nor a prefix without host bits", to)
	case via.IsValid() && family(via) != family(p.Addr()):
		b.problem("%s is IPv%d and its next hop %s is IPv%d", p, family(p.Addr()), via, family(via))
	}
	return p
}

// oneDefault refuses a default route beside the one that a network has set.
func (b *builder) oneDefault(o AddRoute) {
	if d := b.defaultOf(o.Node, o.Prefix); d != nil && o.Prefix.Bits() == 0 {
		b.problem("%s has a default route by network %s already", o.Node, d.Network)
	}
}

// defaultOf is the device over which a network has set the node's default route.
func (b *builder) defaultOf(node string, prefix netip.Prefix) *Device {
	for _, d := range b.lan.DevicesOf(node) {
		for _, r := range d.defaults {
			if r.set && r.prefix == prefix {
				return d
			}
		}
	}
	return nil
}
