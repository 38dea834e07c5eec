package frames

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"strings"
	"time"
	"unicode/utf8"
)

// ErrFormat is in every error that ReadNG gives for what the bytes are, and in
// none for the reader's own.
var ErrFormat = errors.New("not a valid pcapng file")

// maxBlock is the longest block that ReadNG takes, as Wireshark does.
const maxBlock = 16 << 20

// ReadNG reads a pcapng file of Ethernet frames in either byte order. Blocks and
// options that Trace has no place for are passed over, sections are joined into
// one. Its memory is a small multiple of what r really holds, whatever lengths
// the file claims. What was read before an error comes with it.
func ReadNG(r io.Reader) (*Trace, error) {
	d := decoder{r: bufio.NewReader(r), trace: &Trace{}}
	for {
		at := d.at
		err := d.block()
		if errors.Is(err, io.EOF) && d.order != nil {
			return d.trace, nil
		}
		if err != nil {
			return d.trace, fmt.Errorf("read pcapng: block at byte %d: %w", at, err)
		}
	}
}

// decoder reads one block after the other into trace.
type decoder struct {
	r      io.Reader
	at     int64            // bytes read
	order  binary.ByteOrder // of the section; nil before the first
	body   bytes.Buffer     // of one block
	trace  *Trace
	first  int     // the section's first interface in trace
	clocks []clock // of the section's interfaces
}

// clock is how an interface counts its time stamps.
type clock struct {
	perSecond uint64 // ticks
	offset    int64  // seconds
}

// block reads one block. io.EOF means that there is none any more.
func (d *decoder) block() error {
	var head [8]byte
	n, err := io.ReadFull(d.r, head[:])
	d.at += int64(n)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) && d.order == nil {
		return fmt.Errorf("%w: ends in a block's head", ErrFormat)
	}
	if err != nil {
		return err
	}
	// The section's type reads the same in both orders.
	isSection := binary.LittleEndian.Uint32(head[:]) == blockSection
	if isSection {
		if err := d.readOrder(); err != nil {
			return err
		}
	}
	if d.order == nil {
		return fmt.Errorf("%w: no section header", ErrFormat)
	}
	body, err := d.readBody(d.order.Uint32(head[4:]), isSection)
	if err != nil {
		return err
	}
	switch kind := d.order.Uint32(head[:]); {
	case isSection:
		return d.section(body)
	case kind == blockInterface:
		return d.iface(body)
	case kind == blockPacket:
		return d.packet(body)
	case kind == blockStatistics:
		return d.statistics(body)
	}
	return nil
}

// readOrder reads a section's magic number, which tells its byte order.
func (d *decoder) readOrder() error {
	var magic [4]byte
	n, err := io.ReadFull(d.r, magic[:])
	d.at += int64(n)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: ends in a section header", ErrFormat)
	case err != nil:
		return err
	case binary.LittleEndian.Uint32(magic[:]) == byteOrderMagic:
		d.order = binary.LittleEndian
	case binary.BigEndian.Uint32(magic[:]) == byteOrderMagic:
		d.order = binary.BigEndian
	default:
		return fmt.Errorf("%w: byte-order magic %#x", ErrFormat, magic)
	}
	return nil
}

// readBody reads what is left of a block and checks its second length. The
// buffer grows with what is there to read, not with what length says.
func (d *decoder) readBody(length uint32, isSection bool) ([]byte, error) {
	read := uint32(8)
	if isSection {
		read = 12
	}
	if length < read+4 || length%4 != 0 || length > maxBlock {
		return nil, fmt.Errorf("%w: length %d", ErrFormat, length)
	}
	d.body.Reset()
	n, err := io.CopyN(&d.body, d.r, int64(length-read))
	d.at += n
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: %d of %d bytes are missing", ErrFormat, int64(length-read)-n, length)
	}
	if err != nil {
		return nil, err
	}
	body := d.body.Bytes()
	tail := len(body) - 4
	if again := d.order.Uint32(body[tail:]); again != length {
		return nil, fmt.Errorf("%w: length %d in front, %d behind", ErrFormat, length, again)
	}
	return body[:tail], nil
}

func (d *decoder) section(body []byte) error {
	if len(body) < 12 {
		return fmt.Errorf("%w: section header of %d bytes", ErrFormat, len(body))
	}
	if major := d.order.Uint16(body); major != 1 {
		return fmt.Errorf("%w: version %d", ErrFormat, major)
	}
	d.first, d.clocks = len(d.trace.Interfaces), nil
	s := &d.trace.Section
	return d.options(body[12:], func(code uint16, value []byte) error {
		switch code {
		case optComment:
			s.Comments = append(s.Comments, text(value))
		case optSectionHardware:
			s.Hardware = text(value)
		case optSectionOS:
			s.OS = text(value)
		case optSectionApplication:
			s.Application = text(value)
		}
		return nil
	})
}

