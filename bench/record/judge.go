package record

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"golang.org/x/perf/benchmath"
)

// side is a system in its run.
type side struct {
	run    *Run
	system System
}

// series are those of the system that were asked for, in the run's order.
func (s side) series(only func(string) bool) []*Series {
	var some []*Series
	for i := range s.run.Series {
		if one := &s.run.Series[i]; one.System == s.system.ID && (only == nil || only(one.Benchmark)) {
			some = append(some, one)
		}
	}
	return some
}

// pair compares all figures of two systems.
func (r Rules) pair(a, b side) Pair {
	p := Pair{
		A: a.system, B: b.system, Turns: a.run == b.run, Differs: systemsDiffer(a.system, b.system),
		Figures: []Judgement{}, New: []Absent{}, Vanished: []Absent{},
	}
	after := b.series(r.Only)
	taken := map[*Series]bool{}
	for _, was := range a.series(r.Only) {
		now := find(after, func(s *Series) bool { return s.Benchmark == was.Benchmark && s.Unit == was.Unit })
		if now == nil && a.system.Clock != b.system.Clock { // another clock has other units
			now = find(after, func(s *Series) bool { return s.Benchmark == was.Benchmark && !taken[s] })
		}
		if now == nil {
			p.Vanished = append(p.Vanished, Absent{was.Benchmark, was.Unit, b.problem(was.Benchmark)})
			continue
		}
		taken[now] = true
		p.Figures = append(p.Figures, r.judge(was, now, &p))
	}
	for _, now := range after {
		if !taken[now] {
			p.New = append(p.New, Absent{now.Benchmark, now.Unit, a.problem(now.Benchmark)})
		}
	}
	return p
}

func find(some []*Series, want func(*Series) bool) *Series {
	if i := slices.IndexFunc(some, want); i >= 0 {
		return some[i]
	}
	return nil
}

// problem is why the system has no figure of a benchmark, as the run tells it.
func (s side) problem(benchmark string) string {
	for _, p := range s.run.Problems {
		if p.System == s.system.ID && (p.Benchmark == benchmark || p.Benchmark == "") {
			return p.Reason
		}
	}
	return ""
}

// judge compares one figure of two systems, all but what depends on the other figures.
func (r Rules) judge(a, b *Series, p *Pair) Judgement {
	j := Judgement{Benchmark: a.Benchmark, Unit: a.Unit, Better: a.Better, A: a.figure(), B: b.figure(), P: 1, Limit: r.Effect}
	if j.Limit == 0 {
		j.Limit = DefaultEffect
	}
	if j.Reason = unlike(a, b, p); j.Reason != "" {
		j.Verdict = CannotTell
		return j
	}
	x, y, paired := levels(a, b, p.Turns)
	j.Floor, j.NoiseFrom = ownNoise(x, y, paired), "between the halves of the samples"
	if learnt, ok := r.Noise.of(a, p.Turns); ok {
		j.Floor, j.NoiseFrom = learnt, "learnt from A/A runs"
		j.Limit = max(j.Limit, learnt)
	}
	zero := slices.Contains(x, 0) || slices.Contains(y, 0)
	switch {
	case len(x) < MinSamples || len(y) < MinSamples:
		j.Reason = fmt.Sprintf("%d and %d samples are too few: it takes %d", len(x), len(y), MinSamples)
	case zero && slices.Max(x) == 0 && slices.Max(y) == 0:
		j.Ratio, j.Low, j.High = 1, 1, 1
		return j
	case zero:
		j.Reason = "a sample is 0, of which there is no ratio"
	}
	if j.Reason != "" {
		j.Verdict = CannotTell
		return j
	}
	by, chance, byBlock := shiftOf(logs(x), logs(y), paired)
	if max(math.Abs(by.lo), math.Abs(by.hi)) > 100 {
		j.Verdict, j.Reason = CannotTell, "the one is more than 1e40 times the other"
		return j
	}
	j.Ratio, j.Low, j.High = math.Exp(by.at), math.Exp(by.lo), math.Exp(by.hi)
	j.P, j.ByBlock = chance, byBlock
	return j
}

// unlike says why two series cannot be judged by each other, or nothing.
func unlike(a, b *Series, p *Pair) string {
	switch {
	case p.A.Clock != p.B.Clock:
		return fmt.Sprintf("one counts %s (%s) and the other %s (%s)", p.A.Clock, a.Unit, p.B.Clock, b.Unit)
	case a.Better != b.Better:
		return fmt.Sprintf("the one says that %s is better, the other that %s is", a.Better, b.Better)
	case a.Method != b.Method:
		return fmt.Sprintf("measured by %s and by %s", named(a.Method), named(b.Method))
	}
	return ""
}

// figure sums a series up.
func (s *Series) figure() Figure {
	f := Figure{N: len(s.Samples), Method: s.Method, series: s}
	if f.N == 0 {
		return f
	}
	sample := sampleOf(s.values())
	sum := benchmath.AssumeNothing.Summary(sample, confidence)
	least, most := sample.Values[0], sample.Values[f.N-1]
	f.Median, f.Low, f.High = sum.Center, max(sum.Lo, least), min(sum.Hi, most)
	return f
}

func (s *Series) values() []float64 {
	var v []float64
	for _, one := range s.Samples {
		v = append(v, one.Value)
	}
	return v
}

// levels are the values that two series are compared by. Where they were measured in
// turns and have enough blocks in common, it is one for each of those blocks, the median
// where there are several, in the same order.
func levels(a, b *Series, turns bool) (x, y []float64, paired bool) {
	inA, inB := a.blocks(), b.blocks()
	if !turns {
		return inA.values(), inB.values(), false
	}
	for _, block := range slices.Sorted(maps.Keys(inA)) {
		if _, both := inB[block]; both {
			x, y = append(x, inA[block]), append(y, inB[block])
		}
	}
	if len(x) < MinSamples {
		return inA.values(), inB.values(), false
	}
	return x, y, true
}

// byBlock is one value for each block.
type byBlock map[int]float64

func (s *Series) blocks() byBlock {
	all := map[int][]float64{}
	for _, v := range s.Samples {
		all[v.Block] = append(all[v.Block], v.Value)
	}
	one := byBlock{}
	for block, values := range all {
		slices.Sort(values)
		one[block] = (values[(len(values)-1)/2] + values[len(values)/2]) / 2
	}
	return one
}

// values are those of the blocks in the order in which they were measured.
func (b byBlock) values() []float64 {
	var v []float64
	for _, block := range slices.Sorted(maps.Keys(b)) {
		v = append(v, b[block])
	}
	return v
}

func logs(values []float64) []float64 {
	l := make([]float64, len(values))
	for i, v := range values {
		l[i] = math.Log(v)
	}
	return l
}
