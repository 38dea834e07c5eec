package run

import (
	"fmt"

	"github.com/lanproof/lanproof/run/repro"
	"github.com/lanproof/lanproof/topology"
)

// Script returns what a shell script needs to make one check of the case, by its
// id. The error wraps a *repro.Unsayable for a check that no shell can make.
func (p *Prepared) Script(id string) (*repro.Script, error) {
	plan, problems := topology.Compile(&p.Case.Scenario.Spec, seedText(p.seed))
	if len(problems) > 0 {
		return nil, fmt.Errorf("plan the topology: %w", problems[0])
	}
	s := &repro.Script{Case: p.Case.Name, Title: p.Case.Scenario.Title, Build: plan.Ops}
	change := func(c *topology.Change) ([]topology.Op, error) {
		next, err := plan.Change(c)
		if err != nil {
			return nil, err
		}
		plan.Commit(next)
		return next.Ops, nil
	}
	for i := range p.Stages {
		stage := &p.Stages[i]
		step := repro.Step{Name: stage.Name}
		for j := range stage.Do {
			ops, err := change(&stage.Do[j])
			if err != nil {
				return nil, fmt.Errorf("%s: plan the step: %w", p.Location(stage.At), err)
			}
			step.Ops = append(step.Ops, ops...)
		}
		s.Steps = append(s.Steps, step)
		for j := range stage.Checks {
			c := &stage.Checks[j]
			if c.ID != id {
				// What comes before a refused change stays.
				if q, ok := c.question.(*refusedQuestion); ok {
					s.Steps = append(s.Steps, repro.Step{Name: "what check " + c.ID + " has prepared", Ops: q.prepared(change)})
				}
				continue
			}
			s.Check, s.Asks, s.Expected, s.Location = c.ID, c.Title, c.Expected, p.Location(c.At)
			s.LAN = plan.LAN
			var err error
			if s.Ask, err = c.ask(plan, change); err != nil {
				return nil, fmt.Errorf("check %s: %w", c.ID, err)
			}
			s.LAN = plan.LAN
			return s, nil
		}
	}
	return nil, fmt.Errorf("case %s has no check %q", p.Case.Name, id)
}

// planning takes a plan through a change.
type planning func(*topology.Change) ([]topology.Op, error)

// ask is the check's question as a shell may ask it.
func (c *Check) ask(plan *topology.Plan, change planning) (repro.Ask, error) {
	switch q := c.question.(type) {
	case *flowQuestion:
		return q.script(), nil
	case *linkQuestion:
		return &repro.Link{Want: q.want}, nil
	case *addressesQuestion:
		return &repro.Addresses{Want: q.want, Of: q.ref}, nil
	case *routeQuestion:
		return &repro.Route{Want: q.want}, nil
	case *neighbourQuestion:
		return nil, &repro.Unsayable{What: "what a node has learned from the flow of another check"}
	case *countersQuestion:
		return &repro.Counters{Want: q.want, Send: q.flow.script()}, nil
	case *refusedQuestion:
		r := &repro.Refused{Prepare: q.prepared(change), Errno: q.errno, Reason: q.want.Reason}
		next, err := plan.Change(&q.want.Do[len(q.want.Do)-1])
		if err != nil {
			return nil, &repro.Unsayable{What: fmt.Sprintf("what Docker's rules refuse (%v): no kernel is asked", err)}
		}
		r.Last = next.Ops
		return r, nil
	case *macsQuestion:
		return q.script(plan.LAN)
	case *tagQuestion:
		return q.script()
	case *poolQuestion:
		return nil, &repro.Unsayable{What: "what an address pool hands out"}
	}
	return nil, &repro.Unsayable{What: "what the oracle asks: every frame from everybody to everybody"}
}

// prepared are the operations before the change that is to be refused.
func (q *refusedQuestion) prepared(change planning) []topology.Op {
	var ops []topology.Op
	for i := range q.want.Do[:max(len(q.want.Do)-1, 0)] {
		some, err := change(&q.want.Do[i])
		if err != nil {
			break
		}
		ops = append(ops, some...)
	}
	return ops
}

// script is the flow as a shell may send it.
func (q *flowQuestion) script() *repro.Flow {
	f := &repro.Flow{
		Want: q.want, From: q.from, To: q.to, Kind: string(q.kind), Cast: string(q.cast), Source: q.source, Target: q.target,
		Bind: q.bind, Static: q.static, Size: q.size, Errno: q.errno,
	}
	switch {
	case len(q.tags) > 0:
		f.Other = "frames with tags of their own"
	case q.claimed != "":
		f.Other = "frames that claim to come from another address"
	case q.dest != "":
		f.Other = "frames that go to another address than the target's"
	}
	return f
}

// script is what the frames of each sender must carry.
func (q *macsQuestion) script(lan *topology.LAN) (repro.Ask, error) {
	wire := &repro.Wire{}
	taken := map[string]bool{}
	for _, r := range q.of {
		d := lan.Device(r)
		if d == nil {
			return nil, &repro.Unsayable{What: fmt.Sprintf("what a device sends that is not there any more: %s", r)}
		}
		parent := lan.Root(d)
		mac := d.MAC
		if q.are == "shared" {
			mac = parent.MAC
		} else if taken[mac.String()] || parent != d && mac.String() == parent.MAC.String() {
			return nil, &repro.Unsayable{What: fmt.Sprintf("that %s has an address of its own: it has not, as it stands here", r)}
		}
		if mac == nil {
			return nil, &repro.Unsayable{What: fmt.Sprintf("which address %s has", r)}
		}
		taken[mac.String()] = true
		wire.Senders = append(wire.Senders, repro.Sender{From: r, MAC: mac})
	}
	return wire, nil
}

// script is what the frames of the sender must carry.
func (q *tagQuestion) script() (repro.Ask, error) {
	if q.priority > 0 {
		return nil, &repro.Unsayable{What: "the priority of a socket"}
	}
	sender := repro.Sender{From: q.from, Tagged: true}
	for _, t := range q.tags {
		sender.Tags = append(sender.Tags, topology.Tag{TPID: t.TPID, VID: int(t.VID)})
		sender.PCPs = append(sender.PCPs, int(t.PCP))
	}
	return &repro.Wire{Senders: []repro.Sender{sender}}, nil
}
