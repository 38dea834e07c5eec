package reports

import (
	"bytes"
	_ "embed"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

//go:embed svg.css
var svgStyle string

// WriteSVG draws a topology as an SVG image that stands alone: it loads
// nothing, and follows the viewer's choice of light or dark. The same picture
// always gives the same bytes. A nil picture is drawn empty.
func WriteSVG(w io.Writer, p *Picture) error {
	var b bytes.Buffer
	drawSVG(&b, p, true)
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write svg: %w", err)
	}
	return nil
}

// drawSVG draws the picture; alone it brings its style along, in a page the
// page has it once for all pictures.
func drawSVG(b *bytes.Buffer, p *Picture, alone bool) {
	if p == nil {
		p = &Picture{}
	}
	d := layout(p)
	attributes := ` class="lp"`
	switch {
	case alone:
		attributes += ` xmlns="http://www.w3.org/2000/svg"`
	case d.w <= 1500:
		attributes = ` class="lp fit"` // a page may scale it down and it is readable still
	}
	fmt.Fprintf(b, `<svg%s role="img" width="%s" height="%s" viewBox="0 0 %s %s"><title>`,
		attributes, px(d.w), px(d.h), px(d.w), px(d.h))
	escape(b, p.sentence())
	b.WriteString("</title>")
	if alone {
		fmt.Fprintf(b, `<style>%s</style><rect class="lp-bg" width="%s" height="%s" rx="8"/>`, svgStyle, px(d.w), px(d.h))
	}
	for _, v := range d.boxes {
		rect(b, "lp-box lp-"+classOf(v.node.Role), v.x, v.y, v.w, v.h)
	}
	for _, c := range d.cables {
		d.drawCable(b, c)
	}
	for _, v := range d.boxes {
		drawBox(b, v)
	}
	if d.bar != nil {
		drawBar(b, d.bar)
	}
	for _, t := range d.notes {
		drawLabel(b, t)
	}
	b.WriteString("</svg>")
}

func drawBox(b *bytes.Buffer, v *box) {
	for _, t := range v.caption {
		drawLabel(b, t)
	}
	inside := ""
	if classOf(v.node.Role) == "endpoint" {
		inside = " lp-in"
	}
	for _, d := range v.devs {
		fmt.Fprintf(b, `<g class="lp-k-%s">`, classOf(d.link.Kind))
		rect(b, "lp-chip"+inside, d.x, d.y, d.w, d.h)
		rect(b, "lp-tab", d.x, d.y+5, 3, d.h-10)
		for _, t := range d.lines {
			drawLabel(b, t)
		}
		b.WriteString("</g>")
	}
}

// drawCable draws a cable with round corners and a dot where it begins.
func (d *drawing) drawCable(b *bytes.Buffer, c cable) {
	points := straight(c.points)
	fmt.Fprintf(b, `<g class="lp-k-%s"><path class="lp-cable" d="M%s %s`, classOf(c.kind), px(points[0][0]), px(points[0][1]))
	pen := points[0]
	for i := 1; i < len(points)-1; i++ {
		from, at, to := points[i-1], points[i], points[i+1]
		r := min(8, distance(from, at)/2, distance(at, to)/2)
		in, out := toward(at, from, r), toward(at, to, r)
		line(b, pen, in)
		fmt.Fprintf(b, "Q%s %s %s %s", px(at[0]), px(at[1]), px(out[0]), px(out[1]))
		pen = out
	}
	line(b, pen, points[len(points)-1])
	fmt.Fprintf(b, `"/><circle class="lp-dot" cx="%s" cy="%s" r="3.5"/></g>`, px(points[0][0]), px(points[0][1]))
}

// line draws on to a point, in the shortest words.
func line(b *bytes.Buffer, from, to [2]float64) {
	x, y := px(to[0]), px(to[1])
	switch {
	case px(from[0]) == x:
		b.WriteString("V" + y)
	case px(from[1]) == y:
		b.WriteString("H" + x)
	default:
		b.WriteString("L" + x + " " + y)
	}
}

func drawBar(b *bytes.Buffer, s *bar) {
	b.WriteString("<g>")
	rect(b, "lp-bar", s.x, s.y, s.w, s.h)
	for _, x := range s.ports {
		rect(b, "lp-port", x-7, s.y-4, 14, 8)
	}
	for _, t := range s.lines {
		drawLabel(b, t)
	}
	b.WriteString("</g>")
}

func drawLabel(b *bytes.Buffer, t label) {
	if t.text == "" {
		return
	}
	fmt.Fprintf(b, `<text class="lp-%s" x="%s" y="%s">`, t.class, px(t.x), px(t.y))
	escape(b, t.text)
	b.WriteString("</text>")
}

func rect(b *bytes.Buffer, class string, x, y, w, h float64) {
	fmt.Fprintf(b, `<rect class="%s" x="%s" y="%s" width="%s" height="%s"/>`, class, px(x), px(y), px(w), px(h))
}

// escape writes text into XML or HTML.
func escape(b *bytes.Buffer, s string) {
	// It fails only where the buffer does, which is never.
	_ = xml.EscapeText(b, []byte(oneLine(s)))
}

// px writes a length with one decimal at most.
func px(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }

// classOf makes a class name of a role or kind; what is unknown has none.
func classOf(s string) string {
	switch s {
	case "host", "endpoint", "station", "router",
		"veth", "dummy", "bridge", "vlan", "macvlan", "ipvlan", "nic":
		return s
	}
	return "other"
}

// straight leaves out the points that a line does not turn at.
func straight(points [][2]float64) [][2]float64 {
	kept := points[:1:1]
	for i := 1; i < len(points); i++ {
		if distance(kept[len(kept)-1], points[i]) < 0.5 {
			continue
		}
		if n := len(kept); n > 1 && aligned(kept[n-2], kept[n-1], points[i]) {
			kept[n-1] = points[i]
			continue
		}
		kept = append(kept, points[i])
	}
	return kept
}

func aligned(a, b, c [2]float64) bool {
	return math.Abs(a[0]-b[0]) < 0.5 && math.Abs(b[0]-c[0]) < 0.5 || math.Abs(a[1]-b[1]) < 0.5 && math.Abs(b[1]-c[1]) < 0.5
}

func distance(a, b [2]float64) float64 { return math.Hypot(a[0]-b[0], a[1]-b[1]) }

// toward is the point that lies r away from a in the direction of b.
func toward(a, b [2]float64, r float64) [2]float64 {
	d := distance(a, b)
	if d == 0 {
		return a
	}
	return [2]float64{a[0] + (b[0]-a[0])*r/d, a[1] + (b[1]-a[1])*r/d}
}

// sentence describes the picture to those who cannot see it.
func (p *Picture) sentence() string {
	var parts []string
	for _, n := range p.Nodes[:min(len(p.Nodes), maxNodes)] {
		s := strings.TrimSpace(clip(n.Role, 40) + " " + clip(n.Name, 40))
		for i, l := range n.Links[:min(len(n.Links), maxLinks)] {
			word := ", "
			if i == 0 {
				word = " with "
			}
			s += word + clip(l.Name, 40)
			if l.Parent != "" {
				s += " on " + clip(l.Parent, 80)
			}
		}
		parts = append(parts, s)
	}
	if len(parts) == 0 {
		return "An empty topology"
	}
	return "Topology: " + strings.Join(parts, "; ")
}
