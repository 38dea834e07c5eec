package topology

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
)

// builder brings a LAN from one state to the next: it checks, changes the
// state, and writes down the operations that do the same to a kernel.
type builder struct {
	lan      *LAN
	ops      []Op
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

func (b *builder) problem(format string, args ...any) { b.text(fmt.Sprintf(format, args...)) }

func (b *builder) text(text string) {
	if text != "" {
		b.problems = append(b.problems, Problem{Path: slices.Clone(b.path), Text: text})
	}
}

func (b *builder) oneOf(what, value string, allowed []string) { b.text(oneOf(what, value, allowed)) }

// failed reports whether anything at or below the present place is wrong.
func (b *builder) failed() bool {
	for _, p := range b.problems {
		if len(p.Path) >= len(b.path) && slices.Equal(p.Path[:len(b.path)], b.path) {
			return true
		}
	}
	return false
}

func (b *builder) op(o Op) { b.ops = append(b.ops, o) }

func (b *builder) docker() int {
	v, err := strconv.Atoi(b.lan.Docker)
	if err != nil {
		return 29
	}
	return v
}

func (b *builder) newDevice(r Ref, kind string) *Device {
	return &Device{Ref: r, Kind: kind, Index: b.lan.nextIndex()}
}

// make adds a device to the LAN, a veth's other end with it, and gives it its
// addresses.
func (b *builder) make(d, peer *Device) {
	both := []*Device{d}
	if peer != nil {
		both = append(both, peer)
	}
	for _, end := range both {
		if b.lan.Device(end.Ref) != nil {
			b.problem("there is already a device %s", end.Ref)
			return
		}
	}
	if d.Kind == KindIpvlan || d.Kind == KindMacvlan {
		b.inherit(d)
	}
	b.lan.Devices = append(b.lan.Devices, both...)
	// What was planned stays as it was planned, whatever changes later.
	snapshot := *d
	o := MakeLink{Device: &snapshot}
	if peer != nil {
		p := *peer
		o.Peer = &p
	}
	b.op(o)
	for _, a := range d.Addresses {
		b.op(AddAddress{Device: d, Prefix: a})
	}
}

// inherit models what the kernel gives a child by its parent: an ipvlan port
// has one mode and one set of flags, the newest child's (ipvlan_link_new).
func (b *builder) inherit(d *Device) {
	if d.Kind != KindIpvlan {
		return
	}
	for _, sibling := range b.lan.Devices {
		if sibling.Kind == KindIpvlan && sibling.Parent == d.Parent {
			sibling.Mode, sibling.Flag = d.Mode, d.Flag
		}
	}
}

// macOrDevice reads a MAC address, or NODE/LINK for a device's.
func (b *builder) macOrDevice(s, node string) []net.HardwareAddr {
	if m, err := net.ParseMAC(s); err == nil && len(m) == 6 {
		return []net.HardwareAddr{m}
	}
	d := b.lan.Device(ParseRef(s, node))
	if d == nil || len(d.MAC) == 0 {
		b.problem("%q is neither a MAC address nor a device with one of its own", s)
		return nil
	}
	return []net.HardwareAddr{d.MAC}
}

// addresses reads a device's addresses.
func (b *builder) addresses(d *Device, list []string) {
	for i, s := range list {
		b.in("addresses", func() {
			b.in(i, func() {
				p, problem := parsePrefix(s)
				if problem != "" {
					b.text(problem)
					return
				}
				if problem := b.badHostAddress(p); problem != "" {
					b.text(problem)
					return
				}
				b.unique(d, p.Addr())
				d.Addresses = append(d.Addresses, p)
			})
		})
	}
}

func (b *builder) badHostAddress(p netip.Prefix) string {
	pool := Pool{Subnet: p.Masked()}
	switch {
	case p.Addr().IsMulticast() || p.Addr().IsUnspecified():
		return fmt.Sprintf("%s is no address that a device can have", p)
	case p.Bits() < p.Addr().BitLen() && pool.reserved(p.Addr()):
		return fmt.Sprintf("no host of subnet %s may have address %s", p.Masked(), p.Addr())
	}
	return ""
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

// routes adds a node's routes.
func (b *builder) routes(node string, routes []Route) {
	for i, r := range routes {
		b.in("routes", func() { b.in(i, func() { b.route(node, r) }) })
	}
}

func (b *builder) route(node string, r Route) {
	var via netip.Addr
	if r.Via != "" {
		a, problem := parseAddr(r.Via)
		if problem != "" {
			b.in("via", func() { b.text(problem) })
			return
		}
		via = a
	}
	var dev *Device
	if r.Dev != "" {
		if dev = b.lan.Device(ParseRef(r.Dev, node)); dev == nil {
			b.in("dev", func() { b.problem("there is no device %s on %s", r.Dev, node) })
			return
		}
	}
	if !via.IsValid() && dev == nil {
		b.problem("a route needs via, dev, or both")
		return
	}
	to := anyPrefix(via)
	if r.To != "default" {
		p, err := netip.ParsePrefix(r.To)
		if err != nil || p != p.Masked() {
			b.in("to", func() { b.problem("%q is neither default nor a prefix without host bits", r.To) })
			return
		}
		to = p
	} else if !via.IsValid() {
		to = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	b.op(AddRoute{Node: node, Prefix: to, Via: via, Device: dev})
}
