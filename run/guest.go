package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/lanproof/lanproof/guest"
	"github.com/lanproof/lanproof/internal/features"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/scenarios"
)

// order is what a guest is asked to do.
type order struct {
	Seed  uint64            `json:"seed"`
	Files map[string]string `json:"files"` // scenario files by name
	Cases []orderedCase     `json:"cases"`
	// Captures asks for the captures, too.
	Captures bool `json:"captures"`
	FailFast bool `json:"fail_fast"`
	Oracle   bool `json:"oracle"`
}

type orderedCase struct {
	File string `json:"file"`
	Case string `json:"case"`
	// Sabotage is what a self-test does to the case.
	Sabotage *Sabotage `json:"sabotage,omitempty"`
}

// line is one line of a guest's answer. Exactly one field is set.
type line struct {
	Kernel  string        `json:"kernel,omitempty"`
	Started *int          `json:"started,omitempty"`
	Result  *guestsResult `json:"result,omitempty"`
}

type guestsResult struct {
	Number int          `json:"number"`
	Case   reports.Case `json:"case"`
}

// runGuest runs jobs in one boot of a kernel.
func (r *runner) runGuest(name string, jobs []*job) {
	g := &guestRun{runner: r, name: name, jobs: jobs}
	err := g.run()
	if err == nil && len(g.done) < len(jobs) {
		err = errNoWord
	}
	if err != nil {
		g.account(err)
	}
}

var errNoWord = errors.New("the guest ended well, and without a word about this case")

// guestRun is one boot.
type guestRun struct {
	*runner
	name    string
	release string
	jobs    []*job
	done    map[int]bool
}

func (g *guestRun) run() error {
	g.done = map[int]bool{}
	if err := g.ctx.Err(); err != nil {
		return context.Cause(g.ctx)
	}
	k, err := guest.Resolve(g.ctx, g.name, g.o.Modules)
	if err != nil {
		return err
	}
	g.o.Events.Note(fmt.Sprintf("%d case(s) in a guest with kernel %s", len(g.jobs), k.Release))
	text, err := json.Marshal(g.order())
	if err != nil {
		return fmt.Errorf("write the guest's order: %w", err)
	}
	return guest.Run(g.ctx, text, g.guestOptions(k), g.line, g.blob)
}

func (g *guestRun) order() *order {
	o := &order{Seed: g.o.Seed, Files: map[string]string{}, Captures: g.o.Out != "", FailFast: g.o.FailFast, Oracle: g.o.Oracle}
	for _, j := range g.jobs {
		o.Files[j.p.Case.File] = string(j.p.Case.Source)
		o.Cases = append(o.Cases, orderedCase{File: j.p.Case.File, Case: j.p.Case.Name, Sabotage: j.p.sabotage})
	}
	return o
}

// line takes in one line of the guest's answer.
func (g *guestRun) line(text []byte) {
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		g.o.Events.Note(fmt.Sprintf("kernel %s: a line that cannot be read: %v", g.name, err))
		return
	}
	switch {
	case l.Kernel != "":
		g.release = l.Kernel
		for _, j := range g.jobs {
			j.result.Kernel = l.Kernel
		}
		g.environment(reports.Environment{Ground: string(Guest), Kernel: l.Kernel, Arch: runtime.GOARCH, Tool: g.o.Version, Detail: map[string]string{"named": g.name}})
	case l.Started != nil && g.known(*l.Started):
		g.o.Events.Started(g.jobs[*l.Started].name(), fmt.Sprintf("%s %s", Guest, g.release))
	case l.Result != nil && g.known(l.Result.Number) && !g.done[l.Result.Number]:
		g.result(l.Result)
	}
}

func (g *guestRun) known(n int) bool { return n >= 0 && n < len(g.jobs) }

func (g *guestRun) result(res *guestsResult) {
	j := g.jobs[res.Number]
	placed := j.result
	j.result = res.Case
	j.result.Repeat, j.result.Ground, j.result.Kernel, j.result.Placement = placed.Repeat, string(Guest), g.release, placed.Placement
	if j.result.Capture != "" && g.o.Out != "" {
		j.result.Capture = g.captureName(j)
	}
	g.done[res.Number] = true
	g.finish(j)
}

// blob keeps a capture. Blobs come when the guest is done, by the job's number.
func (g *guestRun) blob(name string, data []byte) error {
	var n int
	if _, err := fmt.Sscanf(name, "%d.pcapng", &n); err != nil || !g.known(n) || g.o.Out == "" {
		return nil
	}
	path := filepath.Join(g.o.Out, g.captureName(g.jobs[n]))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("keep a capture: %w", err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		return fmt.Errorf("keep a capture: %w", err)
	}
	return nil
}

