package scenarios_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/lanproof/lanproof/scenarios"
)

// TestMobyPage: every check that docs/moby-tests.md names exists, and every row of it
// names one, or says that there is nothing.
func TestMobyPage(t *testing.T) {
	page, err := os.ReadFile("../docs/moby-tests.md")
	if err != nil {
		t.Fatalf("read the page: %v", err)
	}
	files, err := scenarios.Builtin()
	if err != nil {
		t.Fatalf("load the catalogue: %v", err)
	}
	there := map[string]bool{}
	for _, f := range files {
		for _, c := range f.Cases() {
			for _, check := range checksOf(c.Scenario) {
				there[c.Scenario.Name+"#"+check.ID] = true
			}
		}
	}
	named := regexp.MustCompile("`([a-z0-9-]+#[a-z0-9-]+)`")
	rows := 0
	for i, line := range strings.Split(string(page), "\n") {
		if !strings.HasPrefix(line, "| ") || strings.HasSuffix(line, "| Here |") || strings.HasSuffix(line, "| Shown by |") {
			continue
		}
		rows++
		checks := named.FindAllStringSubmatch(line, -1)
		if len(checks) == 0 && !strings.Contains(line, "| nothing: ") {
			t.Errorf("line %d names no check: %s", i+1, line)
		}
		for _, c := range checks {
			if !there[c[1]] {
				t.Errorf("line %d: there is no check %s", i+1, c[1])
			}
		}
	}
	if rows < 40 {
		t.Errorf("the page has %d rows", rows)
	}
}
