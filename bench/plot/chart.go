// Package plot draws figures as SVG images that follow the viewer's choice of light or
// dark and load nothing: a Chart of lines and dots over two axes, and a Strip of the
// samples of several systems with the ratio of two. An image may stand alone or in a page
// that has Style in its own. The same content always gives the same bytes.
//
// gonum.org/v1/plot would add 7.7 MB to the program and 5 ms to each start of it, and has
// its colours in each element, so that no page could be dark.
package plot

import (
	"fmt"
	"html/template"
	"io"
	"math"
)

// Chart is lines and dots over two axes: growth over a number of children, or figures
// over time with marks where they changed.
type Chart struct {
	// Title stands above the chart, and Sub below it in smaller letters.
	Title, Sub string
	X, Y       Axis
	// Series have colours and shapes of their own, in their order.
	Series []Series
	// Marks are upright lines with a word.
	Marks []Mark
	// Width and Height are the image's, in pixels; 760 and 320 if zero.
	Width, Height float64
}

// Axis is how values become places.
type Axis struct {
	// Label tells what is counted, with the unit.
	Label string
	// Log makes equal ratios equally long; values of zero and below are then left out.
	Log bool
	// Zero has the axis begin at zero, which is for figures whose size is compared by eye.
	Zero bool
	// Ticks are where the axis has its numbers; chosen if nil. They belong to the range.
	Ticks []float64
	// Format writes a tick; a short number if nil.
	Format func(float64) string
}

// Series is what is shown in one colour.
type Series struct {
	Name   string
	Points []Point
	// Line joins the points in their order.
	Line bool
}

// Point is one value.
type Point struct {
	X, Y float64
	// Low and High are drawn as an upright bar where they differ.
	Low, High float64
	// Samples are drawn as small dots at the same X.
	Samples []float64
	// Title is shown where the pointer rests on the point.
	Title string
}

// Tone is what a mark or a ratio means.
type Tone string

// The tones.
const (
	Even  Tone = "even"  // no difference
	Good  Tone = "good"  // better
	Worse Tone = "worse" // worse
	Open  Tone = "open"  // cannot be told
)

// Mark is an upright line at a place of the X axis.
type Mark struct {
	X     float64
	Label string
	Tone  Tone
	Title string
}

// WriteSVG writes the chart as an image that stands alone.
func (c Chart) WriteSVG(w io.Writer) error { return write(w, c.draw(true)) }

// HTML is the chart as an element for a page that has Style among its own.
func (c Chart) HTML() template.HTML { return template.HTML(c.draw(false).b.String()) }

func write(w io.Writer, d *drawing) error {
	if _, err := w.Write(d.b.Bytes()); err != nil {
		return fmt.Errorf("write a plot: %w", err)
	}
	return nil
}

// The room around a chart's field.
const (
	left   = 74.0
	right  = 18.0
	bottom = 46.0
)

func (c Chart) draw(alone bool) *drawing {
	width, height := orElse(c.Width, 760), orElse(c.Height, 320)
	d := begin(width, height, c.Title, alone)
	top := d.heading(c.Title, c.Sub, width)
	top = d.legend(c.Series, top, width)
	if len(c.Marks) > 0 {
		top += 14
	}
	x, y := c.scales(width, height, top)
	c.grid(d, x, y)
	for _, m := range c.Marks {
		if at, ok := x.at(m.X); ok {
			d.printf(`<g class="pl-%s">`, tone(m.Tone))
			d.title(m.Title)
			d.line("pl-k", at, y.to-10, at, y.from)
			d.text("pl-v pl-m", at, y.to-14, m.Label)
			d.printf("</g>")
		}
	}
	for i, s := range c.Series {
		d.series(i, s, x, y)
	}
	return d.end()
}

// scales are those of both axes, over all that is to be seen.
func (c Chart) scales(width, height, top float64) (x, y scale) {
	var xs, ys []float64
	for _, s := range c.Series {
		for _, p := range s.Points {
			xs, ys = append(xs, p.X), append(ys, p.Y)
			if p.Low != p.High {
				ys = append(ys, p.Low, p.High)
			}
			ys = append(ys, p.Samples...)
		}
	}
	for _, m := range c.Marks {
		xs = append(xs, m.X)
	}
	return newScale(c.X, xs, left, width-right), newScale(c.Y, ys, height-bottom, top+6)
}

// grid draws the axes.
func (c Chart) grid(d *drawing, x, y scale) {
	for _, t := range y.ticks {
		at, _ := y.at(t)
		d.line("pl-g", x.from, at, x.to, at)
		d.text("pl-e", x.from-8, at+4, y.write(t))
	}
	for _, t := range x.ticks {
		at, _ := x.at(t)
		d.line("pl-g", at, y.from, at, y.from+5)
		d.text("pl-m", at, y.from+18, x.write(t))
	}
	d.line("pl-z", x.from, y.from, x.to, y.from)
	d.text("pl-m", (x.from+x.to)/2, y.from+36, c.X.Label)
	if c.Y.Label != "" {
		d.printf(`<text class="pl-m" transform="translate(18 %s) rotate(-90)">`, px((y.from+y.to)/2))
		d.escape(c.Y.Label)
		d.printf("</text>")
	}
}

// series draws one series: its line, then bars, samples and points.
func (d *drawing) series(i int, s Series, x, y scale) {
	d.printf(`<g class="pl-c%d">`, i%6)
	if s.Line {
		d.path(s.Points, x, y)
	}
	for _, p := range s.Points {
		px, ok := x.at(p.X)
		if !ok {
			continue
		}
		low, lowOK := y.at(p.Low)
		high, highOK := y.at(p.High)
		if p.Low != p.High && lowOK && highOK {
			d.line("pl-b", px, low, px, high)
		}
		var dots [][2]float64
		for _, v := range p.Samples {
			if at, ok := y.at(v); ok {
				dots = append(dots, [2]float64{px, at})
			}
		}
		d.dots(i, dots)
		if at, ok := y.at(p.Y); ok {
			d.printf("<g>")
			d.title(p.Title)
			d.dot(i, px, at, 4)
			d.printf("</g>")
		}
	}
	d.printf("</g>")
}

// path joins points, with a gap where there is no place for one.
func (d *drawing) path(points []Point, x, y scale) {
	d.printf(`<path class="pl-l" d="`)
	pen := "M"
	for _, p := range points {
		ax, okX := x.at(p.X)
		ay, okY := y.at(p.Y)
		if !okX || !okY {
			pen = "M"
			continue
		}
		d.printf("%s%s %s", pen, px(ax), px(ay))
		pen = "L"
	}
	d.printf(`"/>`)
}

func orElse(v, other float64) float64 {
	if v > 0 && !math.IsInf(v, 0) {
		return v
	}
	return other
}
