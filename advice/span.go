package advice

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/lanproof/lanproof/intent"
	"github.com/lanproof/lanproof/topology"
)

// PoolOf is a subnet in a scenario's words, as its network's engine takes it.
func PoolOf(n *intent.Network, s *intent.Subnet) topology.Subnet {
	t := topology.Subnet{Subnet: s.Subnet.Text, Gateway: s.Gateway.Text, IPRange: s.IPRange.Text}
	for _, a := range s.Aux {
		if t.AuxAddresses == nil {
			t.AuxAddresses = map[string]string{}
		}
		t.AuxAddresses[a.Key] = a.Value.Text
	}
	prefix, err := netip.ParsePrefix(s.Subnet.Text)
	if err != nil || n.Engine == intent.Docker || n.Engine == "" {
		return t
	}
	// Podman cuts host bits off without a word, and host-local refuses them.
	if n.Engine == intent.Podman {
		t.Subnet = prefix.Masked().String()
	}
	switch {
	case n.Engine == intent.Podman && t.Gateway == "" && !n.Internal.Is:
		// containers/common: libnetwork/internal/util/validate.go:ValidateSubnet
		t.Gateway = prefix.Masked().Addr().Next().String()
	case n.Engine == intent.CNI && n.IPAM.Text == "host-local":
		hostLocal(n, &t, prefix.Masked())
	}
	return t
}

// hostLocal makes a pool as CNI's host-local gives it out: the gateway is kept free, and is
// the first address where none is named, but leads nowhere without a default route
// (containernetworking/plugins: plugins/ipam/host-local/backend/allocator/range.go).
func hostLocal(n *intent.Network, t *topology.Subnet, prefix netip.Prefix) {
	gateway, err := netip.ParseAddr(t.Gateway)
	if t.Gateway != "" && (err != nil || !prefix.Contains(gateway)) {
		return // it is refused as it stands
	}
	if t.Gateway == "" {
		gateway = prefix.Addr().Next()
	}
	if gateway == prefix.Addr() {
		t.Gateway = "" // it is the network's own address, which nobody gets anyway
		return
	}
	leads := n.Driver.Text == bridge
	for _, r := range n.Routes {
		to, err := netip.ParsePrefix(r.To.Text)
		leads = leads || err == nil && to.Bits() == 0 && to.Addr().Is6() == prefix.Addr().Is6()
	}
	if leads {
		t.Gateway = gateway.String()
		return
	}
	t.Gateway, t.AuxAddresses = "", map[string]string{"gateway": gateway.String()}
}

// Span is a part of a subnet by its first and its last address, as CNI and Podman have it.
type Span struct {
	First, Last netip.Addr
	subnet      netip.Prefix
}

// SpanOf is the part of a subnet that addresses are handed out of, by the network's engine;
// false where that is the subnet, or Docker's range, or nothing that can be read. Podman
// makes such a part of a prefix, whose first address it leaves out (containers/podman:
// cmd/podman/networks/create.go:parseRange).
func SpanOf(n *intent.Network, s *intent.Subnet) (Span, bool) {
	prefix, err := netip.ParsePrefix(s.Subnet.Text)
	if err != nil {
		return Span{}, false
	}
	part := Span{prefix.Masked().Addr(), topology.LastOf(prefix), prefix.Masked()}
	if r, err := netip.ParsePrefix(s.IPRange.Text); err == nil && n.Engine == intent.Podman && prefix.Contains(r.Addr()) {
		part.First, part.Last = r.Masked().Addr(), topology.LastOf(r)
		if !r.IsSingleIP() {
			part.First = part.First.Next()
		}
		return part, true
	}
	for _, end := range []struct {
		word intent.Value
		to   *netip.Addr
	}{{s.RangeStart, &part.First}, {s.RangeEnd, &part.Last}} {
		if end.word.Set() {
			if *end.to, err = netip.ParseAddr(end.word.Text); err != nil || !prefix.Contains(*end.to) {
				return Span{}, false
			}
		}
	}
	return part, s.RangeStart.Set() || s.RangeEnd.Set()
}

