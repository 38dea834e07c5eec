package explore

import (
	"fmt"
	"slices"

	"go.yaml.in/yaml/v4"
)

// steps draws what changes as time goes on.
func (d *drawing) steps() *yaml.Node {
	all := lines()
	for i := range d.IntN(4) {
		var do []*yaml.Node
		for range 1 + d.IntN(2) {
			do = append(do, d.change()...)
		}
		if len(do) > 0 {
			all.Content = append(all.Content, mapping("name", fmt.Sprintf("step %d", i+1), "do", lines(do...), "checks", everything()))
		}
	}
	return all
}

// change draws one change, or none if what it came upon cannot be changed so.
func (d *drawing) change() []*yaml.Node {
	there := slices.DeleteFunc(slices.Clone(d.links), func(l *link) bool { return l.gone })
	l := there[d.IntN(len(there))]
	switch d.IntN(7) {
	case 0, 1:
		return d.upDown(l)
	case 2:
		return d.mode(l)
	case 3:
		return d.mac(l)
	case 4:
		return d.port(l)
	case 5:
		return d.remove(l)
	default:
		return d.more(l)
	}
}

func setLink(l *link, key string, value any) *yaml.Node {
	return inline(mapping("set", inline(mapping("link", l.ref, key, value))))
}

// upDown turns a device off, or on again. What stands on one that is down may go
// down with it and not come up alone, so it is left.
func (d *drawing) upDown(l *link) []*yaml.Node {
	for p := l.parent; p != nil; p = p.parent {
		if p.down {
			return nil
		}
	}
	l.down = !l.down
	return []*yaml.Node{setLink(l, "up", !l.down)}
}

// mode gives a child another mode, of an ipvlan its siblings as well.
func (d *drawing) mode(l *link) []*yaml.Node {
	switch {
	case l.kind == "ipvlan" && d.chance(2):
		return []*yaml.Node{setLink(l, "flag", pick(d, "bridge", "private", "vepa"))}
	case l.kind == "ipvlan":
		mode := pick(d, "l2", "l3", "l3s")
		for _, o := range d.links {
			if o.kind == "ipvlan" && o.parent == l.parent {
				o.mode = mode
			}
		}
		return []*yaml.Node{setLink(l, "mode", mode)}
	case l.kind != "macvlan" || l.mode == "passthru":
		return nil
	}
	l.mode = pick(d, "bridge", "private", "vepa", "source")
	do := []*yaml.Node{setLink(l, "mode", l.mode)}
	if refs := d.some(2); l.mode == "source" && len(refs) > 0 {
		do = append(do, setLink(l, "sources", list(refs...)))
	}
	return do
}

// mac gives a device another address.
func (d *drawing) mac(l *link) []*yaml.Node {
	if l.kind == "ipvlan" || l.kind == "vlan" {
		return nil
	}
	d.next++
	return []*yaml.Node{setLink(l, "mac", fmt.Sprintf("02:4c:50:00:00:%02x", d.next))}
}

// port changes the switch where a device is plugged in.
func (d *drawing) port(l *link) []*yaml.Node {
	if !l.wired {
		return nil
	}
	p := mapping("port", l.ref)
	if d.chance(3) {
		set(p, "carrier", d.chance(2))
	} else {
		d.setting(p)
	}
	if len(p.Content) <= 2 {
		return nil
	}
	return []*yaml.Node{inline(mapping("switch", inline(p)))}
}

// remove deletes a child that nothing stands on.
func (d *drawing) remove(l *link) []*yaml.Node {
	if l.kind != "macvlan" && l.kind != "ipvlan" && l.kind != "vlan" ||
		slices.ContainsFunc(d.links, func(c *link) bool { return c.parent == l && !c.gone }) {
		return nil
	}
	l.gone = true
	return []*yaml.Node{inline(mapping("delete", l.ref))}
}

// more changes what is particular to a kind of device.
func (d *drawing) more(l *link) []*yaml.Node {
	switch {
	case l.mode == "source" && d.chance(2):
		return []*yaml.Node{setLink(l, "nodst", d.chance(2))}
	case l.kind == "macvlan":
		return []*yaml.Node{setLink(l, "promisc", d.chance(2))}
	case l.kind == "ipvlan" && len(l.addresses) > 0:
		a := l.addresses[0]
		l.addresses = l.addresses[1:]
		return []*yaml.Node{inline(mapping("remove_address", inline(mapping("link", l.ref, "address", a))))}
	}
	d.next++
	a := fmt.Sprintf("10.0.0.%d/24", d.next)
	l.addresses = append(l.addresses, a)
	return []*yaml.Node{inline(mapping("address", inline(mapping("link", l.ref, "address", a))))}
}
