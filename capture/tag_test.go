package capture_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/lanproof/lanproof/capture"
)

func TestTags(t *testing.T) {
	tests := []struct {
		name string
		data []byte
		want []capture.Tag
	}{
		{"none", frame(t, macB, 60), nil},
		{"802.1Q", frame(t, macB, 64, dot1q{0x8100, 10, 5, false}), []capture.Tag{{TPID: 0x8100, VID: 10, PCP: 5}}},
		{"priority", frame(t, macB, 64, dot1q{0x8100, 0, 0, true}), []capture.Tag{{TPID: 0x8100, DEI: true}}},
		{
			"all kinds", frame(t, macB, 72, dot1q{0x9100, 4095, 7, true}, dot1q{0x88a8, 20, 0, false}, dot1q{0x8100, 10, 1, false}),
			[]capture.Tag{{TPID: 0x9100, VID: 4095, PCP: 7, DEI: true}, {TPID: 0x88a8, VID: 20}, {TPID: 0x8100, VID: 10, PCP: 1}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, capture.Tags(tt.data)); d != "" {
				t.Errorf("tags (-want +got):\n%s", d)
			}
			if got := capture.EtherType(tt.data); got != uint16(testType) {
				t.Errorf("EtherType %#04x", got)
			}
			at := 14 + 4*len(tt.want)
			if !bytes.Equal(capture.Payload(tt.data), tt.data[at:]) {
				t.Error("wrong payload")
			}
			// Cut short: no tag that is not whole, no crash.
			for n := range at {
				if got := len(capture.Tags(tt.data[:n])); got != max(0, n-14)/4 {
					t.Errorf("%d tags in %d bytes", got, n)
				}
				if p := capture.Payload(tt.data[:n]); len(p) > max(0, n-14) {
					t.Errorf("payload of %d bytes in %d", len(p), n)
				}
			}
			if capture.EtherType(tt.data[:13]) != 0 || capture.Payload(tt.data[:13]) != nil {
				t.Error("EtherType or payload of a frame without any")
			}
		})
	}
}

func TestTCI(t *testing.T) {
	for _, tt := range []struct {
		tag  capture.Tag
		tci  uint16
		text string
	}{
		{capture.Tag{TPID: 0x8100, VID: 10, PCP: 5}, 0xa00a, "0x8100 VID 10 PCP 5"},
		{capture.Tag{TPID: 0x88a8, VID: 4095, PCP: 7, DEI: true}, 0xffff, "0x88a8 VID 4095 PCP 7 DEI"},
		{capture.Tag{TPID: 0x8100, VID: 0x1001, PCP: 8}, 0x0001, "0x8100 VID 4097 PCP 8"},
	} {
		if tt.tag.TCI() != tt.tci || tt.tag.String() != tt.text {
			t.Errorf("%#v: TCI %#04x, %q", tt.tag, tt.tag.TCI(), tt.tag)
		}
	}
}

// FuzzTags compares with gopacket, for all but 0x9100, which it does not know.
func FuzzTags(f *testing.F) {
	f.Add([]byte{})
	f.Add(frame(f, macB, 60))
	f.Add(frame(f, macB, 64, dot1q{0x8100, 10, 5, false}))
	f.Add(frame(f, macB, 68, dot1q{0x88a8, 20, 0, true}, dot1q{0x8100, 0, 7, false})[:19])
	f.Add(frame(f, macB, 64, dot1q{0x9100, 1, 2, false}))
	f.Fuzz(func(t *testing.T, data []byte) {
		tags := capture.Tags(data)
		if p := capture.Payload(data); p != nil && len(p) != len(data)-14-4*len(tags) {
			t.Errorf("payload of %d bytes behind %d tags in %d", len(p), len(tags), len(data))
		}
		if len(data) < 14 {
			if tags != nil || capture.EtherType(data) != 0 {
				t.Errorf("tags %v, EtherType %#x in %d bytes", tags, capture.EtherType(data), len(data))
			}
			return
		}
		for i, tag := range tags {
			if tag.TPID == capture.TPID9100 {
				return
			}
			if got := uint16(data[14+4*i])<<8 | uint16(data[15+4*i]); got != tag.TCI() {
				t.Errorf("tag %d: TCI %#x, want %#x", i, tag.TCI(), got)
			}
		}
		want, etherType := gopacketTags(t, data)
		if d := cmp.Diff(want, tags); d != "" && etherType != capture.TPID9100 {
			t.Errorf("tags (-gopacket +capture):\n%s", d)
		}
		if got := capture.EtherType(data); got != etherType && etherType != capture.TPID9100 {
			t.Errorf("EtherType %#04x, gopacket says %#04x", got, etherType)
		}
	})
}

// gopacketTags are the tags and the EtherType behind them as gopacket decodes them.
func gopacketTags(t *testing.T, data []byte) (tags []capture.Tag, etherType uint16) {
	var eth layers.Ethernet
	check(t, eth.DecodeFromBytes(data, gopacket.NilDecodeFeedback))
	// gopacket keeps a length apart from the types; the field has both.
	etherType, data = uint16(data[12])<<8|uint16(data[13]), data[14:]
	for etherType == capture.TPID8021Q || etherType == capture.TPID8021AD {
		var q layers.Dot1Q
		if q.DecodeFromBytes(data, gopacket.NilDecodeFeedback) != nil {
			break
		}
		tags = append(tags, capture.Tag{TPID: etherType, VID: q.VLANIdentifier, PCP: q.Priority, DEI: q.DropEligible})
		etherType, data = uint16(q.Type), q.Payload
	}
	return tags, etherType
}
