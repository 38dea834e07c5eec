package run

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lanproof/lanproof/reports"
)

// mostHeld bounds how many labs wait to be let go. Dying namespaces take the
// kernel's big lock from the cases that still run, so they are kept for a
// while and then let go together, which the kernel does in one go.
const mostHeld = 64

// close closes a case's probes in the background.
func (r *runner) close(out *Outcome) {
	r.closing.Go(func() {
		err := out.closeProbes()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.closeErr = errors.Join(r.closeErr, err)
		r.held = append(r.held, out)
		if len(r.held) >= mostHeld {
			r.letGoLocked()
		}
	})
}

func (r *runner) letGo() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.letGoLocked()
}

func (r *runner) letGoLocked() {
	var gone []namespace
	for _, out := range r.held {
		r.closeErr = errors.Join(r.closeErr, out.letGo())
		gone = append(gone, out.namespaces...)
	}
	r.closeErr = errors.Join(r.closeErr, audit(gone))
	r.held = nil
}

// keep leaves a case's topology standing when that is asked for.
func (r *runner) keep(out *Outcome) {
	red := out.Result.Verdict == reports.Fail || out.Result.Verdict == reports.Error
	if !r.o.Keep && !(r.o.KeepFailed && red) {
		return
	}
	names, err := out.keep()
	if err != nil {
		r.o.Events.Note(err.Error())
		return
	}
	if len(names) == 0 {
		return // nothing was built
	}
	r.o.Events.Note(fmt.Sprintf("kept: enter with lanproof shell %s NODE, or ip netns exec NAME; let go with lanproof clean --kept: %s",
		out.Result.Case, strings.Join(names, " ")))
}
