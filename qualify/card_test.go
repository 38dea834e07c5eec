package qualify

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/rtnl"
)

// card is a network card in this program: a TAP device is the port that the machine
// sees, another one its peer, and what comes over the cable between them passes a
// filter that heeds the port's address, lists and modes, as a good card's does. Faults
// can be put in.
type card struct {
	t          *testing.T
	port, peer plug
	wg         sync.WaitGroup

	// fault is given what the card would hand up of a frame, and hands up what it likes.
	fault func(c *card, m *mode, frame []byte, good bool) [][]byte
	// delay is how long a frame takes, in order.
	delay func() time.Duration
	cut   bool // the peer gets nothing

	space   *netns.NS
	conn    *rtnl.Conn
	frames  int
	memory  map[string]bool // a fault's own
	initial net.HardwareAddr
}

// plug is where a device is put in. It is closed when the device goes, and another one
// may come.
type plug struct{ atomic.Pointer[os.File] }

func (p *plug) Close() error { return p.Load().Close() }

// mode is how the machine has set the card up.
type mode struct {
	*rtnl.State
	lists []net.HardwareAddr
}

const tunGetDevNetNS = 0x54e3 // TUNGETDEVNETNS (Linux 5.2)

// openTap makes a TAP device in the namespace of the calling thread.
func openTap(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	r, err := unix.NewIfreq(name)
	if err != nil {
		return nil, err
	}
	r.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, r); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), name), nil
}

// newCard plugs in a card, eth1 and eth2 of the namespace of the calling thread.
func newCard(t *testing.T) *card {
	t.Helper()
	c := &card{t: t, memory: map[string]bool{}}
	for name, f := range map[string]*plug{"eth1": &c.port, "eth2": &c.peer} {
		file, err := openTap(name)
		if err != nil {
			t.Skipf("no TAP devices here: %v", err)
		}
		f.Store(file)
	}
	return c
}

// work begins to pass frames, until the card is pulled.
func (c *card) work() {
	c.wg.Go(func() { c.pass(&c.peer, &c.port, c.receive) })
	c.send()
}

// send begins to pass on what the machine sends, until its port goes.
func (c *card) send() {
	c.wg.Go(func() {
		c.pass(&c.port, &c.peer, func(f []byte) [][]byte {
			if c.cut {
				return nil
			}
			return [][]byte{f}
		})
	})
}

// pull ends it; its devices go.
func (c *card) pull() {
	_ = c.port.Close()
	_ = c.peer.Close()
	c.wg.Wait()
	if c.conn != nil {
		c.conn.Close()
		_ = c.space.Close()
	}
}

// late is a frame on its way.
type late struct {
	due   time.Time
	frame []byte
}

func (c *card) pass(from, to *plug, through func([]byte) [][]byte) {
	queue := make(chan late, 4096)
	c.wg.Go(func() {
		for l := range queue {
			if wait := time.Until(l.due); wait > 0 {
				<-time.After(wait)
			}
			_, _ = to.Load().Write(l.frame) // one that is down takes none
		}
	})
	defer close(queue)
	buf := make([]byte, 1<<16)
	var due time.Time
	for file := from.Load(); ; {
		n, err := file.Read(buf)
		if errors.Is(err, os.ErrClosed) || errors.Is(err, unix.EBADFD) {
			return
		}
		if err != nil {
			if errors.Is(err, unix.EIO) {
				return
			}
			continue
		}
		if c.delay != nil {
			if d := time.Now().Add(c.delay()); d.After(due) {
				due = d
			}
		}
		for _, f := range through(bytes.Clone(buf[:n])) {
			queue <- late{due, f}
		}
	}
}

// receive is what the card hands up of a frame.
func (c *card) receive(frame []byte) [][]byte {
	m, err := c.mode()
	if err != nil {
		return nil // it is between two namespaces
	}
	c.frames++
	good := m.takes(frame)
	if c.fault != nil {
		return c.fault(c, m, frame, good)
	}
	if !good {
		return nil
	}
	return [][]byte{frame}
}

// takes is a good card's filter.
func (m *mode) takes(frame []byte) bool {
	dest := net.HardwareAddr(frame[:6])
	switch {
	case m.Promiscuity > 0, bytes.Equal(dest, m.MAC), bytes.Equal(dest, broadcast), dest[0]&1 != 0 && m.AllMulti > 0:
		return true
	}
	return m.lists != nil && slices.ContainsFunc(m.lists, func(a net.HardwareAddr) bool { return bytes.Equal(a, dest) })
}

// where returns the namespace that the port is in.
func (c *card) where() (*netns.NS, error) {
	raw, err := c.port.Load().SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	if e := raw.Control(func(tun uintptr) { fd, err = unix.IoctlRetInt(int(tun), tunGetDevNetNS) }); e != nil || err != nil {
		return nil, errors.Join(e, err)
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was written to it
	return netns.Open(fmt.Sprintf("/proc/self/fd/%d", fd))
}

// mode asks the kernel how the card is set up, in whichever namespace its port is.
func (c *card) mode() (*mode, error) {
	space, err := c.where()
	if err != nil {
		return nil, err
	}
	if c.space == nil || c.space.ID() != space.ID() {
		if c.conn != nil {
			c.conn.Close()
			_ = c.space.Close()
		}
		c.space, c.conn = space, nil
		if err := space.Do(func() (err error) { c.conn, err = rtnl.OpenHere(); return err }); err != nil {
			return nil, err
		}
	} else if err := space.Close(); err != nil {
		return nil, err
	}
	s, err := c.conn.LinkByName("eth1")
	if err != nil {
		return nil, err
	}
	lists, err := c.conn.Filter(s.Index)
	if err != nil {
		return nil, err
	}
	if c.initial == nil {
		c.initial = s.MAC
	}
	return &mode{s, lists}, nil
}

// inMachine runs fn in a namespace that plays a machine.
func inMachine(t *testing.T, fn func()) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("making network namespaces needs root")
	}
	home, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	if err := home.Do(func() error { fn(); return nil }); err != nil {
		t.Error(err)
	}
	if err := home.Close(); err != nil {
		t.Error(err)
	}
}

// shaky is a delay of 5 to 50 ms.
func shaky() time.Duration { return 5*time.Millisecond + rand.N(45*time.Millisecond) }
