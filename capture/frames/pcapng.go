package frames

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

// Trace is a capture file: what stands in a pcapng file
// (draft-ietf-opsawg-pcapng), as far as captures of Ethernet need it.
type Trace struct {
	Section
	Interfaces []Interface
	Packets    []Packet // numbered from 1 in this order
}

// Section is what a file says about itself. Empty texts are left out.
type Section struct {
	Hardware    string   // what it was captured on, such as "x86_64"
	OS          string   // such as the kernel's release
	Application string   // what wrote it
	Comments    []string // what it is about
}

// Interface is a device that was captured on.
type Interface struct {
	Name        string // "node/link"
	Description string
	Stats       *Stats // nil when nobody counted
}

// Packet is a frame in a file. Its Frame.Index is not in the file.
type Packet struct {
	Interface int // index into Trace.Interfaces
	Frame     Frame
	Comments  []string
	ID        uint64 // the same for one frame seen on several devices; 0 for none
}

// Block types and options of draft-ietf-opsawg-pcapng, sections 4.1 to 4.6.
const (
	blockSection    = 0x0a0d0d0a
	blockInterface  = 1
	blockStatistics = 5
	blockPacket     = 6 // enhanced packet block

	byteOrderMagic = 0x1a2b3c4d

	optEnd     = 0
	optComment = 1

	optSectionHardware    = 2
	optSectionOS          = 3
	optSectionApplication = 4

	optInterfaceName        = 2
	optInterfaceDescription = 3
	optInterfaceResolution  = 9
	optInterfaceOffset      = 14

	optPacketFlags = 2
	optPacketID    = 5

	optStatisticsReceived = 4
	optStatisticsDropped  = 5

	linkTypeEthernet = 1
	maxOption        = math.MaxUint16 // bytes in one option
)

// The fields of epb_flags (section 4.3.1): direction in bits 0 and 1,
// reception type in bits 2 to 4.
const (
	flagIn          = 1
	flagOut         = 2
	flagDirection   = 3
	flagUnicast     = 1 << 2
	flagMulticast   = 2 << 2
	flagBroadcast   = 3 << 2
	flagPromiscuous = 4 << 2
	flagReception   = 7 << 2
)

// WriteTo writes the file: little-endian, nanoseconds, packets as they stand.
// Comments and names longer than 65,535 bytes are cut and made valid UTF-8, as
// the format wants. It counts the bytes written, and fails on a packet of an
// interface that is not there.
func (t *Trace) WriteTo(w io.Writer) (int64, error) {
	e := encoder{w: w, buf: make([]byte, 0, flushAt+4096)}
	e.section(t.Section)
	for _, i := range t.Interfaces {
		e.iface(i)
	}
	last := make([]time.Time, len(t.Interfaces))
	for n, p := range t.Packets {
		if p.Interface < 0 || p.Interface >= len(t.Interfaces) {
			return e.n, fmt.Errorf("write pcapng: packet %d: no interface %d", n+1, p.Interface)
		}
		last[p.Interface] = p.Frame.Time
		e.packet(p)
	}
	for i, iface := range t.Interfaces {
		if iface.Stats != nil {
			e.statistics(i, last[i], *iface.Stats)
		}
	}
	e.flush()
	if e.err != nil {
		return e.n, fmt.Errorf("write pcapng: %w", e.err)
	}
	return e.n, nil
}

var _ io.WriterTo = (*Trace)(nil)

// flushAt is how much an encoder gathers before it writes.
const flushAt = 64 << 10

// encoder appends blocks to buf and writes them in large pieces. The first
// error of the writer stays, and nothing is written after it.
type encoder struct {
	w   io.Writer
	buf []byte
	n   int64
	err error
}

func (e *encoder) section(s Section) {
	start := e.begin(blockSection)
	e.u32(byteOrderMagic)
	e.u32(1)                                                        // version 1.0: major, then minor
	e.buf = binary.LittleEndian.AppendUint64(e.buf, math.MaxUint64) // length not said
	for _, c := range s.Comments {
		e.text(optComment, c)
	}
	e.text(optSectionHardware, s.Hardware)
	e.text(optSectionOS, s.OS)
	e.text(optSectionApplication, s.Application)
	e.end(start)
}

func (e *encoder) iface(i Interface) {
	start := e.begin(blockInterface)
	e.u32(linkTypeEthernet) // and 16 reserved bits
	e.u32(0)                // no limit to a packet's length
	e.text(optInterfaceName, i.Name)
	e.text(optInterfaceDescription, i.Description)
	e.option(optInterfaceResolution, "\x09") // 10^-9 s
	e.end(start)
}

