package reports

import "strings"

// The distances of the picture, in pixels.
const (
	margin    = 14.0
	boxPad    = 12.0
	boxHead   = 24.0 // room for a name above the devices
	busPad    = 26.0 // room above the devices for cables that leave upwards
	chipPad   = 11.0
	chipGap   = 14.0
	lineStep  = 16.0
	levelGap  = 28.0
	rowGap    = 30.0
	laneGap   = 10.0
	slotWidth = 12.0
	barPad    = 12.0
	leastWide = 380.0
	boxGap    = 18.0
)

// drawing is a picture in which everything has its place.
type drawing struct {
	w, h   float64
	boxes  []*box
	cables []cable
	bar    *bar
	notes  []label
}

// cable is a line of straight pieces from a device down to what it sits on.
type cable struct {
	points [][2]float64
	kind   string
}

// bar is the switch.
type bar struct {
	x, y, w, h float64
	lines      []label
	ports      []float64
}

// layout gives everything in the picture a place. Each device owns the columns
// of all that stands over it, as in a drawing of a tree, so that cables cross
// neither text nor boxes, and each other only where a node hangs on two parents.
func layout(p *Picture) *drawing {
	l := planPicture(p)
	d := &drawing{boxes: l.boxes}
	for _, b := range l.boxes {
		b.measure()
	}
	x := margin
	for _, b := range l.boxes {
		if b.row == 0 {
			b.spread(x)
			x += b.w + boxGap
		}
	}
	for _, s := range l.slots {
		s.x = x + slotWidth/2
		x += slotWidth
	}
	d.w = max(x-boxGap+margin, leastWide)
	l.stack(d)
	l.wire(d)
	if l.omitted > 0 {
		d.notes = append(d.notes, label{
			text:  "and " + plural(l.omitted, "node") + " more",
			class: "kind", size: 11, x: margin, y: d.h + 4,
		})
		d.h += lineStep
	}
	return d
}

// measure finds how wide the box is, with all that stands over it. It is called
// for guests before their hosts need it, and does its work once.
func (b *box) measure() {
	if b.w > 0 {
		return
	}
	name := label{text: clip(oneLine(b.node.Name), 28), class: "node", size: 13}
	role := label{text: clip(oneLine(b.node.Role), 16), class: "role", size: 10}
	if role.text == name.text {
		role.text = "" // a host called host need not say it twice
	}
	b.caption = []label{name, role}
	inside := 0.0
	for i, d := range b.roots() {
		d.measure()
		if i > 0 {
			inside += chipGap
		}
		inside += d.span
	}
	if b.carries() {
		b.gutter = max(name.width(), role.width()) + 14
		b.w = inside + b.gutter + 2*boxPad
		return
	}
	b.w = max(inside, name.width()+8+role.width()) + 2*boxPad
}

func (d *device) measure() {
	if d.span > 0 {
		return
	}
	d.describe()
	first := d.lines[0].width() + 8 + d.lines[1].width()
	d.w = first
	for _, t := range d.lines[2:] {
		d.w = max(d.w, t.width())
	}
	d.w += 2 * chipPad
	d.h = float64(len(d.lines)-1)*lineStep + 12
	d.span = max(d.w, d.above())
}

// above is how wide everything is that stands over the device.
func (d *device) above() float64 {
	sum, n := float64(len(d.slots))*slotWidth, len(d.slots)
	for _, u := range d.inner {
		u.measure()
		sum += u.span
		n++
	}
	for _, g := range d.guests {
		g.measure()
		sum += g.w
		n++
	}
	return sum + chipGap*float64(max(n-1, 0))
}

// spread gives the box its column, and those over it theirs.
func (b *box) spread(x float64) {
	b.x = x
	inside := -chipGap
	for _, d := range b.roots() {
		inside += d.span + chipGap
	}
	at := x + boxPad + b.gutter + max((b.w-2*boxPad-b.gutter-inside)/2, 0)
	for _, d := range b.roots() {
		d.spread(at)
		at += d.span + chipGap
	}
}

func (d *device) spread(x float64) {
	d.x = x + (d.span-d.w)/2
	at := x + (d.span-d.above())/2
	for _, u := range d.inner {
		u.spread(at)
		at += u.span + chipGap
	}
	for _, g := range d.guests {
		g.spread(at)
		at += g.w + chipGap
	}
	for _, s := range d.slots {
		s.x = at + slotWidth/2
		at += slotWidth + chipGap
	}
}

// row is one storey of the picture.
type row struct {
	levels []float64 // the height of the devices in each level, from below
	carry  bool      // cables leave one of its boxes upwards
	head   bool      // one of its boxes has its name on top
	lanes  int       // tracks for far cables below it
	bottom float64
}

func (r *row) height() float64 {
	h := boxPad
	for i, l := range r.levels {
		if i > 0 {
			h += levelGap
		}
		h += l
	}
	return h + r.top()
}

// top is the room above the highest devices.
func (r *row) top() float64 {
	if r.head {
		return max(boxHead+4, busPad)
	}
	return busPad
}

// base is where the devices of a level stand.
func (r *row) base(level int) float64 {
	y := r.bottom - boxPad
	for _, h := range r.levels[:level] {
		y -= h + levelGap
	}
	return y
}

