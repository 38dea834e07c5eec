package port

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/rtnl"
)

// Sizes of the headers: struct ifaddrmsg, rtmsg, ndmsg, tcmsg. In all but rtmsg the
// ifindex is at 4.
const (
	addressHeader   = 8
	routeHeader     = 12
	neighbourHeader = 12
	queueHeader     = 20
	indexAt         = 4
)

var native = binary.NativeEndian

// forever is a lifetime without an end (INFINITY_LIFE_TIME).
const forever = 0xffffffff

// addresses fills in the addresses. Temporary ones of IPv6 are left out: only the
// kernel can make them, and it makes new ones.
func (p *place) addresses(s *State, l netlink.Link) error {
	all, err := p.conn.Dump(unix.RTM_GETADDR, make([]byte, addressHeader), unix.RTM_NEWADDR)
	if err != nil {
		return err
	}
	for _, b := range all {
		m, err := rtnl.ParseMessage(b, addressHeader)
		if err != nil {
			return err
		}
		if int(native.Uint32(m.Header[indexAt:])) != l.Attrs().Index {
			continue
		}
		if m.Header[0] == unix.AF_INET6 && addressFlags(m)&unix.IFA_F_TEMPORARY != 0 {
			continue
		}
		s.Addresses = append(s.Addresses, plainAddress(m))
	}
	return nil
}

// addressFlags returns the flags, whose newer ones have no place in the header.
func addressFlags(m *rtnl.Message) uint32 {
	if v := m.Get(unix.IFA_FLAGS); len(v) >= 4 {
		return native.Uint32(v)
	}
	return uint32(m.Header[2])
}

// addressFlagsKept are those that users set, and IFA_F_SECONDARY of IPv4, which
// follows from the order.
const addressFlagsKept = unix.IFA_F_SECONDARY | unix.IFA_F_NODAD | unix.IFA_F_HOMEADDRESS | unix.IFA_F_PERMANENT |
	unix.IFA_F_MANAGETEMPADDR | unix.IFA_F_NOPREFIXROUTE | unix.IFA_F_MCAUTOJOIN

// plainAddress takes off what belongs to the moment: index, lifetimes, how far the
// detection of duplicates is, and who made it.
func plainAddress(m *rtnl.Message) Entry {
	e := Entry{}
	if v := m.Get(unix.IFA_CACHEINFO); len(v) >= 8 { // struct ifa_cacheinfo
		if valid := native.Uint32(v[4:]); valid != forever {
			e.Preferred, e.Valid = native.Uint32(v), valid
		}
	}
	flags := addressFlags(m) & addressFlagsKept
	m.Header[2] = byte(flags)
	native.PutUint32(m.Header[indexAt:], 0)
	const proto = 11 // IFA_PROTO
	m.Attrs = slices.DeleteFunc(m.Attrs, func(a rtnl.RawAttr) bool { return a.Type == unix.IFA_CACHEINFO || a.Type == proto })
	if v := m.Get(unix.IFA_FLAGS); len(v) >= 4 {
		native.PutUint32(v, flags)
	}
	e.Text, e.Message = addressText(m), m.Bytes()
	return e
}

// routes fills in the routes of all tables that lead out of the port, and the
// blackholes and the like that name it. Those that the kernel makes of addresses
// for itself (local, broadcast, anycast, multicast) and cached ones are left out.
func (p *place) routes(s *State, l netlink.Link) error {
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		header := make([]byte, routeHeader)
		header[0] = family
		all, err := p.conn.Dump(unix.RTM_GETROUTE, header, unix.RTM_NEWROUTE)
		if err != nil {
			return err
		}
		for _, b := range all {
			m, err := rtnl.ParseMessage(b, routeHeader)
			if err != nil {
				return err
			}
			if plainRoute(m, uint32(l.Attrs().Index)) && !passing(m) {
				s.Routes = append(s.Routes, Entry{Text: routeText(m), Message: m.Bytes()})
			}
		}
	}
	return nil
}

// passing reports whether a route comes and goes by itself.
func passing(m *rtnl.Message) bool {
	flags, proto, kind := native.Uint32(m.Header[8:]), m.Header[5], m.Header[7]
	made := kind == unix.RTN_LOCAL || kind == unix.RTN_BROADCAST || kind == unix.RTN_ANYCAST || kind == unix.RTN_MULTICAST
	return flags&unix.RTM_F_CLONED != 0 || proto == unix.RTPROT_REDIRECT || proto == unix.RTPROT_KERNEL && made
}

