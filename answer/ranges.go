package answer

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/lanproof/lanproof/intent"
	"github.com/lanproof/lanproof/topology"
)

// hostLocal makes a pool as CNI's host-local gives it out: the gateway is kept free, and is
// the first address where none is named, but leads nowhere without a default route
// (containernetworking/plugins: plugins/ipam/host-local/backend/allocator/range.go).
func (n *network) hostLocal(s *topology.Subnet, prefix netip.Prefix) {
	gateway, err := netip.ParseAddr(s.Gateway)
	if s.Gateway != "" && err != nil {
		return // it is refused as it stands
	}
	if s.Gateway == "" {
		gateway = prefix.Masked().Addr().Next()
	}
	leads := n.spec.Driver == topology.KindBridge
	for _, r := range n.of.Routes {
		to, err := netip.ParsePrefix(r.To.Text)
		leads = leads || err == nil && to.Bits() == 0 && to.Addr().Is6() == prefix.Addr().Is6()
	}
	if leads {
		s.Gateway = gateway.String()
		return
	}
	s.Gateway, s.AuxAddresses = "", map[string]string{"gateway": gateway.String()}
}

// span is a part of a pool by its first and last address, as CNI and Podman write it.
type span struct{ first, last netip.Addr }

// spanOf is where a network's addresses of a family come from; false when it is the pool.
func (n *network) spanOf(v6 bool) (span, bool) {
	for i, s := range n.spec.Subnets {
		prefix, err := netip.ParsePrefix(s.Subnet)
		if err != nil || prefix.Addr().Is6() != v6 || n.subnets[i] < 0 {
			continue
		}
		of := &n.of.Subnets[n.subnets[i]]
		if !of.RangeStart.Set() && !of.RangeEnd.Set() {
			return span{}, false
		}
		part := span{prefix.Masked().Addr(), topology.LastOf(prefix)}
		if a, err := netip.ParseAddr(of.RangeStart.Text); err == nil {
			part.first = a
		}
		if a, err := netip.ParseAddr(of.RangeEnd.Text); err == nil {
			part.last = a
		}
		return part, true
	}
	return span{}, false
}

// spans gives endpoints of networks with such parts their addresses, the lowest free one
// each.
func (d *Draft) spans() {
	for _, n := range d.networks {
		for _, v6 := range []bool{false, true} {
			if part, ok := n.spanOf(v6); ok && n.built() {
				d.giveOut(n, part, v6)
			}
		}
	}
}

func (d *Draft) giveOut(n *network, part span, v6 bool) {
	taken := map[string]bool{}
	for _, s := range n.spec.Subnets {
		taken[s.Gateway] = true
		for _, a := range s.AuxAddresses {
			taken[a] = true
		}
	}
	each := func(do func(e *endpoint, a *attachment, ip *string)) {
		for _, e := range d.ends {
			for i := range e.attach {
				if a := &e.attach[i]; a.network == n && !e.refused {
					ip := &a.ip
					if v6 {
						ip = &a.ip6
					}
					do(e, a, ip)
				}
			}
		}
	}
	each(func(_ *endpoint, _ *attachment, ip *string) { taken[*ip] = *ip != "" || taken[*ip] })
	next := part.first
	each(func(e *endpoint, a *attachment, ip *string) {
		for ; *ip == "" && next.IsValid() && next.Compare(part.last) <= 0; next = next.Next() {
			if edge := slices.ContainsFunc(n.spec.Subnets, func(s topology.Subnet) bool { return isEdge(s.Subnet, next) }); !edge && !taken[next.String()] {
				*ip = next.String()
			}
		}
		if *ip == "" {
			d.Refused = append(d.Refused, Refusal{
				Problem: topology.Problem{Path: []any{"endpoints", e.node, "ip"}, Text: fmt.Sprintf("no available addresses from %s to %s", part.first, part.last)},
				Place:   e.placeOf(a), Networks: []string{n.of.Name}, Endpoints: []string{e.of.Name},
			})
			e.refused = true
		}
	})
}

// placeOf is where an attachment stands.
func (e *endpoint) placeOf(a *attachment) intent.Place {
	if a.of == nil {
		return e.of.Place
	}
	return placeOr(a.of.Place, e.of.Place)
}

// isEdge reports whether an address is one of a subnet's that no host has.
func isEdge(subnet string, a netip.Addr) bool {
	p, err := netip.ParsePrefix(subnet)
	if err != nil || !p.Contains(a) || p.Bits() >= a.BitLen()-1 {
		return false
	}
	return a == p.Masked().Addr() || a.Is4() && a == topology.LastOf(p)
}
