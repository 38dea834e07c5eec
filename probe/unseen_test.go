package probe

import (
	"net"
	"net/netip"
	"testing"

	"github.com/lanproof/lanproof/probe/mark"
)

// recognizing is a field that only recognizes.
func recognizing() *Field { return &Field{run: 7, decode: newDecoder()} }

var someHeader = header{src: net.HardwareAddr{2, 0, 0, 0, 0, 1}, dst: net.HardwareAddr{2, 0, 0, 0, 0, 2}}

func TestRecognize(t *testing.T) {
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	of := func(run uint64, seq uint32, r mark.Role) []byte {
		return mark.Mark{Run: run, Seq: seq, Role: r}.Encode(0)
	}
	must := func(frame []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return frame
	}
	asked := must(arpFrame(someHeader, a, b))
	raw := rawFrame(someHeader, of(7, 3, mark.Probe))
	bare := append(make([]byte, 12), must(udpFrame(header{src: make([]byte, 6), dst: make([]byte, 6)}, a, b, of(7, 3, mark.Probe)))[12:]...)
	for _, test := range []struct {
		name  string
		frame []byte
		kind  Kind
		want  Recognized
		ok    bool
	}{
		{"its own", raw, Raw, Recognized{"02:00:00:00:00:01 > 02:00:00:00:00:02: EtherType 0x88b5", true, true}, true},
		{"another's number", rawFrame(someHeader, of(7, 4, mark.Probe)), Raw, Recognized{}, false},
		{"another run's", rawFrame(someHeader, of(8, 3, mark.Probe)), Raw, Recognized{}, false},
		{"a fence", rawFrame(someHeader, of(7, 3, mark.Fence)), Raw, Recognized{}, false},
		{"without addresses yet", bare, UDP, Recognized{"UDP 192.0.2.1 > 192.0.2.2", true, true}, true},
		{"what asks for the address", asked, UDP, Recognized{"02:00:00:00:00:01 > 02:00:00:00:00:02: ARP who has 192.0.2.2, tell 192.0.2.1", false, false}, true},
		{"what asks, and is the flow itself", asked, ARP, Recognized{"02:00:00:00:00:01 > 02:00:00:00:00:02: ARP who has 192.0.2.2, tell 192.0.2.1", true, false}, true},
		{"what asks, and raw frames do not", asked, Raw, Recognized{}, false},
		{"cut", raw[:30], Raw, Recognized{}, false},
	} {
		if got, ok := recognizing().Recognize(test.frame, test.kind, []uint32{3}); got != test.want || ok != test.ok {
			t.Errorf("%s: %+v, %v", test.name, got, ok)
		}
	}
}

func FuzzRecognize(f *testing.F) {
	f.Add(rawFrame(someHeader, mark.Mark{Run: 7, Seq: 3, Role: mark.Probe}.Encode(0)))
	f.Add(make([]byte, 13))
	f.Add([]byte{})
	r := recognizing()
	f.Fuzz(func(t *testing.T, frame []byte) {
		for _, kind := range []Kind{Raw, UDP, ICMP, ARP, ND} {
			if got, ok := r.Recognize(frame, kind, []uint32{3}); ok && got.Text == "" {
				t.Errorf("%x is recognized without a word", frame)
			}
		}
	})
}
