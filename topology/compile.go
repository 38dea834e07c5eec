package topology

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Source is the text of spec.go, from which the schema takes its descriptions.
//
//go:embed spec.go
var Source string

// Plan is how a LAN is built: the operations in their order, and the state
// that they lead to.
type Plan struct {
	LAN *LAN
	Ops []Op
}

var nodeName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)

// Compile plans the LAN that a spec describes, or says all that is wrong with
// the spec. Everything derived (MAC addresses, names, order) depends on the
// spec and the seed alone.
func Compile(s *Spec, seed string) (*Plan, []Problem) {
	b := &builder{lan: &LAN{Docker: s.Docker, Networks: map[string]*NetworkState{}, Switch: s.Switch, seed: seed}}
	b.in("docker", func() { b.oneOf("version of Docker", s.Docker, dockers) })
	b.nodes(s)
	if len(b.problems) > 0 {
		return nil, b.problems
	}
	b.makeSwitch(s)
	for _, st := range s.Stations {
		b.in("stations", func() { b.in(st.Name, func() { b.station(st.Name, &st.Value) }) })
	}
	for _, st := range s.Routers {
		b.in("routers", func() { b.in(st.Name, func() { b.station(st.Name, &st.Value) }) })
	}
	b.hosts(s)
	for _, n := range s.Networks {
		b.in("networks", func() { b.in(n.Name, func() { b.addNetwork(n.Name, &n.Value) }) })
	}
	b.handLinks(s)
	b.endpoints(s)
	b.ports(s)
	b.allRoutes(s)
	if len(b.problems) > 0 {
		return nil, b.problems
	}
	return &Plan{LAN: b.lan, Ops: b.ops}, nil
}

// nodes makes every namespace, the switch's first.
func (b *builder) nodes(s *Spec) {
	seen := map[string]string{SwitchNode: "switch"}
	add := func(field, name string, role Role, forwarding bool) {
		b.in(field, func() {
			b.in(name, func() {
				switch {
				case !nodeName.MatchString(name):
					b.problem("%q is no name for a machine: letters, digits, dot, dash and underscore", name)
				case seen[name] != "":
					b.problem("%q names something among %s already", name, seen[name])
				}
				seen[name] = field
				n := Node{Name: name, Role: role, Forwarding: forwarding}
				b.lan.Nodes = append(b.lan.Nodes, n)
				b.op(MakeNode{n})
			})
		})
	}
	b.lan.Nodes = []Node{{Name: SwitchNode, Role: RoleSwitch}}
	b.op(MakeNode{b.lan.Nodes[0]})
	for _, h := range s.Hosts {
		add("hosts", h.Name, RoleHost, h.Value.Forwarding)
	}
	for _, e := range s.Endpoints {
		add("endpoints", e.Name, RoleEndpoint, false)
	}
	for _, st := range s.Stations {
		add("stations", st.Name, RoleStation, false)
	}
	for _, r := range s.Routers {
		add("routers", r.Name, RoleRouter, true)
	}
	if len(b.lan.Nodes) == 1 {
		b.problem("there is no machine: a topology needs hosts, endpoints or stations")
	}
}

func (b *builder) makeSwitch(s *Spec) {
	sw := b.newDevice(Ref{SwitchNode, Bridge}, KindBridge)
	sw.Up, sw.FDBMaxLearned, sw.VLANFiltering = true, s.Switch.MACTable, filters(s)
	sw.MAC = b.lan.MACOf(sw.Ref)
	b.in("switch", func() {
		b.in("mac_table", func() {
			if s.Switch.MACTable < 0 {
				b.problem("mac_table is a number of addresses: %d is too few", s.Switch.MACTable)
			}
		})
	})
	b.make(sw, nil)
}

// filters reports whether any port of the switch tells VLANs apart.
func filters(s *Spec) bool {
	return slices.ContainsFunc(s.Switch.Ports, func(p Item[SwitchPort]) bool {
		return p.Value.Access != 0 || len(p.Value.Trunk) > 0
	})
}