// stack gives everything its height, from the highest row down to the switch.
func (l *plan) stack(d *drawing) {
	rows := l.rows()
	y := margin
	for i := len(rows) - 1; i >= 0; i-- {
		y += rows[i].height()
		rows[i].bottom = y
		if i > 0 {
			y += rowGap + laneGap*float64(rows[i].lanes)
		}
	}
	for _, b := range l.boxes {
		b.settle(rows[b.row])
	}
	if l.hasBar {
		y += rowGap
		d.bar = newBar(l.bar, margin, y, d.w-2*margin)
		y += d.bar.h
	}
	d.h = y + margin
}

// rows gathers what the boxes of each row need, and hands out the lanes.
func (l *plan) rows() []*row {
	var rows []*row
	for _, b := range l.boxes {
		for len(rows) <= b.row {
			rows = append(rows, &row{})
		}
		r := rows[b.row]
		r.carry = r.carry || b.carries()
		r.head = r.head || !b.carries()
		for len(r.levels) < b.depth {
			r.levels = append(r.levels, 0)
		}
		for _, d := range b.devs {
			r.levels[d.level] = max(r.levels[d.level], d.h)
		}
	}
	for _, s := range l.all {
		r := rows[s.from.box.row]
		r.lanes++
		s.lane = r.lanes
	}
	return rows
}

// settle places the box and its devices in their row. All devices of a level
// are equally high, which is calmer to look at.
func (b *box) settle(r *row) {
	top := r.bottom - boxPad
	for _, d := range b.devs {
		d.h = r.levels[d.level]
		d.y = r.base(d.level) - d.h
		top = min(top, d.y)
		d.place()
	}
	name, role := &b.caption[0], &b.caption[1]
	name.x, role.x = b.x+boxPad, b.x+boxPad
	if b.carries() {
		b.y = top - busPad
		b.h = r.bottom - b.y
		name.y = b.y + b.h/2 + 4
		role.y = name.y + 14
		return
	}
	b.y = top - boxHead - 4
	b.h = r.bottom - b.y
	name.y = b.y + 19
	role.y, role.x = name.y, name.x+name.width()+8
}

// place puts the device's lines into its chip.
func (d *device) place() {
	y := d.y + 18
	d.lines[0].x, d.lines[0].y = d.x+chipPad, y
	d.lines[1].x, d.lines[1].y = d.x+d.w-chipPad-d.lines[1].width(), y
	for i := range d.lines[2:] {
		y += lineStep
		d.lines[i+2].x, d.lines[i+2].y = d.x+chipPad, y
	}
}

// wire draws the cables.
func (l *plan) wire(d *drawing) {
	far := map[*device]*slot{}
	for _, s := range l.all {
		far[s.from] = s
	}
	for _, b := range l.boxes {
		for _, v := range b.devs {
			if points := v.path(far[v], d.bar); points != nil {
				d.cables = append(d.cables, cable{points, v.link.Kind})
				if d.bar != nil && v.onSwitch {
					d.bar.ports = append(d.bar.ports, points[len(points)-1][0])
				}
			}
		}
	}
}

// path is the way from under the device down to what it sits on.
func (d *device) path(s *slot, sw *bar) [][2]float64 {
	x, y := d.x+d.w/2, d.y+d.h
	points := [][2]float64{{x, y}}
	if s != nil {
		lane := d.box.y + d.box.h + rowGap/2 + laneGap*float64(s.lane) - laneGap/2
		points = append(points, [2]float64{x, lane}, [2]float64{s.x, lane})
		x = s.x
	}
	switch {
	case d.lower != nil:
		to := d.lower.x + d.lower.w/2
		bus := d.lower.y - levelGap/2
		return append(points, [2]float64{x, bus}, [2]float64{to, bus}, [2]float64{to, d.lower.y})
	case d.onSwitch && sw != nil:
		return append(points, [2]float64{x, sw.y})
	}
	return nil
}

// newBar lays out the switch: its name, then its settings, wrapped.
func newBar(settings []string, x, y, w float64) *bar {
	b := &bar{x: x, y: y, w: w}
	name := label{text: "switch", class: "node", size: 13, x: x + barPad, y: y + 22}
	b.lines = append(b.lines, name)
	left := name.x + name.width() + 14
	room := int((x + w - barPad - left) / (11.5 * glyph))
	for i, line := range wrap(settings, room) {
		b.lines = append(b.lines, label{text: line, class: "set", size: 11.5, x: left, y: y + 22 + float64(i)*lineStep})
	}
	b.h = 34 + float64(max(len(b.lines)-2, 0))*lineStep
	return b
}

// wrap sets sentences one after the other into lines of so many columns.
func wrap(sentences []string, room int) []string {
	var lines []string
	line := ""
	for i, s := range sentences {
		if i == maxLines*4 {
			s = "and " + plural(len(sentences)-i, "setting") + " more"
		}
		for j, word := range strings.Fields(clip(oneLine(s), 400)) {
			join := " "
			if j == 0 {
				join = "  ·  "
			}
			word = clipColumns(word, room)
			switch {
			case line == "":
				line = word
			case columns(line+join+word) <= room:
				line += join + word
			default:
				lines, line = append(lines, line), word
			}
		}
		if i == maxLines*4 {
			break
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
