package topology

import (
	"fmt"
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
}

func (n *NetworkState) clone() *NetworkState {
	c := *n
	c.Made = slices.Clone(n.Made)
	c.Pools = make([]*Pool, len(n.Pools))
	for i, p := range n.Pools {
		c.Pools[i] = p.clone()
	}
	return &c
}

// Refusal is a change that the engine refuses by Docker's rules before any
// kernel is asked. Its text is Docker's where Docker has one.
type Refusal struct{ Text string }

func (r *Refusal) Error() string { return r.Text }

func refuse(format string, args ...any) *Refusal {
	return &Refusal{Text: fmt.Sprintf(format, args...)}
}

// addNetwork makes a network by the rules of the Docker version.
func (b *builder) addNetwork(name string, n *Network) {
	if _, ok := b.lan.Networks[name]; ok {
		b.problem("network with name %s already exists", name)
		return
	}
	state := &NetworkState{Name: name, Driver: n.Driver, Internal: n.Internal, Sources: n.MacvlanSources}
	b.in("host", func() { state.Host = b.hostOf(n.Host) })
	b.in("driver", func() {
		if n.Driver == "" {
			b.problem("a network needs a driver: macvlan, ipvlan or bridge")
			return
		}
		b.oneOf("driver", n.Driver, []string{KindMacvlan, KindIpvlan, KindBridge})
	})
	if b.failed() || state.Host == "" {
		return
	}
	b.networkOptions(state, n)
	b.subnets(state, n)
	if b.failed() {
		return
	}
	b.networkParent(state, n)
	if b.failed() {
		return
	}
	b.lan.Networks[name] = state
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
	only := func(field, value, driver string) {
		if value != "" && n.Driver != driver {
			b.in(field, func() { b.problem("%s belongs to driver %s, this network's is %s", field, driver, n.Driver) })
		}
	}
	only("macvlan_mode", n.MacvlanMode, KindMacvlan)
	only("ipvlan_mode", n.IpvlanMode, KindIpvlan)
	only("ipvlan_flag", n.IpvlanFlag, KindIpvlan)
	switch n.Driver {
	case KindMacvlan:
		state.Mode = orDefault(n.MacvlanMode, "bridge")
		b.in("macvlan_mode", func() {
			if !slices.Contains(dockerModes, state.Mode) {
				b.problem("requested macvlan mode '%s' is not valid, 'bridge' mode is the macvlan driver default", state.Mode)
			}
		})
		b.in("macvlan_sources", func() {
			if len(n.MacvlanSources) > 0 && state.Mode != "source" {
				b.problem("macvlan_sources belong to macvlan_mode source")
			}
		})
	case KindIpvlan:
		state.Mode = orDefault(n.IpvlanMode, "l2")
		state.Flag = orDefault(n.IpvlanFlag, "bridge")
		b.in("ipvlan_mode", func() {
			if !slices.Contains(ipvlanModes, state.Mode) {
				b.problem("requested ipvlan mode '%s' is not valid, 'l2' mode is the ipvlan driver default", state.Mode)
			}
		})
		b.in("ipvlan_flag", func() {
			if !slices.Contains(ipvlanFlags, state.Flag) {
				b.problem("requested ipvlan flag '%s' is not valid, 'bridge' is the ipvlan driver default", state.Flag)
			}
		})
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
	br := b.newDevice(Ref{state.Host, shortName("br-", state.Name)}, KindBridge)
	br.Network, br.Up = state.Name, true
	for _, p := range state.Pools {
		if p.Gateway.IsValid() {
			br.Addresses = append(br.Addresses, netip.PrefixFrom(p.Gateway, p.Subnet.Bits()))
		}
	}
	b.make(br, nil)
	state.Parent, state.Made = br.Ref, []Ref{br.Ref}
}

// dummyParent stands in where Docker is given no parent; such a network is
// internal, since nothing leads out of a dummy.
func (b *builder) dummyParent(state *NetworkState) {
	prefix := map[string]string{KindMacvlan: "dm-", KindIpvlan: "di-"}[state.Driver]
	d := b.newDevice(Ref{state.Host, prefix + networkID(state.Name)[:12]}, KindDummy)
	d.Network, d.Up = state.Name, true
	b.make(d, nil)
	state.Parent, state.Made, state.Internal = d.Ref, []Ref{d.Ref}, true
}

// namedParent uses a device of the host, or makes the VLAN device that a dotted
// name asks for. A driver-made parent is shared by the networks on it.
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
	for _, other := range b.lan.Networks {
		if slices.Contains(other.Made, parent) {
			state.Made = []Ref{parent}
		}
	}
	if b.lan.Device(parent) != nil {
		return
	}
	base, vid, ok := b.parseVLAN(state, name)
	if !ok {
		return
	}
	d := b.newDevice(parent, KindVLAN)
	d.Parent, d.VID, d.Network, d.Up = Ref{state.Host, base}, vid, state.Name, true
	b.make(d, nil)
	state.Made = []Ref{parent}
}

