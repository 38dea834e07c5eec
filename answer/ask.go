package answer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lanproof/lanproof/advice"
	"github.com/lanproof/lanproof/intent"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/scenarios"
	"github.com/lanproof/lanproof/topology"
)

// Options are how an answer is found. The zero value answers for the newest Docker, on
// this kernel or else in a guest.
type Options struct {
	// Around is what the files do not say. It also decides what the simulation is like:
	// which addresses parents have, and whether they are plugged into a wire.
	Around advice.Surroundings
	// Run are the run's options.
	Run run.Options
}

// mainName is the scenario's that the table comes from.
const mainName = "checked"

// Ask answers what would come of an intent. The error says that lanproof itself could
// not work; what could not be found out is told in the answer's Trouble.
func Ask(ctx context.Context, in *intent.Intent, o Options) (*Answer, error) {
	if o.Around.Docker == "" {
		o.Around.Docker = topology.Docker(0).String()
	}
	a, err := draftAnswer(in, o)
	if err != nil {
		return nil, err
	}
	err = a.run(ctx, advise(in, a.draft, o), o.Run)
	if o.Run.Out != "" {
		err = errors.Join(err, a.confirm(ctx, o.Run))
	}
	return a, errors.Join(err, a.earlier(ctx, in, o))
}

// draftAnswer is an answer as far as it is known without a run.
func draftAnswer(in *intent.Intent, o Options) (*Answer, error) {
	d, err := NewDraft(in, o.Around)
	if err != nil {
		return nil, err
	}
	a := &Answer{
		Schema: Schema, Docker: o.Around.Docker, Files: filesOf(in), draft: d, Machines: d.Machines, Networks: d.Networks,
		Endpoints: d.Endpoints, Notes: d.notes(), LeftOut: append([]LeftOut{}, d.LeftOut...), Reach: []Reach{}, Warnings: []Warning{}, Unread: []Unread{},
	}
	for _, u := range in.Unread {
		a.Unread = append(a.Unread, Unread{File: u.Place.File, Line: u.Place.Line, Text: u.Text, Why: u.Why})
	}
	var nat []pair
	a.asked, nat = d.pairs()
	a.tellTranslated(nat)
	return a, nil
}

// earlier answers for the moments before, of files that build, take apart and build again.
func (a *Answer) earlier(ctx context.Context, in *intent.Intent, o Options) error {
	for i := range in.Earlier {
		before, err := draftAnswer(&in.Earlier[i], o)
		if err == nil {
			err = before.run(ctx, nil, o.Run) // its warnings are among the last moment's
		}
		if err != nil {
			return err
		}
		a.Earlier = append(a.Earlier, before)
	}
	return nil
}

func filesOf(in *intent.Intent) []string {
	files := []string{}
	add := func(p intent.Place) {
		if p.File != "" && !slices.Contains(files, p.File) {
			files = append(files, p.File)
		}
	}
	for _, n := range in.Networks {
		add(n.Place)
	}
	for _, e := range in.Endpoints {
		add(e.Place)
	}
	for _, u := range in.Unread {
		add(u.Place)
	}
	return files
}

// tellTranslated notes for each machine behind the engine's NAT that the table does not
// say what it exchanges with whom.
func (a *Answer) tellTranslated(nat []pair) {
	var told []string
	for _, p := range nat {
		m := p.from
		if !a.draft.behindNAT(m) {
			m = p.to
		}
		if slices.Contains(told, m.Name) {
			continue
		}
		told = append(told, m.Name)
		a.LeftOut = append(a.LeftOut, LeftOut{What: "pairs", Name: m.Name, Why: "what it exchanges with the LAN goes through the engine's NAT on the host, which is not simulated"})
	}
}

