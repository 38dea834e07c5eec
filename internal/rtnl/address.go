package rtnl

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// AddAddress gives a device an address. IPv6 addresses are usable at once: no
// duplicate address detection is done (IFA_F_NODAD).
func (c *Conn) AddAddress(index int, p netip.Prefix) error {
	return c.do(c.address(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL, index, p))
}

// RemoveAddress takes an address away.
func (c *Conn) RemoveAddress(index int, p netip.Prefix) error {
	return c.do(c.address(unix.RTM_DELADDR, 0, index, p))
}

func (c *Conn) address(typ, flags, index int, p netip.Prefix) *nl.NetlinkRequest {
	r := c.request(typ, flags)
	h := nl.NewIfAddrmsg(familyOf(p.Addr()))
	h.Index = uint32(index)
	h.Prefixlen = uint8(p.Bits())
	if p.Addr().Is6() {
		h.IfAddrmsg.Flags = unix.IFA_F_NODAD
	}
	r.AddData(h)
	r.AddData(nl.NewRtAttr(unix.IFA_LOCAL, p.Addr().AsSlice()))
	r.AddData(nl.NewRtAttr(unix.IFA_ADDRESS, p.Addr().AsSlice()))
	if p.Addr().Is4() && p.Bits() < 31 {
		r.AddData(nl.NewRtAttr(unix.IFA_BROADCAST, broadcast(p)))
	}
	return r
}

// Group is an IPv6 multicast group that a device is a member of.
type Group struct {
	Index int
	IP    netip.Addr
}

// Groups6 returns the IPv6 groups that the namespace's stack has joined
// (net/ipv6/addrconf.c:inet6_dump_ifmcaddr).
func (c *Conn) Groups6() ([]Group, error) {
	msgs, err := c.dump(unix.RTM_GETMULTICAST, nl.NewIfAddrmsg(unix.AF_INET6), 0)
	if err != nil {
		return nil, err
	}
	var all []Group
	for _, m := range msgs {
		if len(m) < unix.SizeofIfAddrmsg {
			return nil, fmt.Errorf("a group message of %d bytes is too short", len(m))
		}
		attrs, err := parseAttrs(m[unix.SizeofIfAddrmsg:])
		if err != nil {
			return nil, fmt.Errorf("read a group message: %w", err)
		}
		for _, a := range attrs {
			if ip, ok := netip.AddrFromSlice(a.Value); ok && a.Attr.Type == unix.IFA_MULTICAST {
				all = append(all, Group{Index: int(native.Uint32(m[4:])), IP: ip})
			}
		}
	}
	return all, nil
}

func broadcast(p netip.Prefix) []byte {
	b := p.Addr().As4()
	host := uint32(1)<<(32-p.Bits()) - 1
	return binary.BigEndian.AppendUint32(nil, binary.BigEndian.Uint32(b[:])|host)
}

