package topology

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// NetworkState is a network as it stands: its parent and what its address
// pools have given away.
type NetworkState struct {
	Name   string
	Driver string
	Host   string
	// Parent is the device that children sit on; for a bridge network the bridge.
	Parent Ref
	// Made are the devices that came with the network and go with it.
	Made []Ref
	// Mode and Flag of the children.
	Mode, Flag string
	Sources    []string
	Internal   bool
	Pools      []*Pool

	// ignored are subnets that were given for a family that is left out.
	ignored []netip.Prefix
	// broken networks have problems of their own.
	broken bool
}

func (n *NetworkState) clone(spaces map[space]map[netip.Addr]string) *NetworkState {
	c := *n
	c.Made, c.Sources = slices.Clone(n.Made), slices.Clone(n.Sources)
	c.Pools = make([]*Pool, len(n.Pools))
	for i, p := range n.Pools {
		q := *p
		at := space{n.Host, p.Subnet}
		if spaces[at] == nil {
			spaces[at] = maps.Clone(p.taken)
		}
		q.taken = spaces[at]
		c.Pools[i] = &q
	}
	return &c
}

// Refusal is a change that the engine refuses by Docker's rules before any
// kernel is asked. Its text is Docker's where Docker has one.
type Refusal struct{ Text string }

func (r *Refusal) Error() string { return r.Text }

// addNetwork makes a network by the rules of the Docker version. One that has
// problems is kept all the same, so that what refers to it is not blamed.
func (b *builder) addNetwork(name string, n *Network) {
	if !nodeName.MatchString(name) {
		b.problem("%q is no name for a network: up to 63 letters, digits, dots, dashes and underscores, a letter or digit first", name)
	}
	if _, ok := b.lan.Networks[name]; ok {
		b.problem("network with name %s already exists", name)
		return
	}
	state := &NetworkState{Name: name, Driver: n.Driver, Internal: n.Internal}
	b.lan.Networks[name] = state
	b.in("host", func() { state.Host = b.hostOf(n.Host) })
	b.in("driver", func() {
		b.oneOf("driver", n.Driver, drivers)
		if n.Driver == "" {
			b.problem("a network needs a driver: macvlan, ipvlan or bridge")
		}
	})
	b.networkOptions(state, n)
	b.subnets(state, n)
	if state.Host != "" && slices.Contains(drivers, n.Driver) {
		b.networkParent(state, n)
	}
	state.broken = b.failed()
}

// hostOf is the host that a network is on.
func (b *builder) hostOf(name string) string {
	var hosts []string
	for _, n := range b.lan.Nodes {
		if n.Role == RoleHost {
			hosts = append(hosts, n.Name)
		}
	}
	switch {
	case name == "" && len(hosts) == 1:
		return hosts[0]
	case name == "" && len(hosts) == 0:
		b.problem("there is no host for the network to be on")
	case name == "":
		b.problem("there are %d hosts: say which one the network is on", len(hosts))
	case !slices.Contains(hosts, name):
		b.problem("there is no host %q", name)
	default:
		return name
	}
	return ""
}

// networkOptions are the driver's own options, with Docker's defaults and texts.
func (b *builder) networkOptions(state *NetworkState, n *Network) {
	only := func(field string, set bool, driver string) {
		if set && n.Driver != driver && slices.Contains(drivers, n.Driver) {
			b.in(field, func() { b.problem("%s belongs to driver %s, this network's is %s", field, driver, n.Driver) })
		}
	}
	only("macvlan_mode", n.MacvlanMode != "", KindMacvlan)
	only("macvlan_sources", len(n.MacvlanSources) > 0, KindMacvlan)
	only("ipvlan_mode", n.IpvlanMode != "", KindIpvlan)
	only("ipvlan_flag", n.IpvlanFlag != "", KindIpvlan)
	choose := func(field, value, def, text string, allowed []string) string {
		b.in(field, func() {
			if value != "" && !slices.Contains(allowed, value) {
				b.problem(text, value)
			}
		})
		return orDefault(value, def)
	}
	switch n.Driver {
	case KindMacvlan:
		state.Mode = choose("macvlan_mode", n.MacvlanMode, "bridge",
			"requested macvlan mode '%s' is not valid, 'bridge' mode is the macvlan driver default", macvlanModes)
		b.in("macvlan_sources", func() { b.networkSources(state, n) })
	case KindIpvlan:
		state.Mode = choose("ipvlan_mode", n.IpvlanMode, "l2",
			"requested ipvlan mode '%s' is not valid, 'l2' mode is the ipvlan driver default", b.ipvlanModes())
		state.Flag = choose("ipvlan_flag", n.IpvlanFlag, "bridge",
			"requested ipvlan flag '%s' is not valid, 'bridge' is the ipvlan driver default", ipvlanFlags)
	}
}

