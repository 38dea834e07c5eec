package run

import (
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/probe"
	"github.com/lanproof/lanproof/scenarios"
	"github.com/lanproof/lanproof/topology"
	"github.com/lanproof/lanproof/topology/lab"
)

// bareLoop is what somebody writes who only wants to send frames between all
// endpoints and count them: a packet socket in each, bound to its device and to one
// EtherType, write(2) for each frame, and recvmmsg(2).
type bareLoop struct {
	fds  []int
	macs []net.HardwareAddr
	msgs []mmsghdr
}

// mmsghdr is struct mmsghdr.
type mmsghdr struct {
	unix.Msghdr
	length uint32
}

// openBare builds a LAN in which nobody listens but the loop.
func openBare(b testing.TB, text string) *bareLoop {
	b.Helper()
	needRoot(b)
	f, err := scenarios.Load("lan.yaml", []byte(text))
	if err != nil {
		b.Fatal(err)
	}
	p, err := Prepare(f.Cases()[0], 1)
	if err != nil {
		b.Fatal(err)
	}
	var mu sync.Mutex
	sockets := map[string]int{}
	l, err := lab.Open(p.Plan, lab.Options{Inside: func(n *lab.Node) error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		mu.Lock()
		defer mu.Unlock()
		sockets[n.Name] = fd
		return err
	}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		var wg sync.WaitGroup
		for _, fd := range sockets {
			wg.Go(func() { _ = unix.Close(fd) })
		}
		wg.Wait()
		if err := l.Close(); err != nil {
			b.Error(err)
		}
	})
	x := &bareLoop{}
	for _, d := range p.Plan.LAN.Devices {
		if d.Kind != topology.KindMacvlan {
			continue
		}
		fd := sockets[d.Node]
		protocol := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, probe.EtherType))
		if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: protocol, Ifindex: d.Index}); err != nil {
			b.Fatal(err)
		}
		x.fds, x.macs = append(x.fds, fd), append(x.macs, d.MAC)
	}
	x.msgs = make([]mmsghdr, 64)
	for i := range x.msgs {
		iov := unix.Iovec{Base: &make([]byte, 2048)[0]}
		iov.SetLen(2048)
		x.msgs[i].Iov = &iov
		x.msgs[i].SetIovlen(1)
	}
	return x
}

// run sends a frame from each to each, and makes sure that all have come.
func (x *bareLoop) run() error {
	const rows = 16 // senders before all are read: few enough for any socket's buffer
	came := 0
	frame := binary.BigEndian.AppendUint16(make([]byte, 12, 60), probe.EtherType)[:60]
	for from, fd := range x.fds {
		copy(frame[6:], x.macs[from])
		for to, mac := range x.macs {
			if from == to {
				continue
			}
			copy(frame, mac)
			if _, err := unix.Write(fd, frame); err != nil {
				return err
			}
		}
		if from%rows != rows-1 && from != len(x.fds)-1 {
			continue
		}
		for _, fd := range x.fds {
			n, err := x.read(fd)
			if err != nil {
				return err
			}
			came += n
		}
	}
	if want := len(x.fds) * (len(x.fds) - 1); came != want {
		return fmt.Errorf("%d of %d frames came", came, want)
	}
	return nil
}

// read counts what is queued at a socket.
func (x *bareLoop) read(fd int) (sum int, err error) {
	for {
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&x.msgs[0])), uintptr(len(x.msgs)), 0, 0, 0)
		if errno == unix.EAGAIN {
			return sum, nil
		}
		if errno != 0 {
			return sum, errno
		}
		if sum += int(n); int(n) < len(x.msgs) {
			return sum, nil
		}
	}
}
