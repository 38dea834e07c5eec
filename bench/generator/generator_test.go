package generator_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/bench/generator"
	"github.com/lanproof/lanproof/capture"
	"github.com/lanproof/lanproof/capture/frames"
	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/rtnl"
)

const (
	senderIndex   = 10
	receiverIndex = 11
)

// path is a veth between two namespaces.
type path struct{ sender, receiver *netns.NS }

func newPath(tb testing.TB) path {
	tb.Helper()
	if os.Getuid() != 0 {
		tb.Skip("making network namespaces needs root")
	}
	all, err := netns.NewEach(2, func(int, *netns.NS) error {
		// IPv6 would send frames of its own; a kernel without it has no such file.
		err := os.WriteFile("/proc/sys/net/ipv6/conf/default/disable_ipv6", []byte("1"), 0)
		if errors.Is(err, os.ErrNotExist) {
			err = nil
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		for _, ns := range all {
			if err := ns.Close(); err != nil {
				tb.Error(err)
			}
		}
	})
	p := path{sender: all[0], receiver: all[1]}
	change(tb, p.sender, func(c *rtnl.Conn) error {
		return c.NewLink(&rtnl.Link{
			Name: "out", Kind: "veth", Index: senderIndex,
			Peer: &rtnl.Link{Name: "in", Index: receiverIndex, NS: p.receiver.FD()},
		})
	})
	// The end that is up last has its carrier at once.
	up := true
	change(tb, p.receiver, func(c *rtnl.Conn) error { return c.SetLink(receiverIndex, &rtnl.Change{Up: &up}) })
	change(tb, p.sender, func(c *rtnl.Conn) error { return c.SetLink(senderIndex, &rtnl.Change{Up: &up}) })
	return p
}

func change(tb testing.TB, ns *netns.NS, fn func(*rtnl.Conn) error) {
	tb.Helper()
	err := ns.Do(func() error {
		c, err := rtnl.OpenHere()
		if err != nil {
			return err
		}
		defer c.Close()
		return fn(c)
	})
	if err != nil {
		tb.Fatal(err)
	}
}

func address(n byte) generator.Address {
	return generator.Address{MAC: net.HardwareAddr{2, 0, 0, 0, 0, n}, IP: netip.AddrFrom4([4]byte{192, 0, 2, n})}
}

func open(tb testing.TB, p path, f generator.Frame, o generator.Options) *generator.Generator {
	tb.Helper()
	f.From = address(1)
	f.To = address(2)
	g, err := generator.Open(p.sender, senderIndex, f, o)
	if errors.Is(err, unix.EOPNOTSUPP) {
		tb.Skip(err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := g.Close(); err != nil {
			tb.Error(err)
		}
	})
	return g
}

func count(tb testing.TB, p path, o generator.CountOptions) *generator.Counter {
	tb.Helper()
	c, err := generator.Count(p.receiver, receiverIndex, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Error(err)
		}
	})
	return c
}

// settled is what a counter has once nothing is under way.
func settled(tb testing.TB, g *generator.Generator, c *generator.Counter) generator.Counted {
	tb.Helper()
	if err := g.Settle(tb.Context(), c); err != nil {
		tb.Fatal(err)
	}
	got, err := c.Counted()
	if err != nil {
		tb.Fatal(err)
	}
	return got
}

// kinds are frames of all sorts.
func kinds() map[string]generator.Frame {
	tag := frames.Tag{TPID: frames.TPID8021Q, VID: 5, PCP: 3}
	service := frames.Tag{TPID: frames.TPID8021AD, VID: 7}
	return map[string]generator.Frame{
		"smallest": {}, "odd": {Size: 61}, "half": {Size: 512}, "largest": {Size: 1514},
		"two tags": {Tags: []frames.Tag{tag, {TPID: frames.TPID8021Q, VID: 9}}, Size: 100},
		"tag":      {Tags: []frames.Tag{tag}}, "tags": {Tags: []frames.Tag{service, tag}, Size: 1506},
		"raw": {Raw: true}, "raw tags": {Raw: true, Tags: []frames.Tag{service, tag}, Size: 700},
		"port": {Port: 4000},
	}
}

// methods are those that can make a frame; which of them a kernel has is found out.
func methods(f generator.Frame) []generator.Method {
	all := []generator.Method{generator.Packet, generator.Clones}
	if f.Raw {
		return all
	}
	all = append(all, generator.Segments)
	if !slices.ContainsFunc(f.Tags, func(t frames.Tag) bool { return t.TPID != frames.TPID8021Q }) {
		all = append(all, generator.Pktgen)
	}
	return all
}

func TestSentIsCounted(t *testing.T) {
	for name, f := range kinds() {
		for _, method := range methods(f) {
			t.Run(fmt.Sprint(name, "/", method), func(t *testing.T) {
				p := newPath(t)
				g := open(t, p, f, generator.Options{Method: method})
				c := count(t, p, generator.CountOptions{Numbers: 10_000})
				for _, n := range []uint64{1, 2, 63, 64, 65, 1001} {
					if err := c.Reset(); err != nil {
						t.Fatal(err)
					}
					sent, err := g.Send(t.Context(), generator.Load{Frames: n})
					if err != nil {
						t.Fatal(err)
					}
					size := uint64(max(f.Size, 60) + 4*len(f.Tags))
					if sent.Frames != n || sent.Refused != 0 || sent.Bytes != n*size || sent.Took <= 0 {
						t.Fatalf("sent %+v, want %d frames of %d bytes", sent, n, size)
					}
					want := generator.Counted{Frames: n, Bytes: n * size, Distinct: n}
					if diff := cmp.Diff(want, settled(t, g, c)); diff != "" {
						t.Fatalf("%d frames:\n%s", n, diff)
					}
				}
			})
		}
	}
}

