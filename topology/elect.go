package topology

import (
	"cmp"
	"net/netip"
	"slices"
)

// elect has the networks serve as gateways that Docker would choose, and takes away and
// sets default routes accordingly. What was set over a device that is gone went with it.
func (b *builder) elect(node string) {
	serving := b.gateways(node)
	each := func(f func(d *Device, r *defaultRoute, serves bool)) {
		for _, d := range b.lan.DevicesOf(node) {
			for i := range d.defaults {
				r := &d.defaults[i]
				f(d, r, !r.nowhere && slices.Contains(serving[r.prefix], d))
			}
		}
	}
	each(func(d *Device, r *defaultRoute, serves bool) {
		if r.set && !serves {
			r.set = false
			b.op(RemoveRoute{Node: node, Prefix: r.prefix, Via: r.via, Device: d.clone()})
		}
	})
	each(func(d *Device, r *defaultRoute, serves bool) {
		switch {
		case r.set || !serves:
		case b.defaultOf(node, r.prefix) != nil:
			b.problem("failed to set gateway while updating gateway: file exists: %s has a default route by network %s already",
				node, b.defaultOf(node, r.prefix).Network)
		default:
			r.set = true
			b.op(AddRoute{Node: node, Prefix: r.prefix, Via: r.via, Device: d.clone()})
		}
	})
}

// gateways are the devices that give a node its default routes by family.
func (b *builder) gateways(node string) map[netip.Prefix][]*Device {
	var all []*Device
	for _, d := range b.lan.DevicesOf(node) {
		if len(d.defaults) > 0 {
			all = append(all, d)
		}
	}
	slices.SortStableFunc(all, b.gatewayOrder)
	if b.docker().Before(28) {
		return oneGateway(all)
	}
	return gatewayEach(all)
}

// gatewayOrder is which of two networks Docker asks first for a gateway: the one with the
// higher priority, which there is since 28, with the more gateways, with the lower name
// (moby: libnetwork/sandbox.go:Endpoint.Less). Before 28 one of IPv6 alone counted for
// more than one of IPv4 alone, and routes over the device itself for nothing.
func (b *builder) gatewayOrder(x, y *Device) int {
	rank := func(d *Device) int { return len(d.defaults) }
	if b.docker().Before(28) {
		rank = func(d *Device) int {
			sum := 0
			for _, r := range d.defaults {
				if r.via.IsValid() {
					sum += map[int]int{4: 1, 6: 2}[family(r.prefix.Addr())]
				}
			}
			return sum
		}
		return cmp.Or(cmp.Compare(rank(y), rank(x)), cmp.Compare(x.Network, y.Network))
	}
	return cmp.Or(cmp.Compare(y.priority, x.priority), cmp.Compare(rank(y), rank(x)), cmp.Compare(x.Network, y.Network))
}

// oneGateway is the rule before 28: the first network with a gateway of IPv4 serves both
// families, as far as it can (moby: libnetwork/default_gateway.go:getGatewayEndpoint).
// Routes over a device itself are set in any case.
func oneGateway(all []*Device) map[netip.Prefix][]*Device {
	has := func(v6 bool) func(*Device) bool {
		return func(d *Device) bool {
			return slices.ContainsFunc(d.defaults, func(r defaultRoute) bool { return r.via.IsValid() && r.via.Is6() == v6 })
		}
	}
	chosen := slices.IndexFunc(all, has(false))
	if chosen < 0 {
		chosen = slices.IndexFunc(all, has(true))
	}
	serving := map[netip.Prefix][]*Device{}
	for i, d := range all {
		for _, r := range d.defaults {
			if i == chosen || !r.via.IsValid() {
				serving[r.prefix] = append(serving[r.prefix], d)
			}
		}
	}
	return serving
}

// gatewayEach is the rule since 28: the first network with gateways of both families
// serves both, else the first of each family does
// (moby: libnetwork/default_gateway.go:selectGatewayEndpoint).
func gatewayEach(all []*Device) map[netip.Prefix][]*Device {
	serving := map[netip.Prefix][]*Device{}
	for _, d := range all {
		for _, r := range d.defaults {
			if len(d.defaults) == 2 || serving[r.prefix] == nil {
				serving[r.prefix] = []*Device{d}
			}
		}
		if len(d.defaults) == 2 {
			break
		}
	}
	return serving
}
