package cni

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"

	"github.com/lanproof/lanproof/engine"
	"github.com/lanproof/lanproof/topology"
)

// configList is a network as CNI has it: a file, and nothing that is made
// (containernetworking/cni: SPEC.md, section 1). What plugins may be told when an
// endpoint comes stands in Capabilities.
type configList struct {
	CNIVersion string   `json:"cniVersion"`
	Name       string   `json:"name"`
	Plugins    []plugin `json:"plugins"`
}

type plugin struct {
	Type         string          `json:"type"`
	Master       string          `json:"master,omitempty"`
	Bridge       string          `json:"bridge,omitempty"`
	IsGateway    bool            `json:"isGateway,omitempty"`
	Mode         string          `json:"mode,omitempty"`
	Capabilities map[string]bool `json:"capabilities"`
	IPAM         *ipam           `json:"ipam,omitempty"`
}

// ipam is the configuration of host-local (containernetworking/plugins:
// plugins/ipam/host-local/backend/allocator/config.go).
type ipam struct {
	Type    string `json:"type"`
	DataDir string `json:"dataDir"`
	// Ranges are sets: an endpoint gets one address out of each.
	Ranges [][]addressRange `json:"ranges"`
	Routes []route          `json:"routes,omitempty"`
}

type addressRange struct {
	Subnet     netip.Prefix `json:"subnet"`
	RangeStart *netip.Addr  `json:"rangeStart,omitempty"`
	RangeEnd   *netip.Addr  `json:"rangeEnd,omitempty"`
	Gateway    *netip.Addr  `json:"gateway,omitempty"`
}

type route struct {
	Dst netip.Prefix `json:"dst"`
}

// specVersion is the version of CNI's specification that networks are written in: the
// oldest that has CHECK and lists of results, for all plugins of the last years.
const specVersion = "1.0.0"

// configure writes a network as CNI has it. What CNI has no word for is a *engine.Cannot.
func configure(name, dataDir string, n *topology.Network) ([]byte, error) {
	p := plugin{Type: n.Driver, Master: n.Parent, Capabilities: map[string]bool{"ips": true}}
	var why string
	switch n.Driver {
	case topology.KindMacvlan:
		p.Mode = cmp.Or(n.MacvlanMode, "bridge")
		p.Capabilities["mac"] = true
		if p.Mode == "source" || len(n.MacvlanSources) > 0 {
			why = "the macvlan plugin of CNI has no mode source"
		}
	case topology.KindIpvlan:
		p.Mode = cmp.Or(n.IpvlanMode, "l2")
		if cmp.Or(n.IpvlanFlag, "bridge") != "bridge" {
			why = "the ipvlan plugin of CNI has no flags"
		}
	case topology.KindBridge:
		p.Bridge, p.IsGateway = topology.BridgeName(name), true
		p.Capabilities["mac"] = true
	default:
		why = fmt.Sprintf("there is no plugin %s in CNI", n.Driver)
	}
	if why == "" && n.Parent == "" && p.Bridge == "" {
		why = "CNI makes no parent: a network without one would sit on the device of the default route"
	}
	if why != "" {
		return nil, &engine.Cannot{Text: why}
	}
	subnets, err := engine.Subnets("cni", n)
	if err != nil {
		return nil, err
	}
	always := n.Driver == topology.KindIpvlan && p.Mode != "l2" || n.Driver == topology.KindBridge && !n.Internal
	if p.IPAM, err = manage(dataDir, subnets, n.Internal, always); err != nil {
		return nil, fmt.Errorf("write network %s for CNI: %w", name, err)
	}
	text, err := json.Marshal(configList{specVersion, name, []plugin{p}})
	if err != nil {
		return nil, fmt.Errorf("write network %s for CNI: %w", name, err)
	}
	return text, nil
}

