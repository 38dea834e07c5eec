package topology

import (
	"fmt"
	"maps"
	"net/netip"
)

// Pool is one subnet's addresses: which can be handed out, and which are.
type Pool struct {
	Subnet  netip.Prefix
	Range   netip.Prefix // what is handed out lies in it
	Gateway netip.Addr
	Aux     map[netip.Addr]string
	taken   map[netip.Addr]bool
	next    netip.Addr
}

func (p *Pool) clone() *Pool {
	c := *p
	c.taken = maps.Clone(p.taken)
	return &c
}

// Taken reports whether the address is in use or reserved.
func (p *Pool) Taken(a netip.Addr) bool { return p.taken[a] || p.reserved(a) }

// reserved are the addresses that no host may have: IPv4's network and
// broadcast address except in a /31 (RFC 3021), IPv6's subnet-router anycast
// address (RFC 4291 section 2.6.1).
func (p *Pool) reserved(a netip.Addr) bool {
	if a.Is4() && p.Subnet.Bits() >= 31 || a.Is6() && p.Subnet.Bits() >= 127 {
		return false
	}
	return a == p.Subnet.Addr() || a.Is4() && a == lastOf(p.Subnet)
}

// Next hands out the next free address, in turn. It is false when none is left.
func (p *Pool) Next() (netip.Addr, bool) {
	if !p.next.IsValid() {
		p.next = p.Range.Addr()
	}
	for a, wrapped := p.next, false; ; {
		if !p.Range.Contains(a) {
			if wrapped {
				return netip.Addr{}, false
			}
			a, wrapped = p.Range.Addr(), true
		}
		if !p.Taken(a) {
			p.taken[a] = true
			p.next = a.Next()
			return a, true
		}
		if a = a.Next(); wrapped && a == p.next {
			return netip.Addr{}, false
		}
	}
}

// lastOf is the last address of a prefix: an IPv4 subnet's broadcast address.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for bit := p.Bits(); bit < len(b)*8; bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// subnets checks a network's pools by the rules of docker network create.
func (b *builder) subnets(state *NetworkState, n *Network) {
	for i, s := range n.Subnets {
		b.in("subnets", func() {
			b.in(i, func() {
				if p := b.pool(&s); p != nil && b.noOverlap(state, p) {
					state.Pools = append(state.Pools, p)
				}
			})
		})
	}
}

// pool checks one subnet by itself.
func (b *builder) pool(s *Subnet) *Pool {
	subnet, problem := parseSubnet(s.Subnet)
	if problem != "" {
		b.in("subnet", func() { b.text(problem) })
		return nil
	}
	p := &Pool{Subnet: subnet, Range: subnet, Aux: map[netip.Addr]string{}, taken: map[netip.Addr]bool{}}
	if s.IPRange != "" {
		b.in("ip_range", func() { b.ipRange(p, s.IPRange) })
	}
	b.in("gateway", func() { b.gateway(p, s.Gateway) })
	for _, name := range sortedKeys(s.AuxAddresses) {
		b.in("aux_addresses", func() { b.in(name, func() { b.aux(p, name, s.AuxAddresses[name]) }) })
	}
	return p
}

func (b *builder) ipRange(p *Pool, s string) {
	r, problem := parsePrefix(s)
	switch {
	case problem != "":
		b.problem("invalid ip-range %s: it is written like 192.168.32.128/25", s)
	case r.Addr().Is4() != p.Subnet.Addr().Is4():
		b.problem("invalid ip-range %s: parent subnet is an IPv%d block", s, family(p.Subnet.Addr()))
	case r.Bits() < p.Subnet.Bits():
		b.problem("invalid ip-range %s: CIDR block is bigger than its parent subnet %s", s, p.Subnet)
	case r != r.Masked():
		b.problem("invalid ip-range %s: it should be %s", s, r.Masked())
	case !p.Subnet.Overlaps(r):
		b.problem("invalid ip-range %s: parent subnet %s doesn't contain ip-range", s, p.Subnet)
	default:
		p.Range = r
	}
}

