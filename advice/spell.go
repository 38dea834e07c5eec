package advice

import (
	"net/netip"
	"slices"

	"github.com/lanproof/lanproof/intent"
	"github.com/lanproof/lanproof/topology"
)

// spell says a network in a scenario's words.
func (d *draft) spell(n *network) topology.Network {
	out := topology.Network{Driver: n.driver, Internal: n.Internal.Is}
	switch n.driver {
	case macvlan:
		out.Parent, out.MacvlanMode = n.device(), n.mode.Text
	case ipvlan:
		out.Parent, out.IpvlanMode, out.IpvlanFlag = n.device(), n.mode.Text, n.flag.Text
	}
	for _, p := range n.pools {
		out.Subnets = append(out.Subnets, d.spellPool(n, p))
	}
	switch {
	case slices.Contains([]string{"null", "none"}, n.IPAM.Text):
	case n.Engine == intent.Docker:
		v4, v6 := !n.IPv4.Known || n.IPv4.Is, n.IPv6.Is
		out.EnableIPv4, out.EnableIPv6 = &v4, &v6
	case len(out.Subnets) == 0:
		out.Subnets = []topology.Subnet{{Subnet: d.chosen(n)}}
	}
	return out
}

func (d *draft) spellPool(n *network, p *pool) topology.Subnet {
	s := topology.Subnet{Subnet: p.Subnet.Subnet.Text, Gateway: p.gatewayText(), IPRange: p.IPRange.Text}
	if n.Engine != intent.Docker && p.prefix.IsValid() {
		s.Subnet = p.prefix.String()
		if n.guesses() && s.Gateway == "" {
			s.Gateway = p.prefix.Addr().Next().String()
		}
	}
	for _, a := range p.Aux {
		if s.AuxAddresses == nil {
			s.AuxAddresses = map[string]string{}
		}
		s.AuxAddresses[a.Key] = a.Value.Text
	}
	return s
}

// gatewayText is the gateway as it was written. Compose files and Docker take it with a
// prefix length by mistake only, which stays as it is.
func (p *pool) gatewayText() string { return p.Gateway.Text }

// guesses reports whether the engine makes the first address the gateway where none is
// given (containers/common: libnetwork/netavark/config.go:networkCreate).
func (n *network) guesses() bool {
	return n.Engine == intent.Podman && !n.Internal.Is && n.driver != bridge
}

// chosen is the subnet that an engine picks by itself, or that a DHCP server's is.
func (d *draft) chosen(n *network) string {
	if n.onParent() {
		for _, p := range d.file.around.Parents[n.device()].Addresses {
			if p.Addr().Is4() {
				return p.Masked().String()
			}
		}
	}
	for i := 18; i < 32; i++ {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{172, byte(i)}), 16)
		if !d.overlaps(p) {
			return p.String()
		}
	}
	return "192.0.2.0/24"
}

func (d *draft) overlaps(p netip.Prefix) bool {
	for _, n := range d.file.networks {
		for _, q := range n.pools {
			if q.prefix.IsValid() && q.prefix.Overlaps(p) {
				return true
			}
		}
	}
	for _, n := range d.plan.LAN.Networks {
		for _, q := range n.Pools {
			if q.Subnet.Overlaps(p) {
				return true
			}
		}
	}
	return false
}
