package history_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lanproof/lanproof/bench/history"
	"github.com/lanproof/lanproof/reports"
)

// stepped is a history of twenty days with a step for the worse, and with names that want
// to break out.
func stepped(t *testing.T) *history.Page {
	t.Helper()
	db := create(t, filepath.Join(t.TempDir(), "h.db"))
	for day := range 20 {
		v := 100 + float64(day%3)
		if day >= 10 {
			v /= 2
		}
		r := measured(day, v, 300)
		r.Series[2].Benchmark = `</svg><script>alert("x")</script>` + "\u202e"
		e := benchEntry(t, r)
		e.Label = "<b>v" + r.Started.Format("02")
		add(t, db, e)
	}
	add(t, db, checked(t, 3, reports.Pass))
	add(t, db, checked(t, 6, reports.Error))
	p := &history.Page{}
	var err error
	if p.Runs, err = db.Runs(t.Context()); err != nil {
		t.Fatal(err)
	}
	tracks, err := db.Tracks(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	p.Figures = history.Figures(tracks)
	if p.Cases, err = db.Cases(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPage(t *testing.T) {
	var b bytes.Buffer
	if err := stepped(t).WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"2 changes for the worse and 0 for the better in 4 figures over 22 runs",
		"103.0 → 52.50, -49.0 %, from 2026-09-11 06:00 on (&lt;b&gt;v11)",
		`<span class="badge v-fail">✗ worse</span>`,
		"pl-worse",
		"1 September 2026 to 20 September 2026", "or all samples where they are fewer than 6",
		"b@mode=c", `<span class="badge v-error">! error</span>`,
		"22 Sep", // no run is of that day
	} {
		if got := strings.Contains(b.String(), want); got == (want == "22 Sep") {
			t.Errorf("%q: there %v", want, got)
		}
	}
	if strings.Contains(b.String(), "<script") || strings.ContainsRune(b.String(), '\u202e') || strings.Contains(b.String(), "<b>v") {
		t.Error("markup of a run became markup of the page")
	}
}

// An image is XML whatever names say, with one chart or several.
func TestSVG(t *testing.T) {
	all := stepped(t).Figures
	for _, figures := range [][]*history.Figure{all, all[:1]} {
		var b bytes.Buffer
		if err := history.WriteSVG(&b, figures); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		titles := 0
		for d := xml.NewDecoder(&b); ; {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if start, ok := token.(xml.StartElement); ok && start.Name.Local == "script" {
				t.Error("there is a script in it")
			} else if ok && start.Name.Local == "svg" {
				titles++
			}
		}
		if want := len(figures); titles != want && titles != want+1 {
			t.Errorf("%d images for %d figures", titles, want)
		}
		if !strings.Contains(text, "06:00") && !strings.Contains(text, "1 Sep") {
			t.Error("no date is on the axis")
		}
	}
	if mark := all[2].Chart().Marks; len(mark) != 1 || mark[0].X != 9.5 || mark[0].Label != "103.0 → 52.50, -49.0 % · -49.0 %" {
		t.Errorf("marks %+v", mark)
	}
}
