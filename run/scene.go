package run

import (
	"net/netip"
	"slices"

	"github.com/lanproof/lanproof/probe"
	"github.com/lanproof/lanproof/topology"
)

// scene is a case as saboteurs look at it: what is made at any time, and what is
// asked. A saboteur draws only what some check asks about: what nobody asks
// nobody can answer wrongly. Where the oracle is asked, everything is.
type scene struct {
	lan  *topology.LAN // as it is built
	made []*topology.Device
	// later are the devices that steps make.
	later map[topology.Ref]bool
	given []topology.AddAddress
	taken map[netip.Addr]bool
	hairs bool // some port reflects at some time

	// moved are the places that devices get to in steps.
	moved map[topology.Ref]topology.Ref

	// mute are the flows that nothing can be sent of, for the sender has no carrier.
	mute      map[*flowQuestion]bool
	questions []question
	flows     []*flowQuestion
	oracle    bool
}

func newScene(p *Prepared) *scene {
	sc := &scene{
		lan: p.Plan.LAN, later: map[topology.Ref]bool{}, taken: map[netip.Addr]bool{},
		moved: map[topology.Ref]topology.Ref{}, mute: map[*flowQuestion]bool{},
	}
	sc.note(p.Plan.Ops, false)
	plan, _ := topology.Compile(&p.Case.Scenario.Spec, seedText(p.seed))
	for _, stage := range p.Stages {
		for i := range stage.Do {
			if next, err := plan.Change(&stage.Do[i]); err == nil {
				sc.note(next.Ops, true)
				plan.Commit(next)
			}
		}
		for i := range stage.Checks {
			sc.listen(stage.Checks[i].question, plan.LAN)
		}
	}
	return sc
}

// listen notes what is asked of the LAN as it then is.
func (sc *scene) listen(q question, now *topology.LAN) {
	sc.questions = append(sc.questions, q)
	switch q := q.(type) {
	case *flowQuestion:
		sc.flows = append(sc.flows, q)
		for d := now.Device(q.from); d != nil; d = now.Device(d.Parent) {
			if !d.Up || d.Port != nil && d.Port.NoCarrier {
				sc.mute[q] = true
			}
		}
	case *oracleQuestion:
		sc.oracle = true
	}
}

func (sc *scene) note(ops []topology.Op, later bool) {
	for _, o := range ops {
		switch o := o.(type) {
		case topology.MakeLink:
			sc.made = append(sc.made, o.Device)
			sc.later[o.Device.Ref] = later
		case topology.AddAddress:
			sc.given = append(sc.given, o)
			sc.taken[o.Prefix.Addr()] = true
		case topology.MoveDevice:
			sc.moved[o.Device.Ref] = o.To
		case topology.SetPort:
			sc.hairs = sc.hairs || o.Port.Hairpin
		}
	}
}

// device is one that is made at any time.
func (sc *scene) device(r topology.Ref) *topology.Device {
	i := slices.IndexFunc(sc.made, func(d *topology.Device) bool { return d.Ref == r })
	if i < 0 {
		return nil
	}
	return sc.made[i]
}

// asked reports whether some flow is asked about, or everything.
func (sc *scene) asked(is func(*flowQuestion) bool) bool {
	return sc.oracle || slices.ContainsFunc(sc.flows, is)
}

// linked reports whether some attribute of a device is asked for.
func (sc *scene) linked(r topology.Ref, is func(*linkQuestion) bool) bool {
	return slices.ContainsFunc(sc.questions, func(q question) bool {
		l, ok := q.(*linkQuestion)
		return ok && l.ref == r && is(l)
	})
}

// on reports whether a device is another, or sits on it.
func (sc *scene) on(upper, lower topology.Ref) bool {
	for r := upper; r.Link != ""; {
		if r == lower {
			return true
		}
		d := sc.device(r)
		if d == nil {
			break
		}
		r = d.Parent
	}
	return false
}

func (sc *scene) onAny(upper topology.Ref, lower []topology.Ref) bool {
	return slices.ContainsFunc(lower, func(r topology.Ref) bool { return sc.on(upper, r) })
}

// between reports whether a flow is between two devices, in either direction.
func (q *flowQuestion) between(a, b topology.Ref) bool {
	return q.from == a && q.to == b || q.from == b && q.to == a
}

// straight reports whether a flow's frames are for its target alone.
func (q *flowQuestion) straight() bool {
	return q.cast == probe.Unicast && q.dest == "" && q.errno == 0
}

// food is a kind of frame in a family.
type food struct {
	kind probe.Kind
	v6   bool
}

// feeds reports whether frames of a kind arrive at a device, or their answers.
func (q *flowQuestion) feeds(r topology.Ref, f food) bool {
	return q.want && q.kind == f.kind && q.target.Is6() == f.v6 && (q.to == r || q.answered() && q.from == r)
}
