package record

import "testing"

func TestJudge(t *testing.T) {
	trial := func(want Want, change func(*Trial)) Trial {
		t := Trial{Name: "x", At: "dut", Want: want, First: 1, Last: 10, CanaryFirst: 11, CanaryLast: 12, CanarySeen: 2}
		if want == All {
			t.Seen = 10
		}
		if change != nil {
			change(&t)
		}
		return t
	}
	for name, c := range map[string]struct {
		trials []Trial
		facts  []Fact
		want   Status
	}{
		"nothing":                 {want: Error},
		"all came":                {trials: []Trial{trial(All, nil)}, want: Pass},
		"one is missing":          {trials: []Trial{trial(All, func(t *Trial) { t.Seen = 9 })}, want: Fail},
		"one came twice":          {trials: []Trial{trial(All, func(t *Trial) { t.Duplicates = 1 })}, want: Fail},
		"one was late":            {trials: []Trial{trial(All, func(t *Trial) { t.Reordered = 1 })}, want: Fail},
		"one was altered":         {trials: []Trial{trial(All, func(t *Trial) { t.Altered = 1 })}, want: Fail},
		"none came":               {trials: []Trial{trial(None, nil)}, want: Pass},
		"one came":                {trials: []Trial{trial(None, func(t *Trial) { t.Seen = 1 })}, want: Fail},
		"none, canary lost":       {trials: []Trial{trial(None, func(t *Trial) { t.CanarySeen = 1 })}, want: Error},
		"none, no canary":         {trials: []Trial{trial(None, func(t *Trial) { t.CanaryFirst = 0 })}, want: Error},
		"counted only":            {trials: []Trial{trial(Any, func(t *Trial) { t.Seen = 3 })}, want: Pass},
		"failure outweighs error": {trials: []Trial{trial(None, func(t *Trial) { t.CanarySeen = 0 }), trial(All, func(t *Trial) { t.Seen = 0 })}, want: Fail},
		"fact":                    {facts: []Fact{{"promiscuity", "0", "0"}}, want: Pass},
		"false fact":              {facts: []Fact{{"promiscuity", "0", "1"}}, want: Fail},
	} {
		r := Result{Trials: c.trials, Facts: c.facts}
		got, why := r.Judge()
		if got != c.want || (got == Pass) != (why == "") {
			t.Errorf("%s: %s (%q), want %s", name, got, why, c.want)
		}
	}
}

func TestConformant(t *testing.T) {
	for name, c := range map[string]struct {
		q    Qualification
		want bool
	}{
		"nothing":                  {Qualification{Restored: true}, false},
		"core passes":              {Qualification{Restored: true, Results: []Result{{Profile: Core, Status: Pass}, {Profile: Full, Status: Fail}}}, true},
		"core fails":               {Qualification{Restored: true, Results: []Result{{Profile: Core, Status: Fail}}}, false},
		"core waived":              {Qualification{Restored: true, Results: []Result{{Profile: Core, Status: Waived}}}, false},
		"core unsupported":         {Qualification{Restored: true, Results: []Result{{Profile: Core, Status: Unsupported}}}, false},
		"not restored":             {Qualification{Results: []Result{{Profile: Core, Status: Pass}}}, false},
		"a case of it fails":       {Qualification{Restored: true, Results: []Result{{Profile: Core, Status: Pass}}, Cases: []CaseResult{{Verdict: "fail"}}}, false},
		"a case of it is left out": {Qualification{Restored: true, Results: []Result{{Profile: Core, Status: Pass}}, Cases: []CaseResult{{Verdict: "skip"}}}, true},
	} {
		if got := c.q.Sum().Conformant; got != c.want {
			t.Errorf("%s: conformant is %v, want %v", name, got, c.want)
		}
	}
}
