package reports

import (
	"math"
	"slices"
	"strings"
)

// A picture larger than this is drawn in part, and says so: nobody reads more
// at a glance, and results may come from anywhere.
const (
	maxNodes = 120
	maxLinks = 24 // of one node
	maxLines = 12 // of text in one device
)

// box is a node in the picture.
type box struct {
	node  *PictureNode
	devs  []*device
	row   int     // 0 stands on the switch; others stand on devices of lower rows
	home  *device // the device, of another node, that the box stands over
	depth int     // levels of devices in the box

	x, y, w, h float64
	gutter     float64 // room for the name at the left, when cables leave upwards
	caption    []label
}

// device is a link in the picture: a chip in its node's box.
type device struct {
	link     *PictureLink
	box      *box
	lower    *device // what it sits on; nil when that is nothing or the switch
	onSwitch bool
	level    int       // height in its own box
	inner    []*device // devices of the same node that sit on it
	guests   []*box    // boxes that stand over it
	slots    []*slot   // columns kept free for cables that come from elsewhere
	lines    []label

	x, y, w, h float64 // the chip
	span       float64 // the columns taken by it and everything above it
}

// slot is a column through which one cable comes down that does not end
// straight below its device.
type slot struct {
	from *device
	x    float64
	lane int // which of the tracks under the device's row it takes sideways
}

// plan is a picture's structure before anything has a place.
type plan struct {
	boxes   []*box
	slots   []*slot // the cables that go down to the switch from upper rows
	all     []*slot
	bar     []string // the switch's settings
	hasBar  bool
	omitted int // nodes that are not drawn
}

// planPicture finds out what stands on what. Parents that do not exist and
// circles are cut, so that whatever comes in can be drawn.
func planPicture(p *Picture) *plan {
	l := &plan{bar: p.Switch, hasBar: p.Switch != nil}
	byName := map[string]*device{}
	for i := range p.Nodes {
		if i == maxNodes {
			l.omitted = len(p.Nodes) - maxNodes
			break
		}
		l.add(&p.Nodes[i], byName)
	}
	for _, b := range l.boxes {
		for _, d := range b.devs {
			d.onSwitch = d.link.Parent == "switch"
			d.lower = byName[d.link.Parent]
			l.hasBar = l.hasBar || d.onSwitch
		}
		b.cutCircles()
	}
	seen := map[*box]bool{}
	for _, b := range l.boxes {
		b.rank(seen)
	}
	for _, b := range l.boxes {
		l.hang(b)
	}
	return l
}

func (l *plan) add(n *PictureNode, byName map[string]*device) {
	b := &box{node: n}
	for i := range n.Links[:min(len(n.Links), maxLinks)] {
		d := &device{link: &n.Links[i], box: b}
		b.devs = append(b.devs, d)
		if name := n.Name + "/" + d.link.Name; byName[name] == nil {
			byName[name] = d
		}
	}
	l.boxes = append(l.boxes, b)
}

// cutCircles lets go of the lower device wherever devices of one node sit on
// each other in a circle.
func (b *box) cutCircles() {
	for _, d := range b.devs {
		at := d.lower
		for range b.devs {
			if at == nil || at.box != b {
				break
			}
			if at == d {
				d.lower = nil
				break
			}
			at = at.lower
		}
	}
}

// rank puts the box one row above everything that it stands on. A parent that
// itself stands on the box is let go. It returns false while b is being ranked.
func (b *box) rank(seen map[*box]bool) bool {
	if finished, begun := seen[b]; begun {
		return finished
	}
	seen[b] = false
	for _, d := range b.devs {
		if d.lower == nil || d.lower.box == b {
			continue
		}
		if !d.lower.box.rank(seen) {
			d.lower = nil
			continue
		}
		b.row = max(b.row, d.lower.box.row+1)
	}
	seen[b] = true
	return true
}

// hang enters the box and its devices where they belong: inside their node,
// over a device of another one, or by a cable of their own.
func (l *plan) hang(b *box) {
	for _, d := range b.devs {
		if d.lower != nil && d.lower.box == b {
			d.lower.inner = append(d.lower.inner, d)
		}
		for at := d; at.lower != nil && at.lower.box == b; at = at.lower {
			d.level++
		}
		b.depth = max(b.depth, d.level+1)
	}
	for _, d := range b.devs {
		switch {
		case d.lower == nil && d.onSwitch && b.row > 0:
			s := &slot{from: d}
			l.slots, l.all = append(l.slots, s), append(l.all, s)
		case d.lower == nil || d.lower.box == b || d.lower == b.home:
		case b.home == nil:
			b.home = d.lower
			d.lower.guests = append(d.lower.guests, b)
		default:
			s := &slot{from: d}
			d.lower.slots = append(d.lower.slots, s)
			l.all = append(l.all, s)
		}
	}
}

// roots lists the devices at the bottom of the box.
func (b *box) roots() []*device {
	return slices.DeleteFunc(slices.Clone(b.devs), func(d *device) bool { return d.level > 0 })
}

// carries reports whether cables leave the box upwards.
func (b *box) carries() bool {
	return slices.ContainsFunc(b.devs, func(d *device) bool { return len(d.guests)+len(d.slots) > 0 })
}

// label is a piece of text in the picture: what it says, and how large.
type label struct {
	text  string
	class string
	size  float64 // in pixels
	x, y  float64 // where its baseline begins
}

// glyph is how wide a column of fixed-width type may be, in parts of its size:
// the widest of the usual fonts has 0.602.
const glyph = 0.61

func (t label) width() float64 { return math.Ceil(float64(columns(t.text)) * t.size * glyph) }

// describe fills in what the chip says: name and kind, MAC, addresses.
func (d *device) describe() {
	add := func(text, class string, size float64) {
		d.lines = append(d.lines, label{text: clip(oneLine(text), 46), class: class, size: size})
	}
	add(clip(oneLine(d.link.Name), 24), "name", 13)
	add(strings.TrimSpace(d.link.Kind+" "+d.link.Detail), "kind", 11)
	if d.link.MAC != "" {
		add(d.link.MAC, "mac", 11)
	}
	for i, a := range d.link.Addresses {
		if i == maxLines {
			add("and more", "kind", 11)
			break
		}
		add(a, "addr", 11)
	}
	if d.lower == nil && d.link.Parent != "" && !d.onSwitch {
		add("on "+d.link.Parent, "kind", 11)
	}
}
