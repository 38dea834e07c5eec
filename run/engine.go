package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/lanproof/lanproof/engine"
	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/probe"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/scenarios"
	"github.com/lanproof/lanproof/topology"
	"github.com/lanproof/lanproof/topology/lab"
)

// engineName is an engine with its version, as results have it.
func engineName(i engine.Installation) string { return i.Name() + " " + i.Version() }

// prepareFor prepares a case whose networks an engine is to build. A case that is not for
// the engine is prepared as ever, and why says so.
func prepareFor(i engine.Installation, c *scenarios.Case, seed uint64) (p *Prepared, why string, err error) {
	p, err = Prepare(c, seed)
	if err != nil || i == nil {
		return p, "", err
	}
	if m, ok := i.(*engine.Missing); ok {
		return p, m.Why.Error(), nil
	}
	if why := notFor(i, c); why != "" {
		return p, why, nil
	}
	if i.Docker() != "" && c.Scenario.Docker != i.Docker() {
		other, scenario := *c, *c.Scenario
		scenario.Docker = i.Docker()
		other.Scenario = &scenario
		adapted, err := Prepare(&other, seed)
		if err != nil {
			return p, fmt.Sprintf("by the rules of Docker %s: %v", i.Docker(), err), nil
		}
		p, adapted.otherVersion = adapted, true
	}
	p.engine = i
	return p, "", nil
}

// notFor is why an engine cannot build a case.
func notFor(i engine.Installation, c *scenarios.Case) string {
	s := c.Scenario
	for _, v := range c.Vars {
		if fixed := "docker: ${" + v.Name + "}"; v.Value != dockerOf(i) && bytes.Contains(c.Source, []byte(fixed)) {
			return fmt.Sprintf("this case is about Docker %s, and the engine is %s", v.Value, engineName(i))
		}
	}
	switch {
	case len(s.Hosts) != 1:
		return fmt.Sprintf("an engine runs on one host, and this case has %d", len(s.Hosts))
	case !slices.ContainsFunc(changesOf(s), func(c topology.Change) bool { return c.Network != nil }) && len(s.Networks) == 0:
		return "this case has no networks, so there is nothing for an engine to build"
	}
	return ""
}

// changesOf are all changes that a scenario makes or tries.
func changesOf(s *scenarios.Scenario) []topology.Change {
	var all []topology.Change
	tried := func(checks []scenarios.Check) {
		for _, c := range checks {
			if c.Refused != nil {
				all = append(all, c.Refused.Do...)
			}
		}
	}
	tried(s.Checks)
	for _, step := range s.Steps {
		all = append(all, step.Do...)
		tried(step.Checks)
	}
	return all
}

// byEngine has a lab's networks built by the case's engine, if it has one.
func (p *Prepared) byEngine(ctx context.Context, o *lab.Options) {
	if p.engine == nil {
		return
	}
	o.Context = ctx
	o.Engine = func(host *netns.NS) (engine.Engine, error) { return p.engine.Start(ctx, host) }
}

// unwilling is why an engine does not run, or cannot be asked for something.
func unwilling(err error) (why string, ok bool) {
	var none *engine.Unavailable
	var cannot *engine.Cannot
	switch {
	case errors.As(err, &none):
		return none.Error(), true
	case errors.As(err, &cannot):
		return cannot.Error(), true
	}
	return "", false
}

// changeByEngine carries a change out that is about networks. What lanproof's own rules
// say of it is asked of the engine all the same.
func (b *bench) changeByEngine(c *topology.Change) error {
	next, simulated := b.plan.Change(c)
	var ops []topology.Op
	if simulated == nil {
		ops = next.Ops
	}
	err := b.lab.Do(c.Deed(next), ops)
	var refused *engine.Refusal
	switch {
	case errors.As(err, &refused):
		return &errRefused{err: refused, rule: simulated}
	case err != nil:
		if why, ok := unwilling(err); ok {
			return &errUnfit{why}
		}
		return err
	case simulated != nil:
		// The engine does what by its rules it would refuse; the model cannot follow.
		return errors.Join(b.lab.Undo(c), b.lenient(simulated))
	}
	b.plan.Commit(next)
	b.lab.Adopt()
	return b.lab.Settle()
}

// errNotGiven is that an engine has not given a device an address that was planned, nor
// another one in its place.
type errNotGiven struct {
	ref     topology.Ref
	planned netip.Addr
}

func (e *errNotGiven) Error() string {
	return fmt.Sprintf("the engine has given %s no address in the place of %s", e.ref, e.planned)
}

// errLenient is what lanproof's rules say of a change that the engine has made, and that
// was taken back.
type errLenient struct{ rule error }

func (e *errLenient) Error() string {
	return "the engine does it, though by the rules that lanproof knows: " + e.rule.Error()
}

// engineCheck is the id of the checks that hold an endpoint against what lanproof builds
// for the same version of Docker.
const engineCheck = "engine-"

// compareBuilt notes what the engine has built, and checks each endpoint.
func (o *Outcome) compareBuilt(b *bench, p *Prepared) error {
	if p.engine == nil {
		return nil
	}
	o.Result.Engine = engineName(p.engine)
	plan, problems := topology.Compile(&p.Case.Scenario.Spec, seedText(p.seed))
	if len(problems) > 0 {
		return fmt.Errorf("plan the topology: %w", problems[0])
	}
	for _, n := range b.lab.Nodes() {
		if n.Role != topology.RoleEndpoint && n.Role != topology.RoleHost {
			continue
		}
		built, err := builtOf(b, n)
		if err != nil {
			return fmt.Errorf("look at what %s has built: %w", o.Result.Engine, err)
		}
		want := simulated(plan, n.Name)
		if n.Role == topology.RoleEndpoint && len(want.devices) > 0 {
			have := want.among(built)
			built.Differs = differences(want.lines(), have)
			if p.engine.Docker() != "" {
				o.engineCheck(p, n.Name, want.lines(), have, built.Differs)
			}
		}
		o.Result.Built = append(o.Result.Built, *built)
	}
	return nil
}

func (o *Outcome) engineCheck(p *Prepared, node string, want, have, differs []string) {
	finding := state(len(differs) == 0, strings.Join(have, "; "))
	check := reports.Check{
		ID: engineCheck + node, Title: fmt.Sprintf("%s builds %s as lanproof does for Docker %s", o.Result.Engine, node, p.engine.Docker()),
		Verdict: probe.Judge(finding), Expected: strings.Join(want, "; "), Observed: finding.Observed, Proof: finding.Proof,
		Claims: []string{}, Location: p.Case.File + ":1", Evidence: []reports.Evidence{},
	}
	for _, d := range differs {
		check.Evidence = append(check.Evidence, reports.Evidence{Kind: "state", Text: d})
	}
	o.Result.Checks = append(o.Result.Checks, check)
}

// differences are the lines that only one side has.
func differences(want, have []string) []string {
	var all []string
	for _, line := range want {
		if !slices.Contains(have, line) {
			all = append(all, "simulated: "+line)
		}
	}
	for _, line := range have {
		if !slices.Contains(want, line) {
			all = append(all, "real: "+line)
		}
	}
	return all
}
