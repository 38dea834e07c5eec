package scenarios

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lanproof/lanproof/topology"
)

// expanded is a case's scenario as Write understands it: the matrix has done its work.
func expanded(s *Scenario) *Scenario {
	s.Matrix, s.Exclude = nil, nil
	for i := range s.Checks {
		s.Checks[i].When = nil
	}
	for i := range s.Steps {
		s.Steps[i].When = nil
		for j := range s.Steps[i].Checks {
			s.Steps[i].Checks[j].When = nil
		}
	}
	return s
}

// places are the only thing that a file that is written anew changes.
var places = cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".At" }, cmp.Ignore())

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	files, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	cases := 0
	for _, f := range files {
		for _, c := range f.Cases() {
			cases++
			want := expanded(c.Scenario)
			text, err := Write(want)
			if err != nil {
				t.Fatalf("%s: %v", c.Name, err)
			}
			back, err := Load(want.Name+".yaml", text)
			if err != nil {
				t.Errorf("%s: %v\n%s", c.Name, err, text)
				continue
			}
			if diff := cmp.Diff(want, back.Cases()[0].Scenario, places); diff != "" {
				t.Errorf("%s is another scenario when read back:\n%s\n%s", c.Name, diff, text)
			}
		}
	}
	if cases < 100 {
		t.Errorf("only %d cases of the catalogue were written", cases)
	}
}

// A written file looks as a person would write it.
func TestWrittenFile(t *testing.T) {
	no := false
	s := &Scenario{
		Name: "readable", Title: "yes: a title", Description: "Two lines,\nwith ${this} in them.\n", Labels: []string{"a", "10"},
		Spec: topology.Spec{
			Hosts: topology.Named[topology.Host]{{Name: "zeta", Value: topology.Host{Parents: topology.Named[topology.Link]{
				{Name: "eth1", Value: topology.Link{}}, {Name: "eth0", Value: topology.Link{Addresses: []string{"10.0.0.1/24"}}},
			}}}},
			Networks: topology.Named[topology.Network]{{Name: "net", Value: topology.Network{
				Driver: "macvlan", Parent: "eth0",
				Subnets: []topology.Subnet{{Subnet: "10.0.0.0/24", Gateway: "10.0.0.254", IPRange: "10.0.0.128/25", AuxAddresses: map[string]string{"b": "10.0.0.130", "a": "10.0.0.129"}}},
			}}},
			Endpoints: topology.Named[topology.Endpoint]{{Name: "c", Value: topology.Endpoint{Network: "net", MAC: "02:00:00:00:00:10"}}},
		},
		Checks: []Check{
			{ID: "nothing", Route: &RouteState{Node: "c", To: "default6", Exists: &no}},
			{Reach: &Flow{From: Values{"c"}, To: Values{"zeta/eth0", "c"}, Family: Values{"4"}}},
		},
	}
	got, err := Write(s)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.TrimPrefix(`
name: readable
title: "yes: a title"
description: |
  Two lines,
  with $${this} in them.
labels: [a, "10"]

hosts:
  zeta: {parents: {eth1: {}, eth0: {addresses: [10.0.0.1/24]}}}

networks:
  net:
    driver: macvlan
    parent: eth0
    subnets:
      - subnet: 10.0.0.0/24
        gateway: 10.0.0.254
        ip_range: 10.0.0.128/25
        aux_addresses: {a: 10.0.0.129, b: 10.0.0.130}

endpoints:
  c: {network: net, mac: "02:00:00:00:00:10"}

checks:
  - id: nothing
    route: {node: c, to: default6, exists: false}
  - reach: {from: c, to: [zeta/eth0, c], family: "4"}
`, "\n")
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

// Words come back as they were, whatever they look like to YAML.
func TestWordsAreReadBack(t *testing.T) {
	for _, word := range []string{
		"true", "10", "0x8100", "1e3", "null", "~", "- a", "# b", "a: b", "a #b", "{", "[x]", "*a", "&a", "!!str", "%a", "@a", "'", `"`, `\`,
		" leading", "trailing ", "two\nlines", "two\nlines\n", "two\n\n", "\n", " \n x\n", "  deep\nless\n", "tab\tx", "tab\n\tx\n", "cr\rx", "crlf\r\nx",
		"${a}", "$${a}", "$$${", "${", "é\u0085\u2028x\ufeff", "\x01", "---", "...", "<<", "=", "2001-01-01", "12:30:45", strings.Repeat("long ", 100),
	} {
		s := &Scenario{Name: "words", Title: word, Description: word, Spec: topology.Spec{
			Hosts: topology.Named[topology.Host]{{Name: "h", Value: topology.Host{Parents: topology.Named[topology.Link]{{Name: "eth0"}}}}},
		}, Checks: []Check{{Title: word, Oracle: Values{"all"}}}}
		text, err := Write(s)
		if err != nil {
			t.Errorf("%q: %v", word, err)
			continue
		}
		back, err := Load("words.yaml", text)
		if err != nil {
			t.Errorf("%q: %v\n%s", word, err, text)
			continue
		}
		if diff := cmp.Diff(s, back.Cases()[0].Scenario, places); diff != "" {
			t.Errorf("%q: %s\n%s", word, diff, text)
		}
	}
}
