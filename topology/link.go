package topology

import "slices"

// link makes a device by hand, as Docker cannot.
func (b *builder) link(r Ref, l *Link) {
	if problem, kernel := linkName(r.Link); kernel {
		b.kernel("%s", problem)
	} else {
		b.text(problem)
	}
	d := b.newDevice(r, orDefault(l.Kind, KindVeth))
	d.Up, d.Promisc, d.AllMulti, d.MTU = !l.Down, l.Promisc, l.AllMulticast, l.MTU
	b.in("kind", func() { b.oneOf("kind of device", d.Kind, kinds) })
	if !b.failed() {
		b.applies(d.Kind, l)
		b.under(d, l)
		d.Attributes = b.attributes(d.Kind, l.Attributes)
		b.linkOptions(d, l)
		b.linkMAC(d, l.MAC)
	}
	b.in("mtu", func() { b.mtu(l.MTU) })
	b.addresses(d, l.Addresses)
	if b.failed() {
		b.standIn(r)
		return
	}
	if d.Kind == KindVeth {
		b.plug(d)
	} else {
		b.make(d, nil)
	}
	b.bridgePorts(d, l)
}

func (b *builder) mtu(mtu int) {
	if mtu < 0 {
		b.problem("an MTU is a number of bytes: %d is too few", mtu)
	}
}

// applies refuses fields that mean nothing to the kind.
func (b *builder) applies(kind string, l *Link) {
	check := func(field string, set bool, of ...string) { b.only(kind, field, set, of...) }
	check("parent", l.Parent != "", KindVLAN, KindMacvlan, KindIpvlan)
	check("mode", l.Mode != "", KindMacvlan, KindIpvlan)
	check("flag", l.Flag != "", KindIpvlan)
	check("nopromisc", l.NoPromisc, KindMacvlan)
	check("nodst", l.NoDst, KindMacvlan)
	check("sources", len(l.Sources) > 0, KindMacvlan)
	check("bc_queue_len", l.BCQueueLen != nil, KindMacvlan)
	check("bc_cutoff", l.BCCutoff != nil, KindMacvlan)
	check("id", l.ID != nil, KindVLAN)
	check("protocol", l.Protocol != "", KindVLAN)
	check("reorder_hdr", l.ReorderHdr != nil, KindVLAN)
	check("gvrp", l.GVRP != nil, KindVLAN)
	check("mvrp", l.MVRP != nil, KindVLAN)
	check("loose_binding", l.LooseBinding != nil, KindVLAN)
	check("bridge_binding", l.BridgeBinding != nil, KindVLAN)
	check("egress_qos", len(l.EgressQoS) > 0, KindVLAN)
	check("ingress_qos", len(l.IngressQoS) > 0, KindVLAN)
	check("ports", len(l.Ports) > 0, KindBridge)
}

// under finds the device that a child stands on.
func (b *builder) under(d *Device, l *Link) {
	if !slices.Contains([]string{KindVLAN, KindMacvlan, KindIpvlan}, d.Kind) {
		return
	}
	defer b.enter("parent")()
	d.Parent = ParseRef(l.Parent, d.Node)
	switch {
	case l.Parent == "":
		b.problem("a %s needs a parent", d.Kind)
	case d.Parent == d.Ref:
		b.problem("device %s stands on itself", d.Link)
	case d.Parent.Link == "lo" && b.node(d.Parent.Node):
		b.kernel("the loopback can have no %s", d.Kind)
	case b.device(l.Parent, d.Node) == nil:
		b.problem("there is no device %s for a parent", d.Parent)
	}
}

func (b *builder) linkOptions(d *Device, l *Link) {
	switch d.Kind {
	case KindMacvlan:
		b.in("mode", func() { b.oneOf("macvlan mode", l.Mode, macvlanModes) })
		d.Mode, d.ModeAsked = orDefault(l.Mode, "vepa"), l.Mode != ""
		d.NoPromisc, d.NoDst = l.NoPromisc, l.NoDst
		d.BCQueueLen, d.BCCutoff = l.BCQueueLen, l.BCCutoff
		b.macvlanOnly(d.Mode, l.NoPromisc, l.NoDst, len(l.Sources) > 0)
		b.in("bc_queue_len", func() {
			if l.BCQueueLen != nil && *l.BCQueueLen < 0 {
				b.problem("bc_queue_len is a number of frames: %d is too few", *l.BCQueueLen)
			}
		})
		b.in("sources", func() { d.Sources = b.macs(l.Sources, d.Node) })
	case KindIpvlan:
		b.in("mode", func() { b.oneOf("ipvlan mode", l.Mode, ipvlanModes) })
		b.in("flag", func() { b.oneOf("ipvlan flag", l.Flag, ipvlanFlags) })
		d.Mode, d.ModeAsked = orDefault(l.Mode, "l3"), l.Mode != ""
		d.Flag, d.FlagAsked = plainFlag(l.Flag), l.Flag != ""
	case KindVLAN:
		b.vlanOptions(d, l)
	}
}

