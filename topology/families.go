package topology

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"slices"
)

// subnets gives a network its address pools by the rules of docker network create:
// those that are written down, as far as their family is on, and one of Docker's own
// for a family that is on and has none.
func (b *builder) subnets(state *NetworkState, n *Network) {
	gateway := b.wantsGateway(n)
	b.in("subnets", func() {
		for i, s := range n.Subnets {
			b.in(i, func() {
				if p, err := netip.ParsePrefix(s.Subnet); err == nil && !b.hasFamily(n, p.Addr()) {
					state.ignored = append(state.ignored, p.Masked())
				} else if p := b.pool(state, &s); p != nil {
					b.addPool(state, p, &s, gateway)
				}
			})
		}
	})
	for _, f := range []struct {
		field string
		on    *bool
		any   netip.Addr
	}{{"enable_ipv4", n.EnableIPv4, netip.IPv4Unspecified()}, {"enable_ipv6", n.EnableIPv6, netip.IPv6Unspecified()}} {
		b.in(f.field, func() {
			if f.on != nil && b.hasFamily(n, f.any) && !b.given(n, f.any) {
				b.defaultPool(state, f.any, gateway)
			}
		})
	}
}

// addPool gives the network one more pool, unless it overlaps with another.
func (b *builder) addPool(state *NetworkState, p *Pool, s *Subnet, gateway bool) {
	if !b.noOverlap(state, p) {
		return
	}
	p.taken = b.lan.takenOf(space{state.Host, p.Subnet})
	b.in("gateway", func() { b.gateway(p, s.Gateway, gateway) })
	b.auxiliary(p, s.AuxAddresses)
	state.Pools = append(state.Pools, p)
}

// hasFamily reports whether the family of an address is on: IPv4 cannot be left out
// before 28 (moby: api/server/router/network/network_routes.go:postNetworkCreate).
func (b *builder) hasFamily(n *Network, of netip.Addr) bool {
	if of.Is4() {
		return n.EnableIPv4 == nil || *n.EnableIPv4 || b.docker().Before(28)
	}
	return n.EnableIPv6 == nil || *n.EnableIPv6
}

// given reports whether a subnet of the address's family is written down, right or wrong.
func (b *builder) given(n *Network, of netip.Addr) bool {
	return slices.ContainsFunc(n.Subnets, func(s Subnet) bool {
		p, err := netip.ParsePrefix(s.Subnet)
		return err == nil && p.Addr().Is4() == of.Is4()
	})
}

// defaultPool takes the lowest free one of Docker's own subnets. Those of IPv6 came with 27
// (moby: daemon.go:deriveULABaseNetwork).
func (b *builder) defaultPool(state *NetworkState, of netip.Addr, gateway bool) {
	v6 := !of.Is4()
	if !v6 || !b.docker().Before(27) {
		for _, subnet := range b.defaultSubnets(state.Host, v6) {
			if !b.lan.inUse(state.Host, subnet) {
				p := &Pool{Subnet: subnet, Range: subnet, Aux: map[netip.Addr]string{}, network: state.Name}
				b.addPool(state, p, &Subnet{}, gateway)
				return
			}
		}
	}
	if b.docker().Before(27) {
		b.problem("could not find an available, non-overlapping IPv%d address pool among the defaults to assign to the network", family(of))
		return
	}
	b.problem("all predefined address pools have been fully subnetted")
}

// defaultSubnets are Docker's own, in their order: 172.17.0.0/16 to 172.31.0.0/16 and
// 192.168.0.0/16 in /20s (moby: libnetwork/ipamutils/utils.go), the first of which the
// bridge docker0 has; and for IPv6 the /64s of a unique local prefix, which Docker makes of
// the machine's number (daemon.go:deriveULABaseNetwork) and which is made of its name here.
func (b *builder) defaultSubnets(host string, v6 bool) []netip.Prefix {
	var subnets []netip.Prefix
	if v6 {
		sum := sha256.Sum256([]byte(b.lan.seed + "\x00ula " + host))
		base := [16]byte{0: 0xfd}
		copy(base[1:6], sum[:5])
		for i := range 256 {
			base[7] = byte(i)
			subnets = append(subnets, netip.PrefixFrom(netip.AddrFrom16(base), 64))
		}
		return subnets
	}
	for i := byte(18); i <= 31; i++ {
		subnets = append(subnets, netip.PrefixFrom(netip.AddrFrom4([4]byte{172, i}), 16))
	}
	for i := range 16 {
		subnets = append(subnets, netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 168, byte(i * 16)}), 20))
	}
	return subnets
}

// inUse reports whether Docker would not choose a subnet on a host: a network has a part
// of it, or for IPv4 a device of the host's own does
// (moby: libnetwork/netutils/utils_linux.go:InferReservedNetworks).
func (l *LAN) inUse(host string, subnet netip.Prefix) bool {
	for _, n := range l.Networks {
		if n.Host == host && slices.ContainsFunc(n.Pools, func(p *Pool) bool { return p.Subnet.Overlaps(subnet) }) {
			return true
		}
	}
	for _, d := range l.DevicesOf(host) {
		if subnet.Addr().Is4() && slices.ContainsFunc(d.Addresses, func(a netip.Prefix) bool { return a.Masked().Overlaps(subnet) }) {
			return true
		}
	}
	return false
}

// leftOut reports whether an address is in a subnet that was given and not used.
func (n *NetworkState) leftOut(a netip.Addr) bool {
	return slices.ContainsFunc(n.ignored, func(p netip.Prefix) bool { return p.Contains(a) })
}

// foreign is what Docker says to an address that is asked for and in none of the network's
// configured subnets, if it has any (moby: daemon/container_operations.go:
// validateEndpointIPAddress, api/types/network/endpoint.go:validateEndpointIPAddress).
func (b *builder) foreign(a netip.Addr, configured bool) string {
	switch {
	case !b.docker().Before(29):
		return fmt.Sprintf("no configured subnet contains IP address %s", a)
	case !configured:
		return "user specified IP address is supported only when connecting to networks with user configured subnets"
	case b.docker().Before(25):
		return fmt.Sprintf("Invalid address %s: It does not belong to any of this network's subnets", a)
	}
	return fmt.Sprintf("no configured subnet or ip-range contain the IP address %s", a)
}
