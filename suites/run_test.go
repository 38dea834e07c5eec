package suites_test

import (
	"bufio"
	"context"
	"encoding/xml"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanproof/lanproof/guest"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/suites"
)

// folder names the folder that TestTheirs runs.
const folder = "SUITES_TEST_FOLDER"

// TestTheirs is the suite that the other tests run in a process of its own.
func TestTheirs(t *testing.T) {
	dir := os.Getenv(folder)
	if dir == "" {
		t.Skip("run by the other tests")
	}
	o := suites.Options{Dir: "theirs", Out: os.Getenv("SUITES_TEST_OUT"), On: run.Ground(os.Getenv("SUITES_TEST_ON"))}
	suites.Run(t, os.DirFS(dir), o)
}

// theirs is one run of TestTheirs.
type theirs struct {
	output string
	status int
	out    string // the directory for captures and results
}

// start runs the folder of testdata with flags of the test binary.
func start(t *testing.T, name string, flags ...string) theirs {
	t.Helper()
	return startBy(t, name, os.Args[0], append([]string{"-test.run=^TestTheirs$", "-ginkgo.no-color"}, flags...)...)
}

// command is a process with TestTheirs in it, that runs a folder of testdata.
func command(t *testing.T, name, out, program string, args ...string) *exec.Cmd {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), folder+"="+dir, "SUITES_TEST_OUT="+out)
	return cmd
}

func startBy(t *testing.T, name, program string, args ...string) theirs {
	t.Helper()
	r := theirs{out: t.TempDir()}
	cmd := command(t, name, r.out, program, args...)
	output, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	r.output, r.status = string(output), cmd.ProcessState.ExitCode()
	return r
}

// want checks exit status and what the output says.
func (r theirs) want(t *testing.T, status int, texts ...string) {
	t.Helper()
	if r.status != status {
		t.Errorf("exit status %d, want %d", r.status, status)
	}
	for _, text := range texts {
		if !strings.Contains(r.output, text) {
			t.Errorf("the output does not have %q", text)
		}
	}
	if t.Failed() {
		t.Log(r.output)
	}
}

// ran are the cases that the run's results have.
func (r theirs) ran(t *testing.T) []string {
	t.Helper()
	results, err := reports.Load(r.out)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for i := range results.Cases {
		names = append(names, results.Cases[i].Case)
	}
	return names
}

var allCases = []string{"siblings@mode=bridge", "siblings@mode=private", "wrong"}

type junitFile struct {
	Cases []struct {
		Name    string `xml:"name,attr"`
		Failure string `xml:"failure"`
	} `xml:"testsuite>testcase"`
}

func readJUnit(t *testing.T, name string) (names []string, failures string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var j junitFile
	if err := xml.Unmarshal(text, &j); err != nil {
		t.Fatal(err)
	}
	for _, c := range j.Cases {
		if strings.HasPrefix(c.Name, "[It]") {
			names = append(names, c.Name)
		}
		failures += c.Failure
	}
	return names, failures
}

var allNames = []string{
	"[It] siblings@mode=bridge siblings", "[It] siblings@mode=bridge kind",
	"[It] siblings@mode=private siblings", "[It] siblings@mode=private kind",
	"[It] wrong host-reaches-child", "[It] wrong kind",
}

func TestFailureStandsInScenario(t *testing.T) {
	report := filepath.Join(t.TempDir(), "junit.xml")
	r := start(t, "lan", "-ginkgo.junit-report="+report)
	r.want(t, 1,
		"[FAILED] theirs/wrong.yaml:22: host reaches c1 by ICMP echo", "expected  the answer comes back", "observed  ",
		"[macvlan, bad, wrong, needs:", "5 Passed", "1 Failed", "0 Skipped")
	names, failures := readJUnit(t, report)
	if diff := cmp.Diff(allNames, names); diff != "" {
		t.Errorf("names in the JUnit report (-want +got):\n%s", diff)
	}
	if want := "In [It] at: theirs/wrong.yaml:22"; !strings.Contains(failures, want) {
		t.Errorf("JUnit failures %q, want %q in them", failures, want)
	}
	if diff := cmp.Diff(allCases, r.ran(t)); diff != "" {
		t.Errorf("cases run (-want +got):\n%s", diff)
	}
	for _, name := range allCases {
		if _, err := os.Stat(filepath.Join(r.out, "captures", name+".pcapng")); err != nil {
			t.Error(err)
		}
	}
}

