package reports

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// caseCheck is the id of the entry that stands for a case as a whole.
const caseCheck = "case"

// entries lists what the case adds to the summary: its checks, and in front of
// them one for the case itself where the summary counts the case.
func (c *Case) entries() []Check {
	if len(c.Checks) > 0 && c.Reason == "" {
		return c.Checks
	}
	own := Check{
		ID: caseCheck, Title: "the case as a whole", Verdict: c.outcome(),
		Observed: c.Reason, Location: c.Location,
	}
	if own.Observed == "" {
		own.Observed = "no check was made"
	}
	return append([]Check{own}, c.Checks...)
}

// place names the ground a case ran on: "host 6.18.44" or "guest 6.12.117 repeat 2".
func (c *Case) place() string {
	s := c.ground()
	if c.Repeat > 1 {
		s += fmt.Sprintf(" repeat %d", c.Repeat)
	}
	return s
}

// ground is place without the repeat.
func (c *Case) ground() string { return strings.TrimSpace(c.Ground + " " + c.Kernel) }

// finding is one check together with the case it belongs to.
type finding struct {
	*Case
	Check Check
	index int // of the case
	entry int // of the check in the case's entries
}

// findings lists the entries with one verdict, in the order of the results.
func (r *Results) findings(v Verdict) []finding {
	var found []finding
	for i := range r.Cases {
		for j, e := range r.Cases[i].entries() {
			if e.Verdict.known() == v {
				found = append(found, finding{&r.Cases[i], e, i, j})
			}
		}
	}
	return found
}

// why says in one sentence what was expected and what was seen instead.
func (k *Check) why() string {
	expected, observed := oneLine(k.Expected), oneLine(k.Observed)
	if observed == "" {
		observed = "nothing was observed"
	}
	if expected == "" {
		return observed
	}
	return "expected: " + expected + "; observed: " + observed
}

// packets lists the frames in the capture that the check's evidence names, sorted.
func (k *Check) packets() []int {
	var all []int
	for _, e := range k.Evidence {
		if e.Packet > 0 {
			all = append(all, e.Packet)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// numbers names packets: "packet 12", "packets 12, 14–17"; none is nothing.
func numbers(all []int) string {
	if len(all) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("packet")
	if len(all) > 1 {
		b.WriteByte('s')
	}
	b.WriteByte(' ')
	for i := 0; i < len(all); i++ {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprint(&b, all[i])
		last := i
		for last+1 < len(all) && all[last+1] == all[last]+1 {
			last++
		}
		if last > i+1 {
			fmt.Fprintf(&b, "–%d", all[last])
			i = last
		}
	}
	return b.String()
}

// skipped is one reason for skipping and how much it cost.
type skipped struct {
	Reason        string
	Checks, Cases int
}

// skips groups the skipped entries by reason, the most frequent first.
func (r *Results) skips() []skipped {
	var groups []skipped
	index := map[string]int{}
	last := map[string]int{}
	for _, f := range r.findings(Skip) {
		reason := cmp.Or(oneLine(f.Check.Observed), oneLine(f.Check.Expected), "no reason was given")
		at, known := index[reason]
		if !known {
			at = len(groups)
			index[reason] = at
			last[reason] = -1
			groups = append(groups, skipped{Reason: reason})
		}
		groups[at].Checks++
		if last[reason] != f.index {
			last[reason] = f.index
			groups[at].Cases++
		}
	}
	slices.SortStableFunc(groups, func(a, b skipped) int {
		return cmp.Or(cmp.Compare(b.Checks, a.Checks), cmp.Compare(a.Reason, b.Reason))
	})
	return groups
}

// headline says in one sentence how the run ended.
func (r *Results) headline() string {
	s := r.tally()
	if s.Total() == 0 {
		return "Nothing was checked"
	}
	switch {
	case s.Fail > 0 && s.Error > 0:
		return fmt.Sprintf("%s of %s failed, and %s could not be judged", count(s.Fail), plural(s.Total(), "check"), count(s.Error))
	case s.Fail > 0:
		return fmt.Sprintf("%s of %s failed", count(s.Fail), plural(s.Total(), "check"))
	case s.Error > 0:
		return fmt.Sprintf("%s of %s could not be judged", count(s.Error), plural(s.Total(), "check"))
	case s.Pass == 0:
		return "Every check was skipped"
	case s.Skip > 0:
		return fmt.Sprintf("%s passed, %s skipped", plural(s.Pass, "check"), count(s.Skip))
	case s.Pass == 1:
		return "The one check passed"
	}
	return fmt.Sprintf("All %s passed", plural(s.Pass, "check"))
}

// tally counts the results anew, so that no report rests on a forgotten Summarize.
func (r *Results) tally() Summary {
	c := *r
	c.Summarize()
	return c.Summary
}

// mark is the sign that goes with a verdict's word. They differ in shape, so
// that nothing hangs on colour alone.
func (v Verdict) mark() string {
	switch v.known() {
	case Pass:
		return "✓"
	case Fail:
		return "✗"
	case Skip:
		return "–"
	case Error:
	}
	return "!"
}

// kernels lists the kernels that cases ran on, in order of appearance.
func (r *Results) kernels() []string {
	var all []string
	for i := range r.Cases {
		if k := r.Cases[i].Kernel; k != "" && !slices.Contains(all, k) {
			all = append(all, k)
		}
	}
	return all
}
