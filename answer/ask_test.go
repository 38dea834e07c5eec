package answer

import (
	"strings"
	"testing"

	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/scenarios"
)

// What cannot be worked out again is told, and is no crash.
func TestRulesError(t *testing.T) {
	bad := &scenarios.Scenario{Name: mainName, Checks: []scenarios.Check{{ID: checkID(0), Reach: &scenarios.Flow{From: scenarios.Values{"nobody"}}}}}
	a := &Answer{
		asked: []pair{{from: &Machine{Name: "web"}, to: &Machine{Name: "host"}}},
		main:  &scenarios.Case{Name: mainName, Scenario: bad},
	}
	err := a.reach(&reports.Case{Checks: []reports.Check{{ID: checkID(0), Verdict: reports.Fail}}}, 0)
	if err == nil || !strings.Contains(err.Error(), "web does not reach host") {
		t.Errorf("error %v", err)
	}
}

// The scenario says what the answer's notes say.
func TestNotes(t *testing.T) {
	in := reads(t, "nets.sh", "docker network create -d macvlan -o parent=eth0 --subnet 10.1.0.0/24 --gateway 10.1.0.1 lan\ndocker run --network lan --name host nginx\n")
	a, err := draftAnswer(in, Options{})
	if err != nil {
		t.Fatal(err)
	}
	a.main = caseOf(&scenarios.Scenario{Spec: a.draft.Spec}, mainName)
	const want = "host-2 is the machine that the containers are on; host is the container of that name."
	s, err := a.Scenario("notes")
	if err != nil || s.Description != want {
		t.Errorf("description %q, want %q: %v", s.Description, want, err)
	}
	var b strings.Builder
	if err := Write(&b, a, false); err != nil || !strings.Contains(b.String(), want) {
		t.Errorf("terminal does not say so: %v\n%s", err, b.String())
	}
}
