package run_test

import (
	goruntime "runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

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
// pairs, each pair in the other order than the one before. What decides is the median
// of the pairs' ratios, by the clock and by the CPU's time: others that work on the
// machine take a run's time on the clock, yet little of its own (getrusage(2): user and
// system time of the process, and what softirqs do while it sends; worker threads of
// the kernel are not in it).
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
	catalogueTakes(b, cases, true) // the first of a process pays for what comes once
	var off, on, wall, cpu []float64
	for b.Loop() {
		var took [2]cost
		first := len(wall) % 2
		for _, drops := range []int{first, 1 - first} {
			took[drops] = catalogueTakes(b, cases, drops == 1)
		}
		off, on = append(off, took[0].cpu.Seconds()*1e3), append(on, took[1].cpu.Seconds()*1e3)
		wall = append(wall, took[1].wall.Seconds()/took[0].wall.Seconds())
		cpu = append(cpu, took[1].cpu.Seconds()/took[0].cpu.Seconds())
	}
	b.ReportMetric(median(off), "off-cpu-ms")
	b.ReportMetric(median(on), "on-cpu-ms")
	b.ReportMetric(median(cpu), "on/off-cpu")
	b.ReportMetric(median(wall), "on/off-wall")
}

// cost is what a run takes by the clock and of the CPU.
type cost struct{ wall, cpu time.Duration }

func catalogueTakes(b *testing.B, cases []*scenarios.Case, drops bool) cost {
	b.Helper()
	goruntime.GC() // what the run before has left is not this one's
	start, used := time.Now(), cpuTime(b)
	results, err := run.Run(b.Context(), cases, run.Options{On: run.Host, Drops: drops})
	if err != nil {
		b.Fatal(err)
	}
	if v := results.Verdict(); v != reports.Pass {
		b.Fatalf("the catalogue: %s", v)
	}
	return cost{time.Since(start), cpuTime(b) - used}
}

// cpuTime is what this process has used so far.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
