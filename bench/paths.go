package bench

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/lanproof/lanproof/internal/ethtool"
	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/topology"
	"github.com/lanproof/lanproof/topology/lab"
)

// Direction says which way a path is gone through.
type Direction string

// The directions. Where both are the same there is none.
const (
	In   Direction = "in"   // from the wire to a child
	Out  Direction = "out"  // from a child to the wire
	Side Direction = "side" // from a child to its sibling
)

// The machines of a path: two ends, and between them the one that owns the parent.
const (
	endA     = "a"
	endB     = "b"
	wire     = "wire"
	owner    = "host"
	device   = "eth0"
	vid      = 7
	vlanName = "eth0.7"
)

// Path is a small LAN with two ends, gone through in one direction. The wire is a veth
// without a switch, so that what is measured is the child and not a bridge; only where
// frames must come back the way they went, and on the yardstick that is a bridge, there
// is one.
type Path struct {
	// Name says what stands at the ends, such as macvlan-bridge.
	Name string
	Dir  Direction
	// Needs are what the kernel must offer, by the names of internal/features.
	Needs []string

	child    topology.Link // on the parent; without a kind on the yardsticks
	tagged   bool          // frames on the wire have a tag
	switched bool          // there is a switch, and it sends frames back
}

// String is the path's part of a benchmark's name: macvlan-bridge/in, or veth.
func (p Path) String() string {
	if p.Dir == "" {
		return p.Name
	}
	return p.Name + "/" + string(p.Dir)
}

// About says for people what a path is.
func (p Path) About() string {
	switch {
	case p.Name == "veth":
		return "between the two ends of a veth"
	case p.Name == "bridge":
		return "between two ports of a bridge"
	case p.Dir == In:
		return "from the wire to a child, " + p.Name
	case p.Dir == Out:
		return "from a child to the wire, " + p.Name
	case p.Dir == Side:
		return "from a child to its sibling, " + p.Name
	}
	return "from one end of the wire to the other, " + p.Name + " on both"
}

// Paths are all that is measured: the children in each mode, and the yardsticks that
// people compare them with.
func Paths() []Path {
	paths := []Path{
		{Name: "veth"},
		{Name: "bridge", switched: true},
	}
	add := func(name string, child topology.Link, dirs ...Direction) {
		for _, dir := range dirs {
			paths = append(paths, Path{Name: name, Dir: dir, child: child})
		}
	}
	macvlan := func(mode string) topology.Link { return topology.Link{Kind: topology.KindMacvlan, Mode: mode} }
	ipvlan := func(mode, flag string) topology.Link {
		return topology.Link{Kind: topology.KindIpvlan, Mode: mode, Flag: flag}
	}
	reflected := func() { paths[len(paths)-1].switched = true }
	add("macvlan-bridge", macvlan("bridge"), In, Out, Side)
	add("macvlan-private", macvlan("private"), In, Out)
	add("macvlan-vepa", macvlan("vepa"), In, Out, Side)
	reflected()
	add("macvlan-passthru", macvlan("passthru"), In, Out)
	add("macvlan-source", macvlan("source"), In, Out)
	for _, mode := range []string{"l2", "l3", "l3s"} {
		add("ipvlan-"+mode, ipvlan(mode, "bridge"), In, Out, Side)
	}
	add("ipvlan-l2-private", ipvlan("l2", "private"), In, Out)
	add("ipvlan-l2-vepa", ipvlan("l2", "vepa"), In, Out, Side)
	reflected()
	tag := vid
	paths = append(paths, Path{Name: "vlan", child: topology.Link{Kind: topology.KindVLAN, ID: &tag}, tagged: true})
	for _, dir := range []Direction{In, Out, Side} {
		paths = append(paths, Path{Name: "vlan-macvlan", Dir: dir, child: macvlan("bridge"), tagged: true})
	}
	for i := range paths {
		if plan, err := paths[i].plan(); err == nil {
			paths[i].Needs = topology.Needs(plan.Ops)
		}
	}
	return paths
}