func TestFiltersChooseCases(t *testing.T) {
	for _, c := range []struct {
		name, flag, says string
		want             []string
	}{
		{"label", "-ginkgo.label-filter=good", "4 Passed", allCases[:2]},
		{"variable", "-ginkgo.label-filter=mode: containsAny private", "2 Passed", allCases[1:2]},
		{"scenario", "-ginkgo.label-filter=!wrong", "4 Passed", allCases[:2]},
		{"focus", "-ginkgo.focus=wrong kind", "1 Passed", allCases[2:]},
		{"file", "-ginkgo.focus-file=wrong.yaml:24", "1 Passed", allCases[2:]},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := start(t, "lan", c.flag)
			r.want(t, 0, c.says)
			if diff := cmp.Diff(c.want, r.ran(t)); diff != "" {
				t.Errorf("cases run (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNothingLeftFails(t *testing.T) {
	start(t, "lan", "-ginkgo.label-filter=macvlam").want(t, 1, "Detected no specs ran")
}

func TestDryRunBuildsNothing(t *testing.T) {
	r := start(t, "lan", "-ginkgo.dry-run")
	r.want(t, 0, "6 Passed")
	if kept, err := os.ReadDir(r.out); err != nil || len(kept) > 0 {
		t.Errorf("a dry run left %v, %v", kept, err)
	}
}

func TestBrokenFile(t *testing.T) {
	r := start(t, "broken", "-ginkgo.label-filter=good")
	r.want(t, 1, "theirs/misspelt.yaml:6:14: unknown field \"adresses\"", "theirs/misspelt.yaml:8:17: ", "nothing was run")
	if strings.Contains(r.output, "Will run") {
		t.Error("specs ran in spite of it")
	}
}

func TestFailFast(t *testing.T) {
	start(t, "lan", "-ginkgo.fail-fast", "-ginkgo.focus=wrong").want(t, 1, "0 Passed", "1 Failed", "5 Skipped")
}

func TestCount(t *testing.T) {
	r := start(t, "lan", "-ginkgo.label-filter=good", "-test.count=2")
	r.want(t, 0)
	if n := strings.Count(r.output, "4 Passed"); n != 2 {
		t.Errorf("the suite ran %d times, want 2:\n%s", n, r.output)
	}
}

func TestBadOptions(t *testing.T) {
	t.Setenv("SUITES_TEST_ON", "moon")
	start(t, "lan").want(t, 1, `there is no ground "moon"`)
}

// TestParallel runs the suite by the ginkgo command in two processes.
func TestParallel(t *testing.T) {
	ginkgo := filepath.Join(t.TempDir(), "ginkgo")
	if out, err := exec.Command("go", "build", "-o", ginkgo, "github.com/onsi/ginkgo/v2/ginkgo").CombinedOutput(); err != nil {
		t.Skipf("needs the ginkgo command: %v: %s", err, out)
	}
	reports := t.TempDir()
	binary, err := filepath.Abs(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	r := startBy(t, "lan", ginkgo, "--procs=2", "--no-color", "--junit-report=junit.xml", "--output-dir="+reports, binary, "--", "-test.run=^TestTheirs$")
	r.want(t, 1, "Running in parallel across 2 processes", "5 Passed", "1 Failed", "theirs/wrong.yaml:22")
	if diff := cmp.Diff(allCases, r.ran(t)); diff != "" {
		t.Errorf("cases run (-want +got):\n%s", diff)
	}
	names, _ := readJUnit(t, filepath.Join(reports, "junit.xml"))
	if diff := cmp.Diff(allNames, names); diff != "" {
		t.Errorf("names in the JUnit report (-want +got):\n%s", diff)
	}
}

// TestGuest has cases that this test's binary, or what is built for it, carries
// out as /init.
func TestGuest(t *testing.T) {
	needGuests(t)
	r := start(t, "lan", "-ginkgo.label-filter=good", "-ginkgo.v")
	r.want(t, 0, "2 case(s) in a guest", "4 Passed")
	if n := strings.Count(r.output, "case(s) in a guest"); n != 1 {
		t.Errorf("%d boots, want one for all", n)
	}
}

// TestInterrupt ends a suite whose guest boots.
func TestInterrupt(t *testing.T) {
	needGuests(t)
	cmd := command(t, "lan", t.TempDir(), os.Args[0], "-test.run=^TestTheirs$", "-ginkgo.no-color", "-ginkgo.v")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := theirs{}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		r.output += lines.Text() + "\n"
		if strings.Contains(lines.Text(), "case(s) in a guest") {
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Error(err)
			}
		}
	}
	_ = cmd.Wait() // its status says more
	r.status = cmd.ProcessState.ExitCode()
	r.want(t, 1, "Interrupted by User", "0 Passed")
	if strings.Contains(r.output, "leak") {
		t.Errorf("goroutines are left:\n%s", r.output)
	}
	if err := syscall.Kill(-cmd.Process.Pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("processes are left: %v", err)
	}
}

// needGuests has all cases of start run in guests, or skips the test where there
// can be none.
func needGuests(t *testing.T) {
	t.Helper()
	ctx := context.Background()
	if _, err := guest.HaveQEMU(ctx); err != nil {
		t.Skip(err)
	}
	if _, err := guest.Resolve(ctx, run.DefaultKernel, ""); err != nil {
		t.Skip(err)
	}
	t.Setenv("SUITES_TEST_ON", string(run.Guest))
}
