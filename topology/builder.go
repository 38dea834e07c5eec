package topology

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// builder brings a LAN from one state to the next: it checks, changes the
// state, and writes down the operations that do the same to a kernel.
type builder struct {
	lan      *LAN
	ops      []Op
	deeds    []Deed
	problems []Problem
	path     []any
}

// in runs f with one more step on the path that problems are placed at.
func (b *builder) in(step any, f func()) {
	defer b.enter(step)()
	f()
}

func (b *builder) enter(step any) (leave func()) {
	b.path = append(b.path, step)
	return func() { b.path = b.path[:len(b.path)-1] }
}

// at runs f at another place.
func (b *builder) at(path []any, f func()) {
	was := b.path
	b.path = slices.Clone(path)
	f()
	b.path = was
}

func (b *builder) problem(format string, args ...any) { b.text(fmt.Sprintf(format, args...)) }

// kernel notes a problem that a kernel can be asked about.
func (b *builder) kernel(format string, args ...any) {
	b.add(Problem{Text: fmt.Sprintf(format, args...), Kernel: true})
}

func (b *builder) text(text string) {
	if text != "" {
		b.add(Problem{Text: text})
	}
}

// add notes a problem at the present place, once: a circle, for one, is met
// from several sides.
func (b *builder) add(p Problem) {
	told := slices.ContainsFunc(b.problems, func(o Problem) bool { return o.Text == p.Text && slices.Equal(o.Path, b.path) })
	if !told {
		p.Path = slices.Clone(b.path)
		b.problems = append(b.problems, p)
	}
}

func (b *builder) oneOf(what, value string, allowed []string) { b.text(oneOf(what, value, allowed)) }

// failed reports whether anything at or below the present place is wrong, so
// that it cannot even be put to a kernel.
func (b *builder) failed() bool {
	for _, p := range b.problems {
		if !p.Kernel && len(p.Path) >= len(b.path) && slices.Equal(p.Path[:len(b.path)], b.path) {
			return true
		}
	}
	return false
}

func (b *builder) op(o Op) { b.ops = append(b.ops, o) }

// docker is the version of Docker whose rules hold.
func (b *builder) docker() Docker {
	d, err := ParseDocker(b.lan.Docker)
	if err != nil {
		return newestDocker
	}
	return d
}

// node reports whether there is a machine of that name; the switch is none.
func (b *builder) node(name string) bool {
	_, ok := b.lan.Node(name)
	return ok && name != SwitchNode
}

// device finds a device that is referred to; the switch's own are not for that.
func (b *builder) device(s, node string) *Device {
	r := ParseRef(s, node)
	if r.Node == SwitchNode {
		return nil
	}
	return b.lan.Device(r)
}

func (b *builder) newDevice(r Ref, kind string) *Device {
	return &Device{Ref: r, Kind: kind, Index: b.lan.nextIndex()}
}

// standIn takes the place of a device that has problems of its own, so that
// what refers to it is not blamed for them.
func (b *builder) standIn(r Ref) {
	if b.lan.Device(r) == nil {
		d := b.newDevice(r, "")
		d.MAC, d.Up, d.broken = b.lan.MACOf(r), true, true
		b.lan.addDevice(d)
	}
}

// make adds a device to the LAN, a veth's other end with it, and gives it its
// addresses.
func (b *builder) make(d, peer *Device) {
	for _, end := range []*Device{d, peer} {
		if end != nil && b.lan.Device(end.Ref) != nil {
			b.kernel("there is already a device %s", end.Ref)
		}
	}
	parent := b.lan.lower(d)
	if parent != nil && !d.OwnMAC {
		d.MAC = slices.Clone(parent.MAC)
	}
	if parent != nil && d.Kind == KindVLAN && d.Up && !parent.Up && !d.loose() {
		// net/8021q/vlan_dev.c:vlan_dev_open
		b.kernel("vlan %s cannot come up: its parent %s is down", d.Ref, parent.Ref)
	}
	// What was planned stays as it was planned, whatever changes later.
	o := MakeLink{Device: d.clone()}
	b.lan.addDevice(d)
	if peer != nil {
		o.Peer = peer.clone()
		b.lan.addDevice(peer)
	}
	b.op(o)
	if parent != nil {
		d.Parent = parent.Ref
	}
	b.lan.shareMode(d, true)
	for _, a := range d.Addresses {
		b.op(AddAddress{Device: d.clone(), Prefix: a})
	}
}

// macs reads MAC addresses, or NODE/LINK for a device's.
func (b *builder) macs(list []string, node string) []net.HardwareAddr {
	var macs []net.HardwareAddr
	for i, s := range list {
		b.in(i, func() {
			if m, problem := parseMAC(s); problem == "" {
				macs = append(macs, m)
				return
			}
			d := b.device(s, node)
			switch {
			case d == nil:
				b.problem("%q is neither a MAC address nor a device that is there at this time, as in lan/eth0", s)
			case d.MAC == nil:
				b.problem("the MAC address of %s is not known beforehand: write it down", d.Ref)
			default:
				macs = append(macs, slices.Clone(d.MAC))
			}
		})
	}
	return macs
}

// mac reads the address that a device is to have.
func (b *builder) mac(s string) net.HardwareAddr {
	defer b.enter("mac")()
	m, problem := parseMAC(s)
	b.text(problem)
	if problem == "" && !unicast(m) {
		// net/core/dev.c and the drivers: is_valid_ether_addr
		b.kernel("%s is no address that a device can have", m)
	}
	return m
}

// addresses reads a device's addresses.
func (b *builder) addresses(d *Device, list []string) {
	defer b.enter("addresses")()
	for i, s := range list {
		b.in(i, func() {
			p, ok := b.address(s)
			if !ok {
				return
			}
			b.unique(d, p.Addr())
			d.Addresses = append(d.Addresses, p)
		})
	}
}

// address reads an address that a device is to have.
func (b *builder) address(s string) (netip.Prefix, bool) {
	p, problem := parsePrefix(s)
	pool := Pool{Subnet: p.Masked()}
	switch {
	case problem != "":
		b.text(problem)
	case p.Addr().IsMulticast() || p.Addr().IsUnspecified():
		b.problem("%s is no address that a device can have", p)
	case pool.reserved(p.Addr()) && p.Bits() < p.Addr().BitLen()-1:
		b.problem("no host of subnet %s may have address %s", p.Masked(), p.Addr())
	default:
		return p, true
	}
	return p, false
}

// unique refuses an address that another device of the same node has.
func (b *builder) unique(d *Device, a netip.Addr) {
	for _, other := range append(b.lan.DevicesOf(d.Node), d) {
		for _, have := range other.Addresses {
			if have.Addr() == a {
				b.problem("address %s is given out twice on %s", a, d.Node)
				return
			}
		}
	}
}
