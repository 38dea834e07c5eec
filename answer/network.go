package answer

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"slices"

	"github.com/lanproof/lanproof/advice"
	"github.com/lanproof/lanproof/intent"
	"github.com/lanproof/lanproof/topology"
)

// network is one of the intent on its way into the spec.
type network struct {
	of   *intent.Network
	name string // in the spec
	spec topology.Network
	// subnets says for each of the spec's which of the intent's it is, -1 for one that
	// the engine picks.
	subnets []int
	// out is set when it is left out of the simulation, refused when the engine refuses it.
	out, refused bool
}

func (n *network) built() bool { return !n.out && !n.refused }

// onWire reports whether the network's children sit on a device of the machine.
func (n *network) onWire() bool { return n.spec.Parent != "" }

// ownBooks reports whether the network's engine looks at no other network when it makes it.
func (n *network) ownBooks() bool {
	return (n.of.Engine == intent.Podman || n.of.Engine == intent.CNI) && n.spec.Driver != topology.KindBridge
}

// mixed reports whether the networks are those of several engines, none of which knows the
// others'.
func (d *Draft) mixed() bool {
	return slices.ContainsFunc(d.networks, func(n *network) bool { return n.of.Engine != d.networks[0].of.Engine })
}

// layer3 reports whether the network is an ipvlan that asks nobody where an address is.
func (n *network) layer3() bool {
	return n.spec.Driver == topology.KindIpvlan && n.spec.IpvlanMode != "" && n.spec.IpvlanMode != "l2"
}

// The names that engines give to networks which are always there.
const (
	dockerBridge = "bridge"
	podmanBridge = "podman"
)

// readNetworks takes over what can be simulated.
func (d *Draft) readNetworks() {
	named := names{}
	for i := range d.in.Networks {
		n := &network{of: &d.in.Networks[i]}
		n.name = named.take(n.of.Name)
		d.networks = append(d.networks, n)
		d.read(n)
	}
}

func (d *Draft) read(n *network) {
	of := n.of
	if n.spec.Driver = of.Driver.Text; n.spec.Driver == "" && !of.External.Is {
		n.spec.Driver = topology.KindBridge
	}
	why := ""
	switch {
	case of.External.Is:
		why = "it is made elsewhere (external), and no more than its name is known"
	case !slices.Contains([]string{topology.KindMacvlan, topology.KindIpvlan, topology.KindBridge}, n.spec.Driver):
		why = fmt.Sprintf("networks of driver %s are not simulated", n.spec.Driver)
	case advice.ForeignIPAM(of):
		why = fmt.Sprintf("its addresses come from %s, which Docker does not bring", of.IPAM.Text)
	case of.IPAM.Text == "dhcp" || of.Engine == intent.Podman && n.spec.Driver == topology.KindMacvlan && of.IPAM.Text == "" && len(of.Subnets) == 0:
		why = "its addresses come by DHCP, from a server that nothing is known of"
	case d.unknown(of.Name, "subnet"):
		why = "its subnet is not known here"
	}
	if why != "" {
		n.out = true
		d.leaveOut("network", of.Name, why, of.Place)
		return
	}
	n.refused = slices.ContainsFunc(d.in.Refused, func(r intent.Refused) bool { return r.Of == of.Name && r.Command == of.Place })
	n.options()
	n.spec.Internal = of.Internal.Is
	if none := of.IPAM.Text == "none" || of.IPAM.Text == "null"; !none {
		d.readSubnets(n)
	}
}

// options takes the words over that the engine knows; advice speaks about others.
func (n *network) options() {
	text := func(keys ...string) string {
		for _, k := range keys {
			if v := n.of.Option(k); v.Set() {
				return v.Text
			}
		}
		return ""
	}
	parent, mode := "parent", n.spec.Driver+"_mode"
	switch n.of.Engine {
	case intent.Podman:
		mode = "mode"
	case intent.CNI:
		parent, mode = "master", "mode"
	case intent.Docker:
	}
	switch n.spec.Driver {
	case topology.KindMacvlan:
		n.spec.Parent, n.spec.MacvlanMode = text(parent), text(mode)
	case topology.KindIpvlan:
		n.spec.Parent, n.spec.IpvlanMode = text(parent), text(mode)
		if !n.ownBooks() {
			n.spec.IpvlanFlag = text("ipvlan_flag") // others have no such word
		}
	default:
		return
	}
	if n.spec.Parent == "" && n.of.Engine != intent.Docker && n.of.Engine != "" {
		n.spec.Parent = text("interface_name", "interface-name")
		if n.spec.Parent == "" {
			n.spec.Parent = "eth0" // the device of the default route, whatever its name is
		}
	}
}

// readSubnets takes the pools over, and which families are switched on.
func (d *Draft) readSubnets(n *network) {
	of := n.of
	docker := of.Engine == intent.Docker || of.Engine == ""
	for i, s := range of.Subnets {
		if s.Subnet.Text == "" && s.Gateway.Text == "" && s.IPRange.Text == "" {
			continue
		}
		subnet := advice.PoolOf(of, &s)
		if prefix, err := netip.ParsePrefix(subnet.Subnet); err == nil && of.Engine == intent.CNI {
			if gateway, err := netip.ParseAddr(subnet.Gateway); err == nil && !prefix.Contains(gateway) {
				subnet.Gateway = "" // no plugin looks at it
			}
		}
		n.refused = n.refused || advice.SpanFault(of, &s) != ""
		n.spec.Subnets, n.subnets = append(n.spec.Subnets, subnet), append(n.subnets, i)
	}
	switch {
	case docker:
		// What is on by itself and has a subnet goes without saying.
		if off := of.IPv4.Known && !of.IPv4.Is; off || !n.has(false) {
			on := !off
			n.spec.EnableIPv4 = &on
		}
		if on := of.IPv6.Is; on != n.has(true) {
			n.spec.EnableIPv6 = &on
		}
	case of.Engine == intent.Podman && !n.has(false) && !n.has(true):
		d.pickPodman(n)
	}
}

