// Package intent holds what somebody has written down to be built: the networks
// and endpoints of a Compose file, of docker and podman command lines, or of CNI
// configurations, each with its place. It says what stands there and judges
// nothing; package answer says what would come of it.
package intent

import (
	"fmt"
	"strconv"
)

// Engine is whose words a file is written in, and so whose rules decide.
type Engine string

// The engines.
const (
	Docker Engine = "docker"
	Podman Engine = "podman"
	CNI    Engine = "cni"
)

// Intent is what one or several files want to be built.
type Intent struct {
	Networks  []Network
	Endpoints []Endpoint
	// Unread is what a network or an endpoint may depend on and could not be read,
	// such as a variable that the shell would know. The rest is answered all the same.
	Unread []Unread
	// Refused is what the engine's command line refuses by itself, whatever it runs on.
	Refused []Refused
	// Earlier are the moments before this one, where a file builds, takes apart and builds
	// again: networks of two moments never meet. They have no Unread and no Refused.
	Earlier []Intent
}

// Place is where something stands. Line and Column count from 1; 0 is unknown.
type Place struct {
	File         string
	Line, Column int
}

// String is file:line:column, without what is unknown.
func (p Place) String() string {
	s := p.File
	for _, n := range []int{p.Line, p.Column} {
		if n == 0 {
			break
		}
		s += ":" + strconv.Itoa(n)
	}
	return s
}

// Unread is something that could not be read, and why.
type Unread struct {
	Place Place
	// Text is what stands there, cut to one line.
	Text string
	// Why is the reason as a part of a sentence: "the value of $PARENT is not known here".
	Why string
	// Of is the network or the endpoint that it belongs to, and Part what of it is not
	// known: "subnet", "gateway", "ip_range", "aux_address", "ip", "ip6", "mac", "network",
	// "parent" or another option's key. A word that only gives something a name (a network,
	// an endpoint, a parent) stands in its place under a name made of the text, such as
	// PARENT for $PARENT, so that what is named alike stays together; any other is left
	// out. Both are empty for a whole command.
	Of, Part string
	// Blank is set where nothing stands for it when it is run as it is, as Compose does with
	// a variable that has no value. Otherwise there is something, and it is not known what.
	Blank bool
}

// Refused is a command that the engine's own program refuses. What could be made out of
// it stands in the intent all the same, except for a name that is taken.
type Refused struct {
	Place Place
	// Command is where the command begins, which is the Place of what it would have made.
	Command Place
	// Text is what stands there, cut to one line.
	Text string
	// Why is what the program says: "no matching subnet for gateway 10.0.0.1".
	Why string
	// Of is the network or the endpoint that it belongs to.
	Of string
}

// Value is a word with its place. The zero value stands for what was not written.
type Value struct {
	Text  string
	Place Place
}

// Set reports whether anything was written.
func (v Value) Set() bool { return v.Text != "" || v.Place != Place{} }

// String is the word.
func (v Value) String() string { return v.Text }

// Flag is a boolean with its place. The zero value stands for what was not written.
type Flag struct {
	// Known is set when it was written at all.
	Known bool
	Is    bool
	Place Place
}

// Network is one network as it is written. Texts are not parsed and not checked:
// "192.168.1.5/24" and "300.1.1.1/8" stand here as people wrote them.
type Network struct {
	// Name is what the file calls it; Known is the name that the engine gets to know,
	// where that differs (Compose puts the project's name before it).
	Name, Known string
	Engine      Engine
	// Driver is macvlan, ipvlan, bridge, or any other word; empty is the engine's default.
	Driver Value
	// Options are the driver's, in the order in which they stand.
	Options []Option
	// Subnets in the order in which they stand.
	Subnets []Subnet
	// IPAM is the address management's driver, when one is named: default, none, null,
	// dhcp, host-local, static.
	IPAM     Value
	Internal Flag
	// IPv4 and IPv6 are whether the family is switched on or off by word.
	IPv4, IPv6 Flag
	// External networks are somebody else's: nothing but the name is known.
	External Flag
	// Routes are what endpoints get besides the way to their subnet and the gateway's.
	Routes []Route
	Place  Place
}

// Route is a way that endpoints are told.
type Route struct {
	// To is the destination's prefix, Via the next hop, which may be left out.
	To, Via Value
	Place   Place
}

// Option is one option of a driver, by the key that was written.
type Option struct {
	Key   string
	Value Value
	Place Place // of the key
}

// Option returns the value of the last option with that key, which is the one that counts.
func (n *Network) Option(key string) Value {
	for i := len(n.Options) - 1; i >= 0; i-- {
		if n.Options[i].Key == key {
			return n.Options[i].Value
		}
	}
	return Value{}
}

// Subnet is one address pool as it is written.
type Subnet struct {
	Subnet, Gateway, IPRange Value
	// RangeStart and RangeEnd are the first and the last address to be given, as CNI and
	// Podman write a range; either may be left out.
	RangeStart, RangeEnd Value
	Aux                  []Option // by name
	Place                Place
}

// Endpoint is a container as it is written. A service with several replicas is as many
// endpoints.
type Endpoint struct {
	// Name is what the file calls it: a service, and with a number where there are several
	// of it. Known is the container's name, where that differs.
	Name, Known string
	Engine      Engine
	// Attach are the networks that it is put on, in the order in which the engine does so.
	// Where none was named it is the engine's own, "bridge" (Docker) or "podman" (Podman),
	// without a Place.
	Attach []Attachment
	// Mode is what it has in place of networks: host, none, container:NAME, or (Compose)
	// service:NAME for that of another endpoint of the file.
	Mode Value
	// Ports are what is published, as written.
	Ports []Value
	// Expose are ports that are only told.
	Expose []Value
	// Sysctls and whatever else of the network's is asked for in the container.
	Sysctls []Option
	Place   Place
}

// Attachment puts an endpoint on a network.
type Attachment struct {
	// Network is a Network's Name; whether there is one is not checked here.
	Network string
	IP, IP6 Value
	MAC     Value
	// Name of the device in the container, when asked for.
	Name Value
	// GatewayPriority, when asked for: the network with the highest gives the default route.
	GatewayPriority Value
	// LinkLocal are further addresses.
	LinkLocal []Value
	// Options are the endpoint's driver options.
	Options []Option
	Place   Place
}

// Network returns the network of that name; nil when there is none.
func (i *Intent) Network(name string) *Network {
	for k := range i.Networks {
		if i.Networks[k].Name == name {
			return &i.Networks[k]
		}
	}
	return nil
}

// Error is a file that cannot be read at all, with the place.
type Error struct {
	Place Place
	Err   error
}

// Error is place: what is wrong.
func (e *Error) Error() string { return fmt.Sprintf("%s: %v", e.Place, e.Err) }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }
