package record

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const goodWaivers = `waivers:
  - id: vlan-filter
    reason: the vendor promises a fix with firmware 2.1
    who: jane@example.org
    until: 2027-01-31
`

func TestReadWaivers(t *testing.T) {
	got, err := ReadWaivers("w.yaml", []byte(goodWaivers))
	if err != nil {
		t.Fatal(err)
	}
	want := []Waiver{{ID: "vlan-filter", Reason: "the vendor promises a fix with firmware 2.1", Who: "jane@example.org", Until: "2027-01-31"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for text, want := range map[string]string{
		"": "w.yaml:1:1: the file is empty",
		"waivers:\n  - id: a\n    reson: x\n    who: ''\n    until: 2027-02-30\n  - {id: b, reason: r, who: w, until: soon}\n  - id: b\n": `w.yaml:3:5: unknown field "reson" (did you mean "reason"?)
w.yaml:4:10: must not be empty
w.yaml:5:12: "2027-02-30" is no day; write it as YYYY-MM-DD
w.yaml:6:39: "soon" is no day; write it as YYYY-MM-DD
w.yaml:7:5: "b" has a waiver on line 6 already
w.yaml:7:5: "reason" is missing
w.yaml:7:5: "until" is missing
w.yaml:7:5: "who" is missing`,
		"- id: a\n": "w.yaml:1:1: expected a mapping, found a list",
		"x: 1\n": `w.yaml:1:1: "waivers" is missing
w.yaml:1:1: unknown field "x"; known: waivers`,
		"waivers: no\n": `w.yaml:1:10: expected a list, found "no"`,
	} {
		got, err := ReadWaivers("w.yaml", []byte(text))
		if err == nil || got != nil {
			t.Errorf("%q is read as %v", text, got)
		} else if d := cmp.Diff(want, err.Error()); d != "" {
			t.Errorf("%q (-want +got):\n%s", text, d)
		}
	}
}

func FuzzReadWaivers(f *testing.F) {
	f.Add([]byte(goodWaivers))
	f.Add([]byte("waivers: [&a {id: x, reason: *a}]"))
	f.Fuzz(func(t *testing.T, src []byte) {
		all, err := ReadWaivers("w.yaml", src)
		for _, w := range all {
			if _, bad := time.Parse(time.DateOnly, w.Until); bad != nil || w.ID == "" || w.Reason == "" || w.Who == "" {
				t.Errorf("read %+v", w)
			}
		}
		if err != nil && (all != nil || !strings.HasPrefix(err.Error(), "w.yaml:")) {
			t.Errorf("%v beside %v", err, all)
		}
	})
}

func TestWaive(t *testing.T) {
	waiver := func(id, until string) Waiver { return Waiver{ID: id, Reason: "known", Who: "jane", Until: until} }
	fact := func(got string) []Fact { return []Fact{{"x", "1", got}} }
	for name, c := range map[string]struct {
		got    string // of the requirement's fact; empty for nothing measured
		waiver Waiver
		want   Status
		state  WaiverState
		kept   bool // the result tells of it
	}{
		"in force":               {"2", waiver("r", "2026-11-22"), Waived, InForce, true},
		"in force, the last day": {"2", waiver("r", "2026-11-21"), Waived, InForce, true},
		"expired yesterday":      {"2", waiver("r", "2026-11-20"), Fail, Expired, true},
		"no day":                 {"2", waiver("r", "x"), Fail, Expired, true},
		"passes":                 {"1", waiver("r", "2026-11-22"), Pass, Stale, false},
		"unknown":                {"2", waiver("s", "2026-11-22"), Fail, Stale, false},
		"not found out":          {"", waiver("r", "2026-11-22"), Error, Unused, false},
	} {
		q := Qualification{Restored: true, Started: time.Date(2026, 11, 21, 23, 59, 0, 0, time.UTC), Results: []Result{{ID: "r", Profile: Full}, {ID: "core", Profile: Core, Facts: fact("1")}}}
		if c.got != "" {
			q.Results[0].Facts = fact(c.got)
		}
		for range 2 { // again from what came of it, as it is verified
			q.Finish([]Waiver{c.waiver})
			r := &q.Results[0]
			if r.Status != c.want || q.Waivers[0].State != c.state || (q.Waivers[0].Note == "") != (c.state == InForce) || (r.Waiver != nil) != c.kept {
				t.Errorf("%s: %s, waiver %+v, in the result %v", name, r.Status, q.Waivers[0], r.Waiver)
			}
			if !q.Summary.Conformant || q.Summary.Pass == 2 && c.want != Pass {
				t.Errorf("%s: %+v", name, q.Summary)
			}
		}
	}
}

func TestAWaiverMakesNothingConformant(t *testing.T) {
	q := Qualification{
		Restored: true, Started: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC),
		Results: []Result{{ID: "core", Profile: Core, Facts: []Fact{{"x", "1", "1"}}}},
		Cases:   []CaseResult{{Case: "docker-macvlan", Verdict: "fail"}, {Case: "other", Verdict: "skip"}},
	}
	q.Finish([]Waiver{{ID: "docker-macvlan", Until: "2027-01-01"}, {ID: "other", Until: "2027-01-01"}})
	if q.Cases[0].Verdict != "waived" || q.Cases[0].Waiver == nil || q.Cases[1].Verdict != "skip" || q.Summary.Conformant {
		t.Errorf("cases %+v, conformant %v", q.Cases, q.Summary.Conformant)
	}
	q.Finish(nil)
	if q.Cases[0].Verdict != "fail" || q.Cases[0].Waiver != nil {
		t.Errorf("taken back, it is %+v", q.Cases[0])
	}
}

func TestSettle(t *testing.T) {
	bad := []Fact{{"x", "1", "2"}}
	for name, c := range map[string]struct {
		r      Result
		want   Status
		reason string
	}{
		"unsupported":             {Result{Status: Unsupported, Reason: "the card has no VFs"}, Unsupported, "the card has no VFs"},
		"unsupported, and why?":   {Result{Status: Unsupported}, Error, "nothing was measured"},
		"unsupported, yet failed": {Result{Status: Unsupported, Reason: "r", Facts: bad}, Fail, "x is 2 and must be 1"},
		"called a pass":           {Result{Status: Pass, Facts: bad}, Fail, "x is 2 and must be 1"},
		"called waived":           {Result{Status: Waived, Facts: bad}, Fail, "x is 2 and must be 1"},
		"the reason stays":        {Result{Reason: "the filter leaks", Facts: bad}, Fail, "the filter leaks"},
	} {
		c.r.settle()
		if c.r.Status != c.want || c.r.Reason != c.reason {
			t.Errorf("%s: %s because %q", name, c.r.Status, c.r.Reason)
		}
	}
}
