// Package scenarios is the file format: strict loading, the schema, the
// expansion of matrices, the built-in catalogue and the claims registry. It
// knows no kernel, no clock and no randomness.
package scenarios

import "github.com/lanproof/lanproof/topology"

// Scenario is one file: a topology and the checks made on it.
type Scenario struct {
	// Name of the scenario: lower-case letters, digits and dashes, the file's
	// own name without its ending.
	Name string `yaml:"name"`
	// Title is one line for reports.
	Title string `yaml:"title"`
	// Description says what the scenario shows, for whom, and why it matters.
	Description string `yaml:"description"`
	// Labels select scenarios in Ginkgo's label filter language.
	Labels []string `yaml:"labels"`
	// Claims that every check of the file speaks about, by id.
	Claims []string `yaml:"claims"`
	// Matrix has the values of each variable; every combination is a case.
	// ${variable} stands for the value anywhere below.
	Matrix topology.Named[[]string] `yaml:"matrix"`
	// Exclude lists combinations that are left out.
	Exclude []map[string]Values `yaml:"exclude"`
	// Spec is the topology.
	topology.Spec `yaml:",inline"`
	// Checks are made on the topology as it is built: a list, or oracle, which is
	// all that the oracle knows about it.
	Checks []Check `yaml:"checks"`
	// Steps follow in time: something changes, then checks are made again.
	Steps []Step `yaml:"steps"`
}

// Values is one value or a list of them.
type Values []string

// Position is a place in a scenario file, counted from 1; the zero value is no place.
type Position struct {
	Line, Column int
}

// Step changes the LAN and checks again.
type Step struct {
	// At is where the step stands in its file.
	At Position `yaml:"-"`
	// Name of the step, for reports.
	Name string `yaml:"name"`
	// When limits the step to cases whose variables have one of these values.
	When map[string]Values `yaml:"when"`
	// Do is what changes, in order.
	Do []topology.Change `yaml:"do"`
	// Checks are made after the changes: a list, or oracle.
	Checks []Check `yaml:"checks"`
}

// Check is one expectation, or several of one kind when from, to or kind are
// lists. Exactly one of the fields from Reach to Oracle is set.
type Check struct {
	// At is where the check stands in its file.
	At Position `yaml:"-"`
	// ID names the check; derived from its content when empty.
	ID string `yaml:"id"`
	// Title for reports; derived from its content when empty.
	Title string `yaml:"title"`
	// When limits the check to cases whose variables have one of these values.
	When map[string]Values `yaml:"when"`
	// Claims that a pass shows to be true, by id.
	Claims []string `yaml:"claims"`
	// Refutes are claims that a pass shows to be false, by id.
	Refutes []string `yaml:"refutes"`

	// Reach expects frames from each sender to arrive at each target.
	Reach *Flow `yaml:"reach"`
	// Blocked expects that they do not.
	Blocked *Flow `yaml:"blocked"`
	// MACs expects which source addresses frames carry on the wire.
	MACs *MACs `yaml:"macs"`
	// Tag expects which tags frames carry on the wire.
	Tag *Tag `yaml:"tag"`
	// Link expects what the kernel reports of a device.
	Link *LinkState `yaml:"link"`
	// Addresses expects which addresses a device has.
	Addresses *Addresses `yaml:"addresses"`
	// Route expects a node's route.
	Route *RouteState `yaml:"route"`
	// Neighbour expects what a node knows of another's address.
	Neighbour *Neighbour `yaml:"neighbour"`
	// Counters expects how counters move while frames are sent.
	Counters *Counters `yaml:"counters"`
	// Refused expects that a change is refused.
	Refused *Refused `yaml:"refused"`
	// HandedOut expects what a network's address pool gives away.
	HandedOut *HandedOut `yaml:"handed_out"`
	// Oracle expects every frame of some classes, from everybody to everybody, to
	// be seen where the oracle's tables say, and nowhere else. "all" is all classes.
	Oracle Values `yaml:"oracle"`
}

