package topology

import (
	"net"
	"net/netip"
	"slices"
)

// Change plans one change: the operations that it takes and the state that it
// leads to. The plan itself stays as it is, for a kernel may refuse; Commit
// makes the new state the plan's. The error is a *Refusal: Docker's no, or a
// mistake in the change that leaves nothing to ask a kernel for. What only a
// kernel refuses is planned, so that its errno can be seen.
func (p *Plan) Change(c *Change) (*Next, error) {
	b := p.changed(c)
	for _, problem := range b.problems {
		if !problem.Kernel {
			return nil, &Refusal{Text: problem.Text}
		}
	}
	return &Next{Ops: b.ops, lan: b.lan}, nil
}

// Try says what is wrong with a change, with its place in it. A change that is
// well-formed but that Docker's rules refuse, or that the kernel is known to
// refuse, is wrong too, unless a check expects it.
func (p *Plan) Try(c *Change) []Problem { return p.changed(c).problems }

func (p *Plan) changed(c *Change) *builder {
	b := &builder{lan: p.LAN.clone()}
	b.change(c)
	return b
}

// Next is what a change leads to.
type Next struct {
	Ops []Op
	lan *LAN
}

// Commit makes the changed state the plan's own.
func (p *Plan) Commit(n *Next) { p.LAN = n.lan }

func (b *builder) change(c *Change) {
	var set []string
	var do []func()
	may := func(field string, is bool, f func()) {
		if is {
			set, do = append(set, field), append(do, f)
		}
	}
	may("add", c.Add != nil, func() { b.addLink(c.Add) })
	may("set", c.Set != nil, func() { b.setLink(c.Set) })
	may("delete", c.Delete != "", func() { b.deleteLink(c.Delete) })
	may("move", c.Move != nil, func() { b.moveLink(c.Move) })
	may("switch", c.Switch != nil, func() { b.changeSwitch(c.Switch) })
	may("network", c.Network != nil, func() { b.addNetwork(c.Network.Name, &c.Network.Network) })
	may("remove_network", c.RemoveNetwork != "", func() { b.removeNetwork(c.RemoveNetwork) })
	may("attach", c.Attach != nil, func() {
		a := c.Attach.Attachment
		a.Name = b.asked(a.Name)
		if b.docker().Before(29) {
			// A running container's wish for a MAC address was passed over
			// (moby: daemon/container_operations.go:ConnectToNetwork).
			a.MAC = ""
		}
		b.runOnIsThere(c.Attach.Endpoint)
		b.attach(c.Attach.Endpoint, a)
		b.elect(c.Attach.Endpoint)
		b.announce(c.Attach.Endpoint, c.Attach.Network)
	})
	may("detach", c.Detach != nil, func() { b.detach(c.Detach.Endpoint, c.Detach.Network) })
	may("address", c.Address != nil, func() { b.addAddress(c.Address) })
	may("remove_address", c.RemoveAddress != nil, func() { b.removeAddress(c.RemoveAddress) })
	may("filter", c.Filter != nil, func() { b.setFilter(c.Filter, false) })
	may("remove_filter", c.RemoveFilter != nil, func() { b.setFilter(c.RemoveFilter, true) })
	may("remove_node", c.RemoveNode != "", func() { b.removeNode(c.RemoveNode) })
	if len(set) != 1 {
		b.problem("a change does one thing: add, set, delete, move, switch, network, remove_network, attach, detach, address, remove_address, filter, remove_filter or remove_node")
		return
	}
	b.in(set[0], do[0])
}

func (b *builder) addLink(c *AddLink) {
	if !b.node(c.Node) {
		b.in("node", func() { b.problem("there is no node %q", c.Node) })
		return
	}
	r := Ref{c.Node, c.Name}
	there := b.lan.Device(r) != nil
	b.link(r, &c.Link)
	if d := b.lan.Device(r); !there && d != nil && d.Port != nil && !d.Port.plain() {
		b.op(SetPort{Device: d.clone(), Port: d.Port.clone(), Was: plainPort(d.Port.Name)})
	}
}

// find returns the device of a change, or says that there is none.
func (b *builder) find(s string) *Device {
	d := b.device(s, "")
	if d == nil {
		b.problem("there is no device %q: it is written NODE/LINK", s)
	}
	return d
}

