// Package turns measures kernels in turns: in each block every system takes one sample of
// every benchmark, so that whatever else happens to the machine meanwhile happens to all
// of them.
//
// A guest is booted anew for each of its turns, and never restored: what a boot leaves to
// chance, such as the order of free objects in a slab, makes counts of instructions differ
// by some tenths of a percent, and restored copies of one boot do not know of it. Ten
// samples of one boot are one sample told ten times.
package turns

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/lanproof/lanproof/bench"
	"github.com/lanproof/lanproof/bench/record"
	"github.com/lanproof/lanproof/guest"
)

// Options say what is measured, and how.
type Options struct {
	// Targets are the kernels, one at least. The same one twice is measured against itself.
	Targets []Target
	// Benchmarks are what is measured. A guest must know the same by their names, see
	// [InGuest].
	Benchmarks []bench.Benchmark
	// Count is the number of blocks that are kept, 1 at least; in one more, before them,
	// this kernel warms up. Guests do not, for each is booted anew.
	Count int
	// Seed decides the order within each block, and what benchmarks may vary.
	Seed uint64
	// Effort and Generator are those of [bench.Rules].
	Effort    time.Duration
	Generator string
	// Init is the path of a static binary that calls [InGuest] with its orders; for guests.
	Init string
	// Tool and Command are kept in the run.
	Tool, Command string
	// Console, if set, gets what guests' consoles say.
	Console io.Writer
	// Note, if set, is told what there is to tell people.
	Note func(string)
	// Started, if set, is told what is measured next: of so many benchmarks on a system the
	// n-th, from 0.
	Started func(system, benchmark string, n, of int)
	// Block, if set, is called with the run as it is behind each block, -1 being the one
	// in which this kernel warms up; its error ends the measuring.
	Block func(block int, r *record.Run) error
}

// Run measures. The run is never nil: what goes wrong with a system or a benchmark is a
// problem in it. An error says that measuring ended early: the context's, or that of
// o.Block.
func Run(ctx context.Context, o Options) (*record.Run, error) {
	if o.Note == nil {
		o.Note = func(string) {}
	}
	if o.Started == nil {
		o.Started = func(string, string, int, int) {}
	}
	if o.Block == nil {
		o.Block = func(int, *record.Run) error { return nil }
	}
	r := &runner{o: &o, run: &record.Run{
		Schema: record.Schema, Tool: o.Tool, Started: time.Now(), Seed: o.Seed, Command: o.Command, Series: []record.Series{},
	}}
	if err := r.open(ctx); err != nil {
		return r.run, err
	}
	err := r.blocks(ctx)
	for _, s := range r.systems {
		if s.record.Detail != nil {
			s.record.Detail["load"] += ", " + load() + " after"
		}
	}
	return r.run, err
}

// runner carries one run.
type runner struct {
	o       *Options
	run     *record.Run
	systems []*system
}

// open makes the systems ready.
func (r *runner) open(ctx context.Context) error {
	cpus, err := processors()
	if err != nil {
		return err
	}
	times := map[string]int{}
	r.run.Systems = make([]record.System, len(r.o.Targets))
	for i, t := range r.o.Targets {
		id := t.id()
		if times[id]++; times[id] > 1 {
			id = fmt.Sprintf("%s#%d", id, times[id])
		}
		r.run.Systems[i].ID = id
		s := &system{
			Target: t, record: &r.run.Systems[i], o: r.o, failed: map[string]int{}, off: map[string]bool{},
			cpu: cpus[len(cpus)-1], peer: cpus[max(0, len(cpus)-2)],
		}
		if err := s.open(ctx); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			s.gone = true
			r.problem(s, "", kindOf(err), err.Error())
		}
		r.systems = append(r.systems, s)
	}
	return nil
}

// kindOf is the kind of problem that a system makes which cannot be had.
func kindOf(err error) string {
	if errors.Is(err, guest.ErrNoQEMU) || errors.Is(err, guest.ErrNoKernel) {
		return kindSkip
	}
	return kindError
}

const (
	kindSkip  = "skip"
	kindError = "error"
)

func (r *runner) problem(s *system, benchmark, kind, reason string) {
	r.run.Problems = append(r.run.Problems, record.Problem{Benchmark: benchmark, System: s.record.ID, Kind: kind, Reason: reason})
	if kind == kindError { // what is skipped is known beforehand, and told at the end
		r.o.Note(fmt.Sprintf("%s: %s", strings.TrimSpace(s.record.ID+" "+benchmark), reason))
	}
}

