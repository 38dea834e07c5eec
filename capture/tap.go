package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/netns"
)

// DefaultBuffer is the receive buffer of a tap in bytes, some 10,000 small
// frames by the kernel's own accounting (skb->truesize).
const DefaultBuffer = 8 << 20

// Config says what a tap captures. Its zero value captures every frame of every
// device in the namespace, in both directions.
type Config struct {
	// Protocol is the EtherType to capture; 0 is every one (ETH_P_ALL). The
	// package's comment says how much more a single EtherType proves.
	Protocol uint16
	// Index is the device to capture on; 0 is every device of the namespace. A
	// device that is down is captured on once it comes up.
	Index int
	// Buffer is the size of the receive buffer in bytes; 0 is DefaultBuffer.
	// Without CAP_NET_ADMIN in the first user namespace the kernel keeps it
	// below net.core.rmem_max; [Tap.Drops] tells when it was too small.
	Buffer int
	// IgnoreOutgoing leaves out the frames that devices send (Linux 4.20).
	IgnoreOutgoing bool
	// SendOnly captures nothing at all and spares the kernel the work; the other
	// settings but Buffer are without effect.
	SendOnly bool
	// Plain leaves out what the kernel says beside a frame, which costs time for each:
	// the time stamp, and the outermost VLAN tag.
	Plain bool
	// Filter is a classic BPF program that is in force from the first frame on.
	// It sees the bytes without the outermost tag, which only the extensions
	// bpf.ExtVLANTag, ExtVLANTagPresent and ExtVLANProto can ask for. What it
	// returns is the number of bytes to keep, 0 for none of the frame.
	Filter []bpf.RawInstruction
}

// Tap is an AF_PACKET socket. Open and OpenHere make one; the zero value is a
// closed tap.
type Tap struct {
	fd    int
	open  bool
	buf   []byte    // one frame; made by the first Read
	oob   [128]byte // time stamp and auxdata take 72
	to    unix.SockaddrLinklayer
	bound unix.SockaddrLinklayer // what it captures
	stats Stats
}

// Open makes a tap in a namespace. The errno of the step that failed is in the
// error: EPERM without CAP_NET_RAW there, ENODEV where there is no such device.
func Open(ns *netns.NS, cfg Config) (*Tap, error) {
	var t *Tap
	err := ns.Do(func() (err error) {
		t, err = OpenHere(cfg)
		return err
	})
	if err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// OpenHere is Open in the namespace of the calling thread, for a caller that
// is in there already and has several sockets to make.
func OpenHere(cfg Config) (*Tap, error) {
	// Without a protocol no frame is captured before bind, so that none can slip
	// in from other devices or past the filter (net/packet/af_packet.c:packet_create).
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open tap: socket: %w", err)
	}
	t := &Tap{fd: fd, open: true}
	if err := t.configure(cfg); err != nil {
		return nil, errors.Join(fmt.Errorf("open tap: %w", err), t.Close())
	}
	return t, nil
}

// configure sets the options and at last binds.
func (t *Tap) configure(cfg Config) error {
	size := cfg.Buffer
	if size <= 0 {
		size = DefaultBuffer
	}
	if err := t.setBuffer("send", unix.SO_SNDBUFFORCE, unix.SO_SNDBUF, size); err != nil || cfg.SendOnly {
		return err
	}
	if err := t.setBuffer("receive", unix.SO_RCVBUFFORCE, unix.SO_RCVBUF, size); err != nil {
		return err
	}
	if !cfg.Plain {
		if err := t.askBeside(); err != nil {
			return err
		}
	}
	if cfg.IgnoreOutgoing {
		if err := unix.SetsockoptInt(t.fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
			return fmt.Errorf("leave out outgoing frames: %w", err)
		}
	}
	if err := t.setFilter(cfg.Filter); err != nil {
		return err
	}
	return t.bind(cfg.Protocol, cfg.Index)
}

// askBeside asks for what stands beside the frames.
func (t *Tap) askBeside() error {
	if err := unix.SetsockoptInt(t.fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1); err != nil {
		return fmt.Errorf("ask for VLAN tags: %w", err)
	}
	if err := unix.SetsockoptInt(t.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return fmt.Errorf("ask for time stamps: %w", err)
	}
	return nil
}

// setBuffer sets a buffer's size beyond the system's limit where that is
// permitted, else up to it.
func (t *Tap) setBuffer(name string, force, plain, size int) error {
	err := unix.SetsockoptInt(t.fd, unix.SOL_SOCKET, force, size)
	if errors.Is(err, unix.EPERM) {
		err = unix.SetsockoptInt(t.fd, unix.SOL_SOCKET, plain, size)
	}
	if err != nil {
		return fmt.Errorf("set the %s buffer to %d bytes: %w", name, size, err)
	}
	return nil
}

