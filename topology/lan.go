package topology

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Role is what a node plays.
type Role string

// The roles. The switch is a node too: a namespace with one bridge in it.
const (
	RoleSwitch   Role = "switch"
	RoleHost     Role = "host"
	RoleEndpoint Role = "endpoint"
	RoleStation  Role = "station"
	RoleRouter   Role = "router"
)

// SwitchNode is the name of the node that the switch lives in, and Bridge the
// device in it that is the switch.
const (
	SwitchNode = "switch"
	Bridge     = "sw"
)

// Node is a network namespace that plays a machine.
type Node struct {
	Name       string
	Role       Role
	Forwarding bool
	// RunOn is the network that an endpoint's container was run on; empty where it was
	// run on none.
	RunOn string
}

// Ref names a device: a link in a node.
type Ref struct {
	Node, Link string
}

// String returns NODE/LINK.
func (r Ref) String() string { return r.Node + "/" + r.Link }

// ParseRef reads NODE/LINK; a name without a slash is a link of the given node.
func ParseRef(s, node string) Ref {
	if n, l, ok := strings.Cut(s, "/"); ok {
		return Ref{n, l}
	}
	return Ref{node, s}
}

// Device is a link as the LAN has it at a moment.
type Device struct {
	Ref
	// Index is the device's ifindex: unique in the whole LAN, so that no kernel
	// that looks a parent up by index in the wrong namespace finds another one
	// (net/core/link_watch.c:default_operstate).
	Index int
	Kind  string
	// Parent is the lower device of a vlan, macvlan or ipvlan. What MakeLink
	// asks for may be another child; the LAN has the one that it really sits on.
	Parent Ref
	// Peer is the other end of a veth.
	Peer Ref
	// Master is the bridge that the device is a port of.
	Master Ref
	// Network that made the device; empty for one made by hand.
	Network string
	// Options as far as they apply to the kind.
	Mode, Flag, Protocol string
	// ModeAsked and FlagAsked are false where the kernel was left to choose.
	ModeAsked, FlagAsked bool
	NoPromisc, NoDst     bool
	Sources              []net.HardwareAddr
	BCQueueLen, BCCutoff *int
	VID                  int
	ReorderHdr           *bool
	// VLANFlags are a vlan's other flags as they were asked for, by their names in
	// scenario files.
	VLANFlags             map[string]bool
	EgressQoS, IngressQoS map[int]int
	// Attributes are sent in place of what the other fields say.
	Attributes []Attribute
	// FDBMaxLearned and VLANFiltering belong to a bridge.
	FDBMaxLearned int
	VLANFiltering bool
	// MAC is the address that the device has at this moment, its own or its
	// parent's; nil for a real port that nobody has looked at yet.
	MAC net.HardwareAddr
	// OwnMAC is set where MAC was given to the device. One that takes its
	// parent's address (ipvlan, passthru macvlan, vlan) must not be given any.
	OwnMAC      bool
	MTU         int
	TxQueueLen  *int
	Addresses   []netip.Prefix
	Up, Promisc bool
	AllMulti    bool
	// Port is the device's port on the switch, if it is plugged into it.
	Port *Port
	// Cable is set of the two that are joined by one, for which real ports stand.
	Cable *Cable

	// leases are the addresses that Network has handed out to the device, and
	// defaults the default routes that it offers.
	leases   []netip.Addr
	defaults []defaultRoute
	// priority is what was asked for of the network as a gateway.
	priority int
	// noCarrier is what a device knows of a parent that is down, if it is not told.
	noCarrier bool
	// restore is the address that a parent gets back when its passthru child
	// goes (macvlan.c:macvlan_port_destroy).
	restore net.HardwareAddr
	// broken stands for a device that could not be made.
	broken bool
}

func (d *Device) clone() *Device {
	c := *d
	c.Sources = slices.Clone(d.Sources)
	c.EgressQoS, c.IngressQoS = maps.Clone(d.EgressQoS), maps.Clone(d.IngressQoS)
	c.VLANFlags = maps.Clone(d.VLANFlags)
	c.Addresses = slices.Clone(d.Addresses)
	c.leases, c.defaults = slices.Clone(d.leases), slices.Clone(d.defaults)
	if d.Port != nil {
		p := d.Port.clone()
		c.Port = &p
	}
	return &c
}

// Port is one port of the switch.
type Port struct {
	// Name of the bridge's port device in the switch's namespace.
	Name      string
	Hairpin   bool
	Learning  bool
	Flood     bool
	Isolated  bool
	Allow     []net.HardwareAddr
	Access    int
	Trunk     []int
	NoCarrier bool
}

// plainPort is a port that nothing was said about.
func plainPort(name string) Port { return Port{Name: name, Learning: true, Flood: true} }

func (p *Port) clone() Port {
	c := *p
	c.Allow, c.Trunk = slices.Clone(p.Allow), slices.Clone(p.Trunk)
	return c
}

// plain reports whether the port is as a bridge makes it.
func (p *Port) plain() bool {
	return !p.Hairpin && p.Learning && p.Flood && !p.Isolated && len(p.Allow) == 0 &&
		p.Access == 0 && len(p.Trunk) == 0 && !p.NoCarrier
}

// VIDs are the VLANs that the port is in where the switch tells them apart,
// the native one first: Access, or 1 where there is none, as a bridge makes its
// ports (net/bridge/br_vlan.c:nbp_vlan_init).
func (p *Port) VIDs() []int { return append([]int{p.native()}, p.Trunk...) }

