package qualify

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/capture"
	"github.com/lanproof/lanproof/capture/frames"
	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/qualify/record"
)

// streams is what the stacks of both sides send each other, whatever the card does of
// their work.
func streams() []Requirement {
	const (
		expected = "whatever the card does of the stack's work, TCP and UDP come whole over IPv4 and IPv6, and no frame on the wire has a wrong length or checksum, or is longer than the MTU"
		source   = "RFC 9293 3.1, RFC 768, RFC 8200 8.1 (checksums); Documentation/networking/checksum-offloads.rst, segmentation-offloads.rst"
		switches = "ethtool -K DUT rx off tx off sg off tso off gso off gro off\n"
	)
	return []Requirement{
		{
			ID: "streams", Title: "Checksums and segments through a macvlan", Profile: record.Core, Expected: expected, Source: source,
			Reproduce: "ip link add link DUT name child type macvlan mode bridge\n" + switches + "iperf3 -c ADDRESS",
			Measure:   func(m *Measurement) error { return m.streams((*Measurement).overMacvlan) },
		},
		{
			ID: "streams-vlan", Title: "Checksums and segments through a VLAN", Profile: record.Full, Expected: expected, Source: source,
			Reproduce: "ip link add link DUT name child type vlan id 10\n" + switches + "iperf3 -c ADDRESS",
			Measure:   func(m *Measurement) error { return m.streams((*Measurement).overVLAN) },
		},
		{
			ID: "streams-ipvlan", Title: "Checksums and segments through an ipvlan", Profile: record.Full, Expected: expected, Source: source,
			Reproduce: "ip link add link DUT name child type ipvlan mode l2\n" + switches + "iperf3 -c ADDRESS",
			Measure:   func(m *Measurement) error { return m.streams((*Measurement).overIpvlan) },
		},
	}
}

func (m *Measurement) overMacvlan() (dut, peer *Device, err error) {
	dut, err = m.Macvlan(m.DUT.Device, m.DUT.Yard)
	return dut, m.Peer.Device, err
}

func (m *Measurement) overVLAN() (dut, peer *Device, err error) {
	if dut, err = m.VLAN(m.DUT.Device, m.DUT.Yard, frames.TPID8021Q, 10); err != nil {
		return nil, nil, err
	}
	peer, err = m.VLAN(m.Peer.Device, m.Peer.Room, frames.TPID8021Q, 10)
	return dut, peer, err
}

func (m *Measurement) overIpvlan() (dut, peer *Device, err error) {
	dut, err = m.Child(m.DUT.Device, m.DUT.Yard, &rtnl.Link{Kind: "ipvlan", Data: rtnl.Ipvlan("l2", "")})
	return dut, m.Peer.Device, err
}

// stackWork are the features by which a card takes work from the stack
// (net/ethtool/common.c:netdev_features_strings).
func stackWork(on bool) map[string]bool {
	all := map[string]bool{}
	for _, name := range []string{
		"tx-checksum-ip-generic", "tx-checksum-ipv4", "tx-checksum-ipv6", "tx-scatter-gather", "tx-generic-segmentation",
		"tx-tcp-segmentation", "tx-tcp6-segmentation", "tx-tcp-ecn-segmentation", "tx-udp-segmentation",
		"rx-checksum", "rx-gro", "rx-gro-hw", "rx-lro",
	} {
		all[name] = on
	}
	return all
}

// streams sends streams between two devices, with the card's features on and off.
func (m *Measurement) streams(over func(*Measurement) (dut, peer *Device, err error)) error {
	dut, peer, err := over(m)
	if err != nil {
		return err
	}
	s := &stream{m: m, dut: dut, peer: peer}
	if err := s.address(); err != nil {
		return err
	}
	if err := s.unmerged(); err != nil {
		return err
	}
	m.spy = s.see
	m.Finally(func() error { m.spy = nil; return nil })
	for _, on := range []bool{true, false} {
		if _, err := m.setFeatures(stackWork(on)); err != nil {
			return err
		}
		if err := s.all("offloads " + word(on)); err != nil {
			return err
		}
	}
	m.Observed("%d transfers, %d of them whole; %d frames on the wire, %d with a wrong length or checksum, %d longer than the MTU",
		s.transfers, s.whole, s.frames, s.wrong, s.long)
	return nil
}

