package drops

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// written is a record as the program writes it.
func written(mac uint16, passed uint64, length uint32, frame string) []byte {
	b := make([]byte, recordSize)
	native.PutUint64(b[atTime:], 12)
	native.PutUint64(b[atHead:], 1<<63)
	native.PutUint64(b[atData:], 1<<63+passed)
	native.PutUint32(b[atLength:], length)
	native.PutUint32(b[atReason:], 5)
	native.PutUint32(b[atNetns:], 4026531840)
	native.PutUint32(b[atIndex:], 3)
	native.PutUint16(b[atMAC:], mac)
	b[atProtocol] = 8 // IPv4
	b[atTagged] = 1
	copy(b[atFunction:], "ip_rcv_core")
	copy(b[atFrame:], frame)
	return b
}

func TestRecord(t *testing.T) {
	const addresses = "ddddddssssss"
	tagged := func(b []byte) []byte {
		copy(b[atTPID:], []byte{0x81, 0})
		native.PutUint16(b[atTCI:], 0x2007)
		return b
	}
	untagged := func(b []byte) []byte { b[atTagged] = 0; return b }
	for _, test := range []struct {
		name   string
		record []byte
		frame  string
	}{
		{"behind its header", written(64, 64+14, 3, addresses+"\x08\x00abcdef"), addresses + "\x08\x00abc"},
		{"at its header", written(64, 64, 17, addresses+"\x08\x00abcdef"), addresses + "\x08\x00abc"},
		{"with a tag beside it", tagged(written(64, 64+14, 3, addresses+"\x08\x00abc")), addresses + "\x81\x00\x20\x07\x08\x00abc"},
		{"with a tag that is gone", untagged(tagged(written(64, 64+14, 3, addresses+"\x08\x00abc"))), addresses + "\x08\x00abc"},
		{"without a header yet", written(noMAC, 64, 3, "abcdef"), string(make([]byte, 12)) + "\x08\x00abc"},
		{"shorter than its addresses", written(64, 64, 3, "abcdef"), "abc"},
		{"longer than what is read of it", written(0, 0, 5000, addresses+string(make([]byte, frameSize))), addresses + string(make([]byte, frameSize-12))},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, ok := parseRecord(test.record)
			if !ok {
				t.Fatal("the record cannot be read")
			}
			want := record{time: 12, reason: 5, netns: 4026531840, index: 3, function: "ip_rcv_core", frame: []byte(test.frame)}
			if diff := cmp.Diff(want, r, cmp.AllowUnexported(record{})); diff != "" {
				t.Error(diff)
			}
		})
	}
	if _, ok := parseRecord(make([]byte, recordSize-1)); ok {
		t.Error("a record that is cut was read")
	}
}

func TestFunctionNames(t *testing.T) {
	for from, want := range map[string]string{
		"br_forward": "br_forward", "__netif_receive_skb_core.constprop.0": "__netif_receive_skb_core",
		"macvlan_handle_frame [macvlan]": "macvlan_handle_frame", "0xffffffff81a00000": "", "": "",
	} {
		b := written(0, 0, 14, "")
		copy(b[atFunction:], from+"\x00")
		if r, _ := parseRecord(b); r.function != want {
			t.Errorf("%q was read as %q, want %q", from, r.function, want)
		}
	}
}

func TestReasonNames(t *testing.T) {
	r := reasons{
		core: map[uint32]string{2: "NOT_SPECIFIED"}, subsystems: map[uint32]string{0: "CORE", 3: "OPENVSWITCH"},
		others: map[uint32]string{3<<16 | 1: "OVS_DROP_LAST_ACTION"},
	}
	for n, want := range map[uint32]string{2: "NOT_SPECIFIED", 3<<16 | 1: "OVS_DROP_LAST_ACTION", 3<<16 | 2: "OPENVSWITCH_2", 9: "REASON_9", 7<<16 | 1: "REASON_458753"} {
		if got := r.name(n); got != want {
			t.Errorf("reason %d is %s, want %s", n, got, want)
		}
	}
}

func FuzzRecord(f *testing.F) {
	f.Add(written(64, 64+14, 3, "ddddddssssss\x08\x00abc"))
	f.Add(written(noMAC, 64, 3, "abc"))
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, ok := parseRecord(b)
		if ok != (len(b) >= recordSize) {
			t.Errorf("a record of %d bytes: %v", len(b), ok)
		}
		if len(r.frame) > frameSize+12+6 || bytes.ContainsRune([]byte(r.function), 0) {
			t.Errorf("%+v", r)
		}
	})
}
