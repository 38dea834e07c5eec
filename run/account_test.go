package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lanproof/lanproof/guest"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/scenarios"
)

// told remembers what a run's events say.
type told struct{ started, finished, notes []string }

func (e *told) Started(name, ground string) { e.started = append(e.started, name+" on "+ground) }
func (e *told) Finished(c reports.Case) {
	e.finished = append(e.finished, c.Case+" "+string(c.Verdict))
}
func (e *told) Note(text string) { e.notes = append(e.notes, text) }

// boot is a guest's run of three cases whose guest is played by the test.
func boot(t *testing.T, out string) (*guestRun, *told) {
	t.Helper()
	f, err := scenarios.Load("three.yaml", []byte(`name: three
title: A test
matrix: {mtu: [1001, 1002, 1003]}
stations: {pc: {mtu: "${mtu}"}}
checks: [{link: {link: pc/eth0, kind: veth}}]
`))
	if err != nil {
		t.Fatal(err)
	}
	e := &told{}
	r := &runner{o: Options{Events: e, Out: out, On: Guest}, env: map[string]reports.Environment{}, all: t.Context()}
	r.ctx, r.cancel = context.WithCancelCause(t.Context())
	t.Cleanup(func() { r.cancel(nil) })
	g := &guestRun{runner: r, name: "debian:6.1", done: map[int]bool{}}
	for _, c := range f.Cases() {
		p, err := Prepare(c, 1)
		if err != nil {
			t.Fatal(err)
		}
		j := &job{p: p, kernel: g.name}
		r.place(j)
		g.jobs = append(g.jobs, j)
	}
	return g, e
}

func (g *guestRun) hear(t *testing.T, l line) {
	t.Helper()
	text, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	g.line(text)
}

func result(n int, v reports.Verdict, capture string) line {
	return line{Result: &guestsResult{Number: n, Case: reports.Case{Case: fmt.Sprintf("three@mtu=%d", 1001+n), Verdict: v, Capture: capture}}}
}

func TestGuestSpeaks(t *testing.T) {
	g, e := boot(t, t.TempDir())
	one := 1
	g.hear(t, line{Kernel: "6.1.0-50"})
	g.hear(t, line{Started: &one})
	g.hear(t, result(1, reports.Pass, "kept"))
	g.hear(t, result(1, reports.Fail, "")) // said before
	g.hear(t, result(7, reports.Pass, "")) // nobody asked
	g.line([]byte("not json"))
	g.line(nil)
	for _, n := range []int{-1, 3} {
		g.hear(t, line{Started: &n})
	}
	r := g.jobs[1].result
	if r.Verdict != reports.Pass || r.Ground != "guest" || r.Kernel != "6.1.0-50" || r.Capture != "captures/three@mtu=1002.pcapng" {
		t.Errorf("%s on %s, kernel %s, capture %q", r.Verdict, r.Ground, r.Kernel, r.Capture)
	}
	if got := fmt.Sprint(e.started, e.finished); got != "[three@mtu=1002 on guest 6.1.0-50] [three@mtu=1002 pass]" {
		t.Errorf("told of %s", got)
	}
	if len(e.notes) != 2 {
		t.Errorf("%d notes about two lines that cannot be read: %q", len(e.notes), e.notes)
	}
	if env := g.env["guest 6.1.0-50"]; env.Detail["named"] != "debian:6.1" {
		t.Errorf("environment %+v", env)
	}
}

func TestGuestSendsCaptures(t *testing.T) {
	out := t.TempDir()
	g, _ := boot(t, out)
	for _, name := range []string{"1.pcapng", "9.pcapng", "-1.pcapng", "../../etc/passwd", "", "x"} {
		if err := g.blob(name, []byte("a capture")); err != nil {
			t.Errorf("blob %q: %v", name, err)
		}
	}
	got, err := os.ReadFile(filepath.Join(out, "captures", "three@mtu=1002.pcapng"))
	if err != nil || string(got) != "a capture" {
		t.Errorf("the capture is %q, %v", got, err)
	}
	if all, _ := filepath.Glob(filepath.Join(out, "captures", "*")); len(all) != 1 {
		t.Errorf("written were %v", all)
	}
	g.o.Out = ""
	if err := g.blob("1.pcapng", nil); err != nil {
		t.Errorf("without a directory: %v", err)
	}
	g.o.Out = filepath.Join(out, "captures", "three@mtu=1002.pcapng")
	if err := g.blob("1.pcapng", nil); err == nil {
		t.Error("a capture that cannot be written is no error")
	}
}

