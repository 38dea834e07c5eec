package rtnl

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// State is what the kernel reports of a device (net/core/rtnetlink.c:rtnl_fill_ifinfo).
type State struct {
	Index        int
	Name         string
	Kind         string
	Parent       int // ifindex of the lower device
	ParentNSID   int // id of its namespace as seen from here; -1 when it is this one
	Master       int
	MAC          net.HardwareAddr
	MTU          int
	TxQueueLen   int
	Flags        uint32 // IFF_*
	Operstate    string
	Carrier      bool
	Promiscuity  int
	AllMulti     int // IFLA_ALLMULTI (Linux 6.0)
	MinMTU       int
	MaxMTU       int
	Mode, Flag   string // of a macvlan or ipvlan
	MacvlanFlags []string
	Sources      []net.HardwareAddr
	SourceCount  int // IFLA_MACVLAN_MACADDR_COUNT
	BCQueueLen   int
	BCQueueUsed  int
	// BCCutoff is reported only when it is not 1, the default.
	BCCutoff int
	VID      int
	Protocol string
	// VLANFlags are those that are set.
	VLANFlags map[string]bool
	// Ingress and Egress are a vlan's maps of priorities, from and to.
	Ingress, Egress map[int]int
	// FDBMaxLearned of a bridge, -1 where the kernel has no such limit.
	FDBMaxLearned int
	Counters      map[string]uint64
}

// Up reports whether the device is administratively up.
func (s *State) Up() bool { return s.Flags&unix.IFF_UP != 0 }

// NoARP reports whether the device resolves no addresses.
func (s *State) NoARP() bool { return s.Flags&unix.IFF_NOARP != 0 }

// Link returns the state of the device with this ifindex. The error wraps
// ENODEV when there is none.
func (c *Conn) Link(index int) (*State, error) {
	r := c.request(unix.RTM_GETLINK, 0)
	r.AddData((&Link{Index: index}).header())
	return c.one(r)
}

// LinkByName returns the state of the device with this name.
func (c *Conn) LinkByName(name string) (*State, error) {
	r := c.request(unix.RTM_GETLINK, 0)
	r.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	r.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))
	return c.one(r)
}

func (c *Conn) one(r *nl.NetlinkRequest) (*State, error) {
	msgs, err := r.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWLINK)
	if err != nil {
		return nil, err
	}
	if len(msgs) != 1 {
		return nil, fmt.Errorf("the kernel answered with %d devices", len(msgs))
	}
	return parseState(msgs[0])
}

// Links returns the states of all devices of the namespace.
func (c *Conn) Links() ([]*State, error) {
	msgs, err := c.dump(unix.RTM_GETLINK, nl.NewIfInfomsg(unix.AF_UNSPEC), unix.RTM_NEWLINK)
	if err != nil {
		return nil, err
	}
	all := make([]*State, len(msgs))
	for i, m := range msgs {
		if all[i], err = parseState(m); err != nil {
			return nil, err
		}
	}
	return all, nil
}

var operstates = []string{"unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"}

