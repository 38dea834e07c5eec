package record

import "fmt"

// Judge says what follows from the trials and facts alone: Fail when one of them is
// not as it must be, Error when a trial without its canary had to show an absence
// or when there is nothing to judge by, else Pass. Why is one sentence, empty on Pass.
//
// It is the one place where a requirement's status is decided, when it is measured
// and when a bundle is verified.
func (r *Result) Judge() (status Status, why string) {
	if len(r.Trials) == 0 && len(r.Facts) == 0 {
		return Error, "nothing was measured"
	}
	status = Pass
	for i := range r.Trials {
		switch s, w := r.Trials[i].judge(); {
		case s == Fail && status != Fail, s == Error && status == Pass:
			status, why = s, w
		}
	}
	for _, f := range r.Facts {
		if f.Got != f.Want && status != Fail {
			status, why = Fail, fmt.Sprintf("%s is %s and must be %s", f.Name, f.Got, f.Want)
		}
	}
	return status, why
}

// Sent is the number of the trial's frames.
func (t *Trial) Sent() int { return int(t.Last-t.First) + 1 }

// canaries is the number of the canary's frames.
func (t *Trial) canaries() int {
	if t.CanaryFirst == 0 {
		return 0
	}
	return int(t.CanaryLast-t.CanaryFirst) + 1
}

func (t *Trial) judge() (Status, string) {
	switch {
	case t.Want == None && (t.canaries() == 0 || t.CanarySeen < t.canaries()):
		return Error, fmt.Sprintf("%s: %d of %d frames of its canary came, so the absence of others shows nothing", t.Name, t.CanarySeen, t.canaries())
	case t.Want == None && t.Seen > 0:
		return Fail, fmt.Sprintf("%s: %d of %d frames came to %s and none may", t.Name, t.Seen, t.Sent(), t.At)
	case t.Want == All && t.Seen < t.Sent():
		return Fail, fmt.Sprintf("%s: %d of %d frames came to %s", t.Name, t.Seen, t.Sent(), t.At)
	case t.Want == All && t.Duplicates > 0:
		return Fail, fmt.Sprintf("%s: %d of %d frames came to %s more than once", t.Name, t.Duplicates, t.Sent(), t.At)
	case t.Want == All && t.Reordered > 0:
		return Fail, fmt.Sprintf("%s: %d of %d frames came to %s behind a later one", t.Name, t.Reordered, t.Sent(), t.At)
	case t.Want == All && t.Altered > 0:
		return Fail, fmt.Sprintf("%s: %d of %d frames came to %s with another content", t.Name, t.Altered, t.Sent(), t.At)
	}
	return Pass, ""
}

// Sum counts the statuses and says whether the port conforms.
func (q *Qualification) Sum() Summary {
	s := Summary{Conformant: len(q.Results) > 0}
	for _, r := range q.Results {
		switch r.Status {
		case Pass:
			s.Pass++
		case Fail:
			s.Fail++
		case Unsupported:
			s.Unsupported++
		case Waived:
			s.Waived++
		default:
			s.Error++
		}
		if r.Profile == Core && r.Status != Pass {
			s.Conformant = false
		}
	}
	for _, c := range q.Cases {
		if c.Verdict != "pass" && c.Verdict != "skip" {
			s.Conformant = false
		}
	}
	s.Conformant = s.Conformant && q.LeftCore == 0 && q.Restored && len(q.Differences) == 0
	return s
}

// Finish decides everything that follows from what was measured: each requirement's
// status, what waivers make of it, and the sum. A waiver makes a failure Waived and
// nothing else of anything else. It is the same when a bundle is verified.
func (q *Qualification) Finish(waivers []Waiver) {
	q.Schema = Schema
	for i := range q.Results {
		q.Results[i].settle()
	}
	for i := range q.Cases {
		if c := &q.Cases[i]; c.Verdict == string(Waived) {
			c.Verdict = string(Fail)
		}
	}
	q.waive(waivers)
	q.Summary = q.Sum()
}

// settle sets the status, and the reason where none is given. Only what says why it
// could not be measured is Unsupported or Error by itself, and never where a trial or
// a fact has shown a failure.
func (r *Result) settle() {
	s, why := r.Judge()
	given := r.Reason != "" && (r.Status == Unsupported || r.Status == Error)
	if given && s != Fail {
		return
	}
	if r.Status = s; r.Reason == "" || given {
		r.Reason = why
	}
}
