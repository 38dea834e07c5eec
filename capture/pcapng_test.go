package capture_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/lanproof/lanproof/capture"
)

var update = flag.Bool("update", false, "write the golden files anew")

// sample has one of everything that a file can say.
func sample(tb testing.TB) *capture.Trace {
	tb.Helper()
	data := func(dst []byte, tags ...dot1q) []byte { return frame(tb, dst, 60+4*len(tags), tags...) }
	packet := func(iface, ns int, kind capture.PacketType, data []byte, comments ...string) capture.Packet {
		f := capture.Frame{Time: at(ns), Type: kind, Data: data, Length: len(data)}
		return capture.Packet{Interface: iface, Frame: f, Comments: comments}
	}
	t := &capture.Trace{
		Section: capture.Section{
			Hardware: "x86_64", OS: "Linux 6.1.0", Application: "lanproof test",
			Comments: []string{"macvlan-bridge/mode=bridge", "second"},
		},
		Interfaces: []capture.Interface{
			{Name: "host/eth0", Description: "veth parent", Stats: &capture.Stats{Received: 6, Dropped: 1}},
			{Name: "c1/eth0", Description: "macvlan bridge on host/eth0", Stats: &capture.Stats{}},
			{Name: "c2/eth0"},
		},
		Packets: []capture.Packet{
			packet(0, 1, capture.Outgoing, data(macB), "probe reach-1", "arrived: ✓"),
			packet(1, 2, capture.Host, data(macB)),
			packet(0, 3, capture.Broadcast, data(broadcast)),
			packet(0, 4, capture.Multicast, data(group), strings.Repeat("x", 1001)),
			packet(2, 999_999_999, capture.OtherHost, data(stranger, dot1q{0x8100, 10, 5, false})),
			packet(0, 999_999_999, capture.Host, data(macB, dot1q{0x88a8, 20, 0, false}, dot1q{0x8100, 10, 5, true})),
			packet(1, 1_000_000_001, capture.Host, data(macB)[:33]),
		},
	}
	t.Packets[0].ID, t.Packets[1].ID = 1, 1
	t.Packets[6].Frame.Length = 60
	return t
}

func TestWriteGolden(t *testing.T) {
	const golden = "testdata/sample.pcapng"
	got := write(t, sample(t))
	if *update {
		check(t, os.MkdirAll("testdata", 0o755))
		check(t, os.WriteFile(golden, got, 0o644))
	}
	want, err := os.ReadFile(golden)
	check(t, err)
	if !bytes.Equal(want, got) {
		t.Errorf("differs from %s; see both with tshark, then -update", golden)
	}
}

func TestReadBack(t *testing.T) {
	want := sample(t)
	data := write(t, want)
	if d := cmp.Diff(want, read(t, data)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	got, err := capture.ReadNG(iotest.OneByteReader(bytes.NewReader(data)))
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("byte by byte: %v (-want +got):\n%s", err, d)
	}
}

func TestWhatTheFormatCannotHold(t *testing.T) {
	long := strings.Repeat("é", 40_000)
	trace := read(t, write(t, &capture.Trace{
		Interfaces: []capture.Interface{{Name: "bad \xff byte"}},
		Packets: []capture.Packet{
			{Comments: []string{long, ""}},
			{Frame: capture.Frame{Time: time.Unix(-5, 7)}},
			{Frame: capture.Frame{Time: time.Unix(math.MaxInt64, 0), Type: 9}},
		},
	}))
	if got := trace.Interfaces[0].Name; got != "bad \ufffd byte" {
		t.Errorf("name %q", got)
	}
	comments := trace.Packets[0].Comments
	if len(comments) != 1 || len(comments[0]) != 65534 || !utf8.ValidString(comments[0]) {
		t.Errorf("%d comments, the first of %d bytes", len(comments), len(comments[0]))
	}
	for _, p := range trace.Packets[:2] {
		if !p.Frame.Time.Equal(time.Unix(0, 0)) {
			t.Errorf("time %v, want 1970", p.Frame.Time)
		}
	}
	if y := trace.Packets[2].Frame.Time.Year(); y != 2554 {
		t.Errorf("year %d, want the last that the format holds", y)
	}
}

func TestWriteErrors(t *testing.T) {
	broken := errors.New("broken")
	n, err := sample(t).WriteTo(failAfter{broken})
	wantErr(t, err, broken)
	if n != 3 {
		t.Errorf("%d bytes, want 3", n)
	}
	trace := sample(t)
	trace.Packets[2].Interface = 3
	if _, err := trace.WriteTo(io.Discard); err == nil || !strings.Contains(err.Error(), "packet 3") {
		t.Errorf("packet of no interface: %v", err)
	}
}

