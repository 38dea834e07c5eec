package topology

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
)

// Pool is one subnet's addresses: which can be handed out, and which are.
type Pool struct {
	Subnet  netip.Prefix
	Range   netip.Prefix // what is handed out lies in it
	Gateway netip.Addr
	Aux     map[netip.Addr]string

	// network is the owner, ranged is set where it gave an ip_range, and configured
	// where it gave the subnet.
	network            string
	ranged, configured bool
	// ends is set where the first and the last address of a /31 are reserved, too.
	ends bool
	// taken says which network has taken which address. All pools of one subnet
	// on one host share it (moby: libnetwork/ipams/defaultipam/address_space.go).
	taken map[netip.Addr]string
}

// space is where addresses are unique: a subnet on a host, since every host
// runs a Docker of its own.
type space struct {
	host   string
	subnet netip.Prefix
}

// Taken reports whether the address is in use or reserved.
func (p *Pool) Taken(a netip.Addr) bool {
	_, taken := p.taken[a]
	return taken || p.reserved(a)
}

// reserved are the addresses that no host may have: IPv4's network and
// broadcast address except in a /31 (RFC 3021), IPv6's subnet-router anycast
// address (RFC 4291 section 2.6.1). moby: allocator.go:newPoolData.
func (p *Pool) reserved(a netip.Addr) bool {
	if a.Is4() && p.Subnet.Bits() >= 31 && !p.ends {
		return false
	}
	return a == p.Subnet.Addr() || a.Is4() && a == LastOf(p.Subnet)
}

// Next hands out the lowest free address (moby: AllocSerialPrefix is not asked
// for). It is false when none is left.
func (p *Pool) Next() (netip.Addr, bool) {
	a, ok := p.free(p.Range.Addr())
	if ok {
		p.take(a)
	}
	return a, ok
}

// free is the lowest free address from the given one on.
func (p *Pool) free(from netip.Addr) (netip.Addr, bool) {
	for a := from; p.Range.Contains(a); a = a.Next() {
		if !p.Taken(a) {
			return a, true
		}
	}
	return netip.Addr{}, false
}

func (p *Pool) take(a netip.Addr) {
	if p.taken == nil {
		p.taken = map[netip.Addr]string{}
	}
	p.taken[a] = p.network
}

// Upcoming returns up to n addresses that would be handed out next, in order,
// and hands out none.
func (p *Pool) Upcoming(n int) []netip.Addr {
	var next []netip.Addr
	a, ok := p.Range.Addr(), true
	for len(next) < n && ok {
		if a, ok = p.free(a); ok {
			next = append(next, a)
			a = a.Next()
		}
	}
	return next
}

// Size is how many addresses the pool has for endpoints in all, those in use
// included: its range without what is reserved, the gateway, and auxiliary
// addresses. It is math.MaxInt when there are more than that.
func (p *Pool) Size() int {
	bits := p.Range.Addr().BitLen() - p.Range.Bits()
	if bits >= 63 {
		return math.MaxInt
	}
	kept := map[netip.Addr]bool{p.Gateway: true, p.Subnet.Addr(): p.reserved(p.Subnet.Addr()), LastOf(p.Subnet): p.reserved(LastOf(p.Subnet))}
	for a := range p.Aux {
		kept[a] = true
	}
	size := 1 << bits
	for a, is := range kept {
		if is && p.Range.Contains(a) {
			size--
		}
	}
	return size
}

// Describe names a pool for reports.
func (p *Pool) Describe() string {
	s := p.Subnet.String()
	if p.Range != p.Subnet {
		s += fmt.Sprintf(" (range %s)", p.Range)
	}
	return s
}

