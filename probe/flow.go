package probe

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/probe/mark"
)

// Kind is the kind of a flow's frames.
type Kind string

// The kinds of flow.
const (
	ICMP Kind = "icmp" // resolution and echo by the kernels' own stacks
	UDP  Kind = "udp"  // a datagram from socket to socket
	ARP  Kind = "arp"  // resolution alone, IPv4
	ND   Kind = "nd"   // resolution alone, IPv6
	Raw  Kind = "raw"  // an EtherType that no stack answers
)

// Cast is whom a flow's frames are for.
type Cast string

// The casts.
const (
	Unicast      Cast = "unicast"
	Broadcast    Cast = "broadcast"
	Multicast    Cast = "multicast"    // a group that the target has joined
	Unsubscribed Cast = "unsubscribed" // groups that it has not
	Unknown      Cast = "unknown"      // a unicast address that nobody has
)

// Flow is one frame kind from one sender to one target.
type Flow struct {
	Kind     Kind
	Cast     Cast
	From, To Port
	// Source and Target are the addresses of an IP flow. An invalid Source is
	// the sending stack's to choose.
	Source, Target netip.Addr
	// Bind sends from the sender's device and Source whatever the routes say.
	Bind bool
	// SourceMAC is what a raw frame claims to come from; the device's own when nil.
	SourceMAC net.HardwareAddr
	// DestMAC is what a raw frame goes to, when that is not the target: then
	// the target is to overhear it.
	DestMAC net.HardwareAddr
	// Tags are put into a raw frame, outermost first.
	Tags []Tag
	// OnWire watches the frames go by at the target, whoever they are for.
	OnWire bool
	// Static tells both ends each other's MAC address beforehand; Source must be set.
	Static bool
	// Neighbours are what others are told beforehand, such as a host that routes
	// the flow on.
	Neighbours []Neighbour
	// Size of the payload in bytes, at the least what a mark takes.
	Size int
	// Priority is the socket priority of what is sent (SO_PRIORITY).
	Priority int
}

// Neighbour is where the stack of At finds an address.
type Neighbour struct {
	At  Port
	IP  netip.Addr
	MAC net.HardwareAddr
}

// Raw frames to groups use locally administered group addresses, and IP ones
// the ranges for experiments (RFC 5771 section 10, RFC 4291 section 2.7).
var (
	unknownMAC = net.HardwareAddr{0x02, 0x4c, 0x50, 0xde, 0xad, 0x42}
	groupMAC   = net.HardwareAddr{0x03, 0x4c, 0x50, 0x00, 0x01, 0x00}
	group4     = netip.MustParseAddr("239.255.76.80")
	group6     = netip.MustParseAddr("ff12::4c50:1")
)

// unsubscribedGroups are so many because a macvlan's filter is a hash of 256
// bits: one group in fifty gets through without being joined
// (macvlan.c:macvlan_compute_filter), most of them never do.
const unsubscribedGroups = 7

// send sends a flow and returns the numbers of its frames. An error with an
// errno is the kernel's answer; the frames sent before it count.
func (f *Field) send(_ context.Context, flow *Flow) ([]uint32, error) {
	n := 1
	if flow.Cast == Unsubscribed {
		n = unsubscribedGroups
	}
	var sent []uint32
	for i := range n {
		f.seq++
		sent = append(sent, f.seq)
		if err := f.sendOne(flow, i, f.seq); err != nil {
			return sent, err
		}
	}
	return sent, nil
}

func (f *Field) sendOne(flow *Flow, i int, seq uint32) error {
	payload := mark.Mark{Run: f.run, Seq: seq, Role: mark.Probe}.Encode(flow.Size)
	switch flow.Kind {
	case ICMP:
		return f.sendEcho(flow, seq, payload)
	case UDP:
		return f.sendUDP(flow, i, payload)
	case ARP, ND:
		return f.sendResolution(flow)
	case Raw:
		h := header{src: flow.SourceMAC, dst: flow.DestOf(i), tags: flow.Tags}
		if h.src == nil {
			h.src = flow.From.MAC
		}
		return flow.From.Node.stack.Send(flow.From.Index, outerType(flow.Tags, EtherType), rawFrame(h, payload))
	}
	return fmt.Errorf("there is no flow of kind %q", flow.Kind)
}

