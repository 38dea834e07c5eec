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
}

// Fences returns fences that together reach every device that any fence can
// reach as the LAN stands.
func (l *LAN) Fences() []Fence {
	var all []Fence
	for _, d := range l.Devices {
		if d.Kind != KindVeth || d.Peer.Node == SwitchNode {
			continue
		}
		if far := l.Device(d.Peer); far != nil && d.Up && far.Up && !l.noCarrier(d, far) {
			all = append(all, l.fencesInto(far, Fence{At: d.Ref})...)
		}
	}
	reached := map[Ref]bool{}
	for _, f := range all {
		for _, r := range f.Reaches {
			reached[r] = true
		}
	}
	for _, d := range l.Devices {
		if !reached[d.Ref] {
			all = append(all, l.siblingFences(d)...)
		}
	}
	return all
}

// noCarrier reports whether the switch holds the link down.
func (l *LAN) noCarrier(ends ...*Device) bool {
	return slices.ContainsFunc(ends, func(d *Device) bool { return d.Port != nil && d.Port.NoCarrier })
}

// fencesInto returns the fences that enter by d: a broadcast for d and what it
// hands broadcasts to, one more for every VLAN above, and unicasts for the
// children that hear no broadcast.
func (l *LAN) fencesInto(d *Device, f Fence) []Fence {
	if !d.Up {
		return nil
	}
	f.Reaches = l.floods(d)
	all := []Fence{f}
	for _, r := range f.Reaches {
		all = append(all, l.fencesAbove(l.Device(r), f)...)
	}
	return all
}

// floods returns d and the devices that a broadcast arriving untagged at d is
// handed to.
func (l *LAN) floods(d *Device) []Ref {
	to := []Ref{d.Ref}
	if d.Master.Link != "" {
		if br := l.Device(d.Master); br != nil && br.Up {
			to = append(to, l.floods(br)...)
			for _, p := range l.Devices {
				if p.Master == d.Master && p != d && p.Up {
					if far := l.Device(p.Peer); far != nil && far.Up && far.Node != SwitchNode {
						to = append(to, l.floods(far)...)
					}
				}
			}
		}
		return to
	}
	for _, c := range l.Children(d) {
		if c.Up && (c.Kind == KindMacvlan && c.Mode != "source" || c.Kind == KindIpvlan && c.Mode == "l2") {
			to = append(to, l.floods(c)...)
		}
	}
	return to
}

// fencesAbove returns the fences for the children of d that a broadcast at d
// does not reach.
func (l *LAN) fencesAbove(d *Device, f Fence) []Fence {
	var all []Fence
	for _, c := range l.Children(d) {
		if !c.Up {
			continue
		}
		next := Fence{At: f.At, Tags: f.Tags, Reaches: []Ref{c.Ref}}
		switch {
		case c.Kind == KindVLAN:
			next.Tags = append(slices.Clone(f.Tags), Tag{TPID: c.TPID(), VID: c.VID})
			all = append(all, l.fencesInto(c, next)...)
		case c.Kind == KindMacvlan && c.Mode == "source" && len(c.Sources) > 0:
			next.Source, next.Dest = c.Sources[0], c.MAC
			all = append(all, next)
		case c.Kind == KindIpvlan && c.Mode != "l2" && len(c.Addresses) > 0:
			next.Dest, next.IP, next.Socket = d.MAC, c.Addresses[0].Addr(), c.Mode == "l3s"
			all = append(all, next)
		}
	}
	return all
}

// siblingFences returns fences between the children of a parent that nothing
// from outside comes in by, such as a dummy. Only modes that let siblings talk
// have any.
func (l *LAN) siblingFences(parent *Device) []Fence {
	var all []Fence
	children := l.Children(parent)
	for _, from := range children {
		var to []Ref
		for _, c := range children {
			if c == from || !c.Up || !from.Up || c.Kind != from.Kind {
				continue
			}
			switch {
			case c.Kind == KindMacvlan && c.Mode == "bridge" && from.Mode == "bridge", c.Kind == KindIpvlan && c.Mode == "l2":
				to = append(to, l.floods(c)...)
			case c.Kind == KindIpvlan && c.Flag == "" && len(c.Addresses) > 0:
				all = append(all, Fence{At: from.Ref, Dest: parent.MAC, IP: c.Addresses[0].Addr(), Reaches: []Ref{c.Ref}, Socket: c.Mode == "l3s"})
			}
		}
		if len(to) > 0 {
			all = append(all, Fence{At: from.Ref, Reaches: to})
		}
	}
	return all
}

// TPID is the EtherType of a vlan's tag (IEEE 802.1Q table 9-1).
func (d *Device) TPID() uint16 {
	if d.Protocol == "802.1ad" {
		return 0x88a8
	}
	return 0x8100
}

// Wire returns the device in the switch's namespace at which the frames of d
// come out of its host, and the tags that they bear there; false when they
// come out nowhere, as on a dummy.
func (l *LAN) Wire(d *Device) (at Ref, tags []Tag, ok bool) {
	for d != nil {
		switch {
		case d.Port != nil:
			return Ref{SwitchNode, d.Port.Name}, tags, true
		case d.Kind == KindVLAN:
			tags = append([]Tag{{TPID: d.TPID(), VID: d.VID}}, tags...)
			d = l.Device(d.Parent)
		case d.Kind == KindBridge:
			d = l.uplink(d)
		default:
			d = l.Device(d.Parent)
		}
	}
	return Ref{}, nil, false
}

// uplink is the port by which a bridge is plugged into the switch.
func (l *LAN) uplink(br *Device) *Device {
	for _, p := range l.Devices {
		if p.Master == br.Ref {
			if _, _, ok := l.Wire(p); ok {
				return p
			}
		}
	}
	return nil
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