func (d *decoder) iface(body []byte) error {
	if len(body) < 8 {
		return fmt.Errorf("%w: interface of %d bytes", ErrFormat, len(body))
	}
	if link := d.order.Uint16(body); link != linkTypeEthernet {
		return fmt.Errorf("%w: link type %d, only Ethernet (1) is read", ErrFormat, link)
	}
	var i Interface
	c := clock{perSecond: 1e6}
	err := d.options(body[8:], func(code uint16, value []byte) (err error) {
		switch {
		case code == optInterfaceName:
			i.Name = text(value)
		case code == optInterfaceDescription:
			i.Description = text(value)
		case code == optInterfaceResolution && len(value) == 1:
			err = c.setResolution(value[0])
		case code == optInterfaceOffset && len(value) == 8:
			c.offset = int64(d.order.Uint64(value))
		}
		return err
	})
	d.trace.Interfaces = append(d.trace.Interfaces, i)
	d.clocks = append(d.clocks, c)
	return err
}

func (d *decoder) packet(body []byte) error {
	if len(body) < 20 {
		return fmt.Errorf("%w: packet of %d bytes", ErrFormat, len(body))
	}
	id, err := d.known(d.order.Uint32(body))
	if err != nil {
		return err
	}
	captured, length := d.order.Uint32(body[12:]), d.order.Uint32(body[16:])
	rest := body[20:]
	if uint64(captured) > uint64(len(rest)) {
		return fmt.Errorf("%w: packet of %d bytes in %d", ErrFormat, captured, len(rest))
	}
	p := Packet{Interface: d.first + id, Frame: Frame{
		Time:   d.clocks[id].time(uint64(d.order.Uint32(body[4:]))<<32 | uint64(d.order.Uint32(body[8:]))),
		Data:   bytes.Clone(rest[:captured]),
		Length: int(max(length, captured)),
	}}
	err = d.options(rest[min(padded(int(captured)), len(rest)):], func(code uint16, value []byte) error {
		switch {
		case code == optComment:
			p.Comments = append(p.Comments, text(value))
		case code == optPacketFlags && len(value) == 4:
			p.Frame.Type = packetType(d.order.Uint32(value))
		case code == optPacketID && len(value) == 8:
			p.ID = d.order.Uint64(value)
		}
		return nil
	})
	d.trace.Packets = append(d.trace.Packets, p)
	return err
}

func (d *decoder) statistics(body []byte) error {
	if len(body) < 12 {
		return fmt.Errorf("%w: statistics of %d bytes", ErrFormat, len(body))
	}
	id, err := d.known(d.order.Uint32(body))
	if err != nil {
		return err
	}
	var s Stats
	d.trace.Interfaces[d.first+id].Stats = &s
	return d.options(body[12:], func(code uint16, value []byte) error {
		switch {
		case code == optStatisticsReceived && len(value) == 8:
			s.Received = int(d.order.Uint64(value))
		case code == optStatisticsDropped && len(value) == 8:
			s.Dropped = int(d.order.Uint64(value))
		}
		return nil
	})
}

// known checks an interface's number in this section.
func (d *decoder) known(id uint32) (int, error) {
	if uint64(id) >= uint64(len(d.clocks)) {
		return 0, fmt.Errorf("%w: no interface %d among %d", ErrFormat, id, len(d.clocks))
	}
	return int(id), nil
}

// options calls visit for each option up to the end mark, which may be missing.
func (d *decoder) options(b []byte, visit func(code uint16, value []byte) error) error {
	for len(b) >= 4 {
		code, length := d.order.Uint16(b), int(d.order.Uint16(b[2:]))
		if code == optEnd {
			return nil
		}
		b = b[4:]
		if length > len(b) {
			return fmt.Errorf("%w: option %d of %d bytes in %d", ErrFormat, code, length, len(b))
		}
		if err := visit(code, b[:length]); err != nil {
			return err
		}
		b = b[min(padded(length), len(b)):]
	}
	return nil
}

// setResolution reads if_tsresol (section 4.2): a negative power of 10, or of 2
// when the highest bit is set.
func (c *clock) setResolution(v byte) error {
	n := uint(v & 0x7f)
	switch {
	case v&0x80 != 0 && n < 64:
		c.perSecond = 1 << n
	case v&0x80 == 0 && n <= 19: // the powers of ten that 64 bits hold
		c.perSecond = 1
		for range n {
			c.perSecond *= 10
		}
	default:
		return fmt.Errorf("%w: time stamp resolution %#x", ErrFormat, v)
	}
	return nil
}

// time is the time of a time stamp, cut to nanoseconds.
func (c *clock) time(ticks uint64) time.Time {
	hi, lo := bits.Mul64(ticks%c.perSecond, uint64(time.Second))
	ns, _ := bits.Div64(hi, lo, c.perSecond) // hi < perSecond, since the remainder is
	return time.Unix(int64(ticks/c.perSecond)+c.offset, int64(ns)).UTC()
}

// text is an option's text; bytes that are not UTF-8 are replaced.
func text(value []byte) string {
	return strings.ToValidUTF8(string(value), string(utf8.RuneError))
}

// padded is a length with its padding to 32 bits.
func padded(n int) int { return (n + 3) &^ 3 }
