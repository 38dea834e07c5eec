// Package mark is how lanproof knows its own frames again: a few bytes that they
// carry behind all headers. It knows no kernel, so that frames in a capture are
// counted on any machine by what they were counted by when they came.
package mark

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/google/gopacket/layers"
)

// Mark is what a frame carries. The zero value is no mark.
type Mark struct {
	Run  uint64 // tells fields apart that share a wire
	Seq  uint32 // tells frames of a field apart
	Role Role
}

// Role is what a frame is for.
type Role byte

// The roles.
const (
	Probe Role = 'p' // asks something
	Fence Role = 'f' // shows that what was sent before it is past
	Tick  Role = 't' // shows that a CPU's backlog is past it
)

// EtherType of raw probes and fences: IEEE 802's local experimental one, which no
// stack answers (IEEE 802 clause 9.2.4). The mark is right behind it.
const EtherType = 0x88b5

// Option is one for experiments (RFC 4727 section 5.1.3), which stacks pass over. The
// mark of a solicitation is in it.
const Option layers.ICMPv6Opt = 253

const magic = "lanproof"

// Size is the number of bytes that a mark takes.
const Size = len(magic) + 8 + 4 + 1

// Encode writes a mark, filled up with zeros to size bytes.
func (m Mark) Encode(size int) []byte {
	b := make([]byte, Size, max(size, Size))
	copy(b, magic)
	binary.BigEndian.PutUint64(b[8:], m.Run)
	binary.BigEndian.PutUint32(b[16:], m.Seq)
	b[20] = byte(m.Role)
	return b[:cap(b)]
}

// Decode reads a mark at the start of b.
func Decode(b []byte) (Mark, bool) {
	if len(b) < Size || string(b[:len(magic)]) != magic {
		return Mark{}, false
	}
	m := Mark{Run: binary.BigEndian.Uint64(b[8:]), Seq: binary.BigEndian.Uint32(b[16:]), Role: Role(b[20])}
	return m, m.Role == Probe || m.Role == Fence || m.Role == Tick
}

// Behind reads a mark behind the padding of an ARP request.
func Behind(b []byte) (Mark, bool) { return Decode(bytes.TrimLeft(b, "\x00")) }

// Find looks for the first mark anywhere in b, whatever stands before it, and says
// where it is.
func Find(b []byte) (m Mark, at int, ok bool) {
	for {
		i := bytes.Index(b[at:], []byte(magic))
		if i < 0 {
			return Mark{}, 0, false
		}
		at += i
		if m, ok = Decode(b[at:]); ok {
			return m, at, true
		}
		at += len(magic)
	}
}

// String says what a mark is: "lanproof probe 17".
func (m Mark) String() string {
	what := map[Role]string{Probe: "probe", Fence: "fence", Tick: "tick"}[m.Role]
	return fmt.Sprintf("lanproof %s %d", what, m.Seq)
}
