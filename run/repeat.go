package run

import "github.com/lanproof/lanproof/reports"

// saysNothingNew reports whether a repetition passed as others did: of a thousand only
// the verdicts and the captures are kept.
func (j *job) saysNothingNew() bool { return j.repeat > 1 && j.result.Verdict == reports.Pass }

// shorten leaves the verdicts of a result, with what each was reached by.
func shorten(c *reports.Case) {
	c.Picture = nil
	for i := range c.Checks {
		c.Checks[i].Evidence, c.Checks[i].Matrices = []reports.Evidence{}, nil
	}
}
