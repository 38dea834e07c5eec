// Package topology turns the description of a small LAN into a plan of kernel
// operations. It is pure: it knows no kernel, no clock and no randomness, so
// that the same description gives the same plan everywhere. Package
// topology/lab carries plans out.
package topology

// Spec describes a LAN: hosts with parents, networks by Docker's option names,
// endpoints, stations and routers, and the switch between them. It is inert.
type Spec struct {
	// Docker is the version of Docker whose rules the networks follow: 20.10, 23,
	// 24, 25, 26, 27, 28 or 29, each as its last release has it. Default 29.
	Docker string `yaml:"docker"`
	// Hosts are the machines that own parents. Even a host is a fresh namespace.
	Hosts Named[Host] `yaml:"hosts"`
	// Networks are Docker's grouping: driver, parent, mode, subnets.
	Networks Named[Network] `yaml:"networks"`
	// Endpoints are the containers: a namespace each, with children in it.
	Endpoints Named[Endpoint] `yaml:"endpoints"`
	// Stations are other machines on the LAN, each plugged into the switch by eth0.
	Stations Named[Station] `yaml:"stations"`
	// Routers are stations that forward between their addresses' subnets.
	Routers Named[Station] `yaml:"routers"`
	// Switch is what veth parents, stations and routers are plugged into.
	Switch Switch `yaml:"switch"`
}

// Named is a list of things by name, in the order in which they were written.
type Named[T any] []Item[T]

// Item is one entry of a Named list.
type Item[T any] struct {
	Name  string
	Value T
}

// Get returns the thing of that name.
func (n Named[T]) Get(name string) (T, bool) {
	for _, item := range n {
		if item.Name == name {
			return item.Value, true
		}
	}
	var zero T
	return zero, false
}

// Host is a machine that owns parents.
type Host struct {
	// Parents are the lower devices: dummy, veth, bridge, vlan or nic.
	Parents Named[Link] `yaml:"parents"`
	// Links are further devices of the host's own, such as a macvlan shim.
	Links Named[Link] `yaml:"links"`
	// Routes are added after all links are up.
	Routes []Route `yaml:"routes"`
	// Forwarding lets the host forward between its links.
	Forwarding bool `yaml:"forwarding"`
}

// Station is a machine on the LAN. Its eth0 is plugged into the switch.
type Station struct {
	// Addresses of eth0, with prefix length.
	Addresses []string `yaml:"addresses"`
	// MAC of eth0; derived from the station's name when empty.
	MAC string `yaml:"mac"`
	// MTU of eth0 in bytes. Default 1500.
	MTU int `yaml:"mtu"`
	// Links are further devices, such as a vlan on eth0.
	Links Named[Link] `yaml:"links"`
	// Routes are added after all links are up.
	Routes []Route `yaml:"routes"`
}

// Endpoint is a container: a namespace with children in it.
type Endpoint struct {
	// Network is the network that the endpoint is on, when it is on one only.
	Network string `yaml:"network"`
	// IP is the endpoint's IPv4 address on Network; the next free one when empty.
	IP string `yaml:"ip"`
	// IP6 is the endpoint's IPv6 address on Network; the next free one when empty.
	IP6 string `yaml:"ip6"`
	// MAC is the child's address; derived by the Docker version's rules when empty.
	MAC string `yaml:"mac"`
	// Attach lists the networks of an endpoint that is on several.
	Attach []Attachment `yaml:"attach"`
	// Links are devices made by hand rather than by a network.
	Links Named[Link] `yaml:"links"`
	// Routes are added after all links are up.
	Routes []Route `yaml:"routes"`
}

// Attachment puts an endpoint on one network.
type Attachment struct {
	// Network is its name.
	Network string `yaml:"network"`
	// IP is the IPv4 address on it; the next free one when empty.
	IP string `yaml:"ip"`
	// IP6 is the IPv6 address on it; the next free one when empty.
	IP6 string `yaml:"ip6"`
	// MAC is the child's address; derived by the Docker version's rules when empty.
	// Docker passes it over for a running endpoint up to 28.
	MAC string `yaml:"mac"`
	// Name of the device in the endpoint; eth and the lowest free number when empty.
	// Docker heeds it since 28; older ones do not know it.
	Name string `yaml:"name"`
	// GatewayPriority decides which network gives the default route: the highest
	// does. Docker knows it since 28; older ones pay no heed to it.
	GatewayPriority int `yaml:"gw_priority"`
}

