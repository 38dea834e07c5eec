package answer

import (
	"net/netip"

	"github.com/lanproof/lanproof/advice"
	"github.com/lanproof/lanproof/intent"
	"github.com/lanproof/lanproof/topology"
)

// spanOf is where a network's addresses of a family come from; false when it is the pool.
func (n *network) spanOf(v6 bool) (advice.Span, bool) {
	for i, s := range n.spec.Subnets {
		prefix, err := netip.ParsePrefix(s.Subnet)
		if err == nil && prefix.Addr().Is6() == v6 && n.subnets[i] >= 0 {
			return advice.SpanOf(n.of, &n.of.Subnets[n.subnets[i]])
		}
	}
	return advice.Span{}, false
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

func (d *Draft) giveOut(n *network, part advice.Span, v6 bool) {
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
	each(func(e *endpoint, a *attachment, ip *string) {
		if *ip == "" {
			for _, next := range part.Free(1, func(a netip.Addr) bool { return taken[a.String()] }) {
				*ip = next.String()
			}
		}
		taken[*ip] = true
		if *ip == "" {
			d.Refused = append(d.Refused, Refusal{
				Problem: topology.Problem{Path: []any{"endpoints", e.node, "ip"}, Text: "no available addresses in " + part.String()},
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
