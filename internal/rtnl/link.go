package rtnl

import (
	"net"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Attributes of macvlan devices that the library has no names for
// (include/uapi/linux/if_link.h).
const (
	macvlanMode         = 1
	macvlanFlags        = 2
	macvlanMACAddrMode  = 3
	macvlanMACAddr      = 4
	macvlanMACAddrData  = 5
	macvlanMACAddrCount = 6
	macvlanBCQueueLen   = 7
	macvlanBCQueueUsed  = 8
	macvlanBCCutoff     = 9
	macvlanNoPromisc    = 1
	macvlanNoDst        = 2
	macaddrSet          = 3 // MACVLAN_MACADDR_SET
	bridgeFDBMaxLearned = 49
)

// Link is a device to be made.
type Link struct {
	Name   string
	Kind   string // as the kernel calls it
	Index  int    // ifindex; the kernel chooses when 0
	NS     int    // descriptor of the namespace to make it in; this one when 0
	Parent int    // ifindex of the lower device in this namespace
	Master int    // ifindex of the bridge
	MAC    net.HardwareAddr
	MTU    int
	TxQLen *int
	Up     bool
	// Promisc counts one user of promiscuous mode, AllMulti one of all multicasts.
	Promisc, AllMulti bool
	// Data are the kind's own attributes.
	Data []Attr
	// Instead are attributes of the device that are sent in place of what the fields
	// say; one without a value leaves it out.
	Instead []Attr
	// Peer is the other end of a veth.
	Peer *Link
}

// Attr is one attribute of IFLA_INFO_DATA.
type Attr struct {
	Type  int
	Value []byte
	Nest  []Attr
}

// U16, U32 and so on make attributes of a kind's data.
func U16(typ int, v uint16) Attr { return Attr{Type: typ, Value: nl.Uint16Attr(v)} }

// U32 makes a 32 bit attribute in host order.
func U32(typ int, v uint32) Attr { return Attr{Type: typ, Value: nl.Uint32Attr(v)} }

// U8 makes an 8 bit attribute.
func U8(typ int, v uint8) Attr { return Attr{Type: typ, Value: nl.Uint8Attr(v)} }

func (a Attr) add(to *nl.RtAttr) {
	if a.Nest == nil {
		to.AddRtAttr(a.Type, a.Value)
		return
	}
	nest := to.AddRtAttr(a.Type, nil)
	for _, inner := range a.Nest {
		inner.add(nest)
	}
}

// NewLink makes a device in one message (net/core/rtnetlink.c:rtnl_newlink).
func (c *Conn) NewLink(l *Link) error { return c.do(c.newLink(l)) }

func (c *Conn) newLink(l *Link) *nl.NetlinkRequest {
	r := c.request(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL)
	r.AddData(l.header())
	for _, a := range l.attrs() {
		r.AddData(a)
	}
	return r
}

func (l *Link) header() *nl.IfInfomsg {
	h := nl.NewIfInfomsg(unix.AF_UNSPEC)
	h.Index = int32(l.Index)
	if l.Up {
		h.Flags |= unix.IFF_UP
		h.Change |= unix.IFF_UP
	}
	if l.Promisc {
		h.Flags |= unix.IFF_PROMISC
		h.Change |= unix.IFF_PROMISC
	}
	if l.AllMulti {
		h.Flags |= unix.IFF_ALLMULTI
		h.Change |= unix.IFF_ALLMULTI
	}
	return h
}

func (l *Link) attrs() []*nl.RtAttr {
	attrs := []*nl.RtAttr{nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(l.Name))}
	add := func(typ int, when bool, value uint32) {
		if when {
			attrs = append(attrs, nl.NewRtAttr(typ, nl.Uint32Attr(value)))
		}
	}
	add(unix.IFLA_NET_NS_FD, l.NS > 0, uint32(l.NS))
	add(unix.IFLA_LINK, l.Parent > 0, uint32(l.Parent))
	add(unix.IFLA_MASTER, l.Master > 0, uint32(l.Master))
	add(unix.IFLA_MTU, l.MTU > 0, uint32(l.MTU))
	if l.TxQLen != nil {
		add(unix.IFLA_TXQLEN, true, uint32(*l.TxQLen))
	}
	if len(l.MAC) > 0 {
		attrs = append(attrs, nl.NewRtAttr(unix.IFLA_ADDRESS, l.MAC))
	}
	attrs = instead(attrs, l.Instead)
	if l.Kind == "" {
		return attrs
	}
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated(l.Kind))
	if len(l.Data) > 0 || l.Peer != nil {
		data := info.AddRtAttr(nl.IFLA_INFO_DATA, nil)
		for _, a := range l.Data {
			a.add(data)
		}
		if l.Peer != nil {
			peer := data.AddRtAttr(nl.VETH_INFO_PEER, nil)
			nl.NewIfInfomsgChild(peer, unix.AF_UNSPEC).Index = int32(l.Peer.Index)
			for _, a := range l.Peer.attrs() {
				peer.AddChild(a)
			}
		}
	}
	return append(attrs, info)
}

// instead puts attributes in the place of others of their type.
func instead(attrs []*nl.RtAttr, others []Attr) []*nl.RtAttr {
	for _, o := range others {
		attrs = slices.DeleteFunc(attrs, func(a *nl.RtAttr) bool { return int(a.Type) == o.Type })
		if o.Value != nil {
			attrs = append(attrs, nl.NewRtAttr(o.Type, o.Value))
		}
	}
	return attrs
}
