package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/engine"
	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/topology"
)

// builder has networks built by an engine.
type builder struct {
	start  func(host *netns.NS) (engine.Engine, error)
	engine engine.Engine
	ctx    context.Context
	inside func(*Node) error
	// found are the devices that are not yet in the plan's LAN as they really are.
	found []foundDevice
	// awaited are bridges that the engine makes when their network's first endpoint comes.
	awaited []*topology.Device
	// real are addresses that the engine has given, by those that the plan has in their place;
	// the zero one where it has given none.
	real map[netip.Addr]netip.Addr
}

// foundDevice is what came of a device that the plan has.
type foundDevice struct {
	ref       topology.Ref
	index     int
	addresses []netip.Prefix
}

func newBuilder(o Options) *builder {
	b := &builder{start: o.Engine, ctx: o.Context, inside: o.Inside, real: map[netip.Addr]netip.Addr{}}
	if b.ctx == nil {
		b.ctx = context.Background()
	}
	return b
}

func (b *builder) close() error {
	if b == nil || b.engine == nil {
		return nil
	}
	return b.engine.Close()
}

// DeedError is what became of a deed that an engine was asked for.
type DeedError struct {
	Deed topology.Deed
	Err  error
}

// Error says what was to be done, and the engine's answer.
func (e *DeedError) Error() string { return e.Deed.String() + ": " + e.Err.Error() }

// Unwrap returns the engine's answer.
func (e *DeedError) Unwrap() error { return e.Err }

// ownNodes are the nodes whose namespaces the lab makes: with an engine, those of
// endpoints are the engine's.
func (l *Lab) ownNodes() []topology.Node {
	if l.built == nil {
		return l.plan.LAN.Nodes
	}
	return slices.DeleteFunc(slices.Clone(l.plan.LAN.Nodes), func(n topology.Node) bool { return n.Role == topology.RoleEndpoint })
}

// buildByEngine carries the plan out with what is about networks done by the engine.
func (l *Lab) buildByEngine(o Options) error {
	if err := l.startEngine(); err != nil {
		return err
	}
	deeds := l.plan.Deeds
	for i := 0; i < len(l.plan.Ops) || len(deeds) > 0; {
		if len(deeds) > 0 && deeds[0].First == i {
			if err := l.Do(&deeds[0], l.plan.Ops); err != nil {
				return err
			}
			i += deeds[0].Count
			deeds = deeds[1:]
			l.Adopt()
			continue
		}
		op := l.plan.Ops[i]
		if err := l.awaitEndpoints(op); err != nil {
			return err
		}
		if err := l.apply(l.real(op), o.NICs); err != nil {
			return &OpError{Op: op, Err: err}
		}
		i++
	}
	for _, n := range l.plan.LAN.Nodes {
		if err := l.endpoint(n.Name, nil); err != nil {
			return err
		}
	}
	return l.Settle()
}

// startEngine starts the engine on the plan's host.
func (l *Lab) startEngine() error {
	for _, n := range l.Nodes() {
		if n.Role != topology.RoleHost {
			continue
		}
		var err error
		l.built.engine, err = l.built.start(n.NS)
		return err
	}
	return errors.New("start an engine: the plan has no host")
}

// awaitEndpoints runs the endpoints that an operation is about and that are on no network.
func (l *Lab) awaitEndpoints(op topology.Op) error {
	var nodes []string
	switch o := op.(type) {
	case topology.MakeLink:
		nodes = []string{o.Device.Node}
	case topology.AddRoute:
		nodes = []string{o.Node}
	}
	for _, name := range nodes {
		if err := l.endpoint(name, nil); err != nil {
			return err
		}
	}
	return nil
}

// endpoint runs an endpoint that does not run, on its first network where it has one.
func (l *Lab) endpoint(name string, first *topology.Attachment) error {
	node, _ := l.plan.LAN.Node(name)
	if node.Role != topology.RoleEndpoint || l.nodes[name] != nil {
		return nil
	}
	ns, err := l.built.engine.Endpoint(l.built.ctx, name, first)
	if err != nil {
		return err
	}
	n := &Node{Node: node, NS: ns, engines: true}
	l.nodes[name] = n
	return ns.Do(func() error {
		if n.Conn, err = rtnl.OpenHere(); err != nil {
			return err
		}
		if err := letProbesCome(n.Conn); err != nil {
			return fmt.Errorf("set up endpoint %s: %w", name, err)
		}
		if l.built.inside != nil {
			return l.built.inside(n)
		}
		return nil
	})
}

