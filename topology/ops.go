package topology

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Op is one kernel operation of a plan. String returns the ip command that
// does the same.
type Op interface {
	fmt.Stringer
	op()
}

// MakeNode makes a namespace with its loopback up.
type MakeNode struct{ Node Node }

// MakeLink makes a device in its final place with its final settings. A veth's
// other end is made with it.
type MakeLink struct {
	Device *Device
	Peer   *Device // of a veth
}

// DeleteLink deletes a device, and with it what sits on it.
type DeleteLink struct{ Device *Device }

// ChangeLink changes a device. Fields that are nil or empty stay as they are.
type ChangeLink struct {
	Device *Device
	Up     *bool
	MAC    net.HardwareAddr
	MTU    int
	// Mode, Flag, NoPromisc, NoDst and Sources change a macvlan or ipvlan.
	Mode, Flag       string
	NoPromisc, NoDst *bool
	Sources          []net.HardwareAddr
	Promisc          *bool
	Master           *Device
}

// MoveDevice puts a device into another node.
type MoveDevice struct {
	Device *Device // as it is
	To     Ref     // node and name that it gets
}

// AddAddress gives a device an address; no duplicate address detection is done.
type AddAddress struct {
	Device *Device
	Prefix netip.Prefix
}

// RemoveAddress takes an address away.
type RemoveAddress struct {
	Device *Device
	Prefix netip.Prefix
}

// AddRoute adds a route to a node's main table. Prefix is 0/0 for a default route.
type AddRoute struct {
	Node   string
	Prefix netip.Prefix
	Via    netip.Addr
	Device *Device // may be nil when Via says it
}

// SetPort sets how a port of the switch behaves.
type SetPort struct {
	Device *Device // the one that is plugged in
	Port   Port
}

func (MakeNode) op()      {}
func (MakeLink) op()      {}
func (DeleteLink) op()    {}
func (ChangeLink) op()    {}
func (MoveDevice) op()    {}
func (AddAddress) op()    {}
func (RemoveAddress) op() {}
func (AddRoute) op()      {}
func (SetPort) op()       {}

func (o MakeNode) String() string {
	s := "ip netns add " + o.Node.Name + " && ip -n " + o.Node.Name + " link set dev lo up"
	if o.Node.Forwarding {
		s += " && ip netns exec " + o.Node.Name + " sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1"
	}
	return s
}

func (o MakeLink) String() string {
	d := o.Device
	// A child is made from its parent's namespace, straight into its own.
	in := d.Node
	if d.Parent.Link != "" {
		in = d.Parent.Node
	}
	var b strings.Builder
	fmt.Fprintf(&b, "ip -n %s link add", in)
	if d.Parent.Link != "" {
		fmt.Fprintf(&b, " link dev %s", d.Parent.Link)
	}
	fmt.Fprintf(&b, " name %s", d.Name())
	if in != d.Node {
		fmt.Fprintf(&b, " netns %s", d.Node)
	}
	fmt.Fprintf(&b, " index %d", d.Index)
	if len(d.MAC) > 0 {
		fmt.Fprintf(&b, " address %s", d.MAC)
	}
	if d.MTU > 0 {
		fmt.Fprintf(&b, " mtu %d", d.MTU)
	}
	if d.TxQueueLen != nil {
		fmt.Fprintf(&b, " txqueuelen %d", *d.TxQueueLen)
	}
	b.WriteString(" type " + kernelKind(d.Kind) + d.options())
	if p := o.Peer; p != nil {
		fmt.Fprintf(&b, " peer name %s netns %s index %d", p.Name(), p.Node, p.Index)
		if len(p.MAC) > 0 {
			fmt.Fprintf(&b, " address %s", p.MAC)
		}
	}
	for _, end := range []*Device{d, o.Peer} {
		if end == nil {
			continue
		}
		if end.Master.Link != "" {
			fmt.Fprintf(&b, " && ip -n %s link set dev %s master %s", end.Node, end.Name(), end.Master.Link)
		}
		if end.Promisc {
			fmt.Fprintf(&b, " && ip -n %s link set dev %s promisc on", end.Node, end.Name())
		}
		if end.Up {
			fmt.Fprintf(&b, " && ip -n %s link set dev %s up", end.Node, end.Name())
		}
	}
	return b.String()
}

// Name returns the device's name in its node.
func (d *Device) Name() string { return d.Link }

func kernelKind(kind string) string {
	if kind == KindNIC {
		return "# a real port, moved here:"
	}
	return kind
}

