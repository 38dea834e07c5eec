package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// PacketType says whom a frame was for, as seen by the device that it was
// captured on (sll_pkttype, packet(7)).
type PacketType uint8

// The packet types, with the kernel's values (include/uapi/linux/if_packet.h).
const (
	Host      PacketType = unix.PACKET_HOST      // to the device's own address
	Broadcast PacketType = unix.PACKET_BROADCAST // to everybody
	Multicast PacketType = unix.PACKET_MULTICAST // to a group, joined or not
	OtherHost PacketType = unix.PACKET_OTHERHOST // to somebody else
	Outgoing  PacketType = unix.PACKET_OUTGOING  // sent by the device, whomever to
)

// String is the type's name in the words of packet(7), without its prefix.
func (t PacketType) String() string {
	switch t {
	case Host:
		return "host"
	case Broadcast:
		return "broadcast"
	case Multicast:
		return "multicast"
	case OtherHost:
		return "otherhost"
	case Outgoing:
		return "outgoing"
	}
	return fmt.Sprintf("type %d", uint8(t))
}

// Direction is the way that a frame took through the device it was seen on.
type Direction uint8

// The directions.
const (
	In  Direction = iota // received by the device
	Out                  // sent by the device
)

// String is "in" or "out".
func (d Direction) String() string {
	if d == Out {
		return "out"
	}
	return "in"
}

// Frame is one Ethernet frame as it was on the wire.
type Frame struct {
	// Time is when the kernel received or sent the frame, by its real-time clock.
	// Devices that pass one frame on to each other can share one time stamp.
	Time time.Time
	// Index is the device that the frame was seen on, in the tap's namespace.
	Index int
	Type  PacketType
	// Data begins with the destination address and has every VLAN tag in its
	// place, the outermost too, which the kernel keeps beside the bytes.
	Data []byte
	// Length is the length on the wire in bytes. It is more than len(Data) only
	// for a frame that was cut: by a filter, or because it was over 64 KiB. As
	// in the kernel it leaves out the frame check sequence.
	Length int
}

// Direction tells sent frames from received ones.
func (f Frame) Direction() Direction {
	if f.Type == Outgoing {
		return Out
	}
	return In
}

// errAncillary is what a kernel would have to answer that breaks its word.
var errAncillary = errors.New("malformed ancillary data")

// ancillary is what the kernel says beside the bytes of one frame.
type ancillary struct {
	time   time.Time
	length int // on the wire, without the tag kept beside the bytes; 0 when unknown
	tagged bool
	tpid   uint16
	tci    uint16
}

// parseAncillary reads the control messages of one recvmsg(2).
func parseAncillary(oob []byte) (ancillary, error) {
	var a ancillary
	for len(oob) > 0 {
		hdr, data, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			return a, fmt.Errorf("%w: %w", errAncillary, err)
		}
		oob = rest
		switch {
		case hdr.Level == unix.SOL_SOCKET && hdr.Type == unix.SO_TIMESTAMPNS:
			err = a.setTime(data)
		case hdr.Level == unix.SOL_PACKET && hdr.Type == unix.PACKET_AUXDATA:
			err = a.setAuxdata(data)
		}
		if err != nil {
			return a, err
		}
	}
	return a, nil
}

// setTime reads a struct timespec of either word size.
func (a *ancillary) setTime(data []byte) error {
	switch {
	case len(data) >= 16:
		a.time = time.Unix(int64(binary.NativeEndian.Uint64(data)), int64(binary.NativeEndian.Uint64(data[8:]))).UTC()
	case len(data) == 8:
		a.time = time.Unix(int64(int32(binary.NativeEndian.Uint32(data))), int64(binary.NativeEndian.Uint32(data[4:]))).UTC()
	default:
		return fmt.Errorf("%w: time stamp of %d bytes", errAncillary, len(data))
	}
	return nil
}

// setAuxdata reads a struct tpacket_auxdata: status, len and snaplen of 32 bits,
// mac, net, vlan_tci and vlan_tpid of 16 (net/packet/af_packet.c:packet_recvmsg).
// A tag is there when its status bit is, whatever its value: TCI 0 is VID 0 PCP 0.
func (a *ancillary) setAuxdata(data []byte) error {
	if len(data) < 20 {
		return fmt.Errorf("%w: auxdata of %d bytes", errAncillary, len(data))
	}
	status := binary.NativeEndian.Uint32(data)
	a.length = int(binary.NativeEndian.Uint32(data[4:]))
	a.tagged = status&unix.TP_STATUS_VLAN_VALID != 0
	a.tci = binary.NativeEndian.Uint16(data[16:])
	a.tpid = TPID8021Q
	if status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
		a.tpid = binary.NativeEndian.Uint16(data[18:])
	}
	return nil
}

// frame puts a frame back together; data stays the caller's own. length is
// what recvmsg(2) says, which forgets what a filter cut off.
func (a *ancillary) frame(data []byte, length int) Frame {
	f := Frame{Time: a.time, Length: max(a.length, length)}
	if !a.tagged {
		f.Data = bytes.Clone(data)
		return f
	}
	f.Data = withTag(data, a.tpid, a.tci)
	f.Length += tagLen
	return f
}
