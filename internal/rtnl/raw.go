package rtnl

import (
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Message is a message of rtnetlink taken apart, so that what the kernel has told
// can be sent back to it with all that it says, as ip route save and restore do.
type Message struct {
	Header []byte
	Attrs  []RawAttr
}

// RawAttr is one attribute with its flags.
type RawAttr struct {
	Type  uint16
	Value []byte
}

// ParseMessage takes a message apart whose header has that many bytes.
func ParseMessage(b []byte, header int) (*Message, error) {
	if len(b) < header {
		return nil, fmt.Errorf("a message of %d bytes is too short", len(b))
	}
	attrs, err := parseAttrs(b[header:])
	if err != nil {
		return nil, fmt.Errorf("read a message: %w", err)
	}
	m := &Message{Header: append([]byte(nil), b[:header]...)}
	for _, a := range attrs {
		m.Attrs = append(m.Attrs, RawAttr{Type: a.Attr.Type, Value: append([]byte(nil), a.Value...)})
	}
	return m, nil
}

// Get returns an attribute's value, nil when it is not there. Changing its bytes
// changes the message.
func (m *Message) Get(typ uint16) []byte {
	for _, a := range m.Attrs {
		if a.Type&^(unix.NLA_F_NESTED|unix.NLA_F_NET_BYTEORDER) == typ {
			return a.Value
		}
	}
	return nil
}

// Bytes puts the message together.
func (m *Message) Bytes() []byte {
	b := append([]byte(nil), m.Header...)
	for _, a := range m.Attrs {
		b = append(b, nl.NewRtAttr(int(a.Type), a.Value).Serialize()...)
	}
	return b
}

// Dump asks for all there is of a kind (RTM_GETADDR and so on) and returns the
// messages, of type reply, as they came.
func (c *Conn) Dump(typ int, header []byte, reply uint16) ([][]byte, error) {
	return c.dump(typ, raw(header), reply)
}

// Send sends a message and waits for what the kernel says to it.
func (c *Conn) Send(typ, flags int, message []byte) error {
	r := c.request(typ, flags)
	r.AddData(raw(message))
	return c.do(r)
}

// raw are bytes as the library wants them.
type raw []byte

func (r raw) Len() int          { return len(r) }
func (r raw) Serialize() []byte { return r }

// SetFlag sets or clears flags of a device (IFF_*).
func (c *Conn) SetFlag(index int, flag uint32, on bool) error {
	r := c.request(unix.RTM_SETLINK, 0)
	h := nl.NewIfInfomsg(unix.AF_UNSPEC)
	h.Index, h.Change = int32(index), flag
	if on {
		h.Flags = flag
	}
	r.AddData(h)
	return c.do(r)
}

// The modes of switching between a port and its virtual functions, as bridge -d link
// says them (include/uapi/linux/if_bridge.h:BRIDGE_MODE_VEB).
const (
	VEB  = "VEB"
	VEPA = "VEPA"
)

// HardwareMode returns how a port's hardware switches what its functions send each
// other, [VEB] or [VEPA], and nothing where its driver does not tell.
func (c *Conn) HardwareMode(index int) (string, error) {
	header := make([]byte, unix.SizeofIfInfomsg)
	header[0] = unix.AF_BRIDGE
	all, err := c.Dump(unix.RTM_GETLINK, header, unix.RTM_NEWLINK)
	if err != nil {
		return "", fmt.Errorf("ask how device %d switches: %w", index, err)
	}
	for _, b := range all {
		m, err := ParseMessage(b, unix.SizeofIfInfomsg)
		if err != nil {
			return "", err
		}
		if int(nl.NativeEndian().Uint32(m.Header[4:])) != index {
			continue
		}
		spec, err := parseAttrs(m.Get(unix.IFLA_AF_SPEC))
		if err != nil {
			return "", fmt.Errorf("read how device %d switches: %w", index, err)
		}
		for _, a := range spec {
			const mode = 1 // IFLA_BRIDGE_MODE
			if a.Attr.Type == mode && len(a.Value) >= 2 {
				return map[uint16]string{0: VEB, 1: VEPA}[nl.NativeEndian().Uint16(a.Value)], nil
			}
		}
	}
	return "", nil
}
