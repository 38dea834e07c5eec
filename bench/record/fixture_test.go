package record

import (
	"math"
	"math/rand/v2"
	"time"
)

// noisy is a way in which samples scatter: n blocks of two systems that are the same, as
// logarithms.
type noisy struct {
	name string
	make func(r *rand.Rand, n int) (a, b []float64)
}

// noises are what benchmarks do, with samples that scatter by about the part s.
func noises(s float64) []noisy {
	normal := func(r *rand.Rand) float64 { return s * r.NormFloat64() }
	return []noisy{
		{"normal", scatter(normal, 0, 0, 0)},
		{"skewed", scatter(func(r *rand.Rand) float64 { return s * (r.ExpFloat64() - 1) }, 0, 0, 0)},
		{"heavy tails", scatter(func(r *rand.Rand) float64 { return s / math.Sqrt(3) * student3(r) }, 0, 0, 0)},
		{"two modes", scatter(func(r *rand.Rand) float64 {
			if r.Float64() < 0.3 {
				return 2*s + s/3*r.NormFloat64()
			}
			return s / 3 * r.NormFloat64()
		}, 0, 0, 0)},
		{"drift of 10 %", scatter(normal, 0.10, 0, 0)},
		{"random walk", scatter(normal, 0, 0.02, 0)},
		{"blocks that differ", scatter(normal, 0, 0, 0.03)},
	}
}

// student3 is a draw of Student's t with three degrees of freedom: one in fifty is more
// than 4.5 from the middle.
func student3(r *rand.Rand) float64 {
	sum := 0.0
	for range 3 {
		v := r.NormFloat64()
		sum += v * v
	}
	return r.NormFloat64() / math.Sqrt(sum/3)
}

// scatter makes samples with noise of their own, and what two systems of a block have in
// common: drift over the whole run, a random walk, and shocks.
func scatter(own func(*rand.Rand) float64, drift, walk, shock float64) func(*rand.Rand, int) (a, b []float64) {
	return func(r *rand.Rand, n int) (a, b []float64) {
		level := 0.0
		for i := range n {
			level += walk * r.NormFloat64()
			common := level + drift*float64(i)/float64(n-1) + shock*r.NormFloat64()
			a, b = append(a, common+own(r)), append(b, common+own(r))
		}
		return a, b
	}
}

// slowed is each of the values made larger by a part.
func slowed(logs []float64, part float64) []float64 {
	v := make([]float64, len(logs))
	for i, l := range logs {
		v[i] = l + math.Log1p(part)
	}
	return v
}

// series makes a series of logarithms, a block each, in ns/op.
func series(benchmark, system string, logs []float64) Series {
	s := Series{Benchmark: benchmark, System: system, Unit: "ns/op", Better: LowerIsBetter}
	for i, l := range logs {
		s.Samples = append(s.Samples, Sample{i, 1000 * math.Exp(l)})
	}
	return s
}

// host is a system by time.
func host(id string) System {
	return System{ID: id, Ground: "host", Kernel: "6.18.0", Arch: "x86_64", Clock: Time}
}

// runOf is a run of some systems.
func runOf(systems []System, all ...Series) *Run {
	return &Run{
		Schema: Schema, Tool: "v1.0.0", Started: time.Date(2026, 11, 21, 15, 0, 0, 0, time.UTC), Seed: 7,
		Command: "lanproof bench --count 10", Systems: systems, Series: all,
	}
}

// pairRun is a run of two systems in turns, with one benchmark for each pair of values.
func pairRun(names []string, a, b [][]float64) *Run {
	r := runOf([]System{host("host"), host("host#2")})
	for i, name := range names {
		r.Series = append(r.Series, series(name, "host", a[i]), series(name, "host#2", b[i]))
	}
	return r
}
