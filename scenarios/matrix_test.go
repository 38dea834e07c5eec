package scenarios

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lanproof/lanproof/topology"
)

func caseNames(f *File) []string {
	var names []string
	for _, c := range f.Cases() {
		names = append(names, c.Name)
	}
	return names
}

const matrixFile = `name: vids
title: ${kind} on ${vid}, not $${vid}
matrix:
  vid: [10, 0x14]
  kind: [dummy, veth]
  up: [true, false]
exclude:
  - {kind: veth, up: false}
  - vid: [0x14]
    kind: dummy
hosts:
  h:
    parents:
      eth0: {kind: "${kind}"}
      eth0.${vid}: {kind: vlan, parent: eth0, id: "${vid}", down: "${up}"}
stations:
  pc: {}
checks:
  - link: {link: "h/eth0.${vid}", id: "${vid}"}
  - when: {vid: 10, up: [true]}
    link: {link: h/eth0, kind: "${kind}"}
steps:
  - when: {kind: dummy}
    checks:
      - link: {link: h/eth0, up: true}
      - when: {up: false}
        link: {link: h/eth0}
`

func TestMatrix(t *testing.T) {
	f, err := Load("vids.yaml", []byte(matrixFile))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"vids@vid=10,kind=dummy,up=true",
		"vids@vid=10,kind=dummy,up=false",
		"vids@vid=10,kind=veth,up=true",
		"vids@vid=0x14,kind=veth,up=true",
	}
	if diff := cmp.Diff(want, caseNames(f)); diff != "" {
		t.Fatal(diff)
	}
	type shape struct {
		Title, Link      string
		ID               int
		Down             bool
		Checks, InSteps  int
		CheckAt, ParentN Position
	}
	var got []shape
	for _, c := range f.Cases() {
		s := c.Scenario
		if c.Title != "${kind} on ${vid}, not $${vid}" {
			t.Errorf("%s has the title %q as its file's", c.Name, c.Title)
		}
		link := s.Hosts[0].Value.Parents[1]
		one := shape{Title: s.Title, Link: link.Name, ID: *link.Value.ID, Down: link.Value.Down, Checks: len(s.Checks), CheckAt: s.Checks[0].At}
		for _, step := range s.Steps {
			one.InSteps += len(step.Checks)
		}
		got = append(got, one)
	}
	at := Position{19, 5}
	if diff := cmp.Diff([]shape{
		{Title: "dummy on 10, not ${vid}", Link: "eth0.10", ID: 10, Down: true, Checks: 2, InSteps: 1, CheckAt: at},
		{Title: "dummy on 10, not ${vid}", Link: "eth0.10", ID: 10, Down: false, Checks: 1, InSteps: 2, CheckAt: at},
		{Title: "veth on 10, not ${vid}", Link: "eth0.10", ID: 10, Down: true, Checks: 2, CheckAt: at},
		{Title: "veth on 0x14, not ${vid}", Link: "eth0.0x14", ID: 20, Down: true, Checks: 1, CheckAt: at},
	}, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Var{{"vid", "0x14"}, {"kind", "veth"}, {"up", "true"}}, f.Cases()[3].Vars); diff != "" {
		t.Error(diff)
	}
}

// A case made again from its file and name is the same case.
func TestLoadCase(t *testing.T) {
	f, err := Load("vids.yaml", []byte(matrixFile))
	if err != nil {
		t.Fatal(err)
	}
	files, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range append(files, f) {
		for _, c := range f.Cases() {
			again, err := LoadCase(c.File, c.Source, c.Name)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c, again); diff != "" {
				t.Error(diff)
			}
		}
	}
	for _, name := range []string{"vids", "vids@vid=10", "vids@vid=10,kind=veth,up=false", "other", ""} {
		if c, err := LoadCase("vids.yaml", []byte(matrixFile), name); err == nil {
			t.Errorf("case %q is %s", name, c.Name)
		}
	}
	if _, err := LoadCase("vids.yaml", []byte("name: [\n"), "vids"); err == nil {
		t.Error("a broken file gave a case")
	}
}

func TestManyCases(t *testing.T) {
	values := make([]string, MaxCases)
	for i := range values {
		values[i] = fmt.Sprint(i)
	}
	file := func(extra string) string {
		return "name: many\ntitle: ${n}\nmatrix: {n: [" + strings.Join(values, ",") + "]}\n" + extra +
			"stations: {a: {addresses: [10.0.0.1/24]}, b: {addresses: [10.0.0.2/24]}}\nchecks: [{reach: {from: a, to: b}}]\n"
	}
	f, err := Load("many.yaml", []byte(file("")))
	if err != nil || len(f.Cases()) != MaxCases {
		t.Fatal(err, len(f.Cases()))
	}
	long := "exclude: [" + strings.Repeat("{n: 5},", 1000) + "]\n"
	if _, err := Load("many.yaml", []byte(file(long))); err == nil || !strings.HasPrefix(err.Error(), "many.yaml:1:1: 1000 cases of 4032 values") {
		t.Error(err)
	}
}

func TestLongCaseName(t *testing.T) {
	src := "name: long\ntitle: ${n}\nmatrix: {n: [" + strings.Repeat("x", 210) + "]}\nstations: {a: {}}\nchecks: [{link: {link: a/eth0}}]\n"
	_, err := Load("long.yaml", []byte(src))
	if want := "long.yaml:1:7: the name of case long@n=" + strings.Repeat("x", 33) + "… is longer than 200 bytes"; err == nil || err.Error() != want {
		t.Error(err)
	}
}

// Problems of the topology land on the nearest thing that is in the file.
func TestLocate(t *testing.T) {
	src := `name: x
hosts:
  h:
    parents:
      eth0: {mtu: 5}
    routes:
      - to: default
list: [a, {b: c}]
empty:
`
	var f faults
	root := parse([]byte(src), &f)
	for _, c := range []struct {
		path []any
		want Position
	}{
		{nil, Position{1, 1}},
		{[]any{"name"}, Position{1, 7}},
		{[]any{"hosts"}, Position{2, 1}},
		{[]any{"hosts", "h", "parents"}, Position{4, 5}},
		{[]any{"hosts", "h", "parents", "eth0"}, Position{5, 13}},
		{[]any{"hosts", "h", "parents", "eth0", "mtu"}, Position{5, 19}},
		{[]any{"hosts", "h", "parents", "eth0", "mac"}, Position{5, 13}},
		{[]any{"hosts", "h", "routes", 0}, Position{7, 9}},
		{[]any{"hosts", "h", "routes", 0, "to"}, Position{7, 13}},
		{[]any{"hosts", "h", "routes", 1, "to"}, Position{6, 5}},
		{[]any{"hosts", "nobody", "routes"}, Position{2, 1}},
		{[]any{"list", 1, "b"}, Position{8, 15}},
		{[]any{"list", -1}, Position{8, 7}},
		{[]any{"name", 0}, Position{1, 7}},
		{[]any{"empty"}, Position{9, 1}},
		{[]any{"nothing"}, Position{1, 1}},
	} {
		if _, pos := root.locate(c.path); pos != c.want {
			t.Errorf("%v: %v, want %v", c.path, pos, c.want)
		}
	}
	if _, problems := topology.Compile(&topology.Spec{}, ""); len(problems) == 0 {
		t.Error("an empty topology compiles")
	}
}
