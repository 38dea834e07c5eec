package compose

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v4"

	"github.com/lanproof/lanproof/intent"
)

// maxEndpoints bounds the containers of a project: no machine holds more on one network.
const maxEndpoints = 4096

// intent is the project as the library has merged it, with the places.
func (b *book) intent(p *types.Project) (*intent.Intent, error) {
	to := &intent.Intent{}
	for _, name := range b.order("networks", slices.Sorted(maps.Keys(p.Networks))) {
		to.Networks = append(to.Networks, b.network(name, p.Networks[name]))
	}
	for _, name := range b.order("services", slices.Sorted(maps.Keys(p.Services))) {
		some, err := b.endpoints(p, name)
		if err != nil {
			return nil, err
		}
		if len(to.Endpoints)+len(some) > maxEndpoints {
			return nil, &intent.Error{Place: b.services(name).place(), Err: fmt.Errorf("more than %d containers", maxEndpoints)}
		}
		to.Endpoints = append(to.Endpoints, some...)
		from := p.Services[name]
		to.Refused = append(to.Refused, b.services(name).refused(&from)...)
	}
	for i := range to.Networks {
		placeDefault(&to.Networks[i], to.Endpoints)
	}
	to.Unread = b.unread(p)
	return to, nil
}

// order sorts the names of the model as they stand in the files.
func (b *book) order(section string, known []string) []string {
	var all []string
	for _, name := range append(b.main.order(section, map[*model]bool{}), known...) {
		if slices.Contains(known, name) && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// placeDefault gives the network that nobody wrote the place of the first service on it.
func placeDefault(n *intent.Network, all []intent.Endpoint) {
	for i := range all {
		for _, a := range all[i].Attach {
			if n.Place == (intent.Place{}) && a.Network == n.Name {
				n.Place = all[i].Place
			}
		}
	}
}

func (b *book) network(name string, from types.NetworkConfig) intent.Network {
	l := b.networks(name)
	n := intent.Network{
		Name: name, Engine: intent.Docker, Place: l.place(),
		Driver:   l.value(from.Driver, "driver"),
		Options:  l.options(from.DriverOpts, "driver_opts"),
		IPAM:     l.value(from.Ipam.Driver, "ipam", "driver"),
		Internal: l.flag(from.Internal, "internal"),
		External: l.flag(bool(from.External), "external"),
	}
	if from.Name != name {
		n.Known = from.Name
	}
	if from.EnableIPv4 != nil {
		n.IPv4 = l.flag(*from.EnableIPv4, "enable_ipv4")
	}
	if from.EnableIPv6 != nil {
		n.IPv6 = l.flag(*from.EnableIPv6, "enable_ipv6")
	}
	used := map[*yaml.Node]bool{}
	for _, pool := range from.Ipam.Config {
		if pool != nil {
			n.Subnets = append(n.Subnets, l.subnet(pool, used))
		}
	}
	return n
}

// subnet is one pool, from the entries that speak of the same subnet: these are what the
// library merges.
func (l layers) subnet(pool *types.IPAMPool, used map[*yaml.Node]bool) intent.Subnet {
	var of layers
	for _, one := range l {
		config, ok := one.source.descend(one.node, "ipam", "config")
		if !ok {
			continue
		}
		for _, item := range items(config.value) {
			if used[item] || item.Kind != yaml.MappingNode || one.source.part(item, "subnet") != pool.Subnet {
				continue
			}
			used[item] = true
			of = append(of, layer{source: one.source, key: item, node: item})
			break
		}
	}
	if len(of) == 0 {
		of = l
	}
	return intent.Subnet{
		Subnet:  of.value(pool.Subnet, "subnet"),
		Gateway: of.value(pool.Gateway, "gateway"),
		IPRange: of.value(pool.IPRange, "ip_range"),
		Aux:     of.options(pool.AuxiliaryAddresses, "aux_addresses"),
		Place:   of.place(),
	}
}

// endpoints are the containers of a service. What has a provider is no container.
func (b *book) endpoints(p *types.Project, name string) ([]intent.Endpoint, error) {
	from := p.Services[name]
	if from.Provider != nil {
		return nil, nil
	}
	l := b.services(name)
	one := intent.Endpoint{
		Name: name, Engine: intent.Docker, Place: l.place(),
		Expose:  l.words(from.Expose, "expose"),
		Sysctls: l.options(from.Sysctls, "sysctls"),
		Attach:  l.attach(&from),
	}
	if mode := l.value(from.NetworkMode, "network_mode"); instead(mode.Text) {
		one.Mode = mode
	} else if mode.Set() {
		one.Attach = []intent.Attachment{{Network: named(p, mode.Text), MAC: l.value(from.MacAddress, "mac_address"), Place: mode.Place}}
	}
	if len(from.Ports) > 0 {
		one.Ports = l.written("ports")
	}
	scale := from.GetScale()
	if scale > maxEndpoints {
		return nil, &intent.Error{Place: l.scale(), Err: fmt.Errorf("%d containers of one service, more than %d", scale, maxEndpoints)}
	}
	var all []intent.Endpoint
	for k := 1; k <= scale; k++ {
		e := one
		e.Known = fmt.Sprintf("%s-%s-%d", p.Name, name, k)
		if from.ContainerName != "" {
			e.Known = from.ContainerName
		}
		if scale > 1 {
			e.Name = fmt.Sprintf("%s-%d", name, k)
		}
		all = append(all, e)
	}
	return all, nil
}

// instead says whether a network mode stands in place of networks; any other names the
// network to be on, as the engine knows it (moby api/types/container, NetworkMode).
func instead(mode string) bool {
	return mode == "host" || mode == "none" || strings.HasPrefix(mode, types.ServicePrefix) || strings.HasPrefix(mode, types.ContainerPrefix)
}

// named is the file's name for a network that the engine knows under another; "bridge",
// which the mode calls "default" as well, is the engine's own.
func named(p *types.Project, known string) string {
	for _, name := range slices.Sorted(maps.Keys(p.Networks)) {
		if p.Networks[name].Name == known {
			return name
		}
	}
	if known == "default" {
		return "bridge"
	}
	return known
}

// scale is the place that says how many containers there are.
func (l layers) scale() intent.Place {
	for _, path := range [][]string{{"scale"}, {"deploy", "replicas"}} {
		if s, e, ok := l.find(path...); ok {
			return s.at(e.value)
		}
	}
	return l.place()
}

// attach are a service's networks in the order in which docker compose gives them to the
// engine: by falling priority, then by name. The first is the container's network mode,
// and gets the service's own MAC address (docker/compose pkg/compose/create.go,
// defaultNetworkSettings and prepareContainerMACAddress; compose-go's
// NetworksByPriority).
func (l layers) attach(from *types.ServiceConfig) []intent.Attachment {
	var all []intent.Attachment
	for _, name := range from.NetworksByPriority() {
		a := intent.Attachment{Network: name, Place: l.place()}
		at := func(key string) []string { return []string{"networks", name, key} }
		if s, e, ok := l.find("networks", name); ok {
			a.Place = s.at(e.key)
		}
		if c := from.Networks[name]; c != nil {
			a.IP = l.value(c.Ipv4Address, at("ipv4_address")...)
			a.IP6 = l.value(c.Ipv6Address, at("ipv6_address")...)
			a.MAC = l.value(c.MacAddress, at("mac_address")...)
			a.Name = l.value(c.InterfaceName, at("interface_name")...)
			a.LinkLocal = l.words(c.LinkLocalIPs, at("link_local_ips")...)
			a.Options = l.options(c.DriverOpts, at("driver_opts")...)
			if _, _, ok := l.find(at("gw_priority")...); ok {
				a.GatewayPriority = l.value(strconv.Itoa(c.GatewayPriority), at("gw_priority")...)
			}
		}
		all = append(all, a)
	}
	if len(all) > 0 && !all[0].MAC.Set() {
		all[0].MAC = l.value(from.MacAddress, "mac_address")
	}
	return all
}

// refused is a service's MAC address that docker compose does not take beside another of
// the service's first network.
func (l layers) refused(from *types.ServiceConfig) []intent.Refused {
	all := l.attach(from)
	mac := l.value(from.MacAddress, "mac_address")
	if len(all) == 0 || !mac.Set() || all[0].MAC.Text == mac.Text {
		return nil
	}
	return []intent.Refused{{
		Place: mac.Place, Text: mac.Text, Of: from.Name,
		Why: "the service-level mac_address should have the same value as network " + all[0].Network,
	}}
}
