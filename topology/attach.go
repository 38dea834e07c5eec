package topology

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// attach puts an endpoint on a network: an address of every pool family, a child
// made straight in the endpoint's namespace, and the routes.
func (b *builder) attach(endpoint string, a Attachment) {
	if node, _ := b.lan.Node(endpoint); node.Role != RoleEndpoint {
		b.in("endpoint", func() { b.problem("there is no endpoint %q", endpoint) })
		return
	}
	r := Ref{endpoint, orDefault(a.Name, b.freeName(endpoint, nil))}
	n := b.networkFor(endpoint, a.Network)
	if n == nil {
		b.standIn(r)
		return
	}
	d := b.newDevice(r, n.Driver)
	d.Network, d.Up, d.priority = n.Name, true, a.GatewayPriority
	b.in("name", func() { b.childName(r) })
	for _, want := range []struct {
		field, ip string
		v6        bool
	}{{"ip", a.IP, false}, {"ip6", a.IP6, true}} {
		b.in(want.field, func() { b.lease(n, d, want.ip, want.v6) })
	}
	mac := b.childMAC(n, d, a.MAC)
	if b.failed() {
		b.standIn(r)
		return
	}
	b.child(n, d)
	if mac != nil {
		// A passthru macvlan has its parent's address until it is given one, and
		// then its parent has that (macvlan.c:macvlan_set_mac_address).
		b.op(ChangeLink{Device: d.clone(), MAC: mac})
		b.lan.changeMAC(d, mac)
	}
}

// asked is the name of a device that is asked for, as far as Docker heeds it: since 28
// (moby: netlabel.Ifname). Older ones pass it over.
func (b *builder) asked(name string) string {
	if b.docker().Before(28) {
		return ""
	}
	return name
}

// announce has a new endpoint tell the LAN where its addresses are now. Docker does so
// since 28 (moby: libnetwork/osl/interface_linux.go:advertiseAddrs), three times within
// two seconds, of which one is enough here. An ipvlan tells nothing new: all children have
// their parent's MAC address. Who is there from the start has nobody to tell.
func (b *builder) announce(endpoint, network string) {
	if b.docker().Before(28) || b.failed() {
		return
	}
	for _, d := range b.lan.DevicesOf(endpoint) {
		if d.Network == network && d.Kind != KindIpvlan && len(d.Addresses) > 0 && d.MAC != nil {
			b.op(Announce{Device: d.clone()})
		}
	}
}

// networkFor finds the network that an endpoint is to be attached to. It is nil
// for one that has problems of its own, without another word.
func (b *builder) networkFor(endpoint, name string) *NetworkState {
	defer b.enter("network")()
	n, ok := b.lan.Networks[name]
	switch {
	case !ok:
		b.problem("network %s not found", name)
		return nil
	case n.broken:
		return nil
	case b.lan.Device(n.Parent) == nil:
		b.problem("network %s has lost its parent interface %s", name, n.Parent.Link)
		return nil
	}
	for _, d := range b.lan.DevicesOf(endpoint) {
		if d.Network == name {
			b.problem("endpoint with name %s already exists in network %s", endpoint, name)
			return nil
		}
	}
	return n
}

// runOnIsThere refuses an endpoint that runs while the network is gone that it was run on:
// since 24 Docker looks for that, whichever network it is to join
// (moby: daemon/container_operations.go:normalizeNetMode).
func (b *builder) runOnIsThere(endpoint string) {
	node, _ := b.lan.Node(endpoint)
	if node.RunOn != "" && b.lan.Networks[node.RunOn] == nil && !b.docker().Before(24) {
		b.in("endpoint", func() {
			b.problem("could not find a network matching network mode %s: network %s not found", node.RunOn, node.RunOn)
		})
	}
}

// childName checks the name that a child is to have.
func (b *builder) childName(r Ref) {
	problem, _ := linkName(r.Link)
	b.text(problem)
	if b.lan.Device(r) != nil {
		b.problem("there is already a device %s", r)
	}
}

