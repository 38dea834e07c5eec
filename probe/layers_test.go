package probe

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanproof/lanproof/probe/mark"
)

func TestLayers(t *testing.T) {
	h := header{src: net.HardwareAddr{2, 0, 0, 0, 0, 1}, dst: net.HardwareAddr{2, 0, 0, 0, 0, 2}, tags: []Tag{{TPID: 0x8100, VID: 10}}}
	load := mark.Mark{Run: 1, Seq: 17, Role: mark.Probe}.Encode(0)
	four, five := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	six, seven := netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fd00::2")
	must := func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, c := range map[string]struct {
		frame []byte
		want  string
	}{
		"raw":   {rawFrame(h, load), "EtherType 0x88b5; lanproof probe 17"},
		"udp":   {must(udpFrame(h, four, five, load)), "IPv4 10.0.0.1 > 10.0.0.2, TTL 64; UDP port 34952 > 34952; lanproof probe 17"},
		"echo":  {must(echoFrame(h, four, five, 3, 4, load)), "IPv4 10.0.0.1 > 10.0.0.2, TTL 64; ICMP EchoRequest, id 3, sequence 4; lanproof probe 17"},
		"echo6": {must(echoFrame(h, six, seven, 3, 4, load)), "IPv6 fd00::1 > fd00::2, hop limit 64; ICMPv6 EchoRequest, id 3, sequence 4; lanproof probe 17"},
		"arp":   {must(arpFrame(h, four, five)), "ARP who has 10.0.0.2, tell 10.0.0.1"},
		"cut":   {must(udpFrame(h, four, five, load))[:30], "cannot be read to its end"},
		"other": {append(rawFrame(h, nil)[:16], 0x12, 0x34, 1, 2), "EtherType 0x1234, 2 bytes"},
		"short": {[]byte{1, 2}, "EtherType 0x0000, 0 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, strings.Join(mark.Layers(c.frame), "; ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzLayers(f *testing.F) {
	h := header{src: make([]byte, 6), dst: make([]byte, 6)}
	f.Add(rawFrame(h, mark.Mark{Role: mark.Tick}.Encode(0)))
	arp, err := arpFrame(h, netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(arp)
	f.Fuzz(func(t *testing.T, frame []byte) {
		if len(mark.Layers(frame)) == 0 {
			t.Error("a frame of nothing")
		}
	})
}
