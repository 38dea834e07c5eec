package topology

import (
	"net"
	"net/netip"
	"slices"
)

// Tag is one VLAN tag on the way to a device.
type Tag struct {
	TPID uint16
	VID  int
}

// TPID is the EtherType of a vlan's tag (IEEE 802.1Q table 9-1).
func (d *Device) TPID() uint16 {
	if d.Protocol == "802.1ad" {
		return 0x88a8
	}
	return 0x8100
}

// Fence is a frame that can be sent into the LAN so that its arrival proves
// that whatever was sent before, and takes the same queues, is past.
//
// A broadcast that comes in from the wire goes through the softirq backlog of
// the sending CPU and then through the broadcast work of a macvlan port
// (macvlan.c:macvlan_broadcast_enqueue) or an ipvlan port
// (ipvlan_core.c:ipvlan_multicast_enqueue); both queues are first in, first out.
type Fence struct {
	// At is the device that the fence is transmitted on.
	At Ref
	// Tags to put into the frame, outermost first.
	Tags []Tag
	// Source and Dest are MAC addresses; a nil Source may be anything, a nil
	// Dest is the broadcast address.
	Source, Dest net.HardwareAddr
	// IP is set where only an IP packet to this address arrives.
	IP netip.Addr
	// Reaches are the devices that must see the frame.
	Reaches []Ref
	// Socket is set where no tap sees what arrives, only a socket of the node.
	Socket bool
	// Cable is set where the frame crosses a cable between two real ports, whose
	// queues and wire are first in, first out as well.
	Cable bool
}

// Fences returns fences that together reach every device that any fence can
// reach as the LAN stands: from outside through every veth, and between
// siblings where nothing from outside comes in.
func (l *LAN) Fences() []Fence {
	var all []Fence
	reached := map[Ref]bool{}
	add := func(fences []Fence) {
		for _, f := range fences {
			all = append(all, f)
			for _, r := range f.Reaches {
				reached[r] = true
			}
		}
	}
	crossed := map[Ref]bool{} // reached over the bridge that they are behind
	for _, d := range l.Devices {
		if d.Kind == KindVeth && d.Peer.Node != SwitchNode && l.Carrier(d) {
			add(l.fencesInto(l.Device(d.Peer), Fence{At: d.Ref, Dest: l.portAlone(l.Device(d.Peer), crossed), Cable: d.Cable != nil}))
		}
	}
	add(l.cableFences())
	for _, parent := range l.Devices {
		if !reached[parent.Ref] && l.Carrier(parent) {
			add(l.siblingFences(parent))
		}
	}
	return all
}

// portAlone returns the address of a bridge's port where a fence for it alone, which the
// bridge keeps (net/bridge/br_input.c:br_handle_frame_finish), is enough: where all that
// the bridge passes a broadcast to has one that came over this bridge from another port.
// Else it returns nil, and notes what a broadcast reaches. As many broadcasts as there are
// ports would come to all of them each.
func (l *LAN) portAlone(port *Device, crossed map[Ref]bool) net.HardwareAddr {
	if port == nil || !port.Up || port.Master == (Ref{}) || len(l.Children(port)) > 0 {
		return nil
	}
	alone := crossed[port.Master]
	for _, r := range l.floods(port) {
		if r != port.Ref && !crossed[r] {
			alone, crossed[r] = false, true
		}
	}
	if !alone {
		return nil
	}
	return port.MAC
}

// fencesInto returns the fences that enter by d: a broadcast for d and all that
// it hands broadcasts to, and one more for each of what stands on those and
// hears no such broadcast.
func (l *LAN) fencesInto(d *Device, f Fence) []Fence {
	f.Reaches = []Ref{d.Ref}
	if f.Dest == nil {
		f.Reaches = l.floods(d)
	}
	all := []Fence{f}
	for _, r := range f.Reaches {
		all = append(all, l.fencesAbove(l.Device(r), f)...)
	}
	return all
}

// floods returns d, if it is up, and the devices that a broadcast arriving at d
// is handed to.
func (l *LAN) floods(d *Device) []Ref {
	var to []Ref
	seen := map[Ref]bool{}
	var visit func(*Device)
	visit = func(d *Device) {
		if d == nil || !d.Up || seen[d.Ref] {
			return
		}
		seen[d.Ref] = true
		to = append(to, d.Ref)
		if d.Master != (Ref{}) {
			// A bridge takes all that comes in by its ports, and passes it to
			// itself and out of the others (net/bridge/br_input.c).
			l.bridged(d, visit)
			return
		}
		for _, c := range l.Children(d) {
			if c.Kind == KindMacvlan && c.Mode != "source" && !l.queuesNothing(d) || c.Kind == KindIpvlan && c.Mode == "l2" {
				visit(c)
			}
		}
	}
	visit(d)
	return to
}

// bridged visits what a bridge passes a broadcast to that came in by the port.
// What leaves for the switch has left the host.
func (l *LAN) bridged(port *Device, visit func(*Device)) {
	br := l.Device(port.Master)
	if br == nil || !br.Up {
		return
	}
	visit(br)
	for _, p := range l.Devices {
		if p.Master == br.Ref && p != port && p.Peer.Node != SwitchNode && l.Carrier(p) {
			visit(l.Device(p.Peer))
		}
	}
}