type failAfter struct{ err error }

func (f failAfter) Write([]byte) (int, error) { return 3, f.err }

// ng builds files that our own writer does not make.
type ng struct {
	binary.AppendByteOrder
	data []byte
}

// add appends a block of words, texts and bytes; each text or bytes is padded.
func (n *ng) add(kind uint32, parts ...any) {
	var body []byte
	for _, p := range parts {
		switch p := p.(type) {
		case int:
			body = n.AppendUint32(body, uint32(p))
		case option:
			body = n.AppendUint16(body, p.code)
			body = n.AppendUint16(body, uint16(len(p.value)))
			body = pad(append(body, p.value...))
		case string:
			body = pad(append(body, p...))
		}
	}
	length := uint32(len(body) + 12)
	n.data = n.AppendUint32(n.AppendUint32(n.data, kind), length)
	n.data = n.AppendUint32(append(n.data, body...), length)
}

func (n *ng) section(options ...any) {
	version := n.AppendUint16(n.AppendUint16(nil, 1), 0)
	n.add(0x0a0d0d0a, append([]any{0x1a2b3c4d, string(version), -1, -1}, options...)...)
}

func (n *ng) iface(link uint16, options ...any) {
	n.add(1, append([]any{string(n.AppendUint16(n.AppendUint16(nil, link), 0)), 0}, options...)...)
}

func (n *ng) u32(v int) string    { return string(n.AppendUint32(nil, uint32(v))) }
func (n *ng) u64(v uint64) string { return string(n.AppendUint64(nil, v)) }

type option struct {
	code  uint16
	value string
}