// TestRedBeforeDeath keeps a failure that a guest told of before it died of it.
func TestRedBeforeDeath(t *testing.T) {
	g, _ := boot(t, "")
	g.hear(t, line{Kernel: "6.1.0-50"})
	g.hear(t, line{Red: &guestsCheck{Number: 1, Check: reports.Check{ID: "mtu", Verdict: reports.Fail}}})
	g.hear(t, line{Red: &guestsCheck{Number: 2, Check: reports.Check{ID: "mtu", Verdict: reports.Fail}}})
	g.hear(t, result(2, reports.Pass, "")) // it told of all its checks in the end
	g.hear(t, line{Red: &guestsCheck{Number: 2}})
	g.hear(t, line{Red: &guestsCheck{Number: 7}})
	g.hear(t, line{Alive: true})
	g.account(&guest.Died{Reason: "kernel panic", Begun: true})
	for n, want := range []string{"error 0", "fail 1", "pass 0"} {
		r := g.jobs[n].result
		if got := fmt.Sprint(r.Verdict, " ", len(r.Checks)); got != want {
			t.Errorf("case %d: %s checks, want %s", n, got, want)
		}
	}
	if r := g.jobs[1].result; r.Reason != "the guest died: kernel panic" || r.Checks[0].ID != "mtu" {
		t.Errorf("case 1: %q with %v", r.Reason, r.Checks)
	}
}

// TestAccount gives every case without a result its verdict, by how the guest ended.
func TestAccount(t *testing.T) {
	died := &guest.Died{Reason: "kernel panic", Console: "Oops", Begun: true}
	for _, c := range []struct {
		name    string
		results int
		err     error
		want    string
		reason  string
		console string
	}{
		{"died at once", 0, died, "error error error", "the guest died: kernel panic", "Oops"},
		{"died after one", 1, fmt.Errorf("run: %w", died), "pass error error", "the guest died: kernel panic", "Oops"},
		{"died after all", 3, died, "pass pass error", "after this case: the guest died: kernel panic", "Oops"},
		{"no qemu", 0, fmt.Errorf("run a guest: %w", guest.ErrNoQEMU), "skip skip skip", "needs a guest: run a guest: " + guest.ErrNoQEMU.Error(), ""},
		{"no kernel", 0, guest.ErrNoKernel, "skip skip skip", "needs a guest: " + guest.ErrNoKernel.Error(), ""},
		{"job error", 2, &guest.JobError{Text: "no memory"}, "pass pass error", "no memory", ""},
		{"took too long", 1, fmt.Errorf("run a guest: guest took longer than 20m0s: %w (%w)", context.DeadlineExceeded, died), "pass error error", "guest took longer than 20m0s", "Oops"},
		{"nothing said", 1, errNoWord, "pass error error", "without a word", ""},
	} {
		g, e := boot(t, "")
		g.hear(t, line{Kernel: "6.1.0-50"})
		for n := range c.results {
			g.hear(t, result(n, reports.Pass, ""))
		}
		g.account(c.err)
		var got []string
		for _, j := range g.jobs {
			got = append(got, string(j.result.Verdict))
		}
		last := g.jobs[2].result
		if s := strings.Join(got, " "); s != c.want || !strings.Contains(last.Reason, c.reason) || last.Console != c.console {
			t.Errorf("%s: %s; %q with console %q; want %s; %q with %q", c.name, s, last.Reason, last.Console, c.want, c.reason, c.console)
		}
		if len(e.finished) != 3 {
			t.Errorf("%s: told of %d cases, want 3: %v", c.name, len(e.finished), e.finished)
		}
	}
}