// native is the VLAN of untagged frames.
func (p *Port) native() int {
	if p.Access == 0 {
		return 1
	}
	return p.Access
}

// LAN is the state of the whole at a moment: what was built, as changed since.
type LAN struct {
	// Kernel is the one that carries it.
	Kernel    Kernel
	Docker    string
	Nodes     []Node
	Devices   []*Device
	Networks  map[string]*NetworkState
	Switch    Switch
	seed      string
	lastIndex int
	lastPort  int
	names     names
}

// Node returns the node of that name.
func (l *LAN) Node(name string) (Node, bool) {
	if l.named() {
		i, ok := l.names.nodes[name]
		if !ok {
			return Node{}, false
		}
		return l.Nodes[i], true
	}
	for _, n := range l.Nodes {
		if n.Name == name {
			return n, true
		}
	}
	return Node{}, false
}

// Device returns the device of that name, or nil.
func (l *LAN) Device(r Ref) *Device {
	among := l.Devices
	if l.named() {
		among = l.names.devices[r.Node]
	}
	for _, d := range among {
		if d.Ref == r {
			return d
		}
	}
	return nil
}

// At returns the device of a node that has an ifindex, or nil.
func (l *LAN) At(node string, index int) *Device {
	among := l.Devices
	if l.named() {
		among = l.names.devices[node]
	}
	for _, d := range among {
		if d.Index == index && d.Node == node {
			return d
		}
	}
	return nil
}

// DevicesOf returns a node's devices in the order in which they were made.
func (l *LAN) DevicesOf(node string) []*Device {
	if l.named() {
		return slices.Clone(l.names.devices[node])
	}
	var of []*Device
	for _, d := range l.Devices {
		if d.Node == node {
			of = append(of, d)
		}
	}
	return of
}

// Main returns the device that stands for a node where only the node is named:
// the first one with an address, else the first one.
func (l *LAN) Main(node string) *Device {
	all := l.DevicesOf(node)
	for _, d := range all {
		if len(d.Addresses) > 0 {
			return d
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[0]
}

// Children returns the devices that sit on d.
func (l *LAN) Children(d *Device) []*Device {
	var on []*Device
	for _, c := range l.Devices {
		if c.Parent == d.Ref {
			on = append(on, c)
		}
	}
	return on
}

// clone copies the LAN so that a change can be tried and thrown away.
func (l *LAN) clone() *LAN {
	c := *l
	c.Nodes = slices.Clone(l.Nodes)
	c.Devices = make([]*Device, len(l.Devices))
	for i, d := range l.Devices {
		c.Devices[i] = d.clone()
	}
	c.Networks = make(map[string]*NetworkState, len(l.Networks))
	spaces := map[space]map[netip.Addr]string{}
	for name, n := range l.Networks {
		c.Networks[name] = n.clone(spaces)
	}
	c.nameAll()
	return &c
}

func (l *LAN) nextIndex() int {
	// Namespaces have their loopback at 1 and kernels may make more by
	// themselves (tunl0, sit0), so ours start well behind.
	if l.lastIndex == 0 {
		l.lastIndex = 99
	}
	l.lastIndex++
	return l.lastIndex
}

// networkID stands for Docker's random network id: 64 hexadecimal digits.
func networkID(name string) string {
	sum := sha256.Sum256([]byte("network " + name))
	return hex.EncodeToString(sum[:])
}

// shortName fits a name into the kernel's 15 characters (IFNAMSIZ - 1).
func shortName(prefix, name string) string {
	if n := prefix + name; len(n) <= maxName {
		return n
	}
	sum := sha256.Sum256([]byte(name))
	return fmt.Sprintf("%s%08x", prefix, binary.BigEndian.Uint32(sum[:4]))
}

// remove takes a device and everything above it, and its peer, out of the LAN.
func (l *LAN) remove(r Ref) {
	gone := map[Ref]bool{r: true}
	for grew := true; grew; {
		grew = false
		for _, d := range l.Devices {
			if !gone[d.Ref] && (gone[d.Parent] || gone[d.Peer]) {
				gone[d.Ref], grew = true, true
			}
		}
	}
	for _, d := range l.Devices {
		if gone[d.Ref] {
			l.restoreParent(d)
		}
	}
	l.Devices = slices.DeleteFunc(l.Devices, func(d *Device) bool { return gone[d.Ref] })
	l.nameAll()
	for _, d := range l.Devices {
		if gone[d.Master] {
			d.Master = Ref{}
		}
	}
}

// sortedKeys makes walks over maps repeatable.
func sortedKeys[M ~map[K]V, K ~string | ~int, V any](m M) []K {
	return slices.Sorted(maps.Keys(m))
}

// rename gives a device another place and makes all that refers to it follow.
func (l *LAN) rename(d *Device, to Ref) {
	for _, other := range l.Devices {
		for _, r := range []*Ref{&other.Parent, &other.Peer, &other.Master} {
			if *r == d.Ref {
				*r = to
			}
		}
	}
	for _, n := range l.Networks {
		if n.Parent == d.Ref {
			n.Parent = to
		}
		for i, r := range n.Made {
			if r == d.Ref {
				n.Made[i] = to
			}
		}
	}
	d.Ref = to
	l.nameAll()
}