// ends are the devices that frames go from and to.
func (p Path) ends() (from, to topology.Ref) {
	a, b, w := topology.Ref{Node: endA, Link: device}, topology.Ref{Node: endB, Link: device}, p.wireEnd()
	switch {
	case p.child.Kind == "" || p.Dir == Side:
		return a, b
	case p.Dir == In:
		return w, a
	}
	return a, w
}

// wireEnd is the device at the far end of the wire.
func (p Path) wireEnd() topology.Ref {
	if p.tagged {
		return topology.Ref{Node: wire, Link: vlanName}
	}
	return topology.Ref{Node: wire, Link: device}
}

// The addresses of the sender, of the receiver, and of a host that routes for them.
func senderAddresses() []string   { return []string{"10.64.0.1/24", "fd00:64::1/64"} }
func receiverAddresses() []string { return []string{"10.64.0.2/24", "fd00:64::2/64"} }
func ownerAddresses() []string    { return []string{"10.64.0.3/24", "fd00:64::3/64"} }

// addressesOf are those of a device, none if it is no end.
func (p Path) addressesOf(r topology.Ref) []string {
	switch from, to := p.ends(); r {
	case from:
		return senderAddresses()
	case to:
		return receiverAddresses()
	}
	return nil
}

// spec describes the path's LAN.
func (p Path) spec() *topology.Spec {
	station := func(name string) topology.Item[topology.Station] {
		return topology.Item[topology.Station]{Name: name, Value: topology.Station{
			Addresses: p.addressesOf(topology.Ref{Node: name, Link: device}),
		}}
	}
	s := &topology.Spec{Switch: topology.Switch{Hairpin: p.switched}}
	if p.child.Kind == "" {
		s.Stations = topology.Named[topology.Station]{station(endA), station(endB)}
		return s
	}
	host, far := topology.Link{}, station(wire)
	if p.routed() {
		host.Addresses = ownerAddresses()
	}
	parents := topology.Named[topology.Link]{{Name: device, Value: host}}
	tag := vid
	if p.tagged {
		vlan := topology.Link{Kind: topology.KindVLAN, Parent: device, ID: &tag}
		if p.child.Kind != topology.KindVLAN {
			parents = append(parents, topology.Item[topology.Link]{Name: vlanName, Value: vlan})
		}
		vlan.Addresses = p.addressesOf(p.wireEnd())
		far.Value.Links = topology.Named[topology.Link]{{Name: vlanName, Value: vlan}}
	}
	s.Hosts = topology.Named[topology.Host]{{Name: owner, Value: topology.Host{Parents: parents}}}
	s.Stations = topology.Named[topology.Station]{far}
	s.Endpoints = p.endpoints(parents[len(parents)-1].Name)
	return s
}

// endpoints are the children, one or two, with a namespace for each.
func (p Path) endpoints(parent string) topology.Named[topology.Endpoint] {
	names := []string{endA}
	if p.Dir == Side {
		names = append(names, endB)
	}
	var all topology.Named[topology.Endpoint]
	for _, name := range names {
		child := p.child
		child.Parent = owner + "/" + parent
		child.Addresses = p.addressesOf(topology.Ref{Node: name, Link: device})
		if child.Mode == "source" {
			child.Sources = []string{p.wireEnd().String()}
		}
		all = append(all, topology.Item[topology.Endpoint]{Name: name, Value: topology.Endpoint{
			Links: topology.Named[topology.Link]{{Name: device, Value: child}},
		}})
	}
	return all
}

// routed reports whether the parent's machine finds the way, as for an ipvlan in mode
// l3 or l3s (drivers/net/ipvlan/ipvlan_core.c:ipvlan_process_v4_outbound).
func (p Path) routed() bool { return strings.HasPrefix(p.child.Mode, "l3") }

// seen reports whether a tap at the far end sees what arrives: ipvlan in mode l3s takes
// packets from the parent's stack, behind all taps (drivers/net/ipvlan/ipvlan_l3s.c).
func (p Path) seen() bool { return p.child.Mode != "l3s" || p.Dir != In }

// seenBothWays reports whether taps at both ends see what arrives there.
func (p Path) seenBothWays() bool { return p.child.Mode != "l3s" || p.Dir == Side }

