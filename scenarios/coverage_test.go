package scenarios_test

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/lanproof/lanproof/scenarios"
)

// named counts, for every claim, the cases of the catalogue that have a check
// which speaks about it.
func named(t *testing.T) map[string]int {
	t.Helper()
	files, err := scenarios.Builtin()
	if err != nil {
		t.Fatalf("load the catalogue: %v", err)
	}
	count := map[string]int{}
	for _, f := range files {
		for _, c := range f.Cases() {
			ids := map[string]bool{}
			for _, check := range checksOf(c.Scenario) {
				for _, id := range slices.Concat(c.Scenario.Claims, check.Claims, check.Refutes) {
					ids[id] = true
				}
			}
			for id := range maps.Keys(ids) {
				count[id]++
			}
		}
	}
	return count
}

func checksOf(s *scenarios.Scenario) []scenarios.Check {
	all := slices.Clone(s.Checks)
	for _, step := range s.Steps {
		all = append(all, step.Checks...)
	}
	return all
}

// A claim that no check speaks about is neither proven nor refuted by anybody.
func TestEveryClaimIsChecked(t *testing.T) {
	claims, err := scenarios.Claims()
	if err != nil {
		t.Fatalf("read the claims: %v", err)
	}
	if len(claims) == 0 {
		t.Fatal("there are no claims")
	}
	cases := named(t)
	for _, c := range claims {
		if cases[c.ID] == 0 {
			t.Errorf("claim %s is named by no check of the catalogue: %q (%s)", c.ID, c.Text, c.Source)
		}
	}
}

// Whoever reads about a document's mistake must find it written down.
func TestEveryRefutationIsWrittenDown(t *testing.T) {
	page, err := os.ReadFile("../docs/findings.md")
	if err != nil {
		t.Fatalf("read the findings: %v", err)
	}
	files, err := scenarios.Builtin()
	if err != nil {
		t.Fatalf("load the catalogue: %v", err)
	}
	for _, f := range files {
		for _, c := range f.Cases() {
			for _, check := range checksOf(c.Scenario) {
				for _, id := range check.Refutes {
					if !strings.Contains(string(page), "`"+id+"`") || !strings.Contains(string(page), "`"+c.Scenario.Name+"`") {
						t.Errorf("%s:%d: %s refutes claim %s, but docs/findings.md does not name both", f.Path, check.At.Line, c.Scenario.Name, id)
					}
				}
			}
		}
	}
}

// What a reader meets first must be there: what a scenario is called, what it
// shows, and what it is found by.
func TestCatalogueIsExplained(t *testing.T) {
	files, err := scenarios.Builtin()
	if err != nil {
		t.Fatalf("load the catalogue: %v", err)
	}
	for _, f := range files {
		s := f.Cases()[0].Scenario
		if s.Title == "" || s.Description == "" || len(s.Labels) == 0 {
			t.Errorf("%s lacks a title, a description or labels", f.Path)
		}
	}
}
