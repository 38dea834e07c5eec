package topology

import (
	"fmt"
	"net"
	"slices"
	"strings"
)

func ip(node, format string, args ...any) string {
	return "ip -n " + node + " " + fmt.Sprintf(format, args...)
}

func and(commands ...string) string { return strings.Join(commands, " && ") }

// String returns the commands that make the namespace.
func (o MakeNode) String() string {
	s := and("ip netns add "+o.Node.Name, ip(o.Node.Name, "link set dev lo up"))
	if o.Node.Forwarding {
		s = and(s, "ip netns exec "+o.Node.Name+" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
	}
	return s
}

// String returns the command that lets the namespace go.
func (o DeleteNode) String() string { return "ip netns delete " + o.Node.Name }

// String returns the commands that make the device and bring it up.
func (o MakeLink) String() (text string) {
	d := o.Device
	// A child is made from its parent's namespace, straight into its own.
	in := d.Node
	if d.Parent.Link != "" {
		in = d.Parent.Node
	}
	var b strings.Builder
	b.WriteString("link add")
	if d.Parent.Link != "" {
		b.WriteString(" link " + d.Parent.Link)
	}
	b.WriteString(" name " + d.Link)
	if in != d.Node {
		b.WriteString(" netns " + d.Node)
	}
	fmt.Fprintf(&b, " index %d%s type %s%s", d.Index, d.basics(), d.Kind, d.options())
	if p := o.Peer; p != nil {
		fmt.Fprintf(&b, " peer name %s netns %s index %d%s", p.Link, p.Node, p.Index, p.basics())
	}
	commands := []string{ip(in, "%s", b.String())}
	defer func() { text += remark(d.Attributes) }()
	if d.Kind == KindNIC {
		commands = d.borrow()
	}
	commands = append(commands, d.bringUp()...)
	if o.Peer != nil {
		commands = append(commands, o.Peer.bringUp()...)
	}
	return and(commands...)
}

// borrow takes a real port from where the plan is carried out.
func (d *Device) borrow() []string {
	commands := []string{fmt.Sprintf("ip link set dev %s netns %s", d.Link, d.Node)}
	if s := d.basics(); s != "" {
		commands = append(commands, ip(d.Node, "link set dev %s%s", d.Link, s))
	}
	return commands
}

// bringUp are the commands for what cannot be said while a device is made.
func (d *Device) bringUp() []string {
	var commands []string
	set := func(what string) { commands = append(commands, ip(d.Node, "link set dev %s %s", d.Link, what)) }
	if d.Master.Link != "" {
		set("master " + d.Master.Link)
	}
	if d.Promisc {
		set("promisc on")
	}
	if d.AllMulti {
		set("allmulticast on")
	}
	if d.Up {
		set("up")
	}
	return commands
}

// Name returns the device's name in its node.
func (d *Device) Name() string { return d.Link }

// basics are the arguments before ip link's type.
func (d *Device) basics() string {
	var b strings.Builder
	if d.OwnMAC {
		fmt.Fprintf(&b, " address %s", d.MAC)
	}
	if d.MTU > 0 {
		fmt.Fprintf(&b, " mtu %d", d.MTU)
	}
	if d.TxQueueLen != nil {
		fmt.Fprintf(&b, " txqueuelen %d", *d.TxQueueLen)
	}
	return b.String()
}

// options are the arguments behind ip link's type.
func (d *Device) options() string {
	var b strings.Builder
	add := func(set bool, format string, args ...any) {
		if set {
			fmt.Fprintf(&b, " "+format, args...)
		}
	}
	switch d.Kind {
	case KindMacvlan:
		add(d.ModeAsked, "mode %s", d.Mode)
		add(d.NoPromisc, "nopromisc")
		add(d.NoDst, "nodst")
		if d.BCQueueLen != nil {
			add(true, "bcqueuelen %d", *d.BCQueueLen)
		}
		if d.BCCutoff != nil {
			add(true, "bclim %d", *d.BCCutoff)
		}
		// The list takes all that follows.
		add(len(d.Sources) > 0, "macaddr set%s", spaced(d.Sources))
	case KindIpvlan:
		add(d.ModeAsked, "mode %s", d.Mode)
		add(d.FlagAsked, "%s", orDefault(d.Flag, "bridge"))
	case KindVLAN:
		add(d.Protocol != "", "protocol %s", d.Protocol)
		add(true, "id %d", d.VID)
		if d.ReorderHdr != nil {
			add(true, "reorder_hdr %s", onOff(*d.ReorderHdr))
		}
		b.WriteString(vlanArgs(d.VLANFlags, d.EgressQoS, d.IngressQoS))
	case KindBridge:
		add(true, "stp_state 0 mcast_snooping 0")
		add(d.VLANFiltering, "vlan_filtering 1")
		add(d.FDBMaxLearned > 0, "fdb_max_learned %d", d.FDBMaxLearned)
	}
	return b.String()
}

// vlanArgs are a vlan's flags and maps.
func vlanArgs(flags map[string]bool, egress, ingress map[int]int) string {
	var b strings.Builder
	for _, name := range sortedKeys(flags) {
		fmt.Fprintf(&b, " %s %s", name, onOff(flags[name]))
	}
	for _, m := range []struct {
		name string
		qos  map[int]int
	}{{"ingress-qos-map", ingress}, {"egress-qos-map", egress}} {
		if len(m.qos) > 0 {
			b.WriteString(" " + m.name)
		}
		for _, k := range sortedKeys(m.qos) {
			fmt.Fprintf(&b, " %d:%d", k, m.qos[k])
		}
	}
	return b.String()
}

func spaced(macs []net.HardwareAddr) string {
	var b strings.Builder
	for _, m := range macs {
		b.WriteString(" " + m.String())
	}
	return b.String()
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func upDown(up bool) string {
	if up {
		return "up"
	}
	return "down"
}

// String returns the command that deletes the device.
func (o DeleteLink) String() string {
	return ip(o.Device.Node, "link delete dev %s", o.Device.Link)
}

// String returns the commands that change the device.
func (o ChangeLink) String() string {
	var commands []string
	set := func(when bool, format string, args ...any) {
		if when {
			commands = append(commands, ip(o.Device.Node, "link set dev %s ", o.Device.Link)+fmt.Sprintf(format, args...))
		}
	}
	set(o.Master != nil, "master %s", o.master())
	set(len(o.MAC) > 0, "address %s", o.MAC)
	set(o.MTU > 0, "mtu %d", o.MTU)
	if o.Promisc != nil {
		set(true, "promisc %s", onOff(*o.Promisc))
	}
	if o.AllMulti != nil {
		set(true, "allmulticast %s", onOff(*o.AllMulti))
	}
	if t := o.typeArgs(); t != "" || len(o.Attributes) > 0 {
		set(true, "type %s%s", o.Device.Kind, t)
	}
	if o.Up != nil {
		set(true, "%s", upDown(*o.Up))
	}
	return and(commands...) + remark(o.Attributes)
}

func (o ChangeLink) master() string {
	if o.Master == nil {
		return ""
	}
	return o.Master.Link
}

// typeArgs are the arguments behind ip link set's type. The flags of a macvlan
// are set as a whole, and ip wants the mode with them.
func (o ChangeLink) typeArgs() string {
	var b strings.Builder
	flags := o.NoPromisc != nil || o.NoDst != nil
	mode := o.Mode
	if flags {
		mode = orDefault(o.Mode, o.Device.Mode)
	}
	if mode != "" {
		b.WriteString(" mode " + mode)
	}
	if flags {
		b.WriteString(" flag null")
	}
	if stays(o.NoPromisc, o.Device.NoPromisc) && flags {
		b.WriteString(" nopromisc")
	}
	if stays(o.NoDst, o.Device.NoDst) && flags {
		b.WriteString(" nodst")
	}
	if o.Flag != "" {
		b.WriteString(" " + o.Flag)
	}
	b.WriteString(vlanArgs(o.VLANFlags, o.EgressQoS, o.IngressQoS))
	if o.BCQueueLen != nil {
		fmt.Fprintf(&b, " bcqueuelen %d", *o.BCQueueLen)
	}
	if o.BCCutoff != nil {
		fmt.Fprintf(&b, " bclim %d", *o.BCCutoff)
	}
	switch {
	case o.AddSource != nil:
		b.WriteString(" macaddr add " + o.AddSource.String())
	case o.RemoveSource != nil:
		b.WriteString(" macaddr del " + o.RemoveSource.String())
	case o.FlushSources:
		b.WriteString(" macaddr flush")
	case len(o.Sources) > 0:
		b.WriteString(" macaddr set" + spaced(o.Sources))
	case o.Sources != nil:
		b.WriteString(" macaddr flush")
	}
	return b.String()
}

// stays is what a flag becomes.
func stays(change *bool, was bool) bool {
	if change != nil {
		return *change
	}
	return was
}

// String returns the command that moves the device.
func (o MoveDevice) String() string {
	return ip(o.Device.Node, "link set dev %s netns %s name %s", o.Device.Link, o.To.Node, o.To.Link)
}

// String returns the command that adds the address.
func (o AddAddress) String() string {
	s := ip(o.Device.Node, "address add %s dev %s", o.Prefix, o.Device.Link)
	if o.Prefix.Addr().Is6() {
		s += " nodad"
	}
	return s
}

// String returns the command that removes the address.
func (o RemoveAddress) String() string {
	return ip(o.Device.Node, "address delete %s dev %s", o.Prefix, o.Device.Link)
}

// String returns the command that changes the filter.
func (o ChangeFilter) String() string {
	verb := "add"
	if o.Remove {
		verb = "delete"
	}
	return fmt.Sprintf("bridge -n %s fdb %s %s dev %s self permanent", o.Device.Node, verb, o.MAC, o.Device.Link)
}

// String returns the command that adds the route.
func (o AddRoute) String() string { return o.command("add") }

// String returns the command that takes the route away.
func (o RemoveRoute) String() string { return AddRoute(o).command("delete") }

// String returns the commands that have the kernel announce the addresses: it does when a
// device is given a hardware address, be it the one that it has, and is told to.
func (o Announce) String() string {
	notify := func(value string) string {
		at := "net/%s/conf/" + o.Device.Link + "/%s=" + value
		return "ip netns exec " + o.Device.Node + " sysctl -qew " + fmt.Sprintf(at, "ipv4", "arp_notify") + " " + fmt.Sprintf(at, "ipv6", "ndisc_notify")
	}
	return and(notify("1"), ip(o.Device.Node, "link set dev %s address %s", o.Device.Link, o.Device.MAC), notify("0"))
}

func (o AddRoute) command(verb string) string {
	s := "route " + verb + " "
	if o.Prefix.Addr().Is6() {
		s = "-6 " + s
	}
	if o.Prefix.Bits() == 0 {
		s += "default"
	} else {
		s += o.Prefix.String()
	}
	if o.Via.IsValid() {
		s += " via " + o.Via.String()
	}
	if o.Device != nil {
		s += " dev " + o.Device.Link
	}
	return ip(o.Node, "%s", s)
}

// String returns the commands that set the port, without what is as it was.
func (o SetPort) String() string {
	p, was := o.Port, o.Was
	do := func(tool, format string, args ...any) string {
		return tool + " -n " + SwitchNode + " " + fmt.Sprintf(format, args...)
	}
	var commands []string
	if locks := len(p.Allow) > 0; locks && len(was.Allow) == 0 {
		// What was learned before stays admitted.
		commands = append(commands, do("ip", "link set dev %s type bridge_slave fdb_flush", p.Name))
	}
	commands = append(commands, do("bridge", "link set dev %s hairpin %s learning %s flood %s isolated %s locked %s",
		p.Name, onOff(p.Hairpin), onOff(p.Learning), onOff(p.Flood), onOff(p.Isolated), onOff(len(p.Allow) > 0)))
	for _, m := range without(was.Allow, p.Allow) {
		commands = append(commands, do("bridge", "fdb delete %s dev %s master", m, p.Name))
	}
	for _, m := range without(p.Allow, was.Allow) {
		commands = append(commands, do("bridge", "fdb replace %s dev %s master static", m, p.Name))
	}
	for _, vid := range without(was.VIDs(), p.VIDs()) {
		commands = append(commands, do("bridge", "vlan delete dev %s vid %d", p.Name, vid))
	}
	if p.Access != was.Access {
		commands = append(commands, do("bridge", "vlan add dev %s vid %d pvid untagged", p.Name, p.native()))
	}
	for _, vid := range p.Trunk {
		if !slices.Contains(was.Trunk, vid) {
			commands = append(commands, do("bridge", "vlan add dev %s vid %d", p.Name, vid))
		}
	}
	if p.NoCarrier != was.NoCarrier {
		commands = append(commands, do("ip", "link set dev %s %s", p.Name, upDown(!p.NoCarrier)))
	}
	return and(commands...)
}

// without returns what is in a and not in b.
func without[T any](a, b []T) []T {
	var out []T
	for _, x := range a {
		if !slices.ContainsFunc(b, func(y T) bool { return fmt.Sprint(x) == fmt.Sprint(y) }) {
			out = append(out, x)
		}
	}
	return out
}
