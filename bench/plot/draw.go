package plot

import (
	"bytes"
	_ "embed"
	"encoding/xml"
	"fmt"
	"math"
	"strconv"

	"github.com/lanproof/lanproof/reports"
)

//go:embed plot.css
var style string

// Style is what a page with plots has among its own style.
func Style() string { return style }

// drawing is an image that grows.
type drawing struct{ b bytes.Buffer }

// begin opens an image; one that stands alone brings its style and its ground along.
func begin(width, height float64, title string, alone bool) *drawing {
	d := &drawing{}
	space := ""
	if alone {
		space = ` xmlns="http://www.w3.org/2000/svg"`
	}
	d.printf(`<svg class="pl fit"%s role="img" width="%s" height="%s" viewBox="0 0 %s %s"><title>`, space, px(width), px(height), px(width), px(height))
	d.escape(title)
	d.printf("</title>")
	if alone {
		d.printf(`<style>%s</style><rect class="pl-bg" width="%s" height="%s" rx="8"/>`, style, px(width), px(height))
	}
	return d
}

func (d *drawing) end() *drawing {
	d.printf("</svg>")
	return d
}

// heading writes the lines above an image and returns where they end.
func (d *drawing) heading(title, sub string, width float64) float64 {
	y := 10.0
	if title != "" {
		y += 14
		d.text("pl-h", 16, y, fit(title, width-32, 7.6))
	}
	if sub != "" {
		y += 18
		d.text("", 16, y, fit(sub, width-32, 6.4))
	}
	return y + 8
}

// legend tells which colour and shape is what, and returns where it ends.
func (d *drawing) legend(all []Series, y, width float64) float64 {
	if len(all) < 2 {
		return y
	}
	x := 16.0
	y += 14
	for i, s := range all {
		name := fit(s.Name, width/2, 6.6)
		wide := 26 + 6.6*float64(len([]rune(name)))
		if x+wide > width-16 && x > 16 {
			x, y = 16, y+18
		}
		d.printf(`<g class="pl-c%d">`, i%6)
		d.dot(i, x+5, y-4, 4.5)
		d.text("pl-n", x+15, y, name)
		d.printf("</g>")
		x += wide
	}
	return y + 6
}

// dot draws a shape that belongs to the colour, for those who do not see colours.
func (d *drawing) dot(i int, x, y, r float64) {
	switch i % 4 {
	case 0:
		d.printf(`<circle class="pl-d" cx="%s" cy="%s" r="%s"/>`, px(x), px(y), px(r))
	case 1:
		d.printf(`<rect class="pl-d" x="%s" y="%s" width="%s" height="%s"/>`, px(x-r*.9), px(y-r*.9), px(r*1.8), px(r*1.8))
	case 2:
		d.printf(`<path class="pl-d" d="M%s %sl%s %sh-%sz"/>`, px(x), px(y-r*1.1), px(r*1.1), px(r*2), px(r*2.2))
	default:
		d.printf(`<path class="pl-d" d="M%s %sl%s %sl-%s %sl-%s -%sz"/>`, px(x), px(y-r*1.2), px(r*1.2), px(r*1.2), px(r*1.2), px(r*1.2), px(r*1.2), px(r*1.2))
	}
}

// dots draws many small dots as one element of a few bytes each: strokes without a length,
// whose ends are round or square.
func (d *drawing) dots(i int, all [][2]float64) {
	if len(all) == 0 {
		return
	}
	square := ""
	if i%2 == 1 {
		square = " pl-q"
	}
	d.printf(`<path class="pl-o%s" d="`, square)
	for _, at := range all {
		d.printf("M%s %sh0", px(at[0]), px(at[1]))
	}
	d.printf(`"/>`)
}

func (d *drawing) line(class string, x1, y1, x2, y2 float64) {
	d.printf(`<path class="%s" d="M%s %sL%s %s"/>`, class, px(x1), px(y1), px(x2), px(y2))
}

func (d *drawing) rect(class string, x, y, w, h float64) {
	d.printf(`<rect class="%s" x="%s" y="%s" width="%s" height="%s"/>`, class, px(x), px(y), px(max(w, 0)), px(max(h, 0)))
}

func (d *drawing) text(class string, x, y float64, text string) {
	if text == "" {
		return
	}
	d.printf(`<text class="%s" x="%s" y="%s">`, class, px(x), px(y))
	d.escape(text)
	d.printf("</text>")
}

// title is what is shown where the pointer rests on the element that it is in.
func (d *drawing) title(text string) {
	if text == "" {
		return
	}
	d.printf("<title>")
	d.escape(text)
	d.printf("</title>")
}

func (d *drawing) printf(format string, args ...any) { fmt.Fprintf(&d.b, format, args...) }

// escape writes text from outside.
func (d *drawing) escape(s string) {
	// It fails only where the buffer does, which is never.
	_ = xml.EscapeText(&d.b, []byte(reports.OneLine(s)))
}

// fit shortens a text to a width, at so many pixels a letter.
func fit(s string, width, letter float64) string {
	r := []rune(s)
	if n := int(width / letter); len(r) > n && n > 1 {
		return string(r[:n-1]) + "…"
	}
	return s
}

// tone is a class of the style.
func tone(t Tone) Tone {
	switch t {
	case Good, Worse, Open:
		return t
	}
	return Even
}

// px writes a length with one decimal at most.
func px(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }
