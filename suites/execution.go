package suites

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/onsi/ginkgo/v2"

	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/scenarios"
)

// execution is one run of cases, which begins when the first spec asks for its
// case. Specs wait for their own case only.
type execution struct {
	cases    []*run.Prepared
	options  run.Options
	outcomes map[string]*outcome // by case
	once     sync.Once
	cancel   context.CancelCauseFunc
	ended    chan struct{}
	err      error // what befell the run beyond its cases; to be read when ended
}

// outcome is what came of a case, once that is known.
type outcome struct {
	once   sync.Once
	known  chan struct{}
	result reports.Case
}

// publish makes a result known; the first one counts.
func (o *outcome) publish(c reports.Case) {
	o.once.Do(func() {
		o.result = c
		close(o.known)
	})
}

func (o *outcome) isKnown() bool {
	select {
	case <-o.known:
		return true
	default:
		return false
	}
}

func newExecution(o run.Options) *execution {
	return &execution{options: o, outcomes: map[string]*outcome{}, ended: make(chan struct{})}
}

// add puts a case on the list.
func (e *execution) add(p *run.Prepared) {
	e.cases = append(e.cases, p)
	e.outcomes[p.Case.Name] = &outcome{known: make(chan struct{})}
}

// await returns what came of a case. When ctx ends the whole run does.
func (e *execution) await(ctx context.Context, name string) (reports.Case, error) {
	o := e.outcomes[name]
	if o == nil {
		return reports.Case{}, errors.New("the case is not among those that were chosen to run")
	}
	e.once.Do(e.begin)
	select {
	case <-o.known:
		return o.result, nil
	case <-ctx.Done():
		e.cancel(context.Cause(ctx))
		return reports.Case{}, fmt.Errorf("interrupted: %w", context.Cause(ctx))
	}
}

// begin starts the run. Its context is not that of the spec that happens to be the
// first, for it goes on after that.
func (e *execution) begin() {
	ctx, cancel := context.WithCancelCause(context.Background())
	e.cancel = cancel
	go func() {
		defer close(e.ended)
		e.err = e.run(ctx)
	}()
}

// end waits until nothing of the run is left. Cases that nobody asked for are no
// longer waited for.
func (e *execution) end() error {
	begun := true
	e.once.Do(func() { begun = false })
	if !begun {
		return nil
	}
	for _, o := range e.outcomes {
		if !o.isKnown() {
			e.cancel(errors.New("the suite has ended"))
		}
	}
	<-e.ended
	e.cancel(nil)
	return e.err
}

// run makes the run and sees to it that every case has come to some end.
func (e *execution) run(ctx context.Context) error {
	err := e.results(ctx)
	reason := "the run ended without a result of this case"
	if err != nil {
		reason = err.Error()
	}
	for name, o := range e.outcomes {
		o.publish(reports.Case{Case: name, Verdict: reports.Error, Reason: reason})
	}
	return err
}

func (e *execution) results(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "lanproof-")
	if err != nil {
		return fmt.Errorf("make room for a guest's init: %w", err)
	}
	defer os.RemoveAll(dir)
	cases, stranded, err := e.choose(ctx, dir)
	if err != nil {
		return err
	}
	o := e.options
	o.Events = events{e}
	results := &reports.Results{Schema: reports.Schema, Seed: o.Seed}
	if len(cases) > 0 {
		var ran *reports.Results
		if ran, err = run.Run(ctx, cases, o); ran != nil {
			results = ran
		}
	}
	results.Cases = append(results.Cases, stranded...)
	results.Summarize()
	trouble := []error{err}
	for i := range results.Cases {
		trouble = append(trouble, e.settle(&results.Cases[i]))
	}
	if o.Out != "" {
		trouble = append(trouble, reports.Save(o.Out, results))
	}
	return errors.Join(trouble...)
}

// settle makes a result known. That a case came to another end after its specs
// had been told is an error: what they said no longer holds.
func (e *execution) settle(c *reports.Case) error {
	o := e.outcomes[c.Case]
	if o == nil {
		return fmt.Errorf("a result for case %s, which was not asked for", c.Case)
	}
	o.publish(*c)
	if o.result.Verdict != c.Verdict || o.result.Reason != c.Reason {
		return fmt.Errorf("case %s: %s", c.Case, c.Reason)
	}
	return nil
}

// choose parts the cases into those that can run and those that are stranded:
// they need a guest, and there is nothing that could be its /init.
func (e *execution) choose(ctx context.Context, dir string) (cases []*scenarios.Case, stranded []reports.Case, err error) {
	need, err := needGuest(e.cases, e.options.On)
	if err != nil {
		return nil, nil, err
	}
	var why error
	if len(need) > 0 && e.options.Init == "" {
		e.options.Init, why = findInit(ctx, dir)
	}
	for _, p := range e.cases {
		if why == nil || !need[p.Case.Name] {
			cases = append(cases, p.Case)
			continue
		}
		stranded = append(stranded, reports.Case{
			Scenario: p.Case.Scenario.Name, Case: p.Case.Name, Ground: string(run.Guest), Location: p.Case.File + ":1",
			Verdict: reports.Error, Reason: why.Error(), Checks: []reports.Check{},
		})
	}
	return cases, stranded, nil
}

// events hears what happens in a run.
type events struct{ e *execution }

func (v events) Started(string, string) {}

func (v events) Finished(c reports.Case) {
	if o := v.e.outcomes[c.Case]; o != nil {
		o.publish(c)
	}
}

func (v events) Note(text string) { fmt.Fprintln(ginkgo.GinkgoWriter, text) }
