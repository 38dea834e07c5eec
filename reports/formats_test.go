package reports

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func junitOf(t testing.TB, r *Results) []byte {
	t.Helper()
	return render(t, func(b *bytes.Buffer) error { return WriteJUnit(b, r) })
}

func ktapOf(t testing.TB, r *Results) []byte {
	t.Helper()
	return render(t, func(b *bytes.Buffer) error { return WriteKTAP(b, r) })
}

func markdownOf(t testing.TB, r *Results) []byte {
	t.Helper()
	return render(t, func(b *bytes.Buffer) error { return WriteMarkdown(b, r) })
}

func TestJUnitGolden(t *testing.T) { held(t, "junit.xml", junitOf(t, rich())) }

// junitRead is what a CI system takes out of a JUnit file.
type junitRead struct {
	Tests    int `xml:"tests,attr"`
	Failures int `xml:"failures,attr"`
	Errors   int `xml:"errors,attr"`
	Skipped  int `xml:"skipped,attr"`
	Suites   []struct {
		Name       string `xml:"name,attr"`
		Tests      int    `xml:"tests,attr"`
		Properties []struct {
			Name  string `xml:"name,attr"`
			Value string `xml:"value,attr"`
		} `xml:"properties>property"`
		Cases []struct {
			Name    string `xml:"name,attr"`
			Class   string `xml:"classname,attr"`
			File    string `xml:"file,attr"`
			Line    int    `xml:"line,attr"`
			Failure *struct {
				Message string `xml:"message,attr"`
				Body    string `xml:",chardata"`
			} `xml:"failure"`
			Error   *struct{} `xml:"error"`
			Skipped *struct {
				Message string `xml:"message,attr"`
			} `xml:"skipped"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

func TestJUnitReadByAParser(t *testing.T) {
	r := rich()
	var got junitRead
	if err := xml.Unmarshal(junitOf(t, r), &got); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	var sum Summary
	for _, s := range got.Suites {
		for _, c := range s.Cases {
			key := c.Class + "\x00" + c.Name
			if seen[key] || strings.Count(c.Class, ".") != 1 {
				t.Errorf("class %q and name %q come twice or do not fit", c.Class, c.Name)
			}
			seen[key] = true
			switch {
			case c.Failure != nil:
				sum.Fail++
			case c.Error != nil:
				sum.Error++
			case c.Skipped != nil:
				sum.Skip++
			default:
				sum.Pass++
			}
		}
	}
	if sum != r.Summary || got.Tests != sum.Total() || got.Failures != sum.Fail || got.Errors != sum.Error || got.Skipped != sum.Skip {
		t.Errorf("the file holds %v and says %d tests, want %v", sum, got.Tests, r.Summary)
	}
	f := got.Suites[0].Cases[1]
	if f.Class != "host-6_18_44.docker-macvlan-bridge" || f.Name != "host-reaches-c1" || f.File != "catalogue/docker-macvlan-bridge.yaml" || f.Line != 28 {
		t.Errorf("the failing check is %+v", f)
	}
	for _, want := range []string{"expected  the frame", "observed  it arrived", "#14: ARP", "pcapng, packets 12, 14"} {
		if !strings.Contains(f.Failure.Body, want) {
			t.Errorf("the failure does not say %q:\n%s", want, f.Failure.Body)
		}
	}
	if p := got.Suites[1].Properties; len(p) < 5 || p[2].Value != oldKernel || p[4].Value != "42" {
		t.Errorf("the properties are %v", p)
	}
}

func TestJUnitReadByXmllint(t *testing.T) {
	lint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Skip("xmllint is not installed")
	}
	path := filepath.Join(t.TempDir(), "junit.xml")
	if err := os.WriteFile(path, junitOf(t, rich()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), lint, "--noout", "--nonet", path).CombinedOutput(); err != nil {
		t.Errorf("xmllint: %v\n%s", err, out)
	}
}

func TestKTAPGolden(t *testing.T) {
	got := ktapOf(t, rich())
	held(t, "results.ktap", got)
	sum := checkKTAP(t, got)
	if want := rich().Summary; sum != want {
		t.Errorf("the parser counts %v, want %v", sum, want)
	}
	checkKTAP(t, ktapOf(t, &Results{}))
}

func TestKTAPOfNothingFails(t *testing.T) {
	if got := ktapOf(t, &Results{}); !bytes.Contains(got, []byte("\n1..1\nnot ok 1 run # ERROR no case was run\n")) {
		t.Errorf("an empty run reads\n%s", got)
	}
}

// checkKTAP reads KTAP by the rules of the kernel's Documentation/dev-tools/ktap.rst,
// without the allowance for unknown lines, and counts the subtests.
func checkKTAP(t testing.TB, text []byte) Summary {
	t.Helper()
	k := ktapParser{t: t, lines: strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")}
	k.level("")
	if len(k.lines) > 0 {
		t.Fatalf("left over: %q", k.lines[0])
	}
	return k.sum
}

type ktapParser struct {
	t     testing.TB
	lines []string
	sum   Summary
}

var ktapLine = regexp.MustCompile(`^(ok|not ok) ([0-9]+) ([^#]*[^# ])(?: # (?:(SKIP|ERROR)(?: (.*))?|time=[0-9]+ms))?$`)

// level reads one level of tests and reports whether one of them failed.
func (k *ktapParser) level(indent string) (failed bool) {
	k.expect(indent + "KTAP version 1")
	var plan int
	if _, err := fmt.Sscanf(k.next(indent), "1..%d", &plan); err != nil || plan < 1 {
		k.t.Fatalf("no plan: %v", err)
	}
	names := map[string]bool{}
	for n := 1; n <= plan; n++ {
		childFailed, nested := false, false
		if indent == "" && len(k.lines) > 0 && strings.HasPrefix(k.lines[0], "  KTAP") {
			childFailed, nested = k.level(indent+"  "), true
		}
		for len(k.lines) > 0 && strings.HasPrefix(k.lines[0], indent+"# ") {
			k.lines = k.lines[1:]
		}
		line := k.next(indent)
		m := ktapLine.FindStringSubmatch(line)
		if m == nil || m[2] != strconv.Itoa(n) || names[m[3]] {
			k.t.Fatalf("line %q is no result with number %d and a name of its own", line, n)
		}
		names[m[3]] = true
		bad := m[1] == "not ok"
		if nested && childFailed && !bad {
			k.t.Fatalf("%q passed though a subtest failed", m[3])
		}
		failed = failed || bad
		if !nested {
			k.count(m[1], m[4])
		}
	}
	return failed
}

func (k *ktapParser) count(result, directive string) {
	switch {
	case directive == "SKIP":
		k.sum.Skip++
	case directive == "ERROR":
		k.sum.Error++
	case result == "ok":
		k.sum.Pass++
	default:
		k.sum.Fail++
	}
}

func (k *ktapParser) expect(line string) {
	k.t.Helper()
	if len(k.lines) == 0 || k.lines[0] != line {
		k.t.Fatalf("want line %q", line)
	}
	k.lines = k.lines[1:]
}

func (k *ktapParser) next(indent string) string {
	k.t.Helper()
	if len(k.lines) == 0 || !strings.HasPrefix(k.lines[0], indent) {
		k.t.Fatalf("want a line set in by %q", indent)
	}
	line := strings.TrimPrefix(k.lines[0], indent)
	k.lines = k.lines[1:]
	return line
}

func TestMarkdownGolden(t *testing.T) {
	got := markdownOf(t, rich())
	held(t, "report.md", got)
	checkMarkdown(t, got)
}

// checkMarkdown holds a summary against the size that GitHub takes, and looks
// for a row with more or fewer cells than its table, or markup that got through.
func checkMarkdown(t testing.TB, text []byte) {
	t.Helper()
	if len(text) > maxMarkdown {
		t.Fatalf("the summary has %d bytes", len(text))
	}
	cells := 0
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "|") {
			cells = 0
			continue
		}
		n := strings.Count(strings.NewReplacer(`\\`, "", `\|`, "").Replace(line), "|")
		if cells != 0 && n != cells {
			t.Fatalf("a row of %d bars in a table of %d: %s", n, cells, line)
		}
		cells = n
	}
	for _, tag := range regexp.MustCompile(`<[^>]*>?`).FindAllString(string(text), -1) {
		switch tag {
		case "<details>", "</details>", "<summary>", "</summary>", "<b>", "</b>", "<br>", "<code>", "</code>":
		default:
			t.Fatalf("markup that is not ours: %s", clip(tag, 40))
		}
	}
}

func TestMarkdownStaysSmall(t *testing.T) {
	r := many(40_000)
	for i := range r.Cases {
		r.Cases[i].Checks[0].Verdict = Fail
	}
	got := markdownOf(t, r)
	checkMarkdown(t, got)
	for _, want := range []string{"more of this verdict left out", "cases left out", "<details>"} {
		if !bytes.Contains(got, []byte(want)) {
			t.Errorf("the summary does not say %q", want)
		}
	}
}

func TestSaveLeavesWholeFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out", "deep")
	for range 2 { // the second time over the first
		if err := Save(dir, rich(), Formats()[2:]...); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o644 || info.Size() == 0 {
			t.Errorf("%s: %v %v", e.Name(), info, err)
		}
	}
	if got, want := strings.Join(names, " "), "junit.xml kcidb.json metrics.txt report.html report.md results.json results.ktap"; got != want {
		t.Errorf("the folder holds %q, want %q", got, want)
	}
	r, err := Load(dir)
	if err != nil || r.Summary != rich().Summary {
		t.Errorf("loaded %v, %v", r, err)
	}
}

func TestSaveSaysWhatItCouldNotWrite(t *testing.T) {
	dir := t.TempDir()
	// A folder stands where the page should go.
	if err := os.MkdirAll(filepath.Join(dir, FileHTML, "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	err := Save(dir, rich(), Formats()...)
	if err == nil || !strings.Contains(err.Error(), "write report.html") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, FileMarkdown)); err != nil {
		t.Errorf("the other reports are missing: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := Load(t.TempDir()); err == nil || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("loading nothing: %v", err)
	}
}
