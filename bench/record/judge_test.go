package record

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// tally compares many runs of as many benchmarks each and counts the verdicts.
func tally(t *testing.T, n noisy, rules Rules, rounds, family, blocks int, planted float64) map[Verdict]int {
	t.Helper()
	r := rand.New(rand.NewPCG(6, uint64(blocks)))
	got := map[Verdict]int{}
	for range rounds {
		var names []string
		var as, bs [][]float64
		for i := range family {
			a, b := n.make(r, blocks)
			names, as, bs = append(names, fmt.Sprintf("b%d", i)), append(as, a), append(bs, slowed(b, planted))
		}
		c, err := Turns(pairRun(names, as, bs), rules)
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range c.Pairs[0].Figures {
			got[j.Verdict]++
		}
	}
	return got
}

// TestFiguresOfTheJudge holds the figures of the judge: of 100 comparisons of a system
// with itself at most 2 say anything but "same", and of 20 slowdowns of 5 % at least 19
// are found, in benchmarks whose samples scatter by 1 %, however they scatter. Run with
// -v it prints what other limits would do, which is why the limit is 3 %.
func TestFiguresOfTheJudge(t *testing.T) {
	const rounds, family = 40, 25
	for _, n := range noises(0.01) {
		for _, effect := range []float64{0.02, DefaultEffect, 0.04} {
			aa := tally(t, n, Rules{Effect: effect}, rounds, family, 10, 0)
			slow := tally(t, n, Rules{Effect: effect}, rounds, family, 10, 0.05)
			total := float64(rounds * family)
			same, found := 100*float64(aa[Same])/total, 100*float64(slow[Slower])/total
			t.Logf("%-18s limit %.0f %%: A/A same %5.1f %% (faster or slower %.1f %%), 5 %% slower found %5.1f %%", n.name, 100*effect, same, 100*float64(aa[Faster]+aa[Slower])/total, found)
			if effect == DefaultEffect && (same < 98 || found < 95) {
				t.Errorf("%s: of A/A comparisons %.1f %% are the same, of 5 %% slowdowns %.1f %% are found", n.name, same, found)
			}
		}
	}
}

// TestNoiseIsNoDifference: however noisy a benchmark is, a system is hardly ever said to
// differ from itself; it cannot be told then.
func TestNoiseIsNoDifference(t *testing.T) {
	for _, s := range []float64{0.03, 0.10, 0.30} {
		for _, n := range noises(s) {
			got := tally(t, n, Rules{}, 40, 25, 10, 0)
			if wrong := got[Faster] + got[Slower]; wrong > 5 { // 0.05 of 40 whole comparisons are 2
				t.Errorf("%s, %.0f %%: %d of 1000 said to differ", n.name, 100*s, wrong)
			}
		}
	}
}

// TestSameNeverByFewSamples: without the samples it is never the same, nor different.
func TestSameNeverByFewSamples(t *testing.T) {
	for blocks := range MinSamples {
		if blocks == 0 {
			continue
		}
		a := make([]float64, blocks)
		c, err := Turns(pairRun([]string{"x"}, [][]float64{a}, [][]float64{slowed(a, 0.5)}), Rules{})
		if err != nil {
			t.Fatal(err)
		}
		j := c.Pairs[0].Figures[0]
		if j.Verdict != CannotTell || !strings.Contains(j.Reason, "too few") || j.Ratio != 0 {
			t.Errorf("%d samples: %+v", blocks, j)
		}
	}
	// Six are enough where they agree, and not where they do not.
	quiet := []float64{0, 0.001, -0.001, 0.002, 0, -0.002}
	wild := []float64{0, 0.05, -0.05, 0.08, 0.01, -0.06}
	c, err := Turns(pairRun([]string{"quiet", "wild"}, [][]float64{quiet, wild}, [][]float64{quiet, make([]float64, 6)}), Rules{})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Pairs[0].Figures; got[0].Verdict != Same || got[1].Verdict != CannotTell {
		t.Errorf("quiet: %s, wild: %s %s", got[0].Verdict, got[1].Verdict, got[1].Reason)
	}
}

// TestIntervalsHold: the interval that is taken holds the truth as often as it says,
// though it is the narrower one of two, but for 2 of 100 that this choice may cost.
func TestIntervalsHold(t *testing.T) {
	const rounds = 1500
	for _, n := range noises(0.02) {
		for _, blocks := range []int{6, 10, 20} {
			r := rand.New(rand.NewPCG(7, uint64(blocks)))
			held, wrong, narrower := 0, 0, 0
			for range rounds {
				a, b := n.make(r, blocks)
				by, p, byBlock := shiftOf(a, b, true)
				if by.lo <= 0 && 0 <= by.hi {
					held++
				}
				if p < alpha {
					wrong++
				}
				if byBlock {
					narrower++
				}
			}
			t.Logf("%-18s %2d blocks: held %.1f %%, p < %g in %.1f %%, by block %.0f %%", n.name, blocks, 100*float64(held)/rounds, alpha, 100*float64(wrong)/rounds, 100*float64(narrower)/rounds)
			if float64(held) < 0.93*rounds || float64(wrong) > 0.06*rounds {
				t.Errorf("%s, %d blocks: interval holds in %d, p below alpha in %d of %d", n.name, blocks, held, wrong, rounds)
			}
		}
	}
}

