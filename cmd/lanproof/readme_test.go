package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestREADME does what the README shows: its scenario passes under its name, the
// commands that it names are there, and so are the pages that it points to.
func TestREADME(t *testing.T) {
	data, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	dir := t.TempDir()
	scenario := regexp.MustCompile("(?s)Save this as `(.*?)`:\n\n```yaml\n(.*?)```").FindStringSubmatch(text)
	if scenario == nil {
		t.Fatal("the README has no scenario")
	}
	if err := os.WriteFile(filepath.Join(dir, scenario[1]), []byte(scenario[2]), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"validate", "run"} {
		cmd := exec.Command(filepath.Join(bin, "lanproof"), command, scenario[1])
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("lanproof %s %s: %v\n%s", command, scenario[1], err, out)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)bin/lanproof ([a-z]+)`).FindAllStringSubmatch(text, -1) {
		if cmd, _, err := newRoot().Find(m[1:]); err != nil || cmd.Name() != m[1] {
			t.Errorf("the README names the command %q: %v", m[1], err)
		}
	}
	for _, m := range regexp.MustCompile(`\]\(([^):]+)\)`).FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join("../..", m[1])); err != nil {
			t.Errorf("the README points to %s: %v", m[1], err)
		}
	}
	if strings.Contains(text, "@@") {
		t.Error("the README is not finished")
	}
}
