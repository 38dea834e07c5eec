package topology

import (
	"fmt"
	"net"
	"slices"
)

// Change plans one change: the operations that it takes and the state that it
// leads to. The plan itself stays as it is, for a kernel may refuse; Commit
// makes the new state the plan's. A Refusal is Docker's no, said before any
// kernel is asked; Problems are mistakes in the change itself.
func (p *Plan) Change(c *Change) (*Next, error) {
	b := &builder{lan: p.LAN.clone()}
	b.change(c)
	if len(b.problems) > 0 {
		return nil, &Refusal{Text: b.problems[0].Text}
	}
	return &Next{Ops: b.ops, lan: b.lan}, nil
}

// Try says what is wrong with a change, with its place in it. A change that is
// well-formed but that Docker's rules refuse is wrong too, unless a check
// expects it.
func (p *Plan) Try(c *Change) []Problem {
	b := &builder{lan: p.LAN.clone()}
	b.change(c)
	return b.problems
}

// Next is what a change leads to.
type Next struct {
	Ops []Op
	lan *LAN
}

// Commit makes the changed state the plan's own.
func (p *Plan) Commit(n *Next) { p.LAN = n.lan }

func (b *builder) change(c *Change) {
	n := 0
	do := func(field string, set bool, f func()) {
		if set {
			n++
			b.in(field, f)
		}
	}
	do("add", c.Add != nil, func() { b.addLink(c.Add) })
	do("set", c.Set != nil, func() { b.setLink(c.Set) })
	do("delete", c.Delete != "", func() { b.deleteLink(c.Delete) })
	do("move", c.Move != nil, func() { b.moveLink(c.Move) })
	do("switch", c.Switch != nil, func() { b.changeSwitch(c.Switch) })
	do("network", c.Network != nil, func() { b.addNetwork(c.Network.Name, &c.Network.Network) })
	do("remove_network", c.RemoveNetwork != "", func() { b.removeNetwork(c.RemoveNetwork) })
	do("attach", c.Attach != nil, func() { b.attach(c.Attach.Endpoint, c.Attach.Attachment) })
	do("detach", c.Detach != nil, func() { b.detach(c.Detach.Endpoint, c.Detach.Network) })
	do("address", c.Address != nil, func() { b.setAddress(c.Address, true) })
	do("remove_address", c.RemoveAddress != nil, func() { b.setAddress(c.RemoveAddress, false) })
	if n != 1 {
		b.problem("a change does one thing: add, set, delete, move, switch, network, remove_network, attach, detach, address or remove_address")
	}
}

func (b *builder) addLink(c *AddLink) {
	if _, ok := b.lan.Node(c.Node); !ok || c.Node == SwitchNode {
		b.in("node", func() { b.problem("there is no node %q", c.Node) })
		return
	}
	if b.lan.Device(Ref{c.Node, c.Name}) != nil {
		b.in("name", func() { b.problem("there is already a device %s/%s", c.Node, c.Name) })
		return
	}
	b.link(Ref{c.Node, c.Name}, &c.Link)
}

// find returns the device of a change, or says that there is none.
func (b *builder) find(field, s string) *Device {
	r := ParseRef(s, "")
	d := b.lan.Device(r)
	if d == nil || r.Node == SwitchNode {
		b.in(field, func() { b.problem("there is no device %q: it is written NODE/LINK", s) })
		return nil
	}
	return d
}

func (b *builder) setLink(c *SetLink) {
	d := b.find("link", c.Link)
	if d == nil {
		return
	}
	was := *d
	o := ChangeLink{Device: &was, Up: c.Up, MTU: c.MTU, NoPromisc: c.NoPromisc, NoDst: c.NoDst, Promisc: c.Promisc}
	if c.Mode != "" || c.Flag != "" {
		b.setMode(d, c, &o)
	}
	if c.MAC != "" {
		m, problem := parseMAC(c.MAC)
		b.in("mac", func() { b.text(problem) })
		o.MAC, d.MAC = m, m
		b.followMAC(d)
	}
	if c.Sources != nil {
		b.in("sources", func() {
			o.Sources = b.macList(c.Sources, d.Node)
			if o.Sources == nil {
				o.Sources = []net.HardwareAddr{}
			}
			d.Sources = o.Sources
		})
	}
	if c.Master != "" {
		b.in("master", func() {
			m := b.lan.Device(ParseRef(c.Master, d.Node))
			if m == nil || m.Kind != KindBridge {
				b.problem("there is no bridge %s on %s", c.Master, d.Node)
				return
			}
			o.Master, d.Master = m, m.Ref
		})
	}
	if c.Up != nil {
		b.setUp(d, *c.Up)
	}
	set(&d.MTU, c.MTU != 0, c.MTU)
	if c.NoPromisc != nil {
		d.NoPromisc = *c.NoPromisc
	}
	if c.NoDst != nil {
		d.NoDst = *c.NoDst
	}
	if c.Promisc != nil {
		d.Promisc = *c.Promisc
	}
	b.op(o)
}

func set[T any](field *T, when bool, value T) {
	if when {
		*field = value
	}
}

