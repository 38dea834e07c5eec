package rtnl

import (
	"net"

	"golang.org/x/sys/unix"
)

// Filter returns the addresses beside its own that a device has been told to take
// frames for, groups among them (net/core/rtnetlink.c:ndo_dflt_fdb_dump, which
// lists dev->uc and dev->mc).
func (c *Conn) Filter(index int) ([]net.HardwareAddr, error) {
	msgs, err := c.dump(unix.RTM_GETNEIGH, &neighbour{Family: unix.AF_BRIDGE}, unix.RTM_NEWNEIGH)
	if err != nil {
		return nil, err
	}
	var all []net.HardwareAddr
	for _, m := range msgs {
		if mac, of := parseFilter(m); of == index && mac != nil {
			all = append(all, mac)
		}
	}
	return all, nil
}

// parseFilter reads one address of a device's own filter, and whose it is.
func parseFilter(m []byte) (mac net.HardwareAddr, index int) {
	const flags = 10 // struct ndmsg: family, two pads, ifindex, state, flags, type
	if len(m) < sizeofNeighbour || m[flags]&unix.NTF_SELF == 0 {
		return nil, 0
	}
	attrs, err := parseAttrs(m[sizeofNeighbour:])
	if err != nil {
		return nil, 0
	}
	for _, a := range attrs {
		if a.Attr.Type == unix.NDA_LLADDR {
			mac = append(net.HardwareAddr(nil), a.Value...)
		}
	}
	return mac, int(native.Uint32(m[4:]))
}
