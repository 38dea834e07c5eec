package reports

import (
	"fmt"
	"slices"
)

// kernelTable puts kernels side by side: the scenarios of which some case ran on several
// of them, those that did not come out the same first.
type kernelTable struct {
	places []string // "host 6.18.44", in the order of the results
	differ []kernelRow
	alike  []kernelRow
}

// kernelRow is a scenario, its cases folded.
type kernelRow struct {
	scenario    string
	cells       []kernelCell // one for each place
	differences []kernelDifference
}

// kernelCell is a scenario on one kernel.
type kernelCell struct {
	Summary
	worst *finding // nil where the scenario did not run
}

// kernelDifference is a check whose verdicts are not the same on all kernels that its
// case ran on, or a case that one of them did not carry.
type kernelDifference struct {
	check *finding // where it is told of
	whole bool     // it is about the case as a whole
	cases int      // how many cases of the scenario differ in just this way
	among []int    // the places that are compared
	at    []kernelSight
}

// kernelSight is what one kernel said of it.
type kernelSight struct {
	verdict Verdict // empty where there is no such check
	text    string
	check   *finding
}

// kernelCase is one case: its entries by place and id, repeats folded into the worst.
type kernelCase struct {
	at  []map[string]*finding
	ids []string
}

// kernelTable makes the table; nil when no case ran on two kernels.
func (r *Results) kernelTable() *kernelTable {
	t := &kernelTable{}
	several := r.onSeveral()
	var scenarios []string
	cases := map[string][]*kernelCase{}
	index := map[[2]string]*kernelCase{}
	for i := range r.Cases {
		c := &r.Cases[i]
		if !several[c.Scenario] {
			continue
		}
		k := index[[2]string{c.Scenario, c.Case}]
		if k == nil {
			k = &kernelCase{}
			index[[2]string{c.Scenario, c.Case}] = k
			if cases[c.Scenario] == nil {
				scenarios = append(scenarios, c.Scenario)
			}
			cases[c.Scenario] = append(cases[c.Scenario], k)
		}
		k.add(c, i, t.place(c))
	}
	for _, s := range scenarios {
		if row := t.row(s, cases[s]); len(row.differences) > 0 {
			t.differ = append(t.differ, row)
		} else {
			t.alike = append(t.alike, row)
		}
	}
	bySeverity := func(a, b kernelRow) int { return a.severity() - b.severity() }
	slices.SortStableFunc(t.differ, bySeverity)
	slices.SortStableFunc(t.alike, bySeverity)
	if len(scenarios) == 0 {
		return nil
	}
	return t
}

// onSeveral are the scenarios of which a case ran on several kernels.
func (r *Results) onSeveral() map[string]bool {
	several := map[string]bool{}
	first := map[[2]string]string{}
	for i := range r.Cases {
		c := &r.Cases[i]
		name := [2]string{c.Scenario, c.Case}
		if was, known := first[name]; !known {
			first[name] = c.ground()
		} else if was != c.ground() {
			several[c.Scenario] = true
		}
	}
	return several
}

// has reports whether the table tells of a case's scenario.
func (t *kernelTable) has(c *Case) bool {
	is := func(row kernelRow) bool { return row.scenario == c.Scenario }
	return t != nil && (slices.ContainsFunc(t.differ, is) || slices.ContainsFunc(t.alike, is))
}

// place is the number of a case's column.
func (t *kernelTable) place(c *Case) int {
	if i := slices.Index(t.places, c.ground()); i >= 0 {
		return i
	}
	t.places = append(t.places, c.ground())
	return len(t.places) - 1
}

func (k *kernelCase) add(c *Case, number, place int) {
	for len(k.at) <= place {
		k.at = append(k.at, nil)
	}
	if k.at[place] == nil {
		k.at[place] = map[string]*finding{}
	}
	for j, e := range c.entries() {
		was, known := k.at[place][e.ID]
		if known && Overall([]Verdict{was.Check.Verdict, e.Verdict}) == was.Check.Verdict.known() {
			continue
		}
		k.at[place][e.ID] = &finding{c, e, number, j}
		if !slices.Contains(k.ids, e.ID) {
			k.ids = append(k.ids, e.ID)
		}
	}
}

// ran lists the places that the case ran on, or was to run on.
func (k *kernelCase) ran() []int {
	var all []int
	for i, at := range k.at {
		if at != nil {
			all = append(all, i)
		}
	}
	return all
}

// bare reports whether there is nothing but a verdict on the case as a whole.
func (k *kernelCase) bare(place int) bool {
	at := k.at[place]
	return len(at) == 1 && at[caseCheck] != nil
}

