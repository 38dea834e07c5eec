package explore

import (
	"context"
	"errors"
	"strings"

	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/scenarios"
)

// Outcome is what came of a LAN on one kernel.
type Outcome struct {
	Ground, Kernel string
	Verdict        reports.Verdict
	// Class is the class of frames of which kernel and oracle did not say the same
	// first, and Step when; empty where they agree.
	Class, Step string
	// Observed is what was seen of it, with the rule; else why there is no verdict.
	Observed string
}

// where names the kernel, and the ground that it was on.
func (o *Outcome) where() string { return o.Ground + " " + o.Kernel }

// Measure runs cases and returns, for each, what came of it on each kernel. What was
// not run is left out. The cases' files have different names.
type Measure func(ctx context.Context, cases []*scenarios.Case) ([][]Outcome, error)

// On measures on the grounds that the options name. With kernels on Auto that is this
// kernel, as far as it can, and each of the others.
func On(o run.Options) Measure {
	grounds := []run.Ground{o.On}
	if (o.On == run.Auto || o.On == "") && len(o.Kernels) > 0 {
		grounds = []run.Ground{run.Host, run.Guest}
	}
	return func(ctx context.Context, cases []*scenarios.Case) ([][]Outcome, error) {
		all := make([][]Outcome, len(cases))
		for _, g := range grounds {
			on := o
			on.On = g
			results, err := run.Run(ctx, cases, on)
			if results == nil {
				return nil, err
			}
			if err != nil && ctx.Err() == nil {
				return nil, err
			}
			sortOut(ctx, cases, results, all)
		}
		return all, nil
	}
}

// sortOut gives each case what came of it.
func sortOut(ctx context.Context, cases []*scenarios.Case, results *reports.Results, all [][]Outcome) {
	number := map[string]int{}
	for i, c := range cases {
		number[c.File+":1"] = i
	}
	for i := range results.Cases {
		c := &results.Cases[i]
		o := outcome(c)
		if o.Verdict == reports.Error && ctx.Err() != nil {
			continue // it was broken off
		}
		if n, ok := number[c.Location]; ok {
			all[n] = append(all[n], o)
		}
	}
}

// outcome makes out what a result says.
func outcome(c *reports.Case) Outcome {
	o := Outcome{Ground: c.Ground, Kernel: c.Kernel, Verdict: c.Verdict, Observed: c.Reason}
	for i := range c.Checks {
		ch := &c.Checks[i]
		switch ch.Verdict {
		case reports.Fail:
			o.Class, o.Step, o.Observed = classOf(ch.ID), ch.Step, ch.Observed
			return o
		case reports.Error:
			if o.Observed == "" {
				o.Step, o.Observed = ch.Step, ch.ID+": "+ch.Observed
			}
		}
	}
	return o
}

// classOf is the class of frames that a check of the oracle's is about.
func classOf(id string) string {
	_, class, ok := strings.Cut(id, "oracle-")
	if !ok {
		return id
	}
	class, _, _ = strings.Cut(class, "-")
	return class
}

// rules names the rules in a disagreement's text: what is told apart by them is
// another disagreement.
func rules(observed string) string {
	var all []string
	for part := range strings.SplitSeq(observed, "; rule ") {
		if id, _, ok := strings.Cut(part, " at "); ok && !strings.Contains(id, " ") {
			all = append(all, id)
		}
	}
	return strings.Join(all, " ")
}

// caseOf loads a LAN's text as run will, under a file name of its own.
func caseOf(file string, text []byte) (*scenarios.Case, error) {
	f, err := scenarios.Load(file, text)
	if err != nil {
		return nil, err
	}
	if len(f.Cases()) != 1 {
		return nil, errors.New("a LAN is one case")
	}
	if _, err := run.Prepare(f.Cases()[0], 0); err != nil {
		return nil, err
	}
	return f.Cases()[0], nil
}
