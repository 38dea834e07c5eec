package turns

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanproof/lanproof/bench"
	"github.com/lanproof/lanproof/bench/record"
)

// seen is what benchmarks of a test were asked for.
type seen struct {
	name  string
	rules bench.Rules
}

// fakes are benchmarks that note what they are asked for, and give what a function of
// how often they were asked says.
func fakes(log *[]seen, give map[string]func(n int) ([]bench.Figure, error)) []bench.Benchmark {
	var all []bench.Benchmark
	times := map[string]int{}
	for _, name := range []string{"a", "b", "c", "d"} {
		one := give[name]
		if one == nil {
			one = func(n int) ([]bench.Figure, error) {
				return []bench.Figure{{Unit: "x/s", Value: float64(n), Better: record.HigherIsBetter}}, nil
			}
		}
		all = append(all, bench.Benchmark{Name: name, Run: func(_ context.Context, r bench.Rules) ([]bench.Figure, error) {
			*log = append(*log, seen{name, r})
			times[name]++
			return one(times[name])
		}})
	}
	return all
}

// TestTurns holds what a block is: each system takes one sample of each benchmark, all in
// the same order and with the same seed, which differ from block to block, and of two
// systems each is the first as often.
func TestTurns(t *testing.T) {
	var log []seen
	const blocks = 10
	saved := 0
	here := Target{Kernel: Here}
	slow := Target{Kernel: Here, Slower: 0.5}
	r, err := Run(t.Context(), Options{
		Targets: []Target{here, slow}, Benchmarks: fakes(&log, nil), Count: blocks, Seed: 7,
		Block: func(block int, r *record.Run) error {
			if saved != block+1 {
				t.Errorf("behind block %d, %d blocks were told", block, saved)
			}
			for _, s := range r.Series {
				if len(s.Samples) != block+1 {
					t.Errorf("behind block %d, %s has %d samples", block, s.Benchmark, len(s.Samples))
				}
			}
			saved++
			return nil
		},
	})
	if err != nil || len(r.Problems) > 0 || saved != blocks+1 {
		t.Fatalf("%v, problems %v, %d blocks told", err, r.Problems, saved)
	}
	if len(log) != (blocks+1)*2*4 {
		t.Fatalf("%d samples were taken", len(log))
	}
	checkOrder(t, log, blocks)
	var ids []string
	for _, s := range r.Systems {
		ids = append(ids, fmt.Sprintf("%s %s %s", s.ID, s.Ground, s.Clock))
		if s.Kernel == "" || s.Detail["cpus"] == "" || !strings.Contains(s.Detail["load"], "after") || s.Detail["pinned"] == "" {
			t.Errorf("%s is told as %+v", s.ID, s)
		}
	}
	if diff := cmp.Diff([]string{"host host time", "host#2 host time"}, ids); diff != "" {
		t.Error(diff)
	}
	// The warm-up was the first that each series would have had.
	for _, s := range r.Series {
		if s.Samples[0].Value < 3 || s.Samples[0].Block != 0 || s.Samples[blocks-1].Block != blocks-1 {
			t.Errorf("%s of %s: %v", s.Benchmark, s.System, s.Samples)
		}
	}
}

// checkOrder holds in what order samples of two systems, of which the second is made
// slower, were taken in so many blocks and one before them.
func checkOrder(t *testing.T, log []seen, blocks int) {
	t.Helper()
	first, orders, seeds := 0, map[string]bool{}, map[uint64]bool{}
	for block := range blocks + 1 {
		one, two := log[block*8:block*8+4], log[block*8+4:block*8+8]
		if one[0].rules.Slower == 0 {
			first++
		}
		order := ""
		for i := range one {
			order += one[i].name
			seeds[one[i].rules.Seed] = true
			if one[i].name != two[i].name || one[i].rules.Seed != two[i].rules.Seed || one[i].rules.Slower == two[i].rules.Slower {
				t.Errorf("block %d: %+v and %+v", block, one[i], two[i])
			}
		}
		orders[order] = true
	}
	if first != (blocks+1)/2 && first != blocks/2+1 {
		t.Errorf("of %d blocks, one system was the first in %d", blocks+1, first)
	}
	if len(orders) < 4 || len(seeds) != blocks+1 {
		t.Errorf("%d different orders and %d seeds in %d blocks", len(orders), len(seeds), blocks+1)
	}
}

