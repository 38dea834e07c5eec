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
	// Deeds say which of the operations are about networks, in their order.
	Deeds []Deed
}

// String prints the plan as ip commands, one operation a line.
func (p *Plan) String() string {
	var out strings.Builder
	for _, o := range p.Ops {
		fmt.Fprintln(&out, o)
	}
	return out.String()
}

// A machine's name is also that of a namespace and of a file in reports.
var nodeName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$`)

// Compile plans the LAN that a spec describes, or says all that is wrong with
// the spec. Everything derived (MAC addresses, names, order) depends on the
// spec and the seed alone.
func Compile(s *Spec, seed string) (*Plan, []Problem) {
	b := &builder{lan: &LAN{Docker: s.Docker, Networks: map[string]*NetworkState{}, Switch: s.Switch, seed: seed}}
	b.in("docker", func() { b.oneOf("version of Docker", s.Docker, dockers) })
	s = b.nodes(s)
	b.makeSwitch(s)
	b.stations("stations", s.Stations)
	b.stations("routers", s.Routers)
	hand := b.handLinks(s)
	hand.makeAll(func(l *handLink) bool { return !hand.waits(l) })
	for _, n := range s.Networks {
		b.in("networks", func() {
			b.in(n.Name, func() {
				b.deed(Change{Network: &AddNetwork{n.Name, n.Value}}, func() { b.addNetwork(n.Name, &n.Value) })
			})
		})
	}
	b.endpoints(s)
	hand.makeAll(func(*handLink) bool { return true })
	b.ports(s)
	b.allRoutes(s)
	if len(b.problems) > 0 {
		return nil, b.problems
	}
	return &Plan{LAN: b.lan, Ops: b.ops, Deeds: b.deeds}, nil
}

// nodes makes every namespace, the switch's first. It returns the spec without
// the machines whose names are taken.
func (b *builder) nodes(s *Spec) *Spec {
	kept := *s
	taken := map[string]string{SwitchNode: "the switch"}
	b.addNode(Node{Name: SwitchNode, Role: RoleSwitch})
	kept.Hosts = named(b, "hosts", s.Hosts, taken)
	kept.Endpoints = named(b, "endpoints", s.Endpoints, taken)
	kept.Stations = named(b, "stations", s.Stations, taken)
	kept.Routers = named(b, "routers", s.Routers, taken)
	for _, h := range kept.Hosts {
		b.addNode(Node{Name: h.Name, Role: RoleHost, Forwarding: h.Value.Forwarding})
	}
	for _, e := range kept.Endpoints {
		b.addNode(Node{Name: e.Name, Role: RoleEndpoint, RunOn: e.Value.runOn()})
	}
	for _, st := range kept.Stations {
		b.addNode(Node{Name: st.Name, Role: RoleStation})
	}
	for _, r := range kept.Routers {
		b.addNode(Node{Name: r.Name, Role: RoleRouter, Forwarding: true})
	}
	if len(s.Hosts)+len(s.Endpoints)+len(s.Stations)+len(s.Routers) == 0 {
		b.problem("there is no machine: a topology needs hosts, endpoints, stations or routers")
	}
	return &kept
}

// named checks the names of machines and drops those that come again.
func named[T any](b *builder, field string, list Named[T], taken map[string]string) Named[T] {
	defer b.enter(field)()
	var kept Named[T]
	for _, item := range list {
		b.in(item.Name, func() {
			if !nodeName.MatchString(item.Name) {
				b.problem("%q is no name for a machine: up to 63 letters, digits, dots, dashes and underscores, a letter or digit first", item.Name)
			}
			if taken[item.Name] != "" {
				b.problem("%q is the name of %s already", item.Name, taken[item.Name])
				return
			}
			taken[item.Name] = "one of the " + field
			kept = append(kept, item)
		})
	}
	return kept
}

func (b *builder) addNode(n Node) {
	b.lan.addNode(n)
	b.op(MakeNode{n})
}

func (b *builder) makeSwitch(s *Spec) {
	sw := b.newDevice(Ref{SwitchNode, Bridge}, KindBridge)
	sw.Up, sw.FDBMaxLearned, sw.VLANFiltering = true, s.Switch.MACTable, filters(s)
	sw.MAC, sw.OwnMAC = b.lan.MACOf(sw.Ref), true
	b.at([]any{"switch", "mac_table"}, func() {
		if s.Switch.MACTable < 0 {
			b.problem("mac_table is a number of addresses: %d is too few", s.Switch.MACTable)
		}
	})
	b.make(sw, nil)
}

// filters reports whether any port of the switch tells VLANs apart.
func filters(s *Spec) bool {
	return slices.ContainsFunc(s.Switch.Ports, func(p Item[SwitchPort]) bool {
		return p.Value.Access != 0 || len(p.Value.Trunk) > 0
	})
}

// stations plugs the other machines on the LAN into the switch.
func (b *builder) stations(field string, list Named[Station]) {
	for _, st := range list {
		b.at([]any{field, st.Name}, func() {
			b.link(Ref{st.Name, "eth0"}, &Link{Kind: KindVeth, MAC: st.Value.MAC, MTU: st.Value.MTU, Addresses: st.Value.Addresses})
		})
	}
}

// endpoints attaches the containers to their networks.
func (b *builder) endpoints(s *Spec) {
	for _, e := range s.Endpoints {
		b.at([]any{"endpoints", e.Name}, func() { b.endpoint(e.Name, &e.Value) })
	}
}

// runOn is the network that docker run names.
func (e *Endpoint) runOn() string {
	if e.Network == "" && len(e.Attach) > 0 {
		return e.Attach[0].Network
	}
	return e.Network
}

func (b *builder) endpoint(name string, e *Endpoint) {
	attach := func(a Attachment) {
		b.deed(Change{Attach: &Attach{name, a}}, func() {
			// Devices made by hand come later and keep their names.
			a.Name = orDefault(b.asked(a.Name), b.freeName(name, e.Links))
			b.attach(name, a)
		})
	}
	if e.Network != "" {
		attach(Attachment{Network: e.Network, IP: e.IP, IP6: e.IP6, MAC: e.MAC})
	} else if e.IP != "" || e.IP6 != "" || e.MAC != "" {
		b.problem("ip, ip6 and mac belong to a network: name it, or use attach or links")
	}
	for i, a := range e.Attach {
		b.in("attach", func() { b.in(i, func() { attach(a) }) })
	}
	first := len(b.ops)
	b.elect(name)
	if n := len(b.ops) - first; n > 0 {
		b.deeds[len(b.deeds)-1].Count += n // an engine sets the routes with the last network
	}
}

func (b *builder) allRoutes(s *Spec) {
	for _, h := range s.Hosts {
		b.at([]any{"hosts", h.Name}, func() { b.routes(h.Name, h.Value.Routes) })
	}
	for _, e := range s.Endpoints {
		b.at([]any{"endpoints", e.Name}, func() { b.routes(e.Name, e.Value.Routes) })
	}
	for _, st := range s.Stations {
		b.at([]any{"stations", st.Name}, func() { b.routes(st.Name, st.Value.Routes) })
	}
	for _, r := range s.Routers {
		b.at([]any{"routers", r.Name}, func() { b.routes(r.Name, r.Value.Routes) })
	}
}
