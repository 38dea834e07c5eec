package rtnl

import (
	"maps"
	"net"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Change is what SetLink changes of a device; what is nil or zero stays.
type Change struct {
	Up, Promisc *bool
	AllMulti    *bool
	Name        string
	NS          int // descriptor of the namespace to move to
	Index       int // ifindex that it is to have there (Linux 5.13)
	MAC         net.HardwareAddr
	MTU         int
	Master      int
	// Kind and Data change the kind's own attributes.
	Kind string
	Data []Attr
	// Instead are as a Link's.
	Instead []Attr
}

// SetLink changes a device in one message.
func (c *Conn) SetLink(index int, ch *Change) error { return c.do(c.setLink(index, ch)) }

func (c *Conn) setLink(index int, ch *Change) *nl.NetlinkRequest {
	// RTM_SETLINK ignores the kind's own data, RTM_NEWLINK does not
	// (net/core/rtnetlink.c:rtnl_setlink, rtnl_changelink).
	typ := unix.RTM_SETLINK
	l := Link{Index: index, NS: ch.NS, MAC: ch.MAC, MTU: ch.MTU, Master: ch.Master, Kind: ch.Kind, Data: ch.Data, Instead: ch.Instead}
	if ch.Kind != "" {
		typ = unix.RTM_NEWLINK
	}
	r := c.request(typ, 0)
	h := l.header()
	for flag, on := range map[uint32]*bool{unix.IFF_UP: ch.Up, unix.IFF_PROMISC: ch.Promisc, unix.IFF_ALLMULTI: ch.AllMulti} {
		if on == nil {
			continue
		}
		h.Change |= flag
		if *on {
			h.Flags |= flag
		}
	}
	r.AddData(h)
	attrs := l.attrs()[1:] // the name is no condition but a change
	if ch.Name != "" {
		attrs = append(attrs, nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(ch.Name)))
	}
	if ch.Index > 0 {
		attrs = append(attrs, nl.NewRtAttr(unix.IFLA_NEW_IFINDEX, nl.Uint32Attr(uint32(ch.Index))))
	}
	for _, a := range attrs {
		r.AddData(a)
	}
	return r
}

// DeleteLink deletes a device and what sits on it.
func (c *Conn) DeleteLink(index int) error { return c.do(c.deleteLink(index)) }

func (c *Conn) deleteLink(index int) *nl.NetlinkRequest {
	r := c.request(unix.RTM_DELLINK, 0)
	r.AddData((&Link{Index: index}).header())
	return r
}

// Macvlan returns the attributes of a macvlan. What is nil is left to the kernel.
func Macvlan(mode string, flags *uint16, sources []net.HardwareAddr, queueLen, cutoff *int) []Attr {
	var data []Attr
	if mode != "" {
		data = append(data, U32(macvlanMode, macvlanModes[mode]))
	}
	if flags != nil {
		data = append(data, U16(macvlanFlags, *flags))
	}
	if sources != nil {
		nest := []Attr{}
		for _, m := range sources {
			nest = append(nest, Attr{Type: macvlanMACAddr, Value: m})
		}
		data = append(data, U32(macvlanMACAddrMode, macaddrSet), Attr{Type: macvlanMACAddrData | unix.NLA_F_NESTED, Nest: nest})
	}
	if queueLen != nil {
		data = append(data, U32(macvlanBCQueueLen, uint32(*queueLen)))
	}
	if cutoff != nil {
		data = append(data, U32(macvlanBCCutoff, uint32(int32(*cutoff))))
	}
	return data
}

// How a macvlan's list of sources changes.
const (
	SourceAdd    = 0 // MACVLAN_MACADDR_ADD
	SourceRemove = 1 // MACVLAN_MACADDR_DEL
	SourceFlush  = 2 // MACVLAN_MACADDR_FLUSH
)

// MacvlanSource returns the attributes that change a macvlan's list of sources by
// one address, or empty it.
func MacvlanSource(how uint32, mac net.HardwareAddr) []Attr {
	data := []Attr{U32(macvlanMACAddrMode, how)}
	if mac != nil {
		data = append(data, Attr{Type: macvlanMACAddr, Value: mac})
	}
	return data
}

// MacvlanFlags are IFLA_MACVLAN_FLAGS.
func MacvlanFlags(noPromisc, noDst bool) *uint16 {
	var f uint16
	if noPromisc {
		f |= macvlanNoPromisc
	}
	if noDst {
		f |= macvlanNoDst
	}
	return &f
}