// Network is Docker's grouping of endpoints.
type Network struct {
	// Driver is macvlan, ipvlan or bridge, and has to be given.
	Driver string `yaml:"driver"`
	// Host that the network is on; may be left out when there is one host only.
	Host string `yaml:"host"`
	// Parent is the host's device. A dotted name such as eth0.50 that does not
	// exist becomes a VLAN device that comes and goes with the network. Empty
	// means a dummy of the network's own, as Docker makes it.
	Parent string `yaml:"parent"`
	// MacvlanMode is bridge (Docker's default), private, vepa, passthru or,
	// beyond Docker, source.
	MacvlanMode string `yaml:"macvlan_mode"`
	// MacvlanSources are the MAC addresses that children in mode source listen
	// to; NODE/LINK names that device's address.
	MacvlanSources []string `yaml:"macvlan_sources"`
	// IpvlanMode is l2 (default), l3 or l3s.
	IpvlanMode string `yaml:"ipvlan_mode"`
	// IpvlanFlag is bridge (default), private or vepa.
	IpvlanFlag string `yaml:"ipvlan_flag"`
	// Subnets of the network, IPv4 and IPv6.
	Subnets []Subnet `yaml:"subnets"`
	// EnableIPv4 has Docker choose a subnet of IPv4 where none is given, as it does
	// by itself. False leaves IPv4 out, whatever is given, since Docker 28; older
	// ones do not know it. Left out here, there is IPv4 where a subnet of it is.
	EnableIPv4 *bool `yaml:"enable_ipv4"`
	// EnableIPv6 has Docker choose a subnet of IPv6 where none is given, which it can
	// since 27. False leaves IPv6 out, whatever is given, as Docker does by itself.
	// Left out here, there is IPv6 where a subnet of it is.
	EnableIPv6 *bool `yaml:"enable_ipv6"`
	// Internal networks get no gateway.
	Internal bool `yaml:"internal"`
}

// Subnet is one address pool of a network.
type Subnet struct {
	// Subnet is the pool as a prefix without host bits, and has to be given.
	Subnet string `yaml:"subnet"`
	// Gateway is the default route's next hop; it is never handed out.
	Gateway string `yaml:"gateway"`
	// IPRange is the part of the subnet that addresses are handed out from.
	IPRange string `yaml:"ip_range"`
	// AuxAddresses are taken by others on the LAN and never handed out.
	AuxAddresses map[string]string `yaml:"aux_addresses"`
}

// Link is a device. Which fields apply depends on Kind.
type Link struct {
	// Kind is veth, dummy, bridge, vlan, macvlan, ipvlan or nic. A parent's
	// default is veth.
	Kind string `yaml:"kind"`
	// Parent is the lower device: LINK in the same node, or NODE/LINK.
	Parent string `yaml:"parent"`
	// Mode of a macvlan (private, vepa, bridge, passthru, source; the kernel's
	// default is vepa) or of an ipvlan (l2, l3, l3s; the kernel's default is l3).
	Mode string `yaml:"mode"`
	// Flag of an ipvlan: bridge, private or vepa.
	Flag string `yaml:"flag"`
	// NoPromisc leaves the parent of a passthru macvlan out of promiscuous mode.
	NoPromisc bool `yaml:"nopromisc"`
	// NoDst lets frames from a listed source reach only macvlans in mode source.
	NoDst bool `yaml:"nodst"`
	// Sources are the MAC addresses, or NODE/LINK for a device's, that a macvlan
	// in mode source listens to.
	Sources []string `yaml:"sources"`
	// BCQueueLen is a macvlan's broadcast queue in frames; the kernel's default is 1000.
	BCQueueLen *int `yaml:"bc_queue_len"`
	// BCCutoff is a macvlan's broadcast cutoff (Linux 6.4).
	BCCutoff *int `yaml:"bc_cutoff"`
	// ID is a vlan's VID, 0 to 4094.
	ID *int `yaml:"id"`
	// Protocol of a vlan: 802.1Q (default) or 802.1ad.
	Protocol string `yaml:"protocol"`
	// ReorderHdr of a vlan; the kernel's default is on.
	ReorderHdr *bool `yaml:"reorder_hdr"`
	// GVRP and MVRP have a vlan announce its VID; LooseBinding lets it be up or down
	// whatever its parent is; BridgeBinding has it follow ports of a bridge.
	GVRP          *bool `yaml:"gvrp"`
	MVRP          *bool `yaml:"mvrp"`
	LooseBinding  *bool `yaml:"loose_binding"`
	BridgeBinding *bool `yaml:"bridge_binding"`
	// EgressQoS maps a vlan's socket priorities to PCP values on the wire.
	EgressQoS map[int]int `yaml:"egress_qos"`
	// IngressQoS maps PCP values on the wire to priorities of packets.
	IngressQoS map[int]int `yaml:"ingress_qos"`
	// Ports are the devices of the same node that a bridge joins.
	Ports []string `yaml:"ports"`
	// MAC of the device; derived from its place when empty and the kind has its own.
	MAC string `yaml:"mac"`
	// MTU in bytes; the kernel's default when 0.
	MTU int `yaml:"mtu"`
	// Addresses with prefix length.
	Addresses []string `yaml:"addresses"`
	// Down leaves the device down.
	Down bool `yaml:"down"`
	// Promisc puts the device into promiscuous mode.
	Promisc bool `yaml:"promisc"`
	// AllMulticast has the device take all multicasts.
	AllMulticast bool `yaml:"allmulticast"`
	// Attributes of netlink that are sent as they stand here, in place of what the
	// other fields say: IFLA_VLAN_PROTOCOL: be16 0x9100, and none to leave one out.
	// They are for what a kernel refuses.
	Attributes map[string]string `yaml:"attributes"`
}

