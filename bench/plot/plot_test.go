package plot

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
)

func chart() Chart {
	return Chart{
		Title: "growth/macvlan/create", Sub: "ns for each child", X: Axis{Label: "children", Log: true, Ticks: []float64{1, 10, 100, 1000}}, Y: Axis{Label: "ns/child", Log: true},
		Series: []Series{
			{Name: "debian:6.1", Line: true, Points: []Point{{X: 1, Y: 41000, Low: 40000, High: 42000, Samples: []float64{40500, 41500}, Title: "one <child>"}, {X: 10, Y: 43000}, {X: 100, Y: 52000}, {X: 1000, Y: 140000}}},
			{Name: "debian:6.12", Line: true, Points: []Point{{X: 1, Y: 41000}, {X: 10, Y: 44000}, {X: 100, Y: 60000}, {X: 1000, Y: 190000}}},
		},
		Marks: []Mark{{X: 100, Label: "+14 %", Tone: Worse, Title: "changed here"}},
	}
}

func strip() Strip {
	return Strip{
		Title: "frames/vlan/in/size=64", Sub: "-7 %", X: Axis{Label: "frames/s"},
		Rows:  []Row{{"debian:6.1", []float64{1.50e6, 1.51e6, 1.53e6}, 1.51e6, 1.50e6, 1.53e6}, {"debian:6.12", []float64{1.40e6, 1.41e6, 1.42e6}, 1.41e6, 1.40e6, 1.42e6}},
		Ratio: &Ratio{At: 0.934, Low: 0.92, High: 0.95, Limit: 0.03, Word: "slower", Tone: Worse},
	}
}

func ratios() Ratios {
	return Ratios{Title: "all", Sub: "of them", Axis: "B against A", Limit: 0.03, Rows: []RatioRow{
		{"frames/vlan", Ratio{At: 0.93, Low: 0.92, High: 0.94, Tone: Worse}}, {"one that is far off", Ratio{At: 20, Low: 15, High: 30, Tone: Good}}, {"none", Ratio{Tone: Open}},
	}}
}

// wellFormed holds an image against a parser of XML, and against numbers that are none.
func wellFormed(t *testing.T, image []byte) {
	t.Helper()
	for _, bad := range []string{"NaN", "Inf", "%!"} {
		if bytes.Contains(image, []byte(bad)) {
			t.Errorf("%s in %s", bad, image)
		}
	}
	d := xml.NewDecoder(bytes.NewReader(image))
	for {
		switch _, err := d.Token(); {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			t.Fatalf("%v in %s", err, image)
		}
	}
}

func drawn(t *testing.T, write func(io.Writer) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	wellFormed(t, b.Bytes())
	return b.String()
}

func TestImagesStandAlone(t *testing.T) {
	for name, write := range map[string]func(io.Writer) error{"chart": chart().WriteSVG, "strip": strip().WriteSVG, "ratios": ratios().WriteSVG} {
		image := drawn(t, write)
		if !strings.Contains(image, `xmlns="http://www.w3.org/2000/svg"`) || !strings.Contains(image, "prefers-color-scheme:dark") {
			t.Errorf("%s: does not stand alone", name)
		}
		for _, away := range []string{"url(", "href", "src=", "<script"} {
			if strings.Contains(image, away) {
				t.Errorf("%s: %s", name, away)
			}
		}
		if drawn(t, write) != image {
			t.Errorf("%s: not the same twice", name)
		}
	}
	for _, inside := range []string{string(chart().HTML()), string(strip().HTML()), string(ratios().HTML())} {
		wellFormed(t, []byte(inside))
		if strings.Contains(inside, "<style") || strings.Contains(inside, "xmlns") {
			t.Errorf("brings its style into a page: %s", inside)
		}
	}
	if image := drawn(t, chart().WriteSVG); !strings.Contains(image, "one &lt;child&gt;") || strings.Count(image, `class="pl-k"`) != 1 || strings.Count(image, `class="pl-l"`) != 2 {
		t.Errorf("words, marks or lines are missing: %s", image)
	}
}