// run makes the table and the trials of warnings in one run.
func (a *Answer) run(ctx context.Context, warnings []advice.Warning, o run.Options) error {
	var cases []*scenarios.Case
	if len(a.asked) > 0 {
		a.main = caseOf(&scenarios.Scenario{Title: "Who reaches whom", Spec: a.draft.Spec, Checks: questions(a.asked)}, mainName)
		cases = append(cases, a.main)
	}
	trials := map[*advice.Trial]string{}
	for i := range warnings {
		t := warnings[i].Trial
		if t == nil || trials[t] != "" {
			continue
		}
		name := fmt.Sprintf("trial-%d", len(trials)+1)
		trials[t], cases = name, append(cases, caseOf(t.Scenario, name))
	}
	byName := map[string]*reports.Case{}
	if len(cases) > 0 {
		o.Together = true
		results, err := a.runAll(ctx, cases, o)
		if results == nil {
			return err
		}
		if err != nil {
			a.trouble(err.Error())
		}
		a.Results = results
		for i := range results.Cases {
			byName[results.Cases[i].Case] = &results.Cases[i]
		}
	}
	a.heed(byName[mainName])
	if err := a.reach(byName[mainName], o.Seed); err != nil {
		return err
	}
	for i := range warnings {
		a.Warnings = append(a.Warnings, told(&warnings[i], byName[trials[warnings[i].Trial]]))
	}
	return nil
}

func (a *Answer) trouble(text string) {
	if a.Trouble != "" {
		a.Trouble += "; "
	}
	a.Trouble += text
}

// caseOf makes the case of a scenario, under another name.
func caseOf(s *scenarios.Scenario, name string) *scenarios.Case {
	named := *s
	named.Name = name
	return &scenarios.Case{Name: name, Scenario: &named, Title: named.Title, File: name + ".yaml"}
}

// questions are the checks that ask about pairs.
func questions(asked []pair) []scenarios.Check {
	var all []scenarios.Check
	for i := range asked {
		all = append(all, scenarios.Check{ID: checkID(i), Reach: asked[i].flow()})
	}
	return all
}

func (p *pair) flow() *scenarios.Flow {
	f := &scenarios.Flow{From: scenarios.Values{p.from.Node}, To: scenarios.Values{p.to.Node}, Family: scenarios.Values{"4"}}
	if p.v6 {
		f.Family = scenarios.Values{"6"}
	}
	if p.several {
		f.Address = p.target.String()
	}
	return f
}

// reach fills the table from what the run has found out.
// The error says that the rules behind it could not be worked out.
func (a *Answer) reach(c *reports.Case, seed uint64) error {
	if len(a.asked) == 0 {
		return nil
	}
	byID := map[string]*reports.Check{}
	reason := "it was not tried"
	if c != nil {
		a.Ground, a.Kernel = c.Ground, c.Kernel
		for i := range c.Checks {
			byID[c.Checks[i].ID] = &c.Checks[i]
		}
		if c.Reason != "" {
			reason = c.Reason
			a.trouble(reason)
		}
	}
	var rules *run.Prepared
	var err error
	for i := range a.asked {
		p := &a.asked[i]
		t := Attempt{Address: p.target.String(), Observed: reason}
		if k := byID[checkID(i)]; k != nil {
			t.Proof, t.Observed = k.Proof, k.Observed
			switch k.Verdict {
			case reports.Pass, reports.Fail:
				reached := k.Verdict == reports.Pass
				t.Reached = &reached
			case reports.Skip, reports.Error:
				a.trouble(fmt.Sprintf("%s to %s: %s", p.from.Name, p.to.Name, k.Observed))
			}
			if k.Verdict == reports.Fail {
				if rules == nil {
					if rules, err = run.Prepare(a.main, seed); err != nil {
						return fmt.Errorf("work out by which rules %s does not reach %s: %w", p.from.Name, p.to.Name, err)
					}
				}
				t.Why = rules.Why(k.ID)
			}
		}
		a.attempts = append(a.attempts, t)
		a.enter(p, t)
	}
	return nil
}

