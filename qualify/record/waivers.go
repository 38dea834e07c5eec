package record

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/lanproof/lanproof/scenarios"
)

// day is a day of the calendar, as YYYY-MM-DD.
type day string

// UnmarshalText refuses what is no day.
func (d *day) UnmarshalText(text []byte) error {
	if _, err := time.Parse(time.DateOnly, string(text)); err != nil {
		return fmt.Errorf("%.40q is no day; write it as YYYY-MM-DD", text)
	}
	*d = day(text)
	return nil
}

// words are text that says something.
type words string

// UnmarshalText refuses blank text.
func (w *words) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return errors.New("must not be empty")
	}
	*w = words(text)
	return nil
}

// waiversFile is how waivers are written.
type waiversFile struct {
	Waivers []waiverEntry `yaml:"waivers,required"`
}

type waiverEntry struct {
	At     scenarios.Position `yaml:"-"`
	ID     words              `yaml:"id,required"`
	Reason words              `yaml:"reason,required"`
	Who    words              `yaml:"who,required"`
	Until  day                `yaml:"until,required"`
}

// ReadWaivers reads a file of waivers, strictly:
//
//	waivers:
//	  - id: unicast-filter-capacity
//	    reason: the vendor promises a fix with firmware 2.1
//	    who: jane@example.org
//	    until: 2027-01-31
//
// The error is [scenarios.Errors], all that is wrong with its place. The name is for
// messages alone.
func ReadWaivers(name string, src []byte) ([]Waiver, error) {
	var file waiversFile
	var bad scenarios.Errors
	if err := scenarios.Bind(name, src, &file); err != nil {
		if !errors.As(err, &bad) {
			return nil, err
		}
	}
	var all []Waiver
	first := map[words]int{}
	for _, w := range file.Waivers {
		if line := first[w.ID]; line != 0 && w.ID != "" {
			bad = append(bad, &scenarios.Error{File: name, Line: w.At.Line, Column: w.At.Column, Text: fmt.Sprintf("%q has a waiver on line %d already", w.ID, line)})
			continue
		}
		first[w.ID] = w.At.Line
		all = append(all, Waiver{ID: string(w.ID), Reason: string(w.Reason), Who: string(w.Who), Until: string(w.Until)})
	}
	if len(bad) > 0 {
		bad.Sort()
		return nil, bad
	}
	return all, nil
}

// LoadWaivers is ReadWaivers of a file on disk.
func LoadWaivers(name string) ([]Waiver, error) {
	src, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read the waivers: %w", err)
	}
	return ReadWaivers(name, src)
}

// WaiverState is what a waiver is good for in a qualification.
type WaiverState string

// The states.
const (
	InForce WaiverState = "in force" // a failure is waived by it
	Expired WaiverState = "expired"  // the failure stays one
	Stale   WaiverState = "stale"    // there is no failure for it
	Unused  WaiverState = "unused"   // what it is for could not be found out
)

// WaiverUse is a waiver that was given, and what became of it.
type WaiverUse struct {
	Waiver
	State WaiverState `json:"state"`
	Note  string      `json:"note,omitempty"` // one sentence, where it is not in force
}

// inForceOn reports whether a waiver still holds on a day. What has no readable end
// does not.
func (w *Waiver) inForceOn(t time.Time) bool {
	last, err := time.Parse(time.DateOnly, w.Until)
	return err == nil && t.UTC().Before(last.AddDate(0, 0, 1))
}

// apply holds a waiver against one status and returns what that becomes.
func (u *WaiverUse) apply(s Status, on time.Time) Status {
	switch {
	case s == Fail && u.inForceOn(on):
		u.State, u.Note = InForce, ""
		return Waived
	case s == Fail:
		u.State, u.Note = Expired, fmt.Sprintf("it was in force until %s, so the failure counts", u.Until)
	case u.State == InForce || u.State == Expired: // of something else of that name
	case s == Error:
		u.State, u.Note = Unused, "a waiver is for a failure, and this could not be found out"
	default:
		u.State, u.Note = Stale, fmt.Sprintf("there is no failure: the status is %s", s)
	}
	return s
}

// waive holds every waiver against all results and cases. The day that counts is the
// one on which the measuring began.
func (q *Qualification) waive(waivers []Waiver) {
	q.Waivers = nil
	for i := range q.Results {
		q.Results[i].Waiver = nil
	}
	for i := range q.Cases {
		q.Cases[i].Waiver = nil
	}
	for _, w := range waivers {
		use := WaiverUse{Waiver: w, State: Stale, Note: "nothing of that id was measured"}
		for i := range q.Results {
			if r := &q.Results[i]; r.ID == w.ID {
				failed := r.Status == Fail
				if r.Status = use.apply(r.Status, q.Started); failed {
					r.Waiver = &w
				}
			}
		}
		for i := range q.Cases {
			if c := &q.Cases[i]; c.Case == w.ID {
				failed := c.Verdict == string(Fail)
				if c.Verdict = string(use.apply(Status(c.Verdict), q.Started)); failed {
					c.Waiver = &w
				}
			}
		}
		q.Waivers = append(q.Waivers, use)
	}
}
