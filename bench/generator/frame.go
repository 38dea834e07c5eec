package generator

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/capture/frames"
	"github.com/lanproof/lanproof/probe/mark"
)

// Frame says what is sent. UDP is the default, which every device can carry: over IPv4,
// and in [Trips] over IPv6 where the addresses are of that.
type Frame struct {
	// Size is that of the frame without FCS and without tags, 60 to 14 more than the
	// device's MTU; 60 if zero.
	Size int
	// From is the source, and To the target.
	From, To Address
	// Tags are the VLAN tags, outermost first.
	Tags []frames.Tag
	// Port is the UDP port of source and target; 9 (discard) if zero.
	Port uint16
	// Raw leaves out IP and UDP: the EtherType is the experimental 0x88b5, which no stack
	// looks at, so that a frame ends right behind the device. ipvlan drops such frames.
	Raw bool
}

// Address is one end of a frame. IP is not needed for a raw frame.
type Address struct {
	MAC net.HardwareAddr
	IP  netip.Addr
}

const (
	macsLen   = 12
	tagLen    = 4
	etherLen  = 14
	ipLen     = 20
	ip6Len    = 40
	udpLen    = 8
	minSize   = 60
	maxSize   = etherLen + 65535
	markLen   = 8 // what tells a frame of ours, and its number
	ipOverUDP = 17

	// dataMagic is pktgen's (net/core/pktgen.c:PKTGEN_MAGIC), so that its frames and ours
	// are counted alike, and by Wireshark as well. A frame's number stands behind it.
	dataMagic = 0xbe9be955
	// fenceMagic tells a frame that is sent behind others to show that they are past.
	fenceMagic = 0xbe9be956
)

// withDefaults checks a frame and fills in what was left out.
func (f Frame) withDefaults() (Frame, error) {
	if f.Size == 0 {
		f.Size = minSize
	}
	if f.Port == 0 {
		f.Port = 9
	}
	if f.Size < minSize || f.Size > maxSize {
		return f, fmt.Errorf("a frame of %d bytes, %d to %d are possible: %w", f.Size, minSize, maxSize, unix.EINVAL)
	}
	for _, a := range []Address{f.From, f.To} {
		if len(a.MAC) != 6 {
			return f, fmt.Errorf("MAC address %q of %d bytes: %w", a.MAC, len(a.MAC), unix.EINVAL)
		}
		if !f.Raw && (!a.IP.IsValid() || a.IP.Unmap().Is4() == f.v6()) {
			return f, fmt.Errorf("IP address %q is not of the source's family: %w", a.IP, unix.EINVAL)
		}
	}
	if least := f.header() + markLen; f.wire() < least {
		return f, fmt.Errorf("a frame of %d bytes with tags, %d are possible: %w", f.wire(), least, unix.EINVAL)
	}
	return f, nil
}

// v6 reports whether IPv6 is what a frame carries.
func (f *Frame) v6() bool { return !f.Raw && f.From.IP.Unmap().Is6() }

// header is how many bytes stand before what a frame carries.
func (f *Frame) header() int {
	n := etherLen + tagLen*len(f.Tags)
	switch {
	case f.v6():
		n += ip6Len + udpLen
	case !f.Raw:
		n += ipLen + udpLen
	}
	return n
}

// wire is the size with tags.
func (f *Frame) wire() int { return f.Size + tagLen*len(f.Tags) }

// build makes a frame that carries so many bytes, in a buffer that is large enough. The
// UDP checksum is left out, as IPv4 allows (RFC 768); see seal.
func (f *Frame) build(b []byte, payload int) []byte {
	b = append(b[:0], f.To.MAC...)
	b = append(b, f.From.MAC...)
	for _, t := range f.Tags {
		b = binary.BigEndian.AppendUint16(b, t.TPID)
		b = binary.BigEndian.AppendUint16(b, t.TCI())
	}
	if f.Raw {
		b = binary.BigEndian.AppendUint16(b, mark.EtherType)
		return append(b, make([]byte, payload)...)
	}
	at := len(b) + 2
	if f.v6() {
		b = binary.BigEndian.AppendUint16(b, unix.ETH_P_IPV6)
		b = append(b, 0x60, 0, 0, 0, 0, 0, ipOverUDP, 64)
	} else {
		b = binary.BigEndian.AppendUint16(b, unix.ETH_P_IP)
		b = append(b, 0x45, 0, 0, 0, 0, 0, 0, 0, 64, ipOverUDP, 0, 0)
	}
	b = append(b, f.From.IP.Unmap().AsSlice()...)
	b = append(b, f.To.IP.Unmap().AsSlice()...)
	b = binary.BigEndian.AppendUint16(b, f.Port)
	b = binary.BigEndian.AppendUint16(b, f.Port)
	b = append(b, 0, 0, 0, 0)
	b = append(b, make([]byte, payload)...)
	setLengths(b[at:])
	return b
}

// seal writes the UDP checksum of a frame that is whole, where IP is IPv6, which does not
// go without (RFC 8200 8.1).
func (f *Frame) seal(frame []byte) {
	if !f.v6() {
		return
	}
	ip := frame[f.header()-ip6Len-udpLen:]
	udp := ip[ip6Len:]
	binary.BigEndian.PutUint16(udp[6:], 0)
	s := ^sum(ip[8:], ipOverUDP+uint32(len(udp))) // the addresses stand right before UDP
	if s == 0 {
		s = 0xffff // 0 says that there is none
	}
	binary.BigEndian.PutUint16(udp[6:], s)
}

// setLengths writes the lengths of an IP packet with UDP, and the checksum of IPv4.
func setLengths(ip []byte) {
	if ip[0]>>4 == 6 {
		binary.BigEndian.PutUint16(ip[4:], uint16(len(ip)-ip6Len))
		binary.BigEndian.PutUint16(ip[ip6Len+4:], uint16(len(ip)-ip6Len))
		return
	}
	binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)))
	binary.BigEndian.PutUint16(ip[10:], 0)
	binary.BigEndian.PutUint16(ip[10:], ^sum(ip[:ipLen], 0))
	binary.BigEndian.PutUint16(ip[ipLen+4:], uint16(len(ip)-ipLen))
}

// pseudoHeader is the sum that stands in place of a UDP checksum that the device is to
// finish (RFC 768; Documentation/networking/checksum-offloads.rst).
func pseudoHeader(ip []byte) uint16 {
	return sum(ip[12:ipLen], uint32(ipOverUDP)+uint32(len(ip)-ipLen))
}

// sum is the Internet's checksum, not inverted (RFC 1071).
func sum(b []byte, s uint32) uint16 {
	for ; len(b) >= 2; b = b[2:] {
		s += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) > 0 {
		s += uint32(b[0]) << 8
	}
	for s>>16 != 0 {
		s = s&0xffff + s>>16
	}
	return uint16(s)
}

// setMark writes what tells a frame, and its number, at the start of what it carries.
func setMark(payload []byte, magic, number uint32) {
	binary.BigEndian.PutUint32(payload, magic)
	binary.BigEndian.PutUint32(payload[4:], number)
}
