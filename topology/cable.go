package topology

import (
	"net"
	"slices"
)

// Cable says what is known of two real ports that are joined by a cable, and stand
// in the place of a veth between a host's parent and the switch. The parent is the
// device under test.
type Cable struct {
	// At is the parent, whose other end is the switch's port.
	At Ref
	// DUTFollows is set where the device under test has no carrier while its peer is
	// down, PeerFollows the other way round. A hub passes no carrier on.
	DUTFollows, PeerFollows bool
}

// CableAt returns the device that a cable can be laid under, and others that could
// have had it and stay what they are; nil where there is none. It is the first device
// of a host that is plugged into the switch.
func (l *LAN) CableAt() (at *Device, others []Ref) {
	for _, d := range l.Devices {
		if n, _ := l.Node(d.Node); n.Role != RoleHost || d.Port == nil {
			continue
		}
		if at == nil {
			at = d
			continue
		}
		others = append(others, d.Ref)
	}
	return at, others
}

// Lay has a cable between real ports stand in the place of a veth, as far as the
// model is concerned.
func (l *LAN) Lay(c Cable) {
	d := l.Device(c.At)
	d.Cable = &c
	l.Device(d.Peer).Cable = &c
}

// CableLaid is the device under test; no name where there is no cable.
func (l *LAN) CableLaid() Ref {
	for _, d := range l.Devices {
		if d.Tested() {
			return d.Ref
		}
	}
	return Ref{}
}

// Tested reports whether a real port stands for the device, and is the one under test.
func (d *Device) Tested() bool { return d.Cable != nil && d.Port != nil }

// farCarrier reports whether what a veth's other end, or a cable's, is like lets d
// have a carrier.
func (d *Device) farCarrier(far *Device) bool {
	switch {
	case far == nil:
		return false
	case d.Cable == nil:
		return far.Up
	case d.Tested():
		return far.Up || !d.Cable.DUTFollows
	}
	return far.Up || !d.Cable.PeerFollows
}

// nobody is a source that a bridge does not learn, and whose frames it does not pass
// on (net/bridge/br_input.c:br_handle_frame).
var nobody = net.HardwareAddr{0, 0, 0, 0, 0, 0}

// cableFences are the fences that cross a cable from the device under test to the
// switch. What a veth sends is at its other end's CPU at once; here it is queued, and
// on its way for a while.
func (l *LAN) cableFences() []Fence {
	var all []Fence
	for _, d := range l.Devices {
		far := l.Device(d.Peer)
		if d.Tested() && far != nil && far.Up && l.Carrier(d) {
			all = append(all, Fence{At: d.Ref, Source: slices.Clone(nobody), Dest: far.MAC, Reaches: []Ref{far.Ref}, Cable: true})
		}
	}
	return all
}
