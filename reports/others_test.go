package reports

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/joshdk/go-junit"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The reports in the hands of programs that are not ours.

// runs are results that every reader has to cope with.
func runs() map[string]*Results {
	return map[string]*Results{"rich": rich(), "empty": {}, "many": many(2000)}
}

func TestJUnitReadByGoJUnit(t *testing.T) {
	for name, r := range runs() {
		suites, err := junit.Ingest(junitOf(t, r))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var got Summary
		for _, s := range suites {
			for _, c := range s.Tests {
				got.count(map[junit.Status]Verdict{junit.StatusPassed: Pass, junit.StatusFailed: Fail, junit.StatusSkipped: Skip, junit.StatusError: Error}[c.Status])
				if c.Name == "" || c.Classname == "" {
					t.Errorf("%s: a test without a name: %+v", name, c)
				}
			}
		}
		if want := r.tally(); got != want {
			t.Errorf("%s: it counts %+v, want %+v", name, got, want)
		}
	}
	suites, err := junit.Ingest(junitOf(t, rich()))
	if err != nil {
		t.Fatal(err)
	}
	c := suites[0].Tests[1]
	if c.Properties["file"] != "catalogue/docker-macvlan-bridge.yaml" || c.Properties["line"] != "28" || !strings.Contains(c.Message, "it arrived") {
		t.Errorf("the failing check reads %+v", c)
	}
}

// tapLevels takes nested KTAP apart into flat streams, for readers of plain TAP.
func tapLevels(text []byte) []string {
	var outer strings.Builder
	var levels []string
	for line := range strings.Lines(string(text)) {
		inner, nested := strings.CutPrefix(line, "  ")
		switch {
		case !nested:
			outer.WriteString(line)
		case strings.HasPrefix(inner, "KTAP version"):
			levels = append(levels, inner)
		default:
			levels[len(levels)-1] += inner
		}
	}
	return append(levels, outer.String())
}

// tapReader has Perl's own reader of TAP count each stream: planned, passed and not
// skipped, failed, skipped, mistakes of form.
const tapReader = `use TAP::Parser; local $/; for my $tap (split /\0/, <STDIN>) {
my $p = TAP::Parser->new({tap => $tap}); my ($pass, $fail, $skip) = (0, 0, 0);
while (my $r = $p->next) { next unless $r->is_test; if ($r->has_skip) { $skip++ } elsif ($r->is_ok) { $pass++ } else { $fail++ } }
printf "%d %d %d %d %d\n", $p->tests_planned, $pass, $fail, $skip, scalar $p->parse_errors; }`

func TestKTAPReadByTAPParser(t *testing.T) {
	perl, err := exec.LookPath("perl")
	if err == nil {
		err = exec.CommandContext(t.Context(), perl, "-MTAP::Parser", "-e1").Run()
	}
	if err != nil {
		t.Skipf("perl with TAP::Parser is not installed: %v", err)
	}
	for name, r := range runs() {
		levels := tapLevels(ktapOf(t, r))
		cmd := exec.CommandContext(t.Context(), perl, "-e", tapReader)
		cmd.Stdin = strings.NewReader(strings.Join(levels, "\x00"))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		var pass, fail, skip int
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		if len(lines) != len(levels) {
			t.Fatalf("%s: %d answers for %d streams", name, len(lines), len(levels))
		}
		for i, line := range lines {
			var planned, p, f, s, bad int
			if _, err := fmt.Sscan(line, &planned, &p, &f, &s, &bad); err != nil || bad != 0 || planned != p+f+s {
				t.Fatalf("%s: stream %d: %q (%v)\n%s", name, i, line, err, levels[i])
			}
			if i < len(levels)-1 || len(r.Cases) == 0 {
				pass, fail, skip = pass+p, fail+f, skip+s
			}
		}
		want := r.tally()
		if len(r.Cases) == 0 {
			want.Error = 1
		}
		if pass != want.Pass || fail != want.Fail+want.Error || skip != want.Skip {
			t.Errorf("%s: it counts %d, %d and %d, want %+v", name, pass, fail, skip, want)
		}
	}
}

func kcidbOf(t testing.TB, r *Results) []byte {
	t.Helper()
	return render(t, func(b *bytes.Buffer) error { return WriteKCIDB(b, r) })
}