// worst is the worst finding at a place, and the count of all.
func (k *kernelCase) worst(place int) (*finding, Summary) {
	var worst *finding
	var s Summary
	for _, id := range k.ids {
		f := k.at[place][id]
		if f == nil {
			continue
		}
		s.count(f.Check.Verdict)
		if worst == nil || Overall([]Verdict{worst.Check.Verdict, f.Check.Verdict}) != worst.Check.Verdict.known() {
			worst = f
		}
	}
	return worst, s
}

func (t *kernelTable) row(scenario string, cases []*kernelCase) kernelRow {
	row := kernelRow{scenario: scenario, cells: make([]kernelCell, len(t.places))}
	for _, k := range cases {
		for _, place := range k.ran() {
			worst, s := k.worst(place)
			cell := &row.cells[place]
			cell.Pass, cell.Fail, cell.Skip, cell.Error = cell.Pass+s.Pass, cell.Fail+s.Fail, cell.Skip+s.Skip, cell.Error+s.Error
			if cell.worst == nil || Overall([]Verdict{cell.worst.Check.Verdict, worst.Check.Verdict}) != cell.worst.Check.Verdict.known() {
				cell.worst = worst
			}
		}
		if len(k.ran()) > 1 {
			row.add(k.differences(len(t.places)))
		}
	}
	slices.SortStableFunc(row.differences, func(a, b kernelDifference) int { return a.severity() - b.severity() })
	return row
}

// add takes in the differences of a case, those that are the same in another case once.
func (row *kernelRow) add(all []kernelDifference) {
	for _, d := range all {
		same := slices.IndexFunc(row.differences, d.like)
		if same < 0 {
			row.differences = append(row.differences, d)
			continue
		}
		row.differences[same].cases++
	}
}

// like reports whether both tell the same of two cases.
func (d kernelDifference) like(other kernelDifference) bool {
	return d.check.Check.ID == other.check.Check.ID && d.check.Case != other.check.Case &&
		slices.EqualFunc(d.at, other.at, func(a, b kernelSight) bool {
			return a.verdict == b.verdict && (!d.whole || a.verdict == Pass || a.text == b.text)
		})
}

// differences are those of one case. Where one kernel did not carry it at all, that is
// one difference, and the others are compared among themselves.
func (k *kernelCase) differences(places int) []kernelDifference {
	var full, bare []int
	for _, place := range k.ran() {
		if k.bare(place) {
			bare = append(bare, place)
		} else {
			full = append(full, place)
		}
	}
	var all []kernelDifference
	if len(full) == 0 || len(bare) > 0 {
		all = append(all, k.wholly(places))
	}
	for _, id := range k.ids {
		if len(full) < 2 {
			break
		}
		d := kernelDifference{cases: 1, at: make([]kernelSight, places)}
		for _, place := range full {
			if f := k.at[place][id]; f != nil {
				d.check = f
				d.at[place] = kernelSight{f.Check.Verdict.known(), f.Check.Observed, f}
			}
		}
		if d.check != nil {
			d.among = full
			all = append(all, d)
		}
	}
	return slices.DeleteFunc(all, func(d kernelDifference) bool { return d.same() })
}

// wholly compares the case as a whole.
func (k *kernelCase) wholly(places int) kernelDifference {
	d := kernelDifference{cases: 1, whole: true, at: make([]kernelSight, places), among: k.ran()}
	for _, place := range d.among {
		worst, s := k.worst(place)
		text := fmt.Sprintf("%s of %s passed", count(s.Pass), plural(s.Total(), "check"))
		if k.bare(place) {
			text = worst.Check.Observed
		}
		d.at[place] = kernelSight{worst.Check.Verdict.known(), text, worst}
		d.check = worst
	}
	return d
}

// same reports whether there is no difference.
func (d kernelDifference) same() bool {
	for _, place := range d.among {
		if d.at[place].verdict != d.at[d.among[0]].verdict {
			return false
		}
	}
	return true
}

// severity is small for what to look at first: a failure, what could not be judged, a
// check that is not everywhere, and then skips.
func (d kernelDifference) severity() int {
	least := 4
	for _, place := range d.among {
		switch d.at[place].verdict {
		case Fail:
			return 0
		case Error:
			least = min(least, 1)
		case Skip:
			least = min(least, 3)
		case "":
			least = min(least, 2)
		case Pass:
		}
	}
	return least
}

// severity is that of the first difference, else of the row's own verdicts.
func (row *kernelRow) severity() int {
	if len(row.differences) > 0 {
		return row.differences[0].severity()
	}
	least := 4
	for _, c := range row.cells {
		switch {
		case c.Fail > 0:
			return 0
		case c.Error > 0:
			least = 1
		}
	}
	return least
}