// blocks has all systems take their turns.
func (r *runner) blocks(ctx context.Context) error {
	for block := -1; block < r.o.Count; block++ {
		order := r.turnsOf(block)
		if block < 0 {
			// A guest is booted anew for each turn, and stays as cold as it was.
			order = slices.DeleteFunc(order, func(i int) bool { return r.systems[i].Kernel != Here })
			if len(order) == 0 {
				continue
			}
		}
		for _, i := range order {
			if err := r.turn(ctx, r.systems[i], block); err != nil {
				r.interrupted(err, block)
				return errors.Join(err, r.o.Block(block, r.run))
			}
		}
		if err := r.o.Block(block, r.run); err != nil {
			return err
		}
		if !slices.ContainsFunc(r.systems, func(s *system) bool { return !s.gone }) {
			return nil // its problems say why
		}
	}
	return nil
}

// interrupted tells that the run ended before its time.
func (r *runner) interrupted(err error, block int) {
	for _, s := range r.systems {
		if !s.gone {
			r.problem(s, "", kindError, fmt.Sprintf("ended in block %d of %d: %v", block, r.o.Count, err))
		}
	}
}

// chance is the source of what varies from block to block.
func (r *runner) chance(block int) *rand.Rand {
	return rand.New(rand.NewPCG(r.o.Seed, uint64(block+1)))
}

// turnsOf is the order of the systems within a block: by chance in one, and the other
// way round in the next, so that of two each is the first as often.
func (r *runner) turnsOf(block int) []int {
	order := r.chance((block + 1) &^ 1).Perm(len(r.systems))
	if block&1 == 0 {
		slices.Reverse(order)
	}
	return order
}

// turn has a system take one sample of every benchmark, in an order by chance that is
// the same for all systems of a block. What a guest dies of is not asked of it again;
// the others are.
func (r *runner) turn(ctx context.Context, s *system, block int) error {
	chance := r.chance(block)
	o := order{Rules: bench.Rules{Seed: chance.Uint64(), Effort: r.o.Effort, Generator: r.o.Generator, Slower: s.Slower}}
	var left []string
	for _, i := range chance.Perm(len(r.o.Benchmarks)) {
		left = append(left, r.o.Benchmarks[i].Name)
	}
	for !s.gone {
		left = slices.DeleteFunc(left, func(name string) bool { return s.off[name] })
		if len(left) == 0 {
			return nil
		}
		o.Names = slices.Clone(left)
		under := "" // the benchmark that is under way
		err := s.turn(ctx, o, func(l line) error {
			switch {
			case l.System != nil:
				s.describe(l.System)
			case l.Started != "":
				under = l.Started
				r.o.Started(s.record.ID, under, len(r.o.Benchmarks)-len(left), len(r.o.Benchmarks))
			case l.Sample != nil:
				under = ""
				left = slices.DeleteFunc(left, func(name string) bool { return name == l.Sample.Benchmark })
				r.take(s, block, l.Sample)
			}
			return nil
		})
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil {
			return nil
		}
		r.problem(s, under, kindError, fmt.Sprintf("in block %d: %v", block, err))
		if under == "" { // it did not even begin
			s.ended++
			s.gone = s.ended > 1
			return nil
		}
		s.off[under] = true
	}
	return nil
}

// take keeps a sample.
func (r *runner) take(s *system, block int, got *sample) {
	switch {
	case got.Skip != "":
		s.off[got.Benchmark] = true
		r.problem(s, got.Benchmark, kindSkip, got.Skip)
		return
	case got.Error != "":
		if s.failed[got.Benchmark]++; s.failed[got.Benchmark] > 1 {
			s.off[got.Benchmark] = true
		}
		r.problem(s, got.Benchmark, kindError, fmt.Sprintf("in block %d: %s", block, got.Error))
		return
	case block < 0:
		return
	}
	for _, f := range got.Figures {
		series := r.series(s, got.Benchmark, f)
		series.Samples = append(series.Samples, record.Sample{Block: block, Value: f.Value})
	}
}

// series is where the figure's samples are kept.
func (r *runner) series(s *system, benchmark string, f bench.Figure) *record.Series {
	i := slices.IndexFunc(r.run.Series, func(x record.Series) bool {
		return x.Benchmark == benchmark && x.System == s.record.ID && x.Unit == f.Unit
	})
	if i < 0 {
		i = len(r.run.Series)
		r.run.Series = append(r.run.Series, record.Series{Benchmark: benchmark, System: s.record.ID, Unit: f.Unit, Better: f.Better, Method: f.Method})
	}
	return &r.run.Series[i]
}