func (b *builder) setMode(d *Device, c *SetLink, o *ChangeLink) {
	modes := map[string][]string{KindMacvlan: macvlanModes, KindIpvlan: ipvlanModes}[d.Kind]
	switch {
	case modes == nil:
		b.in("mode", func() { b.problem("a %s has no mode", d.Kind) })
		return
	case c.Flag != "" && d.Kind != KindIpvlan:
		b.in("flag", func() { b.problem("a %s has no flag", d.Kind) })
		return
	}
	b.in("mode", func() { b.oneOf(d.Kind+" mode", c.Mode, modes) })
	b.in("flag", func() { b.oneOf("ipvlan flag", c.Flag, ipvlanFlags) })
	o.Mode, o.Flag = c.Mode, c.Flag
	// An ipvlan port has one mode and flag for all its children.
	for _, other := range b.lan.Devices {
		if other == d || d.Kind == KindIpvlan && other.Kind == KindIpvlan && other.Parent == d.Parent {
			other.Mode = orDefault(c.Mode, other.Mode)
			if c.Flag != "" {
				other.Flag = map[bool]string{true: "", false: c.Flag}[c.Flag == "bridge"]
			}
		}
	}
	// A macvlan that leaves mode source forgets its list (macvlan_changelink).
	if d.Kind == KindMacvlan && c.Mode != "" && c.Mode != "source" {
		d.Sources = nil
	}
}

// setUp models what the kernel does to what stands on a device: VLAN devices
// go down and come up with their parent (vlan_dev.c:vlan_device_event).
func (b *builder) setUp(d *Device, up bool) {
	d.Up = up
	for _, c := range b.lan.Children(d) {
		if c.Kind == KindVLAN {
			b.setUp(c, up)
		}
	}
}

// followMAC models which children follow their parent's address: passthru
// macvlans (macvlan_device_event), and VLANs that are up and have inherited it.
func (b *builder) followMAC(d *Device) {
	if d.Kind == KindMacvlan && d.Mode == "passthru" {
		if p := b.lan.Device(d.Parent); p != nil {
			p.MAC = d.MAC
		}
	}
}

func (b *builder) deleteLink(s string) {
	d := b.find("link", s)
	if d == nil {
		return
	}
	b.op(DeleteLink{Device: d})
	b.lan.remove(d.Ref)
}

func (b *builder) moveLink(c *MoveLink) {
	d := b.find("link", c.Link)
	if d == nil {
		return
	}
	if _, ok := b.lan.Node(c.To); !ok || c.To == SwitchNode {
		b.in("to", func() { b.problem("there is no node %q", c.To) })
		return
	}
	to := Ref{c.To, orDefault(c.Name, d.Link)}
	if b.lan.Device(to) != nil {
		b.problem("there is already a device %s", to)
		return
	}
	was := *d
	b.op(MoveDevice{Device: &was, To: to})
	for _, other := range b.lan.Devices {
		if other.Parent == d.Ref {
			other.Parent = to
		}
		if other.Peer == d.Ref {
			other.Peer = to
		}
	}
	// A device that changes its namespace is closed and loses its addresses
	// (net/core/dev.c:__dev_change_net_namespace).
	d.Ref, d.Up, d.Addresses = to, false, nil
}

func (b *builder) changeSwitch(c *SetSwitch) {
	if c.Port != "" {
		b.in("port", func() { b.setPort(c.Port, &c.SwitchPort) })
		return
	}
	for _, d := range b.lan.Devices {
		if d.Port != nil {
			b.setPort(d.String(), &c.SwitchPort)
		}
	}
}

// setPort changes the port that a device is plugged into.
func (b *builder) setPort(ref string, c *SwitchPort) {
	d := b.lan.Device(ParseRef(ref, ""))
	if d == nil || d.Port == nil {
		b.problem("nothing called %q is plugged into the switch: it is written NODE/LINK, as in host/eth0", ref)
		return
	}
	p := d.Port
	for _, s := range []struct{ to, from *bool }{{&p.Hairpin, c.Hairpin}, {&p.Learning, c.Learning}, {&p.Flood, c.Flood}} {
		if s.from != nil {
			*s.to = *s.from
		}
	}
	set(&p.Isolated, c.Isolated, true)
	if c.Carrier != nil {
		p.NoCarrier = !*c.Carrier
	}
	if len(c.Allow) > 0 {
		b.in("allow", func() { p.Allow = b.macList(c.Allow, d.Node) })
		p.Learning = false // a locked port learns nothing (net/bridge/br_input.c)
	}
	b.in("access", func() { b.vids(c.Access) })
	b.in("trunk", func() { b.vids(c.Trunk...) })
	set(&p.Access, c.Access != 0, c.Access)
	set(&p.Trunk, len(c.Trunk) > 0, slices.Clone(c.Trunk))
	b.op(SetPort{Device: d, Port: *p})
}

func (b *builder) vids(vids ...int) {
	for _, v := range vids {
		if v < 0 || v > 4094 {
			b.problem("VID %d is out of range: 1 to 4094", v)
		}
	}
}

func (b *builder) setAddress(c *SetAddress, add bool) {
	d := b.find("link", c.Link)
	if d == nil {
		return
	}
	p, problem := parsePrefix(c.Address)
	if problem != "" {
		b.in("address", func() { b.text(problem) })
		return
	}
	if add {
		d.Addresses = append(d.Addresses, p)
		b.op(AddAddress{Device: d, Prefix: p})
		return
	}
	i := slices.Index(d.Addresses, p)
	if i < 0 {
		b.in("address", func() { b.problem("%s has no address %s", d.Ref, fmt.Sprint(p)) })
		return
	}
	d.Addresses = slices.Delete(d.Addresses, i, i+1)
	b.op(RemoveAddress{Device: d, Prefix: p})
}
