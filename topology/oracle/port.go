package oracle

import "slices"

// admits reports whether a real port has to give the kernel a frame that comes in:
// because somebody above has asked for its address and its VLAN. What nobody has asked
// for its filters may hold back, and need not.
func (w *walk) admits(d *device, p packet) bool {
	if len(p.Tags) > 0 && !slices.ContainsFunc(d.vlans, func(v *device) bool { return v.TPID() == p.Tags[0].TPID && v.VID == p.Tags[0].VID }) {
		return false
	}
	switch {
	case p.Dest == broadcast, d.asksForAll():
		return true
	case p.Dest.Group():
		return w.member(d, p.Dest)
	}
	return d.owns(p.Dest)
}

// asksForAll reports whether a device is in promiscuous mode: by itself, as a bridge's
// port, or for a passthru child (drivers/net/macvlan.c:macvlan_open).
func (d *device) asksForAll() bool {
	return d.Promisc || d.master != nil || d.passthru() && d.macvlans[0].Up && !d.macvlans[0].NoPromisc
}

// owns reports whether an address is the device's, or of one that stands on it, for which
// it has it in its filter (net/core/dev_addr_lists.c:dev_uc_sync).
func (d *device) owns(a MAC) bool {
	return d.mac == a || slices.ContainsFunc(slices.Concat(d.vlans, d.macvlans, d.ipvlans), func(c *device) bool { return c.Up && c.owns(a) })
}
