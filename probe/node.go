package probe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/capture"
	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/probe/mark"
)

// EtherType of raw probes and fences; see [mark.EtherType].
const EtherType = mark.EtherType

// UDPPort is where every node listens for datagrams.
const UDPPort = 34952

// Node is a namespace seen from inside: a tap on all of its devices, a tap for
// what its stack accepted, and sockets that get what is for its addresses.
type Node struct {
	Name string
	Conn *rtnl.Conn

	tap   *capture.Tap // every frame of every device
	stack *capture.Tap // frames of our EtherType that the stack accepted; it sends, too
	udp   []*socket
	icmp  []*socket
}

// socket is an IP socket of one family.
type socket struct {
	fd int
	v6 bool
}

// FD makes a socket something that can be waited for.
func (s *socket) FD() int { return s.fd }

// OpenHere opens a node in the calling thread's namespace. Without sockets it
// only watches and sends, as the switch does.
func OpenHere(name string, conn *rtnl.Conn, sockets bool) (*Node, error) {
	n := &Node{Name: name, Conn: conn}
	if err := n.open(sockets); err != nil {
		return nil, errors.Join(fmt.Errorf("open taps in %s: %w", name, err), n.Close())
	}
	return n, nil
}

func (n *Node) open(sockets bool) error {
	var err error
	if n.tap, err = capture.OpenHere(capture.Config{}); err != nil {
		return err
	}
	if n.stack, err = capture.OpenHere(capture.Config{Protocol: EtherType, Plain: true}); err != nil || !sockets {
		return err
	}
	for _, v6 := range []bool{false, true} {
		if err := n.openSockets(v6); err != nil {
			// A kernel without IPv6 has nothing to hear on it.
			if v6 && errors.Is(err, unix.EAFNOSUPPORT) {
				return nil
			}
			return err
		}
	}
	return nil
}

func (n *Node) openSockets(v6 bool) error {
	family, proto, any := unix.AF_INET, unix.IPPROTO_ICMP, unix.Sockaddr(&unix.SockaddrInet4{Port: UDPPort})
	if v6 {
		family, proto, any = unix.AF_INET6, unix.IPPROTO_ICMPV6, &unix.SockaddrInet6{Port: UDPPort}
	}
	const flags = unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|flags, 0)
	if err != nil {
		return fmt.Errorf("open a UDP socket: %w", err)
	}
	n.udp = append(n.udp, &socket{fd, v6})
	if v6 {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
	} else {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BROADCAST, 1)
	}
	if err := errors.Join(err, unix.Bind(fd, any)); err != nil {
		return fmt.Errorf("listen for datagrams: %w", err)
	}
	if fd, err = unix.Socket(family, unix.SOCK_RAW|flags, proto); err != nil {
		return fmt.Errorf("open an ICMP socket: %w", err)
	}
	n.icmp = append(n.icmp, &socket{fd, v6})
	return nil
}

// Close closes the node's sockets. Nodes are better closed together: see CloseAll.
func (n *Node) Close() error { return CloseAll(n) }

// CloseAll closes nodes, all of their taps at once, because the kernel waits
// for a grace period at each (net/packet/af_packet.c:packet_release).
func CloseAll(nodes ...*Node) error {
	var taps []*capture.Tap
	var errs []error
	for _, n := range nodes {
		taps = append(taps, n.taps()...)
		for _, s := range append(n.udp, n.icmp...) {
			errs = append(errs, unix.Close(s.fd))
		}
		n.udp, n.icmp = nil, nil
	}
	return errors.Join(append(errs, capture.CloseAll(taps...))...)
}

// taps are the node's two.
func (n *Node) taps() []*capture.Tap { return []*capture.Tap{n.tap, n.stack} }

// sources are all that can become readable.
func (n *Node) sources() []capture.Source {
	all := []capture.Source{n.tap, n.stack}
	for _, s := range append(append([]*socket(nil), n.udp...), n.icmp...) {
		all = append(all, s)
	}
	return all
}

// socketOf returns the socket of the address's family.
func socketOf(all []*socket, a netip.Addr) *socket {
	for _, s := range all {
		if s.v6 == a.Is6() {
			return s
		}
	}
	return nil
}

// send sends a payload to an address. A device other than 0 and a valid source
// bind this one packet to them.
func (s *socket) send(payload []byte, to netip.Addr, port, device int, source netip.Addr) error {
	var sa unix.Sockaddr = &unix.SockaddrInet4{Port: port, Addr: as4(to)}
	if s.v6 {
		sa = &unix.SockaddrInet6{Port: port, Addr: to.As16(), ZoneId: zone(to, device)}
	}
	return unix.Sendmsg(s.fd, payload, s.packetInfo(device, source), sa, 0)
}

func zone(to netip.Addr, device int) uint32 {
	if to.IsLinkLocalUnicast() || to.IsLinkLocalMulticast() {
		return uint32(device)
	}
	return 0
}

// packetInfo is the ancillary data that binds a packet (ip(7) IP_PKTINFO, RFC
// 3542 section 6).
func (s *socket) packetInfo(device int, source netip.Addr) []byte {
	if device == 0 && !source.IsValid() {
		return nil
	}
	var info []byte
	level, typ := unix.IPPROTO_IP, unix.IP_PKTINFO
	if s.v6 {
		level, typ = unix.IPPROTO_IPV6, unix.IPV6_PKTINFO
		info = make([]byte, unix.SizeofInet6Pktinfo)
		if source.IsValid() {
			copy(info, source.AsSlice())
		}
		binary.NativeEndian.PutUint32(info[16:], uint32(device))
	} else {
		info = make([]byte, unix.SizeofInet4Pktinfo)
		binary.NativeEndian.PutUint32(info, uint32(device))
		if source.IsValid() {
			copy(info[4:], source.AsSlice())
		}
	}
	oob := make([]byte, unix.CmsgSpace(len(info)))
	binary.NativeEndian.PutUint64(oob, uint64(unix.CmsgLen(len(info))))
	binary.NativeEndian.PutUint32(oob[8:], uint32(level))
	binary.NativeEndian.PutUint32(oob[12:], uint32(typ))
	copy(oob[unix.CmsgLen(0):], info)
	return oob
}

func as4(a netip.Addr) [4]byte {
	if a.Is4() {
		return a.As4()
	}
	return [4]byte{}
}

// join makes the socket receive a multicast group on a device.
func (s *socket) join(group netip.Addr, device int, on bool) error {
	if s.v6 {
		opt := unix.IPV6_JOIN_GROUP
		if !on {
			opt = unix.IPV6_LEAVE_GROUP
		}
		return unix.SetsockoptIPv6Mreq(s.fd, unix.IPPROTO_IPV6, opt, &unix.IPv6Mreq{Multiaddr: group.As16(), Interface: uint32(device)})
	}
	opt := unix.IP_ADD_MEMBERSHIP
	if !on {
		opt = unix.IP_DROP_MEMBERSHIP
	}
	return unix.SetsockoptIPMreqn(s.fd, unix.IPPROTO_IP, opt, &unix.IPMreqn{Multiaddr: as4(group), Ifindex: int32(device)})
}

// Port is a device as probes see it.
type Port struct {
	Node  *Node
	Index int
	Name  string
	MAC   net.HardwareAddr
}

// String returns NODE/LINK.
func (p Port) String() string {
	if p.Node == nil {
		return p.Name
	}
	return p.Node.Name + "/" + p.Name
}

func (p Port) key() place { return place{p.Node, p.Index} }

// place is a device in a node.
type place struct {
	node  *Node
	index int
}