// TestFramesAreWhatWasAskedFor compares every byte that arrives with what another
// program makes of the same description.
func TestFramesAreWhatWasAskedFor(t *testing.T) {
	for name, f := range kinds() {
		for _, method := range methods(f) {
			t.Run(fmt.Sprint(name, "/", method), func(t *testing.T) {
				p := newPath(t)
				g := open(t, p, f, generator.Options{Method: method})
				tap, err := capture.Open(p.receiver, capture.Config{Index: receiverIndex})
				if err != nil {
					t.Fatal(err)
				}
				defer tap.Close()
				if _, err := g.Send(t.Context(), generator.Load{Frames: 70}); err != nil {
					t.Fatal(err)
				}
				for n := range uint32(70) {
					got, ok, err := tap.Read()
					if err != nil || !ok {
						t.Fatalf("frame %d: %v, %v", n, ok, err)
					}
					if diff := cmp.Diff(reference(t, f, method, n), normal(got.Data, method, len(f.Tags))); diff != "" {
						t.Fatalf("frame %d:\n%s", n, diff)
					}
				}
				if f, ok, _ := tap.Read(); ok {
					t.Errorf("one frame too many: %x", f.Data)
				}
			})
		}
	}
}

// normal clears what two ways may do differently: the kernel numbers its
// packets, which changes IP's checksum.
func normal(b []byte, method generator.Method, tags int) []byte {
	if method == generator.Segments || method == generator.Pktgen {
		ip := b[14+4*tags:]
		var sum uint32
		for i := 0; i < 20; i += 2 {
			sum += uint32(binary.BigEndian.Uint16(ip[i:]))
		}
		if sum%0xffff != 0 {
			return nil // IP's checksum is wrong
		}
		clear(ip[4:6])
		clear(ip[10:12])
	}
	return b
}

// reference is the frame as gopacket makes it.
func reference(t *testing.T, f generator.Frame, method generator.Method, n uint32) []byte {
	t.Helper()
	var all []gopacket.SerializableLayer
	eth := &layers.Ethernet{SrcMAC: address(1).MAC, DstMAC: address(2).MAC}
	all = append(all, eth)
	typ := &eth.EthernetType
	for _, tag := range f.Tags {
		*typ = layers.EthernetType(tag.TPID)
		l := &layers.Dot1Q{Priority: tag.PCP, VLANIdentifier: tag.VID}
		all, typ = append(all, l), &l.Type
	}
	size := f.Size
	if size == 0 {
		size = 60
	}
	payload := size - 14
	if f.Raw {
		*typ = 0x88b5
	} else {
		*typ = layers.EthernetTypeIPv4
		payload -= 28
		port := layers.UDPPort(f.Port)
		if port == 0 {
			port = 9
		}
		ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: address(1).IP.AsSlice(), DstIP: address(2).IP.AsSlice()}
		all = append(all, ip, &layers.UDP{SrcPort: port, DstPort: port})
	}
	data := make([]byte, payload)
	binary.BigEndian.PutUint32(data, 0xbe9be955)
	binary.BigEndian.PutUint32(data[4:], n+1)
	buffer := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buffer, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: false}, append(all, gopacket.Payload(data))...); err != nil {
		t.Fatal(err)
	}
	b := buffer.Bytes()
	if !f.Raw {
		finish(b[14+4*len(f.Tags):], method)
	}
	return b
}

// finish writes what differs by method: of a datagram that was cut the unfinished
// checksum of UDP, else that of IP.
func finish(ip []byte, method generator.Method) {
	sum := func(b []byte, s uint32) uint16 {
		for i := 0; i < len(b); i += 2 {
			s += uint32(binary.BigEndian.Uint16(b[i:]))
		}
		for s > 0xffff {
			s = s>>16 + s&0xffff
		}
		return uint16(s)
	}
	switch method {
	case generator.Pktgen:
		ip[8] = 32 // its TTL
		return
	case generator.Segments:
		binary.BigEndian.PutUint16(ip[26:], sum(ip[12:20], 17+uint32(len(ip)-20)))
		return
	}
	binary.BigEndian.PutUint16(ip[10:], ^sum(ip[:20], 0))
}

// TestCloseAtOnce closes generators whose threads have hardly begun.
func TestCloseAtOnce(t *testing.T) {
	p := newPath(t)
	for range 100 {
		g, err := generator.Open(p.sender, senderIndex, generator.Frame{From: address(1), To: address(2)}, generator.Options{Method: generator.Packet})
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := g.Send(t.Context(), generator.Load{Frames: 1}); !errors.Is(err, os.ErrClosed) {
			t.Fatalf("a closed generator: %v", err)
		}
	}
}