// Flow is one frame kind from senders to targets.
type Flow struct {
	// From are the senders: NODE, or NODE/LINK.
	From Values `yaml:"from"`
	// To are the targets: NODE, or NODE/LINK. A sender is left out of its own targets.
	To Values `yaml:"to"`
	// Both adds the opposite direction.
	Both bool `yaml:"both"`
	// Kind of frame: icmp (neighbour discovery and echo by the kernels' own
	// stacks; the default), udp (a datagram through both stacks), arp, nd (the
	// resolution alone), or raw (an EtherType that no stack answers).
	Kind Values `yaml:"kind"`
	// Cast of a raw or udp frame: unicast (default), broadcast, multicast (the
	// target has joined), unsubscribed (it has not), or unknown (a unicast
	// address that nobody has; to then says who must or must not see it).
	Cast Values `yaml:"cast"`
	// Family is 4 or 6; every family that both have when empty.
	Family Values `yaml:"family"`
	// Address of the target, when it has several.
	Address string `yaml:"address"`
	// Static gives both sides each other's MAC address beforehand, so that
	// unicast is tested without ARP or ND.
	Static bool `yaml:"static"`
	// Tags are put into a raw frame, outermost first.
	Tags []VLANTag `yaml:"tags"`
	// Source is the MAC address that a raw frame claims to come from.
	Source string `yaml:"source"`
	// Dest is the MAC address, or NODE/LINK for a device's, that a raw frame goes
	// to when that is not the target: to then says who must or must not see the
	// frame pass by.
	Dest string `yaml:"dest"`
	// Size of a raw frame's or datagram's payload in bytes.
	Size int `yaml:"size"`
	// Errno that sending must meet, such as ENOBUFS (blocked only).
	Errno string `yaml:"errno"`
}

// VLANTag is one tag in a frame.
type VLANTag struct {
	// VID is the number of the VLAN.
	VID int `yaml:"vid"`
	// PCP is the priority, 0 to 7.
	PCP int `yaml:"pcp"`
	// TPID is 0x8100 (default) or 0x88a8.
	TPID string `yaml:"tpid"`
}

// MACs expects source addresses on the wire. Each node sends; the frames are
// looked at where they leave the host.
type MACs struct {
	// Of are the senders: NODE, or NODE/LINK.
	Of Values `yaml:"of"`
	// Are is unique (each its own, none the parent's, all as configured) or
	// shared (all the parent's).
	Are string `yaml:"are"`
}

// Tag expects tags on the wire of a sender's parent.
type Tag struct {
	// From is the sender.
	From Values `yaml:"from"`
	// Tags on the wire, outermost first; empty means untagged.
	Tags []VLANTag `yaml:"tags"`
	// Priority is the sender's socket priority (SO_PRIORITY).
	Priority int `yaml:"priority"`
}

// LinkState expects what the kernel reports of a device; what is left out may
// be anything.
type LinkState struct {
	// Link is NODE/LINK.
	Link string `yaml:"link"`
	// Exists is whether the device is there at all; default true.
	Exists *bool `yaml:"exists"`
	// Kind of device (IFLA_INFO_KIND).
	Kind string `yaml:"kind"`
	// Mode of a macvlan or ipvlan.
	Mode string `yaml:"mode"`
	// Flag of an ipvlan; bridge is to have none.
	Flag string `yaml:"flag"`
	// Flags are a macvlan's: nopromisc, nodst.
	Flags *[]string `yaml:"flags"`
	// Parent is NODE/LINK. It must be reported as one in its own namespace or, where
	// it is elsewhere, in another.
	Parent string `yaml:"parent"`
	// MAC address.
	MAC string `yaml:"mac"`
	// MACOf expects the same address as another device's, NODE/LINK.
	MACOf string `yaml:"mac_of"`
	// MTU in bytes.
	MTU int `yaml:"mtu"`
	// Up is the administrative state (IFF_UP).
	Up *bool `yaml:"up"`
	// Carrier is what IFLA_CARRIER says.
	Carrier *bool `yaml:"carrier"`
	// Operstate is one of up, down, unknown, lowerlayerdown, or a list of those.
	Operstate Values `yaml:"operstate"`
	// Promiscuity is the kernel's count (IFLA_PROMISCUITY).
	Promiscuity *int `yaml:"promiscuity"`
	// AllMulticast is the kernel's count (IFLA_ALLMULTI).
	AllMulticast *int `yaml:"allmulticast"`
	// Filter are all single addresses beside its own that the device has been told
	// to take frames for: MAC, or NODE/LINK for a device's.
	Filter *[]string `yaml:"filter"`
	// Groups are addresses of groups that it takes frames for, among others, and
	// NotGroups are some that it does not.
	Groups    []string `yaml:"groups"`
	NotGroups []string `yaml:"not_groups"`
	// MinMTU and MaxMTU are the limits that the kernel reports.
	MinMTU *int `yaml:"min_mtu"`
	MaxMTU *int `yaml:"max_mtu"`
	// ID, Protocol and ReorderHdr of a vlan.
	ID         *int   `yaml:"id"`
	Protocol   string `yaml:"protocol"`
	ReorderHdr *bool  `yaml:"reorder_hdr"`
	// GVRP, MVRP, LooseBinding and BridgeBinding are the other flags of a vlan.
	GVRP          *bool `yaml:"gvrp"`
	MVRP          *bool `yaml:"mvrp"`
	LooseBinding  *bool `yaml:"loose_binding"`
	BridgeBinding *bool `yaml:"bridge_binding"`
	// EgressQoS and IngressQoS are all entries of a vlan's maps. One to 0 is none.
	EgressQoS  *map[int]int `yaml:"egress_qos"`
	IngressQoS *map[int]int `yaml:"ingress_qos"`
	// Sources of a macvlan in mode source: MAC, or NODE/LINK.
	Sources *[]string `yaml:"sources"`
	// BCQueueLen, BCQueueLenUsed and BCCutoff of a macvlan.
	BCQueueLen     *int `yaml:"bc_queue_len"`
	BCQueueLenUsed *int `yaml:"bc_queue_len_used"`
	BCCutoff       *int `yaml:"bc_cutoff"`
	// TxQueueLen is the length of the transmit queue.
	TxQueueLen *int `yaml:"tx_queue_len"`
	// NoARP expects IFF_NOARP.
	NoARP *bool `yaml:"noarp"`
}

