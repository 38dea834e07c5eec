package generator

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batch is how many frames one call makes at most, and a burst of a paced sender has. More
// are no faster, and fewer than a CPU's backlog of 1000 (net.core.netdev_max_backlog) lose
// nothing on their way.
const batch = 64

// sndTimeout is for how long a call may wait for a device that takes no frames, so
// that it ends when the context does.
var sndTimeout = unix.Timeval{Usec: 100_000}

// socket is an AF_PACKET socket that sends from one device and receives nothing.
type socket struct{ fd, index int }

// openSocket opens a socket in the calling thread's namespace. Protocol 0 keeps it
// from receiving (net/packet/af_packet.c:packet_do_bind).
func openSocket(index int) (*socket, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open a packet socket: %w", err)
	}
	s := &socket{fd: fd, index: index}
	timeout := sndTimeout
	err = errors.Join(
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &timeout),
		s.grow(),
		unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: index}))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("set up a packet socket on interface %d: %w", index, err), s.close())
	}
	return s, nil
}

// sndBuffer leaves room for frames that wait in the queue of a slow device.
const sndBuffer = 8 << 20

func (s *socket) grow() error {
	err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, sndBuffer)
	if errors.Is(err, unix.EPERM) {
		err = unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, sndBuffer)
	}
	return err
}

func (s *socket) close() error { return os.NewSyscallError("close", unix.Close(s.fd)) }

// to is where a frame is sent: the device, with the protocol that the frame has. The
// kernel finds that out by itself only on devices that can tell (ipvlan cannot:
// drivers/net/ipvlan/ipvlan_main.c:ipvlan_header_ops), and ipvlan in mode l3 drops what
// has none (ipvlan_core.c:ipvlan_get_L3_hdr).
func (s *socket) to(frame []byte) *unix.RawSockaddrLinklayer {
	return &unix.RawSockaddrLinklayer{
		Family: unix.AF_PACKET, Ifindex: int32(s.index), Protocol: binary.NativeEndian.Uint16(frame[macsLen:]),
	}
}

// message is struct mmsghdr.
type message struct {
	unix.Msghdr
	_ uint32
}

// packets sends frames one by one, many with a call.
type packets struct {
	*socket
	slots  [][]byte
	iovs   []unix.Iovec
	msgs   []message
	header int
}

func newPackets(s *socket, f *Frame) *packets {
	p := &packets{socket: s, slots: make([][]byte, batch), iovs: make([]unix.Iovec, batch), msgs: make([]message, batch), header: f.header()}
	all := make([]byte, batch*f.wire())
	for i := range batch {
		slot := f.build(all[i*f.wire():][:0:f.wire()], f.wire()-f.header())
		p.slots[i] = slot
		p.iovs[i].Base = &slot[0]
		p.iovs[i].SetLen(len(slot))
		p.msgs[i].Iov = &p.iovs[i]
		p.msgs[i].SetIovlen(1)
		p.msgs[i].Name, p.msgs[i].Namelen = (*byte)(unsafe.Pointer(s.to(slot))), unix.SizeofSockaddrLinklayer
	}
	return p
}

// burst sends with one call.
func (p *packets) burst(first uint64, n int) (taken, refused int, err error) {
	n = min(n, batch)
	for i := range n {
		setMark(p.slots[i][p.header:], dataMagic, uint32(first)+uint32(i)+1)
	}
	got, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(p.fd), uintptr(unsafe.Pointer(&p.msgs[0])), uintptr(n), 0, 0, 0)
	if errno != 0 {
		return 0, refusal(errno, 1), fatal(errno)
	}
	if int(got) < n {
		// Why the next one was not sent is not told (net/socket.c:__sys_sendmmsg); if it was
		// not for a full queue, the next call will say so.
		refused = 1
	}
	return int(got), refused, nil
}

// refusal is n where an error says that a queue was full, which took the frames away.
func refusal(errno unix.Errno, n int) int {
	if errno == unix.ENOBUFS {
		return n
	}
	return 0
}

// fatal is nil for errors that pass by: a full queue, a full buffer, a signal.
func fatal(errno unix.Errno) error {
	switch errno {
	case unix.ENOBUFS, unix.EAGAIN, unix.EINTR:
		return nil
	}
	return errno
}

// nanoseconds is CLOCK_MONOTONIC.
func nanoseconds() int64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // cannot fail: clock and address are right
	return ts.Nano()
}

// sleepUntil waits for a time of CLOCK_MONOTONIC, or is woken by a signal before.
func sleepUntil(ns int64) {
	ts := unix.NsecToTimespec(ns)
	_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &ts, nil)
}