func familyOf(a netip.Addr) int {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// AddRoute adds a route to the main table. via may be invalid for a route that
// is on the link; index may be 0 when via says the device.
func (c *Conn) AddRoute(to netip.Prefix, via netip.Addr, index int) error {
	return c.route(c.request(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_EXCL), to, via, index)
}

// RemoveRoute takes a route from the main table; via and index as in AddRoute.
func (c *Conn) RemoveRoute(to netip.Prefix, via netip.Addr, index int) error {
	return c.route(c.request(unix.RTM_DELROUTE, 0), to, via, index)
}

func (c *Conn) route(r *nl.NetlinkRequest, to netip.Prefix, via netip.Addr, index int) error {
	h := nl.NewRtMsg()
	h.Family = uint8(familyOf(to.Addr()))
	h.Dst_len = uint8(to.Bits())
	h.Protocol = unix.RTPROT_BOOT
	if !via.IsValid() {
		h.Scope = unix.RT_SCOPE_LINK
	}
	r.AddData(h)
	if to.Bits() > 0 {
		r.AddData(nl.NewRtAttr(unix.RTA_DST, to.Addr().AsSlice()))
	}
	if via.IsValid() {
		r.AddData(nl.NewRtAttr(unix.RTA_GATEWAY, via.AsSlice()))
	}
	if index > 0 {
		r.AddData(nl.NewRtAttr(unix.RTA_OIF, nl.Uint32Attr(uint32(index))))
	}
	return c.do(r)
}

// neighbour is struct ndmsg (include/uapi/linux/neighbour.h).
type neighbour struct {
	Family uint8
	Index  int32
	State  uint16
	Flags  uint8
	Type   uint8
}

const sizeofNeighbour = 12

func (n *neighbour) Len() int { return sizeofNeighbour }

func (n *neighbour) Serialize() []byte {
	b := make([]byte, sizeofNeighbour)
	b[0] = n.Family
	native.PutUint32(b[4:], uint32(n.Index))
	native.PutUint16(b[8:], n.State)
	b[10], b[11] = n.Flags, n.Type
	return b
}

// Neighbour is an entry of the ARP or ND table.
type Neighbour struct {
	Index int
	IP    netip.Addr
	MAC   net.HardwareAddr
}

// AddNeighbour adds a permanent entry, or replaces what is there.
func (c *Conn) AddNeighbour(n Neighbour) error {
	r := c.request(unix.RTM_NEWNEIGH, unix.NLM_F_CREATE|unix.NLM_F_REPLACE)
	r.AddData(&neighbour{Family: uint8(familyOf(n.IP)), Index: int32(n.Index), State: unix.NUD_PERMANENT})
	r.AddData(nl.NewRtAttr(unix.NDA_DST, n.IP.AsSlice()))
	r.AddData(nl.NewRtAttr(unix.NDA_LLADDR, n.MAC))
	return c.do(r)
}

// Neighbours are the entries that have an address, resolved or not.
func (c *Conn) Neighbours() ([]Neighbour, error) {
	msgs, err := c.dump(unix.RTM_GETNEIGH, &neighbour{}, unix.RTM_NEWNEIGH)
	if err != nil {
		return nil, err
	}
	var all []Neighbour
	for _, m := range msgs {
		n, _, err := parseNeighbour(m)
		if err != nil {
			return nil, err
		}
		if n.IP.IsValid() {
			all = append(all, n)
		}
	}
	return all, nil
}

// FlushNeighbours forgets every entry, permanent ones too, so that the next
// packet asks anew. Those of devices without resolution stay (NUD_NOARP).
func (c *Conn) FlushNeighbours() error {
	msgs, err := c.dump(unix.RTM_GETNEIGH, &neighbour{}, unix.RTM_NEWNEIGH)
	if err != nil {
		return err
	}
	var errs error
	for _, m := range msgs {
		n, state, err := parseNeighbour(m)
		if err != nil {
			return err
		}
		if !n.IP.IsValid() || state&unix.NUD_NOARP != 0 {
			continue
		}
		r := c.request(unix.RTM_DELNEIGH, 0)
		r.AddData(&neighbour{Family: uint8(familyOf(n.IP)), Index: int32(n.Index)})
		r.AddData(nl.NewRtAttr(unix.NDA_DST, n.IP.AsSlice()))
		// An entry that went by itself meanwhile is as good.
		if err := c.do(r); err != nil && !errors.Is(err, unix.ENOENT) {
			errs = errors.Join(errs, err)
		}
	}
	return errs
}

// parseNeighbour reads one entry and its state. Its address is not valid where
// the message is of no family that we know.
func parseNeighbour(m []byte) (n Neighbour, state uint16, err error) {
	if len(m) < sizeofNeighbour {
		return n, 0, fmt.Errorf("a neighbour message of %d bytes is too short", len(m))
	}
	attrs, err := parseAttrs(m[sizeofNeighbour:])
	if err != nil {
		return n, 0, fmt.Errorf("read a neighbour message: %w", err)
	}
	n.Index = int(native.Uint32(m[4:]))
	for _, a := range attrs {
		switch a.Attr.Type {
		case unix.NDA_DST:
			if ip, ok := netip.AddrFromSlice(a.Value); ok && familyOf(ip) == int(m[0]) {
				n.IP = ip
			}
		case unix.NDA_LLADDR:
			n.MAC = append(net.HardwareAddr(nil), a.Value...)
		}
	}
	return n, native.Uint16(m[8:]), nil
}
