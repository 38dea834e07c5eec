package plot

import (
	"html/template"
	"io"
	"math"
)

// Ratios shows many figures as multiples of others on one axis, a row each: what differs
// is seen at a glance. Ratios beyond a factor of 4 end at the edge.
type Ratios struct {
	Title, Sub string
	// Axis tells what is held against what.
	Axis string
	Rows []RatioRow
	// Limit is the difference that counts, as a part; it is drawn as a band around 1.
	Limit float64
	// Width is the image's, in pixels; 760 if zero.
	Width float64
}

// RatioRow is one figure's ratio, under its name.
type RatioRow struct {
	Name string
	Ratio
}

// WriteSVG writes the ratios as an image that stands alone.
func (r Ratios) WriteSVG(w io.Writer) error { return write(w, r.draw(true)) }

// HTML is the ratios as an element for a page that has Style among its own.
func (r Ratios) HTML() template.HTML { return template.HTML(r.draw(false).b.String()) }

// farthest is the logarithm of the ratio at the edge, at most.
const farthest = 1.3863 // a factor of 4

func (r Ratios) draw(alone bool) *drawing {
	const line = 19.0
	width := orElse(r.Width, 760)
	top := 18.0
	if r.Title != "" {
		top += 14
	}
	if r.Sub != "" {
		top += 18
	}
	rows := line * float64(max(len(r.Rows), 1))
	d := begin(width, top+rows+44, r.Title, alone)
	d.heading(r.Title, r.Sub, width)
	names := min(width*0.5, 340)
	x := r.scale(names+8, width-90)
	d.ratioAxis(x, r.Limit, top, rows, r.Axis)
	for i, row := range r.Rows {
		y := top + line*(float64(i)+0.5)
		d.printf(`<g class="pl-%s">`, tone(row.Tone))
		d.text("pl-n pl-e", names, y+4, fit(row.Name, names-16, 6.4))
		if at, ok := x.at(row.At); ok && row.At > 0 {
			d.line("pl-t", x.clamped(row.Low), y, x.clamped(row.High), y)
			d.dot(shape(row.Tone), min(max(at, x.from), x.to), y, 4)
			d.text("pl-v", width-82, y+4, change(row.At-1))
		} else {
			d.text("pl-v", width-82, y+4, "?")
		}
		d.printf("</g>")
	}
	return d.end()
}

// shape tells tones apart without colours.
func shape(t Tone) int {
	switch t {
	case Worse:
		return 1
	case Good:
		return 2
	case Open:
		return 3
	}
	return 0
}

// scale is the axis of ratios, as far as they reach.
func (r Ratios) scale(from, to float64) scale {
	far := 2 * r.Limit
	for _, row := range r.Rows {
		for _, v := range []float64{row.At, row.Low, row.High} {
			if v > 0 && !math.IsInf(v, 0) {
				far = max(far, math.Abs(math.Log(v)))
			}
		}
	}
	far = min(orElse(far*1.08, 0.05), farthest)
	axis := Axis{Log: true, Format: func(v float64) string { return change(v - 1) }}
	for _, side := range ticksOf(far, r.Limit) {
		axis.Ticks = append(axis.Ticks, side)
		if half := math.Sqrt(side); side != 1 && far > 0.2 {
			axis.Ticks = append(axis.Ticks, math.Round(half*100)/100)
		}
	}
	return scale{axis: axis, lo: -far / math.Ln10, hi: far / math.Ln10, from: from, to: to, ticks: axis.Ticks}
}

// ratioAxis draws what ratios stand on, over the height of their rows: the band of what
// does not count, upright lines with their numbers, and what is held against what.
func (d *drawing) ratioAxis(x scale, limit, top, rows float64, title string) {
	d.rect("pl-band", x.clamped(1/(1+limit)), top, x.clamped(1+limit)-x.clamped(1/(1+limit)), rows)
	for _, t := range x.ticks {
		at, _ := x.at(t)
		d.line("pl-g", at, top, at, top+rows)
		d.text("pl-m", at, top+rows+15, x.write(t))
	}
	one, _ := x.at(1)
	d.line("pl-z", one, top, one, top+rows)
	d.text("pl-m", (x.from+x.to)/2, top+rows+33, title)
}