func (e *encoder) packet(p Packet) {
	start := e.begin(blockPacket)
	e.u32(uint32(p.Interface))
	e.time(p.Frame.Time)
	e.u32(uint32(len(p.Frame.Data)))
	e.u32(uint32(max(p.Frame.Length, len(p.Frame.Data))))
	e.buf = append(e.buf, p.Frame.Data...)
	e.pad()
	for _, c := range p.Comments {
		e.text(optComment, c)
	}
	e.u32(optPacketFlags | 4<<16) // code and length
	e.u32(packetFlags(p.Frame.Type))
	if p.ID != 0 {
		e.option64(optPacketID, p.ID)
	}
	e.end(start)
}

func (e *encoder) statistics(iface int, at time.Time, s Stats) {
	start := e.begin(blockStatistics)
	e.u32(uint32(iface))
	e.time(at)
	e.option64(optStatisticsReceived, uint64(s.Received))
	e.option64(optStatisticsDropped, uint64(s.Dropped))
	e.end(start)
}

// begin starts a block whose length is not known yet.
func (e *encoder) begin(kind uint32) (start int) {
	start = len(e.buf)
	e.u32(kind)
	e.u32(0)
	return start
}

// end closes the options and the block that began at start.
func (e *encoder) end(start int) {
	e.u32(optEnd) // code and length
	length := uint32(len(e.buf) - start + 4)
	binary.LittleEndian.PutUint32(e.buf[start+4:], length)
	e.u32(length)
	if len(e.buf) >= flushAt {
		e.flush()
	}
}

func (e *encoder) flush() {
	if e.err == nil {
		var n int
		n, e.err = e.w.Write(e.buf)
		e.n += int64(n)
	}
	e.buf = e.buf[:0]
}

func (e *encoder) u32(v uint32) { e.buf = binary.LittleEndian.AppendUint32(e.buf, v) }

// time appends a time stamp: nanoseconds since 1970 as two words, the high one
// first. What the format cannot hold becomes its nearest bound.
func (e *encoder) time(t time.Time) {
	const maxSeconds = math.MaxUint64/uint64(time.Second) - 1
	seconds := uint64(max(t.Unix(), 0))
	ns := min(seconds, maxSeconds)*uint64(time.Second) + uint64(t.Nanosecond())
	if t.Unix() < 0 {
		ns = 0
	}
	e.u32(uint32(ns >> 32))
	e.u32(uint32(ns))
}

// text appends an option of text unless it is empty.
func (e *encoder) text(code uint16, s string) {
	s = strings.ToValidUTF8(s, string(utf8.RuneError))
	if len(s) > maxOption {
		s = strings.ToValidUTF8(s[:maxOption], "") // a character cut in two goes as a whole
	}
	if s != "" {
		e.option(code, s)
	}
}

func (e *encoder) option(code uint16, value string) {
	e.u32(uint32(code) | uint32(len(value))<<16)
	e.buf = append(e.buf, value...)
	e.pad()
}

func (e *encoder) option64(code uint16, value uint64) {
	e.u32(uint32(code) | 8<<16)
	e.buf = binary.LittleEndian.AppendUint64(e.buf, value)
}

// pad fills up to a multiple of 32 bits; buf holds whole blocks, which are one.
func (e *encoder) pad() {
	for len(e.buf)%4 != 0 {
		e.buf = append(e.buf, 0)
	}
}

// packetFlags says in epb_flags what a packet type says. How a frame was
// addressed is known of received ones only.
func packetFlags(t PacketType) uint32 {
	switch t {
	case Host:
		return flagIn | flagUnicast
	case Multicast:
		return flagIn | flagMulticast
	case Broadcast:
		return flagIn | flagBroadcast
	case OtherHost:
		return flagIn | flagPromiscuous
	case Outgoing:
		return flagOut
	}
	return 0
}

// packetType takes packetFlags back. Flags of other programs that say less make
// a received frame to the device itself.
func packetType(flags uint32) PacketType {
	if flags&flagDirection == flagOut {
		return Outgoing
	}
	switch flags & flagReception {
	case flagMulticast:
		return Multicast
	case flagBroadcast:
		return Broadcast
	case flagPromiscuous:
		return OtherHost
	}
	return Host
}
