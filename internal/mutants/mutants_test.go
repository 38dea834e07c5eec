package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestApply(t *testing.T) {
	m := Mutant{ID: "x-1", File: "x.c", Old: "a == b", New: "a != b"}
	tests := []struct {
		name, source, want string
		err                error
	}{
		{"once", "if (a == b) {", "if (a != b) {", nil},
		{"never", "if (a = b) {", "", errNotOnce},
		{"twice", "a == b && a == b", "", errNotOnce},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := m.Apply(tt.source)
			if !errors.Is(err, tt.err) || got != tt.want {
				t.Errorf("got %q, %v; want %q, %v", got, err, tt.want, tt.err)
			}
		})
	}
	if _, err := (Mutant{Old: "a", New: "a"}).Apply("a"); err == nil {
		t.Error("a mutant that changes nothing is applied")
	}
}

func TestMutantsAreWhole(t *testing.T) {
	seen := map[string]bool{}
	changes := map[string]string{}
	count := map[string]int{}
	for _, m := range Mutants() {
		if m.ID == "" || m.Rule == "" || m.Bug == "" || m.Old == "" {
			t.Errorf("%+v: a field is empty", m)
		}
		if seen[m.ID] {
			t.Errorf("%s is there twice", m.ID)
		}
		seen[m.ID] = true
		change := m.File + "\x00" + m.Old + "\x00" + m.New
		if other, ok := changes[change]; ok {
			t.Errorf("%s and %s are one bug", m.ID, other)
		}
		changes[change] = m.ID
		d, err := driverOf(m.File)
		if err != nil {
			t.Errorf("%s: %v", m.ID, err)
		}
		if !strings.HasPrefix(m.ID, d.label+"-") {
			t.Errorf("%s does not begin with its driver's name, %s", m.ID, d.label)
		}
		count[d.name]++
	}
	for _, d := range drivers() {
		if count[d.name] < 20 {
			t.Errorf("%d mutants of %s", count[d.name], d.name)
		}
	}
}

// The texts to be replaced are those of a kernel that is in the cache, if one is.
func TestMutantsFitTheSource(t *testing.T) {
	trees, err := keptTrees()
	if err != nil {
		t.Fatal(err)
	}
	if len(trees) == 0 {
		t.Skip("no kernel source in the cache; make mutants fetches it")
	}
	tree := slices.MaxFunc(trees, func(a, b Tree) int { return slices.Compare(numbers(a.release), numbers(b.release)) })
	for _, m := range Mutants() {
		source, err := os.ReadFile(filepath.Join(tree.source(), m.File))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Apply(string(source)); err != nil {
			t.Error(err)
		}
	}
}

func TestDriverOf(t *testing.T) {
	for file, want := range map[string]string{
		"drivers/net/macvlan.c":            "macvlan",
		"drivers/net/ipvlan/ipvlan_core.c": "ipvlan",
		"net/8021q/vlan.c":                 "8021q",
		"net/core/dev.c":                   "",
	} {
		d, err := driverOf(file)
		if d.name != want || (err == nil) != (want != "") {
			t.Errorf("driverOf(%q) = %q, %v; want %q", file, d.name, err, want)
		}
	}
}

func TestNewestOfHeaders(t *testing.T) {
	const offer = `linux-headers-6.1.0-9-cloud-amd64 - Header files
linux-headers-6.1.0-56-cloud-amd64 - Header files
linux-headers-6.1.0-56-rt-amd64 - Header files
`
	var all []string
	for _, m := range headersName.FindAllStringSubmatch(offer, -1) {
		all = append(all, m[1])
	}
	if got := strings.Join(all, " "); got != "6.1.0-9-cloud-amd64 6.1.0-56-cloud-amd64" {
		t.Errorf("found %q", got)
	}
	if slices.Compare(numbers(all[0]), numbers(all[1])) >= 0 {
		t.Errorf("%s is newer than %s", all[0], all[1])
	}
}

func TestJudge(t *testing.T) {
	pass := caseResult{Case: "a", Verdict: "pass", Checks: []checkResult{{ID: "1", Verdict: "pass"}}}
	skip := caseResult{Case: "b", Verdict: "skip", Reason: "not run"}
	fail := caseResult{Case: "c", Verdict: "fail", Checks: []checkResult{{ID: "1", Verdict: "error"}, {ID: "2", Verdict: "fail", Expected: "x", Observed: "y"}}}
	refused := caseResult{Case: "d", Verdict: "fail", Reason: "lacks what every kernel has"}
	died := caseResult{Case: "e", Verdict: "error", Reason: "the guest died", Console: "BUG: "}
	unclear := caseResult{Case: "f", Verdict: "error", Checks: []checkResult{{ID: "1", Verdict: "error", Expected: "x", Observed: "y"}}}
	tests := []struct {
		name  string
		cases []caseResult
		want  Outcome
		by    string
	}{
		{"all pass", []caseResult{pass, skip}, Survived, "1 cases passed"},
		{"nothing ran", []caseResult{skip}, Error, "no case was run"},
		{"a check failed", []caseResult{pass, died, fail}, Killed, "c/2: expected x; observed y"},
		{"a case failed", []caseResult{refused}, Killed, "d: lacks what every kernel has"},
		{"a guest died", []caseResult{unclear, died}, Died, "e: the guest died"},
		{"an error is no kill", []caseResult{pass, unclear}, Error, "f/1: expected x; observed y"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := judge(results{tt.cases}); got.Outcome != tt.want || got.By != tt.by {
				t.Errorf("got %q by %q; want %q by %q", got.Outcome, got.By, tt.want, tt.by)
			}
		})
	}
}

func TestParse(t *testing.T) {
	for _, args := range [][]string{{"-j", "0"}, {"-only", "("}, {"x"}, {"-nosuch"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
	o, err := parse([]string{"-only", "^vlan-", "-j", "2", "-list"})
	if err != nil || o.parallel != 2 || !o.list || !o.only.MatchString("vlan-x") || o.only.MatchString("macvlan-x") {
		t.Errorf("got %+v, %v", o, err)
	}
}