func parseState(m []byte) (*State, error) {
	if len(m) < unix.SizeofIfInfomsg {
		return nil, fmt.Errorf("a link message of %d bytes is too short", len(m))
	}
	h := nl.DeserializeIfInfomsg(m)
	s := &State{Index: int(h.Index), Flags: h.Flags, ParentNSID: -1, BCCutoff: 1, FDBMaxLearned: -1}
	attrs, err := parseAttrs(m[unix.SizeofIfInfomsg:])
	if err != nil {
		return nil, fmt.Errorf("read a link message: %w", err)
	}
	for _, a := range attrs {
		v := a.Value
		switch a.Attr.Type {
		case unix.IFLA_IFNAME:
			s.Name = text(v)
		case unix.IFLA_LINK:
			s.Parent = int(u32(v))
		case unix.IFLA_LINK_NETNSID:
			s.ParentNSID = int(int32(u32(v)))
		case unix.IFLA_MASTER:
			s.Master = int(u32(v))
		case unix.IFLA_ADDRESS:
			s.MAC = append(net.HardwareAddr(nil), v...)
		case unix.IFLA_MTU:
			s.MTU = int(u32(v))
		case unix.IFLA_TXQLEN:
			s.TxQueueLen = int(u32(v))
		case unix.IFLA_PROMISCUITY:
			s.Promiscuity = int(u32(v))
		case unix.IFLA_ALLMULTI:
			s.AllMulti = int(u32(v))
		case unix.IFLA_MIN_MTU:
			s.MinMTU = int(u32(v))
		case unix.IFLA_MAX_MTU:
			s.MaxMTU = int(u32(v))
		case unix.IFLA_CARRIER:
			s.Carrier = len(v) > 0 && v[0] != 0
		case unix.IFLA_OPERSTATE:
			if len(v) > 0 && int(v[0]) < len(operstates) {
				s.Operstate = operstates[v[0]]
			}
		case unix.IFLA_STATS64:
			s.Counters = counters(v)
		case unix.IFLA_LINKINFO:
			if err := s.parseInfo(v); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

func u32(v []byte) uint32 {
	if len(v) < 4 {
		return 0
	}
	return native.Uint32(v)
}

func u16(v []byte) uint16 {
	if len(v) < 2 {
		return 0
	}
	return native.Uint16(v)
}

func text(v []byte) string { return strings.TrimRight(string(v), "\x00") }

// parseInfo reads IFLA_LINKINFO: the kind and its own attributes.
func (s *State) parseInfo(v []byte) error {
	info, err := parseAttrs(v)
	if err != nil {
		return fmt.Errorf("read a link's kind: %w", err)
	}
	for _, a := range info {
		switch a.Attr.Type {
		case nl.IFLA_INFO_KIND:
			s.Kind = text(a.Value)
		case nl.IFLA_INFO_DATA:
			data, err := parseAttrs(a.Value)
			if err != nil {
				return fmt.Errorf("read the attributes of a %s: %w", s.Kind, err)
			}
			for _, d := range data {
				s.parseData(int(d.Attr.Type&^unix.NLA_F_NESTED), d.Value)
			}
		}
	}
	return nil
}

func (s *State) parseData(typ int, v []byte) {
	switch s.Kind {
	case "macvlan":
		s.parseMacvlan(typ, v)
	case "ipvlan":
		switch typ {
		case nl.IFLA_IPVLAN_MODE:
			s.Mode = nameOf(ipvlanModes, u16(v))
		case nl.IFLA_IPVLAN_FLAG:
			s.Flag = nameOf(ipvlanFlags, u16(v))
		}
	case "vlan":
		s.parseVLAN(typ, v)
	case "bridge":
		if typ == bridgeFDBMaxLearned {
			s.FDBMaxLearned = int(u32(v))
		}
	}
}

func (s *State) parseVLAN(typ int, v []byte) {
	switch typ {
	case nl.IFLA_VLAN_ID:
		s.VID = int(u16(v))
	case nl.IFLA_VLAN_PROTOCOL:
		s.Protocol = "802.1Q"
		if len(v) == 2 && v[0] == 0x88 && v[1] == 0xa8 {
			s.Protocol = "802.1ad"
		}
	case nl.IFLA_VLAN_FLAGS:
		s.VLANFlags = map[string]bool{}
		for bit, name := range VLANFlags() {
			if u32(v)&(1<<bit) != 0 {
				s.VLANFlags[name] = true
			}
		}
	case nl.IFLA_VLAN_INGRESS_QOS:
		s.Ingress = parseQoS(v)
	case nl.IFLA_VLAN_EGRESS_QOS:
		s.Egress = parseQoS(v)
	}
}

// parseQoS reads a map of priorities.
func parseQoS(v []byte) map[int]int {
	nested, err := parseAttrs(v)
	if err != nil {
		return nil
	}
	priorities := map[int]int{}
	for _, m := range nested {
		if len(m.Value) >= 8 { // struct ifla_vlan_qos_mapping
			priorities[int(u32(m.Value))] = int(u32(m.Value[4:]))
		}
	}
	return priorities
}

func (s *State) parseMacvlan(typ int, v []byte) {
	switch typ {
	case macvlanMode:
		s.Mode = nameOf(macvlanModes, u32(v))
	case macvlanFlags:
		f := u16(v)
		if f&macvlanNoPromisc != 0 {
			s.MacvlanFlags = append(s.MacvlanFlags, "nopromisc")
		}
		if f&macvlanNoDst != 0 {
			s.MacvlanFlags = append(s.MacvlanFlags, "nodst")
		}
	case macvlanMACAddrData:
		nested, err := parseAttrs(v)
		if err != nil {
			return
		}
		for _, m := range nested {
			s.Sources = append(s.Sources, append(net.HardwareAddr(nil), m.Value...))
		}
	case macvlanMACAddrCount:
		s.SourceCount = int(u32(v))
	case macvlanBCQueueLen:
		s.BCQueueLen = int(u32(v))
	case macvlanBCQueueUsed:
		s.BCQueueUsed = int(u32(v))
	case macvlanBCCutoff:
		s.BCCutoff = int(int32(u32(v)))
	}
}

func nameOf[K comparable](names map[string]K, value K) string {
	for name, v := range names {
		if v == value {
			return name
		}
	}
	return fmt.Sprint(value)
}

// counterNames are the fields of struct rtnl_link_stats64 in their order.
var counterNames = []string{
	"rx_packets", "tx_packets", "rx_bytes", "tx_bytes", "rx_errors", "tx_errors", "rx_dropped", "tx_dropped",
	"multicast", "collisions", "rx_length_errors", "rx_over_errors", "rx_crc_errors", "rx_frame_errors",
	"rx_fifo_errors", "rx_missed_errors", "tx_aborted_errors", "tx_carrier_errors", "tx_fifo_errors",
	"tx_heartbeat_errors", "tx_window_errors", "rx_compressed", "tx_compressed", "rx_nohandler", "rx_otherhost_dropped",
}

func counters(v []byte) map[string]uint64 {
	all := make(map[string]uint64, len(counterNames))
	for i, name := range counterNames {
		if len(v) >= (i+1)*8 {
			all[name] = native.Uint64(v[i*8:])
		}
	}
	return all
}

// Address is one address of a device.
type Address struct {
	Index  int
	Prefix netip.Prefix
}

// LinkLocal reports whether the address is an IPv6 link-local one.
func (a Address) LinkLocal() bool {
	ip := a.Prefix.Addr()
	return ip.Is6() && ip.IsLinkLocalUnicast()
}

// Addresses returns the addresses of the namespace, IPv6 link-local ones left out.
func (c *Conn) Addresses() ([]Address, error) {
	all, err := c.AllAddresses()
	return slices.DeleteFunc(all, Address.LinkLocal), err
}

// AllAddresses returns the addresses of the namespace.
func (c *Conn) AllAddresses() ([]Address, error) {
	return c.addresses(func([]byte) bool { return true })
}

// TentativeAddresses returns the IPv6 addresses that cannot be used yet, since the kernel
// is still finding out whether somebody else has them (RFC 4862 5.4).
func (c *Conn) TentativeAddresses() ([]Address, error) {
	return c.addresses(func(m []byte) bool {
		return len(m) > 2 && m[2]&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) == unix.IFA_F_TENTATIVE
	})
}

// addresses returns those whose messages are wanted.
func (c *Conn) addresses(want func(m []byte) bool) ([]Address, error) {
	msgs, err := c.dump(unix.RTM_GETADDR, nl.NewIfInfomsg(unix.AF_UNSPEC), unix.RTM_NEWADDR)
	if err != nil {
		return nil, err
	}
	var all []Address
	for _, m := range msgs {
		a, err := parseAddress(m)
		if err != nil {
			return nil, err
		}
		if a.Prefix.Addr().IsValid() && want(m) {
			all = append(all, a)
		}
	}
	return all, nil
}

// parseAddress reads one address. Its prefix is not valid where the message has
// none that we know.
func parseAddress(m []byte) (Address, error) {
	if len(m) < unix.SizeofIfAddrmsg {
		return Address{}, fmt.Errorf("an address message of %d bytes is too short", len(m))
	}
	attrs, err := parseAttrs(m[unix.SizeofIfAddrmsg:])
	if err != nil {
		return Address{}, fmt.Errorf("read an address message: %w", err)
	}
	var ip netip.Addr
	for _, a := range attrs {
		got, ok := netip.AddrFromSlice(a.Value)
		// IFA_LOCAL is the address itself where there is a peer.
		if ok && (a.Attr.Type == unix.IFA_LOCAL || a.Attr.Type == unix.IFA_ADDRESS && !ip.IsValid()) {
			ip = got
		}
	}
	return Address{Index: int(native.Uint32(m[4:])), Prefix: netip.PrefixFrom(ip, int(m[1]))}, nil
}

// RouteEntry is one route of the main table.
type RouteEntry struct {
	To     netip.Prefix
	Via    netip.Addr
	Source netip.Addr
	Index  int
	Scope  string // link, global, host or a number
}

// Routes returns the main table's unicast routes of both families.
func (c *Conn) Routes() ([]RouteEntry, error) {
	var all []RouteEntry
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		h := nl.NewRtMsg()
		h.Family = uint8(family)
		msgs, err := c.dump(unix.RTM_GETROUTE, h, unix.RTM_NEWROUTE)
		if err != nil {
			return nil, err
		}
		for _, m := range msgs {
			if e, ok := parseRoute(m); ok {
				all = append(all, e)
			}
		}
	}
	return all, nil
}

func parseRoute(m []byte) (RouteEntry, bool) {
	if len(m) < unix.SizeofRtMsg {
		return RouteEntry{}, false
	}
	h := nl.DeserializeRtMsg(m)
	attrs, err := parseAttrs(m[unix.SizeofRtMsg:])
	if err != nil || h.Type != unix.RTN_UNICAST || h.Table != unix.RT_TABLE_MAIN {
		return RouteEntry{}, false
	}
	zero := netip.IPv4Unspecified()
	if h.Family == unix.AF_INET6 {
		zero = netip.IPv6Unspecified()
	}
	e := RouteEntry{To: netip.PrefixFrom(zero, 0), Scope: fmt.Sprint(h.Scope)}
	switch h.Scope {
	case unix.RT_SCOPE_UNIVERSE:
		e.Scope = "global"
	case unix.RT_SCOPE_LINK:
		e.Scope = "link"
	case unix.RT_SCOPE_HOST:
		e.Scope = "host"
	}
	for _, a := range attrs {
		ip, isIP := netip.AddrFromSlice(a.Value)
		switch a.Attr.Type {
		case unix.RTA_DST:
			if isIP {
				e.To = netip.PrefixFrom(ip, int(h.Dst_len))
			}
		case unix.RTA_GATEWAY:
			e.Via = ip
		case unix.RTA_PREFSRC:
			e.Source = ip
		case unix.RTA_OIF:
			e.Index = int(u32(a.Value))
		}
	}
	return e, true
}