// TestPairingCancelsDrift: what pairing is there for.
func TestPairingCancelsDrift(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	n := noises(0.01)[4]
	a, b := n.make(r, 10)
	paired, _, byBlock := shiftOf(a, b, true)
	loose, _, _ := shiftOf(a, b, false)
	if !byBlock || paired.width() > loose.width()/2 {
		t.Errorf("%s: paired %v (%v wide), apart %v", n.name, byBlock, paired.width(), loose.width())
	}
}

func TestHolm(t *testing.T) {
	got := holm([]float64{0.01, 0.04, 0.03, 0.005})
	for i, want := range []float64{0.03, 0.06, 0.06, 0.02} {
		if math.Abs(got[i]-want) > 1e-9 {
			t.Errorf("%d: %g, want %g", i, got[i], want)
		}
	}
}

// TestOneOfMany: one slowdown among a hundred benchmarks is found, and named alone.
func TestOneOfMany(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	n := noises(0.01)[0]
	var names []string
	var as, bs [][]float64
	for i := range 100 {
		a, b := n.make(r, 10)
		if i == 17 {
			b = slowed(b, 0.05)
		}
		names, as, bs = append(names, fmt.Sprintf("b%d", i)), append(as, a), append(bs, b)
	}
	run := pairRun(names, as, bs)
	c, err := Turns(run, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	bad := c.Regressions(0)
	if len(bad) != 1 || bad[0].Benchmark != "b17" {
		t.Errorf("regressions: %+v", bad)
	}
	if got := c.Regressions(0.10); len(got) != 0 {
		t.Errorf("beyond 10 %%: %+v", got)
	}
	// Of rates, more is better, so the same figures are faster.
	for i := range run.Series {
		run.Series[i].Better = HigherIsBetter
	}
	if c, err = Turns(run, Rules{}); err != nil || len(c.Regressions(0)) != 0 || c.Pairs[0].Figures[17].Verdict != Faster {
		t.Errorf("of rates: %v %+v", err, c.Pairs[0].Figures[17])
	}
}

// TestNoiseLearnt: a floor that A/A runs have shown widens what counts as the same, is
// told, and lets no difference within it be called one.
func TestNoiseLearnt(t *testing.T) {
	r := rand.New(rand.NewPCG(10, 10))
	n := noises(0.025)[0]
	a, b := n.make(r, 10)
	aa := pairRun([]string{"x"}, [][]float64{a}, [][]float64{b})
	a, b = n.make(r, 10)
	more := pairRun([]string{"x"}, [][]float64{a}, [][]float64{b})
	noise, err := LearnNoise(aa, more)
	if err != nil {
		t.Fatal(err)
	}
	got := tally(t, noisy{"x", n.make}, Rules{Noise: renamed(noise, "b0")}, 500, 1, 10, 0)
	if got[Same] < 490 {
		t.Errorf("with a floor of %v: %v", noise.within, got)
	}
	got = tally(t, noisy{"x", n.make}, Rules{Noise: renamed(noise, "b0")}, 100, 1, 10, 0.15)
	if got[Slower] < 95 {
		t.Errorf("15 %% slower, with a floor of %v: %v", noise.within, got)
	}
	// What is the same within a noise of 10 % may be slower by 5 %.
	wide := &Noise{within: map[noiseKey]float64{{"x", "ns/op"}: 0.1}}
	if c, err := Turns(pairRun([]string{"x"}, [][]float64{a}, [][]float64{slowed(a, 0.06)}), Rules{Noise: wide}); err != nil || c.Pairs[0].Figures[0].Verdict != Same || len(c.Open(0.05)) != 1 || len(c.Open(0.10)) != 0 {
		t.Errorf("same within 10 %%: %v %+v", err, c)
	}
	if _, err := LearnNoise(runOf([]System{host("host")}, series("x", "host", a))); err == nil {
		t.Error("one system alone has taught something")
	}
	// Two runs on one system teach what lies between runs, which is not for turns.
	one, two := runOf([]System{host("host")}, series("x", "host", a)), runOf([]System{host("host")}, series("x", "host", slowed(b, 0.2)))
	if noise, err = LearnNoise(one, two); err != nil || noise.between[noiseKey{"x", "ns/op"}] < 0.3 {
		t.Errorf("between runs: %+v %v", noise, err)
	}
	c, err := Compare(one, two, Rules{Noise: noise})
	if err != nil {
		t.Fatal(err)
	}
	if j := c.Pairs[0].Figures[0]; j.Verdict != CannotTell || !strings.Contains(j.Reason, "too high to call") {
		t.Errorf("%s: %s", j.Verdict, j.Reason)
	}
}

// renamed is what was learnt of x, for another benchmark.
func renamed(n *Noise, to string) *Noise {
	return &Noise{within: map[noiseKey]float64{{to, "ns/op"}: n.within[noiseKey{"x", "ns/op"}]}}
}

// TestDriftBetweenRunsIsNoDifference: what changes as much within a run is not told apart
// between two of them.
func TestDriftBetweenRunsIsNoDifference(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 11))
	n := noises(0.003)[4]
	a, b := n.make(r, 20)
	one, two := runOf([]System{host("host")}, series("x", "host", a)), runOf([]System{host("host")}, series("x", "host", slowed(b, 0.05)))
	c, err := Compare(one, two, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	if j := c.Pairs[0].Figures[0]; j.Verdict != CannotTell || j.ByBlock {
		t.Errorf("%+v", j)
	}
}
