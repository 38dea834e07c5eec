package record

import (
	"math"
	"slices"

	"github.com/aclements/go-moremath/stats"
	"golang.org/x/perf/benchmath"
)

// confidence is that of all intervals.
const confidence = 0.95

// interval is an estimate, and the bounds between which the truth lies with the package's
// confidence.
type interval struct{ at, lo, hi float64 }

func (i interval) width() float64 { return i.hi - i.lo }

// shiftOf tells how far b lies from a, and how probable it is that chance alone moved it
// as far. Where both were measured in the same blocks they may be paired, which takes out
// what the blocks have in common; where they have nothing in common, leaving them apart
// says more. Both are worked out and the one with the narrower interval is taken, as each
// is right by itself; the probability is doubled for having had the choice. What it costs
// in confidence is held by TestIntervalsHold.
func shiftOf(a, b []float64, paired bool) (by interval, p float64, byBlock bool) {
	by, p = apart(a, b), benchP(a, b)
	if !paired {
		return by, p, false
	}
	d := make([]float64, len(a))
	for i := range d {
		d[i] = b[i] - a[i]
	}
	p = min(1, 2*min(p, pairedP(d)))
	if inBlocks := pairs(d); inBlocks.width() <= by.width() {
		return inBlocks, p, true
	}
	return by, p, false
}

// pairs is the Hodges-Lehmann estimate of where differences lie, the median of the means
// of all pairs of them, with the bounds that belong to Wilcoxon's signed ranks. One
// difference in four may be wild without spoiling it.
func pairs(d []float64) interval {
	n := len(d)
	means := make([]float64, 0, n*(n+1)/2)
	for i := range d {
		for j := i; j < n; j++ {
			means = append(means, (d[i]+d[j])/2)
		}
	}
	f := float64(n)
	return within(means, f*(f+1)/4, math.Sqrt(f*(f+1)*(2*f+1)/24))
}

// apart is the Hodges-Lehmann estimate of how far b lies from a, the median of all
// differences, with the bounds that belong to Mann and Whitney's test, which benchmath
// does without telling bounds.
func apart(a, b []float64) interval {
	differences := make([]float64, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			differences = append(differences, y-x)
		}
	}
	n, m := float64(len(a)), float64(len(b))
	return within(differences, n*m/2, math.Sqrt(n*m*(n+m+1)/12))
}

// within is the median of values, and the bounds that a rank statistic of that mean and
// deviation leaves of them.
func within(values []float64, mean, deviation float64) interval {
	slices.Sort(values)
	z := math.Sqrt2 * math.Erfinv(confidence)
	k := max(0, int(mean-z*deviation-0.5))
	n := len(values)
	return interval{(values[(n-1)/2] + values[n/2]) / 2, values[k], values[n-1-k]}
}

// pairedP is the probability that chance alone takes differences as far from zero, by
// Student's t-test. Ranks cannot do it: ten differences have 0.002 as their smallest p,
// which is not significant when more than 25 benchmarks are compared. Wild samples make
// this test find less, not more; what it misses then is left to ranks.
func pairedP(d []float64) float64 {
	mean, deviation := stats.Mean(d), stats.StdDev(d)/math.Sqrt(float64(len(d)))
	switch {
	case mean == 0:
		return 1
	case deviation == 0:
		return 0
	}
	return 2 * stats.TDist{V: float64(len(d) - 1)}.CDF(-math.Abs(mean/deviation))
}

// benchP is Mann and Whitney's probability.
func benchP(a, b []float64) float64 {
	return benchmath.AssumeNothing.Compare(sampleOf(a), sampleOf(b)).P
}

// sampleOf is a sample for benchmath, which sorts what it is given.
func sampleOf(values []float64) *benchmath.Sample {
	limits := benchmath.DefaultThresholds
	return benchmath.NewSample(slices.Clone(values), &limits)
}

// holm corrects probabilities for how many there are: none that stays below 0.05 has come
// about by chance in more than one of twenty whole comparisons.
func holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		switch {
		case p[i] < p[j]:
			return -1
		case p[i] > p[j]:
			return 1
		}
		return 0
	})
	corrected := make([]float64, len(p))
	least := 0.0
	for rank, i := range order {
		least = max(least, min(1, p[i]*float64(len(p)-rank)))
		corrected[i] = least
	}
	return corrected
}