// fencesAbove returns the fences for the children of d that a broadcast at d
// does not reach.
func (l *LAN) fencesAbove(d *Device, f Fence) []Fence {
	var all []Fence
	for _, c := range l.Children(d) {
		// Tags are looked at before a bridge takes the rest
		// (net/core/dev.c:__netif_receive_skb_core); and a fence for one address
		// goes no further than its tags.
		if !c.Up || (d.Master != (Ref{}) || f.Dest != nil) && c.Kind != KindVLAN {
			continue
		}
		next := Fence{At: f.At, Tags: f.Tags, Source: f.Source, Dest: f.Dest, Reaches: []Ref{c.Ref}, Cable: f.Cable}
		switch {
		case c.Kind == KindVLAN:
			next.Tags = append(slices.Clone(f.Tags), Tag{TPID: c.TPID(), VID: c.VID})
			all = append(all, l.fencesInto(c, next)...)
			continue
		case c.Kind == KindMacvlan && c.Mode == "source" && len(c.Sources) > 0:
			next.Source, next.Dest = c.Sources[0], c.MAC
		case c.Kind == KindMacvlan && c.Mode != "source" && l.queuesNothing(d):
			next.Dest = c.MAC
		case c.Kind == KindIpvlan && c.Mode != "l2" && len(c.Addresses) > 0:
			next.Dest, next.IP, next.Socket = d.MAC, c.Addresses[0].Addr(), c.Mode == "l3s"
		default:
			continue
		}
		all = append(all, next)
		all = append(all, l.fencesAbove(c, next)...)
	}
	return all
}

// siblingFences returns fences between the children of a parent that nothing
// from outside comes in by, such as a dummy. Only modes that let siblings talk
// have any. No more are returned than it takes to reach all that can be.
func (l *LAN) siblingFences(parent *Device) []Fence {
	var all []Fence
	reached := map[Ref]bool{}
	for _, from := range l.Children(parent) {
		if !from.Up {
			continue
		}
		for _, f := range l.fencesFrom(from, parent) {
			if slices.ContainsFunc(f.Reaches, func(r Ref) bool { return !reached[r] }) {
				all = append(all, f)
				for _, r := range f.Reaches {
					reached[r] = true
				}
			}
		}
	}
	return all
}

// fencesFrom returns the fences that one child can send to the others. A
// broadcast reaches macvlans in mode bridge (macvlan.c:macvlan_queue_xmit) and
// ipvlans in mode l2 whatever their flag (ipvlan_core.c:ipvlan_xmit_mode_l2),
// a packet those of layer 3 that have no flag.
func (l *LAN) fencesFrom(from, parent *Device) []Fence {
	var to []Ref
	var all []Fence
	f := Fence{At: from.Ref}
	for _, c := range l.Children(parent) {
		if c == from || c.Kind != from.Kind || !c.Up {
			continue
		}
		switch {
		case c.Kind == KindMacvlan && c.Mode == "bridge" && from.Mode == "bridge", c.Kind == KindIpvlan && c.Mode == "l2":
			to = append(to, l.floods(c)...)
		case c.Kind == KindIpvlan && c.Flag == "" && len(c.Addresses) > 0:
			all = append(all, Fence{At: f.At, Dest: parent.MAC, IP: c.Addresses[0].Addr(), Reaches: []Ref{c.Ref}, Socket: c.Mode == "l3s"})
		}
	}
	if len(to) == 0 {
		return all
	}
	f.Reaches = to
	all = append(all, f)
	for _, r := range to {
		all = append(all, l.fencesAbove(l.Device(r), f)...)
	}
	return all
}

// Wire returns the device in the switch's namespace at which the frames of d
// come out of its host, and the tags that they bear there, outermost first;
// false when they come out nowhere, as on a dummy.
func (l *LAN) Wire(d *Device) (at Ref, tags []Tag, ok bool) {
	return l.wire(d, map[Ref]bool{})
}

func (l *LAN) wire(d *Device, seen map[Ref]bool) (at Ref, tags []Tag, ok bool) {
	if d == nil || seen[d.Ref] {
		return Ref{}, nil, false
	}
	seen[d.Ref] = true
	switch d.Kind {
	case KindBridge:
		for _, p := range l.Devices {
			if p.Master == d.Ref {
				if at, tags, ok := l.wire(p, seen); ok {
					return at, tags, true
				}
			}
		}
		return Ref{}, nil, false
	case KindVeth:
		if d.Port != nil {
			return Ref{SwitchNode, d.Port.Name}, nil, true
		}
		// Through the pair into the bridge that its other end is a port of.
		if far := l.Device(d.Peer); far != nil {
			return l.wire(l.Device(far.Master), seen)
		}
		return Ref{}, nil, false
	}
	at, tags, ok = l.wire(l.Device(d.Parent), seen)
	if d.Kind == KindVLAN && ok {
		tags = append(tags, Tag{TPID: d.TPID(), VID: d.VID})
	}
	return at, tags, ok
}

// Root returns the lowest device under d: what its frames leave by.
func (l *LAN) Root(d *Device) *Device {
	for {
		below := l.Device(d.Parent)
		if below == nil {
			return d
		}
		d = below
	}
}
