package explore

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// mostDevices bounds a LAN: what frames can meet is found in a small one, and the number
// of frames grows with the square.
const mostDevices = 10

// Name is what LAN number n of a seed is called.
func Name(seed, n uint64) string { return fmt.Sprintf("explore-%d-%d", seed, n) }

// Draw writes LAN number n of a seed: always the same text. Half of all LANs take
// nothing but veth, bridge and macvlan, so that a kernel without modules has work.
func Draw(seed, n uint64) ([]byte, error) {
	d := &drawing{Rand: rand.New(rand.NewPCG(seed, n)), next: 1}
	d.plain = d.chance(2)
	d.hosts, d.endpoints, d.stations = mapping(), mapping(), mapping()
	for i := range 1 + d.IntN(2)*d.IntN(2) {
		d.host(fmt.Sprintf("h%d", i+1))
	}
	for i := range 1 + d.IntN(2) {
		d.station(fmt.Sprintf("s%d", i+1))
	}
	d.fillSources()
	name := Name(seed, n)
	root := mapping("name", name, "title", fmt.Sprintf("LAN %d of seed %d", n, seed), "hosts", d.hosts)
	if len(d.endpoints.Content) > 0 {
		set(root, "endpoints", d.endpoints)
	}
	set(root, "stations", d.stations)
	if sw := d.wires(); len(sw.Content) > 0 {
		set(root, "switch", sw)
	}
	set(root, "checks", everything())
	if steps := d.steps(); len(steps.Content) > 0 {
		set(root, "steps", steps)
	}
	return text(root)
}

func everything() *yaml.Node { return lines(inline(mapping("oracle", "all"))) }

// drawing is a LAN that is being drawn.
type drawing struct {
	*rand.Rand
	plain                      bool
	next                       int // address
	hosts, endpoints, stations *yaml.Node
	links                      []*link
	vids                       []int
	tagging                    bool // the switch tells VLANs apart
}

// link is what later draws must know of a device.
type link struct {
	ref, kind, mode string
	parent          *link
	wired           bool // plugged into the switch
	port            bool // of a bridge
	node            *yaml.Node
	addresses       []string
	down, gone      bool
}

// chance is true once in n times.
func (d *drawing) chance(n int) bool { return d.IntN(n) == 0 }

// room is how many of n devices more there is room for.
func (d *drawing) room(n int) int { return max(min(n, mostDevices-len(d.links)), 0) }

func pick[T any](d *drawing, of ...T) T { return of[d.IntN(len(of))] }

// addresses gives a device up to one address of each family.
func (d *drawing) addresses(l *link, always bool) {
	d.next++
	if always || !d.chance(4) {
		l.addresses = append(l.addresses, fmt.Sprintf("10.0.0.%d/24", d.next))
	}
	if d.chance(2) {
		l.addresses = append(l.addresses, fmt.Sprintf("fd00::%x/64", d.next))
	}
	if len(l.addresses) > 0 {
		set(l.node, "addresses", list(l.addresses...))
	}
}

func (d *drawing) add(l *link) *link {
	d.links = append(d.links, l)
	return l
}

// host draws a machine with parents and what stands on them.
func (d *drawing) host(name string) {
	parents, links := mapping(), mapping()
	var bases []*link
	base := func(link_ *link, as string) {
		set(parents, as, inline(link_.node))
		bases = append(bases, d.add(link_))
	}
	wire := &link{ref: name + "/eth0", kind: "veth", wired: true, node: mapping()}
	d.addresses(wire, false)
	base(wire, "eth0")
	switch d.IntN(4) {
	case 0:
		d.bridge(name, base)
	case 1:
		if !d.plain {
			dummy := &link{ref: name + "/d0", kind: "dummy", node: mapping("kind", "dummy")}
			d.addresses(dummy, false)
			base(dummy, "d0")
		}
	}
	if !d.plain {
		d.vlans(name, slices.Clone(bases), base)
	}
	for _, b := range bases {
		if !b.port {
			d.children(name, b, links)
		}
	}
	h := mapping("parents", parents)
	if len(links.Content) > 0 {
		set(h, "links", links)
	}
	set(d.hosts, name, h)
}

// bridge draws a bridge with a wire of its own.
func (d *drawing) bridge(host string, base func(*link, string)) {
	base(&link{ref: host + "/eth1", kind: "veth", wired: true, port: true, node: mapping()}, "eth1")
	br := &link{ref: host + "/br0", kind: "bridge", node: mapping("kind", "bridge", "ports", list("eth1"))}
	d.addresses(br, false)
	base(br, "br0")
}

// vlans draws VLAN devices on parents, and on each other.
func (d *drawing) vlans(host string, on []*link, base func(*link, string)) {
	n := 0
	for _, p := range on {
		if p.port {
			continue
		}
		under := p
		for range d.room(d.IntN(3)) {
			n++
			name := fmt.Sprintf("v%d", n)
			v := d.vlan(host+"/"+name, under)
			base(v, name)
			if d.chance(2) {
				under = v
			} else {
				under = p
			}
		}
	}
}