// gateway reserves the gateway; up to Docker 28 the first address was guessed
// to be it where none was given.
func (b *builder) gateway(p *Pool, s string) {
	if s == "" {
		if b.docker() <= 28 {
			p.Gateway, _ = p.Next()
		}
		return
	}
	gw, problem := parseAddr(s)
	switch {
	case problem != "":
		b.problem("invalid gateway %s: %s", s, problem)
	case !p.Subnet.Contains(gw):
		b.problem("invalid gateway %s: parent subnet %s doesn't contain this address", s, p.Subnet)
	case p.reserved(gw):
		b.problem("invalid gateway %s: no host of subnet %s may have this address", s, p.Subnet)
	default:
		p.Gateway = gw
		p.taken[gw] = true
	}
}

func (b *builder) aux(p *Pool, name, s string) {
	a, problem := parseAddr(s)
	switch {
	case problem != "":
		b.problem("auxiliary address %s: %s", name, problem)
	case !p.Subnet.Contains(a):
		b.problem("auxiliary address: (%s:%s) must belong to the master pool: %s", name, s, p.Subnet)
	case p.taken[a]:
		b.problem("auxiliary address: (%s:%s) is taken already", name, s)
	default:
		p.Aux[a] = name
		p.taken[a] = true
	}
}

// noOverlap is Docker's rule: pools may share a subnet only when each hands out
// of a range of its own; otherwise none may overlap another.
func (b *builder) noOverlap(state *NetworkState, p *Pool) bool {
	others := map[string][]*Pool{state.Name: state.Pools}
	for name, n := range b.lan.Networks {
		others[name] = n.Pools
	}
	for _, name := range sortedKeys(others) {
		for _, o := range others[name] {
			if !o.Subnet.Overlaps(p.Subnet) {
				continue
			}
			if name != state.Name && o.Subnet == p.Subnet && o.Range != o.Subnet && p.Range != p.Subnet && !o.Range.Overlaps(p.Range) {
				continue
			}
			if name != state.Name && b.separate(name, state) {
				continue
			}
			b.in("subnet", func() {
				b.problem("Pool overlaps with other one on this address space: %s and network %s's %s", p.Subnet, name, o.Subnet)
			})
			return false
		}
	}
	return true
}

// separate networks are on hosts of their own: each host has an address space.
func (b *builder) separate(other string, state *NetworkState) bool {
	n, ok := b.lan.Networks[other]
	return ok && n.Host != state.Host
}

// take hands out an address of the family on the network, the given one or the
// next free one, and says which gateway serves it. Both are invalid when the
// network has no such family.
func (b *builder) take(n *NetworkState, ip string, v6 bool) (netip.Prefix, netip.Addr) {
	var pools []*Pool
	for _, p := range n.Pools {
		if p.Subnet.Addr().Is6() == v6 {
			pools = append(pools, p)
		}
	}
	if ip != "" {
		return b.takeGiven(pools, ip, v6)
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
	b.problem("no available IPv%d addresses on this network's address pools: %s (%s)", family(pools[0].Subnet.Addr()), n.Name, networkID(n.Name)[:12])
	return netip.Prefix{}, netip.Addr{}
}

func (b *builder) takeGiven(pools []*Pool, ip string, v6 bool) (netip.Prefix, netip.Addr) {
	a, problem := parseAddr(ip)
	if problem != "" || a.Is6() != v6 {
		b.problem("%q is not an IPv%d address", ip, map[bool]int{false: 4, true: 6}[v6])
		return netip.Prefix{}, netip.Addr{}
	}
	for _, p := range pools {
		if !p.Subnet.Contains(a) {
			continue
		}
		if p.Taken(a) {
			b.problem("Address already in use: %s", a)
			return netip.Prefix{}, netip.Addr{}
		}
		p.taken[a] = true
		return netip.PrefixFrom(a, p.Subnet.Bits()), p.Gateway
	}
	b.problem("no configured subnet contains IP address %s", a)
	return netip.Prefix{}, netip.Addr{}
}

// give takes an address back.
func (n *NetworkState) give(a netip.Addr) {
	for _, p := range n.Pools {
		delete(p.taken, a)
	}
}

func family(a netip.Addr) int {
	if a.Is4() {
		return 4
	}
	return 6
}

// Describe names a pool for reports.
func (p *Pool) Describe() string {
	s := p.Subnet.String()
	if p.Range != p.Subnet {
		s += fmt.Sprintf(" (range %s)", p.Range)
	}
	return s
}
