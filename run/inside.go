package run

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/lanproof/lanproof/engine"
	"github.com/lanproof/lanproof/guest"
	"github.com/lanproof/lanproof/internal/features"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/scenarios"
)

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
	if o.Drops {
		if in.coroner, err = newCoroner(o.Blind); err != nil {
			if err := in.say(line{Note: err.Error()}); err != nil {
				return err
			}
		}
		defer in.coroner.Close() //nolint:errcheck // the machine ends with the order
	}
	if o.Cards != nil {
		if err := in.layCable(*o.Cards); err != nil {
			return err
		}
	}
	if in.engine, err = o.Engine.find(context.Background()); err != nil {
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
	said    time.Time // when the last line was sent
	kernel  features.Kernel
	files   map[string]map[string]*scenarios.Case
	coroner *coroner
	cable   *laid
	engine  engine.Installation
}

// layCable finds the guest's cards, and what they can do.
func (in *inside) layCable(macs [2]string) error {
	c, err := cardsHere(macs)
	if err != nil {
		return err
	}
	in.cable, err = surveyed(context.Background(), c, true)
	return err
}

func (in *inside) say(l line) error {
	text, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("write a line: %w", err)
	}
	in.said = time.Now()
	return in.out.Line(text)
}

// aliveEvery is how often a guest at work shows that it is.
const aliveEvery = time.Second

// tell sends what failed as it comes, and a sign of life now and then. What goes
// wrong with that shows when the result is sent.
func (in *inside) tell(n int, c *reports.Check) {
	switch {
	case c.Verdict == reports.Fail:
		_ = in.say(line{Red: &guestsCheck{n, *c}})
	case time.Since(in.said) > aliveEvery:
		_ = in.say(line{Alive: true})
	}
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
	p, why, err := prepareFor(in.engine, loaded, in.order.Seed)
	if err != nil {
		return false, err
	}
	if why != "" {
		return false, fmt.Errorf("case %s was given to a guest: %s", c.Case, why)
	}
	p.sabotage, p.coroner, p.cable = c.Sabotage, in.coroner, in.cable
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
	p.each = func(c *reports.Check) { in.tell(n, c) }
	out := Execute(context.Background(), p, nil)
	res := out.Result
	res.Placement = out.placement
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