// lease takes an address for a child and notes the default route that comes
// with it: its pool's gateway, or for ipvlan's layer 3 modes the device itself
// whatever the gateway. Since 29 a network without a gateway stands for one all the
// same, by which nothing goes (moby: driverapi.JoinInfo.ForceGw4).
func (b *builder) lease(n *NetworkState, d *Device, ip string, v6 bool) {
	prefix, gw := b.take(n, ip, v6)
	if !prefix.IsValid() {
		return
	}
	d.Addresses = append(d.Addresses, prefix)
	d.leases = append(d.leases, prefix.Addr())
	route := defaultRoute{prefix: anyPrefix(prefix.Addr()), via: gw}
	switch {
	case n.Internal:
		return
	case n.Driver == KindIpvlan && n.Mode != "l2":
		route.via = netip.Addr{}
	case !gw.IsValid():
		route.nowhere = true
	}
	d.defaults = append(d.defaults, route)
}

// childMAC chooses the child's address by the Docker version's rules. What it
// returns has to be set afterwards: Docker gives passthru children an address
// like any other (moby: macvlan_endpoint.go:CreateEndpoint), but the kernel
// makes them with their parent's (macvlan.c:macvlan_common_newlink).
func (b *builder) childMAC(n *NetworkState, d *Device, mac string) (later []byte) {
	if n.Driver == KindIpvlan {
		if mac != "" {
			b.in("mac", func() { b.problem("ipvlan interfaces do not support custom mac address assignment") })
		}
		return nil
	}
	chosen := b.lan.MACOf(d.Ref)
	switch {
	case mac != "":
		chosen = b.mac(mac)
	case b.docker().Before(28) && len(d.Addresses) > 0 && d.Addresses[0].Addr().Is4():
		chosen = dockerMAC(d.Addresses[0].Addr())
	}
	if n.Driver == KindMacvlan && n.Mode == "passthru" {
		return chosen
	}
	d.MAC, d.OwnMAC = chosen, true
	return nil
}

// child makes the endpoint's device.
func (b *builder) child(n *NetworkState, d *Device) {
	if n.Driver == KindBridge {
		b.bridgedChild(n, d)
		return
	}
	d.Parent, d.Mode, d.Flag = n.Parent, n.Mode, plainFlag(n.Flag)
	d.ModeAsked, d.FlagAsked = true, true
	// Docker fills netlink's attributes by hand and so asks for no queue
	// (moby: macvlan_setup.go:createMacVlan).
	zero := 0
	d.TxQueueLen = &zero
	for _, s := range n.Sources {
		m, _ := parseMAC(s)
		d.Sources = append(d.Sources, m)
	}
	b.make(d, nil)
}

// bridgedChild makes a veth between an endpoint and its network's bridge.
func (b *builder) bridgedChild(n *NetworkState, d *Device) {
	d.Kind = KindVeth
	port := b.newDevice(Ref{n.Host, shortName("veth-", d.Node)}, KindVeth)
	if b.lan.Device(port.Ref) != nil {
		// No name of a device has a slash in it (net/core/dev.c:dev_valid_name).
		port.Link = strings.ReplaceAll(shortName("veth-", d.Node+"/"+d.Link+"/"+n.Name), "/", ".")
	}
	port.Master, port.Peer, port.Network, port.Up = n.Parent, d.Ref, n.Name, true
	port.MAC, port.OwnMAC = b.lan.MACOf(port.Ref), true
	d.Peer = port.Ref
	b.make(d, port)
}

// detach takes an endpoint off a network and gives its addresses back.
func (b *builder) detach(endpoint, network string) {
	n, ok := b.lan.Networks[network]
	if !ok {
		b.in("network", func() { b.problem("network %s not found", network) })
		return
	}
	devices := b.lan.DevicesOf(endpoint)
	i := slices.IndexFunc(devices, func(d *Device) bool { return d.Network == network })
	if node, _ := b.lan.Node(endpoint); i < 0 || node.Role != RoleEndpoint {
		b.in("endpoint", func() { b.problem("container %s is not connected to network %s", endpoint, network) })
		return
	}
	for _, a := range devices[i].leases {
		n.give(a)
	}
	b.op(DeleteLink{Device: devices[i].clone()})
	b.lan.remove(devices[i].Ref)
	b.elect(endpoint)
}

// freeName is eth and the lowest number that is neither taken nor reserved.
func (b *builder) freeName(node string, reserved Named[Link]) string {
	for i := 0; ; i++ {
		name := "eth" + strconv.Itoa(i)
		if _, taken := reserved.Get(name); !taken && b.lan.Device(Ref{node, name}) == nil {
			return name
		}
	}
}