// stream is transfers between two devices.
type stream struct {
	m         *Measurement
	dut, peer *Device
	mtu       int

	transfers, whole    int
	frames, wrong, long int
}

// streamNet are the networks of the two families: hosts 1 (peer) and 2 (DUT). The
// first is for tests of devices (RFC 2544, C.2.2), the second for documentation
// (RFC 3849).
func streamNet(host int) []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix(fmt.Sprintf("198.18.77.%d/24", host)),
		netip.MustParsePrefix(fmt.Sprintf("2001:db8:4c50::%d/64", host)),
	}
}

// address gives both devices their addresses.
func (s *stream) address() error {
	state, err := s.dut.State()
	if err != nil {
		return err
	}
	s.mtu = state.MTU
	for host, d := range []*Device{s.peer, s.dut} {
		if err := s.m.allowIPv6(d); err != nil {
			return err
		}
		for _, p := range streamNet(host + 1) {
			if err := d.Room.Conn.AddAddress(d.Index, p); err != nil {
				return fmt.Errorf("give %s the address %s: %w", d.Name, p, err)
			}
			s.m.Finally(func() error {
				if err := d.Room.Conn.RemoveAddress(d.Index, p); err != nil && !isAny(err, unix.ENODEV, unix.EADDRNOTAVAIL) {
					return err
				}
				return nil
			})
		}
	}
	return nil
}

// allowIPv6 switches IPv6 on at a device, without tests for duplicates, until the
// requirement has been measured.
func (m *Measurement) allowIPv6(d *Device) error {
	set := func(key, value string) error {
		return d.Room.NS.Do(func() error {
			return os.WriteFile("/proc/sys/net/ipv6/conf/"+d.Link+"/"+key, []byte(value), 0)
		})
	}
	m.Finally(func() error {
		if err := set("disable_ipv6", "1"); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("switch IPv6 off at %s: %w", d.Name, err)
		}
		return nil
	})
	for _, s := range [][2]string{{"accept_dad", "0"}, {"router_solicitations", "0"}, {"disable_ipv6", "0"}} {
		if err := set(s[0], s[1]); err != nil {
			return fmt.Errorf("switch IPv6 on at %s: %w", d.Name, err)
		}
	}
	return nil
}

// unmerged has the peer hand frames up as they were on the wire.
func (s *stream) unmerged() error {
	tool, link := s.m.Peer.Room.Tool, s.m.Peer.Link
	was, err := tool.Features(link)
	if err != nil {
		return err
	}
	off, back := map[string]bool{}, map[string]bool{}
	for _, name := range []string{"rx-gro", "rx-gro-hw", "rx-lro"} {
		if f, ok := was[name]; ok && !f.Fixed && f.On {
			off[name], back[name] = false, f.Wanted
		}
	}
	if len(off) == 0 {
		return nil
	}
	s.m.Finally(func() error { return tool.SetFeatures(link, back) })
	return tool.SetFeatures(link, off)
}

// all is every kind of transfer, both ways, in both families.
func (s *stream) all(state string) error {
	frames, wrong, long := s.frames, s.wrong, s.long
	for family, name := range []string{"IPv4", "IPv6"} {
		for _, way := range []struct {
			name     string
			from, to *Device
			host     int // the receiver's
		}{{"out", s.dut, s.peer, 1}, {"in", s.peer, s.dut, 2}} {
			to := streamNet(way.host)[family].Addr()
			what := fmt.Sprintf("%s, %s, %s", state, name, way.name)
			got, err := transferTCP(way.from, way.to, to)
			s.fact(what+", TCP: bytes that came whole", streamSize, got, err)
			got, err = transferUDP(way.from, way.to, to)
			s.fact(what+", UDP: datagrams that came whole", len(datagrams()), got, err)
			if err := s.m.read(); err != nil {
				return err
			}
		}
	}
	if err := s.m.lossless(); err != nil {
		return err
	}
	if !s.m.DUT.filters() {
		s.m.Measured(state+", on the wire", "not judged: a virtual device has none, and passes on what the stack has not finished")
		return nil
	}
	s.m.Fact(state+": frames on the wire with a wrong length or checksum", "0", fmt.Sprint(s.wrong-wrong))
	s.m.Fact(state+": frames on the wire longer than the MTU", "0", fmt.Sprint(s.long-long))
	s.m.Measured(state+", frames on the wire", "%d", s.frames-frames)
	return nil
}