func (p Path) plan() (*topology.Plan, error) {
	plan, problems := topology.Compile(p.spec(), p.String())
	if len(problems) > 0 {
		return nil, fmt.Errorf("plan %s: %v", p, problems)
	}
	if p.switched {
		return plan, nil
	}
	if err := plan.Direct(); err != nil {
		return nil, fmt.Errorf("plan %s: %w", p, err)
	}
	return plan, nil
}

// Line is a path that exists. Its ends know each other by static neighbours, and
// nothing else talks on it but what their stacks say of IPv6 groups when they join.
type Line struct {
	Path     Path
	From, To End

	lab *lab.Lab
}

// End is one end of a line.
type End struct {
	topology.Ref
	// NS is the namespace that the device is in, and Conn a netlink socket in it.
	NS    *netns.NS
	Conn  *rtnl.Conn
	Index int
	// MAC is the device's own, and what frames to it are addressed to.
	MAC net.HardwareAddr
	// MTU in bytes.
	MTU        int
	IPv4, IPv6 netip.Addr
}

// Open builds the path's LAN in namespaces of its own. The line must be closed.
func (p Path) Open() (*Line, error) {
	plan, err := p.plan()
	if err != nil {
		return nil, err
	}
	built, err := lab.Open(plan, lab.Options{})
	if err != nil {
		return nil, fmt.Errorf("build %s: %w", p, err)
	}
	l := &Line{Path: p, lab: built}
	if err := l.introduce(plan.LAN); err != nil {
		return nil, errors.Join(fmt.Errorf("build %s: %w", p, err), built.Close())
	}
	return l, nil
}

// Close lets go of everything.
func (l *Line) Close() error { return l.lab.Close() }

// introduce looks the ends up and has them know each other.
func (l *Line) introduce(lan *topology.LAN) error {
	from, to := l.Path.ends()
	for _, e := range []struct {
		end *End
		ref topology.Ref
	}{{&l.From, from}, {&l.To, to}} {
		if err := l.lookUp(e.end, lan.Device(e.ref)); err != nil {
			return err
		}
	}
	for _, d := range lan.Devices {
		resolves := d.Kind != topology.KindIpvlan || !l.Path.routed()
		for _, end := range []End{l.From, l.To} {
			if len(d.Addresses) == 0 || d.Ref == end.Ref || !resolves {
				continue
			}
			for _, ip := range []netip.Addr{end.IPv4, end.IPv6} {
				n := rtnl.Neighbour{Index: d.Index, IP: ip, MAC: end.MAC}
				if err := l.lab.Node(d.Node).Conn.AddNeighbour(n); err != nil {
					return fmt.Errorf("tell %s who has %s: %w", d.Ref, ip, err)
				}
			}
		}
	}
	return nil
}

func (l *Line) lookUp(end *End, d *topology.Device) error {
	n := l.lab.Node(d.Node)
	s, err := n.Conn.Link(d.Index)
	if err != nil {
		return fmt.Errorf("look up %s: %w", d.Ref, err)
	}
	*end = End{Ref: d.Ref, NS: n.NS, Conn: n.Conn, Index: d.Index, MAC: s.MAC, MTU: s.MTU}
	for _, p := range d.Addresses {
		if p.Addr().Is4() {
			end.IPv4 = p.Addr()
		} else {
			end.IPv6 = p.Addr()
		}
	}
	return nil
}

// Offloads tells which offloads that matter to streams are on at an end, such as
// "tso gso gro csum". They are as the kernel sets them by default.
func (e *End) Offloads() (string, error) {
	var on []string
	err := e.NS.Do(func() error {
		c, err := ethtool.OpenHere()
		if err != nil {
			return err
		}
		defer c.Close()
		features, err := c.Features(e.Link)
		for _, f := range []struct{ kernel, short string }{
			{"tx-tcp-segmentation", "tso"},
			{"tx-udp-segmentation", "uso"},
			{"tx-generic-segmentation", "gso"},
			{"rx-gro", "gro"},
			{"tx-checksum-ip-generic", "csum"},
		} {
			if features[f.kernel].On {
				on = append(on, f.short)
			}
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("ask for the offloads of %s: %w", e.Ref, err)
	}
	return strings.Join(on, " "), nil
}