func (b *builder) station(name string, s *Station) {
	l := Link{Kind: KindVeth, MAC: s.MAC, MTU: s.MTU, Addresses: s.Addresses}
	b.link(Ref{name, "eth0"}, &l)
	for _, item := range s.Links {
		b.in("links", func() { b.in(item.Name, func() { b.link(Ref{name, item.Name}, &item.Value) }) })
	}
}

// hosts makes the hosts' parents and links, each after what it stands on.
func (b *builder) hosts(s *Spec) {
	for _, h := range s.Hosts {
		b.in("hosts", func() {
			b.in(h.Name, func() {
				b.inOrder(h.Name, "parents", h.Value.Parents)
				b.inOrder(h.Name, "links", h.Value.Links)
			})
		})
	}
}

// handLinks makes the devices that endpoints have by hand.
func (b *builder) handLinks(s *Spec) {
	for _, e := range s.Endpoints {
		b.in("endpoints", func() {
			b.in(e.Name, func() { b.inOrder(e.Name, "links", e.Value.Links) })
		})
	}
}

// inOrder makes links after the links that they stand on, and refuses circles.
func (b *builder) inOrder(node, field string, links Named[Link]) {
	defer b.enter(field)()
	state := map[string]int{} // 1 in the making, 2 made
	var visit func(item Item[Link])
	visit = func(item Item[Link]) {
		switch state[item.Name] {
		case 1:
			b.in(item.Name, func() { b.problem("device %s stands on itself", item.Name) })
			return
		case 2:
			return
		}
		state[item.Name] = 1
		for _, below := range append([]string{item.Value.Parent}, item.Value.Ports...) {
			r := ParseRef(below, node)
			if i := slices.IndexFunc(links, func(o Item[Link]) bool { return r == Ref{node, o.Name} }); i >= 0 && below != "" {
				visit(links[i])
			}
		}
		state[item.Name] = 2
		b.in(item.Name, func() {
			if !b.failed() {
				b.link(Ref{node, item.Name}, &item.Value)
			}
		})
	}
	for _, item := range links {
		visit(item)
	}
}

func (b *builder) endpoints(s *Spec) {
	for _, e := range s.Endpoints {
		b.in("endpoints", func() { b.in(e.Name, func() { b.endpoint(e.Name, &e.Value) }) })
	}
}

func (b *builder) endpoint(name string, e *Endpoint) {
	if e.Network != "" {
		b.attach(name, Attachment{Network: e.Network, IP: e.IP, IP6: e.IP6, MAC: e.MAC})
	} else if e.IP != "" || e.IP6 != "" || e.MAC != "" {
		b.problem("ip, ip6 and mac belong to a network: name it, or use attach or links")
	}
	for i, a := range e.Attach {
		b.in("attach", func() { b.in(i, func() { b.attach(name, a) }) })
	}
}

// ports sets the switch's ports where they differ from plain ones.
func (b *builder) ports(s *Spec) {
	defer b.enter("switch")()
	if s.Switch.Hairpin {
		for _, d := range b.lan.Devices {
			if d.Port != nil {
				d.Port.Hairpin = true
				b.op(SetPort{Device: d, Port: *d.Port})
			}
		}
	}
	for _, p := range s.Switch.Ports {
		b.in("ports", func() { b.in(p.Name, func() { b.setPort(p.Name, &p.Value) }) })
	}
}

func (b *builder) allRoutes(s *Spec) {
	for _, h := range s.Hosts {
		b.in("hosts", func() { b.in(h.Name, func() { b.routes(h.Name, h.Value.Routes) }) })
	}
	for _, e := range s.Endpoints {
		b.in("endpoints", func() { b.in(e.Name, func() { b.routes(e.Name, e.Value.Routes) }) })
	}
	for _, st := range s.Stations {
		b.in("stations", func() { b.in(st.Name, func() { b.routes(st.Name, st.Value.Routes) }) })
	}
	for _, r := range s.Routers {
		b.in("routers", func() { b.in(r.Name, func() { b.routes(r.Name, r.Value.Routes) }) })
	}
}

// String prints the plan as ip commands, one a line.
func (p *Plan) String() string {
	var out strings.Builder
	for _, o := range p.Ops {
		fmt.Fprintln(&out, o)
	}
	return out.String()
}
