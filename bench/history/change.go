package history

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// Change is a point at which a series of figures begins to lie elsewhere.
type Change struct {
	// At is the number of the first figure that belongs to the new level.
	At int
	// Before and After are the medians of the figures from the change before to this one,
	// and from this one to the next.
	Before, After float64
	// P is the probability that figures in random order look as much like a change. It is
	// 1/500 at the least, because no more orders are tried.
	P float64
}

// Ratio is the change as a part of what was before: 0.05 is 5 % more. It is NaN where
// there was nothing before.
func (c Change) Ratio() float64 {
	if c.Before == 0 {
		return math.NaN()
	}
	return c.After/c.Before - 1
}

const (
	// significance is the greatest P of a change.
	significance = 0.01
	// permutations are the random orders that a change is held against.
	permutations = 499
	// least is the fewest figures of a level: one or two that lie elsewhere are no level.
	least = 3
	// most is how many of the last figures changes are looked for among; the cost grows
	// with the square of it.
	most = 300
)

// Changes finds the change points of a series by E-divisive (Matteson and James, "A
// Nonparametric Approach for Multiple Change Point Analysis of Multivariate Data", JASA
// 109, 2014): the point that divides the series best by the energy distance of what lies
// before and behind it is a change where a permutation test says so, and both parts are
// looked at in the same way. Figures far out are drawn in first, so that a single one is
// not taken for a level. The test's orders are drawn from a fixed seed: the same series
// has the same changes.
//
// A series without any change gets one in about 1 of 100 cases; a slow drift is told as
// steps. Among more than 300 figures only the last 300 are looked at.
func Changes(values []float64) []Change {
	skipped := max(len(values)-most, 0)
	values = values[skipped:]
	var found []Change
	divide(values, 0, rand.New(rand.NewPCG(1, uint64(len(values)))), &found)
	slices.SortFunc(found, func(a, b Change) int { return cmp.Compare(a.At, b.At) })
	for i := range found {
		c := &found[i]
		from, to := 0, len(values)
		if i > 0 {
			from = found[i-1].At - skipped
		}
		if i+1 < len(found) {
			to = found[i+1].At
		}
		c.Before, c.After = median(values[from:c.At]), median(values[c.At:to])
		c.At += skipped
	}
	return found
}

// divide finds the changes of a part of a series that begins at from.
func divide(part []float64, from int, random *rand.Rand, found *[]Change) {
	if len(part) < 2*least {
		return
	}
	s := newSearch(drawnIn(part))
	best, at := s.best()
	if best <= 0 {
		return
	}
	p := s.chance(best, random)
	if p > significance {
		return
	}
	*found = append(*found, Change{At: from + at, P: p})
	divide(part[:at], from, random, found)
	divide(part[at:], from+at, random, found)
}

// search looks for the best division of a series of values, in any order of them.
type search struct {
	values []float64
	sums   []float64 // of distances, of the first i values to the first j of them
}

func newSearch(v []float64) *search {
	return &search{values: v, sums: make([]float64, (len(v)+1)*(len(v)+1))}
}

// best is the greatest weighted energy distance of two neighbouring parts of which the
// first begins with the series, and where the second one begins.
func (s *search) best() (most float64, at int) {
	n := len(s.values)
	w := n + 1
	for i := 1; i <= n; i++ {
		row := 0.0
		for j := 1; j <= n; j++ {
			row += math.Abs(s.values[i-1] - s.values[j-1])
			s.sums[i*w+j] = s.sums[(i-1)*w+j] + row
		}
	}
	for cut := least; cut <= n-least; cut++ {
		a := float64(cut)
		within := s.sums[cut*w+cut] / (a * (a - 1))
		for end := cut + least; end <= n; end++ {
			b := float64(end - cut)
			between := s.sums[cut*w+end] - s.sums[cut*w+cut]
			behind := s.sums[end*w+end] - 2*s.sums[cut*w+end] + s.sums[cut*w+cut]
			energy := 2*between/(a*b) - within - behind/(b*(b-1))
			if q := a * b / (a + b) * energy; q > most {
				most, at = q, cut
			}
		}
	}
	return most, at
}

// chance is the part of random orders whose best division is as good. It stops as soon
// as there are too many of them for a change.
func (s *search) chance(best float64, random *rand.Rand) float64 {
	as := 1
	for range permutations {
		random.Shuffle(len(s.values), func(i, j int) { s.values[i], s.values[j] = s.values[j], s.values[i] })
		if q, _ := s.best(); q >= best*(1-1e-9) {
			if as++; float64(as) > significance*(permutations+1) {
				return 1
			}
		}
	}
	return float64(as) / (permutations + 1)
}

// drawnIn brings values that are far out in to Tukey's fences, one and a half times the
// distance of the quartiles away from them. Where those are the same, the values are
// taken by their ranks.
func drawnIn(values []float64) []float64 {
	sorted := slices.Sorted(slices.Values(values))
	low, high := sorted[len(sorted)/4], sorted[len(sorted)-1-len(sorted)/4]
	if !(high > low) {
		return ranks(values)
	}
	reach := 1.5 * (high - low)
	in := make([]float64, len(values))
	for i, v := range values {
		in[i] = min(max(v, low-reach), high+reach)
	}
	return in
}

// ranks gives each value its place among them; equal ones share theirs.
func ranks(values []float64) []float64 {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(values[a], values[b]) })
	r := make([]float64, len(values))
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && values[order[j]] == values[order[i]] {
			j++
		}
		j = max(j, i+1) // what is not equal to itself
		for k := i; k < j; k++ {
			r[order[k]] = float64(i+j-1) / 2
		}
		i = j
	}
	return r
}

// median is the middle value, NaN of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}
