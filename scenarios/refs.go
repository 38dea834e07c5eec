package scenarios

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lanproof/lanproof/topology"
)

// walker goes through a case as time goes on and checks that what checks and
// steps name is there at that moment.
type walker struct {
	// plan is the LAN as far as it is known; nil when the topology is wrong.
	plan     *topology.Plan
	nodes    []string
	problems []topology.Problem
}

// walk compiles the topology and follows the case through its changes.
func walk(s *Scenario, b binding) []topology.Problem {
	w := &walker{nodes: nodesOf(&s.Spec)}
	w.plan, w.problems = topology.Compile(&s.Spec, "")
	for _, p := range timeline(s, b) {
		for i := range p.do {
			w.change(join(p.path, "do", i), &p.do[i])
		}
		p.eachCheck(b, w.check)
	}
	return w.problems
}

func nodesOf(s *topology.Spec) []string {
	var names []string
	for _, h := range s.Hosts {
		names = append(names, h.Name)
	}
	for _, e := range s.Endpoints {
		names = append(names, e.Name)
	}
	for _, st := range slices.Concat(s.Stations, s.Routers) {
		names = append(names, st.Name)
	}
	return names
}

func (w *walker) add(path []any, format string, args ...any) {
	w.problems = append(w.problems, topology.Problem{Path: path, Text: fmt.Sprintf(format, args...)})
}

// change makes a change that must work. After one that cannot, the devices are
// no longer known, and only nodes are checked.
func (w *walker) change(path []any, c *topology.Change) {
	if w.plan == nil {
		return
	}
	wrong := w.plan.Try(c)
	for _, p := range wrong {
		w.add(join(path, p.Path...), "%s", p.Text)
	}
	next, err := w.plan.Change(c)
	if len(wrong) > 0 || err != nil {
		w.plan = nil
		return
	}
	w.plan.Commit(next)
	w.nodes = slices.DeleteFunc(w.nodes, func(name string) bool { return name == c.RemoveNode })
}

func (w *walker) check(path []any, c *Check) {
	switch {
	case c.Reach != nil:
		w.flow(join(path, "reach"), c.Reach)
	case c.Blocked != nil:
		w.flow(join(path, "blocked"), c.Blocked)
	case c.MACs != nil:
		w.refs(join(path, "macs", "of"), c.MACs.Of)
	case c.Tag != nil:
		w.refs(join(path, "tag", "from"), c.Tag.From)
	case c.Link != nil:
		w.linkState(join(path, "link"), c.Link)
	case c.Addresses != nil:
		w.ref(join(path, "addresses", "link"), c.Addresses.Link)
	case c.Route != nil:
		w.route(join(path, "route"), c.Route)
	case c.Neighbour != nil:
		w.node(join(path, "neighbour", "node"), c.Neighbour.Node)
		w.ref(join(path, "neighbour", "mac_of"), c.Neighbour.MACOf)
	case c.Counters != nil:
		w.ref(join(path, "counters", "link"), c.Counters.Link)
		w.flow(join(path, "counters", "send"), &c.Counters.Send)
	case c.Refused != nil && len(c.Refused.Do) > 0:
		// The last change is the one to be refused, whatever is wrong with it.
		for i := range c.Refused.Do[:len(c.Refused.Do)-1] {
			w.change(join(path, "refused", "do", i), &c.Refused.Do[i])
		}
	case c.HandedOut != nil:
		w.network(join(path, "handed_out", "network"), c.HandedOut.Network)
	}
}

func (w *walker) flow(path []any, f *Flow) {
	w.refs(join(path, "from"), f.From)
	w.refs(join(path, "to"), f.To)
	w.macOrRef(join(path, "dest"), f.Dest)
}

func (w *walker) linkState(path []any, l *LinkState) {
	if l.Exists != nil && !*l.Exists {
		node, _, _ := strings.Cut(l.Link, "/")
		w.node(join(path, "link"), node)
		return
	}
	w.ref(join(path, "link"), l.Link)
	w.ref(join(path, "parent"), l.Parent)
	w.ref(join(path, "mac_of"), l.MACOf)
	if l.Filter != nil {
		for i, mac := range *l.Filter {
			w.macOrRef(join(path, "filter", i), mac)
		}
	}
	if l.Sources != nil {
		for i, source := range *l.Sources {
			w.macOrRef(join(path, "sources", i), source)
		}
	}
}

func (w *walker) route(path []any, r *RouteState) {
	if !w.node(join(path, "node"), r.Node) || r.Dev == "" || r.Exists != nil && !*r.Exists {
		return
	}
	w.device(join(path, "dev"), topology.Ref{Node: r.Node, Link: r.Dev})
}

func (w *walker) network(path []any, name string) {
	if w.plan == nil || name == "" || w.plan.LAN.Networks[name] != nil {
		return
	}
	var known []string
	for name := range w.plan.LAN.Networks {
		known = append(known, name)
	}
	slices.Sort(known)
	text, _ := unknown("network", name, known)
	w.add(path, "%s", text)
}

func (w *walker) refs(path []any, values Values) {
	for i, value := range values {
		w.ref(join(path, i), value)
	}
}

// ref checks NODE or NODE/LINK; empty is left out or already reported.
func (w *walker) ref(path []any, value string) {
	if value == "" {
		return
	}
	node, link, both := strings.Cut(value, "/")
	if w.node(path, node) && both {
		w.device(path, topology.Ref{Node: node, Link: link})
	} else if !both && w.plan != nil && slices.Contains(w.nodes, node) && w.plan.LAN.Main(node) == nil {
		w.add(path, "%s has no device at this time", node)
	}
}

// macOrRef checks a MAC address, or the device that has it.
func (w *walker) macOrRef(path []any, value string) {
	if parseMAC(value) != nil {
		w.ref(path, value)
	}
}

func (w *walker) node(path []any, name string) bool {
	if name == "" || slices.Contains(w.nodes, name) {
		return name != ""
	}
	text, _ := unknown("node", name, w.nodes)
	w.add(path, "%s", text)
	return false
}

func (w *walker) device(path []any, r topology.Ref) {
	if w.plan == nil || w.plan.LAN.Device(r) != nil {
		return
	}
	var known []string
	for _, d := range w.plan.LAN.DevicesOf(r.Node) {
		known = append(known, d.Link)
	}
	hint, _ := suggest(r.Link, known)
	w.add(path, "%s has no device %s at this time%s", r.Node, quote(r.Link), hint)
}
