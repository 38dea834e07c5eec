package run

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"

	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/topology"
)

// Sabotage is one thing that is built, or measured, otherwise than the scenario
// says, while the checks stay as they were. A nil one changes nothing.
type Sabotage struct {
	// Kind is one of the saboteurs' names.
	Kind string `json:"kind"`
	// At is the device, as the scenario names it.
	At topology.Ref `json:"at"`
	// From and To are what is replaced and by what, in the kind's own words.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Touches are all devices whose frames or attributes are no longer what they
	// were; one without a link stands for a whole node.
	Touches []topology.Ref `json:"touches"`
}

// String says what is done, in a few words.
func (s *Sabotage) String() string {
	text := fmt.Sprintf("%s of %s", s.Kind, s.At)
	if s.From != "" {
		text += " from " + s.From
	}
	if s.To != "" {
		text += " to " + s.To
	}
	return text
}

// saboteur is one kind of sabotage. Exactly one of alter, add and act is set.
type saboteur struct {
	kind string
	// draw names everything of that kind that can be done to a case.
	draw func(*scene) []Sabotage
	// alter changes an operation on its way to the kernel.
	alter func(*Sabotage, topology.Op) topology.Op
	// add returns operations for after the LAN is built.
	add func(*Sabotage, *topology.Plan) []topology.Op
	// act does something to a bench that is open.
	act func(*Sabotage, *bench) error
}

// saboteurs are all of them. A new one is a line here.
func saboteurs() []saboteur {
	return []saboteur{
		{kind: "macvlan mode", draw: (*scene).macvlanModes, alter: (*Sabotage).otherMacvlanMode},
		{kind: "ipvlan mode", draw: (*scene).ipvlanModes, alter: (*Sabotage).otherIpvlanMode},
		{kind: "ipvlan flag", draw: (*scene).ipvlanFlags, alter: (*Sabotage).otherIpvlanFlag},
		{kind: "VID", draw: (*scene).vids, alter: (*Sabotage).otherVID},
		{kind: "MAC address", draw: (*scene).macs, alter: (*Sabotage).otherMAC},
		{kind: "IP address", draw: (*scene).addresses, alter: (*Sabotage).otherAddress},
		{kind: "MTU", draw: (*scene).mtus, alter: (*Sabotage).otherMTU},
		{kind: "hairpin", draw: (*scene).hairpins, alter: (*Sabotage).flipHairpin, add: (*Sabotage).flipPlain},
		{kind: "left down", draw: (*scene).children, add: (*Sabotage).takeDown},
		{kind: "VLAN leak", draw: (*scene).leaks, add: (*Sabotage).leak},
		{kind: "deaf tap", draw: (*scene).taps, act: (*Sabotage).deafen},
		{kind: "eaten frames", draw: (*scene).eaters, act: (*Sabotage).eat},
	}
}

func (s *Sabotage) saboteur() (saboteur, error) {
	all := saboteurs()
	i := slices.IndexFunc(all, func(k saboteur) bool { return k.kind == s.Kind })
	if i < 0 {
		return saboteur{}, fmt.Errorf("there is no sabotage called %q", s.Kind)
	}
	return all[i], nil
}

// op is an operation as it is really carried out.
func (s *Sabotage) op(o topology.Op) topology.Op {
	if s == nil {
		return o
	}
	if k, err := s.saboteur(); err == nil && k.alter != nil {
		return k.alter(s, o)
	}
	return o
}

// spoil changes how a plan is built, and leaves alone what it is said to lead to.
func (s *Sabotage) spoil(plan *topology.Plan) error {
	if s == nil {
		return nil
	}
	k, err := s.saboteur()
	if err != nil {
		return err
	}
	ops := make([]topology.Op, len(plan.Ops))
	for i, o := range plan.Ops {
		ops[i] = s.op(o)
	}
	if k.add != nil {
		ops = append(ops, k.add(s, plan)...)
	}
	plan.Ops = ops
	return nil
}

// tamper does what is done to a bench that is open.
func (s *Sabotage) tamper(b *bench) error {
	if s == nil {
		return nil
	}
	b.sabotage = s
	// Fences that a sabotage stops are waited for in vain.
	b.field.Deadline = sabotagedDeadline
	k, err := s.saboteur()
	if err != nil || k.act == nil {
		return err
	}
	return k.act(s, b)
}

