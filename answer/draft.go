package answer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lanproof/lanproof/advice"
	"github.com/lanproof/lanproof/intent"
	"github.com/lanproof/lanproof/topology"
)

// Draft is the LAN that an intent is answered on: a host with the parents that it
// names, its networks and endpoints, and on the same wire a machine, a gateway, and a
// machine for each VLAN. It is pure.
type Draft struct {
	Spec topology.Spec
	// Plan is the spec's.
	Plan *topology.Plan
	// Machines are the rows and columns of the table, endpoints first.
	Machines []Machine
	Networks []Network
	// Endpoints have an entry for each network that they are on.
	Endpoints []Endpoint
	LeftOut   []LeftOut
	// Refused is what the engine would refuse, in its words.
	Refused []Refusal

	in       *intent.Intent
	around   advice.Surroundings
	networks []*network
	ends     []*endpoint
	nodes    names
}

// Refusal is a network or an endpoint that the engine refuses, with its words.
type Refusal struct {
	topology.Problem
	Place               intent.Place
	Networks, Endpoints []string
}

// seed is that of a run where none is given, on which derived addresses depend.
const seed = "0"

// NewDraft makes the LAN for an intent. An error means that lanproof itself has drafted
// what cannot be.
func NewDraft(in *intent.Intent, around advice.Surroundings) (*Draft, error) {
	d := &Draft{in: in, around: around, nodes: names{topology.SwitchNode: true}}
	d.readNetworks()
	d.readEndpoints()
	d.spans()
	d.Spec = topology.Spec{Docker: around.Docker}
	d.hosts()
	if err := d.settle(); err != nil {
		return nil, err
	}
	for _, n := range d.networks {
		d.fix(n)
	}
	d.populate()
	if err := d.settle(); err != nil {
		return nil, err
	}
	d.machines()
	d.describe()
	return d, nil
}

// leaveOut notes what the answer does not cover.
func (d *Draft) leaveOut(what, name, why string, at intent.Place) {
	d.LeftOut = append(d.LeftOut, LeftOut{What: what, Name: name, Why: why, File: at.File, Line: at.Line})
}

// settle writes the networks and endpoints into the spec and compiles it. Whatever the
// engine or the kernel refuses is taken out, one after the other as it would be made, so that nothing
// is blamed for what is not there.
func (d *Draft) settle() error {
	for {
		d.dropParents()
		d.Spec.Networks, d.Spec.Endpoints = nil, nil
		for _, n := range d.networks {
			if n.built() {
				d.Spec.Networks = append(d.Spec.Networks, topology.Item[topology.Network]{Name: n.name, Value: n.spec})
			}
		}
		for _, e := range d.ends {
			if e.built() {
				d.Spec.Endpoints = append(d.Spec.Endpoints, topology.Item[topology.Endpoint]{Name: e.node, Value: e.value()})
			}
		}
		plan, problems := topology.Compile(&d.Spec, seed)
		if len(problems) == 0 {
			d.Plan = plan
			if d.refuseStart() {
				continue
			}
			return nil
		}
		if !d.refuse(problems) {
			return fmt.Errorf("draft a LAN for what is written: %w", problems[0])
		}
	}
}

// refuse takes out the first that problems are about, with all that is wrong with it.
// It returns false when they are about nothing that was written.
func (d *Draft) refuse(problems []topology.Problem) bool {
	for _, p := range problems {
		if n := d.networkOf(p.Path); n != nil {
			if advice.DockersAlone(advice.Refusal(p, intent.Place{}).ID) && (n.ownBooks() || d.mixed()) {
				n.out = true
				d.leaveOut("network", n.of.Name, "by Docker's rules it cannot be beside the others, and no other engine's are simulated for that", n.of.Place)
				return true
			}
			for _, other := range problems {
				if d.networkOf(other.Path) == n {
					d.Refused = append(d.Refused, Refusal{Problem: other, Place: n.place(other.Path), Networks: []string{n.of.Name}})
				}
			}
			n.refused = true
			return true
		}
		if e := d.endpointOf(p.Path); e != nil {
			for _, other := range problems {
				if d.endpointOf(other.Path) == e {
					at, of := e.at(other.Path)
					d.Refused = append(d.Refused, Refusal{Problem: other, Place: at, Networks: of, Endpoints: []string{e.of.Name}})
				}
			}
			e.refused = true
			return true
		}
	}
	return false
}

// networkOf is the network that a problem's path leads to: its own, or the first on a
// parent that cannot be.
func (d *Draft) networkOf(path []any) *network {
	step := func(i int) string {
		if i >= len(path) {
			return ""
		}
		return fmt.Sprint(path[i])
	}
	for _, n := range d.networks {
		switch {
		case !n.built():
		case step(0) == "networks" && step(1) == n.name:
			return n
		case step(0) == "hosts" && step(2) == "parents" && (step(3) == n.spec.Parent || step(3) == base(n.spec.Parent)):
			return n
		}
	}
	return nil
}

func (d *Draft) endpointOf(path []any) *endpoint {
	if len(path) < 2 || path[0] != "endpoints" {
		return nil
	}
	i := slices.IndexFunc(d.ends, func(e *endpoint) bool { return e.built() && e.node == path[1] })
	if i < 0 {
		return nil
	}
	return d.ends[i]
}

// base is the part of a dotted name before its first dot.
func base(name string) string {
	before, _, _ := strings.Cut(name, ".")
	return before
}

// names are those that machines have.
type names map[string]bool

// take gives a machine a name that is like the one that it wants, and no other's.
func (n names) take(want string) string {
	name := n.free(want)
	n[name] = true
	return name
}

// free is the name that a machine would be given.
func (n names) free(want string) string {
	var b strings.Builder
	for i, r := range want {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		switch {
		case letter || i > 0 && strings.ContainsRune("_.-", r):
			b.WriteRune(r)
		case i > 0:
			b.WriteByte('-')
		}
	}
	const longest = 50
	name := b.String()
	if len(name) > longest {
		name = name[:longest]
	}
	if name == "" {
		name = "endpoint"
	}
	free := name
	for i := 2; n[free]; i++ {
		free = fmt.Sprintf("%s-%d", name, i)
	}
	return free
}
