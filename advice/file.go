package advice

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/lanproof/lanproof/intent"
	"github.com/lanproof/lanproof/topology"
)

// The drivers that advice is about.
const (
	macvlan = "macvlan"
	ipvlan  = "ipvlan"
	bridge  = "bridge"
)

// file is what somebody has written, parsed as far as it can be.
type file struct {
	*intent.Intent
	around   Surroundings
	networks []*network
	draft    *draft
}

// network is one network with its texts parsed.
type network struct {
	*intent.Network
	// key is its name in scenarios, which take fewer letters than engines do.
	key    string
	driver string
	// parent is the device that was named; empty when none was.
	parent intent.Value
	// mode and flag as they were written.
	mode, flag intent.Value
	pools      []*pool
	users      []user
	// mended is set where the draft has it otherwise than it is written, since the engine
	// does not make it so.
	mended bool
}

// pool is a subnet; what could not be read is invalid.
type pool struct {
	*intent.Subnet
	prefix  netip.Prefix // without host bits
	gateway netip.Addr
	rng     netip.Prefix
}

// user is an endpoint on a network.
type user struct {
	end *intent.Endpoint
	at  *intent.Attachment
	nth int // of the endpoint's attachments
}

func read(in *intent.Intent, around Surroundings) *file {
	f := &file{Intent: in, around: around}
	for i := range in.Networks {
		f.networks = append(f.networks, readNetwork(&in.Networks[i]))
	}
	for i := range in.Endpoints {
		e := &in.Endpoints[i]
		for k := range e.Attach {
			if n := f.network(e.Attach[k].Network); n != nil {
				n.users = append(n.users, user{e, &e.Attach[k], k})
			}
		}
	}
	f.draft = f.plan()
	return f
}

func readNetwork(in *intent.Network) *network {
	n := &network{Network: in, driver: cmp.Or(in.Driver.Text, bridge)}
	modes := map[string]string{macvlan: "macvlan_mode", ipvlan: "ipvlan_mode"}
	switch in.Engine {
	case intent.Podman:
		n.parent, n.mode = firstOption(in, "parent", "interface_name", "interface-name"), in.Option("mode")
	case intent.CNI:
		n.parent, n.mode = in.Option("master"), in.Option("mode")
	default:
		n.parent, n.mode, n.flag = in.Option("parent"), in.Option(modes[n.driver]), in.Option("ipvlan_flag")
	}
	for i := range in.Subnets {
		n.pools = append(n.pools, readPool(&in.Subnets[i]))
	}
	return n
}

func firstOption(n *intent.Network, keys ...string) intent.Value {
	for _, k := range keys {
		if v := n.Option(k); v.Set() {
			return v
		}
	}
	return intent.Value{}
}

func readPool(s *intent.Subnet) *pool {
	p := &pool{Subnet: s}
	if prefix, err := netip.ParsePrefix(s.Subnet.Text); err == nil {
		p.prefix = prefix.Masked()
	}
	if a, err := netip.ParseAddr(s.Gateway.Text); err == nil {
		p.gateway = a
	}
	if r, err := netip.ParsePrefix(s.IPRange.Text); err == nil {
		p.rng = r.Masked()
	}
	return p
}

// network returns the network of that name; nil when there is none.
func (f *file) network(name string) *network {
	i := slices.IndexFunc(f.networks, func(n *network) bool { return n.Name == name })
	if i < 0 {
		return nil
	}
	return f.networks[i]
}

// docker is the line of Docker's releases whose rules count.
func (s Surroundings) docker() topology.Docker {
	line, err := topology.ParseDocker(s.Docker)
	if err != nil {
		return 0
	}
	return line
}

// unread reports whether a part of a network or an endpoint is written, but could not be
// read, so that nothing may be said of its absence.
func (f *file) unread(of string, parts ...string) bool {
	return slices.ContainsFunc(f.Unread, func(u intent.Unread) bool { return u.Of == of && slices.Contains(parts, u.Part) })
}

// unknown reports whether a part of a network or an endpoint is written and stands for
// something, and it is not known for what, so that nothing may be said of what it is.
func (f *file) unknown(of string, parts ...string) bool {
	return slices.ContainsFunc(f.Unread, func(u intent.Unread) bool { return !u.Blank && u.Of == of && slices.Contains(parts, u.Part) })
}

// onParent reports whether the network's children sit on a device of the machine.
// Podman and CNI take the device of the default route where none is named.
func (n *network) onParent() bool {
	return n.virtual() && (n.parent.Text != "" || n.Engine == intent.Podman || n.Engine == intent.CNI)
}

// virtual reports whether the network is macvlan or ipvlan, and ours to be known.
func (n *network) virtual() bool {
	return (n.driver == macvlan || n.driver == ipvlan) && !n.External.Is
}

// layer3 reports whether the network is an ipvlan that answers no ARP.
func (n *network) layer3() bool { return n.driver == ipvlan && strings.HasPrefix(n.mode.Text, "l3") }

// place is where the value stands, or else the whole.
func place(v intent.Value, whole intent.Place) intent.Place {
	if v.Place != (intent.Place{}) {
		return v.Place
	}
	return whole
}

// keyPlace is where an option's key stands, or else the network.
func (n *network) keyPlace(key string) intent.Place {
	for _, o := range slices.Backward(n.Options) {
		if o.Key == key && o.Place != (intent.Place{}) {
			return o.Place
		}
	}
	return n.Place
}

// serves reports whether a network has the pool's family switched on: Docker leaves out
// IPv6 subnets unless enable_ipv6 says otherwise.
func (n *network) serves(p *pool) bool {
	if !p.prefix.IsValid() || n.Engine != intent.Docker {
		return true
	}
	if p.prefix.Addr().Is6() {
		return n.IPv6.Is
	}
	return !n.IPv4.Known || n.IPv4.Is
}