// Ipvlan returns the attributes of an ipvlan (drivers/net/ipvlan/ipvlan_main.c).
func Ipvlan(mode, flag string) []Attr {
	var data []Attr
	if mode != "" {
		data = append(data, U16(nl.IFLA_IPVLAN_MODE, ipvlanModes[mode]))
	}
	if flag != "" {
		data = append(data, U16(nl.IFLA_IPVLAN_FLAG, ipvlanFlags[flag]))
	}
	return data
}

// VLANData are the attributes of a vlan. What is nil or empty is left to the kernel.
type VLANData struct {
	ID *int
	// Protocol is its TPID; 0 leaves it to the kernel.
	Protocol uint16
	// Flags to set or clear, by name; see VLANFlags.
	Flags map[string]bool
	// Ingress maps priorities in tags to those of packets, Egress the other way.
	Ingress, Egress map[int]int
}

// VLANFlags are the names of a vlan's flags (include/uapi/linux/if_vlan.h).
func VLANFlags() []string {
	return []string{"reorder_hdr", "gvrp", "loose_binding", "mvrp", "bridge_binding"}
}

// Attrs returns the attributes.
func (v *VLANData) Attrs() []Attr {
	var data []Attr
	if v.ID != nil {
		data = append(data, U16(nl.IFLA_VLAN_ID, uint16(*v.ID)))
	}
	if v.Protocol != 0 {
		data = append(data, Attr{Type: nl.IFLA_VLAN_PROTOCOL, Value: []byte{byte(v.Protocol >> 8), byte(v.Protocol)}})
	}
	if len(v.Flags) > 0 {
		var flags, mask uint32
		for bit, name := range VLANFlags() {
			on, asked := v.Flags[name]
			if asked {
				mask |= 1 << bit
			}
			if on {
				flags |= 1 << bit
			}
		}
		data = append(data, Attr{Type: nl.IFLA_VLAN_FLAGS, Value: pair(flags, mask)}) // struct ifla_vlan_flags
	}
	data = qos(data, nl.IFLA_VLAN_INGRESS_QOS, v.Ingress)
	return qos(data, nl.IFLA_VLAN_EGRESS_QOS, v.Egress)
}

// qos adds a map of priorities, in the order of its keys.
func qos(data []Attr, typ int, priorities map[int]int) []Attr {
	if len(priorities) == 0 {
		return data
	}
	nest := []Attr{}
	for _, from := range slices.Sorted(maps.Keys(priorities)) {
		nest = append(nest, Attr{Type: nl.IFLA_VLAN_QOS_MAPPING, Value: pair(uint32(from), uint32(priorities[from]))}) // struct ifla_vlan_qos_mapping
	}
	return append(data, Attr{Type: typ | unix.NLA_F_NESTED, Nest: nest})
}

func pair(a, b uint32) []byte {
	value := make([]byte, 8)
	native.PutUint32(value, a)
	native.PutUint32(value[4:], b)
	return value
}

// BridgeData returns the attributes of a plain bridge: no spanning tree, no
// multicast snooping. maxLearned bounds its table (Linux 6.7), 0 does not.
func BridgeData(filtering bool, maxLearned int) []Attr {
	data := []Attr{U32(nl.IFLA_BR_STP_STATE, 0), U8(nl.IFLA_BR_MCAST_SNOOPING, 0)}
	if filtering {
		data = append(data, U8(nl.IFLA_BR_VLAN_FILTERING, 1))
	}
	if maxLearned > 0 {
		data = append(data, U32(bridgeFDBMaxLearned, uint32(maxLearned)))
	}
	return data
}

var (
	native       = nl.NativeEndian()
	macvlanModes = map[string]uint32{"private": 1, "vepa": 2, "bridge": 4, "passthru": 8, "source": 16}
	ipvlanModes  = map[string]uint16{"l2": 0, "l3": 1, "l3s": 2}
	ipvlanFlags  = map[string]uint16{"bridge": 0, "private": 1, "vepa": 2}
)

// PortSettings are the settings of a bridge's port.
type PortSettings struct {
	Hairpin, Learning, Flood, Isolated, Locked bool
}

