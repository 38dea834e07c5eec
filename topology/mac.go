package topology

import (
	"crypto/sha256"
	"net"
	"net/netip"
	"slices"
)

// MACOf derives the address of a device from its place: unicast and locally
// administered (IEEE 802 clause 8.4), the same in every run with the same seed.
func (l *LAN) MACOf(r Ref) net.HardwareAddr {
	sum := sha256.Sum256([]byte(l.seed + "\x00" + r.String()))
	mac := net.HardwareAddr{0x02, sum[0], sum[1], sum[2], sum[3], sum[4]}
	// Some device models mistake a unicast address for a multicast group when
	// its last bytes are those of a joined one, so 0 and 1 are left out.
	if mac[5] < 2 {
		mac[5] += 2
	}
	return mac
}

// dockerMAC is the address that Docker derived from the IPv4 address up to 27.
func dockerMAC(ip netip.Addr) net.HardwareAddr {
	b := ip.As4()
	return net.HardwareAddr{0x02, 0x42, b[0], b[1], b[2], b[3]}
}

// SetMAC models that a device's address has changed, or has become known, and
// what the kernel then does to the devices on it: ipvlans follow always
// (ipvlan_main.c:ipvlan_device_event), a passthru macvlan too
// (macvlan.c:macvlan_device_event), vlans while they are up and have no address
// of their own (net/8021q/vlan.c:vlan_sync_address).
func (l *LAN) SetMAC(d *Device, mac net.HardwareAddr) {
	// A parent that is given an address keeps it when its passthru child goes.
	d.restore = nil
	l.followMAC(d, mac)
}

// changeMAC models a change that was asked for on d itself. The address of a
// passthru child is its parent's, until the child goes
// (macvlan.c:macvlan_set_mac_address, macvlan_port_destroy).
func (l *LAN) changeMAC(d *Device, mac net.HardwareAddr) {
	if parent := l.Device(d.Parent); parent != nil && d.passthru() {
		if parent.restore == nil {
			parent.restore = parent.MAC
		}
		if parent.Kind == KindVLAN {
			parent.OwnMAC = true
		}
		l.followMAC(parent, mac)
		return
	}
	if d.Kind == KindVLAN {
		d.OwnMAC = true
	}
	l.SetMAC(d, mac)
}

func (l *LAN) followMAC(d *Device, mac net.HardwareAddr) {
	if slices.Equal(d.MAC, mac) {
		return
	}
	d.MAC = slices.Clone(mac)
	for _, c := range l.Children(d) {
		switch {
		case c.Kind == KindVLAN && !c.OwnMAC && (c.Up || c.MAC == nil), c.Kind == KindIpvlan, c.passthru():
			l.followMAC(c, mac)
		}
	}
}

// restoreParent gives a parent its address back when d was its passthru child.
func (l *LAN) restoreParent(d *Device) {
	if parent := l.Device(d.Parent); parent != nil && d.passthru() && parent.restore != nil {
		mac := parent.restore
		parent.restore = nil
		l.followMAC(parent, mac)
	}
}

func (d *Device) passthru() bool { return d.Kind == KindMacvlan && d.Mode == "passthru" }