func (b *builder) findIn(field, s string) *Device {
	defer b.enter(field)()
	return b.find(s)
}

// setLink changes a device. The operation carries the device as it was.
func (b *builder) setLink(c *SetLink) {
	d := b.findIn("link", c.Link)
	if d == nil {
		return
	}
	o := ChangeLink{Device: d.clone(), Up: c.Up, MTU: c.MTU, NoPromisc: c.NoPromisc, NoDst: c.NoDst, Promisc: c.Promisc, AllMulti: c.AllMulticast}
	b.in("mtu", func() { b.mtu(c.MTU) })
	b.setMode(d, c, &o)
	if c.MAC != "" {
		o.MAC = b.mac(c.MAC)
		if d.Kind == KindIpvlan {
			// ipvlan_main.c has no ndo_set_mac_address.
			b.in("mac", func() { b.kernel("an ipvlan has its parent's address and can be given none of its own") })
		}
		b.lan.changeMAC(d, o.MAC)
	}
	if c.Sources != nil {
		b.in("sources", func() { o.Sources = append([]net.HardwareAddr{}, b.macs(c.Sources, d.Node)...) })
		d.Sources = o.Sources
	}
	b.setSources(d, c, &o)
	b.setVLAN(d, c, &o)
	o.Attributes = b.attributes(d.Kind, c.Attributes)
	if c.Master != "" {
		b.in("master", func() { b.setMaster(d, c.Master, &o) })
	}
	if o.empty() && !b.failed() {
		b.problem("nothing is set: name what changes")
		return
	}
	if c.Up != nil {
		b.setUp(d, *c.Up)
	}
	if c.MTU != 0 {
		d.MTU = c.MTU
	}
	for _, s := range []struct{ to, from *bool }{{&d.NoPromisc, c.NoPromisc}, {&d.NoDst, c.NoDst}, {&d.Promisc, c.Promisc}, {&d.AllMulti, c.AllMulticast}} {
		if s.from != nil {
			*s.to = *s.from
		}
	}
	b.op(o)
}

// setUp brings a device up or down.
func (b *builder) setUp(d *Device, up bool) {
	if parent := b.lan.Device(d.Parent); up && d.Kind == KindVLAN && parent != nil && !parent.Up && !d.loose() {
		// net/8021q/vlan_dev.c:vlan_dev_open
		b.in("up", func() { b.kernel("vlan %s cannot come up: its parent %s is down", d.Ref, parent.Ref) })
	}
	b.lan.setUp(d, up)
}

// setMode changes mode, flag and options of a macvlan or ipvlan.
func (b *builder) setMode(d *Device, c *SetLink, o *ChangeLink) {
	check := func(field string, set bool, kinds ...string) { b.only(d.Kind, field, set, kinds...) }
	check("mode", c.Mode != "", KindMacvlan, KindIpvlan)
	check("flag", c.Flag != "", KindIpvlan)
	check("nopromisc", c.NoPromisc != nil, KindMacvlan)
	check("nodst", c.NoDst != nil, KindMacvlan)
	check("sources", c.Sources != nil, KindMacvlan)
	if b.failed() {
		return
	}
	switch d.Kind {
	case KindMacvlan:
		b.in("mode", func() {
			b.oneOf("macvlan mode", c.Mode, macvlanModes)
			if c.Mode != "" && (c.Mode == "passthru") != d.passthru() {
				// macvlan.c:macvlan_changelink
				b.kernel("no macvlan can change to or from mode passthru")
			}
		})
		d.Mode = orDefault(c.Mode, d.Mode)
		b.macvlanOnly(d.Mode, c.NoPromisc != nil && *c.NoPromisc, c.NoDst != nil && *c.NoDst, len(c.Sources) > 0)
		if d.Mode != "source" {
			d.Sources = nil // macvlan.c:macvlan_changelink
		}
	case KindIpvlan:
		b.in("mode", func() { b.oneOf("ipvlan mode", c.Mode, ipvlanModes) })
		b.in("flag", func() { b.oneOf("ipvlan flag", c.Flag, ipvlanFlags) })
		d.Mode, d.Flag = orDefault(c.Mode, d.Mode), plainFlag(orDefault(c.Flag, d.Flag))
		b.lan.shareMode(d, false)
	}
	o.Mode, o.Flag = c.Mode, c.Flag
}

