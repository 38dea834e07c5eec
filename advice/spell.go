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
		out.Subnets = append(out.Subnets, PoolOf(n.Network, p.Subnet))
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
