package turns

import (
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/lanproof/lanproof/bench"
	"github.com/lanproof/lanproof/bench/record"
)

// planted is by how much one of the systems is slower.
const planted = 0.05

// BenchmarkVerdicts measures a kernel against itself, and against itself with a slowdown
// of 5 % planted into what every benchmark measures, each time in ten blocks. It counts
// how many figures were judged and how many of them were not called the same, and how
// many of those with a slowdown were called slower. What was said of the others is told.
func BenchmarkVerdicts(b *testing.B) {
	for name, kernel := range map[string]string{"host": Here, "guest": "debian:6.12"} {
		b.Run(name, func(b *testing.B) {
			if os.Geteuid() != 0 {
				b.Skip("it takes root")
			}
			chosen, err := bench.Select(bench.All(), "machine/loop", "frames/*/size=64", "frames/*/in/size=64")
			if err != nil {
				b.Fatal(err)
			}
			o := Options{Benchmarks: chosen, Count: 10, Effort: 10 * time.Millisecond, Seed: rand.Uint64()}
			if kernel != Here {
				o.Init = guestOptions(b).Init
			}
			o.Targets = []Target{{Kernel: kernel}, {Kernel: kernel}, {Kernel: kernel, Slower: planted}}
			var equal, slower tally
			for b.Loop() {
				o.Seed++
				r, err := Run(b.Context(), o)
				if err != nil {
					b.Fatal(err)
				}
				for _, p := range r.Problems {
					if p.Kind == kindError {
						b.Error(p)
					}
				}
				equal.add(b, r, 1, record.Same)
				slower.add(b, r, 2, record.Slower)
			}
			b.ReportMetric(float64(equal.all), "equal")
			b.ReportMetric(float64(equal.right), "called-same")
			b.ReportMetric(float64(slower.all), "slowed")
			b.ReportMetric(float64(slower.right), "called-slower")
		})
	}
}

// tally counts judgements.
type tally struct{ all, right int }

// add judges a system of a run by the first one.
func (y *tally) add(b *testing.B, r *record.Run, system int, want record.Verdict) {
	b.Helper()
	two := *r
	two.Systems = []record.System{r.Systems[0], r.Systems[system]}
	c, err := record.Turns(&two, record.Rules{})
	if err != nil {
		b.Fatal(err)
	}
	for _, j := range c.Pairs[0].Figures {
		// One figure of each benchmark: others say the same in other units.
		if i := slices.IndexFunc(r.Series, func(s record.Series) bool { return s.Benchmark == j.Benchmark }); r.Series[i].Unit != j.Unit {
			continue
		}
		y.all++
		if j.Verdict == want {
			y.right++
			continue
		}
		b.Logf("%s (%s): %s in place of %s: %.4g [%.4g, %.4g] p=%.3g, %s", j.Benchmark, j.Unit, j.Verdict, want, j.Ratio, j.Low, j.High, j.P, j.Reason)
	}
}