// TestProblems holds what becomes of benchmarks that fail, and that the others go on.
func TestProblems(t *testing.T) {
	var log []seen
	fails := errors.New("no luck")
	all := fakes(&log, map[string]func(int) ([]bench.Figure, error){
		"a": func(n int) ([]bench.Figure, error) {
			if n == 3 {
				return nil, fails
			}
			return []bench.Figure{{Unit: "x/s", Value: 1}}, nil
		},
		"b": func(int) ([]bench.Figure, error) { return nil, fails },
		"c": func(n int) ([]bench.Figure, error) {
			value := math.NaN()
			if n > 1 {
				value = -1
			}
			return []bench.Figure{{Unit: "x/s", Value: value}}, nil
		},
	})
	all[3].Needs = []string{"no-such-feature-of-any-kernel"}
	r, err := Run(t.Context(), Options{Targets: []Target{{Kernel: Here}}, Benchmarks: all, Count: 4})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, p := range r.Problems {
		got[p.Benchmark] = append(got[p.Benchmark], p.Kind+" "+p.Reason)
	}
	for name, want := range map[string][]string{
		"a": {"error in block 1: no luck"},
		"b": {"error in block -1: no luck", "error in block 0: no luck"},
		"c": {"error in block -1: its figure in x/s is not a number", "error in block 0: its figure in x/s is -1, below zero"},
	} {
		if diff := cmp.Diff(want, got[name]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if len(got["d"]) == 0 {
		t.Errorf("what needs a feature that there is not: %q", got["d"])
	}
	if len(r.Series) != 1 || len(r.Series[0].Samples) != 3 {
		t.Errorf("series %v", r.Series)
	}
}

// TestEnds holds that what was measured is kept when measuring ends early.
func TestEnds(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("enough")
	var log []seen
	all := fakes(&log, map[string]func(int) ([]bench.Figure, error){"a": func(n int) ([]bench.Figure, error) {
		if n == 4 {
			cancel(stop)
			return nil, context.Canceled
		}
		return []bench.Figure{{Unit: "x/s", Value: 1}}, nil
	}})
	told := 0
	o := Options{Targets: []Target{{Kernel: Here}}, Benchmarks: all[:1], Count: 10, Block: func(int, *record.Run) error { told++; return nil }}
	r, err := Run(ctx, o)
	if !errors.Is(err, stop) || len(r.Series) != 1 || len(r.Series[0].Samples) != 2 || told != 4 {
		t.Errorf("%v, series %v, told %d times", err, r.Series, told)
	}
	want := []record.Problem{{System: "host", Kind: kindError, Reason: "ended in block 2 of 10: enough"}}
	if diff := cmp.Diff(want, r.Problems); diff != "" {
		t.Error(diff)
	}
	full := errors.New("disk full")
	o.Block = func(block int, _ *record.Run) error {
		if block == 1 {
			return full
		}
		return nil
	}
	if r, err := Run(t.Context(), o); !errors.Is(err, full) || len(r.Series[0].Samples) != 2 {
		t.Errorf("%v, %v", err, r.Series)
	}
}

// TestNoSystem says why nothing could be measured.
func TestNoSystem(t *testing.T) {
	o := Options{Targets: []Target{{Kernel: "/no/such/kernel"}, {Kernel: Here, Clock: record.Instructions}}, Benchmarks: bench.Machine(), Count: 1000}
	r, err := Run(t.Context(), o)
	if err != nil || len(r.Problems) != 2 || len(r.Series) != 0 {
		t.Fatalf("%v, %v", err, r)
	}
	if p := r.Problems[1]; p.System != "host" || p.Kind != kindError || !strings.Contains(p.Reason, "in guests only") {
		t.Errorf("%+v", p)
	}
}

func TestIsOrder(t *testing.T) {
	for text, want := range map[string]bool{`{"kind":"bench"}`: true, `{"kind":"qualify"}`: false, `{"seed":1}`: false, `x`: false} {
		if IsOrder([]byte(text)) != want {
			t.Errorf("%s: %v", text, !want)
		}
	}
}

// FuzzOrder takes whatever comes as an order; none of it may make a guest panic.
func FuzzOrder(f *testing.F) {
	f.Add([]byte(`{"kind":"bench","names":["machine/loop"],"rules":{"Clock":"time"}}`))
	f.Add([]byte(`{"kind":"bench","names":[""]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var e emitted
		err := InGuest(text, &e, nil)
		if err == nil && len(e) != 1 { // which tells of the system, if nothing is asked for
			t.Errorf("%q: %q", text, e)
		}
	})
}

// emitted is what a guest would send.
type emitted []string

func (e *emitted) Line(text []byte) error { *e = append(*e, string(text)); return nil }

func (e *emitted) Blob(string, []byte) error { return errors.ErrUnsupported }

// TestTooLittle holds that a benchmark which finds too little of something is skipped.
func TestTooLittle(t *testing.T) {
	var log []seen
	all := fakes(&log, map[string]func(int) ([]bench.Figure, error){
		"a": func(int) ([]bench.Figure, error) { return nil, fmt.Errorf("%w: too small", bench.ErrSkip) },
	})
	r, err := Run(t.Context(), Options{Targets: []Target{{Kernel: Here}}, Benchmarks: all[:1], Count: 2})
	if err != nil {
		t.Fatal(err)
	}
	want := []record.Problem{{Benchmark: "a", System: "host", Kind: "skip", Reason: "not on this system: too small"}}
	if diff := cmp.Diff(want, r.Problems); diff != "" {
		t.Error(diff)
	}
}
