package run

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lanproof/lanproof/engine"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/scenarios"
	"github.com/lanproof/lanproof/topology"
)

// Prepared is a case whose single checks are known. It is pure: preparing the
// same case with the same seed gives the same checks everywhere.
type Prepared struct {
	Case *scenarios.Case
	Plan *topology.Plan
	// Stages are the moments at which checks are made: the LAN as it is built,
	// then after each step.
	Stages []Stage
	// Needs are the kernel features that the case takes, sorted.
	Needs []string
	seed  uint64
	// sabotage is nil in all but a self-test.
	sabotage *Sabotage
	// each is told of every check that has been made; may be nil.
	each func(*reports.Check)
	// cable is nil where the case is not to run over one.
	cable *laid
	// together has flows that can share a window do so.
	together bool
	// uncaptured is set where nobody wants the capture.
	uncaptured bool
	// coroner is nil where nobody asks why frames died.
	coroner *coroner
	// engine builds the case's networks; lanproof does where it is nil.
	engine engine.Installation
	// otherVersion is set where that is of another version than the scenario says.
	otherVersion bool
}

// Stage is a step in time and the checks made after it.
type Stage struct {
	Name   string
	At     scenarios.Position
	Do     []topology.Change
	Checks []Check
}

// Check is one single check.
type Check struct {
	ID       string
	Title    string
	Expected string
	Claims   []string
	Refutes  []string
	At       scenarios.Position
	question question
}

// Checks returns the checks of all stages in order.
func (p *Prepared) Checks() []Check {
	var all []Check
	for _, s := range p.Stages {
		all = append(all, s.Checks...)
	}
	return all
}

// Location is file:line of a place in the case's file.
func (p *Prepared) Location(at scenarios.Position) string {
	return p.Case.File + ":" + strconv.Itoa(at.Line)
}

// Prepare works out the single checks of a case. Its error is of type
// scenarios.Errors when the file is at fault.
func Prepare(c *scenarios.Case, seed uint64) (*Prepared, error) {
	plan, problems := topology.Compile(&c.Scenario.Spec, seedText(seed))
	if len(problems) > 0 {
		return nil, fmt.Errorf("plan case %s: %w", c.Name, problems[0])
	}
	p := &Prepared{Case: c, Plan: plan, seed: seed}
	// The checks of later stages are worked out on a plan of their own, which
	// is taken through the steps.
	ahead, _ := topology.Compile(&c.Scenario.Spec, seedText(seed))
	e := &expansion{p: p, plan: ahead, ids: map[string]int{}, needs: map[string]bool{}}
	e.need(ahead.Ops)
	e.stage(Stage{}, c.Scenario.Checks)
	for i, s := range c.Scenario.Steps {
		name := s.Name
		if name == "" {
			name = fmt.Sprintf("step %d", i+1)
		}
		e.prefix = fmt.Sprintf("s%d.", i+1)
		st := Stage{Name: name, At: s.At, Do: s.Do}
		for j := range s.Do {
			e.advance(&s.Do[j], s.At)
		}
		e.stage(st, s.Checks)
	}
	if len(e.errs) > 0 {
		return nil, e.errs
	}
	for n := range e.needs {
		p.Needs = append(p.Needs, n)
	}
	slices.Sort(p.Needs)
	return p, nil
}

func seedText(seed uint64) string { return strconv.FormatUint(seed, 10) }

// expansion turns the checks of a file into single ones.
type expansion struct {
	p      *Prepared
	plan   *topology.Plan
	prefix string
	ids    map[string]int
	needs  map[string]bool
	errs   scenarios.Errors
}

func (e *expansion) need(ops []topology.Op) {
	for _, n := range topology.Needs(ops) {
		e.needs[n] = true
	}
}

// advance takes the plan through a change.
func (e *expansion) advance(c *topology.Change, at scenarios.Position) {
	next, err := e.plan.Change(c)
	if err != nil {
		e.fail(at, "%v", err)
		return
	}
	e.need(next.Ops)
	e.plan.Commit(next)
}

func (e *expansion) fail(at scenarios.Position, format string, args ...any) {
	e.errs = append(e.errs, &scenarios.Error{File: e.p.Case.File, Line: at.Line, Column: max(at.Column, 1), Text: fmt.Sprintf(format, args...)})
}

func (e *expansion) stage(s Stage, checks []scenarios.Check) {
	for i := range checks {
		s.Checks = append(s.Checks, e.expand(&checks[i])...)
	}
	e.p.Stages = append(e.p.Stages, s)
}

// expand turns one check of the file into single ones.
func (e *expansion) expand(c *scenarios.Check) []Check {
	var qs []question
	switch {
	case c.Reach != nil:
		qs = e.flows(c, c.Reach, true)
	case c.Blocked != nil:
		qs = e.flows(c, c.Blocked, false)
	case c.MACs != nil:
		qs = []question{e.macs(c)}
	case c.Tag != nil:
		qs = e.tags(c)
	case c.Link != nil:
		qs = []question{e.link(c)}
	case c.Addresses != nil:
		qs = []question{e.addresses(c)}
	case c.Route != nil:
		qs = []question{e.route(c)}
	case c.Neighbour != nil:
		qs = []question{e.neighbour(c)}
	case c.Counters != nil:
		qs = e.counters(c)
	case c.Refused != nil:
		qs = []question{e.refused(c)}
	case c.HandedOut != nil:
		qs = []question{&poolQuestion{want: c.HandedOut}}
	case len(c.Oracle) > 0:
		qs = e.oracle(c.Oracle)
	}
	var out []Check
	for _, q := range qs {
		if q == nil {
			continue
		}
		out = append(out, e.single(c, q, len(qs) > 1))
	}
	return out
}

// single makes the check of a question. A title given in the file stands for
// one question only; several are told apart by their own.
func (e *expansion) single(c *scenarios.Check, q question, several bool) Check {
	id, title, expected := q.describe()
	switch {
	case c.ID != "" && several:
		id = c.ID + "-" + id
	case c.ID != "":
		id = c.ID
	}
	switch {
	case c.Title != "" && several:
		title = c.Title + ": " + title
	case c.Title != "":
		title = c.Title
	}
	id = e.prefix + strings.NewReplacer("/", ".", " ", "-").Replace(id)
	e.ids[id]++
	if n := e.ids[id]; n > 1 {
		id = fmt.Sprintf("%s-%d", id, n)
	}
	claims := append(slices.Clone(e.p.Case.Scenario.Claims), c.Claims...)
	return Check{ID: id, Title: title, Expected: expected, Claims: append(claims, c.Refutes...), Refutes: c.Refutes, At: c.At, question: q}
}

// device finds the device that a check names: NODE/LINK, or NODE for its main one.
func (e *expansion) device(name string) (d *topology.Device, explicit bool) {
	if strings.Contains(name, "/") {
		return e.plan.LAN.Device(topology.ParseRef(name, "")), true
	}
	return e.plan.LAN.Main(name), false
}

// Why are the oracle's rules by which the flow of a check does not happen on the LAN as
// it is built: of the first frame that gets lost the decision that it meets first, and
// those where it is kept from its target. They are none for a check that asks about no
// flow, where the tables say that it happens, and where routers have a say in it.
func (p *Prepared) Why(check string) []reports.Rule {
	if p == nil {
		return nil
	}
	for _, c := range p.Stages[0].Checks {
		if q, ok := c.question.(*flowQuestion); ok && c.ID == check {
			return whyNot(p.Plan.LAN, q.way(p.Plan.LAN, nil))
		}
	}
	return nil
}
