// Package wire is what the host and the guest side of lanproof agree on: a
// mailbox in memory that both see, a byte stream from the guest to the host in
// it, and the frames in that stream.
//
// The mailbox lies in guest RAM above the memory that the kernel is told of. The
// guest maps it through /dev/mem, the host maps the file that backs the guest's
// RAM. That needs no driver, works from the first instruction of init, survives a
// snapshot, costs a memory copy, and what a dying guest wrote can still be read.
//
// The stream is a ring with one writer and one reader. The writer rings a bell
// after each write (one byte through the debug console port). When the ring is
// full it says so in the mailbox and waits for an acknowledgement, one byte on
// the serial line, which the reader sends once there is room again.
package wire

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"sync/atomic"
	"time"
	"unsafe"
)

// Sizes of the mailbox's parts, in bytes.
const (
	headerPage = 4096
	// MaxJob is the largest job that a guest can be given.
	MaxJob   = 16 << 20
	ringSize = 4 << 20
	// MailboxSize is the size of the whole mailbox, a multiple of 1 MiB.
	MailboxSize = 21 << 20
	ringOffset  = headerPage + MaxJob
)

// Version changes whenever the meaning of the mailbox or of a frame does.
const Version = 1

// The bytes that the host writes on the serial line.
const (
	Go  = 'g' // the job lies in the mailbox
	Ack = 'a' // there is room in the ring again
)

// Offsets of the words in the header page, each in a cache line of its own.
const (
	offHead    = 0x040 // bytes ever written; set by the guest
	offTail    = 0x080 // bytes ever read; set by the host
	offWaiting = 0x0c0 // 1 while the guest waits for room
	offJob     = 0x100 // the envelope: length, checksum, time, seed
)

// SeedSize is the number of random bytes that come with each job.
const SeedSize = 64

// Mailbox is the shared memory. Its zero value is of no use; see [NewMailbox].
type Mailbox struct{ mem []byte }

// NewMailbox uses mem, which must be [MailboxSize] bytes of page-aligned shared
// memory and must stay mapped.
func NewMailbox(mem []byte) (*Mailbox, error) {
	if len(mem) != MailboxSize || uintptr(unsafe.Pointer(unsafe.SliceData(mem)))%8 != 0 {
		return nil, fmt.Errorf("mailbox of %d bytes: want %d, aligned", len(mem), MailboxSize)
	}
	return &Mailbox{mem: mem}, nil
}

// word is a word of the header that both sides use.
func (m *Mailbox) word(off int) *atomic.Uint64 {
	return (*atomic.Uint64)(unsafe.Pointer(&m.mem[off]))
}

func (m *Mailbox) ring() []byte { return m.mem[ringOffset : ringOffset+ringSize] }

// Job is what the host gives a guest that is ready.
type Job struct {
	Time time.Time      // the host's clock, for the guest's
	Seed [SeedSize]byte // random bytes: copies of one snapshot must not share theirs
	Data []byte
}

// PutJob lays a job into the mailbox. The guest must not have been told to go.
func (m *Mailbox) PutJob(j Job) error {
	if len(j.Data) > MaxJob {
		return fmt.Errorf("job of %d bytes: a guest takes at most %d", len(j.Data), MaxJob)
	}
	copy(m.mem[headerPage:], j.Data)
	copy(m.mem[offJob+24:], j.Seed[:])
	le := binary.LittleEndian
	le.PutUint64(m.mem[offJob:], uint64(len(j.Data)))
	le.PutUint64(m.mem[offJob+8:], uint64(crc32.Checksum(j.Data, castagnoli)))
	le.PutUint64(m.mem[offJob+16:], uint64(j.Time.UnixNano()))
	return nil
}

