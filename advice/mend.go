package advice

import (
	"fmt"
	"net/netip"

	"github.com/lanproof/lanproof/topology"
)

// mendNetwork takes out or puts right what a problem is about. It is false when nothing
// is left to be made.
func mendNetwork(n *topology.Network, p topology.Problem) bool {
	if len(p.Path) < 2 {
		return false
	}
	switch p.Path[1] {
	case "macvlan_mode":
		n.MacvlanMode = ""
	case "ipvlan_mode":
		n.IpvlanMode = ""
	case "ipvlan_flag":
		n.IpvlanFlag = ""
	case "subnets":
		return mendSubnet(n, p.Path[2:])
	default:
		return false
	}
	return true
}

func mendSubnet(n *topology.Network, path []any) bool {
	if len(path) < 2 {
		return false
	}
	i, ok := path[0].(int)
	if !ok || i >= len(n.Subnets) {
		return false
	}
	s := &n.Subnets[i]
	switch path[1] {
	case "subnet":
		p, err := netip.ParsePrefix(s.Subnet)
		if err != nil || p == p.Masked() {
			return false
		}
		s.Subnet = p.Masked().String()
	case "gateway":
		s.Gateway = ""
	case "ip_range":
		s.IPRange = ""
	case "aux_addresses":
		if len(path) > 2 {
			delete(s.AuxAddresses, fmt.Sprint(path[2]))
		}
	}
	return true
}

// mendAttachment does the same for an endpoint on a network.
func mendAttachment(a *topology.Attachment, r *refusal) bool {
	if r.errno == "EADDRINUSE" {
		a.MAC = ""
		return true
	}
	if len(r.Path) < 2 {
		return false
	}
	switch r.Path[1] {
	case "ip":
		if a.IP == "" {
			return false // none is left
		}
		a.IP = ""
	case "ip6":
		if a.IP6 == "" {
			return false
		}
		a.IP6 = ""
	case "mac":
		a.MAC = ""
	case "name":
		a.Name = ""
	default:
		return false
	}
	return true
}
