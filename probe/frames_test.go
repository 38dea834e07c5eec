package probe

import (
	"bytes"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/lanproof/lanproof/capture"
	"github.com/lanproof/lanproof/probe/mark"
)

var (
	macA = net.HardwareAddr{2, 0, 0, 0, 0, 0xa}
	macB = net.HardwareAddr{2, 0, 0, 0, 0, 0xb}
	ip4A = netip.MustParseAddr("192.0.2.1")
	ip4B = netip.MustParseAddr("192.0.2.2")
	ip6A = netip.MustParseAddr("2001:db8::a")
	ip6B = netip.MustParseAddr("2001:db8::b")
)

// built are frames of every kind that is built here, by what they are.
func built(t testing.TB) map[contentKind][][]byte {
	t.Helper()
	h := header{src: macA, dst: macB}
	tagged := header{src: macA, dst: macB, tags: []Tag{{TPID: 0x88a8, VID: 20, PCP: 3}, {TPID: 0x8100, VID: 10, DEI: true}}}
	m := mark.Mark{Run: 7, Seq: 9, Role: mark.Probe}.Encode(100)
	all := map[contentKind][][]byte{}
	add := func(k contentKind, frame []byte, err error) {
		if err != nil {
			t.Fatal(err)
		}
		all[k] = append(all[k], frame)
	}
	for _, h := range []header{h, tagged} {
		add(rawContent, rawFrame(h, m), nil)
		for _, ips := range [][2]netip.Addr{{ip4A, ip4B}, {ip6A, ip6B}} {
			frame, err := udpFrame(h, ips[0], ips[1], m)
			add(udpContent, frame, err)
		}
		frame, err := arpFrame(h, ip4A, ip4B)
		add(arpRequestContent, frame, err)
		frame, err = solicitationFrame(h, ip6A, ip6B)
		add(solicitContent, frame, err)
	}
	return all
}

func TestBuiltFramesAreKnownAgain(t *testing.T) {
	d := newDecoder()
	for kind, frames := range built(t) {
		for i, frame := range frames {
			c := d.decode(frame)
			if c.kind != kind {
				t.Errorf("a frame of kind %d is decoded as %d: %s", kind, c.kind, describe(frame, c))
			}
			if mine := kind == rawContent || kind == udpContent; c.ours != mine || mine && c.msg != (mark.Mark{Run: 7, Seq: 9, Role: mark.Probe}) {
				t.Errorf("a frame of kind %d has mark %+v, ours %v", kind, c.msg, c.ours)
			}
			tags := capture.Tags(frame)
			if want := i >= len(frames)/2; (len(tags) == 2) != want || want && (tags[0].VID != 20 || tags[0].PCP != 3 || !tags[1].DEI) {
				t.Errorf("frame %d of kind %d has tags %v", i, kind, tags)
			}
			if kind == arpRequestContent && (c.src != ip4A || c.dst != ip4B) || kind == solicitContent && c.dst != ip6B {
				t.Errorf("a frame of kind %d is about %s and %s", kind, c.src, c.dst)
			}
		}
	}
}

func TestMark(t *testing.T) {
	m := mark.Mark{Run: 1<<63 + 5, Seq: 1<<31 + 3, Role: mark.Fence}
	for _, size := range []int{-1, 0, mark.Size, 1400} {
		b := m.Encode(size)
		if len(b) != max(size, mark.Size) {
			t.Errorf("of size %d it takes %d bytes", size, len(b))
		}
		if got, ok := mark.Decode(b); !ok || got != m {
			t.Errorf("decoded %+v, %v; want %+v", got, ok, m)
		}
		for n := range mark.Size {
			if _, ok := mark.Decode(b[:n]); ok {
				t.Errorf("%d bytes of a mark are taken for one", n)
			}
		}
	}
	other := m.Encode(0)
	other[20] = 'x'
	if _, ok := mark.Decode(other); ok {
		t.Error("a mark of no known role is taken for one")
	}
}