// letProbesCome lets frames into a container that come from anywhere. That is all that
// is changed of what the engine has set up.
func letProbesCome(c *rtnl.Conn) error {
	links, err := c.Links()
	if err != nil {
		return fmt.Errorf("ask for the devices: %w", err)
	}
	names := []string{"all", "default"}
	for _, s := range links {
		names = append(names, s.Name)
	}
	for _, name := range names {
		// A container's /proc/sys is read-only for itself alone.
		if err := sysctl("ipv4/conf/"+name+"/rp_filter", "0"); err != nil {
			return err
		}
	}
	return nil
}

// Engine is who builds the lab's networks, nil where the lab does.
func (l *Lab) Engine() engine.Engine {
	if l.built == nil {
		return nil
	}
	return l.built.engine
}

// Do has the engine do what a deed is, and looks what came of the devices that the
// operations have. The error is a *DeedError that wraps the engine's. Adopt is called
// once the plan's LAN has those devices.
func (l *Lab) Do(d *topology.Deed, ops []topology.Op) error {
	known, err := l.devices()
	if err != nil {
		return err
	}
	err = l.ask(&d.Change)
	if lost := d.Change.Attach; lost != nil && d.Count > 0 && refused(err) {
		// Who has lost a device together with its parent is on the network still, as the
		// engine sees it: it leaves before it comes back.
		if l.built.engine.Detach(l.built.ctx, lost.Endpoint, lost.Network) == nil {
			err = l.ask(&d.Change)
		}
	}
	if err != nil {
		return &DeedError{*d, err}
	}
	if err := l.look(d.Made(ops), known); err != nil {
		return &DeedError{*d, err}
	}
	if err := l.awaitBridges(&d.Change); err != nil {
		return &DeedError{*d, err}
	}
	return nil
}

// awaitBridges waits again for bridges that the engine has taken away with the last endpoint of
// their network, and no more for those of a network that was removed.
func (l *Lab) awaitBridges(c *topology.Change) error {
	if c.RemoveNetwork != "" {
		l.built.awaited = slices.DeleteFunc(l.built.awaited, func(d *topology.Device) bool { return d.Network == c.RemoveNetwork })
		return nil
	}
	for _, d := range l.plan.LAN.Devices {
		if c.Detach == nil || d.Kind != topology.KindBridge || d.Network != c.Detach.Network || l.index[d.Ref] == 0 {
			continue
		}
		_, err := l.nodes[d.Node].Conn.Link(d.Index)
		switch {
		case errors.Is(err, unix.ENODEV):
			delete(l.index, d.Ref)
			l.built.awaited = append(l.built.awaited, d)
		case err != nil:
			return fmt.Errorf("look for the bridge %s: %w", d.Ref, err)
		}
	}
	return nil
}

func refused(err error) bool {
	var no *engine.Refusal
	return errors.As(err, &no)
}

// ask puts a change to the engine.
func (l *Lab) ask(c *topology.Change) error {
	e, ctx := l.built.engine, l.built.ctx
	switch {
	case c.Network != nil:
		return e.Network(ctx, c.Network.Name, &c.Network.Network)
	case c.RemoveNetwork != "":
		return e.RemoveNetwork(ctx, c.RemoveNetwork)
	case c.Attach != nil && l.nodes[c.Attach.Endpoint] == nil:
		return l.endpoint(c.Attach.Endpoint, &c.Attach.Attachment)
	case c.Attach != nil:
		return e.Attach(ctx, c.Attach.Endpoint, c.Attach.Attachment)
	case c.Detach != nil:
		return e.Detach(ctx, c.Detach.Endpoint, c.Detach.Network)
	}
	return errors.New("no engine is asked for this change")
}

// Undo takes back what the engine was to refuse and has not.
func (l *Lab) Undo(c *topology.Change) error {
	switch {
	case c.Network != nil:
		return l.built.engine.RemoveNetwork(l.built.ctx, c.Network.Name)
	case c.Attach != nil:
		return l.built.engine.Detach(l.built.ctx, c.Attach.Endpoint, c.Attach.Network)
	}
	return nil
}

// device tells one device of the lab from all others.
type device struct {
	node  string
	index int
}

// devices are all that there are.
func (l *Lab) devices() (map[device]bool, error) {
	all := map[device]bool{}
	for _, n := range l.Nodes() {
		links, err := n.Conn.Links()
		if err != nil {
			return nil, fmt.Errorf("ask for the devices of %s: %w", n.Name, err)
		}
		for _, s := range links {
			all[device{n.Name, s.Index}] = true
		}
	}
	return all, nil
}