// mayShare is Docker's rule on several networks on one parent: never up to 26;
// since 27 yes for macvlan, but not with passthru; never for ipvlan.
func (b *builder) mayShare(state *NetworkState, parent Ref) bool {
	for _, name := range sortedKeys(b.lan.Networks) {
		other := b.lan.Networks[name]
		if other.Parent != parent || other.Driver != state.Driver {
			continue
		}
		id := networkID(other.Name)[:12]
		switch {
		case state.Driver == KindIpvlan:
			b.problem("network di-%s is already using parent interface %s", id, parent.Link)
		case b.docker() <= 26:
			b.problem("network dm-%s is already using parent interface %s", id, parent.Link)
		case state.Mode == "passthru":
			b.problem("cannot use mode passthru, macvlan network %s is already using parent interface %s", networkID(other.Name), parent.Link)
		case other.Mode == "passthru":
			b.problem("macvlan network %s is already using parent interface %s in mode passthru", networkID(other.Name), parent.Link)
		default:
			continue
		}
		return false
	}
	return true
}

// parseVLAN reads a dotted parent name by Docker's rules and in Docker's words.
func (b *builder) parseVLAN(state *NetworkState, name string) (string, int, bool) {
	if !strings.Contains(name, ".") {
		b.problem("invalid subinterface vlan name %s, example formatting is eth0.10: there is no device %s on host %s", name, name, state.Host)
		return "", 0, false
	}
	base, id, _ := strings.Cut(name, ".")
	if strings.Contains(id, ".") {
		b.problem("required interface name format is: name.vlan_id, ex. eth0.10 for vlan 10, instead received %s", name)
		return "", 0, false
	}
	vid, err := strconv.Atoi(id)
	if err != nil {
		b.problem("unable to parse a valid vlan id from: %s (ex. eth0.10 for vlan 10)", id)
		return "", 0, false
	}
	if vid < 1 || vid > 4094 {
		b.problem("vlan id must be between 1-4094, received: %d", vid)
		return "", 0, false
	}
	if b.lan.Device(Ref{state.Host, base}) == nil {
		b.problem("-o parent interface was not found on the host: %s", base)
		return "", 0, false
	}
	if p := linkNameProblem(name); p != "" {
		b.problem("%s", p)
		return "", 0, false
	}
	return base, vid, true
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
	delete(b.lan.Networks, name)
	for _, r := range n.Made {
		for _, other := range b.lan.Networks {
			if other.Parent == r {
				return
			}
		}
		if d := b.lan.Device(r); d != nil {
			b.op(DeleteLink{Device: d})
			b.lan.remove(r)
		}
	}
}

// attach puts an endpoint on a network: an address of every pool family, a child
// made straight in the endpoint's namespace, and the routes.
func (b *builder) attach(endpoint string, a Attachment) {
	n, ok := b.lan.Networks[a.Network]
	if !ok {
		b.in("network", func() { b.problem("network %s not found", a.Network) })
		return
	}
	node, ok := b.lan.Node(endpoint)
	if !ok || node.Role != RoleEndpoint {
		b.problem("there is no endpoint %q", endpoint)
		return
	}
	d := b.newDevice(Ref{endpoint, orDefault(a.Name, b.freeName(endpoint))}, n.Driver)
	b.in("name", func() { b.text(linkNameProblem(d.Link)) })
	d.Network, d.Up = n.Name, true
	var gateways []netip.Addr
	for _, want := range []struct {
		field, ip string
		v6        bool
	}{{"ip", a.IP, false}, {"ip6", a.IP6, true}} {
		b.in(want.field, func() {
			prefix, gw := b.take(n, want.ip, want.v6)
			if prefix.IsValid() {
				d.Addresses = append(d.Addresses, prefix)
			}
			if gw.IsValid() {
				gateways = append(gateways, gw)
			}
		})
	}
	b.in("mac", func() { b.childMAC(n, d, a.MAC) })
	if b.failed() {
		return
	}
	b.child(n, d)
	b.defaultRoutes(n, d, gateways)
}

