package plot

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// scale places values between two ends, in pixels; from may be larger than to.
type scale struct {
	axis     Axis
	lo, hi   float64 // the values at the ends; their logarithms where Axis.Log
	from, to float64
	ticks    []float64
}

// newScale is the scale of an axis that shows all of some values.
func newScale(axis Axis, values []float64, from, to float64) scale {
	s := scale{axis: axis, from: from, to: to}
	shown := slices.DeleteFunc(slices.Concat(values, axis.Ticks), func(v float64) bool { return !s.fits(v) })
	if axis.Zero && !axis.Log {
		shown = append(shown, 0)
	}
	if len(shown) == 0 {
		shown = []float64{1}
	}
	s.lo, s.hi = s.value(slices.Min(shown)), s.value(slices.Max(shown))
	room := 0.05 * (s.hi - s.lo)
	if room == 0 { // one value alone stands in the middle
		room = max(0.05*math.Abs(s.hi), 1e-9)
	}
	atZero := axis.Zero && !axis.Log && s.lo == 0
	s.hi += room
	if !atZero {
		s.lo -= room
	}
	s.ticks = slices.DeleteFunc(slices.Clone(axis.Ticks), func(v float64) bool { return !s.fits(v) })
	if axis.Ticks == nil {
		s.ticks = s.chosen()
	}
	return s
}

// fits reports whether a value has a place at all.
func (s scale) fits(v float64) bool {
	return !math.IsNaN(v) && math.Abs(v) < 1e300 && (!s.axis.Log || v > 1e-300)
}

func (s scale) value(v float64) float64 {
	if s.axis.Log {
		return math.Log10(v)
	}
	return v
}

// at is a value's place.
func (s scale) at(v float64) (float64, bool) {
	if !s.fits(v) {
		return 0, false
	}
	return s.from + (s.value(v)-s.lo)/(s.hi-s.lo)*(s.to-s.from), true
}

// clamped is a value's place, or the end that it is beyond.
func (s scale) clamped(v float64) float64 {
	at, ok := s.at(v)
	if !ok {
		return s.from
	}
	return min(max(at, min(s.from, s.to)), max(s.from, s.to))
}

// chosen are ticks at round values, about one in 90 pixels, and in 45 where they stand
// one above the other.
func (s scale) chosen() []float64 {
	apart := 90.0
	if s.from > s.to {
		apart = 45
	}
	n := max(2, math.Abs(s.to-s.from)/apart)
	if s.axis.Log {
		if ticks := s.decades(n); len(ticks) > 1 {
			return ticks
		}
		linear := s
		linear.axis.Log, linear.lo, linear.hi = false, math.Pow(10, s.lo), math.Pow(10, s.hi)
		return linear.chosen()
	}
	step := (s.hi - s.lo) / n
	unit := math.Pow(10, math.Floor(math.Log10(step)))
	for _, m := range []float64{1, 2, 5, 10} {
		if m*unit >= step {
			step = m * unit
			break
		}
	}
	var ticks []float64
	for i := math.Ceil(s.lo / step); i <= math.Floor(s.hi/step) && len(ticks) < 50; i++ {
		ticks = append(ticks, i*step)
	}
	return ticks
}

// decades are ticks at 1, 2 and 5 of each power of ten, or at fewer where they would be
// too many.
func (s scale) decades(n float64) []float64 {
	for _, steps := range [][]float64{{1, 2, 5}, {1, 3}, {1}} {
		var ticks []float64
		for e := math.Floor(s.lo); e <= math.Ceil(s.hi) && len(ticks) < 1000; e++ {
			for _, m := range steps {
				if v := m * math.Pow(10, e); math.Log10(v) >= s.lo && math.Log10(v) <= s.hi {
					ticks = append(ticks, v)
				}
			}
		}
		if float64(len(ticks)) <= 2*n {
			return ticks
		}
	}
	return nil
}

// write is a tick in words.
func (s scale) write(v float64) string {
	if s.axis.Format != nil {
		return s.axis.Format(v)
	}
	return Number(v)
}

// Number writes a number shortly: "1.5M", "0.02", "340".
func Number(v float64) string {
	size := math.Abs(v)
	for _, step := range []struct {
		per  float64
		name string
	}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if size >= step.per {
			return short(v/step.per) + step.name
		}
	}
	if size < 1e-12 {
		return "0"
	}
	return short(v)
}

// short writes a number with four digits at most.
func short(v float64) string {
	text := strconv.FormatFloat(v, 'g', 4, 64)
	return strings.Replace(text, "-", "−", 1)
}