// vlan draws one VLAN device; no two of one parent have one VID.
func (d *drawing) vlan(ref string, on *link) *link {
	taken := 0
	for _, l := range d.links {
		if l.kind == "vlan" && l.parent == on {
			taken++
		}
	}
	id := []int{10, 20, 30, 40}[(d.IntN(2)+2*taken)%4]
	if !slices.Contains(d.vids, id) {
		d.vids = append(d.vids, id)
	}
	v := &link{ref: ref, kind: "vlan", parent: on, node: mapping("kind", "vlan", "parent", on.ref, "id", id)}
	if d.chance(4) {
		set(v.node, "protocol", "802.1ad")
	}
	if d.chance(8) {
		set(v.node, "reorder_hdr", false)
	}
	d.addresses(v, false)
	return v
}

// children draws what stands on a parent: nothing, macvlans of several modes, one in
// mode passthru, or ipvlans.
func (d *drawing) children(host string, on *link, links *yaml.Node) {
	switch k := d.IntN(10); {
	case k < 2 || d.room(1) == 0:
	case k == 2:
		d.child(host, on, links, mapping("kind", "macvlan", "parent", on.ref, "mode", "passthru"), "macvlan", "passthru")
	case k < 7 || d.plain:
		for range d.room(1 + d.IntN(3)) {
			mode := pick(d, "bridge", "bridge", "private", "vepa", "source")
			m := mapping("kind", "macvlan", "parent", on.ref, "mode", mode)
			if d.chance(12) {
				set(m, "bc_queue_len", 0)
			}
			d.child(host, on, links, m, "macvlan", mode)
		}
	default:
		mode, flag := pick(d, "l2", "l2", "l3", "l3s"), pick(d, "bridge", "private", "vepa")
		for range d.room(1 + d.IntN(3)) {
			d.child(host, on, links, mapping("kind", "ipvlan", "parent", on.ref, "mode", mode, "flag", flag), "ipvlan", mode)
		}
	}
}

// child draws a child in an endpoint of its own or, now and then, on the host.
func (d *drawing) child(host string, on *link, links, node *yaml.Node, kind, mode string) {
	l := &link{kind: kind, mode: mode, parent: on, node: node}
	if d.chance(12) {
		set(node, "promisc", true)
	}
	d.addresses(l, kind == "ipvlan")
	if d.chance(6) {
		name := fmt.Sprintf("c%d", d.next)
		l.ref = host + "/" + name
		set(links, name, inline(node))
		d.add(l)
		return
	}
	name := fmt.Sprintf("e%d", len(d.endpoints.Content)/2+1)
	l.ref = name + "/eth0"
	own := mapping("eth0", inline(node))
	d.add(l)
	if kind == "macvlan" && !d.plain && d.chance(8) {
		v := d.add(d.vlan(name+"/v", l))
		set(own, "v", inline(v.node))
	}
	set(d.endpoints, name, mapping("links", own))
}

// station draws a machine on the LAN, with VLAN devices for VIDs that hosts use.
func (d *drawing) station(name string) {
	l := &link{ref: name + "/eth0", kind: "veth", wired: true, node: mapping()}
	d.addresses(l, true)
	d.add(l)
	if len(d.vids) > 0 && d.chance(2) {
		v := d.vlan(name+"/v", l)
		d.add(v)
		set(l.node, "links", mapping("v", inline(v.node)))
	}
	set(d.stations, name, l.node)
}

// fillSources gives each macvlan in mode source its list.
func (d *drawing) fillSources() {
	for _, l := range d.links {
		if l.mode != "source" {
			continue
		}
		if s := d.sources(l); len(s) > 0 {
			set(l.node, "sources", list(s...))
		}
		if d.chance(3) {
			set(l.node, "nodst", true)
		}
	}
}

// sources names some devices that are made before a child: stations, and what was
// drawn before it and is no child itself.
func (d *drawing) sources(of *link) (refs []string) {
	before := true
	for _, l := range d.links {
		before = before && l != of
		station := l.kind == "veth" && strings.HasPrefix(l.ref, "s")
		if (station || before && (l.kind == "veth" || l.kind == "bridge" || l.kind == "dummy")) && d.chance(2) {
			refs = append(refs, l.ref)
		}
	}
	return refs
}

// some names devices that are there, one in n of them.
func (d *drawing) some(n int) (refs []string) {
	for _, l := range d.links {
		if !l.gone && l.kind != "vlan" && l.kind != "ipvlan" && d.chance(n) {
			refs = append(refs, l.ref)
		}
	}
	return refs
}

// wires draws the switch.
func (d *drawing) wires() *yaml.Node {
	sw, ports := mapping(), mapping()
	if d.chance(3) {
		set(sw, "hairpin", true)
	}
	d.tagging = d.chance(5)
	for _, l := range d.links {
		if !l.wired {
			continue
		}
		p := mapping()
		if d.tagging && !d.chance(4) {
			if d.chance(2) {
				set(p, "access", pick(d, 10, 20))
			} else {
				set(p, "trunk", list(10, 20, 30))
			}
		}
		if d.chance(5) {
			d.setting(p)
		}
		if len(p.Content) > 0 {
			set(ports, l.ref, inline(p))
		}
	}
	if len(ports.Content) > 0 {
		set(sw, "ports", ports)
	}
	return sw
}

// setting draws how one port differs from a plain one.
func (d *drawing) setting(p *yaml.Node) {
	switch d.IntN(5) {
	case 0:
		set(p, "hairpin", d.chance(2))
	case 1:
		set(p, "learning", false)
	case 2:
		set(p, "flood", false)
	case 3:
		set(p, "isolated", true)
	case 4:
		if refs := d.some(2); len(refs) > 0 {
			set(p, "allow", list(refs...))
		}
	}
}
