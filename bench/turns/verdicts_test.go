package turns

import (
	"os"
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
	for _, g := range []struct {
		name, kernel string
		figures      []string
		effort       time.Duration
	}{
		{"host", Here, []string{"machine/loop", "udp/veth/gso=off", "udp/macvlan-bridge/in/gso=off"}, 50 * time.Millisecond},
		{"guest", "debian:6.12", []string{"machine/loop", "udp/veth/gso=off", "udp/macvlan-bridge/in/gso=off", "udp/ipvlan-l2/in/gso=off", "udp/vlan/gso=off"}, 10 * time.Millisecond},
	} {
		b.Run(g.name, func(b *testing.B) {
			if os.Geteuid() != 0 {
				b.Skip("it takes root")
			}
			chosen, err := bench.Select(bench.All(), g.figures...)
			if err != nil {
				b.Fatal(err)
			}
			o := Options{Benchmarks: chosen, Count: 10, Effort: g.effort}
			if g.kernel != Here {
				o.Init = guestOptions(b).Init
			}
			o.Targets = []Target{{Kernel: g.kernel}, {Kernel: g.kernel}, {Kernel: g.kernel, Slower: planted}}
			var equal, slower tally
			for b.Loop() {
				o.Seed++
				r, err := Run(b.Context(), o)
				if err != nil || len(r.Problems) > 0 {
					b.Fatal(err, r.Problems)
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
		y.all++
		if j.Verdict == want {
			y.right++
			continue
		}
		b.Logf("%s (%s): %s in place of %s: %.4g [%.4g, %.4g] p=%.3g, %s", j.Benchmark, j.Unit, j.Verdict, want, j.Ratio, j.Low, j.High, j.P, j.Reason)
	}
}