func pad(b []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func TestReadOtherWriters(t *testing.T) {
	for _, order := range []binary.AppendByteOrder{binary.BigEndian, binary.LittleEndian} {
		t.Run(order.String(), func(t *testing.T) {
			n := &ng{AppendByteOrder: order}
			n.section(option{4, "first"}, option{2988, "custom"}) // without an end of options
			n.add(0x0bad, "a block of nobody's")
			n.iface(1, option{2, "a"}, option{9, "\x06\x06"}) // µs: a resolution of two bytes is none
			n.iface(1, option{2, "b"}, option{9, "\x8a"}, option{14, n.u64(100)}, option{0, ""}, option{2, "behind the end"})
			n.add(6, 0, 0, 1_500_000, 3, 60, "abc", option{1, "c1"}, option{2, n.u32(2 | 3<<2)}, option{1, "c2"}, option{5, n.u64(9)})
			n.add(6, 1, 0, 1024+512, 0, 0, option{2, n.u32(1 | 4<<2)})
			n.add(5, 1, 0, 0, option{4, n.u64(5)}, option{5, n.u64(2)})
			n.section(option{1, "another section"})
			n.iface(1, option{2, "c"}, option{9, "\x0c"})
			n.add(6, 0, 1, 0, 1, 1, "z")
			want := &capture.Trace{
				Section: capture.Section{Application: "first", Comments: []string{"another section"}},
				Interfaces: []capture.Interface{
					{Name: "a"},
					{Name: "b", Stats: &capture.Stats{Received: 5, Dropped: 2}},
					{Name: "c"},
				},
				Packets: []capture.Packet{
					{
						Frame:    capture.Frame{Time: time.Unix(1, 500_000_000).UTC(), Type: capture.Outgoing, Data: []byte("abc"), Length: 60},
						Comments: []string{"c1", "c2"}, ID: 9,
					},
					{Interface: 1, Frame: capture.Frame{Time: time.Unix(101, 500_000_000).UTC(), Type: capture.OtherHost, Data: []byte{}}},
					{Interface: 2, Frame: capture.Frame{Time: time.Unix(0, 4_294_967).UTC(), Data: []byte("z"), Length: 1}},
				},
			}
			if d := cmp.Diff(want, read(t, n.data)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestReadErrors(t *testing.T) {
	le := func(build func(n *ng)) []byte {
		n := &ng{AppendByteOrder: binary.LittleEndian}
		n.section()
		build(n)
		return n.data
	}
	good := write(t, sample(t))
	tests := []struct {
		name, want string
		data       []byte
	}{
		{"empty", "head", nil},
		{"text", "no section", []byte("this is no capture file")},
		{"other format", "no section", []byte("\xd4\xc3\xb2\xa1\x02\x00\x04\x00\x00\x00\x00\x00")},
		{"magic", "byte-order", []byte("\x0a\x0d\x0d\x0a\x1c\x00\x00\x00abcd")},
		{"only the section's head", "section header", good[:10]},
		{"huge length", "length 4294967292", le(func(n *ng) { n.data = append(n.data, "\x06\x00\x00\x00\xfc\xff\xff\xff"...) })},
		{"odd length", "length 33", le(func(n *ng) { n.data = append(n.data, "\x06\x00\x00\x00\x21\x00\x00\x00"...) })},
		{"length below a block's", "length 8", le(func(n *ng) { n.data = append(n.data, "\x06\x00\x00\x00\x08\x00\x00\x00"...) })},
		{"lengths differ", "behind", le(func(n *ng) { n.add(99, 1); n.data[len(n.data)-1] = 1 })},
		{"version", "version 2", bytes.Replace(good, []byte("\x4d\x3c\x2b\x1a\x01"), []byte("\x4d\x3c\x2b\x1a\x02"), 1)},
		{"short interface", "interface of 4", le(func(n *ng) { n.add(1, 1) })},
		{"link type", "link type 113", le(func(n *ng) { n.iface(113) })},
		{"resolution", "resolution 0x14", le(func(n *ng) { n.iface(1, option{9, "\x14"}) })},
		{"binary resolution", "resolution 0xc0", le(func(n *ng) { n.iface(1, option{9, "\xc0"}) })},
		{"unknown interface", "no interface 1", le(func(n *ng) { n.iface(1); n.add(6, 1, 0, 0, 0, 0) })},
		{"interface of an earlier section", "no interface 0", le(func(n *ng) { n.iface(1); n.section(); n.add(6, 0, 0, 0, 0, 0) })},
		{"short packet", "packet of 16", le(func(n *ng) { n.iface(1); n.add(6, 0, 0, 0, 0) })},
		{"packet longer than its block", "packet of 5 bytes in 4", le(func(n *ng) { n.iface(1); n.add(6, 0, 0, 0, 5, 5, "abcd") })},
		{"option longer than its block", "option 1 of 9", le(func(n *ng) { n.iface(1); n.add(6, 0, 0, 0, 0, 0, "\x01\x00\x09\x00abcd") })},
		{"short statistics", "statistics of 4", le(func(n *ng) { n.iface(1); n.add(5, 0) })},
		{"statistics of no interface", "no interface", le(func(n *ng) { n.add(5, 0, 0, 0) })},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			trace, err := capture.ReadNG(bytes.NewReader(tt.data))
			wantErr(t, err, capture.ErrFormat)
			if err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q does not say %q", err, tt.want)
			}
			if trace == nil {
				t.Error("nothing of what was read")
			}
		})
	}
	t.Run("cut anywhere", func(t *testing.T) {
		ends := map[int]bool{}
		for at := 0; at < len(good); at += int(binary.LittleEndian.Uint32(good[at+4:])) {
			ends[at] = at > 0
		}
		for n := range len(good) {
			_, err := capture.ReadNG(bytes.NewReader(good[:n]))
			if ends[n] != (err == nil) {
				t.Errorf("cut after %d of %d bytes: %v", n, len(good), err)
			}
		}
	})
	t.Run("reader", func(t *testing.T) {
		broken := errors.New("broken")
		for n := range len(good) {
			_, err := capture.ReadNG(io.MultiReader(bytes.NewReader(good[:n]), iotest.ErrReader(broken)))
			wantErr(t, err, broken)
			if errors.Is(err, capture.ErrFormat) {
				t.Errorf("after %d bytes the format is blamed: %v", n, err)
			}
		}
	})
}

// FuzzReadNG checks that what was read can be written, and read again as the same.
func FuzzReadNG(f *testing.F) {
	f.Add(write(f, sample(f)))
	big := &ng{AppendByteOrder: binary.BigEndian}
	big.section(option{1, "comment"})
	big.iface(1, option{9, "\x8a"}, option{14, big.u64(1)})
	big.add(6, 0, 1, 2, 3, 60, "abc", option{2, big.u32(1 | 3<<2)})
	big.add(5, 0, 0, 0, option{4, big.u64(5)})
	f.Add(big.data)
	f.Add([]byte("\x0a\x0d\x0d\x0a"))
	f.Fuzz(func(t *testing.T, data []byte) {
		trace, _ := capture.ReadNG(bytes.NewReader(data))
		first := write(t, trace)
		if second := write(t, read(t, first)); !bytes.Equal(first, second) {
			t.Errorf("written %x\nread and written again %x", first, second)
		}
	})
}
