package reports

import (
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestOverall(t *testing.T) {
	for name, c := range map[string]struct {
		parts []Verdict
		want  Verdict
	}{
		"nothing":          {nil, Error},
		"no verdict":       {[]Verdict{""}, Error},
		"an unknown one":   {[]Verdict{Pass, "fine"}, Error},
		"all passed":       {[]Verdict{Pass, Pass}, Pass},
		"a skip among":     {[]Verdict{Skip, Pass}, Pass},
		"only skips":       {[]Verdict{Skip, Skip}, Skip},
		"an error":         {[]Verdict{Pass, Error, Skip}, Error},
		"a failure":        {[]Verdict{Pass, Fail, Skip}, Fail},
		"the worst of all": {[]Verdict{Error, Pass, Fail}, Fail},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Overall(c.parts); got != c.want {
				t.Errorf("%v gives %q, want %q", c.parts, got, c.want)
			}
		})
	}
}

func TestSettle(t *testing.T) {
	for name, c := range map[string]struct {
		in   Case
		want Verdict
	}{
		"no checks":               {Case{Verdict: Pass}, Error},
		"checks decide":           {Case{Verdict: Fail, Checks: []Check{{Verdict: Pass}}}, Pass},
		"a reason stays":          {Case{Verdict: Error, Reason: "the guest died", Checks: []Check{{Verdict: Pass}}}, Error},
		"a check may be worse":    {Case{Verdict: Error, Reason: "the guest died", Checks: []Check{{Verdict: Fail}}}, Fail},
		"a whole case skipped":    {Case{Verdict: Skip, Reason: "no 8021q"}, Skip},
		"a failure of no check":   {Case{Verdict: Fail}, Fail},
		"a reason, no verdict":    {Case{Reason: "what now"}, Error},
		"a check without any":     {Case{Checks: []Check{{}, {Verdict: Pass}}}, Error},
		"every check was skipped": {Case{Checks: []Check{{Verdict: Skip}}}, Skip},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 {
				if c.in.Settle(); c.in.Verdict != c.want {
					t.Errorf("the verdict is %q, want %q", c.in.Verdict, c.want)
				}
			}
		})
	}
}

func TestSummarizeMissesNothing(t *testing.T) {
	r := &Results{
		Summary: Summary{Pass: 99},
		Cases: []Case{
			{Verdict: Fail, Checks: []Check{{Verdict: Pass}, {Verdict: Fail}, {}}},
			{Verdict: Skip, Reason: "no 8021q"},
			{Verdict: Error, Reason: "the guest died", Checks: []Check{{Verdict: Pass}}},
			{},
		},
	}
	r.Summarize()
	if diff := cmp.Diff(Summary{Pass: 2, Fail: 1, Skip: 1, Error: 3}, r.Summary); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if r.Summary.Total() != 7 || r.Verdict() != Fail {
		t.Errorf("%d in all, verdict %s", r.Summary.Total(), r.Verdict())
	}
	n := 0
	for i := range r.Cases {
		n += len(r.Cases[i].entries())
	}
	if n != r.Summary.Total() {
		t.Errorf("the reports show %d entries, the summary counts %d", n, r.Summary.Total())
	}
}

func TestCoverage(t *testing.T) {
	got := map[string]Standing{}
	for _, c := range rich().Coverage() {
		got[c.Claim.ID] = c.Standing
	}
	want := map[string]Standing{
		"macvlan-host-unreachable": Disputed, "private-isolates": Refuted, "vlan-isolated": Proven,
		"ipvlan-one-mac": Open, "macvlan-trunk": Open, breakout: Disputed,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCoverageByKernel(t *testing.T) {
	check := func(v Verdict, refutes ...string) []Check {
		return []Check{{Verdict: v, Claims: []string{"x"}, Refutes: refutes}}
	}
	r := &Results{Cases: []Case{
		{Kernel: "6.1", Checks: check(Pass)}, {Kernel: "6.12", Checks: check(Pass, "x")}, {Kernel: "6.1", Checks: check(Skip)},
	}}
	all := r.Coverage()
	if len(all) != 1 || all[0].Standing != Refuted || len(all[0].Kernels) != 2 {
		t.Fatalf("%+v", all)
	}
	first, second := all[0].Kernels[0], all[0].Kernels[1]
	if first.Standing != Proven || len(first.Checks) != 2 || second.Standing != Refuted || len(second.Checks) != 1 || !second.Checks[0].Refutes {
		t.Errorf("%+v", all[0].Kernels)
	}
}

func TestHumane(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 ns", 999: "999 ns", 1500: "1.5 µs", 63 * time.Microsecond: "63 µs", 999_999: "1000 µs", 14_200 * time.Microsecond: "14.2 ms",
		123_456 * time.Microsecond: "123 ms", 3210 * time.Millisecond: "3.21 s", 12 * time.Second: "12 s", 61 * time.Second: "1 min 1 s",
		90 * time.Minute: "1 h 30 min", -time.Second: "-1s",
	} {
		if got := humane(d); got != want {
			t.Errorf("%d ns reads %q, want %q", d, got, want)
		}
	}
}

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "a\nb\tc": "a b c", "\x1b[2J": `\x1b[2J`, "\u202eabc": `\u202eabc`, "a\xffb": "a\ufffdb", "\ufffd": "\ufffd",
		"\ufeff": `\ufeff`, "日本": "日本", "\u2028": `\u2028`, "é\u0301": "é\u0301", "\U0001fffe": `\u1fffe`, "\u0085": `\x85`,
	} {
		if got := oneLine(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
	if got := block("a\r\nb\tc\x00"); got != "a\nb\tc\\x00" {
		t.Errorf("a block becomes %q", got)
	}
	for in, want := range map[string]string{"日本語": "日本語", "日本語x": "日本…", "abcd": "ab…"} {
		if got := clip(in, 3); got != want {
			t.Errorf("%q is clipped to %q, want %q", in, got, want)
		}
	}
	for in, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		if got := count(in); got != want {
			t.Errorf("%d reads %q, want %q", in, got, want)
		}
	}
}

func TestSplitLocation(t *testing.T) {
	for in, want := range map[string]struct {
		file string
		line int
	}{
		"a.yaml:7": {"a.yaml", 7}, "a.yaml": {"a.yaml", 0}, "c:\\a": {"c:\\a", 0}, "a:": {"a:", 0}, "a:0": {"a:0", 0},
		"a:99999999999999999999": {"a:99999999999999999999", 0}, "": {"", 0}, "a:b:3": {"a:b", 3},
	} {
		if file, line := splitLocation(in); file != want.file || line != want.line {
			t.Errorf("%q splits into %q and %d", in, file, line)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add(breakout, 10)
	f.Fuzz(func(t *testing.T, s string, n int) {
		n = 1 + n&0xff
		for _, got := range []string{oneLine(s), block(s), ktapText(s), cell(s)} {
			if !utf8.ValidString(got) {
				t.Errorf("%q becomes %q", s, got)
			}
		}
		if got := clip(oneLine(s), n); utf8.RuneCountInString(got) > n {
			t.Errorf("%q clipped to %d becomes %q", s, n, got)
		}
		if got := clipColumns(oneLine(s), n); columns(got) > n {
			t.Errorf("%q clipped to %d columns becomes %q", s, n, got)
		}
	})
}