// ipvlanModes are those that Docker knows: l3s came with 23 (moby:
// ipvlan_network.go:CreateNetwork).
func (b *builder) ipvlanModes() []string {
	if b.docker().Before(23) {
		return []string{"l2", "l3"}
	}
	return ipvlanModes
}

// networkSources reads what children in mode source listen to. The devices
// named must be there before the network.
func (b *builder) networkSources(state *NetworkState, n *Network) {
	if len(n.MacvlanSources) > 0 && state.Mode != "source" {
		b.problem("macvlan_sources belong to macvlan_mode source")
		return
	}
	for _, m := range b.macs(n.MacvlanSources, state.Host) {
		state.Sources = append(state.Sources, m.String())
	}
}

// networkParent finds or makes the device that the children will sit on.
func (b *builder) networkParent(state *NetworkState, n *Network) {
	defer b.enter("parent")()
	switch {
	case n.Driver == KindBridge:
		if n.Parent != "" {
			b.problem("a bridge network has no parent")
			return
		}
		b.bridgeNetwork(state)
	case n.Parent == "":
		b.dummyParent(state)
	default:
		b.namedParent(state, n.Parent)
	}
}

// bridgeNetwork makes the bridge that carries the network's gateways.
func (b *builder) bridgeNetwork(state *NetworkState) {
	br := b.newDevice(Ref{state.Host, BridgeName(state.Name)}, KindBridge)
	br.Network, br.Up = state.Name, true
	br.MAC, br.OwnMAC = b.lan.MACOf(br.Ref), true
	for _, p := range state.Pools {
		if p.Gateway.IsValid() {
			br.Addresses = append(br.Addresses, netip.PrefixFrom(p.Gateway, p.Subnet.Bits()))
		}
	}
	b.make(br, nil)
	state.Parent, state.Made = br.Ref, []Ref{br.Ref}
}

// dummyParent stands in where Docker is given no parent. Nothing leads out of a
// dummy, but it was not before 26.1 that Docker took such a network for internal
// (moby: macvlan_network.go:CreateNetwork), so that until then its endpoints have a
// default route to nobody.
func (b *builder) dummyParent(state *NetworkState) {
	d := b.newDevice(Ref{state.Host, dummyName(state.Driver, state.Name)}, KindDummy)
	d.Network, d.Up = state.Name, true
	d.MAC, d.OwnMAC = b.lan.MACOf(d.Ref), true
	b.make(d, nil)
	state.Parent, state.Made = d.Ref, []Ref{d.Ref}
	state.Internal = state.Internal || !b.docker().Before(26)
}

// dummyName is what each driver calls the dummy that it makes.
func dummyName(driver, network string) string {
	prefix := "dm-"
	if driver == KindIpvlan {
		prefix = "di-"
	}
	return prefix + networkID(network)[:12]
}

// namedParent uses a device of the host, or makes the VLAN device that a dotted
// name asks for. A driver-made parent is shared by the driver's networks on it.
func (b *builder) namedParent(state *NetworkState, name string) {
	parent := Ref{state.Host, name}
	if name == "lo" {
		b.problem("loopback interface is not a valid %s parent link", state.Driver)
		return
	}
	if !b.mayShare(state, parent) {
		return
	}
	state.Parent = parent
	if b.lan.Device(parent) == nil {
		b.subinterface(state, parent)
		return
	}
	for _, other := range b.lan.Networks {
		if other.Driver == state.Driver && slices.Contains(other.Made, parent) {
			state.Made = []Ref{parent}
		}
	}
}

