package record

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Noise is what runs of systems against themselves have shown: how far apart a
// benchmark's figures come to lie though nothing differs. The zero value and nil know
// nothing.
type Noise struct {
	within  map[noiseKey]float64 // between systems of one run
	between map[noiseKey]float64 // between runs
}

type noiseKey struct{ benchmark, unit string }

// safety is how much wider than the widest interval seen between two equal systems the
// noise floor is: one A/A run is one draw, and the next may be worse.
const safety = 2

// LearnNoise learns the noise floors of benchmarks from runs in which a system was
// measured against itself ("host" and "host#2"), and from several runs on one system. The
// floor is twice the widest interval that the ratio of two equal systems had.
func LearnNoise(runs ...*Run) (*Noise, error) {
	n := &Noise{within: map[noiseKey]float64{}, between: map[noiseKey]float64{}}
	var sides []side
	for _, r := range runs {
		for _, s := range r.Systems {
			sides = append(sides, side{r, s})
		}
	}
	for i, a := range sides {
		for _, b := range sides[i+1:] {
			if twins(a.system, b.system) {
				n.learn(a, b)
			}
		}
	}
	if len(n.within)+len(n.between) == 0 {
		return nil, fmt.Errorf("learn the noise: no benchmark was measured twice on one system, with %d samples at least", MinSamples)
	}
	return n, nil
}

// twins tells whether two systems are the same one, measured twice.
func twins(a, b System) bool {
	return plainID(a.ID) == plainID(b.ID) && a.Kernel == b.Kernel && a.Clock == b.Clock && a.Arch == b.Arch
}

// plainID is an ID without the mark of a system that is measured against itself.
func plainID(id string) string {
	before, _, _ := strings.Cut(id, "#")
	return before
}

// learn takes in how far the figures of two equal systems lie apart.
func (n *Noise) learn(a, b side) {
	into := n.between
	if a.run == b.run {
		into = n.within
	}
	pair := Rules{}.pair(a, b)
	for _, j := range pair.Figures {
		if j.Ratio == 0 {
			continue
		}
		key := noiseKey{j.Benchmark, j.Unit}
		reach := max(math.Abs(math.Log(j.Low)), math.Abs(math.Log(j.High)))
		into[key] = max(into[key], math.Expm1(safety*reach))
	}
}

// of is the noise floor of a figure between two systems: of one run, or of two, where
// what one run has shown is the least that there is.
func (n *Noise) of(s *Series, turns bool) (float64, bool) {
	if n == nil {
		return 0, false
	}
	key := noiseKey{s.Benchmark, s.Unit}
	floor, known := n.within[key]
	if more, ok := n.between[key]; ok && (!turns || !known) {
		floor, known = max(floor, more), true
	}
	return floor, known
}

// ownNoise is how far the halves of two systems' samples lie apart. In turns, it is how
// far the difference of the two in each second block is from that in the others. Without
// turns nothing takes out what changes with time, so it is that of the noisier system by
// itself, between each second sample and the others or between the first half and the
// second. It knows nothing of what differs between one run and the next.
func ownNoise(x, y []float64, paired bool) float64 {
	if len(x) < MinSamples || len(y) < MinSamples || slices.Contains(x, 0) || slices.Contains(y, 0) {
		return 0
	}
	x, y = logs(x), logs(y)
	if paired {
		d := make([]float64, len(x))
		for i := range d {
			d[i] = y[i] - x[i]
		}
		return math.Expm1(alternate(d))
	}
	return math.Expm1(max(alternate(x), halves(x), alternate(y), halves(y)))
}

// alternate is how far each second value lies from the others.
func alternate(v []float64) float64 {
	var even, odd []float64
	for i, one := range v {
		if i%2 == 0 {
			even = append(even, one)
		} else {
			odd = append(odd, one)
		}
	}
	return math.Abs(apart(even, odd).at)
}

// halves is how far the second half lies from the first.
func halves(v []float64) float64 {
	return math.Abs(apart(v[:len(v)/2], v[len(v)/2:]).at)
}
