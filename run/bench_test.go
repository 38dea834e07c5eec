package run_test

import (
	"testing"
	"time"

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

// BenchmarkDrops is the catalogue on this kernel with drop tracing and without, in
// turns.
func BenchmarkDrops(b *testing.B) {
	needRoot(b)
	files, err := scenarios.Builtin()
	if err != nil {
		b.Fatal(err)
	}
	var cases []*scenarios.Case
	for _, f := range files {
		cases = append(cases, f.Cases()...)
	}
	var off, on time.Duration
	for b.Loop() {
		for _, run := range []struct {
			drops bool
			took  *time.Duration
		}{{false, &off}, {true, &on}} {
			*run.took += catalogueTakes(b, cases, run.drops)
		}
	}
	b.ReportMetric(off.Seconds()*1e3/float64(b.N), "off-ms")
	b.ReportMetric(on.Seconds()*1e3/float64(b.N), "on-ms")
	b.ReportMetric(on.Seconds()/off.Seconds(), "on/off")
}

func catalogueTakes(b *testing.B, cases []*scenarios.Case, drops bool) time.Duration {
	b.Helper()
	start := time.Now()
	results, err := run.Run(b.Context(), cases, run.Options{On: run.Host, Drops: drops})
	if err != nil {
		b.Fatal(err)
	}
	if v := results.Verdict(); v != reports.Pass {
		b.Fatalf("the catalogue: %s", v)
	}
	return time.Since(start)
}
