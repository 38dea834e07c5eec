package run

import (
	"strings"
	"testing"

	"github.com/lanproof/lanproof/probe"
	"github.com/lanproof/lanproof/reports"
)

func TestTableFulls(t *testing.T) {
	for text, want := range map[string]uint64{
		"entries  allocs   table_fulls\n00000001 00088cb4 0000000f\n00000001 0003893c 00000011\n": 0x20,
		"entries  allocs\n00000001 00088cb4\n":                                                    0, // Linux before 3.12
		"entries  allocs   table_fulls\n00000001 00088cb4\n":                                      0,
		"entries table_fulls\n1 rubbish\n":                                                        0,
		"":                                                                                        0,
	} {
		if got := tableFulls([]byte(text)); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

// TestDoubted shows that a full neighbour table makes no driver's failure.
func TestDoubted(t *testing.T) {
	for _, c := range []struct {
		held bool
		now  uint64
		want reports.Verdict
	}{
		{false, 7, reports.Fail},
		{false, 0, reports.Fail},
		{false, 10, reports.Error},
		{true, 10, reports.Pass},
	} {
		f := doubted(probe.Finding{Held: c.held, Observed: "no answer", Proof: reports.ProofFence}, 7, c.now)
		if got := probe.Judge(f); got != c.want || !strings.HasPrefix(f.Observed, "no answer") {
			t.Errorf("held %t, %d turned away and 7 before: %s, %q; want %s", c.held, c.now, got, f.Observed, c.want)
		}
	}
}
