package generator

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/ethtool"
)

// The head of a frame that says how it is to be cut (include/uapi/linux/virtio_net.h:
// struct virtio_net_hdr), in the byte order of the machine.
const (
	vnetLen      = 10
	vnetNeedsSum = 1 // VIRTIO_NET_HDR_F_NEEDS_CSUM
	vnetUDP      = 5 // VIRTIO_NET_HDR_GSO_UDP_L4 (Linux 6.2)
	maxPacket    = 65535
)

const featureUDP = "tx-udp-segmentation"

// segments sends datagrams that the kernel cuts into frames.
type segments struct {
	*socket
	slot           []byte // a datagram, behind the head
	ether, payload int
	most           int // frames of a datagram
	restore        func() error
}

func newSegments(s *socket, f *Frame, device string) (*segments, error) {
	if err := unix.SetsockoptInt(s.fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1); err != nil {
		return nil, fmt.Errorf("ask for frames to be cut: %w", err)
	}
	g := &segments{socket: s, ether: etherLen + tagLen*len(f.Tags), payload: f.wire() - f.header()}
	g.most = min(batch, (maxPacket-ipLen-udpLen)/g.payload)
	b := make([]byte, vnetLen, vnetLen+f.header()+g.most*g.payload)
	g.slot = append(b, f.build(b[vnetLen:], g.most*g.payload)...)
	if err := g.probe(f); err != nil {
		return nil, err
	}
	var err error
	g.restore, err = turnOff(device, featureUDP)
	return g, err
}

// probe finds out whether the kernel takes such frames, which nothing but sending one
// tells: a fence with number 0, which counters pass over, in a frame that is not cut.
func (g *segments) probe(f *Frame) error {
	small := *f
	small.Size = minSize
	b := make([]byte, vnetLen, vnetLen+small.wire())
	b = append(b, small.build(b[vnetLen:], small.wire()-small.header())...)
	setMark(b[vnetLen+small.header():], fenceMagic, 0)
	g.head(b, vnetUDP, maxPacket-1) // larger than the frame, so that it stays whole
	err := unix.Send(g.fd, b, 0)
	if errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("this kernel cuts no UDP for packet sockets, as Linux 6.2 does: %w", unix.EOPNOTSUPP)
	}
	if err != nil {
		return fmt.Errorf("find out whether the kernel cuts UDP: %w", err)
	}
	return nil
}

// turnOff turns a feature of a device off and returns what turns it on again.
func turnOff(device, feature string) (restore func() error, err error) {
	c, err := ethtool.OpenHere()
	if err != nil {
		return nil, err
	}
	features, err := c.Features(device)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("ask %s for its features: %w", device, err), c.Close())
	}
	if !features[feature].On {
		return c.Close, nil
	}
	restore = func() error {
		err := c.SetFeatures(device, map[string]bool{feature: true})
		if errors.Is(err, unix.ENODEV) {
			err = nil // it has gone with the device
		}
		return errors.Join(err, c.Close())
	}
	err = c.SetFeatures(device, map[string]bool{feature: false})
	if err == nil {
		if features, err = c.Features(device); err == nil && features[feature].On {
			err = unix.EOPNOTSUPP
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("turn %s of %s off: %w", feature, device, err), restore())
	}
	return restore, nil
}

// burst sends one datagram.
func (g *segments) burst(first uint64, n int) (taken, refused int, err error) {
	n = min(n, g.most)
	b := g.slot[:vnetLen+g.ether+ipLen+udpLen+n*g.payload]
	ip := b[vnetLen+g.ether:]
	g.prepare(b, ip, n)
	for i := range n {
		setMark(ip[ipLen+udpLen+i*g.payload:], dataMagic, uint32(first)+uint32(i)+1)
	}
	_, _, errno := unix.Syscall(unix.SYS_WRITE, uintptr(g.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	if errno != 0 {
		return 0, refusal(errno, n), fatal(errno)
	}
	return n, 0, nil
}

// prepare writes the head and the lengths, which depend on the number of frames.
func (g *segments) prepare(b, ip []byte, n int) {
	if int(binary.BigEndian.Uint16(ip[2:])) == len(ip) && b[0] != 0 {
		return // as it was for the datagram before
	}
	kind := byte(vnetUDP)
	if n == 1 {
		kind = 0 // nothing to cut
	}
	setLengths(ip)
	g.head(b, kind, g.payload)
}

// head writes the head of a frame, and the checksum that the device is to finish.
func (g *segments) head(b []byte, kind byte, size int) {
	b[0], b[1] = vnetNeedsSum, kind
	ip := g.ether + ipLen
	for i, v := range []int{ip + udpLen, size, ip, 6} {
		binary.NativeEndian.PutUint16(b[2+2*i:], uint16(v))
	}
	b = b[vnetLen+g.ether:]
	binary.BigEndian.PutUint16(b[ipLen+6:], pseudoHeader(b))
}

func (g *segments) close() error { return errors.Join(g.restore(), g.socket.close()) }