func TestKCIDBFitsItsSchema(t *testing.T) {
	text, err := os.ReadFile("testdata/kcidb.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("kcidb.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("kcidb.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range runs() {
		got, err := jsonschema.UnmarshalJSON(bytes.NewReader(kcidbOf(t, r)))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(got); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKCIDBReadByKcidbIO(t *testing.T) {
	const read = `import json, sys, kcidb_io; kcidb_io.schema.LATEST.validate(json.load(sys.stdin))`
	if exec.CommandContext(t.Context(), "python3", "-c", "import kcidb_io").Run() != nil {
		t.Skip("python3 has no kcidb_io (pip install kcidb-io)")
	}
	for name, r := range runs() {
		cmd := exec.CommandContext(t.Context(), "python3", "-c", read)
		cmd.Stdin = bytes.NewReader(kcidbOf(t, r))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

func TestKCIDBTellsWhatCameOut(t *testing.T) {
	var got kcidbReport
	if err := json.Unmarshal(kcidbOf(t, rich()), &got); err != nil {
		t.Fatal(err)
	}
	count, builds, ids := map[string]int{}, map[string]bool{}, map[string]bool{}
	for _, b := range got.Builds {
		builds[b.ID] = true
	}
	for _, x := range got.Tests {
		count[x.Status]++
		if !builds[x.BuildID] || ids[x.ID] {
			t.Errorf("test %q belongs to no build, or comes twice", x.ID)
		}
		ids[x.ID] = true
	}
	s := rich().Summary
	want := map[string]int{"PASS": s.Pass, "FAIL": s.Fail, "SKIP": s.Skip, "ERROR": s.Error - 1, "MISS": 1}
	if diff := cmp.Diff(want, count); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got.Builds[0].Architecture != "x86_64" || got.Tests[1].Path != "lanproof.docker-macvlan-bridge.host-reaches-c1" {
		t.Errorf("build %+v, path %q", got.Builds[0], got.Tests[1].Path)
	}
}

func metricsOf(t testing.TB, r *Results) []byte {
	t.Helper()
	return render(t, func(b *bytes.Buffer) error { return WriteOpenMetrics(b, r) })
}

// metricsReader has Prometheus' own reader of OpenMetrics say what it found.
const metricsReader = `import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
for f in text_string_to_metric_families(sys.stdin.read()):
    for s in f.samples:
        print(f.name, f.type, int(s.value), *(s.labels.get(k, "") for k in ("verdict", "ground")))`

func TestOpenMetricsReadByItsReferenceParser(t *testing.T) {
	// Debian's own python has Debian's packages, whatever else is first in PATH.
	python := "/usr/bin/python3"
	if out, err := exec.CommandContext(t.Context(), python, "-c", "import prometheus_client.openmetrics").CombinedOutput(); err != nil {
		t.Skipf("python3-prometheus-client is not installed: %v: %s", err, out)
	}
	for name, r := range runs() {
		cmd := exec.CommandContext(t.Context(), python, "-c", metricsReader)
		cmd.Env = append(os.Environ(), "PYTHONIOENCODING=utf-8")
		cmd.Stdin = bytes.NewReader(metricsOf(t, r))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		var got Summary
		cases := 0
		for line := range strings.Lines(string(out)) {
			f := strings.Fields(line)
			switch f[0] {
			case "lanproof_checks":
				var n int
				fmt.Sscan(f[2], &n)
				for range n {
					got.count(Verdict(f[3]))
				}
			case "lanproof_case_duration_seconds":
				cases++
			}
		}
		if want := r.tally(); got != want || cases != len(r.Cases) {
			t.Errorf("%s: it counts %+v in %d cases, want %+v in %d", name, got, cases, want, len(r.Cases))
		}
	}
}

func TestOpenMetricsGolden(t *testing.T) { held(t, "metrics.txt", metricsOf(t, rich())) }

func TestKCIDBGolden(t *testing.T) { held(t, "kcidb.json", kcidbOf(t, rich())) }

func annotationsOf(t testing.TB, r *Results) string {
	t.Helper()
	return string(render(t, func(b *bytes.Buffer) error { return WriteAnnotations(b, r) }))
}

func TestAnnotationsGolden(t *testing.T) {
	held(t, "annotations.txt", []byte(annotationsOf(t, rich())))
}

func TestAnnotationsQuote(t *testing.T) {
	r := &Results{Cases: []Case{{Case: "c", Checks: []Check{{
		Title: "a, b: 100%", Verdict: Fail, Expected: "50% :: x, y", Observed: "z", Location: "dir,1/a:b%.yaml:7",
	}}}}}
	want := "::error file=dir%2C1/a%3Ab%25.yaml,line=7,title=a%2C b%3A 100%25::expected: 50%25 :: x, y; observed: z%0Ac on \n"
	if got := annotationsOf(t, r); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// Failures stand before errors, what fails most first, and no more than GitHub shows.
func TestAnnotationsByImportance(t *testing.T) {
	r := &Results{}
	add := func(v Verdict, location string, times int) {
		for range times {
			r.Cases = append(r.Cases, Case{Case: "c", Checks: []Check{{Title: "t", Verdict: v, Location: location}}})
		}
	}
	add(Error, "e.yaml:1", 5)
	add(Fail, "once.yaml:1", 1)
	add(Fail, "often.yaml:1", 3)
	lines := strings.Split(strings.TrimSpace(annotationsOf(t, r)), "\n")
	if len(lines) != 3 || !strings.Contains(lines[0], "file=often.yaml") || !strings.Contains(lines[0], "and 2 more checks at this line") ||
		!strings.Contains(lines[1], "file=once.yaml") || !strings.Contains(lines[2], "file=e.yaml") {
		t.Errorf("the order is\n%s", strings.Join(lines, "\n"))
	}
	for i := range 20 {
		add(Fail, fmt.Sprintf("f%d.yaml:1", i), 1)
	}
	lines = strings.Split(strings.TrimSpace(annotationsOf(t, r)), "\n")
	if len(lines) != maxAnnotations || !strings.Contains(lines[9], "14 more lines of scenarios") {
		t.Errorf("%d lines, the last one %s", len(lines), lines[len(lines)-1])
	}
	if got := annotationsOf(t, &Results{}); got != "::error title=lanproof::no case was run\n" {
		t.Errorf("an empty run reads %q", got)
	}
}

// FuzzFormats puts rubbish into every field that comes from outside, and looks
// whether it breaks out of its place in any format.
func FuzzFormats(f *testing.F) {
	f.Add(breakout, "a.yaml:1")
	f.Add("\n::error::x\r\n# EOF\n", ":::7")
	f.Add("\"\\\n{}", "x\n::warning ::y:3")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, text, location string) {
		c := hostileCase()
		c.Case, c.Ground, c.Kernel, c.Scenario = text, text, text, text
		c.Checks[0].ID, c.Checks[0].Title, c.Checks[0].Expected, c.Checks[0].Observed = text, text, text, text
		c.Checks[0].Location = location
		r := &Results{Cases: []Case{c, c}, Environment: []Environment{{Ground: text, Kernel: text, Arch: text, Tool: text, Detail: map[string]string{text: text}}}}
		checkAnnotations(t, annotationsOf(t, r))
		checkMetrics(t, string(metricsOf(t, r)))
		checkMarkdown(t, markdownOf(t, r))
		if _, err := junit.Ingest(junitOf(t, r)); err != nil {
			t.Errorf("junit: %v", err)
		}
		var k kcidbReport
		if err := json.Unmarshal(kcidbOf(t, r), &k); err != nil {
			t.Errorf("kcidb: %v", err)
		}
	})
}

// checkAnnotations looks for lines that are no command of ours.
func checkAnnotations(t *testing.T, text string) {
	for line := range strings.Lines(text) {
		where, _, ok := strings.Cut(strings.TrimPrefix(line, "::error "), "::")
		if !ok || !strings.HasPrefix(line, "::error ") || strings.ContainsAny(where, "\r\n") || strings.Count(where, ",") > 2 || !utf8.ValidString(line) {
			t.Errorf("no command of ours: %q", line)
		}
	}
}

// checkMetrics looks for lines that are neither a comment nor a sample of ours, and
// for a series that comes twice.
func checkMetrics(t *testing.T, text string) {
	seen := map[string]bool{}
	for line := range strings.Lines(text) {
		series := line[:strings.LastIndexByte(line, ' ')]
		if !strings.HasPrefix(line, "lanproof_") && !strings.HasPrefix(line, "# ") || !strings.HasPrefix(line, "# ") && seen[series] || !utf8.ValidString(line) {
			t.Errorf("no sample of ours, or one twice: %q", line)
		}
		seen[series] = true
	}
	if !strings.HasSuffix(text, "\n# EOF\n") || strings.Count(text, "# EOF\n") != 1 {
		t.Error("the end is not where it belongs")
	}
}
