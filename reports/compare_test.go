package reports

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// later is rich some time later: things broke, were cured, came and went.
func later() *Results {
	r := rich()
	bridge := r.Cases[0].Checks
	bridge[0].Verdict, bridge[0].Observed = Fail, "no answer; the fence came back"
	bridge[1].Verdict, bridge[1].Observed = Pass, "nothing arrived"
	r.Cases[1].Checks[0].Verdict = Skip
	r.Cases[1].Checks = append(r.Cases[1].Checks, Check{ID: "new-bad", Title: "a new check | that fails", Verdict: Fail}, Check{ID: "new-good", Verdict: Pass})
	r.Cases[2].Checks = r.Cases[2].Checks[1:]
	r.Cases[2].Checks[1].Verdict = Skip
	r.Summarize()
	return r
}

func TestCompareGolden(t *testing.T) {
	d := Compare(rich(), later())
	held(t, "compare.txt", render(t, func(b *bytes.Buffer) error { return d.WriteText(b) }))
	got := render(t, func(b *bytes.Buffer) error { return d.WriteMarkdown(b) })
	held(t, "compare.md", got)
	checkMarkdown(t, got)
	page := render(t, func(b *bytes.Buffer) error { return d.WriteHTML(b) })
	held(t, "compare.html", page)
	checkNesting(t, page)
}

// Names of two runs that want to break out stay text.
func TestCompareHTMLStaysText(t *testing.T) {
	after := rich()
	for i := range after.Cases {
		for j := range after.Cases[i].Checks {
			after.Cases[i].Checks[j].Verdict = Skip
		}
	}
	page := render(t, func(b *bytes.Buffer) error { return Compare(rich(), after).WriteHTML(b) })
	if checkNesting(t, page); bytes.Contains(page, []byte("<script")) || bytes.ContainsRune(page, '\u202e') {
		t.Error("markup of a scenario became markup of the page")
	}
}

func TestCompareTellsKindsApart(t *testing.T) {
	d := Compare(rich(), later())
	got := map[string]Kind{}
	for _, c := range d.All() {
		got[c.Check] = c.Kind()
	}
	want := map[string]Kind{
		"c1-reaches-c2": Broken, "host-reaches-c1": Fixed, "same-vlan": Lost, "new-bad": Broken,
		"new-good": Gained, "siblings": Lost, "second-passthru": Other,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
	if len(d.Changed) != 4 || len(d.Appeared) != 2 || len(d.Vanished) != 1 || d.Same != 8 || !d.Regressed() {
		t.Errorf("%d changed, %d appeared, %d vanished, %d the same", len(d.Changed), len(d.Appeared), len(d.Vanished), d.Same)
	}
}

func TestCompareSameRuns(t *testing.T) {
	d := Compare(rich(), rich())
	if len(d.All()) != 0 || d.Regressed() || !strings.HasPrefix(d.Headline(), "No difference in ") {
		t.Errorf("%s: %+v", d.Headline(), d.All())
	}
	if !Compare(rich(), &Results{}).Regressed() || !Compare(&Results{}, &Results{}).Regressed() {
		t.Error("a run of nothing is no regression")
	}
}

// run is one case with one check on some kernels, with a verdict for each.
func run(verdicts map[string]Verdict, order ...string) *Results {
	r := &Results{}
	for _, k := range order {
		r.Cases = append(r.Cases, Case{Scenario: "s", Case: "c", Kernel: k, Verdict: verdicts[k], Checks: []Check{{ID: "x", Verdict: verdicts[k]}}})
	}
	return r
}

func TestCompareKernels(t *testing.T) {
	v := map[string]Verdict{"6.1": Pass, "6.12": Fail, "6.18": Pass}
	for name, c := range map[string]struct {
		a, b                        *Results
		changed, appeared, vanished int
		kernel                      string
	}{
		"one kernel and the next":  {run(v, "6.1"), run(v, "6.12"), 1, 0, 0, "6.1 → 6.12"},
		"one of two is another":    {run(v, "6.1", "6.18"), run(v, "6.12", "6.18"), 1, 0, 0, "6.1 → 6.12"},
		"two others than before":   {run(v, "6.18"), run(v, "6.1", "6.12"), 0, 2, 1, ""},
		"one more than before":     {run(v, "6.18"), run(v, "6.18", "6.12"), 0, 1, 0, ""},
		"the same kernel, no news": {run(v, "6.18"), run(v, "6.18"), 0, 0, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := Compare(c.a, c.b)
			if len(d.Changed) != c.changed || len(d.Appeared) != c.appeared || len(d.Vanished) != c.vanished {
				t.Errorf("%d changed, %d appeared, %d vanished", len(d.Changed), len(d.Appeared), len(d.Vanished))
			}
			if c.kernel != "" && d.Changed[0].kernel() != c.kernel {
				t.Errorf("the kernel reads %q", d.Changed[0].kernel())
			}
		})
	}
}