// Addresses expects a device's addresses, link-local ones left aside.
type Addresses struct {
	// Link is NODE/LINK; NODE alone means its first device.
	Link string `yaml:"link"`
	// Are are all of them, with prefix length.
	Are *[]string `yaml:"are"`
	// Include must be among them.
	Include []string `yaml:"include"`
	// Exclude must not.
	Exclude []string `yaml:"exclude"`
	// LinkLocal is whether it has an IPv6 link-local address.
	LinkLocal *bool `yaml:"link_local"`
}

// RouteState expects a route in a node's main table.
type RouteState struct {
	// Node whose table it is.
	Node string `yaml:"node"`
	// To is a prefix, or default (IPv4) or default6.
	To string `yaml:"to"`
	// Exists is whether there is such a route; default true.
	Exists *bool `yaml:"exists"`
	// Via is the next hop; none where the device itself is the way.
	Via string `yaml:"via"`
	// Dev is the device's name.
	Dev string `yaml:"dev"`
	// Scope is link or global.
	Scope string `yaml:"scope"`
	// Source is the preferred source address; none where there is none.
	Source string `yaml:"source"`
}

// Neighbour expects an entry of a node's neighbour table, ARP's or IPv6's. Every flow
// begins with all tables empty, so that an entry is what the flow before has left.
type Neighbour struct {
	// Node whose table it is.
	Node string `yaml:"node"`
	// Address that it knows, or does not.
	Address string `yaml:"address"`
	// MAC address that it has for it.
	MAC string `yaml:"mac"`
	// MACOf expects another device's, NODE/LINK.
	MACOf string `yaml:"mac_of"`
	// Exists is whether it knows any; default true.
	Exists *bool `yaml:"exists"`
}

// Counters expects how a device's counters move while a flow is sent.
type Counters struct {
	// Link is NODE/LINK.
	Link string `yaml:"link"`
	// Send is the flow; what arrives is not judged here.
	Send Flow `yaml:"send"`
	// Times that it is sent; default 1.
	Times int `yaml:"times"`
	// Rise is by how much each counter must rise at the least, by its name in
	// ip -s: rx_packets, tx_packets, multicast, rx_dropped, tx_dropped, ...
	Rise map[string]int `yaml:"rise"`
	// Exact has each counter rise by no more than that, either.
	Exact bool `yaml:"exact"`
	// Still are counters that must not move.
	Still []string `yaml:"still"`
}

// Refused expects that a change is refused, by errno or in words.
type Refused struct {
	// Do are the changes: the last one must be refused and change nothing; those
	// before it prepare, must succeed, and stay.
	Do []topology.Change `yaml:"do"`
	// Errno by name, such as EBUSY, when the kernel refuses.
	Errno string `yaml:"errno"`
	// Reason is a part of the sentence, when the engine refuses by Docker's
	// rules or the kernel says why.
	Reason string `yaml:"reason"`
}

// HandedOut expects what a network's address pool gives away.
type HandedOut struct {
	// Network whose pool it is.
	Network string `yaml:"network"`
	// Addresses that are handed out next, in this order.
	Addresses []string `yaml:"addresses"`
	// Never are addresses that the pool never hands out, however many are asked for.
	Never []string `yaml:"never"`
	// Count is how many addresses the pool holds in all, those in use included.
	Count int `yaml:"count"`
}