// LastOf is the last address of a prefix: an IPv4 subnet's broadcast address.
func LastOf(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for bit := p.Bits(); bit < len(b)*8; bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// wantsGateway reports whether Docker picks a gateway where none is given: for
// bridge networks always, for others up to 27; 28 spares internal networks and
// ipvlan's layer 3 modes, 29 all (moby: GetSkipGwAlloc of each driver).
func (b *builder) wantsGateway(n *Network) bool {
	switch {
	case n.Driver == KindBridge || b.docker().Before(28):
		return true
	case b.docker().Before(29):
		l3 := n.Driver == KindIpvlan && n.IpvlanMode != "" && n.IpvlanMode != "l2"
		return n.Parent != "" && !n.Internal && !l3
	}
	return false
}

// takenOf is the book of a subnet's addresses that all its pools share.
func (l *LAN) takenOf(s space) map[netip.Addr]string {
	for _, name := range sortedKeys(l.Networks) {
		n := l.Networks[name]
		for _, p := range n.Pools {
			if n.Host == s.host && p.Subnet == s.subnet {
				return p.taken
			}
		}
	}
	return map[netip.Addr]string{}
}

// pool checks one subnet by itself. Docker does so since 25 (moby:
// api/types/network/ipam.go:ValidateIPAM); until then it cut host bits off and
// said nothing (libnetwork/ipam/allocator.go:RequestPool).
func (b *builder) pool(state *NetworkState, s *Subnet) *Pool {
	cut := parseSubnet
	if b.docker().Before(25) {
		cut = cutSubnet
	}
	subnet, problem := cut(s.Subnet)
	b.in("subnet", func() { b.text(problem) })
	if problem != "" {
		return nil
	}
	p := &Pool{Subnet: subnet, Range: subnet, Aux: map[netip.Addr]string{}, network: state.Name, configured: true, ends: b.docker().Before(23)}
	if s.IPRange != "" {
		b.in("ip_range", func() { b.ipRange(p, s.IPRange) })
	}
	return p
}

func (b *builder) ipRange(p *Pool, s string) {
	r, problem := parsePrefix(s)
	if b.docker().Before(25) {
		r = r.Masked()
	}
	switch {
	case problem != "":
		b.problem("invalid ip-range %s: it is written like 192.168.32.128/25", s)
	case family(r.Addr()) != family(p.Subnet.Addr()):
		b.problem("invalid ip-range %s: parent subnet is an IPv%d block", s, family(p.Subnet.Addr()))
	case r.Bits() < p.Subnet.Bits():
		b.problem("invalid ip-range %s: CIDR block is bigger than its parent subnet %s", s, p.Subnet)
	case r != r.Masked():
		b.problem("invalid ip-range %s: it should be %s", s, r.Masked())
	case !p.Subnet.Overlaps(r):
		b.problem("invalid ip-range %s: parent subnet %s doesn't contain ip-range", s, p.Subnet)
	default:
		p.Range, p.ranged = r, true
	}
}

// gateway takes the gateway's address, the first free one of the range where
// none is given but Docker wants one.
func (b *builder) gateway(p *Pool, s string, wanted bool) {
	switch {
	case s == "" && wanted:
		gw, ok := p.Next()
		if !ok {
			text := "failed to allocate gateway (): no available addresses on this pool"
			if b.docker().Before(25) {
				text = "failed to allocate gateway (): No available addresses on this pool"
			}
			b.problem("%s", text)
		}
		p.Gateway = gw
		return
	case s == "":
		return
	}
	gw, problem := parseAddr(s)
	switch {
	case problem != "":
		b.problem("invalid gateway %s: invalid address", s)
	case family(gw) != family(p.Subnet.Addr()):
		b.problem("invalid gateway %s: parent subnet is an IPv%d block", s, family(p.Subnet.Addr()))
	case !p.Subnet.Contains(gw) && b.docker().Before(25):
		b.problem("failed to allocate gateway (%s): Requested address is out of range", s)
	case !p.Subnet.Contains(gw):
		b.problem("invalid gateway %s: parent subnet %s doesn't contain this address", s, p.Subnet)
	case p.Taken(gw):
		b.problem("failed to allocate gateway (%s): Address already in use", s)
	default:
		p.Gateway = gw
		p.take(gw)
	}
}

// auxiliary takes the addresses that others on the LAN have, after the
// gateway's (moby: libnetwork/network.go:ipamAllocateVersion).
func (b *builder) auxiliary(p *Pool, addresses map[string]string) {
	defer b.enter("aux_addresses")()
	for _, name := range sortedKeys(addresses) {
		b.in(name, func() {
			s := addresses[name]
			a, problem := parseAddr(s)
			switch {
			case problem != "":
				b.problem("invalid auxiliary address %s: invalid address", name)
			case !p.Subnet.Contains(a):
				b.problem("auxiliary address: (%s:%s) must belong to the master pool: %s", name, s, p.Subnet)
			case p.Taken(a):
				b.problem("failed to allocate secondary ip address (%s:%s): Address already in use", name, s)
			default:
				p.Aux[a] = name
				p.take(a)
			}
		})
	}
}

// noOverlap is Docker's rule: a pool without a range may overlap no other on
// its host; one with a range may, unless subnet and range are another's
// (moby: address_space.go:allocateSubnet). Within a network none may.
func (b *builder) noOverlap(state *NetworkState, p *Pool) bool {
	for _, name := range sortedKeys(b.lan.Networks) {
		n := b.lan.Networks[name]
		if n.Host != state.Host {
			continue
		}
		i := slices.IndexFunc(n.Pools, func(o *Pool) bool {
			if p.ranged && n != state {
				return o.ranged && o.Subnet == p.Subnet && o.Range == p.Range
			}
			return o.Subnet.Overlaps(p.Subnet)
		})
		if i >= 0 {
			b.in("subnet", func() {
				b.problem("invalid pool request: Pool overlaps with other one on this address space: %s and network %s's %s",
					p.Describe(), name, n.Pools[i].Describe())
			})
			return false
		}
	}
	return true
}

// take hands out an address of the family on the network, the given one or the
// next free one, and says which gateway serves it. Both are invalid when the
// network has no such family.
func (b *builder) take(n *NetworkState, ip string, v6 bool) (netip.Prefix, netip.Addr) {
	pools := slices.DeleteFunc(slices.Clone(n.Pools), func(p *Pool) bool { return p.Subnet.Addr().Is6() != v6 })
	if ip != "" {
		return b.takeGiven(n, pools, ip, v6)
	}
	if len(pools) == 0 {
		return netip.Prefix{}, netip.Addr{}
	}
	// Docker asks the pools in turn and takes the first that has one left.
	for _, p := range pools {
		if a, ok := p.Next(); ok {
			return netip.PrefixFrom(a, p.Subnet.Bits()), p.Gateway
		}
	}
	b.problem("no available IPv%d addresses on this network's address pools: %s (%s)", family(pools[0].Subnet.Addr()), n.Name, networkID(n.Name))
	return netip.Prefix{}, netip.Addr{}
}

func (b *builder) takeGiven(n *NetworkState, pools []*Pool, ip string, v6 bool) (netip.Prefix, netip.Addr) {
	a, problem := parseAddr(ip)
	if problem != "" || a.Is6() != v6 {
		want := 4
		if v6 {
			want = 6
		}
		b.problem("%q is not an IPv%d address", ip, want)
		return netip.Prefix{}, netip.Addr{}
	}
	i := slices.IndexFunc(pools, func(p *Pool) bool {
		return p.Subnet.Contains(a) && (p.configured || !b.docker().Before(29))
	})
	switch {
	case i < 0 && b.docker().Before(29) && n.leftOut(a):
		// It is checked against what is configured, and then nobody asks for it.
	case i < 0:
		b.text(b.foreign(a, slices.ContainsFunc(pools, func(p *Pool) bool { return p.configured })))
	case pools[i].Taken(a):
		b.problem("Address already in use: %s", a)
	default:
		pools[i].take(a)
		return netip.PrefixFrom(a, pools[i].Subnet.Bits()), pools[i].Gateway
	}
	return netip.Prefix{}, netip.Addr{}
}

// give takes an address back.
func (n *NetworkState) give(a netip.Addr) {
	for _, p := range n.Pools {
		if p.Subnet.Contains(a) {
			delete(p.taken, a)
		}
	}
}

// close gives back all that the network has taken.
func (n *NetworkState) close() {
	for _, p := range n.Pools {
		for a, owner := range p.taken {
			if owner == n.Name {
				delete(p.taken, a)
			}
		}
	}
}