// Job takes the job out of the mailbox, as a copy.
func (m *Mailbox) Job() (Job, error) {
	le := binary.LittleEndian
	n := le.Uint64(m.mem[offJob:])
	if n > MaxJob {
		return Job{}, fmt.Errorf("%w: job of %d bytes", ErrCorrupt, n)
	}
	j := Job{Time: time.Unix(0, int64(le.Uint64(m.mem[offJob+16:]))), Data: make([]byte, n)}
	copy(j.Data, m.mem[headerPage:])
	copy(j.Seed[:], m.mem[offJob+24:])
	if uint64(crc32.Checksum(j.Data, castagnoli)) != le.Uint64(m.mem[offJob+8:]) {
		return Job{}, fmt.Errorf("%w: checksum of the job is wrong", ErrCorrupt)
	}
	return j, nil
}

// Writer is the guest's end of the stream. It is not safe for concurrent use.
type Writer struct {
	Box *Mailbox
	// Ring rings the host's bell.
	Ring func() error
	// Wait returns when the host has acknowledged that there is room.
	Wait func() error
}

// Write puts p into the ring, waiting for room as often as it must.
func (w *Writer) Write(p []byte) (int, error) {
	ring, head := w.Box.ring(), w.Box.word(offHead)
	total := len(p)
	for len(p) > 0 {
		h := head.Load()
		room := ringSize - int(h-w.Box.word(offTail).Load())
		if room <= 0 {
			if err := w.waitForRoom(); err != nil {
				return total - len(p), err
			}
			continue
		}
		at := int(h % ringSize)
		n := copy(ring[at:min(ringSize, at+room)], p)
		p = p[n:]
		head.Store(h + uint64(n)) // after the bytes: what the head covers is whole
		if err := w.Ring(); err != nil {
			return total - len(p), fmt.Errorf("ring the host's bell: %w", err)
		}
	}
	return total, nil
}

// waitForRoom announces the wait before it looks again: if the host made room in
// between, either it saw the announcement and sends a byte, or this side takes
// the announcement back and no byte will come.
func (w *Writer) waitForRoom() error {
	waiting := w.Box.word(offWaiting)
	waiting.Store(1)
	full := w.Box.word(offHead).Load()-w.Box.word(offTail).Load() >= ringSize
	if !full && waiting.CompareAndSwap(1, 0) {
		return nil
	}
	if err := w.Ring(); err != nil {
		return fmt.Errorf("ring the host's bell: %w", err)
	}
	if err := w.Wait(); err != nil {
		return fmt.Errorf("wait for the host to read: %w", err)
	}
	return nil
}

// Reader is the host's end of the stream. It is not safe for concurrent use.
type Reader struct {
	Box *Mailbox
	// Bell returns when the guest has rung, io.EOF when it never will again.
	Bell func() error
	// Ack tells the guest that there is room. A guest that cannot be told is
	// dead or will be found silent, so there is no error to return.
	Ack func()

	end error // what Bell returned last, if it was an error
}

// Read reads what the guest wrote, waiting for the bell when there is nothing.
// After the guest's end it first returns all that was written.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		n, err := r.take(p)
		if n > 0 || err != nil {
			return n, err
		}
		if r.end != nil {
			return 0, r.end
		}
		if err := r.Bell(); err != nil {
			r.end = err // look once more: the last words may have come with the end
		}
	}
}

// take copies what is there. The guest's kernel may be wild, so nothing in the
// mailbox is believed.
func (r *Reader) take(p []byte) (int, error) {
	tail := r.Box.word(offTail)
	t, h := tail.Load(), r.Box.word(offHead).Load()
	if h-t > ringSize {
		return 0, fmt.Errorf("%w: ring holds %d bytes of %d", ErrCorrupt, h-t, ringSize)
	}
	at := int(t % ringSize)
	n := copy(p, r.Box.ring()[at:min(ringSize, at+int(h-t))])
	tail.Store(t + uint64(n))
	if n > 0 && r.Box.word(offWaiting).CompareAndSwap(1, 0) {
		r.Ack()
	}
	return n, nil
}
