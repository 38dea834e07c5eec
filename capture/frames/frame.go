// Package frames holds Ethernet frames as taps saw them, and the pcapng files that
// they are kept in. It knows no kernel: a file is read on any machine.
package frames

import (
	"fmt"
	"time"
)

// PacketType says whom a frame was for, as seen by the device that it was
// captured on (sll_pkttype, packet(7)).
type PacketType uint8

// The packet types, with the kernel's values (include/uapi/linux/if_packet.h).
const (
	Host      PacketType = 0 // to the device's own address
	Broadcast PacketType = 1 // to everybody
	Multicast PacketType = 2 // to a group, joined or not
	OtherHost PacketType = 3 // to somebody else
	Outgoing  PacketType = 4 // sent by the device, whomever to
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
	// Devices that pass one frame on to each other can share one time stamp. For some
	// time after the first tap of a machine was opened it is when the frame was read:
	// the kernel begins to stamp when a worker of its own comes to it
	// (net/core/dev.c:net_enable_timestamp, netstamp_work).
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

// Stats counts the frames that a tap was to capture since it was opened.
type Stats struct {
	Received int // matched the tap and its filter, Dropped included
	Dropped  int // found the buffer full
}