// Route is one route of a node.
type Route struct {
	// To is a prefix, or default.
	To string `yaml:"to"`
	// Via is the next hop.
	Via string `yaml:"via"`
	// Dev is the device.
	Dev string `yaml:"dev"`
}

// Switch is what veth parents, stations and routers are plugged into: one
// learning switch with a port a device.
type Switch struct {
	// Hairpin lets every port send frames back where they came from (IEEE
	// 802.1Q reflective relay).
	Hairpin bool `yaml:"hairpin"`
	// MACTable is the number of addresses that the switch can learn; 0 is
	// plenty. Beyond it, it floods (Linux 6.7).
	MACTable int `yaml:"mac_table"`
	// Ports settings by device, NODE/LINK; a station's or router's is NODE/eth0.
	Ports Named[SwitchPort] `yaml:"ports"`
}

// SwitchPort is how one port differs from a plain one.
type SwitchPort struct {
	// Hairpin overrides the switch's setting.
	Hairpin *bool `yaml:"hairpin"`
	// Learning of source addresses; default on.
	Learning *bool `yaml:"learning"`
	// Flood unknown unicast out of this port; default on.
	Flood *bool `yaml:"flood"`
	// Isolated ports reach only ports that are not.
	Isolated bool `yaml:"isolated"`
	// Allow admits only these source addresses, MAC or NODE/LINK, as a cloud, a
	// Wi-Fi access point or port security does.
	Allow []string `yaml:"allow"`
	// Access is the VID of an untagged port, 1 to 4094.
	Access int `yaml:"access"`
	// Trunk are the VIDs of a tagged port, each 1 to 4094.
	Trunk []int `yaml:"trunk"`
	// Carrier, when false, takes the port's link away.
	Carrier *bool `yaml:"carrier"`
}

// Change is one thing that is done to a LAN as time goes on, or tried and
// refused. Exactly one key is set.
type Change struct {
	// Add makes a device.
	Add *AddLink `yaml:"add"`
	// Set changes a device.
	Set *SetLink `yaml:"set"`
	// Delete removes a device: NODE/LINK.
	Delete string `yaml:"delete"`
	// Move puts a device into another node.
	Move *MoveLink `yaml:"move"`
	// Switch changes a port, or all of them.
	Switch *SetSwitch `yaml:"switch"`
	// Network makes a network.
	Network *AddNetwork `yaml:"network"`
	// RemoveNetwork removes a network and the parent that it made.
	RemoveNetwork string `yaml:"remove_network"`
	// Attach puts an endpoint on a network.
	Attach *Attach `yaml:"attach"`
	// Detach takes an endpoint's device of a network away.
	Detach *Detach `yaml:"detach"`
	// Address adds an address to a device.
	Address *SetAddress `yaml:"address"`
	// RemoveAddress takes an address from a device.
	RemoveAddress *SetAddress `yaml:"remove_address"`
	// Filter has a device take frames to one more MAC address.
	Filter *SetFilter `yaml:"filter"`
	// RemoveFilter has it take them no more.
	RemoveFilter *SetFilter `yaml:"remove_filter"`
	// RemoveNode lets a node's namespace go, with all devices in it.
	RemoveNode string `yaml:"remove_node"`
}

