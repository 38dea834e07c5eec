package run_test

import (
	"testing"

	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/scenarios"
)

// BenchmarkCase is the smallest macvlan case as a whole: built, checked and
// captured. Closing it is not measured, for a run does that beside other cases
// and for many at once.
func BenchmarkCase(b *testing.B) {
	needRoot(b)
	files, err := scenarios.Find([]string{"macvlan-two-endpoints"})
	if err != nil {
		b.Fatal(err)
	}
	var held []*run.Outcome
	letGo := func() {
		for _, out := range held {
			if err := out.Close(); err != nil {
				b.Fatal(err)
			}
		}
		held = nil
	}
	for b.Loop() {
		p, err := run.Prepare(files[0].Cases()[0], 1)
		if err != nil {
			b.Fatal(err)
		}
		out := run.Execute(b.Context(), p, nil)
		if out.Result.Verdict != reports.Pass {
			b.Fatalf("%s: %s", out.Result.Verdict, out.Result.Reason)
		}
		if held = append(held, out); len(held) == 64 {
			b.StopTimer()
			letGo()
			b.StartTimer()
		}
	}
	letGo()
}