// manage has host-local hand out the addresses of a network's subnets: one set of ranges
// of each family, for an endpoint gets one address of each. There is a default route by a
// gateway that is given, and always on layer 3, where Docker has one over the device, and
// by a bridge, which has a subnet's first address where no other is given.
func manage(dataDir string, subnets []topology.Subnet, internal, always bool) (*ipam, error) {
	var v4, v6 []addressRange
	all := &ipam{Type: "host-local", DataDir: dataDir}
	for _, s := range subnets {
		ranges, err := rangesOf(&s)
		if err != nil {
			return nil, err
		}
		for _, r := range ranges {
			if r.Subnet.Addr().Is4() {
				v4 = append(v4, r)
			} else {
				v6 = append(v6, r)
			}
		}
		if always || s.Gateway != "" && !internal {
			all.addRoute(ranges[0].Subnet)
		}
	}
	for _, set := range [][]addressRange{v4, v6} {
		if len(set) > 0 {
			all.Ranges = append(all.Ranges, set)
		}
	}
	return all, nil
}

// addRoute asks for the default route of a subnet's family, by that subnet's gateway.
func (i *ipam) addRoute(subnet netip.Prefix) {
	to := route{netip.PrefixFrom(netip.IPv6Unspecified(), 0)}
	if subnet.Addr().Is4() {
		to = route{netip.PrefixFrom(netip.IPv4Unspecified(), 0)}
	}
	if !slices.Contains(i.Routes, to) {
		i.Routes = append(i.Routes, to)
	}
}

// rangesOf are the parts of a subnet that addresses are handed out from. host-local has
// no word for addresses that others use, so those are left between two ranges.
func rangesOf(s *topology.Subnet) ([]addressRange, error) {
	subnet, err := netip.ParsePrefix(s.Subnet)
	if err != nil {
		return nil, fmt.Errorf("read subnet %s: %w", s.Subnet, err)
	}
	r := addressRange{Subnet: subnet}
	if s.Gateway != "" {
		gateway, err := netip.ParseAddr(s.Gateway)
		if err != nil {
			return nil, fmt.Errorf("read gateway %s: %w", s.Gateway, err)
		}
		r.Gateway = &gateway
	}
	first, last := subnet.Masked().Addr().Next(), topology.LastOf(subnet)
	if subnet.Addr().Is4() {
		last = last.Prev() // the broadcast address
	}
	if s.IPRange != "" {
		part, err := netip.ParsePrefix(s.IPRange)
		if err != nil {
			return nil, fmt.Errorf("read ip_range %s: %w", s.IPRange, err)
		}
		first, last = later(first, part.Masked().Addr()), earlier(last, topology.LastOf(part))
		r.RangeStart, r.RangeEnd = &first, &last
	}
	aux, err := auxiliary(s)
	if err != nil || len(aux) == 0 {
		return []addressRange{r}, err
	}
	return split(r, first, last, aux), nil
}

// auxiliary are the addresses that others use, in order.
func auxiliary(s *topology.Subnet) ([]netip.Addr, error) {
	var all []netip.Addr
	for name, text := range s.AuxAddresses {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return nil, fmt.Errorf("read aux_address %s: %w", name, err)
		}
		all = append(all, a)
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return slices.Compact(all), nil
}

// split cuts the range from first to last at each of the addresses. Where nothing is
// left there is a range that ends before it begins, which host-local has words for.
func split(r addressRange, first, last netip.Addr, at []netip.Addr) []addressRange {
	var all []addressRange
	add := func(from, to netip.Addr) {
		if from.Compare(to) <= 0 {
			part := r
			part.RangeStart, part.RangeEnd = &from, &to
			all = append(all, part)
		}
	}
	from := first
	for _, a := range at {
		if a.Less(from) || last.Less(a) {
			continue
		}
		add(from, a.Prev())
		from = a.Next()
	}
	add(from, last)
	if len(all) == 0 {
		r.RangeStart, r.RangeEnd = &last, &first
		return []addressRange{r}
	}
	return all
}

func later(a, b netip.Addr) netip.Addr {
	if a.Less(b) {
		return b
	}
	return a
}

func earlier(a, b netip.Addr) netip.Addr {
	if b.Less(a) {
		return b
	}
	return a
}
