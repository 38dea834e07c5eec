package history

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// draw makes a series of standard normal noise around 100, to which level adds.
func draw(seed uint64, n int, level func(i int, r *rand.Rand) float64) []float64 {
	r := rand.New(rand.NewPCG(seed, 7))
	values := make([]float64, n)
	for i := range values {
		values[i] = 100 + r.NormFloat64() + level(i, r)
	}
	return values
}

func flat(int, *rand.Rand) float64 { return 0 }

// outliers puts every tenth figure or so far out, on either side.
func outliers(_ int, r *rand.Rand) float64 {
	if r.IntN(10) > 0 {
		return 0
	}
	return float64(r.IntN(2)*60 - 30)
}

func stepAt(at int, by float64) func(int, *rand.Rand) float64 {
	return func(i int, _ *rand.Rand) float64 {
		if i < at {
			return 0
		}
		return by
	}
}

// TestChangesOfNothing counts the series without a change in which one is found, out of
// 1,000; by its significance it is 10 on average. The seeds are fixed, and so is the
// count: more than 20 would be no accident (binomial, p < 0.002).
func TestChangesOfNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of series take seconds")
	}
	for _, c := range []struct {
		name  string
		n     int
		level func(int, *rand.Rand) float64
	}{
		{"noise", 30, flat},
		{"few", 10, flat},
		{"many", 60, flat},
		{"outliers", 30, outliers},
	} {
		t.Run(c.name, func(t *testing.T) {
			alarms := 0
			for seed := range uint64(1000) {
				if len(Changes(draw(seed, c.n, c.level))) > 0 {
					alarms++
				}
			}
			t.Logf("%d of 1,000 series of %d without a change get one", alarms, c.n)
			if alarms > 20 {
				t.Errorf("%d false alarms in 1,000 series", alarms)
			}
		})
	}
}

// TestChangesFound counts how often changes are found, in 200 series each.
func TestChangesFound(t *testing.T) {
	if testing.Short() {
		t.Skip("hundreds of series take seconds")
	}
	hump := func(i int, r *rand.Rand) float64 { return stepAt(14, 3)(i, r) - stepAt(27, 3)(i, r) }
	stairs := func(i int, r *rand.Rand) float64 { return stepAt(13, 3)(i, r) + stepAt(27, 3)(i, r) }
	for _, c := range []struct {
		name  string
		n     int
		level func(int, *rand.Rand) float64
		at    []int
		least int // of 200 series in which all are found within two figures, and no other
	}{
		{"a step of 3 sigma", 30, stepAt(15, 3), []int{15}, 190},
		{"a step of 3 sigma near the end", 30, stepAt(25, 3), []int{25}, 175},
		{"a step among outliers", 30, func(i int, r *rand.Rand) float64 { return outliers(i, r) + stepAt(15, 3)(i, r) }, []int{15}, 110},
		{"two steps up", 40, stairs, []int{13, 27}, 170},
		{"up and down", 40, hump, []int{14, 27}, 180},
	} {
		t.Run(c.name, func(t *testing.T) {
			hits := 0
			for seed := range uint64(200) {
				got := Changes(draw(seed, c.n, c.level))
				near := func(a Change, at int) int { return max(a.At-at, at-a.At) - 2 }
				if len(got) == len(c.at) && slices.CompareFunc(got, c.at, func(a Change, at int) int { return max(near(a, at), 0) }) == 0 {
					hits++
				}
			}
			t.Logf("found in %d of 200 series of %d", hits, c.n)
			if hits < c.least {
				t.Errorf("found in %d of 200 series, want %d at least", hits, c.least)
			}
		})
	}
}

// A slow drift is told as steps, one at least where it is 6 sigma over the series.
func TestChangesOfDrift(t *testing.T) {
	steps := map[int]int{}
	for seed := range uint64(100) {
		steps[len(Changes(draw(seed, 40, func(i int, _ *rand.Rand) float64 { return 6 * float64(i) / 40 })))]++
	}
	t.Logf("how many series of a drift have so many steps: %v", steps)
	if steps[0] > 2 {
		t.Errorf("%d of 100 drifts are not seen", steps[0])
	}
}

// What is told of a change are the levels on both sides of it, up to the next.
func TestChangeLevels(t *testing.T) {
	values := slices.Concat(slices.Repeat([]float64{10}, 8), slices.Repeat([]float64{20}, 8), slices.Repeat([]float64{5}, 8))
	got := Changes(values)
	if len(got) != 2 || got[0].At != 8 || got[1].At != 16 {
		t.Fatalf("changes %+v, want them at 8 and 16", got)
	}
	if a, b := got[0], got[1]; a.Before != 10 || a.After != 20 || a.Ratio() != 1 || b.Before != 20 || b.After != 5 || b.Ratio() != -0.75 {
		t.Errorf("levels %+v", got)
	}
	for _, none := range [][]float64{nil, {1}, slices.Repeat([]float64{3}, 50), {1, 2, 3, 4, 5}} {
		if got := Changes(none); len(got) > 0 {
			t.Errorf("%v has changes %+v", none, got)
		}
	}
}

// Of a long series the last figures are looked at, and counted from its beginning.
func TestChangesOfManyFigures(t *testing.T) {
	values := append(slices.Repeat([]float64{1}, most), slices.Repeat([]float64{9}, 40)...)
	if got := Changes(values); len(got) != 1 || got[0].At != most || got[0].Before != 1 || got[0].After != 9 {
		t.Errorf("changes %+v", got)
	}
}

func BenchmarkChanges(b *testing.B) {
	values := draw(1, 100, stepAt(50, 3))
	for b.Loop() {
		Changes(values)
	}
}