// setSources changes a macvlan's list of sources by one address, and its queue.
func (b *builder) setSources(d *Device, c *SetLink, o *ChangeLink) {
	b.only(d.Kind, "add_source", c.AddSource != "", KindMacvlan)
	b.only(d.Kind, "remove_source", c.RemoveSource != "", KindMacvlan)
	b.only(d.Kind, "flush_sources", c.FlushSources, KindMacvlan)
	b.only(d.Kind, "bc_queue_len", c.BCQueueLen != nil, KindMacvlan)
	b.only(d.Kind, "bc_cutoff", c.BCCutoff != nil, KindMacvlan)
	one := func(field, mac string) net.HardwareAddr {
		defer b.enter(field)()
		if list := b.macs([]string{mac}, d.Node); mac != "" && len(list) == 1 {
			return list[0]
		}
		return nil
	}
	if c.AddSource != "" {
		o.AddSource = one("add_source", c.AddSource)
	}
	if c.RemoveSource != "" {
		o.RemoveSource = one("remove_source", c.RemoveSource)
	}
	o.FlushSources, o.BCQueueLen, o.BCCutoff = c.FlushSources, c.BCQueueLen, c.BCCutoff
	lists := 0
	for _, set := range []bool{c.Sources != nil, c.AddSource != "", c.RemoveSource != "", c.FlushSources} {
		if set {
			lists++
		}
	}
	if lists > 1 {
		b.problem("a list of sources changes in one way at a time: sources, add_source, remove_source or flush_sources")
	}
	if lists > 0 && c.Sources == nil && d.Mode != "source" {
		b.kernel("sources are for mode source, not for %s", d.Mode)
	}
	same := func(m net.HardwareAddr) func(net.HardwareAddr) bool {
		return func(have net.HardwareAddr) bool { return slices.Equal(have, m) }
	}
	switch {
	case o.AddSource != nil && !slices.ContainsFunc(d.Sources, same(o.AddSource)):
		d.Sources = append(d.Sources, o.AddSource)
	case o.RemoveSource != nil:
		d.Sources = slices.DeleteFunc(d.Sources, same(o.RemoveSource))
	case o.FlushSources:
		d.Sources = nil
	}
	if c.BCQueueLen != nil {
		d.BCQueueLen = c.BCQueueLen
	}
	if c.BCCutoff != nil {
		d.BCCutoff = c.BCCutoff
	}
}

// setVLAN changes a vlan's flags and maps.
func (b *builder) setVLAN(d *Device, c *SetLink, o *ChangeLink) {
	o.VLANFlags = vlanFlags(map[string]*bool{
		"reorder_hdr": c.ReorderHdr, "gvrp": c.GVRP, "mvrp": c.MVRP, looseBinding: c.LooseBinding, bridgeBinding: c.BridgeBinding,
	})
	for name, on := range o.VLANFlags {
		b.only(d.Kind, name, true, KindVLAN)
		if name == "reorder_hdr" {
			d.ReorderHdr = &on
		} else {
			d.VLANFlags = with(d.VLANFlags, name, on)
		}
	}
	b.only(d.Kind, "egress_qos", len(c.EgressQoS) > 0, KindVLAN)
	b.only(d.Kind, "ingress_qos", len(c.IngressQoS) > 0, KindVLAN)
	b.qosMaps(c.EgressQoS, c.IngressQoS)
	o.EgressQoS, o.IngressQoS = c.EgressQoS, c.IngressQoS
	for prio, pcp := range c.EgressQoS {
		d.EgressQoS = with(d.EgressQoS, prio, pcp)
	}
	for pcp, prio := range c.IngressQoS {
		d.IngressQoS = with(d.IngressQoS, pcp, prio)
	}
}

// with is a map with one more entry.
func with[K comparable, V any](m map[K]V, key K, value V) map[K]V {
	if m == nil {
		m = map[K]V{}
	}
	m[key] = value
	return m
}

// only refuses a field that means nothing to a kind.
func (b *builder) only(kind, field string, set bool, kinds ...string) {
	if set && !slices.Contains(kinds, kind) {
		b.in(field, func() { b.problem("a %s has no %s", kind, field) })
	}
}

