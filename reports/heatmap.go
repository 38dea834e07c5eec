package reports

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html/template"
	"image"
	"image/color"
	"image/png"
	"slices"
	"strings"
)

// Limits of how matrices are shown.
const (
	maxTable   = 40      // senders or receivers of a matrix that is a table, a cell each
	maxCells   = 120_000 // cells of all tables of a page; what comes after is drawn
	maxDrawn   = 16_000_000
	maxWrong   = 50     // wrong cells told in words beside a drawn matrix
	maxTabLine = 24_000 // bytes of names that a drawn matrix carries for its script
)

// The kinds of cells. They are told apart by sign and by shade, and by hue last.
const (
	cellNone    = iota // none was sent
	cellGot            // got it, as expected
	cellNot            // did not, as expected
	cellMissing        // did not, though expected
	cellExtra          // got it, though not expected
	cellUnknown        // not known
	cellKinds
)

// heatmap is a matrix as the page shows it: a table when it is small, an image with
// a pixel for each cell when it is not.
type heatmap struct {
	Title         string
	Note          string // why there is nothing to see
	Counts        []heatCount
	Table         template.HTML
	Signs         template.HTML // the same as text, of which a script makes a table
	Image         template.URL
	W, H          int // of the image on the page
	Rows, Columns int
	From, To      string // names, one a line
	Wrong         []string
	More          int
}

// heatCount is how many cells are of a kind; it is the key to their signs, too.
type heatCount struct{ Class, Sign, Text string }

// kindOf is what one cell shows.
func (m *Matrix) kindOf(i, j int) int {
	want, got := letter(m.Expected, i, j), letter(m.Observed, i, j)
	switch {
	case want == "." && got == ".":
		return cellNone
	case want == "+" && got == "+":
		return cellGot
	case want == "-" && got == "-":
		return cellNot
	case want == "+" && got != "?":
		return cellMissing
	case got == "+" && want != "?":
		return cellExtra
	}
	return cellUnknown
}

// newHeatmap shows a matrix; room is how many cells may still stand in the page one by
// one. They do so in colour where the matrix is open, or where some of them are wrong.
func newHeatmap(m *Matrix, room *int, open bool) heatmap {
	view := heatmap{Title: name(m.Title), Rows: len(m.From), Columns: len(m.To)}
	cells := view.Rows * view.Columns
	if cells > maxDrawn {
		view.Note = fmt.Sprintf("%s senders and %s receivers: too many to draw, see results.json", count(view.Rows), count(view.Columns))
		return view
	}
	view.words(m)
	if max(view.Rows, view.Columns) <= maxTable && cells <= *room {
		*room -= cells
		if !open && len(view.Wrong) == 0 && slices.Equal(m.From, m.To) {
			view.Signs = m.signs()
			return view
		}
		view.Wrong, view.More = nil, 0 // it shows them itself
		view.Table = m.table()
		return view
	}
	view.Image = m.image()
	scale := max(1, 640/max(view.Rows, view.Columns, 1))
	view.W, view.H = view.Columns*scale, view.Rows*scale
	view.From, view.To = lines(m.From), lines(m.To)
	if view.From == view.To {
		view.To = "" // as most are
	}
	return view
}

// lines are names as a script takes them; none when they are too long.
func lines(names []string) string {
	var b strings.Builder
	for i, n := range names {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(clip(oneLine(n), 80))
		if b.Len() > maxTabLine {
			return ""
		}
	}
	return b.String()
}

// words counts the cells, and tells the wrong ones.
func (v *heatmap) words(m *Matrix) {
	var n [cellKinds]int
	for i := range m.From {
		for j := range m.To {
			kind := m.kindOf(i, j)
			n[kind]++
			if kind != cellMissing && kind != cellExtra {
				continue
			}
			if len(v.Wrong) == maxWrong {
				v.More++
				continue
			}
			text := "was to get it and did not"
			if kind == cellExtra {
				text = "got it and was not to"
			}
			v.Wrong = append(v.Wrong, name(m.To[j])+" "+text+" from "+name(m.From[i]))
		}
	}
	for _, c := range []struct {
		kind              int
		class, sign, text string
	}{
		{cellGot, "g", "+", "got it, as expected"},
		{cellNot, "n", "−", "did not, as expected"},
		{cellMissing, "m", "+−", "expected, and did not get it"},
		{cellExtra, "x", "−+", "not expected, and got it"},
		{cellUnknown, "u", "?", "not known"},
	} {
		if n[c.kind] > 0 {
			v.Counts = append(v.Counts, heatCount{c.class, c.sign, count(n[c.kind]) + " " + c.text})
		}
	}
}

// table has a cell for each pair: one sign where expected and observed are the same,
// else both, the expected one first.
func (m *Matrix) table() template.HTML {
	signs := [cellKinds]string{`<td></td>`, `<td class="g">+</td>`, `<td class="n">−</td>`, `<td class="m">+−</td>`, `<td class="x">−+</td>`, `<td class="u">?</td>`}
	var b bytes.Buffer
	b.WriteString(`<table class="heat" tabindex="0"><thead><tr><td></td>`)
	for j := range m.To {
		fmt.Fprintf(&b, `<th scope="col" title="`)
		escape(&b, name(m.To[j]))
		fmt.Fprintf(&b, `">%d</th>`, j+1)
	}
	b.WriteString(`</tr></thead><tbody>`)
	for i := range m.From {
		b.WriteString(`<tr><th scope="row"><bdi>`)
		escape(&b, name(m.From[i]))
		fmt.Fprintf(&b, `</bdi> %d</th>`, i+1)
		for j := range m.To {
			b.WriteString(signs[m.kindOf(i, j)])
		}
		b.WriteString(`</tr>`)
	}
	b.WriteString(`</tbody></table>`)
	return template.HTML(b.String()) // every text in it went through escape
}

// signs is a table as text: columns end with a tab, and each row with its number and
// its name.
func (m *Matrix) signs() template.HTML {
	signs := [cellKinds]string{"·", "+", "−", "+−", "−+", "?"}
	var b bytes.Buffer
	for j := range m.To {
		fmt.Fprintf(&b, "%d\t", j+1)
	}
	for i := range m.From {
		b.WriteByte('\n')
		for j := range m.To {
			b.WriteString(signs[m.kindOf(i, j)])
			b.WriteByte('\t')
		}
		fmt.Fprintf(&b, "%d ", i+1)
		escape(&b, name(m.From[i]))
	}
	return template.HTML(b.String()) // every text in it went through escape
}

// heatColours are those of an image, which light and dark pages share: they are of
// different lightness, so that they can be told apart without their hue.
func heatColours() color.Palette {
	return color.Palette{
		color.NRGBA{},                      // none
		color.NRGBA{0x3f, 0xa3, 0x8a, 255}, // got
		color.NRGBA{0x80, 0x88, 0x92, 60},  // not
		color.NRGBA{0xd4, 0x45, 0x12, 255}, // missing
		color.NRGBA{0x7b, 0x2f, 0xa8, 255}, // extra
		color.NRGBA{0xe8, 0xb9, 0x2e, 255}, // unknown
	}
}

// image is the matrix with a pixel for each cell.
func (m *Matrix) image() template.URL {
	img := image.NewPaletted(image.Rect(0, 0, len(m.To), len(m.From)), heatColours())
	for i := range m.From {
		row := img.Pix[i*img.Stride:]
		for j := range m.To {
			row[j] = uint8(m.kindOf(i, j))
		}
	}
	var b bytes.Buffer
	// It fails only for an image without pixels: then there is nothing to show.
	if png.Encode(&b, img) != nil {
		return ""
	}
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes()))
}
