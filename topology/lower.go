package topology

import (
	"net/netip"
	"slices"
)

// lower is the device that d sits on or will: a child of a child of the same
// kind sits on the lowest device (macvlan.c:macvlan_common_newlink,
// ipvlan_main.c:ipvlan_link_new), only vlans stack.
func (l *LAN) lower(d *Device) *Device {
	parent := l.Device(d.Parent)
	if parent != nil && parent.Kind == d.Kind && d.Kind != KindVLAN {
		return l.Device(parent.Parent)
	}
	return parent
}

// shareMode models that an ipvlan's port has one mode and one set of flags for
// all its children (ipvlan_main.c:ipvlan_link_new, ipvlan_nl_changelink). A new
// child that names no mode makes it l3, one that names no flag leaves the port
// its flags.
func (l *LAN) shareMode(d *Device, isNew bool) {
	if d.Kind != KindIpvlan {
		return
	}
	for _, sibling := range l.Devices {
		if sibling.Kind != KindIpvlan || sibling.Parent != d.Parent || sibling == d {
			continue
		}
		if isNew && !d.FlagAsked {
			d.Flag = sibling.Flag
		}
		sibling.Mode, sibling.Flag = d.Mode, d.Flag
	}
}

// setUp models what the kernel does to the vlans on a device: they go down with
// it and come up with it, even those that were down before, and one that comes
// up takes its parent's address (net/8021q/vlan.c:vlan_device_event,
// vlan_dev.c:vlan_dev_open).
func (l *LAN) setUp(d *Device, up bool) {
	if parent := l.Device(d.Parent); up && parent != nil && d.Kind == KindVLAN && !d.OwnMAC {
		l.followMAC(d, parent.MAC)
	}
	l.keepCarriers(d, up)
	d.Up = up
	if !up {
		// net/ipv6/addrconf.c:addrconf_ifdown; IPv4 addresses stay.
		d.Addresses = slices.DeleteFunc(d.Addresses, func(p netip.Prefix) bool { return p.Addr().Is6() })
	}
	for _, c := range l.Children(d) {
		if c.Kind == KindVLAN && !c.loose() {
			l.setUp(c, up)
		}
	}
}

// keepCarriers models what those that are not told know of the carrier when d goes up
// or down: they keep what they had, and a loose vlan that goes down itself meanwhile
// has none when it comes up (net/8021q/vlan_dev.c:vlan_dev_open, vlan_dev_stop).
func (l *LAN) keepCarriers(d *Device, up bool) {
	switch {
	case d.loose() && !up:
		d.noCarrier = true
	case up == d.Up:
		return
	}
	for _, c := range l.Children(d) {
		if l.untold(c) && (up || c.Up || !c.loose()) {
			c.noCarrier = !up && !l.Carrier(d)
		}
	}
}

// untold reports whether a device is not told that its parent goes down: a loose vlan
// (net/8021q/vlan.c:vlan_device_event), and before Linux 6.12 an ipvlan
// (drivers/net/ipvlan/ipvlan_main.c:ipvlan_device_event).
func (l *LAN) untold(d *Device) bool {
	return d.loose() || d.Kind == KindIpvlan && l.Kernel.Before(6, 12)
}

// loose reports whether a vlan is up or down whatever its parent is.
func (d *Device) loose() bool { return d.VLANFlags[looseBinding] }

// Carrier reports whether a device that is up can send: a veth needs its other
// end up, a bridge a port that forwards (net/bridge/br_stp.c:
// br_port_state_selection), a child its parent. A dummy never loses it, up or
// down, and of a real port none is known to be lacking.
func (l *LAN) Carrier(d *Device) bool { return l.carries(d, map[Ref]bool{}) }

func (l *LAN) carries(d *Device, seen map[Ref]bool) bool {
	if d == nil || seen[d.Ref] {
		return false
	}
	seen[d.Ref] = true
	switch d.Kind {
	case KindDummy:
		return true
	case KindVeth:
		return d.Up && d.farCarrier(l.Device(d.Peer))
	case KindBridge:
		for _, p := range l.Devices {
			if d.Up && p.Master == d.Ref && p.Up && l.carries(p, seen) {
				return true
			}
		}
		return false
	}
	if d.VLANFlags[bridgeBinding] {
		return false // it waits for ports of a bridge, which none is (net/8021q/vlan_dev.c:vlan_dev_open)
	}
	parent := l.Device(d.Parent)
	if l.untold(d) && parent != nil && !parent.Up {
		return d.Up && !d.noCarrier
	}
	return d.Up && (d.Kind == KindNIC || l.carries(parent, seen))
}

// queuesNothing reports whether the macvlans on d drop all broadcasts that come
// in, for their queue holds the longest length that any of them asks for
// (macvlan.c:update_port_bc_queue_len), and that is 0 here.
func (l *LAN) queuesNothing(d *Device) bool {
	none := false
	for _, c := range l.Children(d) {
		if c.Kind != KindMacvlan {
			continue
		}
		if c.BCQueueLen == nil || *c.BCQueueLen != 0 {
			return false
		}
		none = true
	}
	return none
}