// Buffer is the size of the receive buffer in bytes, as the kernel counts: twice what
// was asked for, if it gave that much (socket(7), SO_RCVBUF).
func (t *Tap) Buffer() (int, error) {
	size, err := unix.GetsockoptInt(t.fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
	if err != nil {
		return 0, fmt.Errorf("ask for the receive buffer's size: %w", err)
	}
	return size, nil
}

func (t *Tap) setFilter(filter []bpf.RawInstruction) error {
	if len(filter) == 0 {
		return nil
	}
	if len(filter) > unix.BPF_MAXINSNS {
		return fmt.Errorf("set a filter of %d instructions, at most %d are possible: %w", len(filter), unix.BPF_MAXINSNS, unix.EINVAL)
	}
	code := make([]unix.SockFilter, len(filter))
	for i, in := range filter {
		code[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	prog := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	if err := unix.SetsockoptSockFprog(t.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &prog); err != nil {
		return fmt.Errorf("set a filter of %d instructions: %w", len(filter), err)
	}
	return nil
}

func (t *Tap) bind(protocol uint16, index int) error {
	if protocol == 0 {
		protocol = unix.ETH_P_ALL
	}
	t.bound = unix.SockaddrLinklayer{Protocol: networkOrder(protocol), Ifindex: index}
	if err := unix.Bind(t.fd, &t.bound); err != nil {
		return fmt.Errorf("bind to interface %d, protocol %#04x: %w", index, protocol, err)
	}
	return nil
}

// Read takes the next frame out of the tap's buffer. It never blocks: false
// means that nothing is queued. A device that goes down does not end a tap; its
// frames come again when it is up again.
func (t *Tap) Read() (Frame, bool, error) {
	if !t.open {
		return Frame{}, false, fmt.Errorf("read from tap: %w", os.ErrClosed)
	}
	if t.buf == nil {
		t.buf = make([]byte, bufferLen)
	}
	for {
		n, oobn, flags, from, err := unix.Recvmsg(t.fd, t.buf, t.oob[:], unix.MSG_TRUNC)
		switch err { //nolint:errorlint // x/sys returns the errno itself
		case nil:
			f, err := t.frame(n, oobn, flags, from)
			return f, err == nil, err
		case unix.EAGAIN:
			return Frame{}, false, nil
		case unix.EINTR:
		case unix.ENETDOWN: // said once for each time the device goes down, ahead of queued frames (packet_notifier)
		default:
			return Frame{}, false, fmt.Errorf("read from tap: %w", err)
		}
	}
}

// frame puts together what one recvmsg(2) brought.
func (t *Tap) frame(n, oobn, flags int, from unix.Sockaddr) (Frame, error) {
	ll, ok := from.(*unix.SockaddrLinklayer)
	if !ok || flags&unix.MSG_CTRUNC != 0 {
		return Frame{}, fmt.Errorf("read from tap: %w: no address or cut", errAncillary)
	}
	a, err := parseAncillary(t.oob[:oobn])
	if err != nil {
		return Frame{}, fmt.Errorf("read from tap: %w", err)
	}
	f := a.frame(t.buf[:min(n, len(t.buf))], n)
	f.Index, f.Type = ll.Ifindex, PacketType(ll.Pkttype)
	return f, nil
}

// Send sends a whole Ethernet frame from a device of the tap's namespace,
// whatever the tap captures on. protocol is the EtherType that stands right
// behind the addresses, so the TPID for a tagged frame; the drivers trust it
// more than the bytes, and older ones know no other.
//
// Errors keep their errno: ENOBUFS when the driver or a queue refused the
// frame, ENETDOWN when the device is down, ENXIO when there is none, EMSGSIZE
// when the frame is over the MTU (a 0x8100 tag is not counted, others are),
// EAGAIN when the tap's frames wait in their thousands for a slow device.
func (t *Tap) Send(index int, protocol uint16, data []byte) error {
	if !t.open {
		return fmt.Errorf("send on interface %d: %w", index, os.ErrClosed)
	}
	t.to = unix.SockaddrLinklayer{Protocol: networkOrder(protocol), Ifindex: index}
	err := unix.Sendto(t.fd, data, 0, &t.to)
	for errors.Is(err, unix.EINTR) {
		err = unix.Sendto(t.fd, data, 0, &t.to)
	}
	if errors.Is(err, unix.ENETDOWN) {
		// Perhaps the left-over news of the captured device having gone down, which
		// any call takes away, and not about this device: it is down if it is said again.
		err = unix.Sendto(t.fd, data, 0, &t.to)
	}
	if err != nil {
		return fmt.Errorf("send %d bytes on interface %d: %w", len(data), index, err)
	}
	return nil
}

// Join makes a device receive the frames of a multicast group until Leave or
// Close. Tap and stack keep separate count: the stack's memberships stay.
func (t *Tap) Join(index int, group net.HardwareAddr) error {
	return t.member("join "+group.String(), unix.PACKET_ADD_MEMBERSHIP, unix.PACKET_MR_MULTICAST, index, group)
}

// Leave takes back one Join. Without one it does nothing.
func (t *Tap) Leave(index int, group net.HardwareAddr) error {
	return t.member("leave "+group.String(), unix.PACKET_DROP_MEMBERSHIP, unix.PACKET_MR_MULTICAST, index, group)
}

// Promiscuous makes a device receive everybody's frames until it is taken back
// or the tap closed. Where other users of the device ask for the same, theirs stays.
func (t *Tap) Promiscuous(index int, on bool) error {
	option, what := unix.PACKET_DROP_MEMBERSHIP, "promiscuous mode off"
	if on {
		option, what = unix.PACKET_ADD_MEMBERSHIP, "promiscuous mode on"
	}
	return t.member(what, option, unix.PACKET_MR_PROMISC, index, nil)
}

func (t *Tap) member(what string, option int, kind uint16, index int, addr net.HardwareAddr) error {
	if !t.open {
		return fmt.Errorf("%s on interface %d: %w", what, index, os.ErrClosed)
	}
	mreq := unix.PacketMreq{Ifindex: int32(index), Type: kind, Alen: uint16(len(addr))}
	if len(addr) > len(mreq.Address) {
		return fmt.Errorf("%s on interface %d: address of %d bytes: %w", what, index, len(addr), unix.EINVAL)
	}
	copy(mreq.Address[:], addr)
	if err := unix.SetsockoptPacketMreq(t.fd, unix.SOL_PACKET, option, &mreq); err != nil {
		return fmt.Errorf("%s on interface %d: %w", what, index, err)
	}
	return nil
}

// Stats counts the tap's frames since it was opened. After Close it is what was
// last asked for.
func (t *Tap) Stats() (Stats, error) {
	if !t.open {
		return t.stats, nil
	}
	// The kernel sets its counters back to 0 at each question, and counts the
	// dropped among tp_packets (net/packet/af_packet.c:packet_getsockopt).
	s, err := unix.GetsockoptTpacketStats(t.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return t.stats, fmt.Errorf("ask for the tap's statistics: %w", err)
	}
	t.stats.Received += int(s.Packets)
	t.stats.Dropped += int(s.Drops)
	return t.stats, nil
}

// Drops is how many frames the tap has missed since it was opened because its
// buffer was full. Only a tap without drops can prove that a frame did not come.
func (t *Tap) Drops() (int, error) {
	s, err := t.Stats()
	return s.Dropped, err
}

// FD is the tap's descriptor, readable in the sense of poll(2) when there is
// something to Read. It stays the tap's own; it is -1 once closed.
func (t *Tap) FD() int {
	if t == nil || !t.open {
		return -1
	}
	return t.fd
}

// Close ends the tap and its memberships. It waits until no CPU uses the socket
// any more (net/packet/af_packet.c:packet_release, synchronize_net), which takes
// some milliseconds; CloseAll waits once for many. Closing again does nothing.
func (t *Tap) Close() error {
	if t == nil || !t.open {
		return nil
	}
	t.open, t.buf = false, nil
	if err := unix.Close(t.fd); err != nil {
		return fmt.Errorf("close tap: %w", err)
	}
	return nil
}

// CloseAll closes taps in parallel: they all wait for the same thing, so many
// take about as long as one. Nil and closed taps may be among them.
func CloseAll(taps ...*Tap) error {
	return forAll(taps, (*Tap).Close)
}

// forAll calls fn for all taps at once, for one of each.
func forAll(taps []*Tap, fn func(*Tap) error) error {
	errs := make([]error, len(taps))
	seen := make(map[*Tap]bool, len(taps))
	var wg sync.WaitGroup
	for i, t := range taps {
		if t == nil || seen[t] {
			continue
		}
		seen[t] = true
		wg.Go(func() { errs[i] = fn(t) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// networkOrder is a 16 bit value as sockaddr_ll holds it.
func networkOrder(v uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return binary.NativeEndian.Uint16(b[:])
}