// mayShare is Docker's rule on several networks on one parent: never up to 26;
// since 27 yes for macvlan, but not with passthru; never for ipvlan.
func (b *builder) mayShare(state *NetworkState, parent Ref) bool {
	for _, name := range sortedKeys(b.lan.Networks) {
		other := b.lan.Networks[name]
		if other.Parent != parent || other.Driver != state.Driver {
			continue
		}
		switch {
		case state.Driver == KindIpvlan || b.docker().Before(27):
			b.problem("network %s is already using parent interface %s", dummyName(state.Driver, name), parent.Link)
		case state.Mode == "passthru":
			b.problem("cannot use mode passthru, macvlan network %s is already using parent interface %s", networkID(name), parent.Link)
		case other.Mode == "passthru":
			b.problem("macvlan network %s is already using parent interface %s in mode passthru", networkID(name), parent.Link)
		default:
			continue
		}
		return false
	}
	return true
}

// subinterface makes the VLAN device that a dotted name asks for, by Docker's
// rules and in Docker's words (moby: macvlan_setup.go:createVlanLink).
func (b *builder) subinterface(state *NetworkState, parent Ref) {
	base, id, dotted := strings.Cut(parent.Link, ".")
	vid, err := strconv.Atoi(id)
	problem, _ := linkName(parent.Link)
	switch {
	case !dotted:
		b.problem("invalid subinterface vlan name %s, example formatting is eth0.10: there is no device %s", parent.Link, parent)
	case strings.Contains(id, "."):
		b.problem("required interface name format is: name.vlan_id, ex. eth0.10 for vlan 10, instead received %s", parent.Link)
	case err != nil:
		b.problem("unable to parse a valid vlan id from: %s (ex. eth0.10 for vlan 10)", id)
	case b.lan.Device(Ref{state.Host, base}) == nil && b.docker().Before(23):
		b.problem("-o parent interface does was not found on the host: %s", base)
	case b.lan.Device(Ref{state.Host, base}) == nil:
		b.problem("-o parent interface was not found on the host: %s", base)
	case vid < 1 || vid > maxVID:
		b.problem("vlan id must be between 1-4094, received: %d", vid)
	case problem != "":
		b.text(problem)
	default:
		d := b.newDevice(parent, KindVLAN)
		d.Parent, d.VID, d.Network, d.Up = Ref{state.Host, base}, vid, state.Name, true
		b.make(d, nil)
		state.Made = []Ref{parent}
	}
}

// removeNetwork removes a network; the parent that the driver made goes with
// its last user.
func (b *builder) removeNetwork(name string) {
	n, ok := b.lan.Networks[name]
	if !ok {
		b.problem("network %s not found", name)
		return
	}
	for _, d := range b.lan.Devices {
		if d.Network == name && !slices.Contains(n.Made, d.Ref) {
			b.problem("error while removing network: network %s has active endpoints (%s)", name, d.Node)
			return
		}
	}
	n.close()
	delete(b.lan.Networks, name)
	for _, r := range n.Made {
		d := b.lan.Device(r)
		if d == nil {
			continue
		}
		if d.Network = b.userOf(r, n.Driver); d.Network == "" {
			b.op(DeleteLink{Device: d.clone()})
			b.lan.remove(r)
		}
	}
}

// userOf is a network of the driver that sits on the device, if there is one.
func (b *builder) userOf(r Ref, driver string) string {
	for _, name := range sortedKeys(b.lan.Networks) {
		if other := b.lan.Networks[name]; other.Parent == r && other.Driver == driver {
			return name
		}
	}
	return ""
}

// BridgeName is the name of the bridge that a network of driver bridge makes.
func BridgeName(network string) string { return shortName("br-", network) }
