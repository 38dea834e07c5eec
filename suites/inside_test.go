package suites

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/onsi/ginkgo/v2"

	"github.com/lanproof/lanproof/guest"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/scenarios"
)

func prepared(t *testing.T, name string) *run.Prepared {
	t.Helper()
	f, err := scenarios.LoadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	p, err := run.Prepare(f.Cases()[0], 0)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestOpinion(t *testing.T) {
	p := prepared(t, "testdata/lan/wrong.yaml")
	checks := p.Checks()
	passed := reports.Check{ID: checks[0].ID, Verdict: reports.Pass}
	failed := reports.Check{ID: checks[0].ID, Verdict: reports.Fail, Expected: "this", Observed: "that"}
	skipped := reports.Check{ID: checks[0].ID, Verdict: reports.Skip, Observed: "no such counter"}
	unknown := reports.Check{ID: checks[0].ID, Verdict: reports.Error, Observed: "no canary"}
	other := reports.Check{ID: checks[1].ID, Verdict: reports.Pass}
	for _, c := range []struct {
		name string
		of   reports.Case
		want reports.Verdict
		says string
	}{
		{"pass", reports.Case{Verdict: reports.Pass, Checks: []reports.Check{passed, other}}, reports.Pass, ""},
		{"pass beside a failure", reports.Case{Verdict: reports.Fail, Checks: []reports.Check{passed, other}}, reports.Pass, ""},
		{"fail", reports.Case{Verdict: reports.Fail, Checks: []reports.Check{failed, other}}, reports.Fail, "expected  this\n  observed  that"},
		{"skip", reports.Case{Verdict: reports.Pass, Checks: []reports.Check{skipped, other}}, reports.Skip, "no such counter"},
		{"unknown", reports.Case{Verdict: reports.Error, Checks: []reports.Check{unknown, other}}, reports.Error, "could not find out: "},
		{"none of it", reports.Case{Verdict: reports.Pass, Checks: []reports.Check{other}}, reports.Error, "without a result of this check"},
		{"case skipped", reports.Case{Verdict: reports.Skip, Reason: "needs vlan"}, reports.Skip, "needs vlan"},
		{"case failed", reports.Case{Verdict: reports.Fail, Reason: "every kernel has it"}, reports.Fail, "every kernel has it"},
		{"case in trouble", reports.Case{Verdict: reports.Error, Reason: "it died", Console: "Oops"}, reports.Error, "could not find out: it died\nthe end of the guest's console:\nOops"},
		{"case in trouble before this check", reports.Case{Verdict: reports.Error, Reason: "step 1", Checks: []reports.Check{other}}, reports.Error, "step 1"},
		{"case in trouble after this check", reports.Case{Verdict: reports.Error, Reason: "step 1", Checks: []reports.Check{passed}}, reports.Pass, ""},
		{"case in trouble after all checks", reports.Case{Verdict: reports.Error, Reason: "a link was left", Checks: []reports.Check{passed, other}}, reports.Error, "a link was left"},
		{"nothing", reports.Case{}, reports.Error, "could not find out"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := opinionOf(&c.of, p, &checks[0])
			if got.verdict != c.want {
				t.Errorf("verdict %s, want %s", got.verdict, c.want)
			}
			if !strings.Contains(got.text, c.says) {
				t.Errorf("text %q, want %q in it", got.text, c.says)
			}
			if got.verdict != reports.Pass && got.verdict != reports.Skip && !strings.HasPrefix(got.text, "testdata/lan/wrong.yaml:22: ") {
				t.Errorf("text %q does not begin with the place", got.text)
			}
		})
	}
}

func TestLabels(t *testing.T) {
	p := prepared(t, "testdata/lan/siblings.yaml")
	want := ginkgo.Labels{"macvlan", "good", "siblings", "mode:bridge", "needs:bridge", "needs:macvlan", "needs:veth"}
	if diff := cmp.Diff(want, labels(p)); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	got := clean([]string{"kernel:debian/6.1", "a,b", "size:", "a,b", " ", "!x"})
	if diff := cmp.Diff(ginkgo.Labels{"kernel:debian-6.1", "a-b", "size", "-x"}, got); diff != "" {
		t.Errorf("clean labels (-want +got):\n%s", diff)
	}
}

func TestLoad(t *testing.T) {
	good, err := os.ReadFile("testdata/lan/wrong.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file := &fstest.MapFile{Data: good}
	for _, c := range []struct {
		name  string
		files fstest.MapFS
		says  string // the error; none when empty
	}{
		{"one folder", fstest.MapFS{"wrong.yaml": file, "readme.md": file}, ""},
		{"below", fstest.MapFS{"a/b/wrong.yaml": file}, ""},
		{"none", fstest.MapFS{"readme.md": file}, "lan: the folder has no scenario file (*.yaml, *.yml)"},
		{"two of a name", fstest.MapFS{"a/wrong.yaml": file, "b/wrong.yaml": file}, "lan/b/wrong.yaml:1:1: scenario wrong is also lan/a/wrong.yaml: results go by the name"},
		{"empty file", fstest.MapFS{"a/wrong.yaml": file, "b/none.yaml": {}}, "lan/b/none.yaml:1:1: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			cases, err := load(c.files, &Options{Dir: "lan"})
			switch {
			case c.says == "" && (err != nil || len(cases) != 1):
				t.Errorf("%d cases, %v; want one", len(cases), err)
			case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
				t.Errorf("error %v, want %q", err, c.says)
			}
		})
	}
}

func TestOptions(t *testing.T) {
	o := Options{Kernels: []string{"debian:6.1", "debian:6.12"}}
	if err := o.check(); err == nil {
		t.Error("several kernels are taken without a word on other grounds than guest")
	}
	o.On, o.Out = run.Guest, "out"
	if err := o.check(); err != nil {
		t.Error(err)
	}
	var got []string
	for _, kernel := range o.kernels() {
		r := o.run(kernel)
		got = append(got, strings.Join(r.Kernels, " ")+" in "+r.Out)
	}
	if diff := cmp.Diff([]string{"debian:6.1 in out/debian-6.1", "debian:6.12 in out/debian-6.12"}, got); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
}

// TestSlim copies a program without its debugging information and runs it.
func TestSlim(t *testing.T) {
	dir := t.TempDir()
	program := dir + "/program"
	cmd := exec.Command("go", "build", "-race=false", "-o", program, module+"/suites/guestinit")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if ok, err := guest.Static(program); err != nil || !ok {
		t.Fatalf("static = %v, %v", ok, err)
	}
	copied, err := slim(program, dir)
	if err != nil {
		t.Fatal(err)
	}
	before, after := size(t, program), size(t, copied)
	if after >= before*9/10 {
		t.Errorf("%d of %d bytes are left", after, before)
	}
	out, err := exec.Command(copied).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 || !bytes.Contains(out, []byte("/init of a guest only")) {
		t.Errorf("the copy ended with %v: %s", err, out)
	}
	if _, err := elf.Open(copied); err != nil {
		t.Error(err)
	}
}

func size(t *testing.T, name string) int64 {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// TestNoInit has neither a static binary nor a go command to make one.
func TestNoInit(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := buildInit(context.Background(), t.TempDir())
	if !errors.Is(err, errDynamic) || !strings.Contains(err.Error(), "CGO_ENABLED=0") {
		t.Errorf("error %v, want the cure", err)
	}
}
