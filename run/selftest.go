package run

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/scenarios"
)

// Fate is what became of a sabotage.
type Fate string

// The fates. Only caught and missed ones count.
const (
	// Caught: a check turned red.
	Caught Fate = "caught"
	// Missed: all checks stayed green.
	Missed Fate = "missed"
	// Unbuilt: with the sabotage the case cannot be built at all.
	Unbuilt Fate = "not built"
	// Skipped: the case did not run, sabotaged or not.
	Skipped Fate = "skipped"
	// Broken: nothing can be said, for the harness failed, or because the case is
	// red without any sabotage.
	Broken Fate = "broken"
)

// Trial is one sabotage of one case.
type Trial struct {
	Case     string    `json:"case"`
	Ground   string    `json:"ground"`
	Kernel   string    `json:"kernel"`
	Sabotage *Sabotage `json:"sabotage,omitempty"` // nil where the case itself is at fault
	Fate     Fate      `json:"fate"`
	// Red are the checks that turned red, up to the first that is about what the
	// sabotage touches; Right is whether there is one.
	Red   []RedCheck `json:"red,omitempty"`
	Right bool       `json:"right"`
	// Reason is why it does not count.
	Reason string `json:"reason,omitempty"`
}

// RedCheck is a check that turned red.
type RedCheck struct {
	ID      string          `json:"id"`
	Verdict reports.Verdict `json:"verdict"`
}

// Selftest is what came of sabotaging cases.
type Selftest struct {
	Seed     uint64        `json:"seed"`
	Trials   []Trial       `json:"trials"`
	Duration time.Duration `json:"duration_ns"`
}

// Count is how many trials met a fate.
func (t *Selftest) Count(f Fate) int {
	n := 0
	for i := range t.Trials {
		if t.Trials[i].Fate == f {
			n++
		}
	}
	return n
}

// Right is how many were caught by a check that is about what they touch.
func (t *Selftest) Right() int {
	n := 0
	for i := range t.Trials {
		if t.Trials[i].Right {
			n++
		}
	}
	return n
}

// RunSelftest builds every case wrongly on purpose, in up to each ways of every
// kind, and says whether its checks noticed. Which ways is drawn from the seed.
// Every case runs unchanged once, too: one that is red by itself shows nothing.
func RunSelftest(ctx context.Context, cases []*scenarios.Case, o Options, each int) (*Selftest, error) {
	start := time.Now()
	o.Out, o.Repeat, o.FailFast = "", 1, false
	if o.Parallel == 0 {
		// Most of the time is waited for fences that are stopped.
		o.Parallel = 4 * runtime.NumCPU()
	}
	r := newRunner(ctx, o)
	defer r.cancel(nil)
	if err := r.prepare(cases); err != nil {
		return nil, err
	}
	var jobs []*job
	for _, j := range r.jobs {
		jobs = append(jobs, j)
		for _, s := range j.p.Sabotages(each) {
			p := *j.p
			p.sabotage = s
			jobs = append(jobs, &job{p: &p})
		}
	}
	r.jobs = jobs
	r.run()
	if err := context.Cause(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("self-test interrupted: %w", err), r.closeErr)
	}
	t := &Selftest{Seed: o.Seed, Trials: trials(r.jobs)}
	t.Duration = time.Since(start)
	return t, r.closeErr
}

// trials judges all jobs. Of a case that did not pass unchanged only that is told.
func trials(jobs []*job) []Trial {
	type place struct{ name, kernel string }
	controls := map[place]reports.Verdict{}
	at := func(j *job) place { return place{j.p.Case.File + j.p.Case.Name, j.kernel} }
	var all []Trial
	for _, j := range jobs {
		if j.p.sabotage != nil {
			continue
		}
		controls[at(j)] = j.result.Verdict
		switch j.result.Verdict {
		case reports.Pass:
		case reports.Skip:
			all = append(all, j.trial(Skipped, j.result.Reason))
		default:
			all = append(all, j.trial(Broken, "it is red without any sabotage: "+whyRed(&j.result)))
		}
	}
	for _, j := range jobs {
		if j.p.sabotage != nil && controls[at(j)] == reports.Pass {
			all = append(all, j.judge())
		}
	}
	return all
}

func whyRed(c *reports.Case) string {
	for i := range c.Checks {
		if red(c.Checks[i].Verdict) {
			return fmt.Sprintf("%s: %s", c.Checks[i].ID, c.Checks[i].Observed)
		}
	}
	return c.Reason
}

func (j *job) trial(f Fate, reason string) Trial {
	return Trial{
		Case: j.p.Case.Name, Ground: j.result.Ground, Kernel: j.result.Kernel,
		Sabotage: j.p.sabotage, Fate: f, Reason: reason,
	}
}

// judge says what became of a sabotage.
func (j *job) judge() Trial {
	res := &j.result
	t := j.trial(Missed, "")
	for i := range res.Checks {
		if c := &res.Checks[i]; red(c.Verdict) {
			t.Fate = Caught
			t.Red = append(t.Red, RedCheck{c.ID, c.Verdict})
			t.Right = t.Right || j.p.sabotage.right(j.p, c.ID)
		}
	}
	switch {
	case red(res.Verdict) && strings.HasPrefix(res.Reason, notBuilt):
		t.Fate, t.Reason, t.Red = Unbuilt, res.Reason, nil
	case t.Fate == Caught || !red(res.Verdict):
	case len(res.Checks) > 0:
		// A step met what the scenario does not foresee.
		t.Fate, t.Red = Caught, []RedCheck{{res.Reason, res.Verdict}}
	default:
		t.Fate, t.Reason = Broken, res.Reason
	}
	return t
}
