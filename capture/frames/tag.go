package frames

import (
	"encoding/binary"
	"fmt"
)

// The tag protocol identifiers that [Tags] knows.
const (
	TPID8021Q  uint16 = 0x8100 // C-tag, IEEE 802.1Q-2022 9.5
	TPID8021AD uint16 = 0x88a8 // S-tag, IEEE 802.1Q-2022 9.5
	TPID9100   uint16 = 0x9100 // an outer tag from before the standard had one
)

const (
	macsLen = 12 // both addresses of an Ethernet header
	tagLen  = 4  // TPID and TCI
)

// Tag is one VLAN tag of a frame.
type Tag struct {
	TPID uint16 // tag protocol identifier, such as TPID8021Q
	VID  uint16 // VLAN identifier, 0 in a priority tag
	PCP  uint8  // priority code point, 0 to 7
	DEI  bool   // drop eligible indicator
}

// TCI is the tag control information: PCP, DEI and VID as they stand behind
// the TPID (IEEE 802.1Q-2022 9.6). What does not fit its field is cut.
func (t Tag) TCI() uint16 {
	tci := uint16(t.PCP)<<13 | t.VID&0x0fff
	if t.DEI {
		tci |= 1 << 12
	}
	return tci
}

// String is the tag for people, such as "0x8100 VID 10 PCP 5".
func (t Tag) String() string {
	s := fmt.Sprintf("%#04x VID %d PCP %d", t.TPID, t.VID, t.PCP)
	if t.DEI {
		s += " DEI"
	}
	return s
}

// Tags lists the VLAN tags of an Ethernet frame, outermost first. A tag counts
// when it is whole: TPID, TCI and the EtherType behind it.
func Tags(data []byte) []Tag {
	var tags []Tag
	for at := macsLen; tagAt(data, at); at += tagLen {
		tci := binary.BigEndian.Uint16(data[at+2:])
		tags = append(tags, Tag{
			TPID: binary.BigEndian.Uint16(data[at:]),
			VID:  tci & 0x0fff,
			PCP:  uint8(tci >> 13),
			DEI:  tci&(1<<12) != 0,
		})
	}
	return tags
}

// EtherType is the type field behind the tags of an Ethernet frame. Below
// 0x0600 it is the length of an LLC frame (IEEE 802.3-2022 3.2.6); it is 0 when
// the frame ends before it.
func EtherType(data []byte) uint16 {
	at := typeAt(data)
	if len(data) < at+2 {
		return 0
	}
	return binary.BigEndian.Uint16(data[at:])
}

// Payload is what follows the EtherType, padding included. It shares memory
// with data, and is nil when the frame ends before it.
func Payload(data []byte) []byte {
	at := typeAt(data)
	if len(data) < at+2 {
		return nil
	}
	return data[at+2:]
}

// typeAt is where the EtherType behind the tags stands or would stand.
func typeAt(data []byte) int {
	at := macsLen
	for tagAt(data, at) {
		at += tagLen
	}
	return at
}

// tagAt reports whether a whole tag stands at this place in the frame.
func tagAt(data []byte, at int) bool {
	if len(data) < at+tagLen+2 {
		return false
	}
	switch binary.BigEndian.Uint16(data[at:]) {
	case TPID8021Q, TPID8021AD, TPID9100:
		return true
	}
	return false
}