func TestEchoReplyPayload(t *testing.T) {
	reply4 := append([]byte{0x45, 19: 0}, 0, 0, 0, 0, 0, 1, 0, 2, 'x')
	options4 := append([]byte{0x46, 23: 0}, 0, 0, 0, 0, 0, 1, 0, 2, 'y')
	request4 := append([]byte{0x45, 19: 0}, 8, 0, 0, 0, 0, 1, 0, 2, 'x')
	for _, c := range []struct {
		b    []byte
		v6   bool
		want []byte
		ok   bool
	}{
		{reply4, false, []byte("x"), true},
		{options4, false, []byte("y"), true},
		{request4, false, nil, false},
		{reply4[:27], false, nil, false},
		{nil, false, nil, false},
		{[]byte{129, 0, 0, 0, 0, 1, 0, 2, 'z'}, true, []byte("z"), true},
		{[]byte{128, 0, 0, 0, 0, 1, 0, 2, 'z'}, true, nil, false},
		{[]byte{129, 0}, true, nil, false},
	} {
		if got, ok := echoReplyPayload(c.b, c.v6); ok != c.ok || !bytes.Equal(got, c.want) {
			t.Errorf("echoReplyPayload(%x, %v) = %q, %v; want %q, %v", c.b, c.v6, got, ok, c.want, c.ok)
		}
	}
}

func TestFenceFrames(t *testing.T) {
	m := mark.Mark{Run: 1, Seq: 2, Role: mark.Fence}
	outer := []Tag{{TPID: 0x88a8, VID: 5}, {TPID: 0x8100, VID: 6}}
	for _, c := range []struct {
		name     string
		fence    Fence
		src, dst net.HardwareAddr
		typ      uint16 // what stands right behind the addresses
		kind     contentKind
		to       netip.Addr
	}{
		{"plain", Fence{}, fenceMAC, broadcastMAC, EtherType, rawContent, netip.Addr{}},
		{"addressed", Fence{Source: macA, Dest: macB}, macA, macB, EtherType, rawContent, netip.Addr{}},
		{"tagged", Fence{Tags: outer}, fenceMAC, broadcastMAC, 0x88a8, rawContent, netip.Addr{}},
		{"IPv4", Fence{Dest: macB, IP: ip4B}, fenceMAC, macB, 0x0800, udpContent, ip4B},
		{"IPv6", Fence{Dest: macB, IP: ip6B}, fenceMAC, macB, 0x86dd, udpContent, ip6B},
		{"tagged IPv6", Fence{Dest: macB, IP: ip6B, Tags: outer[1:]}, fenceMAC, macB, 0x8100, udpContent, ip6B},
	} {
		frame, typ, err := c.fence.frame(m)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if typ != c.typ || !bytes.Equal(frame[:6], c.dst) || !bytes.Equal(frame[6:12], c.src) || !slices.Equal(capture.Tags(frame), c.fence.Tags) {
			t.Errorf("%s: %x with type %#x", c.name, frame, typ)
		}
		if got := newDecoder().decode(frame); got.kind != c.kind || got.msg != m || got.dst != c.to {
			t.Errorf("%s: decoded as %+v", c.name, got)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, frames := range built(f) {
		for _, frame := range frames {
			f.Add(frame)
			f.Add(frame[:len(frame)/2])
		}
	}
	f.Add([]byte{})
	d := newDecoder()
	f.Fuzz(func(t *testing.T, frame []byte) {
		c := d.decode(frame)
		if describe(frame, c) == "" {
			t.Error("no description")
		}
		if c.ours && c.kind == otherContent {
			t.Errorf("a mark of ours in a frame of no known kind: %x", frame)
		}
		if again := d.decode(frame); again != c {
			t.Errorf("decoded as %+v, and again as %+v: something is left from before", c, again)
		}
		if fresh := newDecoder().decode(frame); fresh != c {
			t.Errorf("decoded as %+v, by a fresh decoder as %+v", c, fresh)
		}
	})
}

func FuzzDecodeMessage(f *testing.F) {
	f.Add(mark.Mark{Run: 1, Seq: 2, Role: mark.Probe}.Encode(30))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, ok := mark.Decode(b); ok && !bytes.Equal(m.Encode(0), b[:mark.Size]) {
			t.Errorf("%x is taken for %+v", b, m)
		}
	})
}

func FuzzEchoReplyPayload(f *testing.F) {
	f.Add([]byte{0x4f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, false)
	f.Add([]byte{129, 0, 0, 0, 0, 0, 0, 0}, true)
	f.Fuzz(func(t *testing.T, b []byte, v6 bool) {
		if p, ok := echoReplyPayload(b, v6); ok && len(p)+8 > len(b) {
			t.Errorf("%d bytes of payload in %d", len(p), len(b))
		}
	})
}
