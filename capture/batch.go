package capture

import (
	"encoding/binary"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Batch reads many frames with few system calls, from any number of taps. The zero
// value is ready; it serves one goroutine at a time.
type Batch struct {
	slots []slot
	msgs  []message // as recvmmsg(2) wants them, one for each slot
}

// slot is the memory for one frame and for what the kernel says beside it.
type slot struct {
	data []byte // behind room for one more tag
	iov  unix.Iovec
	from unix.RawSockaddrLinklayer
	oob  [128]byte
}

// message is struct mmsghdr.
type message struct {
	unix.Msghdr
	length uint32
}

// batchLen is how many frames a call takes. More do not make it faster.
const batchLen = 32

// Read takes everything out of a tap's buffer, frame by frame in their order. It
// never blocks. A frame's Data is good until take returns.
func (b *Batch) Read(t *Tap, take func(Frame)) error {
	if !t.open {
		return fmt.Errorf("read from tap: %w", os.ErrClosed)
	}
	if b.slots == nil {
		b.open()
	}
	for {
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(t.fd), uintptr(unsafe.Pointer(&b.msgs[0])), batchLen, unix.MSG_TRUNC, 0, 0)
		switch errno {
		case 0:
		case unix.EAGAIN:
			return nil
		case unix.EINTR, unix.ENETDOWN: // see Tap.Read
			continue
		default:
			return fmt.Errorf("read from tap: %w", errno)
		}
		for i := range int(n) {
			f, err := b.frame(i)
			if err != nil {
				return fmt.Errorf("read from tap: %w", err)
			}
			take(f)
		}
		if n < batchLen {
			return nil
		}
	}
}

// open makes the slots, whose memory is only taken up as far as frames reach.
func (b *Batch) open() {
	b.slots, b.msgs = make([]slot, batchLen), make([]message, batchLen)
	for i := range b.slots {
		s, m := &b.slots[i], &b.msgs[i]
		s.data = make([]byte, tagLen+bufferLen)
		s.iov.Base = &s.data[tagLen]
		s.iov.SetLen(bufferLen)
		m.Iov, m.Name, m.Control = &s.iov, (*byte)(unsafe.Pointer(&s.from)), &s.oob[0]
		m.SetIovlen(1)
		b.reset(i)
	}
}

// reset undoes what the kernel has written into a message's head.
func (b *Batch) reset(i int) {
	b.msgs[i].Namelen = unix.SizeofSockaddrLinklayer
	b.msgs[i].SetControllen(len(b.slots[i].oob))
}

// frame puts together what the i-th message brought, in its slot's memory.
func (b *Batch) frame(i int) (Frame, error) {
	s, m := &b.slots[i], &b.msgs[i]
	defer b.reset(i)
	if m.Flags&unix.MSG_CTRUNC != 0 || s.from.Family != unix.AF_PACKET {
		return Frame{}, fmt.Errorf("%w: no address or cut", errAncillary)
	}
	a, err := parseAncillary(s.oob[:m.Controllen])
	if err != nil {
		return Frame{}, err
	}
	length := int(m.length)
	f := Frame{
		Time: a.time, Length: max(a.length, length), Index: int(s.from.Ifindex), Type: PacketType(s.from.Pkttype),
		Data: s.data[tagLen : tagLen+min(length, bufferLen)],
	}
	if a.tagged && len(f.Data) >= macsLen {
		f.Data = s.data[:tagLen+len(f.Data)]
		copy(f.Data, f.Data[tagLen:tagLen+macsLen])
		binary.BigEndian.PutUint16(f.Data[macsLen:], a.tpid)
		binary.BigEndian.PutUint16(f.Data[macsLen+2:], a.tci)
	}
	if a.tagged {
		f.Length += tagLen
	}
	return f, nil
}