// AddLink makes the device Name in Node.
type AddLink struct {
	// Node that it is made in.
	Node string `yaml:"node"`
	// Name of the new device.
	Name string `yaml:"name"`
	Link `yaml:",inline"`
}

// SetLink changes the device Link (NODE/LINK); what is left out stays.
type SetLink struct {
	// Link is NODE/LINK.
	Link string `yaml:"link"`
	// Up is the administrative state.
	Up *bool `yaml:"up"`
	// MAC address.
	MAC string `yaml:"mac"`
	// MTU in bytes.
	MTU int `yaml:"mtu"`
	// Mode of a macvlan or ipvlan.
	Mode string `yaml:"mode"`
	// Flag of an ipvlan.
	Flag string `yaml:"flag"`
	// NoPromisc and NoDst are a macvlan's flags.
	NoPromisc *bool `yaml:"nopromisc"`
	NoDst     *bool `yaml:"nodst"`
	// Sources replaces the list of a macvlan in mode source.
	Sources []string `yaml:"sources"`
	// AddSource and RemoveSource change that list by one address, MAC or NODE/LINK,
	// and FlushSources empties it.
	AddSource    string `yaml:"add_source"`
	RemoveSource string `yaml:"remove_source"`
	FlushSources bool   `yaml:"flush_sources"`
	// BCQueueLen and BCCutoff of a macvlan.
	BCQueueLen *int `yaml:"bc_queue_len"`
	BCCutoff   *int `yaml:"bc_cutoff"`
	// ReorderHdr, GVRP, MVRP, LooseBinding and BridgeBinding are the flags of a vlan.
	ReorderHdr    *bool `yaml:"reorder_hdr"`
	GVRP          *bool `yaml:"gvrp"`
	MVRP          *bool `yaml:"mvrp"`
	LooseBinding  *bool `yaml:"loose_binding"`
	BridgeBinding *bool `yaml:"bridge_binding"`
	// EgressQoS and IngressQoS change those entries of a vlan's maps that are named.
	EgressQoS  map[int]int `yaml:"egress_qos"`
	IngressQoS map[int]int `yaml:"ingress_qos"`
	// Promisc mode on or off.
	Promisc *bool `yaml:"promisc"`
	// AllMulticast has the device take all multicasts, or not.
	AllMulticast *bool `yaml:"allmulticast"`
	// Master makes the device a port of that bridge.
	Master string `yaml:"master"`
	// Attributes of netlink, as in Link.
	Attributes map[string]string `yaml:"attributes"`
}

// MoveLink puts the device Link (NODE/LINK) into node To, as Name when given.
type MoveLink struct {
	// Link is NODE/LINK.
	Link string `yaml:"link"`
	// To is the node that it goes to.
	To string `yaml:"to"`
	// Name that it gets there; its own when empty.
	Name string `yaml:"name"`
}

// SetSwitch changes the port of a device (NODE/LINK), or all ports when empty.
type SetSwitch struct {
	// Port is the device that is plugged in, NODE/LINK; all ports when empty.
	Port       string `yaml:"port"`
	SwitchPort `yaml:",inline"`
}

// AddNetwork makes the network Name.
type AddNetwork struct {
	// Name of the new network.
	Name    string `yaml:"name"`
	Network `yaml:",inline"`
}

// Attach puts Endpoint on a network.
type Attach struct {
	// Endpoint that is put on it.
	Endpoint   string `yaml:"endpoint"`
	Attachment `yaml:",inline"`
}

// Detach takes Endpoint off Network.
type Detach struct {
	// Endpoint that is taken off.
	Endpoint string `yaml:"endpoint"`
	// Network that it is taken off.
	Network string `yaml:"network"`
}

// SetAddress adds or removes Address (with prefix length) on Link (NODE/LINK).
type SetAddress struct {
	// Link is NODE/LINK.
	Link string `yaml:"link"`
	// Address with prefix length.
	Address string `yaml:"address"`
}

// SetFilter adds or removes Address, a MAC address, in the filter of Link (NODE/LINK).
type SetFilter struct {
	// Link is NODE/LINK.
	Link string `yaml:"link"`
	// Address is a MAC address.
	Address string `yaml:"address"`
}