// Overheard reports whether the flow's frames are for somebody else, and are to
// be seen passing by at the target.
func (flow *Flow) Overheard() bool {
	return flow.Cast == Unknown || flow.DestMAC != nil || flow.OnWire
}

// DestOf is the MAC address that the flow's i-th frame goes to, if it is raw.
func (flow *Flow) DestOf(i int) net.HardwareAddr {
	if flow.DestMAC != nil {
		return flow.DestMAC
	}
	switch flow.Cast {
	case Broadcast:
		return broadcastMAC
	case Multicast:
		return groupMAC
	case Unsubscribed:
		other := append(net.HardwareAddr(nil), groupMAC...)
		other[4], other[5] = 2, byte(i*37)
		return other
	case Unknown:
		return unknownMAC
	case Unicast:
	}
	return flow.To.MAC
}

// TargetOf is the IP address that the flow's i-th packet goes to.
func (flow *Flow) TargetOf(i int) netip.Addr {
	switch flow.Cast {
	case Broadcast:
		if flow.Target.Is4() {
			return netip.AddrFrom4([4]byte{255, 255, 255, 255})
		}
		return netip.IPv6LinkLocalAllNodes()
	case Multicast:
		if flow.Target.Is4() {
			return group4
		}
		return group6
	case Unsubscribed:
		if flow.Target.Is4() {
			return netip.AddrFrom4([4]byte{239, 255, 77, byte(1 + i*37)})
		}
		b := group6.As16()
		b[14], b[15] = 2, byte(i*37)
		return netip.AddrFrom16(b)
	case Unicast, Unknown:
	}
	return flow.Target
}

func (f *Field) sendEcho(flow *Flow, seq uint32, payload []byte) error {
	s := socketOf(flow.From.Node.icmp, flow.Target)
	if s == nil {
		return fmt.Errorf("send an echo request from %s: %w", flow.From, unix.EAFNOSUPPORT)
	}
	packet, err := echoRequest(s.v6, uint16(f.run), uint16(seq), payload)
	if err != nil {
		return err
	}
	device, source := flow.binding()
	return s.send(packet, flow.Target, 0, device, source)
}

func (f *Field) sendUDP(flow *Flow, i int, payload []byte) error {
	s := socketOf(flow.From.Node.udp, flow.Target)
	if s == nil {
		return fmt.Errorf("send a datagram from %s: %w", flow.From, unix.EAFNOSUPPORT)
	}
	if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_PRIORITY, flow.Priority); err != nil {
		return fmt.Errorf("set the priority of a datagram: %w", err)
	}
	device, source := flow.binding()
	if flow.Cast != Unicast && flow.Cast != "" {
		device = flow.From.Index // nothing else says where a group is
	}
	return s.send(payload, flow.TargetOf(i), UDPPort, device, source)
}

func (flow *Flow) binding() (int, netip.Addr) {
	if flow.Bind {
		return flow.From.Index, flow.Source
	}
	return 0, netip.Addr{}
}

func (f *Field) sendResolution(flow *Flow) error {
	h := header{src: flow.From.MAC, dst: broadcastMAC}
	build, typ := arpFrame, uint16(unix.ETH_P_ARP)
	if flow.Kind == ND {
		build, typ = solicitationFrame, unix.ETH_P_IPV6
	}
	frame, err := build(h, flow.Source, flow.Target)
	if err != nil {
		return err
	}
	return flow.From.Node.stack.Send(flow.From.Index, typ, frame)
}

// subscribe joins the target to the flow's group; undo leaves it.
func (flow *Flow) subscribe() (undo func(), err error) {
	undo = func() {}
	if flow.Cast != Multicast {
		return undo, nil
	}
	if flow.Kind == UDP {
		s := socketOf(flow.To.Node.udp, flow.Target)
		if s == nil {
			return undo, fmt.Errorf("join a group on %s: %w", flow.To, unix.EAFNOSUPPORT)
		}
		group := flow.TargetOf(0)
		err := s.join(group, flow.To.Index, true)
		return func() { _ = s.join(group, flow.To.Index, false) }, err
	}
	err = flow.To.Node.stack.Join(flow.To.Index, groupMAC)
	return func() { _ = flow.To.Node.stack.Leave(flow.To.Index, groupMAC) }, err
}