// SpanFault is what engines say of a range from one address to another that is none of the
// subnet's; empty when nothing is wrong with it.
func SpanFault(n *intent.Network, s *intent.Subnet) string {
	prefix, err := netip.ParsePrefix(s.Subnet.Text)
	if err != nil {
		return "" // and so is the subnet
	}
	for _, end := range []struct {
		what string
		word intent.Value
	}{{"start", s.RangeStart}, {"end", s.RangeEnd}} {
		what, word := end.what, end.word
		if a, err := netip.ParseAddr(word.Text); word.Set() && err != nil {
			return fmt.Sprintf("invalid range %s %s", what, word.Text)
		} else if word.Set() && !prefix.Contains(a) {
			if n.Engine == intent.CNI {
				return fmt.Sprintf("Range%s%s %s not in network %s", strings.ToUpper(what[:1]), what[1:], a, prefix.Masked())
			}
			return fmt.Sprintf("lease range %s ip %s not in subnet %s", what, a, prefix.Masked())
		}
	}
	return ""
}

// Contains reports whether an address lies in the part.
func (s Span) Contains(a netip.Addr) bool { return s.First.Compare(a) <= 0 && a.Compare(s.Last) <= 0 }

// String is first-last.
func (s Span) String() string { return s.First.String() + "-" + s.Last.String() }

// Free returns up to n addresses of the part, the lowest first, that are not taken. It
// looks at the first 65536.
func (s Span) Free(n int, taken func(netip.Addr) bool) []netip.Addr {
	var all []netip.Addr
	a := s.First
	for range 1 << 16 {
		if len(all) >= n || !a.IsValid() || !s.Contains(a) {
			break
		}
		if !s.edge(a) && !taken(a) {
			all = append(all, a)
		}
		a = a.Next()
	}
	return all
}

// edge reports whether an address is one of the subnet's that no host has.
func (s Span) edge(a netip.Addr) bool {
	if s.subnet.Bits() >= a.BitLen()-1 {
		return false
	}
	return a == s.subnet.Addr() || a.Is4() && a == topology.LastOf(s.subnet)
}

// span is the part of a network's pool that addresses of a family come from.
func (n *network) span(v6 bool) (Span, bool) {
	for _, p := range n.pools {
		if p.prefix.IsValid() && p.prefix.Addr().Is6() == v6 {
			return SpanOf(n.Network, p.Subnet)
		}
	}
	return Span{}, false
}

// kept reports whether an address of a network is the gateway's, or excluded.
func (d *draft) kept(n *network, a netip.Addr) bool {
	return slices.ContainsFunc(d.plan.LAN.Networks[n.key].Pools, func(p *topology.Pool) bool {
		_, aux := p.Aux[a]
		return aux || p.Gateway == a
	})
}

// taken reports whether an address of a network is kept, or somebody's.
func (d *draft) taken(n *network, a netip.Addr) bool {
	return d.kept(n, a) || slices.ContainsFunc(d.of(n), func(o *attached) bool { return o.has(netip.PrefixFrom(a, a.BitLen())) })
}

// fromSpan gives an attachment the addresses that come out of parts of pools. It is false
// where a part has none left, and then says so.
func (d *draft) fromSpan(n *network, a *topology.Attachment) (Span, bool) {
	for i, ip := range []*string{&a.IP, &a.IP6} {
		part, is := n.span(i == 1)
		if !is || *ip != "" {
			continue
		}
		free := part.Free(1, func(a netip.Addr) bool { return d.taken(n, a) })
		if len(free) == 0 {
			return part, false
		}
		*ip = free[0].String()
	}
	return Span{}, true
}

// upcoming are up to count addresses that a pool hands out next.
func (d *draft) upcoming(n *network, made *topology.Pool, count int) []netip.Addr {
	if part, is := n.span(made.Subnet.Addr().Is6()); is {
		return part.Free(count, func(a netip.Addr) bool { return d.taken(n, a) })
	}
	return made.Upcoming(count)
}

// barren reports whether a pool has nothing that could be handed out.
func (d *draft) barren(n *network, made *topology.Pool) bool {
	if part, is := n.span(made.Subnet.Addr().Is6()); is {
		return len(part.Free(1, func(a netip.Addr) bool { return d.kept(n, a) })) == 0
	}
	return made.Size() <= 0
}

func spanInvalid(f *file) []*finding {
	var all []*finding
	for _, n := range f.networks {
		for _, p := range n.pools {
			why := SpanFault(n.Network, p.Subnet)
			if why == "" || !n.virtual() {
				continue
			}
			w := about(n, place(p.RangeStart, place(p.RangeEnd, n.Place)), "%s refuses network %q: %s.", calls(n.Engine), n.Name, why)
			w.unmade = true
			all = append(all, w)
		}
	}
	return all
}
