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

	"github.com/lanproof/lanproof/guest"
	"github.com/lanproof/lanproof/guest/cards"
	"github.com/lanproof/lanproof/reports"
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
	Drops    bool `json:"drops"`
	Blind    bool `json:"blind"`
	// Cards are the MAC addresses of the card under test and its peer, for cases that
	// are to run over a cable; nil for others.
	Cards *[2]string `json:"cards,omitempty"`
	// Engine builds the networks; nil where lanproof does.
	Engine *orderedEngine `json:"engine,omitempty"`
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
	Alive   bool          `json:"alive,omitempty"`
	Note    string        `json:"note,omitempty"`
	Red     *guestsCheck  `json:"red,omitempty"`
	Result  *guestsResult `json:"result,omitempty"`
}

// guestsCheck is a check that failed: told at once, should the guest die of what it
// shows.
type guestsCheck struct {
	Number int           `json:"number"`
	Check  reports.Check `json:"check"`
}

type guestsResult struct {
	Number int          `json:"number"`
	Case   reports.Case `json:"case"`
}

// runGuest runs jobs on a kernel: in one boot, as long as the guest lives. What a guest
// that died had not begun goes on in a fresh one.
func (r *runner) runGuest(name string, jobs []*job) {
	for fruitless := 0; len(jobs) > 0; {
		g := &guestRun{runner: r, name: name, jobs: jobs, done: map[int]bool{}}
		err := g.run()
		if err == nil && len(g.done) < len(jobs) {
			err = errNoWord
		}
		if err == nil {
			return
		}
		if fruitless++; len(g.done) > 0 {
			fruitless = 0
		}
		jobs = nil
		if fruitless < mostFruitless && r.ctx.Err() == nil {
			jobs = g.leave()
		}
		g.account(err)
	}
}

// mostFruitless is how many guests in a row may die without having finished any case: on
// a kernel that carries none, each of them may take a minute.
const mostFruitless = 3

var errNoWord = errors.New("the guest ended well, and without a word about this case")

// guestRun is one boot.
type guestRun struct {
	*runner
	name    string
	release string
	jobs    []*job
	done    map[int]bool
	begun   int // how many of the jobs, from the first
}

// leave takes off the jobs that were not begun, and returns them: nobody's death is their
// doing. It takes none where none was begun.
func (g *guestRun) leave() []*job {
	if g.begun == 0 {
		return nil
	}
	rest := g.jobs[g.begun:]
	g.jobs = g.jobs[:g.begun]
	return rest
}

func (g *guestRun) run() error {
	if err := g.ctx.Err(); err != nil {
		return context.Cause(g.ctx)
	}
	var drivers []string
	if g.o.Emulate != "" {
		card, ok := cards.Find(g.o.Emulate)
		if !ok {
			return fmt.Errorf("model %q cannot be emulated: known are %s", g.o.Emulate, cards.Models())
		}
		peer, _ := cards.Find(cards.Peer)
		drivers = append(card.Modules, peer.Modules...)
	}
	k, err := guest.Resolve(g.ctx, g.name, g.o.Modules, drivers...)
	if err != nil {
		return err
	}
	if other, taken := g.releases[k.Release]; taken && other != g.name {
		return fmt.Errorf("kernel %s calls itself %s as %s does, so that their results could not be told apart: run them one by one and compare", g.name, k.Release, other)
	}
	g.releases[k.Release] = g.name
	g.o.Events.Note(fmt.Sprintf("%d case(s) in a guest with kernel %s", len(g.jobs), k.Release))
	order, err := g.order()
	if err != nil {
		return err
	}
	text, err := json.Marshal(order)
	if err != nil {
		return fmt.Errorf("write the guest's order: %w", err)
	}
	return guest.Run(g.ctx, text, g.guestOptions(k, len(g.jobs)), g.line, g.blob)
}

func (g *guestRun) order() (*order, error) {
	o := &order{
		Seed: g.o.Seed, Files: map[string]string{}, Captures: g.o.Out != "", FailFast: g.o.FailFast, Oracle: g.o.Oracle, Drops: g.o.Drops, Blind: g.o.Blind,
		Engine: orderEngine(g.o.Engine),
	}
	if g.o.Emulate != "" {
		o.Cards = &[2]string{cards.MAC(0).String(), cards.MAC(1).String()}
	}
	for _, j := range g.jobs {
		text, err := j.p.Case.Text()
		if err != nil {
			return nil, fmt.Errorf("write case %s for the guest: %w", j.p.Case.Name, err)
		}
		o.Files[j.p.Case.File] = string(text)
		o.Cases = append(o.Cases, orderedCase{File: j.p.Case.File, Case: j.p.Case.Name, Sabotage: j.p.sabotage})
	}
	return o, nil
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
		g.environment(reports.Environment{Ground: g.jobs[0].result.Ground, Kernel: l.Kernel, Arch: runtime.GOARCH, Tool: g.o.Version, Detail: g.detail()})
	case l.Note != "":
		g.o.Events.Note(fmt.Sprintf("kernel %s: %s", g.name, l.Note))
	case l.Started != nil && g.known(*l.Started):
		g.begun = max(g.begun, *l.Started+1)
		g.o.Events.Started(g.jobs[*l.Started].name(), fmt.Sprintf("%s %s", Guest, g.release))
	case l.Red != nil && g.known(l.Red.Number) && !g.done[l.Red.Number]:
		r := &g.jobs[l.Red.Number].result
		r.Checks = append(r.Checks, l.Red.Check)
	case l.Result != nil && g.known(l.Result.Number) && !g.done[l.Result.Number]:
		g.result(l.Result)
	}
}

// detail is what there is to know of a guest beside its kernel.
func (g *guestRun) detail() map[string]string {
	d := map[string]string{"named": g.name}
	if g.o.Emulate != "" {
		d["card"] = g.o.Emulate
	}
	if g.o.Engine != nil {
		d["engine"] = engineName(g.o.Engine)
	}
	return d
}

func (g *guestRun) known(n int) bool { return n >= 0 && n < len(g.jobs) }

func (g *guestRun) result(res *guestsResult) {
	j := g.jobs[res.Number]
	placed := j.result
	j.result = res.Case
	j.result.Repeat, j.result.Ground, j.result.Kernel = placed.Repeat, placed.Ground, g.release
	if j.result.Placement == "" {
		j.result.Placement = placed.Placement
	}
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
	isDead := errors.As(err, &died)
	if isDead {
		console = died.Console
	}
	switch {
	case errors.Is(err, guest.ErrNoQEMU), errors.Is(err, guest.ErrNoKernel):
		verdict, reason = reports.Skip, "needs a guest: "+reason
	case g.ctx.Err() != nil:
		verdict, reason = notRun(context.Cause(g.ctx))
	case errors.Is(err, context.DeadlineExceeded):
		// It was killed, and did not die by itself: the limit says why.
	case isDead:
		reason = "the guest died: " + died.Reason
	}
	for n, j := range g.jobs {
		if g.done[n] {
			continue
		}
		j.result.Verdict, j.result.Reason, j.result.Console = verdict, reason, console
		j.result.Settle() // by what it told before
		if g.release != "" {
			j.result.Kernel = g.release
		}
		g.finish(j)
	}
	if len(g.done) == len(g.jobs) {
		// All results came, and yet the guest did not end well: its captures, or
		// its word that it was done, are missing.
		j := g.jobs[len(g.jobs)-1]
		j.result.Verdict, j.result.Reason, j.result.Console = reports.Error, "after this case: "+reason, console
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
