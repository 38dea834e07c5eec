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
	// Parent is the lower device of a vlan, macvlan or ipvlan.
	Parent Ref
	// Peer is the other end of a veth.
	Peer Ref
	// Master is the bridge that the device is a port of.
	Master Ref
	// Network that made the device; empty for one made by hand.
	Network string
	// Options as far as they apply to the kind.
	Mode, Flag, Protocol string
	NoPromisc, NoDst     bool
	Sources              []net.HardwareAddr
	BCQueueLen, BCCutoff *int
	VID                  int
	ReorderHdr           *bool
	EgressQoS            map[int]int
	// FDBMaxLearned and VLANFiltering belong to a bridge.
	FDBMaxLearned int
	VLANFiltering bool
	// MAC is the address that the device has at this moment, its own or its
	// parent's; nil for a real port that nobody has looked at yet.
	MAC net.HardwareAddr
	// OwnMAC is set where MAC was given to the device. One that takes its
	// parent's address (ipvlan, passthru macvlan, vlan) must not be given any.
	OwnMAC        bool
	MTU           int
	TxQueueLen    *int
	Addresses     []netip.Prefix
	Up, Promisc   bool
	// Port is the device's port on the switch, if it is plugged into it.
	Port *Port
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

// LAN is the state of the whole at a moment: what was built, as changed since.
type LAN struct {
	Docker    string
	Nodes     []Node
	Devices   []*Device
	Networks  map[string]*NetworkState
	Switch    Switch
	seed      string
	lastIndex int
	lastPort  int
}

// Node returns the node of that name.
func (l *LAN) Node(name string) (Node, bool) {
	for _, n := range l.Nodes {
		if n.Name == name {
			return n, true
		}
	}
	return Node{}, false
}

// Device returns the device of that name, or nil.
func (l *LAN) Device(r Ref) *Device {
	for _, d := range l.Devices {
		if d.Ref == r {
			return d
		}
	}
	return nil
}

// DevicesOf returns a node's devices in the order in which they were made.
func (l *LAN) DevicesOf(node string) []*Device {
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
		n := *d
		n.Addresses = slices.Clone(d.Addresses)
		if d.Port != nil {
			p := *d.Port
			n.Port = &p
		}
		c.Devices[i] = &n
	}
	c.Networks = make(map[string]*NetworkState, len(l.Networks))
	for name, n := range l.Networks {
		c.Networks[name] = n.clone()
	}
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

// MACOf derives the address of a device from its place: unicast and locally
// administered (IEEE 802 clause 8.4), the same in every run with the same seed.
func (l *LAN) MACOf(r Ref) net.HardwareAddr {
	sum := sha256.Sum256([]byte(l.seed + "\x00" + r.String()))
	mac := net.HardwareAddr{0x02, sum[0], sum[1], sum[2], sum[3], sum[4]}
	// Some device models mistake a unicast address for a multicast group when
	// its last bytes are those of a joined one, so 0 and 1 are left out.
	if mac[5] < 2 {
		mac[5] += 2
	}
	return mac
}

// dockerMAC is the address that Docker derived from the IPv4 address up to 27.
func dockerMAC(ip netip.Addr) net.HardwareAddr {
	b := ip.As4()
	return net.HardwareAddr{0x02, 0x42, b[0], b[1], b[2], b[3]}
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

const maxName = 15

// remove takes a device and everything above it, and its peer, out of the LAN.
func (l *LAN) remove(r Ref) {
	gone := map[Ref]bool{r: true}
	for grew := true; grew; {
		grew = false
		for _, d := range l.Devices {
			if gone[d.Ref] {
				continue
			}
			if gone[d.Parent] || (d.Peer != Ref{} && gone[d.Peer]) {
				gone[d.Ref] = true
				grew = true
			}
		}
	}
	l.Devices = slices.DeleteFunc(l.Devices, func(d *Device) bool { return gone[d.Ref] })
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
