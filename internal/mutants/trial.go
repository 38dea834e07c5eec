package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Outcome is what the catalogue said of a kernel.
type Outcome string

// Outcomes. Killed and Died are what a mutant should come to.
const (
	Killed   Outcome = "killed"   // a check failed
	Died     Outcome = "died"     // the guest crashed or hung, and that was told with its console
	Error    Outcome = "error"    // no check failed, but something could not be judged
	Survived Outcome = "survived" // every check passed or was skipped
	NotBuilt Outcome = "no build" // the mutant is of no use
)

// Result is what a trial came to.
type Result struct {
	Outcome Outcome
	// By is the check that saw it, or what else there is to say.
	By string
	// Time of the build and the run.
	Time time.Duration
}

// Bench runs the catalogue on kernels with one module replaced.
type Bench struct {
	lanproof []string // the command up to the scenarios' names
	updates  string   // the kernel's directory of modules that win
}

// openBench makes a bench in an empty directory.
func openBench(o options, t Tree, dir string) (*Bench, error) {
	kernel := filepath.Join(dir, "kernel")
	updates, err := t.kernelDir(kernel)
	if err != nil {
		return nil, err
	}
	b := &Bench{updates: updates, lanproof: []string{
		o.lanproof, "run", "--on", "guest", "--kernel", kernel, "--no-snapshot", "--fail-fast", "--json", "--out", filepath.Join(dir, "out"),
	}}
	if o.oracle {
		b.lanproof = append(b.lanproof, "--oracle")
	}
	return b, nil
}

// module is where a driver's module is put to win over the kernel's own.
func (b *Bench) module(d driver) string { return filepath.Join(b.updates, d.name+".ko") }

// control builds all drivers without a bug and runs scenarios on them.
func (b *Bench) control(ctx context.Context, w *Workshop, scenarios []string) (Result, error) {
	start := time.Now()
	for _, d := range drivers() {
		if err := w.build(ctx, d, b.module(d)); err != nil {
			return Result{}, fmt.Errorf("build %s without a bug: %w", d.name, err)
		}
		defer os.Remove(b.module(d))
	}
	r, err := b.run(ctx, scenarios)
	r.Time = time.Since(start)
	return r, err
}

// try builds a mutant and runs the catalogue on it, scenarios that are about its
// driver first. An error means that nothing can be said.
func (b *Bench) try(ctx context.Context, w *Workshop, m Mutant, names map[string][]string) (Result, error) {
	start := time.Now()
	d, err := driverOf(m.File)
	if err != nil {
		return Result{}, err
	}
	if err := w.buildMutant(ctx, m, b.module(d)); err != nil {
		if ctx.Err() != nil {
			return Result{}, err
		}
		return Result{Outcome: NotBuilt, By: err.Error(), Time: time.Since(start)}, nil
	}
	defer os.Remove(b.module(d))
	r, err := b.run(ctx, names[d.label])
	r.Time = time.Since(start)
	return r, err
}

// run runs scenarios, in the given order, until the first case that fails.
func (b *Bench) run(ctx context.Context, scenarios []string) (Result, error) {
	cmd := exec.CommandContext(ctx, "nice", slices.Concat(b.lanproof, scenarios)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || ctx.Err() != nil) {
		return Result{}, fmt.Errorf("run %s: %w", b.lanproof[0], err)
	}
	var all results
	if bad := json.Unmarshal(out.Bytes(), &all); bad != nil || len(all.Cases) == 0 {
		return Result{}, fmt.Errorf("run %s: no results (%w): %s", b.lanproof[0], errors.Join(err, bad), strings.TrimSpace(errs.String()))
	}
	return judge(all), nil
}

// results are the parts of lanproof's results.json that a trial is judged by.
type results struct {
	Cases []caseResult `json:"cases"`
}

type caseResult struct {
	Case    string        `json:"case"`
	Verdict string        `json:"verdict"`
	Reason  string        `json:"reason"`
	Console string        `json:"console"`
	Checks  []checkResult `json:"checks"`
}

type checkResult struct {
	ID       string `json:"id"`
	Verdict  string `json:"verdict"`
	Expected string `json:"expected"`
	Observed string `json:"observed"`
}

// said is the first check of a case with a verdict, and what it says.
func (c caseResult) said(verdict string) (string, bool) {
	for _, check := range c.Checks {
		if check.Verdict == verdict {
			return fmt.Sprintf("%s/%s: expected %s; observed %s", c.Case, check.ID, check.Expected, check.Observed), true
		}
	}
	return c.Case + ": " + c.Reason, c.Verdict == verdict
}

// judge takes the strongest word: a failed check, then a dead guest, then an error.
func judge(all results) Result {
	var died, unclear *Result
	passed := 0
	for _, c := range all.Cases {
		if text, ok := c.said("fail"); ok {
			return Result{Outcome: Killed, By: text}
		}
		text, failed := c.said("error")
		switch {
		case failed && c.Console != "" && died == nil:
			died = &Result{Outcome: Died, By: text}
		case failed && unclear == nil:
			unclear = &Result{Outcome: Error, By: text}
		case c.Verdict == "pass":
			passed++
		}
	}
	switch {
	case died != nil:
		return *died
	case unclear != nil:
		return *unclear
	case passed == 0:
		return Result{Outcome: Error, By: "no case was run"}
	}
	return Result{Outcome: Survived, By: fmt.Sprintf("%d cases passed", passed)}
}
