package engine

import (
	"net/netip"
	"slices"

	"github.com/lanproof/lanproof/topology"
)

// Subnets are those of a network that an engine is to have which knows no switches for
// families: without the subnets of a family that is off. A family that is on and has no
// subnet, which Docker would choose, is a *Cannot in the engine's name.
func Subnets(engine string, n *topology.Network) ([]topology.Subnet, error) {
	all := slices.Clone(n.Subnets)
	for _, family := range []struct {
		is   *bool
		v6   bool
		name string
	}{{n.EnableIPv4, false, "IPv4"}, {n.EnableIPv6, true, "IPv6"}} {
		of := func(s topology.Subnet) bool {
			p, err := netip.ParsePrefix(s.Subnet)
			return err == nil && p.Addr().Is6() == family.v6
		}
		switch {
		case family.is == nil:
		case !*family.is:
			all = slices.DeleteFunc(all, of)
		case !slices.ContainsFunc(all, of):
			return nil, &Cannot{Text: engine + " chooses no subnet of " + family.name + " for this driver"}
		}
	}
	if len(all) == 0 {
		return nil, &Cannot{Text: engine + " chooses no subnet for this driver"}
	}
	return all, nil
}