// options are the arguments behind ip link's type.
func (d *Device) options() string {
	var b strings.Builder
	switch d.Kind {
	case KindMacvlan:
		if d.Mode != "" {
			b.WriteString(" mode " + d.Mode)
		}
		if d.NoPromisc {
			b.WriteString(" nopromisc")
		}
		if d.NoDst {
			b.WriteString(" nodst")
		}
		if len(d.Sources) > 0 {
			b.WriteString(" macaddr set")
			for _, m := range d.Sources {
				b.WriteString(" " + m.String())
			}
		}
		if d.BCQueueLen != nil {
			fmt.Fprintf(&b, " bcqueuelen %d", *d.BCQueueLen)
		}
		if d.BCCutoff != nil {
			fmt.Fprintf(&b, " bclim %d", *d.BCCutoff)
		}
	case KindIpvlan:
		if d.Mode != "" {
			b.WriteString(" mode " + d.Mode)
		}
		if d.Flag != "" {
			b.WriteString(" " + d.Flag)
		}
	case KindVLAN:
		if d.Protocol != "" {
			b.WriteString(" protocol " + d.Protocol)
		}
		fmt.Fprintf(&b, " id %d", d.VID)
		if d.ReorderHdr != nil {
			b.WriteString(" reorder_hdr " + onOff(*d.ReorderHdr))
		}
		if len(d.EgressQoS) > 0 {
			b.WriteString(" egress-qos-map")
			for _, k := range sortedKeys(d.EgressQoS) {
				fmt.Fprintf(&b, " %d:%d", k, d.EgressQoS[k])
			}
		}
	case KindBridge:
		b.WriteString(" stp_state 0 mcast_snooping 0")
		if d.VLANFiltering {
			b.WriteString(" vlan_filtering 1")
		}
		if d.FDBMaxLearned > 0 {
			fmt.Fprintf(&b, " fdb_max_learned %d", d.FDBMaxLearned)
		}
	}
	return b.String()
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func (o DeleteLink) String() string {
	return fmt.Sprintf("ip -n %s link delete dev %s", o.Device.Node, o.Device.Link)
}

func (o ChangeLink) String() string {
	var cmds []string
	set := func(format string, args ...any) {
		cmds = append(cmds, fmt.Sprintf("ip -n %s link set dev %s ", o.Device.Node, o.Device.Link)+fmt.Sprintf(format, args...))
	}
	if o.Master != nil {
		set("master %s", o.Master.Link)
	}
	if len(o.MAC) > 0 {
		set("address %s", o.MAC)
	}
	if o.MTU > 0 {
		set("mtu %d", o.MTU)
	}
	if o.Promisc != nil {
		set("promisc %s", onOff(*o.Promisc))
	}
	if t := o.typeArgs(); t != "" {
		set("type %s%s", o.Device.Kind, t)
	}
	if o.Up != nil {
		set("%s", map[bool]string{true: "up", false: "down"}[*o.Up])
	}
	return strings.Join(cmds, " && ")
}

func (o ChangeLink) typeArgs() string {
	var b strings.Builder
	if o.Mode != "" {
		b.WriteString(" mode " + o.Mode)
	}
	if o.Flag != "" {
		b.WriteString(" " + o.Flag)
	}
	if o.NoPromisc != nil {
		b.WriteString(" nopromisc " + onOff(*o.NoPromisc))
	}
	if o.NoDst != nil {
		b.WriteString(" nodst " + onOff(*o.NoDst))
	}
	if o.Sources != nil {
		b.WriteString(" macaddr set")
		for _, m := range o.Sources {
			b.WriteString(" " + m.String())
		}
	}
	return b.String()
}

func (o MoveDevice) String() string {
	return fmt.Sprintf("ip -n %s link set dev %s netns %s name %s", o.Device.Node, o.Device.Link, o.To.Node, o.To.Link)
}

func (o AddAddress) String() string {
	s := fmt.Sprintf("ip -n %s address add %s dev %s", o.Device.Node, o.Prefix, o.Device.Link)
	if o.Prefix.Addr().Is6() {
		s += " nodad"
	}
	return s
}

func (o RemoveAddress) String() string {
	return fmt.Sprintf("ip -n %s address delete %s dev %s", o.Device.Node, o.Prefix, o.Device.Link)
}

func (o AddRoute) String() string {
	var b strings.Builder
	family := ""
	if o.Prefix.Addr().Is6() {
		family = " -6"
	}
	to := o.Prefix.String()
	if o.Prefix.Bits() == 0 {
		to = "default"
	}
	fmt.Fprintf(&b, "ip -n %s%s route add %s", o.Node, family, to)
	if o.Via.IsValid() {
		fmt.Fprintf(&b, " via %s", o.Via)
	}
	if o.Device != nil {
		fmt.Fprintf(&b, " dev %s", o.Device.Link)
	}
	return b.String()
}

func (o SetPort) String() string {
	p := o.Port
	cmds := []string{fmt.Sprintf("bridge -n %s link set dev %s hairpin %s learning %s flood %s isolated %s locked %s",
		SwitchNode, p.Name, onOff(p.Hairpin), onOff(p.Learning), onOff(p.Flood), onOff(p.Isolated), onOff(len(p.Allow) > 0))}
	for _, m := range p.Allow {
		cmds = append(cmds, fmt.Sprintf("bridge -n %s fdb replace %s dev %s master static", SwitchNode, m, p.Name))
	}
	if p.Access > 0 {
		cmds = append(cmds, fmt.Sprintf("bridge -n %s vlan add dev %s vid %d pvid untagged", SwitchNode, p.Name, p.Access))
	}
	for _, vid := range slices.Sorted(slices.Values(p.Trunk)) {
		cmds = append(cmds, fmt.Sprintf("bridge -n %s vlan add dev %s vid %d", SwitchNode, p.Name, vid))
	}
	state := "up"
	if p.NoCarrier {
		state = "down"
	}
	return strings.Join(append(cmds, fmt.Sprintf("ip -n %s link set dev %s %s", SwitchNode, p.Name, state)), " && ")
}
