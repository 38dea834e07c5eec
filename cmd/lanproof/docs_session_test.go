package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/yuin/goldmark/ast"
	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/guest"
	"github.com/lanproof/lanproof/guest/kernel"
	"github.com/lanproof/lanproof/run"
)

// notRun are commands that stand in the pages and are not run here, and why.
var notRun = map[string]string{
	"make build": "builds the whole project; TestMain has built lanproof as it does",
	"make run":   "installs packages and runs the whole catalogue, half a minute",
	"make test":  "is what runs this test",
	"make bench": "takes many minutes, and figures of a busy machine are worth nothing",
	"apt-get update && apt-get install -y --no-install-recommends qemu-system-x86": "installs packages",
	"go install github.com/lanproof/lanproof/cmd/lanproof@latest":                  "fetches what TestMain has built",
}

// instead is done in the place of commands that would fetch something, or that are
// for the repository.
var instead = map[string]string{
	"cp ~/Downloads/linux-image-6.12*-cloud-amd64_*.deb kernel.deb": `cp "$(ls -t "$LANPROOF_CACHE"/debian/linux-image-6.12*-cloud-amd64_*.deb | head -n1)" kernel.deb`,
	"go test -run '^$' -bench NegativeByFence -benchtime 10x ./probe": `(cd "$REPOSITORY" &&
		GOFLAGS= go test -run '^$' -bench NegativeByFence -benchtime 10x ./probe)`,
	"go get github.com/lanproof/lanproof/suites@latest": `cp "$REPOSITORY/go.sum" . &&
		go mod edit -require=github.com/lanproof/lanproof@v0.0.0 -replace=github.com/lanproof/lanproof="$REPOSITORY"`,
}

// step is one thing that a reader of a page does.
type step struct {
	at      string
	save    string // a file to write, with text
	text    string
	command string // or a command to run
	want    []string
	status  int
	env     string // assignments before the command, from a CI system
}

var saveAs = regexp.MustCompile(`Save this as (\S+):$`)

// session is what a page tells its reader to do.
func session(t *testing.T, p page) []step {
	t.Helper()
	var steps []step
	files := 0
	walk(p, func(b *ast.FencedCodeBlock) {
		if b.Lines().Len() == 0 {
			return
		}
		content := string(b.Lines().Value(p.source))
		at := p.at(b.Lines().At(0).Start)
		if string(b.Language(p.source)) == "console" {
			steps = append(steps, typed(t, at, content)...)
			return
		}
		before, ok := b.PreviousSibling().(*ast.Paragraph)
		if !ok {
			return
		}
		if m := saveAs.FindStringSubmatch(p.words(before)); m != nil {
			files++
			steps = append(steps, step{at: at, save: m[1], text: content})
			steps = append(steps, pipeline(t, at, m[1], content)...)
		}
	})
	if told := strings.Count(string(p.source), "Save this as"); told != files {
		t.Errorf("%s has its reader save %d files, and %d stand in it", p.name, told, files)
	}
	return steps
}

// typed reads a block of commands and what they print.
func typed(t *testing.T, at, content string) []step {
	t.Helper()
	var steps []step
	exit := regexp.MustCompile(`^\[exit status (\d+)\]$`)
	for line := range strings.Lines(content) {
		line = strings.TrimSuffix(line, "\n")
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			steps = append(steps, step{at: at, command: command})
			continue
		}
		if len(steps) == 0 {
			t.Fatalf("%s: a session that begins without a command", at)
		}
		last := &steps[len(steps)-1]
		if m := exit.FindStringSubmatch(line); m != nil {
			last.status, _ = strconv.Atoi(m[1]) // it is digits
		} else {
			last.want = append(last.want, line)
		}
	}
	return steps
}

func TestDocsSessions(t *testing.T) {
	for _, p := range pages(t) {
		steps := session(t, p)
		if !slices.ContainsFunc(steps, func(s step) bool { return s.command != "" }) {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(p.name), ".md"), func(t *testing.T) {
			t.Parallel()
			if os.Getuid() != 0 {
				t.Skip("a session gets a /run of its own, for topologies that it keeps, which takes root")
			}
			for _, s := range steps {
				if err := lacks(t.Context(), s.command); err != nil {
					t.Skip(err)
				}
			}
			follow(t, steps)
		})
	}
}

// lacks says what a command takes and this machine does not have; nil where it has
// everything.
func lacks(ctx context.Context, command string) error {
	for _, tool := range strings.Fields(command) {
		if slices.Contains([]string{"tshark", "dpkg", "ip"}, tool) {
			if _, err := exec.LookPath(tool); err != nil {
				return err
			}
		}
	}
	if strings.Contains(command, "--drops") || strings.Contains(command, "explain") {
		if traced, err := condition("drops"); !traced {
			return fmt.Errorf("drops cannot be traced here: %w", err)
		}
	}
	if !strings.Contains(command, "--kernel") && !strings.Contains(command, "--on guest") {
		return nil
	}
	for _, name := range []string{"debian:6.1", "debian:6.12"} {
		if _, err := guest.Resolve(ctx, name, ""); errors.Is(err, kernel.ErrNotFound) || errors.Is(err, guest.ErrNoQEMU) {
			return err
		}
	}
	return nil
}

