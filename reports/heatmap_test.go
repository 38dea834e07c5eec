package reports

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image/color"
	"image/png"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// square is a matrix of n senders with one frame missing and one too many, in a
// pattern that leaves few runs.
func square(n int) Matrix {
	m := Matrix{Title: fmt.Sprintf("of %d", n)}
	for i := range n {
		m.From = append(m.From, fmt.Sprintf("c%d/eth0", i))
		row := make([]byte, n)
		for j := range row {
			row[j] = "+-"[(i*7+j*j*3+i*j)%5%2]
		}
		row[i] = '.'
		m.Expected = append(m.Expected, string(row))
		if i == 1 {
			row[0] = "-+"[strings.IndexByte("+-", row[0])]
		}
		m.Observed = append(m.Observed, string(row))
	}
	m.To = m.From
	return m
}

func TestHeatmapTable(t *testing.T) {
	m := Matrix{From: []string{"a", "<b>"}, To: []string{"a", "b", "c", "d"}, Expected: []string{".+-", "+-+-"}, Observed: []string{".+-", "-++-"}}
	room := maxCells
	v := newHeatmap(&m, &room, true)
	want := `<table class="heat" tabindex="0"><thead><tr><td></td><th scope="col" title="a">1</th><th scope="col" title="b">2</th><th scope="col" title="c">3</th><th scope="col" title="d">4</th></tr></thead>` +
		`<tbody><tr><th scope="row"><bdi>a</bdi> 1</th><td></td><td class="g">+</td><td class="n">−</td><td class="u">?</td></tr>` +
		`<tr><th scope="row"><bdi>&lt;b&gt;</bdi> 2</th><td class="m">+−</td><td class="x">−+</td><td class="g">+</td><td class="n">−</td></tr></tbody></table>`
	if diff := cmp.Diff(want, string(v.Table)); diff != "" {
		t.Error(diff)
	}
	if room != maxCells-8 {
		t.Errorf("room for %d cells is left", room)
	}
}

// A matrix as it should be, of a check that passed, is text: a column for each receiver.
func TestHeatmapSigns(t *testing.T) {
	m := Matrix{From: []string{"a", "<b>"}, To: []string{"a", "<b>"}, Expected: []string{".+", "-?"}, Observed: []string{".+", "-?"}}
	room := maxCells
	v := newHeatmap(&m, &room, false)
	if got, want := string(v.Signs), "1\t2\t\n·\t+\t1 a\n−\t?\t2 &lt;b&gt;"; got != want || v.Table != "" {
		t.Errorf("the text is %q, want %q, and a table of %d bytes", got, want, len(v.Table))
	}
	m.Observed[0] = ".-"
	if v := newHeatmap(&m, &room, false); v.Signs != "" || v.Table == "" {
		t.Error("a wrong cell is not shown in colour")
	}
}

func TestHeatmapImage(t *testing.T) {
	m := square(100)
	room := maxCells
	v := newHeatmap(&m, &room, true)
	data, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(string(v.Image), "data:image/png;base64,"))
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for i := range m.From {
		for j := range m.To {
			if got, want := color.NRGBAModel.Convert(img.At(j, i)), heatColours()[m.kindOf(i, j)]; got != want {
				t.Fatalf("cell %d,%d is %v, want %v", i, j, got, want)
			}
		}
	}
	if len(v.Wrong) != 1 || !strings.HasPrefix(v.Wrong[0], "c0/eth0 ") || !strings.HasSuffix(v.Wrong[0], " from c1/eth0") {
		t.Errorf("wrong cells: %q", v.Wrong)
	}
	if none := (&Matrix{}); string(newHeatmap(none, &room, true).Table) == "" {
		t.Error("a matrix of nothing is not shown")
	}
	full := 0
	if m := square(4); newHeatmap(&m, &full, true).Table != "" {
		t.Error("a table beyond what the page has room for")
	}
}
