package record

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSystemsOfTwoRuns holds which systems of two runs are compared with each other, and
// that the figures of one that nothing stands for have vanished.
func TestSystemsOfTwoRuns(t *testing.T) {
	of := func(ids ...string) *Run {
		r := runOf(nil)
		for _, id := range ids {
			r.Systems = append(r.Systems, host(id))
			for _, name := range []string{"rtt/veth", "tcp/veth"} {
				r.Series = append(r.Series, series(name, id, []float64{0, 0, 0, 0, 0, 0}))
			}
		}
		return r
	}
	only := func(name string) bool { return strings.HasPrefix(name, "rtt") }
	for _, tt := range []struct {
		a, b     string
		only     func(string) bool
		pairs    string
		vanished int
		warned   string
	}{
		{a: "host x y", b: "host x y", pairs: "host-host x-x y-y"},
		{a: "host x", b: "host y", pairs: "host-host x-y"},
		{a: "host x y", b: "host", pairs: "host-host", vanished: 4, warned: "the second run has no system x, and no other one in its place: figures VANISHED: 2"},
		{a: "host x y", b: "host", only: only, pairs: "host-host", vanished: 2, warned: "system y, and no other one in its place: figures VANISHED: 1"},
		{a: "host", b: "host x y", pairs: "host-host", warned: "the first run has no system y"},
		{a: "host x", b: "host y z", pairs: "host-host", vanished: 2, warned: "the second run has no system x"},
	} {
		c, err := Compare(of(strings.Fields(tt.a)...), of(strings.Fields(tt.b)...), Rules{Only: tt.only})
		if err != nil {
			t.Fatal(err)
		}
		var pairs []string
		for _, p := range c.Pairs {
			pairs = append(pairs, p.A.ID+"-"+p.B.ID)
		}
		if diff := cmp.Diff(tt.pairs, strings.Join(pairs, " ")); diff != "" {
			t.Errorf("%s with %s: %s", tt.a, tt.b, diff)
		}
		if warned := strings.Join(c.Warnings, "\n"); c.Vanished() != tt.vanished || !strings.Contains(warned, tt.warned) || (warned == "") != (tt.warned == "") {
			t.Errorf("%s with %s: %d vanished, warned %q", tt.a, tt.b, c.Vanished(), warned)
		}
		if loud := strings.Contains(c.Headline(), "VANISHED"); loud != (tt.vanished > 0) {
			t.Errorf("%s with %s: %s", tt.a, tt.b, c.Headline())
		}
	}
	if _, err := Compare(of("x", "y"), of("a", "b"), Rules{}); err == nil || !strings.Contains(err.Error(), "x, y; and a, b") {
		t.Errorf("nothing in common: %v", err)
	}
}
