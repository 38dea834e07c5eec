package reports

import (
	"cmp"
	"slices"
)

// Change is one check that did not come out the same in two runs.
type Change struct {
	Scenario string
	Case     string
	Check    string // the check's id
	Title    string
	Location string
	// Before and After are empty where the run did not have the check.
	Before, After             Verdict
	KernelBefore, KernelAfter string
	ObservedBefore, Observed  string
	ExpectedBefore, Expected  string
	// WithCase is set where the other run has nothing of the case on that kernel: then
	// it is among the cases that are new or have vanished.
	WithCase bool
}

// CaseChange is a case on a kernel that only one of two runs has.
type CaseChange struct {
	Scenario, Case string
	Place          string // ground and kernel
	Summary        Summary
}

// Kind says what a change means to somebody who waits for the second run.
type Kind string

// The kinds of change.
const (
	Broken Kind = "broken" // it fails or cannot be judged now, and did not before
	Lost   Kind = "lost"   // it passed, and now is skipped or gone
	Fixed  Kind = "fixed"  // it was bad, and passes now
	Gained Kind = "gained" // it passes now, and was skipped or not there before
	Other  Kind = "other"  // from one bad verdict to another, or to a skip, or such
)

// Kind tells what the change means.
func (c Change) Kind() Kind {
	bad := func(v Verdict) bool { return v == Fail || v == Error }
	switch {
	case bad(c.After) && !bad(c.Before):
		return Broken
	case c.Before == Pass:
		return Lost
	case c.After == Pass && bad(c.Before):
		return Fixed
	case c.After == Pass:
		return Gained
	}
	return Other
}

// Diff is what differs between two runs.
type Diff struct {
	// Before and After are the two runs' own counts.
	Before, After Summary
	// Changed, Appeared and Vanished are in the order of the run they come
	// from, the second one where both have the check.
	Changed, Appeared, Vanished []Change
	// NewCases and VanishedCases are what only the second and only the first run has. A
	// case that runs on another kernel now is not among them.
	NewCases, VanishedCases []CaseChange
	// Same counts the checks with the same verdict in both runs.
	Same int
	// Built is what real engines have built otherwise, in cases that both runs have.
	Built []BuiltChange
}

// All lists every change: the changed, then the appeared, then the vanished.
func (d Diff) All() []Change { return slices.Concat(d.Changed, d.Appeared, d.Vanished) }

// Regressed reports whether anything that a merge should wait for happened: a
// check broke, or what passed is no longer shown. A second run without any
// check has shown nothing, and regressed too.
func (d Diff) Regressed() bool {
	return d.After.Total() == 0 || slices.ContainsFunc(d.All(), func(c Change) bool {
		k := c.Kind()
		return k == Broken || k == Lost
	})
}

// Compare tells what became of each check of run a in run b. Checks are the
// same by scenario, case, ground, kernel and id; repeats of a case are taken together
// with the worst verdict. Where a case ran in one place in each run, and not in
// the same, the two are compared too: that is how one kernel is compared with
// the next.
func Compare(a, b *Results) Diff {
	d := Diff{Before: a.tally(), After: b.tally()}
	before, after := collect(a), collect(b)
	pairPlaces(before, after)
	for _, key := range after.order {
		now := after.checks[key]
		was, known := before.checks[key]
		switch {
		case !known:
			d.Appeared = append(d.Appeared, change(nil, now))
		case was.Check.Verdict.known() == now.Check.Verdict.known():
			d.Same++
		default:
			d.Changed = append(d.Changed, change(was, now))
		}
	}
	for _, key := range before.order {
		if _, known := after.checks[key]; !known {
			d.Vanished = append(d.Vanished, change(before.checks[key], nil))
		}
	}
	d.Built = compareBuilt(a, b)
	d.NewCases = onlyIn(after, before, d.Appeared)
	d.VanishedCases = onlyIn(before, after, d.Vanished)
	return d
}

// onlyIn lists the cases that one run has and the other has not, and marks the changes
// that come of it.
func onlyIn(one, other *collected, changes []Change) []CaseChange {
	known := map[checkKey]bool{}
	for _, key := range other.order {
		known[key.inCase()] = true
	}
	var all []CaseChange
	index := map[checkKey]int{}
	for _, key := range one.order {
		in := key.inCase()
		if known[in] {
			continue
		}
		at, seen := index[in]
		if !seen {
			at = len(all)
			index[in] = at
			all = append(all, CaseChange{Scenario: key.scenario, Case: key.name, Place: key.place})
		}
		all[at].Summary.count(one.checks[key].Check.Verdict)
	}
	// Changes come in the order of their keys.
	n := 0
	for _, key := range one.order {
		if _, both := other.checks[key]; !both {
			changes[n].WithCase = !known[key.inCase()]
			n++
		}
	}
	return all
}

// checkKey is what makes a check the same in two runs.
type checkKey struct{ scenario, name, place, id string }

// inCase is the key of the check's case.
func (k checkKey) inCase() checkKey { return checkKey{k.scenario, k.name, k.place, ""} }

type collected struct {
	checks map[checkKey]*finding
	order  []checkKey
	// places lists the grounds and kernels that each case ran on.
	places map[[2]string][]string
}

// collect gathers a run's checks, repeats folded into the worst of them.
func collect(r *Results) *collected {
	c := &collected{checks: map[checkKey]*finding{}, places: map[[2]string][]string{}}
	for i := range r.Cases {
		cs := &r.Cases[i]
		name := [2]string{cs.Scenario, cs.Case}
		if !slices.Contains(c.places[name], cs.ground()) {
			c.places[name] = append(c.places[name], cs.ground())
		}
		for j, e := range cs.entries() {
			key := checkKey{cs.Scenario, cs.Case, cs.ground(), e.ID}
			was, known := c.checks[key]
			if !known {
				c.order = append(c.order, key)
			} else if Overall([]Verdict{was.Check.Verdict, e.Verdict}) == was.Check.Verdict.known() {
				continue
			}
			c.checks[key] = &finding{cs, e, i, j}
		}
	}
	return c
}

// pairPlaces gives the checks of a case in the first run the place of the
// second, where each run has one that the other has not.
func pairPlaces(before, after *collected) {
	renamed := map[checkKey]checkKey{}
	for _, key := range before.order {
		name := [2]string{key.scenario, key.name}
		gone := without(before.places[name], after.places[name])
		come := without(after.places[name], before.places[name])
		if len(gone) == 1 && len(come) == 1 && gone[0] == key.place {
			to := key
			to.place = come[0]
			renamed[key] = to
		}
	}
	for i, key := range before.order {
		if to, ok := renamed[key]; ok {
			before.checks[to] = before.checks[key]
			delete(before.checks, key)
			before.order[i] = to
		}
	}
}

// without returns the elements of a that are not in b.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

func change(was, now *finding) Change {
	last := cmp.Or(now, was)
	c := Change{
		Scenario: last.Scenario, Case: last.Case.Case, Check: last.Check.ID,
		Title: last.Check.Title, Location: last.Check.Location,
	}
	if was != nil {
		c.Before, c.KernelBefore = was.Check.Verdict.known(), was.Kernel
		c.ExpectedBefore, c.ObservedBefore = was.Check.Expected, was.Check.Observed
	}
	if now != nil {
		c.After, c.KernelAfter = now.Check.Verdict.known(), now.Kernel
		c.Expected, c.Observed = now.Check.Expected, now.Check.Observed
	}
	return c
}