// macvlanOnly refuses options that only one mode has.
func (b *builder) macvlanOnly(mode string, noPromisc, noDst, sources bool) {
	if noPromisc && mode != "passthru" {
		b.in("nopromisc", func() { b.problem("nopromisc is for mode passthru, not for %s", mode) })
	}
	if noDst && mode != "source" {
		b.in("nodst", func() { b.problem("nodst is for mode source, not for %s", mode) })
	}
	if sources && mode != "source" {
		// macvlan.c:macvlan_changelink_sources
		b.in("sources", func() { b.kernel("sources are for mode source, not for %s", mode) })
	}
}

func (b *builder) vlanOptions(d *Device, l *Link) {
	b.in("protocol", func() { b.oneOf("VLAN protocol", l.Protocol, vlanProtocols) })
	d.Protocol, d.ReorderHdr, d.EgressQoS, d.IngressQoS = l.Protocol, l.ReorderHdr, l.EgressQoS, l.IngressQoS
	d.VLANFlags = vlanFlags(map[string]*bool{"gvrp": l.GVRP, "mvrp": l.MVRP, looseBinding: l.LooseBinding, bridgeBinding: l.BridgeBinding})
	b.qosMaps(l.EgressQoS, l.IngressQoS)
	if d.Protocol == "802.1Q" {
		d.Protocol = ""
	}
	if l.ID == nil {
		if l.Attributes["IFLA_VLAN_ID"] == "" && l.Attributes[InfoData] == "" {
			b.problem("a vlan needs an id, 0 to %d", maxVID)
		}
		return
	}
	d.VID = *l.ID
	b.in("id", func() {
		switch {
		case d.VID < 0 || d.VID > 65535:
			b.problem("vlan id %d is out of range: 0 to %d", d.VID, maxVID)
		case d.VID > maxVID:
			// net/8021q/vlan_netlink.c:vlan_validate
			b.kernel("vlan id %d is out of range: 0 to %d (IEEE 802.1Q table 9-2)", d.VID, maxVID)
		}
	})
}

// The flags of a vlan that its parent's state depends on.
const (
	looseBinding  = "loose_binding"
	bridgeBinding = "bridge_binding"
)

// vlanFlags are those that something is said about.
func vlanFlags(said map[string]*bool) map[string]bool {
	flags := map[string]bool{}
	for name, on := range said {
		if on != nil {
			flags[name] = *on
		}
	}
	return flags
}

// qosMaps checks a vlan's maps of priorities.
func (b *builder) qosMaps(egress, ingress map[int]int) {
	for _, prio := range sortedKeys(egress) {
		b.in("egress_qos", func() {
			if pcp := egress[prio]; pcp < 0 || pcp > 7 || prio < 0 {
				b.problem("egress_qos maps socket priorities to PCP values 0 to 7: %d: %d is out of range", prio, pcp)
			}
		})
	}
	for _, pcp := range sortedKeys(ingress) {
		b.in("ingress_qos", func() {
			if prio := ingress[pcp]; pcp < 0 || pcp > 7 || prio < 0 {
				b.problem("ingress_qos maps PCP values 0 to 7 to priorities: %d: %d is out of range", pcp, prio)
			}
		})
	}
}

// linkMAC gives a device its address: the given one, one derived from its
// place for the kinds that have one of their own, else its parent's.
func (b *builder) linkMAC(d *Device, mac string) {
	takes := d.Kind == KindIpvlan || d.passthru()
	switch {
	case mac != "" && takes:
		b.in("mac", func() { b.problem("a device of this kind has its parent's address: it can be given none of its own") })
	case mac != "":
		d.MAC, d.OwnMAC = b.mac(mac), true
	case !takes && d.Kind != KindVLAN && d.Kind != KindNIC:
		d.MAC, d.OwnMAC = b.lan.MACOf(d.Ref), true
	}
}

// bridgePorts joins devices to a bridge.
func (b *builder) bridgePorts(br *Device, l *Link) {
	defer b.enter("ports")()
	for i, name := range l.Ports {
		b.in(i, func() {
			port := b.device(name, br.Node)
			switch {
			case port == nil || port.Node != br.Node:
				b.problem("there is no device %s on %s to be a port", name, br.Node)
			case port == br:
				b.problem("bridge %s cannot be a port of its own", name)
			case port.Master != Ref{}:
				b.problem("device %s is a port of %s already", name, port.Master.Link)
			default:
				b.op(ChangeLink{Device: port.clone(), Master: br.clone()})
				port.Master = br.Ref
			}
		})
	}
}