// removeNode takes a node with all its devices, and what sits on those, away.
func (b *builder) removeNode(name string) {
	if !b.node(name) {
		b.problem("there is no node %q", name)
		return
	}
	node, _ := b.lan.Node(name)
	for _, d := range b.lan.DevicesOf(name) {
		if d.Kind == KindNIC {
			b.problem("node %s has the real port %s, which must go back first", name, d.Link)
			return
		}
	}
	b.op(DeleteNode{Node: node})
	for _, d := range b.lan.DevicesOf(name) {
		b.lan.remove(d.Ref)
	}
	b.lan.Nodes = slices.DeleteFunc(b.lan.Nodes, func(n Node) bool { return n.Name == name })
	b.lan.nameAll()
}

// setFilter changes which addresses a device takes frames for. A macvlan takes no
// other single address than its own, but in mode passthru (macvlan.c:macvlan_fdb_add).
func (b *builder) setFilter(c *SetFilter, remove bool) {
	d := b.findIn("link", c.Link)
	defer b.enter("address")()
	m, problem := parseMAC(c.Address)
	b.text(problem)
	if d == nil || problem != "" {
		return
	}
	if d.Kind == KindMacvlan && !d.passthru() && unicast(m) {
		b.kernel("a macvlan in mode %s has no other address than its own", d.Mode)
	}
	b.op(ChangeFilter{Device: d.clone(), MAC: m, Remove: remove})
}

// setMaster makes a device a port of a bridge.
func (b *builder) setMaster(d *Device, name string, o *ChangeLink) {
	m := b.device(name, d.Node)
	if m == nil || m.Kind != KindBridge || m.Node != d.Node || m == d {
		b.problem("there is no bridge %s on %s for it to be a port of", name, d.Node)
		return
	}
	o.Master, d.Master = m.clone(), m.Ref
}

func (b *builder) deleteLink(s string) {
	if d := b.find(s); d != nil {
		b.op(DeleteLink{Device: d.clone()})
		b.lan.remove(d.Ref)
	}
}

func (b *builder) moveLink(c *MoveLink) {
	d := b.findIn("link", c.Link)
	if !b.node(c.To) {
		b.in("to", func() { b.problem("there is no node %q", c.To) })
		return
	}
	if d == nil {
		return
	}
	to := Ref{c.To, orDefault(c.Name, d.Link)}
	b.in("name", func() {
		if problem, _ := linkName(to.Link); problem != "" {
			b.kernel("%s", problem)
		}
		if b.lan.Device(to) != nil {
			b.kernel("there is already a device %s", to)
		}
	})
	b.op(MoveDevice{Device: d.clone(), To: to})
	// A device that changes its namespace is closed, leaves its bridge, and
	// loses its addresses and routes (net/core/dev.c:__dev_change_net_namespace).
	b.lan.setUp(d, false)
	d.Addresses, d.defaults, d.Master = nil, nil, Ref{}
	b.lan.rename(d, to)
}

func (b *builder) addAddress(c *SetAddress) {
	d := b.findIn("link", c.Link)
	defer b.enter("address")()
	p, ok := b.address(c.Address)
	if d == nil || !ok {
		return
	}
	if slices.Contains(d.Addresses, p) {
		b.kernel("%s has address %s already", d.Ref, p)
	}
	b.op(AddAddress{Device: d.clone(), Prefix: p})
	d.Addresses = append(d.Addresses, p)
}

func (b *builder) removeAddress(c *SetAddress) {
	d := b.findIn("link", c.Link)
	defer b.enter("address")()
	p, problem := parsePrefix(c.Address)
	b.text(problem)
	if d == nil || problem != "" {
		return
	}
	if !slices.Contains(d.Addresses, p) {
		b.kernel("%s has no address %s", d.Ref, p)
	}
	b.op(RemoveAddress{Device: d.clone(), Prefix: p})
	d.Addresses = withoutAddress(d.Addresses, p)
}

// withoutAddress are addresses without one of them. The first of an IPv4 subnet takes the
// others with it (net/ipv4/devinet.c:__inet_del_ifa; promote_secondaries is off).
func withoutAddress(all []netip.Prefix, p netip.Prefix) []netip.Prefix {
	same := func(have netip.Prefix) bool { return have.Masked() == p.Masked() }
	first := slices.IndexFunc(all, same)
	primary := p.Addr().Is4() && first >= 0 && all[first] == p
	return slices.DeleteFunc(slices.Clone(all), func(have netip.Prefix) bool { return have == p || primary && same(have) })
}