// plainRoute reports whether a route leads out of the port, and takes off what
// belongs to the moment. The port becomes 0.
func plainRoute(m *rtnl.Message, index uint32) bool {
	ours := false
	if v := m.Get(unix.RTA_OIF); len(v) >= 4 && native.Uint32(v) == index {
		native.PutUint32(v, 0)
		ours = true
	}
	hops(m.Get(unix.RTA_MULTIPATH), func(hop []byte) {
		hop[2] &= unix.RTNH_F_ONLINK
		if native.Uint32(hop[4:]) == index {
			native.PutUint32(hop[4:], 0)
			ours = true
		}
	})
	m.Header[8], m.Header[9], m.Header[10], m.Header[11] = m.Header[8]&unix.RTNH_F_ONLINK, 0, 0, 0
	m.Attrs = slices.DeleteFunc(m.Attrs, func(a rtnl.RawAttr) bool { return a.Type == unix.RTA_CACHEINFO })
	return ours
}

// hops calls fn with each struct rtnexthop of a route with several: length, flags,
// weight, ifindex.
func hops(b []byte, fn func(hop []byte)) {
	for len(b) >= 8 {
		n := int(native.Uint16(b))
		if n < 8 || n > len(b) {
			return
		}
		fn(b[:n])
		b = b[min((n+3)&^3, len(b)):]
	}
}

// neighbours fills in the permanent entries of the tables of neighbours, and the
// addresses that the port answers for.
func (p *place) neighbours(s *State, l netlink.Link) error {
	for _, proxies := range []byte{0, unix.NTF_PROXY} {
		header := make([]byte, neighbourHeader)
		header[10] = proxies
		all, err := p.conn.Dump(unix.RTM_GETNEIGH, header, unix.RTM_NEWNEIGH)
		if err != nil {
			return err
		}
		for _, b := range all {
			m, err := rtnl.ParseMessage(b, neighbourHeader)
			if err != nil {
				return err
			}
			permanent := native.Uint16(m.Header[8:])&unix.NUD_PERMANENT != 0 || proxies != 0
			family := m.Header[0]
			if int(native.Uint32(m.Header[indexAt:])) != l.Attrs().Index || !permanent || family != unix.AF_INET && family != unix.AF_INET6 {
				continue
			}
			native.PutUint32(m.Header[indexAt:], 0)
			m.Attrs = slices.DeleteFunc(m.Attrs, func(a rtnl.RawAttr) bool { return a.Type != unix.NDA_DST && a.Type != unix.NDA_LLADDR })
			s.Neighbours = append(s.Neighbours, Entry{Text: neighbourText(m), Message: m.Bytes()})
		}
	}
	return nil
}

// queues fills in the queueing disciplines that have a handle: those without are
// the kernel's own choice, which it makes again when a device comes up.
func (p *place) queues(s *State, l netlink.Link) error {
	all, err := p.conn.Dump(unix.RTM_GETQDISC, make([]byte, queueHeader), unix.RTM_NEWQDISC)
	if err != nil {
		return err
	}
	for _, b := range all {
		m, err := rtnl.ParseMessage(b, queueHeader)
		if err != nil {
			return err
		}
		if int(native.Uint32(m.Header[indexAt:])) != l.Attrs().Index || native.Uint32(m.Header[8:]) == 0 {
			continue
		}
		native.PutUint32(m.Header[indexAt:], 0)
		native.PutUint32(m.Header[16:], 0)
		m.Attrs = slices.DeleteFunc(m.Attrs, func(a rtnl.RawAttr) bool { return a.Type != tcaKind && a.Type != tcaOptions })
		s.Queues = append(s.Queues, Entry{Text: queueText(m), Message: m.Bytes()})
	}
	return nil
}

// Attributes and places of queueing disciplines (include/uapi/linux/rtnetlink.h,
// pkt_sched.h).
const (
	tcaKind    = 1
	tcaOptions = 2
	tcRoot     = 0xffffffff
	tcIngress  = 0xfffffff1
)

// prefix reads an address of a message with its length.
func prefix(v []byte, bits byte) netip.Prefix {
	ip, ok := netip.AddrFromSlice(v)
	if !ok {
		return netip.Prefix{}
	}
	return netip.PrefixFrom(ip, int(bits))
}