// account gives every job without a result its verdict: the guest could not be
// had, which is a skip that names the cure, or it died, which is an error.
func (g *guestRun) account(err error) {
	verdict, reason, console := reports.Error, err.Error(), ""
	var died *guest.Died
	switch {
	case errors.Is(err, guest.ErrNoQEMU), errors.Is(err, guest.ErrNoKernel):
		verdict, reason = reports.Skip, "needs a guest: "+reason
	case errors.As(err, &died):
		reason, console = "the guest died: "+died.Reason, died.Console
	case g.ctx.Err() != nil:
		verdict, reason = notRun(context.Cause(g.ctx))
	}
	for n, j := range g.jobs {
		if g.done[n] {
			continue
		}
		j.result.Verdict, j.result.Reason, j.result.Console = verdict, reason, console
		if g.release != "" {
			j.result.Kernel = g.release
		}
		g.finish(j)
	}
	if len(g.done) == len(g.jobs) {
		// All results came, and yet the guest did not end well: its captures, or
		// its word that it was done, are missing.
		j := g.jobs[len(g.jobs)-1]
		j.result.Verdict, j.result.Reason, j.result.Console = reports.Error, "after the last case: "+reason, console
	}
}

// InGuest runs an order inside a guest: it is the handler of guest.Init.
func InGuest(text []byte, out guest.Emitter) error {
	var o order
	if err := json.Unmarshal(text, &o); err != nil {
		return fmt.Errorf("read the order: %w", err)
	}
	release, err := kernelRelease()
	if err != nil {
		return err
	}
	in := &inside{order: &o, out: out, release: release, files: map[string]map[string]*scenarios.Case{}}
	if err := in.say(line{Kernel: release}); err != nil {
		return err
	}
	for n, c := range o.Cases {
		failed, err := in.one(n, c)
		if err != nil {
			return err
		}
		if failed && o.FailFast {
			return in.skipRest(n + 1)
		}
	}
	return nil
}

// inside is the guest's side of a run.
type inside struct {
	order   *order
	out     guest.Emitter
	release string
	kernel  features.Kernel
	files   map[string]map[string]*scenarios.Case
}

func (in *inside) say(l line) error {
	text, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("write a line: %w", err)
	}
	return in.out.Line(text)
}

// one runs the n-th case and sends its result.
func (in *inside) one(n int, c orderedCase) (failed bool, err error) {
	if err := in.say(line{Started: &n}); err != nil {
		return false, err
	}
	loaded, err := scenarios.LoadCase(c.File, []byte(in.order.Files[c.File]), c.Case)
	if err != nil {
		return false, err
	}
	if in.order.Oracle {
		loaded = withOracle(loaded)
	}
	p, err := Prepare(loaded, in.order.Seed)
	if err != nil {
		return false, err
	}
	p.sabotage = c.Sabotage
	res := newResult(p)
	lacks, err := in.kernel.Missing(p.Needs)
	switch {
	case err != nil:
		res.Verdict, res.Reason = reports.Error, fmt.Sprintf("find out what this kernel offers: %v", err)
	case len(lacks) > 0:
		skip(&res, in.release, lacks)
	default:
		if res, err = in.execute(n, p); err != nil {
			return false, err
		}
	}
	return res.Verdict == reports.Fail, in.say(line{Result: &guestsResult{Number: n, Case: res}})
}

func (in *inside) execute(n int, p *Prepared) (reports.Case, error) {
	out := Execute(context.Background(), p, nil)
	res := out.Result
	if in.order.Captures && len(out.Capture) > 0 {
		if err := in.out.Blob(fmt.Sprintf("%d.pcapng", n), out.Capture); err != nil {
			return res, err
		}
		res.Capture = "kept"
	}
	if err := out.Close(); err != nil && res.Reason == "" {
		res.Verdict, res.Reason = reports.Error, fmt.Sprintf("close: %v", err)
	}
	return res, nil
}

func (in *inside) skipRest(from int) error {
	for n := from; n < len(in.order.Cases); n++ {
		c := in.order.Cases[n]
		name, _, _ := strings.Cut(c.Case, "@")
		res := reports.Case{Scenario: name, Case: c.Case, Checks: []reports.Check{}}
		res.Verdict, res.Reason = notRun(errFailFast)
		if err := in.say(line{Result: &guestsResult{Number: n, Case: res}}); err != nil {
			return err
		}
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