func TestRegressed(t *testing.T) {
	for name, c := range map[string]struct {
		before, after Verdict
		want          bool
	}{
		"pass to fail":  {Pass, Fail, true},
		"skip to error": {Skip, Error, true},
		"pass to skip":  {Pass, Skip, true},
		"fail to pass":  {Fail, Pass, false},
		"fail to error": {Fail, Error, false},
		"fail to skip":  {Fail, Skip, false},
		"skip to pass":  {Skip, Pass, false},
	} {
		t.Run(name, func(t *testing.T) {
			d := Compare(run(map[string]Verdict{"k": c.before}, "k"), run(map[string]Verdict{"k": c.after}, "k"))
			if d.Regressed() != c.want {
				t.Errorf("regressed: %v, want %v", d.Regressed(), c.want)
			}
		})
	}
}

func TestCompareTakesTheWorstRepeat(t *testing.T) {
	v := map[string]Verdict{"k": Pass}
	once, thrice := run(v, "k"), run(v, "k", "k", "k")
	thrice.Cases[1].Checks[0].Verdict = Fail
	if d := Compare(once, thrice); len(d.Changed) != 1 || d.Changed[0].Kind() != Broken {
		t.Errorf("%+v", d)
	}
}

// Cases that only one run has are told as such, above everything else, with what came of
// them; a new one that fails is told with its checks, too.
func TestCompareTellsCasesThatCameAndWent(t *testing.T) {
	before := &Results{Cases: []Case{
		onKernel("host", hostKernel, "stays", "stays", "", "x pass"),
		onKernel("host", hostKernel, "gone", "gone@mode=a", "", "x pass", "y skip"),
		onKernel("host", hostKernel, "gone", "gone@mode=b", "needs ipvlan"),
	}}
	after := &Results{Cases: []Case{
		onKernel("guest", oldKernel, "stays", "stays", "", "x pass"),
		onKernel("host", hostKernel, "new", "new@mode=a", "", "x pass", "bad fail"),
	}}
	d := Compare(before, after)
	if got, want := d.Headline(), "2 cases vanished, 1 new case, 1 broken; 1 unchanged"; got != want {
		t.Errorf("the headline is %q, want %q", got, want)
	}
	if !d.Regressed() {
		t.Error("a case that passed has vanished, and nothing is said to have regressed")
	}
	text := string(render(t, func(b *bytes.Buffer) error { return d.WriteText(b) }))
	want := `VANISHED cases: the first run had them, and the second has not (2)
  gone@mode=a  host 6.18.44: 1 passed, 0 failed, 0 error, 1 skipped
  gone@mode=b  host 6.18.44: 0 passed, 0 failed, 0 error, 1 skipped

NEW cases: the second run has them, and the first had not (1)
  new@mode=a  host 6.18.44: 1 passed, 1 failed, 0 error, 0 skipped

Broken: bad now, and was not before (1)
  absent → fail     new@mode=a / bad  6.18.44
`
	if diff := cmp.Diff(want, text[:min(len(want), len(text))]); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
	md := render(t, func(b *bytes.Buffer) error { return d.WriteMarkdown(b) })
	checkMarkdown(t, md)
	page := render(t, func(b *bytes.Buffer) error { return d.WriteHTML(b) })
	checkNesting(t, page)
	for _, out := range [][]byte{md, page} {
		for _, s := range []string{"VANISHED cases", "NEW cases", "mode=a", "mode=b"} {
			if !bytes.Contains(out, []byte(s)) {
				t.Errorf("%q is not told:\n%s", s, out)
			}
		}
	}
}

// A case on this kernel and on a guest's of the same release is two.
func TestCompareKeepsGroundsApart(t *testing.T) {
	both := func(guests string) *Results {
		return &Results{Cases: []Case{onKernel("host", hostKernel, "a", "a", "", "x pass"), onKernel("guest", hostKernel, "a", "a", "", "x "+guests)}}
	}
	if d := Compare(both("pass"), both("fail")); len(d.Changed) != 1 || d.Same != 1 {
		t.Errorf("changed %d, same %d, want 1 and 1", len(d.Changed), d.Same)
	}
}