// follow does what a page says, as one script in one shell, and holds what came of
// it against the page.
func follow(t *testing.T, steps []step) {
	t.Helper()
	home, notes := t.TempDir(), t.TempDir()
	if err := os.Symlink(bin, filepath.Join(home, "bin")); err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs(repository)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range steps {
		if strings.HasPrefix(s.command, "apt") && notRun[s.command] == "" {
			t.Fatalf("%s: %s: this would change the machine, and no reason is known not to run it", s.at, s.command)
		}
	}
	cmd := exec.Command("sh", "-s")
	cmd.Stdin = strings.NewReader(script(t, steps, notes))
	cmd.Dir = home
	cmd.Env = append(os.Environ(), "PATH="+bin+string(filepath.ListSeparator)+os.Getenv("PATH"),
		"LANPROOF_CACHE="+kernel.DefaultCache(), "LANPROOF_STATE="+filepath.Join(notes, "state"), "REPOSITORY="+root,
		// What is downloaded is enough.
		"GOPROXY=off", "GOFLAGS=-mod=mod", "GOWORK=off", "CGO_ENABLED=0", "GITHUB_ACTIONS=", "GITHUB_STEP_SUMMARY=")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for i, s := range steps {
		if s.command == "" || notRun[s.command] != "" {
			continue
		}
		out, err := os.ReadFile(note(notes, i, "out"))
		if err != nil {
			t.Fatal(err)
		}
		status, err := os.ReadFile(note(notes, i, "status"))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSpace(string(status)); got != strconv.Itoa(s.status) {
			t.Errorf("%s: %s: exit status %s, want %d; it prints\n%s", s.at, s.command, got, s.status, out)
		}
		if err := compare(string(out), s.want); err != nil {
			t.Errorf("%s: %s: %v; it prints\n%s", s.at, s.command, err, out)
		}
	}
}

// script is what a session does, as a shell is told it.
func script(t *testing.T, steps []step, notes string) string {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("mount -t tmpfs none /run || exit\n")
	for i, s := range steps {
		switch {
		case s.save != "":
			if err := os.WriteFile(note(notes, i, "file"), []byte(s.text), 0o644); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "mkdir -p '%s' && cp %s '%s' || exit\n", filepath.Dir(s.save), note(notes, i, "file"), s.save)
		case notRun[s.command] == "":
			fmt.Fprintf(&b, "{ %s\n%s\n} >%s 2>&1 </dev/null\necho $? >%s\n", s.env,
				cmp.Or(instead[s.command], s.command), note(notes, i, "out"), note(notes, i, "status"))
		}
	}
	return b.String()
}

func note(dir string, i int, what string) string {
	return filepath.Join(dir, fmt.Sprintf("%d.%s", i, what))
}

// compare says which of the lines that are wanted was not printed, or what was
// printed besides.
func compare(printed string, want []string) error {
	if len(want) == 0 {
		return nil
	}
	got := strings.Split(strings.TrimRight(same(printed), "\n"), "\n")
	furthest := 0
	var fit func(got []string, next int) bool
	fit = func(got []string, next int) bool {
		furthest = max(furthest, next)
		switch {
		case next == len(want):
			return len(got) == 0
		case want[next] == "...":
			return fit(got, next+1) || len(got) > 0 && fit(got[1:], next)
		}
		return len(got) > 0 && pattern(same(want[next])).MatchString(got[0]) && fit(got[1:], next+1)
	}
	switch {
	case fit(got, 0):
		return nil
	case furthest == len(want):
		return errors.New("it prints more than the page says")
	default:
		return fmt.Errorf("it does not print, or not there: %q", want[furthest])
	}
}

// pattern matches a line in which … stands for anything.
func pattern(line string) *regexp.Regexp {
	return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*") + "$")
}

// same takes out of a text what differs from one run, or machine, to the next: a case
// of auto runs on this kernel where that can carry it.
func same(s string) string {
	for _, r := range []struct{ from, to string }{
		{regexp.QuoteMeta(here()), "KERNEL"},
		{`\b\d+\.\d+\.\d+[-+][\w.+-]+`, "KERNEL"},
		{`\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?( ?(Z|UTC))?`, "DATE"},
		{`\b(\d+ h \d+ min|\d+ min \d+ s|\d+(\.\d+)? ?(ns|µs|ms|s))\b`, "TIME"},
		{`#\d+|packets? \d+(–\d+|, \d+)*`, "PACKET"},
		{`round \d+`, "ROUND"},
		{`\b(host|guest) KERNEL`, "GROUND"},
		{`[ \t]+`, " "},
		{`(?m)^ | $`, ""},
	} {
		s = regexp.MustCompile(r.from).ReplaceAllString(s, r.to)
	}
	return s
}

// here is this kernel's release.
func here() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return run.DefaultKernel
	}
	return unix.ByteSliceToString(u.Release[:])
}

// TestDocsCompare holds that a page that says what is not printed is noticed.
func TestDocsCompare(t *testing.T) {
	printed := "one 3.5 ms\ntwo    2\nthree\nfour\n"
	for _, c := range []struct {
		want string
		good bool
	}{
		{"one 12 s\ntwo 2\nthree\nfour", true},
		{"...\ntwo 2\n...\nfour", true},
		{"one …\n...", true},
		{"one 1 min 7 s\n...", true},
		{"one 1 h 2 min\n...", true},
		{"one 1 min\n...", false},
		{"...\nt…e\n...", true},
		{"one 1 ms", false},
		{"two 2\nthree\nfour", false},
		{"...\nthree\n...\ntwo 2\n...", false},
		{"...\ntwo 3\n...", false},
		{"...\nthree", false},
	} {
		if err := compare(printed, strings.Split(c.want, "\n")); (err == nil) != c.good {
			t.Errorf("%q: %v", c.want, err)
		}
	}
}
