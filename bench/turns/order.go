package turns

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/lanproof/lanproof/bench"
	"github.com/lanproof/lanproof/bench/record"
	"github.com/lanproof/lanproof/guest"
	"github.com/lanproof/lanproof/internal/features"
)

// Kind marks the orders of this package among those that a guest gets.
const Kind = "bench"

// order is one system's turn: a sample of each of some benchmarks.
type order struct {
	Kind  string      `json:"kind"`
	Names []string    `json:"names"`
	Rules bench.Rules `json:"rules"`
	// Settle is how long to wait, at most, for a kernel that is busy with what was before.
	Settle time.Duration `json:"settle"`
}

// line is one line of an answer. Exactly one field is set.
type line struct {
	System  *described `json:"system,omitempty"`
	Started string     `json:"started,omitempty"`
	Sample  *sample    `json:"sample,omitempty"`
}

// sample is what came of one benchmark: figures, or why there are none.
type sample struct {
	Benchmark string         `json:"benchmark"`
	Figures   []bench.Figure `json:"figures,omitempty"`
	Skip      string         `json:"skip,omitempty"`
	Error     string         `json:"error,omitempty"`
}

// IsOrder tells whether an order is for [InGuest].
func IsOrder(text []byte) bool {
	var o struct {
		Kind string `json:"kind"`
	}
	return json.Unmarshal(text, &o) == nil && o.Kind == Kind
}

// InGuest does an order inside a guest, whose benchmarks are all that may be asked for.
func InGuest(text []byte, out guest.Emitter, all []bench.Benchmark) error {
	var o order
	if err := json.Unmarshal(text, &o); err != nil {
		return fmt.Errorf("read the order: %w", err)
	}
	if o.Rules.Clock == record.Instructions {
		if err := hush(); err != nil {
			return err
		}
	}
	return o.do(context.Background(), all, func(l line) error {
		text, err := json.Marshal(l)
		if err != nil {
			return fmt.Errorf("write a line: %w", err)
		}
		return out.Line(text)
	})
}

// do measures on this kernel, and says what comes of it as it comes.
func (o *order) do(ctx context.Context, all []bench.Benchmark, say func(line) error) error {
	d, err := describe()
	if err != nil {
		return err
	}
	if err := say(line{System: d}); err != nil {
		return err
	}
	var kernel features.Kernel
	defer kernel.Close() //nolint:errcheck // nothing is measured behind it
	for _, name := range o.Names {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := say(line{Started: name}); err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(b bench.Benchmark) bool { return b.Name == name })
		if i < 0 {
			return fmt.Errorf("measure %q: there is no such benchmark", name)
		}
		s := o.one(ctx, &all[i], &kernel)
		if ctx.Err() != nil {
			return context.Cause(ctx) // it was not the benchmark's fault
		}
		if err := say(line{Sample: s}); err != nil {
			return err
		}
	}
	return nil
}

// limit is how long one sample may take.
const limit = 10 * time.Minute

// one takes one sample.
func (o *order) one(ctx context.Context, b *bench.Benchmark, kernel *features.Kernel) *sample {
	s := &sample{Benchmark: b.Name}
	lacks, err := kernel.Missing(b.Needs)
	switch {
	case err != nil:
		s.Error = fmt.Sprintf("find out what this kernel offers: %v", err)
		return s
	case len(lacks) > 0:
		s.Skip = "needs " + strings.Join(slices.DeleteFunc(slices.Clone(b.Needs), func(f string) bool { return lacks[f] == nil }), " and ")
		return s
	}
	runtime.GC() // not in the sample, nor is what the one before has left to the kernel
	o.Rules.Settle(ctx, o.Settle)
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	figures, err := b.Run(limited, o.Rules)
	for _, f := range figures {
		if why := record.NoFigure(f.Value); why != "" && err == nil {
			err = fmt.Errorf("its figure in %s %s", f.Unit, why)
		}
	}
	switch {
	case errors.Is(err, bench.ErrSkip):
		s.Skip = err.Error()
	case err != nil:
		s.Error = err.Error()
	default:
		s.Figures = figures
	}
	return s
}