// TestLeave has a guest die of its second case: the third is not blamed for it.
func TestLeave(t *testing.T) {
	g, e := boot(t, "")
	if rest := g.leave(); rest != nil || len(g.jobs) != 3 {
		t.Errorf("before any case was begun, %d of %d are left for another guest", len(rest), len(g.jobs))
	}
	g.hear(t, line{Kernel: "6.1.0-50"})
	for n := range 2 {
		g.hear(t, line{Started: &n})
	}
	g.hear(t, result(0, reports.Pass, ""))
	rest := g.leave()
	g.account(&guest.Died{Reason: "kernel panic", Begun: true})
	if len(rest) != 1 || rest[0].result.Verdict != "" || rest[0].name() != "three@mtu=1003" {
		t.Errorf("left are %d", len(rest))
	}
	if got := fmt.Sprint(e.finished); got != "[three@mtu=1001 pass three@mtu=1002 error]" {
		t.Errorf("told of %s", got)
	}
}

func TestAccountOfInterruption(t *testing.T) {
	for cause, want := range map[error]reports.Verdict{errors.New("interrupt"): reports.Error, errFailFast: reports.Skip} {
		g, _ := boot(t, "")
		g.cancel(cause)
		g.account(g.run())
		if r := g.jobs[0].result; r.Verdict != want || !strings.Contains(r.Reason, "not run: "+cause.Error()) {
			t.Errorf("%s: %q, want %s", r.Verdict, r.Reason, want)
		}
		g, _ = boot(t, "")
		g.cancel(cause)
		g.account(fmt.Errorf("run a guest: %w (%w)", cause, &guest.Died{Reason: "qemu ended: signal: killed", Begun: true}))
		if r := g.jobs[0].result; r.Verdict != want || !strings.Contains(r.Reason, "not run: "+cause.Error()) {
			t.Errorf("killed for it: %s: %q, want %s", r.Verdict, r.Reason, want)
		}
	}
}

func TestOrder(t *testing.T) {
	g, _ := boot(t, "out")
	g.o.Seed, g.o.FailFast = 7, true
	o, err := g.order()
	if err != nil {
		t.Fatal(err)
	}
	if o.Seed != 7 || !o.FailFast || !o.Captures || len(o.Files) != 1 || len(o.Cases) != 3 || o.Cases[2] != (orderedCase{File: "three.yaml", Case: "three@mtu=1003"}) {
		t.Errorf("%+v", o)
	}
	// A case that comes from no file is one of a file in the guest.
	c := *g.jobs[0].p.Case
	want, name := c.Scenario.Checks, c.Scenario.Name
	c.Source, c.File, c.Name = nil, name+".yaml", name
	g.jobs[0].p.Case, g.jobs = &c, g.jobs[:1]
	if o, err = g.order(); err != nil {
		t.Fatal(err)
	}
	back, err := scenarios.LoadCase(c.File, []byte(o.Files[c.File]), c.Name)
	if err != nil || len(back.Scenario.Checks) != len(want) {
		t.Errorf("the guest makes of it %v, %v:\n%s", back, err, o.Files[c.File])
	}
}

// emitter is a guest's way out.
type emitter struct {
	lines []line
	blobs map[string]int
}

func (e *emitter) Line(text []byte) error {
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return err
	}
	e.lines = append(e.lines, l)
	return nil
}

func (e *emitter) Blob(name string, data []byte) error {
	e.blobs[name] = len(data)
	return nil
}

// TestInGuest plays the guest on this kernel: what the one side says, the other
// understands.
func TestInGuest(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("making network namespaces needs root")
	}
	g, _ := boot(t, t.TempDir())
	o, err := g.order()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	e := &emitter{blobs: map[string]int{}}
	if err := InGuest(text, e); err != nil {
		t.Fatal(err)
	}
	for _, l := range e.lines {
		g.hear(t, l)
	}
	for _, j := range g.jobs {
		if r := j.result; r.Verdict != reports.Pass || len(r.Checks) != 1 || r.Location != "three.yaml:1" {
			t.Errorf("%s: %s %s at %s", r.Case, r.Verdict, r.Reason, r.Location)
		}
	}
	if len(e.blobs) != 3 || e.blobs["2.pcapng"] == 0 {
		t.Errorf("blobs %v", e.blobs)
	}
	for _, bad := range []string{"", "{", `{"cases":[{"file":"x","case":"y"}]}`} {
		if err := InGuest([]byte(bad), e); err == nil {
			t.Errorf("order %q is carried out", bad)
		}
	}
}