// enter puts an attempt into the table, with others of the same pair.
func (a *Answer) enter(p *pair, t Attempt) {
	last := len(a.Reach) - 1
	if last < 0 || a.Reach[last].From != p.from.Name || a.Reach[last].To != p.to.Name || a.Reach[last].Family != p.family() {
		a.Reach = append(a.Reach, Reach{From: p.from.Name, To: p.to.Name, Family: p.family(), Attempt: t})
		return
	}
	r := &a.Reach[last]
	if r.By == nil {
		r.By = []Attempt{r.Attempt}
	}
	r.By = append(r.By, t)
	if !r.reached() && t.reached() || r.Reached != nil && !*r.Reached && t.Reached == nil {
		r.Attempt = t
	}
}

// reached reports whether it is known to have been.
func (t *Attempt) reached() bool { return t.Reached != nil && *t.Reached }

// told is a warning with what its trial has shown.
func told(w *advice.Warning, c *reports.Case) Warning {
	t := Warning{
		ID: w.ID, Severity: w.Severity, File: w.Place.File, Line: w.Place.Line, Column: w.Place.Column,
		Text: w.Text, Networks: w.Networks, Endpoints: w.Endpoints,
	}
	if w.Trial == nil || c == nil {
		return t
	}
	shown := len(c.Checks) > 0 && c.Verdict != reports.Skip && c.Verdict != reports.Error
	for i := range c.Checks {
		k := &c.Checks[i]
		if len(w.Shown) > 0 && !slices.Contains(w.Shown, k.ID) {
			continue
		}
		shown = shown && k.Verdict == reports.Pass
		t.Evidence = append(t.Evidence, Shown{Check: k.Title, Verdict: k.Verdict, Observed: k.Observed, Evidence: k.Evidence})
	}
	shown = shown && len(t.Evidence) > 0
	t.Shown = &shown
	return t
}

// advise gathers the warnings, and what the engine refuses that none of them says.
func advise(in *intent.Intent, d *Draft, o Options) []advice.Warning {
	all := advice.Of(in, o.Around)
	for _, r := range d.Refused {
		w := advice.Refusal(r.Problem, r.Place)
		if !slices.ContainsFunc(all, func(have advice.Warning) bool { return r.told(have, w.ID) }) {
			w.Networks, w.Endpoints = r.Networks, r.Endpoints
			after := slices.IndexFunc(all, func(have advice.Warning) bool { return have.Severity != advice.Error || later(have.Place, w.Place) })
			if after < 0 {
				after = len(all)
			}
			all = slices.Insert(all, after, w)
		}
	}
	return all
}

// later compares places by file and line.
func later(a, b intent.Place) bool {
	return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line)) > 0
}

// told reports whether a warning says that this is refused, or why.
func (r *Refusal) told(w advice.Warning, id string) bool {
	if w.Severity != advice.Error && w.ID != id && (id != "address-taken" || !advice.TellsWhose(w.ID)) {
		return false
	}
	about := func(mine, its []string) bool {
		return slices.ContainsFunc(mine, func(name string) bool { return slices.Contains(its, name) })
	}
	if w.ID == "ip-range-empty" && id == "too-many-endpoints" {
		return about(r.Networks, w.Networks)
	}
	if len(r.Endpoints) > 0 {
		return about(r.Endpoints, w.Endpoints)
	}
	return about(r.Networks, w.Networks)
}

// Failed reports whether a warning is an error.
func (a *Answer) Failed() bool {
	return slices.ContainsFunc(a.Earlier, (*Answer).Failed) || slices.ContainsFunc(a.Warnings, func(w Warning) bool { return w.Severity == advice.Error })
}

// Scenario returns the scenario of the table, with reach for what was reached and blocked for
// what was not; an error where nothing was simulated.
func (a *Answer) Scenario(name string) (*scenarios.Scenario, error) {
	if a.main == nil {
		return nil, errors.New("there is nothing to write a scenario of: no network of the file is simulated")
	}
	s := &scenarios.Scenario{Name: name, Title: "What comes of " + title(a.Files), Description: strings.Join(a.Notes, "\n"), Spec: a.draft.Spec}
	s.Checks = append(s.Checks, a.draft.stateChecks()...)
	s.Checks = append(s.Checks, a.reachChecks()...)
	return s, nil
}
