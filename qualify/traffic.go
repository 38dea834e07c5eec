package qualify

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// traffic is a stream of TCP between the peer and a child, both ways and without an
// end.
type traffic struct {
	sent  atomic.Int64 // bytes that the peer has written to the child
	bytes atomic.Int64 // that have come there
	came  chan struct{}
	ends  []*net.TCPConn
	wg    sync.WaitGroup
}

// traffic begins to send. The child gets the second address of the network of
// streams, and the peer the first.
func (m *Measurement) traffic(child *Device) (*traffic, error) {
	if err := m.address(m.Peer.Device, 1); err != nil {
		return nil, err
	}
	if err := m.address(child, 2); err != nil {
		return nil, err
	}
	server, client, err := connect(child, m.Peer.Device, streamNet(2)[0].Addr())
	if err != nil {
		return nil, fmt.Errorf("begin a stream to %s: %w", child.Name, err)
	}
	t := &traffic{came: make(chan struct{}, 1), ends: []*net.TCPConn{server, client}}
	t.wg.Go(func() { write(server, func(int) {}) })
	t.wg.Go(func() { write(client, func(n int) { t.sent.Add(int64(n)) }) })
	t.wg.Go(func() { read(client, func(int) {}) })
	t.wg.Go(func() {
		read(server, func(n int) {
			t.bytes.Add(int64(n))
			select {
			case t.came <- struct{}{}:
			default:
			}
		})
	})
	return t, nil
}

// write writes until the connection was stopped, or its device has gone.
func write(c *net.TCPConn, wrote func(n int)) {
	for data := content(streamChunk); ; {
		n, err := c.Write(data)
		wrote(n)
		if err != nil {
			return
		}
	}
}

func read(c *net.TCPConn, got func(n int)) {
	for buf := make([]byte, 64<<10); ; {
		n, err := c.Read(buf)
		got(n)
		if err != nil {
			return
		}
	}
}

// goes reports whether bytes come in some time that the peer writes from now on.
func (t *traffic) goes(limit time.Duration) bool {
	end := time.After(limit)
	for before := t.sent.Load() + streamChunk; t.bytes.Load() <= before; { // one may be half written
		select {
		case <-t.came:
		case <-end:
			return false
		}
	}
	return true
}

// stop ends it at once: no end waits for the other one, which may have lost its device.
func (t *traffic) stop() error {
	var errs []error
	for _, c := range t.ends {
		errs = append(errs, c.SetLinger(0), c.Close())
	}
	t.wg.Wait()
	return errors.Join(errs...)
}

// streamChunk is how much of a stream is written at a time, in bytes.
const streamChunk = 16 << 10

// streamBuffer is how much of a stream may be on its way, in bytes, so that what comes
// was written a moment before.
const streamBuffer = 64 << 10

// connect opens a connection of TCP to an address of one device from another one.
func connect(to, from *Device, at netip.Addr) (server, client *net.TCPConn, err error) {
	var l *net.TCPListener
	err = to.Room.NS.Do(func() error {
		l, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(at, 0)))
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	var c net.Conn
	err = from.Room.NS.Do(func() error {
		d := net.Dialer{Timeout: streamLimit}
		c, err = d.Dial("tcp", l.Addr().String())
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	client = c.(*net.TCPConn)
	err = l.SetDeadline(time.Now().Add(streamLimit))
	if err == nil {
		server, err = l.AcceptTCP()
	}
	if err != nil {
		return nil, nil, errors.Join(err, client.Close())
	}
	for _, c := range []*net.TCPConn{server, client} {
		err = errors.Join(err, c.SetReadBuffer(streamBuffer), c.SetWriteBuffer(streamBuffer))
	}
	if err != nil {
		return nil, nil, errors.Join(err, server.Close(), client.Close())
	}
	return server, client, nil
}

// address gives a device an IPv4 address of the network of streams until the
// requirement has been measured. It may have it already.
func (m *Measurement) address(d *Device, host int) error {
	p := streamNet(host)[0]
	err := d.Room.Conn.AddAddress(d.Index, p)
	switch {
	case isAny(err, unix.EEXIST):
		return nil
	case err != nil:
		return fmt.Errorf("give %s the address %s: %w", d.Name, p, err)
	}
	m.Finally(func() error {
		if err := d.Room.Conn.RemoveAddress(d.Index, p); err != nil && !isAny(err, unix.ENODEV, unix.EADDRNOTAVAIL) {
			return err
		}
		return nil
	})
	return nil
}

// forgive takes out what the taps have of streams, of which they may have lost some.
func (m *Measurement) forgive() error {
	if err := m.read(); err != nil {
		return err
	}
	_ = m.lossless()
	return nil
}