// has reports whether a subnet of a family is written down.
func (n *network) has(v6 bool) bool {
	return slices.ContainsFunc(n.spec.Subnets, func(s topology.Subnet) bool {
		p, err := netip.ParsePrefix(s.Subnet)
		return err == nil && p.Addr().Is6() == v6
	})
}

// pickPodman gives a network the pools that Podman picks where none is named: the first
// free /24 from 10.89.0.0 on (containers/common: default_subnet_pools), and a unique local
// one of IPv6, which is random there.
func (d *Draft) pickPodman(n *network) {
	add := func(p netip.Prefix) {
		s := topology.Subnet{Subnet: p.String()}
		if !n.spec.Internal {
			s.Gateway = p.Addr().Next().String()
		}
		n.spec.Subnets, n.subnets = append(n.spec.Subnets, s), append(n.subnets, -1)
	}
	for i := range 256 {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 89, byte(i), 0}), 24)
		if !d.used(p) {
			add(p)
			break
		}
	}
	if n.of.IPv6.Is {
		sum := sha256.Sum256([]byte(n.of.Name))
		add(netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfd, sum[0], sum[1], sum[2], sum[3], sum[4]}), 64))
	}
}

// used reports whether a network or a parent has a part of a subnet.
func (d *Draft) used(p netip.Prefix) bool {
	for _, parent := range d.around.Parents {
		if slices.ContainsFunc(parent.Addresses, p.Overlaps) {
			return true
		}
	}
	return slices.ContainsFunc(d.networks, func(n *network) bool {
		return slices.ContainsFunc(n.spec.Subnets, func(s topology.Subnet) bool {
			other, err := netip.ParsePrefix(s.Subnet)
			return err == nil && other.Overlaps(p)
		})
	})
}

// fix writes down what Docker has chosen, which then stays whatever is added to the LAN.
func (d *Draft) fix(n *network) {
	state := d.Plan.LAN.Networks[n.name]
	if !n.built() || state == nil {
		return
	}
	for _, p := range state.Pools {
		if n.pool(p.Subnet) < 0 {
			n.spec.Subnets, n.subnets = append(n.spec.Subnets, topology.Subnet{Subnet: p.Subnet.String()}), append(n.subnets, -1)
		}
	}
	if n.spec.EnableIPv4 != nil && *n.spec.EnableIPv4 {
		n.spec.EnableIPv4 = nil
	}
	if n.spec.EnableIPv6 != nil && *n.spec.EnableIPv6 {
		n.spec.EnableIPv6 = nil
	}
}

// pool is the number of a subnet among the spec's, -1 when it is not there.
func (n *network) pool(subnet netip.Prefix) int {
	return slices.IndexFunc(n.spec.Subnets, func(s topology.Subnet) bool {
		p, err := netip.ParsePrefix(s.Subnet)
		return err == nil && p.Masked() == subnet
	})
}

// place is where in the file a problem's path leads to.
func (n *network) place(path []any) intent.Place {
	field := ""
	if len(path) > 2 {
		field = fmt.Sprint(path[2])
	}
	var v intent.Value
	switch field {
	case "subnets":
		return n.subnetPlace(path[3:])
	case "driver":
		v = n.of.Driver
	case "parent", "hosts":
		v = n.option("parent", "master")
	case "macvlan_mode", "ipvlan_mode":
		v = n.option(field, "mode")
	case "ipvlan_flag":
		v = n.option(field)
	case "internal":
		v.Place = n.of.Internal.Place
	case "parents": // of the host
		v = n.option("parent", "master")
	}
	return placeOr(v.Place, n.of.Place)
}

func (n *network) option(keys ...string) intent.Value {
	for _, k := range keys {
		if v := n.of.Option(k); v.Set() {
			return v
		}
	}
	return intent.Value{}
}

// subnetPlace is where a pool's field stands: path is its number and the field.
func (n *network) subnetPlace(path []any) intent.Place {
	if len(path) == 0 {
		return n.of.Place
	}
	i, ok := path[0].(int)
	if !ok || i >= len(n.subnets) || n.subnets[i] < 0 {
		return n.of.Place
	}
	s := &n.of.Subnets[n.subnets[i]]
	whole := placeOr(s.Subnet.Place, placeOr(s.Place, n.of.Place))
	if len(path) < 2 {
		return whole
	}
	switch path[1] {
	case "gateway":
		return placeOr(s.Gateway.Place, whole)
	case "ip_range":
		return placeOr(s.IPRange.Place, whole)
	case "aux_addresses":
		for _, a := range s.Aux {
			if len(path) > 2 && a.Key == path[2] {
				return placeOr(a.Value.Place, placeOr(a.Place, whole))
			}
		}
	}
	return whole
}

// placeOr is the first place, or else the second.
func placeOr(p, other intent.Place) intent.Place {
	if p == (intent.Place{}) {
		return other
	}
	return p
}
