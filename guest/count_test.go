package guest_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/lanproof/lanproof/guest"
)

// looped is how long a guest's loop of so many turns took, on the guest's clock.
func looped(tb testing.TB, turns int, o guest.Options) (ns float64) {
	tb.Helper()
	got := run(tb.Context(), fmt.Sprint("loop ", turns), o)
	if got.err != nil || len(got.lines) != 1 {
		tb.Fatalf("lines %q, error %v", got.lines, got.err)
	}
	if _, err := fmt.Sscan(got.lines[0], &ns); err != nil {
		tb.Fatalf("%q: %v", got.lines[0], err)
	}
	return ns
}

// TestCount holds that a guest that counts tells instructions, booted and restored: the
// same loop takes the same, one of twice the turns takes twice as much, and that is far
// from what any of them takes by the host's clock.
func TestCount(t *testing.T) {
	kernels(t, func(t *testing.T, o guest.Options) {
		o.Count, o.CPUs, o.BootLimit = true, []int{0}, 3*time.Minute
		const turns = 10_000_000
		once, twice := looped(t, turns, o), looped(t, 2*turns, o)
		o.Snapshot = true
		if looped(t, turns, o); len(snapshots(t, o)) != 1 {
			t.Fatalf("snapshots %v, want one", snapshots(t, o))
		}
		again := looped(t, turns, o)
		// Compilers make some instructions of a turn.
		if once < 2*turns || once > 10*turns || !near(once, again) || !near(2*once, twice) {
			t.Errorf("%v instructions, %v when restored, and %v for twice the turns", once, again, twice)
		}
		o.Count = false
		if looped(t, 1, o); len(snapshots(t, o)) != 2 {
			t.Errorf("snapshots %v: one that counts was used for one that does not", snapshots(t, o))
		}
	})
}

// near leaves room for ticks and interrupts.
func near(a, b float64) bool { return a < 1.03*b && b < 1.03*a }

// TestCPUsMissing names a processor that is not there.
func TestCPUsMissing(t *testing.T) {
	o := options(t, "debian:6.12")
	o.CPUs = []int{1000}
	if got := run(t.Context(), "echo x", o); got.err == nil {
		t.Error("QEMU ran on processor 1000")
	}
}

// BenchmarkCount boots, in turns, guests that count their instructions and guests that
// do not, and has them carry out the same loop and the same boot. All boots have to
// succeed; the medians and their ratio are reported, and how far the counts of the loop
// are from each other.
func BenchmarkCount(b *testing.B) {
	plain := options(b, "debian:6.12")
	plain.BootLimit = 3 * time.Minute
	counting := plain
	counting.Count = true
	var boots [2][]time.Duration
	var counts []float64
	for b.Loop() {
		boots[0] = append(boots[0], firstLine(b, plain))
		boots[1] = append(boots[1], firstLine(b, counting))
		counts = append(counts, looped(b, 10_000_000, counting))
	}
	slices.Sort(counts)
	for _, t := range boots {
		slices.Sort(t)
	}
	n := len(counts)
	b.ReportMetric(boots[0][n/2].Seconds(), "plain-s")
	b.ReportMetric(boots[1][n/2].Seconds(), "counting-s")
	b.ReportMetric(boots[1][n/2].Seconds()/boots[0][n/2].Seconds(), "counting/plain")
	b.ReportMetric(100*(counts[n-1]-counts[0])/counts[n/2], "spread-%")
}
