package topology

import (
	"fmt"
	"net"
	"slices"
)

// link makes a device by hand, as Docker cannot.
func (b *builder) link(r Ref, l *Link) {
	b.text(linkNameProblem(r.Link))
	kind := orDefault(l.Kind, KindVeth)
	b.in("kind", func() { b.oneOf("kind of device", kind, kinds) })
	if b.failed() {
		return
	}
	d := b.newDevice(r, kind)
	d.Up, d.Promisc, d.MTU = !l.Down, l.Promisc, l.MTU
	b.in("mtu", func() {
		if l.MTU < 0 {
			b.problem("an MTU is a number of bytes: %d is too few", l.MTU)
		}
	})
	b.applies(kind, l)
	b.lower(d, l)
	b.linkOptions(d, l)
	b.linkMAC(d, l.MAC)
	b.addresses(d, l.Addresses)
	if b.failed() {
		return
	}
	switch kind {
	case KindVeth:
		b.plug(d)
	default:
		b.make(d, nil)
	}
	b.bridgePorts(d, l)
}

// applies refuses fields that mean nothing to the kind.
func (b *builder) applies(kind string, l *Link) {
	check := func(field string, set bool, of ...string) {
		if set && !slices.Contains(of, kind) {
			b.in(field, func() { b.problem("a %s has no %s", kind, field) })
		}
	}
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
	check("egress_qos", len(l.EgressQoS) > 0, KindVLAN)
	check("ports", len(l.Ports) > 0, KindBridge)
}

// lower finds the device that a child stands on.
func (b *builder) lower(d *Device, l *Link) {
	if !slices.Contains([]string{KindVLAN, KindMacvlan, KindIpvlan}, d.Kind) {
		return
	}
	defer b.enter("parent")()
	if l.Parent == "" {
		b.problem("a %s needs a parent", d.Kind)
		return
	}
	d.Parent = ParseRef(l.Parent, d.Node)
	if d.Parent.Link == "lo" {
		return // the kernel's to refuse
	}
	parent := b.lan.Device(d.Parent)
	if parent == nil {
		b.problem("there is no device %s for a parent", d.Parent)
		return
	}
	// The kernel puts a child of a child on the lowest device of its kind
	// (macvlan_common_newlink, ipvlan_link_new).
	if parent.Kind == d.Kind && d.Kind != KindVLAN {
		d.Parent = parent.Parent
	}
}

func (b *builder) linkOptions(d *Device, l *Link) {
	switch d.Kind {
	case KindMacvlan:
		b.in("mode", func() { b.oneOf("macvlan mode", l.Mode, macvlanModes) })
		d.Mode, d.NoPromisc, d.NoDst = orDefault(l.Mode, "vepa"), l.NoPromisc, l.NoDst
		d.BCQueueLen, d.BCCutoff = l.BCQueueLen, l.BCCutoff
		b.in("sources", func() { d.Sources = b.macList(l.Sources, d.Node) })
	case KindIpvlan:
		b.in("mode", func() { b.oneOf("ipvlan mode", l.Mode, ipvlanModes) })
		b.in("flag", func() { b.oneOf("ipvlan flag", l.Flag, ipvlanFlags) })
		d.Mode, d.Flag = orDefault(l.Mode, "l3"), l.Flag
		if d.Flag == "bridge" {
			d.Flag = ""
		}
	case KindVLAN:
		b.vlanOptions(d, l)
	}
}

func (b *builder) vlanOptions(d *Device, l *Link) {
	b.in("protocol", func() { b.oneOf("VLAN protocol", l.Protocol, vlanProtocols) })
	d.Protocol, d.ReorderHdr, d.EgressQoS = l.Protocol, l.ReorderHdr, l.EgressQoS
	if d.Protocol == "802.1Q" {
		d.Protocol = ""
	}
	if l.ID == nil {
		b.problem("a vlan needs an id, 0 to 4094")
		return
	}
	d.VID = *l.ID
	b.in("id", func() {
		if d.VID < 0 || d.VID > 4094 {
			b.problem("vlan id %d is out of range: 0 to 4094 (IEEE 802.1Q table 9-2)", d.VID)
		}
	})
	for _, prio := range sortedKeys(l.EgressQoS) {
		b.in("egress_qos", func() {
			if pcp := l.EgressQoS[prio]; pcp < 0 || pcp > 7 || prio < 0 {
				b.problem("egress_qos maps socket priorities to PCP values 0 to 7: %d: %d is out of range", prio, pcp)
			}
		})
	}
}

func (b *builder) macList(list []string, node string) []net.HardwareAddr {
	var macs []net.HardwareAddr
	for i, s := range list {
		b.in(i, func() { macs = append(macs, b.macOrDevice(s, node)...) })
	}
	return macs
}

// linkMAC gives a device its address: the given one, or one derived from its
// place for the kinds that have one of their own.
func (b *builder) linkMAC(d *Device, mac string) {
	if mac != "" {
		m, problem := parseMAC(mac)
		b.in("mac", func() { b.text(problem) })
		d.MAC = m
		return
	}
	switch d.Kind {
	case KindVeth, KindDummy, KindBridge:
		d.MAC = b.lan.MACOf(d.Ref)
	case KindMacvlan:
		if d.Mode != "passthru" {
			d.MAC = b.lan.MACOf(d.Ref)
		}
	}
}

// plug makes a veth whose other end is a port of the switch.
func (b *builder) plug(d *Device) {
	b.lan.lastPort++
	end := b.newDevice(Ref{SwitchNode, fmt.Sprintf("p%d", b.lan.lastPort)}, KindVeth)
	end.Peer, d.Peer = d.Ref, end.Ref
	end.Master, end.Up = Ref{SwitchNode, Bridge}, true
	end.MAC = b.lan.MACOf(end.Ref)
	end.MTU = d.MTU
	d.Port = &Port{Name: end.Link, Learning: true, Flood: true}
	b.make(d, end)
}

func (b *builder) bridgePorts(d *Device, l *Link) {
	for i, name := range l.Ports {
		b.in("ports", func() {
			b.in(i, func() {
				port := b.lan.Device(ParseRef(name, d.Node))
				if port == nil || port.Node != d.Node {
					b.problem("there is no device %s on %s to be a port", name, d.Node)
					return
				}
				port.Master = d.Ref
				b.op(ChangeLink{Device: port, Master: d})
			})
		})
	}
}