// Sabotages draws what is to be done to a case: up to each of every kind, chosen
// by the case's name and seed.
func (p *Prepared) Sabotages(each int) []*Sabotage {
	sc := newScene(p)
	var all []*Sabotage
	for _, k := range saboteurs() {
		drawn := k.draw(sc)
		h := fnv.New64a()
		fmt.Fprintf(h, "%s\x00%s", p.Case.Name, k.kind)
		r := rand.New(rand.NewPCG(p.seed, h.Sum64()))
		r.Shuffle(len(drawn), func(i, j int) { drawn[i], drawn[j] = drawn[j], drawn[i] })
		for i := range drawn[:min(each, len(drawn))] {
			drawn[i].Kind = k.kind
			for _, r := range drawn[i].Touches {
				if to, ok := sc.moved[r]; ok {
					drawn[i].Touches = append(drawn[i].Touches, to)
				}
			}
			all = append(all, &drawn[i])
		}
	}
	return all
}

// red reports whether a verdict shows that something is wrong.
func red(v reports.Verdict) bool { return v == reports.Fail || v == reports.Error }

// shown reports whether the last check has shown the sabotage, so that no
// further one is wanted.
func (s *Sabotage) shown(p *Prepared, made []reports.Check) bool {
	return s != nil && len(made) > 0 && red(made[len(made)-1].Verdict) && s.right(p, made[len(made)-1].ID)
}

// right reports whether a check is about what the sabotage touches.
func (s *Sabotage) right(p *Prepared, id string) bool {
	for _, c := range p.Checks() {
		if c.ID == id {
			return s.meets(newScene(p), c.question)
		}
	}
	return false
}

// meets reports whether a question is about a device that is touched, or about
// one that sits on it. What the kernel reports of a device may also be due to
// what sits on that.
func (s *Sabotage) meets(sc *scene, q question) bool {
	on := func(upper, lower topology.Ref) bool {
		switch {
		case upper.Node == "":
			return false
		case lower.Link == "" || upper.Link == "":
			return upper.Node == lower.Node
		}
		return sc.on(upper, lower)
	}
	about, all, upwards := subjects(q)
	return all || slices.ContainsFunc(about, func(r topology.Ref) bool {
		return slices.ContainsFunc(s.Touches, func(t topology.Ref) bool { return on(r, t) || upwards && on(t, r) })
	})
}

// subjects are the devices that a question is about, or all. upwards is set
// where what sits on them matters, too.
func subjects(q question) (about []topology.Ref, all, upwards bool) {
	switch q := q.(type) {
	case *flowQuestion:
		return []topology.Ref{q.from, q.to, topology.ParseRef(q.dest, "")}, false, false
	case *countersQuestion:
		return []topology.Ref{q.ref, q.flow.from, q.flow.to}, false, true
	case *macsQuestion:
		return q.of, false, false
	case *tagQuestion:
		return []topology.Ref{q.from}, false, false
	case *linkQuestion:
		return []topology.Ref{q.ref}, false, true
	case *addressesQuestion:
		return []topology.Ref{q.ref}, false, false
	case *routeQuestion:
		return []topology.Ref{{Node: q.want.Node}}, false, false
	case *neighbourQuestion:
		return []topology.Ref{{Node: q.want.Node}}, false, false
	case *refusedQuestion:
		return changed(q.want.Do), false, true
	case *oracleQuestion:
		return nil, true, false
	}
	return nil, false, false
}

// changed are the devices that changes are about.
func changed(do []topology.Change) []topology.Ref {
	var all []topology.Ref
	for _, c := range do {
		switch {
		case c.Add != nil:
			all = append(all, topology.Ref{Node: c.Add.Node, Link: c.Add.Name}, topology.ParseRef(c.Add.Parent, c.Add.Node))
		case c.Set != nil:
			all = append(all, topology.ParseRef(c.Set.Link, ""))
		case c.Move != nil:
			all = append(all, topology.ParseRef(c.Move.Link, ""))
		case c.Attach != nil:
			all = append(all, topology.Ref{Node: c.Attach.Endpoint})
		case c.Delete != "":
			all = append(all, topology.ParseRef(c.Delete, ""))
		}
	}
	return all
}