// TestOddValues: what has no place is left out, and nothing else with it.
func TestOddValues(t *testing.T) {
	odd := []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, -1, 1e308, 5e-324}
	for _, log := range []bool{false, true} {
		c := Chart{Title: "odd", X: Axis{Log: log}, Y: Axis{Log: log, Zero: true}, Series: []Series{{Line: true}, {}}}
		for _, v := range odd {
			c.Series[0].Points = append(c.Series[0].Points, Point{X: v, Y: 1, Low: v, High: 2, Samples: odd}, Point{X: 1, Y: v})
			c.Marks = append(c.Marks, Mark{X: v, Label: "m"})
		}
		drawn(t, c.WriteSVG)
		for _, v := range odd {
			one := Chart{X: Axis{Log: log}, Y: Axis{Log: log}, Series: []Series{{Points: []Point{{X: v, Y: v}}}}}
			drawn(t, one.WriteSVG)
			s := Strip{X: Axis{Log: log}, Rows: []Row{{"a", []float64{v}, v, v, v}}, Ratio: &Ratio{At: v, Low: v, High: v, Limit: 0.03}}
			drawn(t, s.WriteSVG)
			drawn(t, Ratios{Limit: v, Rows: []RatioRow{{"a", Ratio{At: v, Low: v, High: v}}, {"b", Ratio{At: 1, Low: v, High: 2}}}}.WriteSVG)
		}
	}
	drawn(t, Chart{}.WriteSVG)
	drawn(t, Strip{}.WriteSVG)
	drawn(t, Ratios{}.WriteSVG)
}

func TestTicks(t *testing.T) {
	for _, tt := range []struct {
		axis   Axis
		values []float64
		want   string
	}{
		{Axis{}, []float64{0, 10}, "0 2 4 6 8 10"},
		{Axis{}, []float64{1.40e6, 1.53e6}, "1.4M 1.45M 1.5M"},
		{Axis{Zero: true}, []float64{3, 7}, "0 2 4 6"},
		{Axis{Log: true}, []float64{1, 1000}, "1 2 5 10 20 50 100 200 500 1k"},
		{Axis{Log: true}, []float64{100, 130}, "100 110 120 130"},
		{Axis{Ticks: []float64{1, 10}}, []float64{1, 10}, "1 10"},
	} {
		s := newScale(tt.axis, tt.values, 0, 540)
		var got []string
		for _, v := range s.ticks {
			got = append(got, s.write(v))
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%+v %v: %q, want %q", tt.axis, tt.values, got, tt.want)
		}
	}
}

func FuzzPlot(f *testing.F) {
	f.Add("title", 1.0, 2.0, 3.0, true)
	f.Add("\x00</title>", -1.0, 1e300, 1e-300, false)
	f.Fuzz(func(t *testing.T, text string, a, b, c float64, log bool) {
		axis := Axis{Label: text, Log: log}
		drawn(t, Chart{Title: text, Sub: text, X: axis, Y: axis, Series: []Series{{Name: text, Line: true, Points: []Point{{X: a, Y: b, Low: c, High: a, Title: text}, {X: b, Y: c, Samples: []float64{a, b, c}}}}, {Name: text}}, Marks: []Mark{{X: c, Label: text, Tone: Tone(text), Title: text}}}.WriteSVG)
		drawn(t, Strip{Title: text, Sub: text, X: axis, Rows: []Row{{text, []float64{a, b, c}, a, b, c}}, Ratio: &Ratio{a, b, c, a, text, Tone(text)}}.WriteSVG)
		drawn(t, Ratios{Title: text, Sub: text, Axis: text, Limit: a, Rows: []RatioRow{{text, Ratio{a, b, c, a, text, Tone(text)}}, {text, Ratio{c, b, a, a, text, Open}}}}.WriteSVG)
	})
}
