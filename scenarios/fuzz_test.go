package scenarios

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// Whatever a file holds, Load ends, and every error has a place in the file.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"catalogue/*.yaml", "testdata/bad/*.yaml"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			f.Fatal(names, err)
		}
		for _, name := range names {
			src, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(src)
		}
	}
	f.Add([]byte(matrixFile))
	f.Fuzz(func(t *testing.T, src []byte) {
		file, err := Load("fuzz", src)
		if err == nil {
			for _, c := range file.Cases() {
				if strings.ContainsAny(c.Name, "/ \x00") || c.Name == "" || len(c.Name) > maxCaseName {
					t.Errorf("case name %q", c.Name)
				}
			}
			return
		}
		var all Errors
		if !errors.As(err, &all) || len(all) == 0 {
			t.Fatalf("%T %v", err, err)
		}
		lines := strings.Split(string(src), "\n")
		for _, e := range all {
			if e.Line < 1 || e.Line > len(lines) || e.Column < 1 || e.Column > utf8.RuneCountInString(lines[e.Line-1])+1 {
				t.Errorf("outside the file: %v", e)
			}
			if e.Text == "" || strings.Contains(e.Text, "\n") {
				t.Errorf("not one line: %q", e.Text)
			}
		}
	})
}

// Substitution leaves nothing half done: what it does not refuse comes out as
// if the parts were put together by hand.
func FuzzSubstitute(f *testing.F) {
	f.Add("plain", "x")
	f.Add("${a}", "x")
	f.Add("eth0.${a}${a}", "50")
	f.Add("$${a} $$${a} ${", "x")
	f.Add("${b} ${} ${${a}}", "x")
	f.Fuzz(func(t *testing.T, text, with string) {
		var to faults
		value := &node{tag: "!!int", value: with, plain: true}
		s := substituter{
			vars: binding{{"a", value}}, m: &matrix{to: &to}, to: &to,
			used: map[string]bool{}, spoiled: map[*node]bool{},
		}
		n := s.copy(&node{tag: "!!str", value: text})
		if text == "${a}" && (n.tag != "!!int" || n.value != with) {
			t.Errorf("%+v", n)
		}
		if (len(to.list) > 0) != s.spoiled[n] {
			t.Errorf("%q: faults %v, spoiled %v", text, to.list, s.spoiled)
		}
		if strings.Contains(text, "$${") || len(to.list) > 0 {
			return
		}
		if want := strings.ReplaceAll(text, "${a}", with); n.value != want {
			t.Errorf("%q: %q, want %q", text, n.value, want)
		}
	})
}
