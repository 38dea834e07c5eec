package record

import (
	"fmt"

	"github.com/lanproof/lanproof/reports"
)

// cases holds the summed-up catalogue against results.json.
func (v *verifier) cases(q *Qualification) {
	if _, err := v.bundle.Open(FileResults); err != nil {
		if len(q.Cases) > 0 {
			v.problem(FileResults, "is missing, though %d cases of the catalogue are told", len(q.Cases))
		}
		return
	}
	f, err := v.bundle.Open(FileResults)
	if err != nil {
		v.problem(FileResults, "%v", err)
		return
	}
	defer f.Close()
	results, err := reports.ReadJSON(f)
	if err != nil {
		v.problem(FileResults, "%v", err)
		return
	}
	v.step("cases of the catalogue held against results.json", func(s *Step) { v.summedUp(s, q, results) })
	v.step("frames of their evidence found in captures", func(s *Step) { v.eachCapture(results, s, (*caseTrace).evidence) })
	v.step("checks of theirs decided again from captures", func(s *Step) { v.eachCapture(results, s, (*caseTrace).check) })
}

// eachCapture looks at every check beside the capture of its case. What has none is
// taken as it is.
func (v *verifier) eachCapture(results *reports.Results, s *Step, look func(*caseTrace, *Step, *reports.Check)) {
	for i := range results.Cases {
		c := &results.Cases[i]
		var t *caseTrace
		if c.Capture != "" {
			var err error
			if t, err = v.caseTrace(c); err != nil {
				v.problem(c.Case, "%v", err)
				continue
			}
		}
		for n := range c.Checks {
			look(t, s, &c.Checks[n])
		}
	}
}

// summedUp holds what the qualification says of each case against what is known of it.
func (v *verifier) summedUp(s *Step, q *Qualification, results *reports.Results) {
	told := map[string]*CaseResult{}
	for i := range q.Cases {
		told[q.Cases[i].Case] = &q.Cases[i]
	}
	for i := range results.Cases {
		c := &results.Cases[i]
		s.Done++
		was, is := told[c.Case], CaseOf(c)
		delete(told, c.Case)
		switch {
		case was == nil:
			v.problem(c.Case, "is in %s, and the qualification does not tell of it", FileResults)
		case verdictOf(was) != is.Verdict || was.Pass != is.Pass || was.Fail != is.Fail:
			v.problem(c.Case, "the qualification says %s, and %s %s", was.words(), FileResults, is.words())
		}
	}
	for name := range told {
		v.problem(name, "is not in %s", FileResults)
	}
}

// CaseOf sums up a case of the catalogue. Its reason is that of the case, or its first
// failure.
func CaseOf(c *reports.Case) CaseResult {
	out := CaseResult{Case: c.Case, Verdict: string(c.Verdict), Reason: c.Reason, Capture: c.Capture}
	for _, check := range c.Checks {
		switch check.Verdict {
		case reports.Pass:
			out.Pass++
		case reports.Fail:
			if out.Fail++; out.Reason == "" {
				out.Reason = check.Title + ": " + check.Observed
			}
		case reports.Skip, reports.Error:
		}
	}
	return out
}

// verdictOf is a case's verdict without its waiver.
func verdictOf(c *CaseResult) string {
	if c.Verdict == string(Waived) {
		return string(Fail)
	}
	return c.Verdict
}

func (c *CaseResult) words() string {
	return fmt.Sprintf("%s with %d checks passed and %d failed", c.Verdict, c.Pass, c.Fail)
}
