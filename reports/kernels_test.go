package reports

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const newKernel = "6.12.117+deb12-cloud-amd64"

// onKernel is a case of a scenario with some checks, "id verdict" each; one with a reason
// alone was not carried there.
func onKernel(ground, kernel, scenario, name, reason string, checks ...string) Case {
	c := Case{Scenario: scenario, Case: name, Ground: ground, Kernel: kernel, Reason: reason}
	if reason != "" {
		c.Verdict = Skip
	}
	for _, k := range checks {
		id, verdict, _ := strings.Cut(k, " ")
		c.Checks = append(c.Checks, Check{ID: id, Title: "the check " + id, Verdict: Verdict(verdict), Observed: "seen on " + kernel, Claims: []string{}})
	}
	return c
}

// matrix is a run on three kernels that agree on two of four scenarios.
func matrix() *Results {
	r := &Results{Schema: Schema, Environment: []Environment{}}
	for _, k := range []struct{ ground, kernel, verdict string }{{"host", hostKernel, "pass"}, {"guest", oldKernel, "fail"}, {"guest", newKernel, "pass"}} {
		reason := ""
		checks := []string{"a pass", "only-new pass"}
		switch k.kernel {
		case hostKernel:
			reason, checks = "needs ipvlan: operation not supported", nil
		case oldKernel:
			checks = checks[:1]
		}
		r.Cases = append(r.Cases, onKernel(k.ground, k.kernel, "ipvlan", "ipvlan", reason, checks...))
		r.Cases = append(r.Cases,
			onKernel(k.ground, k.kernel, "alike", "alike", "", "a pass", "b skip"),
			onKernel(k.ground, k.kernel, "bad", "bad", "", "a fail"),
			onKernel(k.ground, k.kernel, "filter", "filter@mode=bridge", "", "reach pass", "blocked "+k.verdict),
			onKernel(k.ground, k.kernel, "filter", "filter@mode=vepa", "", "reach pass", "blocked "+k.verdict))
	}
	r.Cases = append(r.Cases, onKernel("nic", hostKernel, "cable", "cable", "", "a pass"))
	r.Summarize()
	return r
}

func TestKernelsGolden(t *testing.T) {
	var b bytes.Buffer
	NewTerminal(&b, TerminalOptions{Width: 100}).Done(matrix())
	held(t, "kernels.txt", b.Bytes())
	md := render(t, func(b *bytes.Buffer) error { return WriteMarkdown(b, matrix()) })
	held(t, "kernels.md", md)
	checkMarkdown(t, md)
	page := render(t, func(b *bytes.Buffer) error { return WriteHTML(b, matrix()) })
	held(t, "kernels.html", page)
	checkNesting(t, page)
}

// What differs comes first, the failures before the skips, and each case's difference
// once where several have the same.
func TestKernelTable(t *testing.T) {
	table := matrix().kernelTable()
	if got, want := strings.Join(table.places, "|"), "host 6.18.44|guest "+oldKernel+"|guest "+newKernel; got != want {
		t.Errorf("columns %q, want %q", got, want)
	}
	var got []string
	for _, row := range table.differ {
		for _, d := range row.differences {
			line := row.scenario + ": " + d.where() + ": " + d.title() + ":"
			for _, v := range d.verdicts() {
				line += fmt.Sprintf(" %s on %s", v.verdict, table.named(v.places))
			}
			got = append(got, line)
		}
	}
	want := []string{
		"filter: filter@mode=bridge and 1 case like it: the check blocked: fail on 6.1.0 pass on 6.18.44, 6.12.117+deb12",
		"ipvlan: ipvlan: the check only-new:  on 6.1.0 pass on 6.12.117+deb12",
		"ipvlan: ipvlan: the case as a whole: skip on 6.18.44 pass on 6.1.0, 6.12.117+deb12",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
	if len(table.alike) != 2 || table.alike[0].scenario != "bad" || table.alike[1].scenario != "alike" {
		t.Errorf("alike: %+v", table.alike)
	}
}

// Kernels of one release but for what follows a dash keep their whole names.
func TestKernelHeads(t *testing.T) {
	for _, c := range []struct {
		places []string
		want   string
	}{
		{[]string{"host 6.18.44-fc", "guest 6.1.0-56"}, "6.18.44, 6.1.0"},
		{[]string{"guest 6.1.0-56", "guest 6.1.0-49"}, "guest 6.1.0-56, guest 6.1.0-49"},
		{[]string{"host 6.12.1", "guest 6.12.1"}, "host 6.12.1, guest 6.12.1"},
		{[]string{"host 6.12.1", "guest "}, "host 6.12.1, guest "},
	} {
		if got := (&kernelTable{places: c.places}).named([]int{0, 1}); got != c.want {
			t.Errorf("%q are called %q, want %q", c.places, got, c.want)
		}
	}
}

// One kernel, or cases that each ran on another one, are not put side by side.
func TestNoKernelTable(t *testing.T) {
	one := &Results{Cases: []Case{onKernel("host", hostKernel, "a", "a", "", "x pass"), onKernel("guest", oldKernel, "a", "b", "", "x fail")}}
	repeated := &Results{Cases: []Case{onKernel("host", hostKernel, "a", "a", "", "x pass"), onKernel("host", hostKernel, "a", "a", "", "x fail")}}
	for _, r := range []*Results{{}, one, repeated} {
		if table := r.kernelTable(); table != nil {
			t.Errorf("%d cases make a table: %+v", len(r.Cases), table)
		}
	}
}