func (s *stream) fact(name string, want, got int, err error) {
	s.transfers++
	text := fmt.Sprint(got)
	switch {
	case err != nil:
		text += ": " + err.Error()
	case got == want:
		s.whole++
	}
	s.m.Fact(name, fmt.Sprint(want), text)
}

// see looks at the frames that come to the peer.
func (s *stream) see(d *Device, f capture.Frame) {
	if d != s.m.Peer.Device || f.Direction() != frames.In {
		return
	}
	known, right := sound(f.Data)
	if !known {
		return
	}
	s.frames++
	long := f.Length > etherHeader+4*len(s.dut.Tags)+s.mtu
	if long {
		s.long++
	}
	if !right {
		s.wrong++
	}
	if (long || !right) && s.long+s.wrong <= mostEvidence {
		s.m.tape.keep(d, f)
	}
}

const (
	etherHeader  = 14
	mostEvidence = 50 // frames
	// streamLimit is how long a transfer may take: TCP waits for up to three seconds
	// until it sends a lost segment the third time (RFC 6298).
	streamLimit = 8 * time.Second
	streamSize  = 192 << 10
)

// content is what is sent: no two windows of it are the same.
func content(n int) []byte {
	b := make([]byte, n)
	x := uint32(n)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

// transferTCP sends a stream and returns how many bytes of it came, up to the first
// that is not what was sent.
func transferTCP(from, to *Device, at netip.Addr) (n int, err error) {
	var l net.Listener
	err = to.Room.NS.Do(func() error {
		l, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(at, 0)))
		return err
	})
	if err != nil {
		return 0, err
	}
	defer l.Close()
	end := time.Now().Add(streamLimit)
	sent := make(chan error, 1)
	go func() { sent <- sendTCP(from, l.Addr().String(), end) }()
	if err := l.(*net.TCPListener).SetDeadline(end); err != nil {
		return 0, err
	}
	c, err := l.Accept()
	if err != nil {
		return 0, errors.Join(err, <-sent)
	}
	defer c.Close()
	if err := c.SetDeadline(end); err != nil {
		return 0, err
	}
	got, err := io.ReadAll(c)
	return samePrefix(got, content(streamSize)), errors.Join(err, <-sent)
}

func sendTCP(from *Device, to string, end time.Time) error {
	return from.Room.NS.Do(func() error {
		d := net.Dialer{Deadline: end}
		c, err := d.Dial("tcp", to)
		if err != nil {
			return err
		}
		if err := c.SetDeadline(end); err != nil {
			return errors.Join(err, c.Close())
		}
		_, err = c.Write(content(streamSize))
		return errors.Join(err, c.Close())
	})
}

func samePrefix(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// datagrams are the sizes of those that are sent: small ones, one that fills a frame
// of 1500 bytes over IPv6, and one that takes several.
func datagrams() []int { return []int{1, 17, 512, 1452, 1472, 4000} }

// transferUDP sends datagrams one by one, each when the one before has come, and
// returns how many came as they were sent.
func transferUDP(from, to *Device, at netip.Addr) (n int, err error) {
	in, err := socketIn(to, netip.AddrPortFrom(at, 0), netip.AddrPort{})
	if err != nil {
		return 0, err
	}
	defer in.Close()
	out, err := socketIn(from, netip.AddrPort{}, in.LocalAddr().(*net.UDPAddr).AddrPort())
	if err != nil {
		return 0, err
	}
	defer out.Close()
	buf := make([]byte, 1<<16)
	for _, size := range datagrams() {
		data := content(size)
		if _, err := out.Write(data); err != nil {
			return n, err
		}
		if err := in.SetReadDeadline(time.Now().Add(streamLimit / 4)); err != nil {
			return n, err
		}
		got, err := in.Read(buf)
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		if err == nil && bytes.Equal(buf[:got], data) {
			n++
		}
	}
	return n, nil
}

// socketIn opens a UDP socket in a device's namespace: one that listens, or one that
// is connected.
func socketIn(d *Device, local, remote netip.AddrPort) (c *net.UDPConn, err error) {
	err = d.Room.NS.Do(func() error {
		if remote.IsValid() {
			c, err = net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(remote))
		} else {
			c, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(local))
		}
		return err
	})
	return c, err
}
