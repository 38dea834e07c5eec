package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
)

// Kind says what a frame carries.
type Kind byte

// The frames that a guest sends, in the order in which their kinds may first
// come. Everything but Line and Blob comes at most once.
const (
	Ready  Kind = 'R' // the guest waits for its job; the body is the kernel's release
	Begun  Kind = 'G' // the job was read whole and the handler is about to run
	Line   Kind = 'L' // a result line
	Blob   Kind = 'B' // a named blob, see [SplitBlob]
	Failed Kind = 'E' // the handler returned an error; the body is its text
	Broken Kind = 'P' // the guest side gave up, by a panic or before the job; the body says why
	Done   Kind = 'D' // the handler returned without error and everything was sent
)

// MaxBody is the largest body of a frame, in bytes.
const MaxBody = 1 << 30

const headerSize = 9

// ErrCorrupt is wrapped by errors about bytes that no guest of ours writes.
var ErrCorrupt = errors.New("corrupt result stream")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Frame is one message of the guest.
type Frame struct {
	Kind Kind
	Body []byte
}

// WriteFrame writes one frame: kind, length and CRC-32C of the body, both little
// endian, then the body, which is the concatenation of parts.
func WriteFrame(w io.Writer, k Kind, parts ...[]byte) error {
	var n int
	var sum uint32
	for _, p := range parts {
		n += len(p)
		sum = crc32.Update(sum, castagnoli, p)
	}
	if n > MaxBody {
		return fmt.Errorf("write a frame of %d bytes: at most %d", n, MaxBody)
	}
	head := make([]byte, 1, headerSize)
	head[0] = byte(k)
	head = binary.LittleEndian.AppendUint32(head, uint32(n))
	head = binary.LittleEndian.AppendUint32(head, sum)
	for _, p := range append([][]byte{head}, parts...) {
		if _, err := w.Write(p); err != nil {
			return fmt.Errorf("write a frame: %w", err)
		}
	}
	return nil
}

// ReadFrame reads one frame. It returns io.EOF at the end of the stream,
// io.ErrUnexpectedEOF inside a frame, an error that wraps [ErrCorrupt] for bytes
// that are no frame, and errors of r as they are.
func ReadFrame(r io.Reader) (Frame, error) {
	var head [headerSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return Frame{}, err
	}
	f := Frame{Kind: Kind(head[0])}
	if !slices.Contains([]Kind{Ready, Begun, Line, Blob, Failed, Broken, Done}, f.Kind) {
		return Frame{}, fmt.Errorf("%w: frame of unknown kind %#x", ErrCorrupt, head[0])
	}
	n := binary.LittleEndian.Uint32(head[1:])
	if n > MaxBody {
		return Frame{}, fmt.Errorf("%w: frame of %d bytes", ErrCorrupt, n)
	}
	var err error
	if f.Body, err = readBody(r, int(n)); err != nil {
		return Frame{}, err
	}
	if crc32.Checksum(f.Body, castagnoli) != binary.LittleEndian.Uint32(head[5:]) {
		return Frame{}, fmt.Errorf("%w: checksum of a frame of kind %q is wrong", ErrCorrupt, f.Kind)
	}
	return f, nil
}

// readBody reads n bytes, growing as they come: a garbled length costs no memory.
func readBody(r io.Reader, n int) ([]byte, error) {
	const step = 1 << 20
	body := make([]byte, 0, min(n, step))
	for len(body) < n {
		at := len(body)
		body = slices.Grow(body, min(n-at, max(step, at)))
		body = body[:min(n, cap(body))]
		if _, err := io.ReadFull(r, body[at:]); errors.Is(err, io.EOF) {
			return nil, io.ErrUnexpectedEOF
		} else if err != nil {
			return nil, err
		}
	}
	return body, nil
}

// WriteBlob writes a [Blob] frame: a byte with the length of the name, the name,
// the data. The name has 1 to 255 bytes.
func WriteBlob(w io.Writer, name string, data []byte) error {
	if len(name) == 0 || len(name) > 255 {
		return fmt.Errorf("write blob %.40q: its name has %d bytes, not 1 to 255", name, len(name))
	}
	return WriteFrame(w, Blob, []byte{byte(len(name))}, []byte(name), data)
}

// SplitBlob takes the body of a [Blob] frame apart.
func SplitBlob(body []byte) (name string, data []byte, err error) {
	if len(body) == 0 || body[0] == 0 || len(body) < 1+int(body[0]) {
		return "", nil, fmt.Errorf("%w: blob without a name", ErrCorrupt)
	}
	n := 1 + int(body[0])
	return string(body[1:n]), body[n:], nil
}
