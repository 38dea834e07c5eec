package run

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanproof/lanproof/capture"
	"github.com/lanproof/lanproof/probe"
	"github.com/lanproof/lanproof/reports"
)

// Where an oracle's frame was seen by taps is evidence; what a stack took is not a
// frame more.
func TestLandingEvidence(t *testing.T) {
	data := []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x81, 0, 0, 10, 0x12, 0x34, 1}
	sight := probe.Sight{Place: &probe.Place{Node: "a", Link: "eth0"}, Type: capture.OtherHost, Data: data}
	taken, short := sight, sight
	taken.Taken, short.Data = true, data[:10]
	l := &probe.Landing{Sights: []probe.Sight{sight, taken, short}}
	want := []reports.Evidence{{
		Kind: "frame", At: "a/eth0", Text: "otherhost: 02:00:00:00:00:01 > 02:00:00:00:00:02", Time: sight.Time(),
		Frame: &reports.Frame{
			Type: "otherhost", Source: "02:00:00:00:00:01", Dest: "02:00:00:00:00:02",
			Tags: []string{"0x8100 VID 10 PCP 0"}, Layers: []string{"EtherType 0x1234, 1 bytes"},
		},
	}}
	if diff := cmp.Diff(want, landingEvidence(l)); diff != "" {
		t.Error(diff)
	}
	for range mostOfFailed {
		l.Sights = append(l.Sights, sight)
	}
	if got := len(landingEvidence(l)); got != mostOfFailed {
		t.Errorf("%d frames, want %d", got, mostOfFailed)
	}
}