// SetBridgePort sets how a port behaves (net/bridge/br_netlink.c:br_setport).
func (c *Conn) SetBridgePort(index int, p PortSettings) error {
	r, info := c.port(index)
	for _, s := range []struct {
		attr int
		on   bool
	}{
		{nl.IFLA_BRPORT_MODE, p.Hairpin},
		{nl.IFLA_BRPORT_LEARNING, p.Learning},
		{nl.IFLA_BRPORT_UNICAST_FLOOD, p.Flood},
		{nl.IFLA_BRPORT_ISOLATED, p.Isolated},
		{nl.IFLA_BRPORT_LOCKED, p.Locked},
	} {
		v := uint8(0)
		if s.on {
			v = 1
		}
		info.AddRtAttr(s.attr, nl.Uint8Attr(v))
	}
	return c.do(r)
}

// FlushPort forgets the addresses that a bridge has learned at a port.
func (c *Conn) FlushPort(index int) error {
	r, info := c.port(index)
	info.AddRtAttr(nl.IFLA_BRPORT_FLUSH, nil)
	return c.do(r)
}

// port starts a message about a bridge's port; info takes what is to change.
func (c *Conn) port(index int) (r *nl.NetlinkRequest, info *nl.RtAttr) {
	r = c.request(unix.RTM_SETLINK, 0)
	r.AddData(bridgeHeader(index))
	info = nl.NewRtAttr(unix.IFLA_PROTINFO|unix.NLA_F_NESTED, nil)
	r.AddData(info)
	return r, info
}

func bridgeHeader(index int) *nl.IfInfomsg {
	h := nl.NewIfInfomsg(unix.AF_BRIDGE)
	h.Index = int32(index)
	return h
}

// AddFDB pins an address to a bridge's port.
func (c *Conn) AddFDB(index int, mac net.HardwareAddr) error {
	r := c.request(unix.RTM_NEWNEIGH, unix.NLM_F_CREATE|unix.NLM_F_REPLACE)
	r.AddData(&neighbour{Family: unix.AF_BRIDGE, Index: int32(index), State: unix.NUD_NOARP, Flags: unix.NTF_MASTER})
	r.AddData(nl.NewRtAttr(unix.NDA_LLADDR, mac))
	return c.do(r)
}

// RemoveFDB takes an address off a bridge's port.
func (c *Conn) RemoveFDB(index int, mac net.HardwareAddr) error {
	r := c.request(unix.RTM_DELNEIGH, 0)
	r.AddData(&neighbour{Family: unix.AF_BRIDGE, Index: int32(index), Flags: unix.NTF_MASTER})
	r.AddData(nl.NewRtAttr(unix.NDA_LLADDR, mac))
	return c.do(r)
}

// SetFilter has a device take frames to an address as well, or take them no more
// (net/core/rtnetlink.c:rtnl_fdb_add, with NTF_SELF).
func (c *Conn) SetFilter(index int, mac net.HardwareAddr, add bool) error {
	typ, flags := unix.RTM_NEWNEIGH, unix.NLM_F_CREATE|unix.NLM_F_EXCL
	if !add {
		typ, flags = unix.RTM_DELNEIGH, 0
	}
	r := c.request(typ, flags)
	r.AddData(&neighbour{Family: unix.AF_BRIDGE, Index: int32(index), State: unix.NUD_PERMANENT, Flags: unix.NTF_SELF})
	r.AddData(nl.NewRtAttr(unix.NDA_LLADDR, mac))
	return c.do(r)
}

// SetBridgeVLAN adds or removes a VLAN at a bridge's port. access makes it the
// port's own, sent and received untagged.
func (c *Conn) SetBridgeVLAN(index, vid int, access, add bool) error {
	typ := unix.RTM_SETLINK
	if !add {
		typ = unix.RTM_DELLINK
	}
	r := c.request(typ, 0)
	r.AddData(bridgeHeader(index))
	info := make([]byte, 4) // struct bridge_vlan_info: flags, vid
	if access {
		native.PutUint16(info, nl.BRIDGE_VLAN_INFO_PVID|nl.BRIDGE_VLAN_INFO_UNTAGGED)
	}
	native.PutUint16(info[2:], uint16(vid))
	spec := nl.NewRtAttr(unix.IFLA_AF_SPEC, nil)
	spec.AddRtAttr(nl.IFLA_BRIDGE_VLAN_INFO, info)
	r.AddData(spec)
	return c.do(r)
}