// childMAC chooses the child's address by the Docker version's rules.
func (b *builder) childMAC(n *NetworkState, d *Device, mac string) {
	switch {
	case n.Driver == KindIpvlan:
		if mac != "" {
			b.problem("ipvlan interfaces do not support custom mac address assignment")
		}
	case n.Driver == KindMacvlan && n.Mode == "passthru" && mac == "":
		// The child takes the parent's address (macvlan.c:macvlan_common_newlink).
	case mac != "":
		m, p := parseMAC(mac)
		b.text(p)
		d.MAC = m
	case b.docker() <= 27 && len(d.Addresses) > 0 && d.Addresses[0].Addr().Is4():
		d.MAC = dockerMAC(d.Addresses[0].Addr())
	default:
		d.MAC = b.lan.MACOf(d.Ref)
	}
}

// child makes the endpoint's device.
func (b *builder) child(n *NetworkState, d *Device) {
	if n.Driver == KindBridge {
		d.Kind = KindVeth
		port := b.newDevice(Ref{n.Host, shortName("veth-", d.Node)}, KindVeth)
		if b.lan.Device(port.Ref) != nil {
			port.Link = shortName("veth-", d.Node+"/"+d.Link)
		}
		port.Master, port.Peer, port.Network, port.Up = n.Parent, d.Ref, n.Name, true
		port.MAC = b.lan.MACOf(port.Ref)
		d.Peer = port.Ref
		b.make(d, port)
		return
	}
	d.Parent, d.Mode, d.Flag = n.Parent, n.Mode, n.Flag
	if d.Flag == "bridge" {
		d.Flag = ""
	}
	// Docker fills netlink's attributes by hand and so asks for no queue
	// (moby: libnetwork/drivers/macvlan createMacVlan).
	zero := 0
	d.TxQueueLen = &zero
	for _, s := range n.Sources {
		d.Sources = append(d.Sources, b.macOrDevice(s, n.Host)...)
	}
	b.make(d, nil)
}

// defaultRoutes are the gateways', or for ipvlan's layer 3 modes the device
// itself whatever the gateway says.
func (b *builder) defaultRoutes(n *NetworkState, d *Device, gateways []netip.Addr) {
	if n.Driver == KindIpvlan && n.Mode != "l2" {
		for _, p := range d.Addresses {
			b.op(AddRoute{Node: d.Node, Prefix: anyPrefix(p.Addr()), Device: d})
		}
		return
	}
	if n.Internal {
		return
	}
	for _, gw := range gateways {
		b.op(AddRoute{Node: d.Node, Prefix: anyPrefix(gw), Via: gw, Device: d})
	}
}

func anyPrefix(a netip.Addr) netip.Prefix {
	if a.Is4() {
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
}

// detach takes an endpoint off a network and gives its addresses back.
func (b *builder) detach(endpoint, network string) {
	n, ok := b.lan.Networks[network]
	if !ok {
		b.problem("network %s not found", network)
		return
	}
	for _, d := range b.lan.DevicesOf(endpoint) {
		if d.Network != network {
			continue
		}
		for _, p := range d.Addresses {
			n.give(p.Addr())
		}
		b.op(DeleteLink{Device: d})
		b.lan.remove(d.Ref)
		return
	}
	b.problem("container %s is not connected to network %s", endpoint, network)
}

// freeName is eth and the lowest free number.
func (b *builder) freeName(node string) string {
	for i := 0; ; i++ {
		if name := "eth" + strconv.Itoa(i); b.lan.Device(Ref{node, name}) == nil {
			return name
		}
	}
}

func orDefault(s, def string) string {
	if s == "" {
		return def
	}
	return s
}