// look finds the new devices that the plan's are in the engine's work. A bridge may come
// as late as the first endpoint of its network does.
func (l *Lab) look(planned []*topology.Device, known map[device]bool) error {
	planned, l.built.awaited = append(l.built.awaited, planned...), nil
	for _, d := range planned {
		s, err := l.newLink(d, known)
		if err != nil {
			return err
		}
		if s == nil && d.Kind == topology.KindBridge && !l.used(d.Network, planned) {
			l.built.awaited = append(l.built.awaited, d)
			continue
		}
		if s == nil {
			return &engine.Failure{Err: fmt.Errorf("the engine has made no %s in %s, and %s was planned", d.Kind, d.Node, d.Link), Log: l.built.engine.Log()}
		}
		n := l.nodes[d.Node]
		all, err := n.Conn.Addresses()
		if err != nil {
			return fmt.Errorf("ask for the addresses of %s: %w", d.Node, err)
		}
		found := foundDevice{ref: d.Ref, index: s.Index}
		for _, a := range all {
			if a.Index == s.Index {
				found.addresses = append(found.addresses, a.Prefix)
			}
		}
		l.built.compare(d.Addresses, found.addresses)
		known[device{d.Node, s.Index}] = true
		l.index[d.Ref] = s.Index
		l.built.found = append(l.built.found, found)
	}
	return nil
}

// used reports whether some of the devices belong to endpoints of a network.
func (l *Lab) used(network string, devices []*topology.Device) bool {
	return slices.ContainsFunc(devices, func(d *topology.Device) bool {
		node, _ := l.plan.LAN.Node(d.Node)
		return d.Network == network && node.Role == topology.RoleEndpoint
	})
}

// newLink is the device that stands for a planned one: of its name, or else the first new
// one of its kind. It is nil where there is none. Engines are told the names of bridges, and
// may take one that is there.
func (l *Lab) newLink(d *topology.Device, known map[device]bool) (*rtnl.State, error) {
	n := l.nodes[d.Node]
	if n == nil {
		return nil, fmt.Errorf("there is no node %s", d.Node)
	}
	links, err := n.Conn.Links()
	if err != nil {
		return nil, fmt.Errorf("ask for the devices of %s: %w", d.Node, err)
	}
	fresh := slices.DeleteFunc(links, func(s *rtnl.State) bool {
		bridge := d.Kind == topology.KindBridge
		return s.Index == loopback || s.Kind != d.Kind || bridge && s.Name != d.Link || !bridge && known[device{d.Node, s.Index}]
	})
	for _, s := range fresh {
		if s.Name == d.Link {
			return s, nil
		}
	}
	if len(fresh) == 0 {
		return nil, nil //nolint:nilnil // there is none
	}
	return fresh[0], nil
}

// compare notes which address the engine has given in the place of which.
func (b *builder) compare(planned, found []netip.Prefix) {
	family := func(all []netip.Prefix, v6 bool) []netip.Prefix {
		return slices.DeleteFunc(slices.Clone(all), func(p netip.Prefix) bool { return p.Addr().Is6() != v6 })
	}
	for _, v6 := range []bool{false, true} {
		have := family(found, v6)
		for i, want := range family(planned, v6) {
			switch {
			case slices.Contains(found, want):
				delete(b.real, want.Addr())
			case i < len(have):
				b.real[want.Addr()] = have[i].Addr()
			default:
				b.real[want.Addr()] = netip.Addr{}
			}
		}
	}
}

// Real is the address that the engine has given in the place of one that the plan has: the
// zero one where it has given none.
func (l *Lab) Real(a netip.Addr) netip.Addr {
	if l.built == nil {
		return a
	}
	if real, ok := l.built.real[a]; ok {
		return real
	}
	return a
}

// Adopt brings the plan's LAN to what the engine has really built.
func (l *Lab) Adopt() {
	if l.built == nil {
		return
	}
	for _, f := range l.built.found {
		if d := l.plan.LAN.Device(f.ref); d != nil {
			d.Index, d.Addresses = f.index, f.addresses
		}
	}
	l.built.found = nil
}

// real is an operation about devices as they really are.
func (l *Lab) real(op topology.Op) topology.Op {
	at := func(d *topology.Device) *topology.Device {
		if d == nil || l.index[d.Ref] == 0 || l.index[d.Ref] == d.Index {
			return d
		}
		c := *d
		c.Index = l.index[d.Ref]
		return &c
	}
	switch o := op.(type) {
	case topology.AddRoute:
		o.Device = at(o.Device)
		return o
	case topology.AddAddress:
		o.Device = at(o.Device)
		return o
	case topology.ChangeLink:
		o.Device, o.Master = at(o.Device), at(o.Master)
		return o
	}
	return op
}
