package reports

import "slices"

// Overall returns the verdict of a whole whose parts have the given verdicts: a
// failure outranks an error, an error a pass, and a pass a skip. Nothing at all
// is an error, because an empty run has shown nothing.
func Overall(parts []Verdict) Verdict {
	for _, v := range []Verdict{Fail, Error, Pass, Skip} {
		if slices.ContainsFunc(parts, func(p Verdict) bool { return p.known() == v }) {
			return v
		}
	}
	return Error
}

// known turns everything that is not a verdict into Error.
func (v Verdict) known() Verdict {
	switch v {
	case Pass, Fail, Skip:
		return v
	case Error:
	}
	return Error
}

// Verdict returns the run's verdict.
func (r *Results) Verdict() Verdict {
	var all []Verdict
	for i := range r.Cases {
		all = append(all, r.Cases[i].outcome())
	}
	return Overall(all)
}

// Settle sets the case's verdict from its checks. A case that already carries
// one for a reason of its own keeps it unless a check was worse. To settle a
// case twice changes nothing.
func (c *Case) Settle() { c.Verdict = c.outcome() }

// outcome is the verdict that Settle sets. Every report goes by it, so that a
// case nobody settled, or one read from elsewhere, is no better than its checks;
// and a pass without any check is not believed.
func (c *Case) outcome() Verdict {
	var all []Verdict
	if c.Reason != "" || len(c.Checks) == 0 && c.Verdict != Pass {
		all = append(all, c.Verdict)
	}
	for i := range c.Checks {
		all = append(all, c.Checks[i].Verdict)
	}
	return Overall(all)
}

// Summarize counts the results' checks into their summary.
func (r *Results) Summarize() {
	r.Summary = Summary{}
	for i := range r.Cases {
		c := &r.Cases[i]
		if len(c.Checks) == 0 || c.Reason != "" {
			r.Summary.count(c.outcome())
		}
		for j := range c.Checks {
			r.Summary.count(c.Checks[j].Verdict)
		}
	}
}

func (s *Summary) count(v Verdict) {
	switch v.known() {
	case Pass:
		s.Pass++
	case Fail:
		s.Fail++
	case Skip:
		s.Skip++
	case Error:
		s.Error++
	}
}

// verdict is that of all that was counted.
func (s Summary) verdict() Verdict {
	switch {
	case s.Fail > 0:
		return Fail
	case s.Error > 0 || s.Total() == 0:
		return Error
	case s.Pass > 0:
		return Pass
	}
	return Skip
}

// Total is the number of checks counted.
func (s Summary) Total() int { return s.Pass + s.Fail + s.Skip + s.Error }
