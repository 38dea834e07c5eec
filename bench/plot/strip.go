package plot

import (
	"fmt"
	"html/template"
	"io"
	"math"
)

// Strip shows the samples of several systems on one axis, a row each: a dot a sample,
// from above to below in the order in which they were measured, so that drift is a slope;
// a stroke at the median and a bar for the bounds of it. Beside it the ratio of two.
type Strip struct {
	Title, Sub string
	X          Axis
	Rows       []Row
	// Ratio is drawn to the right of the rows, where there is one.
	Ratio *Ratio
	// Width is the image's, in pixels; 760 if zero.
	Width float64
}

// Row are the samples of one system.
type Row struct {
	Name    string
	Samples []float64
	// At is their median, between Low and High.
	At, Low, High float64
}

// Ratio is a figure as a multiple of another one.
type Ratio struct {
	// At is the ratio, between Low and High: 1.05 for 5 % more.
	At, Low, High float64
	// Limit is the difference that counts, as a part; it is drawn as a band around 1.
	Limit float64
	// Word is said beside it, in the colour of Tone.
	Word string
	Tone Tone
}

// WriteSVG writes the strip as an image that stands alone.
func (s Strip) WriteSVG(w io.Writer) error { return write(w, s.draw(true)) }

// HTML is the strip as an element for a page that has Style among its own.
func (s Strip) HTML() template.HTML { return template.HTML(s.draw(false).b.String()) }

// The strip's columns and rows.
const (
	nameWidth  = 150.0
	ratioWidth = 210.0
	rowHeight  = 44.0
)

func (s Strip) draw(alone bool) *drawing {
	width := orElse(s.Width, 760)
	top := 18.0
	if s.Title != "" {
		top += 14
	}
	if s.Sub != "" {
		top += 18
	}
	rows := float64(max(len(s.Rows), 1)) * rowHeight
	d := begin(width, top+rows+44, s.Title, alone)
	d.heading(s.Title, s.Sub, width)
	end := width - right
	if s.Ratio != nil {
		end -= ratioWidth
	}
	s.field(d, top, rows, end)
	if s.Ratio != nil {
		s.Ratio.draw(d, end+28, width-right, top, rows)
	}
	return d.end()
}

// field draws the rows.
func (s Strip) field(d *drawing, top, rows, end float64) {
	var all []float64
	for _, r := range s.Rows {
		all = append(all, r.Samples...)
		all = append(all, r.At)
	}
	x := newScale(s.X, all, nameWidth, end)
	for _, t := range x.ticks {
		at, _ := x.at(t)
		d.line("pl-g", at, top, at, top+rows)
		d.text("pl-m", at, top+rows+15, x.write(t))
	}
	d.line("pl-z", x.from, top+rows, x.to, top+rows)
	d.text("pl-m", (x.from+x.to)/2, top+rows+33, s.X.Label)
	for i, r := range s.Rows {
		d.row(i, r, x, top+float64(i)*rowHeight)
	}
}

func (d *drawing) row(i int, r Row, x scale, top float64) {
	d.printf(`<g class="pl-c%d">`, i%6)
	d.text("pl-n pl-e", nameWidth-12, top+rowHeight/2+4, fit(r.Name, nameWidth-20, 6.6))
	at, ok := x.at(r.At)
	if ok {
		low, high := x.clamped(r.Low), x.clamped(r.High)
		d.rect("pl-r", low, top+6, high-low, rowHeight-12)
	}
	var dots [][2]float64
	for k, v := range r.Samples {
		if px, ok := x.at(v); ok {
			dots = append(dots, [2]float64{px, top + 9 + (rowHeight-18)*place(k, len(r.Samples))})
		}
	}
	d.dots(i, dots)
	if ok {
		d.line("pl-t", at, top+5, at, top+rowHeight-5)
	}
	d.printf("</g>")
}

// place is where the k-th of n stands between 0 and 1.
func place(k, n int) float64 {
	if n < 2 {
		return 0.5
	}
	return float64(k) / float64(n-1)
}

// draw draws the ratio between two places.
func (r *Ratio) draw(d *drawing, from, to, top, rows float64) {
	far := 1.5 * r.Limit
	for _, v := range []float64{r.At, r.Low, r.High} {
		if v > 0 && !math.IsInf(v, 0) {
			far = max(far, math.Abs(math.Log(v)))
		}
	}
	far = orElse(far*1.08, 0.05)
	axis := Axis{Log: true, Ticks: ticksOf(far, r.Limit), Format: func(v float64) string { return change(v - 1) }}
	x := scale{axis: axis, lo: -far / math.Ln10, hi: far / math.Ln10, from: from, to: to, ticks: axis.Ticks}
	d.ratioAxis(x, r.Limit, top, rows, "B against A")
	middle := top + rows/2
	d.printf(`<g class="pl-%s">`, tone(r.Tone))
	if at, ok := x.at(r.At); ok {
		d.line("pl-t", x.clamped(r.Low), middle, x.clamped(r.High), middle)
		d.dot(0, at, middle, 5.5)
	}
	d.text("pl-v pl-w pl-m", (from+to)/2, top+14, r.Word)
	d.printf("</g>")
}

// ticksOf are the ratio's numbers: none, and a round difference to either side.
func ticksOf(far, limit float64) []float64 {
	reach := math.Expm1(far)
	step := limit
	for _, s := range []float64{0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 4, 9, 99} {
		if s <= reach*0.95 {
			step = s
		}
	}
	return []float64{1 / (1 + step), 1, 1 + step}
}

// change writes a part as a change.
func change(part float64) string {
	if math.Abs(part) < 1e-9 {
		return "±0"
	}
	if part >= 1 {
		return "×" + short(part+1)
	}
	return fmt.Sprintf("%+.3g %%", math.Round(1000*part)/10)
}
