package history

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/lanproof/lanproof/bench/plot"
	"github.com/lanproof/lanproof/bench/record"
)

// Figure is one benchmark's tracks that are drawn over the same axes: those of its
// systems, with the same unit and clock, on the same machine.
type Figure struct {
	Benchmark, Unit, Machine string
	Better                   record.Direction
	Tracks                   []*Track
	runs                     []*Run // by their dates: the x axis
}

// Figures gathers tracks, in their order.
func Figures(tracks []*Track) []*Figure {
	type key struct{ benchmark, unit, machine, method string }
	var all []*Figure
	index := map[key]*Figure{}
	for _, t := range tracks {
		k := key{t.Benchmark, t.Unit, t.Machine, t.Method}
		f := index[k]
		if f == nil {
			f = &Figure{Benchmark: t.Benchmark, Unit: t.Unit, Machine: t.Machine, Better: t.Better}
			index[k] = f
			all = append(all, f)
		}
		f.Tracks = append(f.Tracks, t)
	}
	for _, f := range all {
		f.settle()
	}
	return all
}

// settle finds the runs that have a figure.
func (f *Figure) settle() {
	for _, t := range f.Tracks {
		for _, p := range t.Points {
			if !slices.Contains(f.runs, p.Run) {
				f.runs = append(f.runs, p.Run)
			}
		}
	}
	slices.SortFunc(f.runs, func(a, b *Run) int { return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.ID, b.ID)) })
}

// The size of a chart, in pixels.
const (
	chartWidth  = 760
	chartHeight = 320
)

// Chart draws the figure over its runs, which stand by their dates at even distances,
// with an upright line for each change.
func (f *Figure) Chart() plot.Chart {
	c := plot.Chart{
		Title: f.Benchmark, Sub: f.sub(), Width: chartWidth, Height: chartHeight,
		X: plot.Axis{Label: "runs by date", Ticks: f.ticks(), Format: f.date},
		Y: plot.Axis{Label: f.Unit, Format: func(v float64) string { return record.Say(v, f.Unit) }},
	}
	for _, t := range f.Tracks {
		s := plot.Series{Name: t.System, Line: true}
		for _, p := range t.Points {
			s.Points = append(s.Points, plot.Point{X: f.x(p.Run), Y: p.Median, Low: p.Low, High: p.High, Title: t.tell(p)})
		}
		c.Series = append(c.Series, s)
	}
	c.Marks = f.marks()
	return c
}

// marks are the lines of all changes, one where several are in the same place. The first
// change's levels stand before its percentage where there is room for them.
func (f *Figure) marks() []plot.Mark {
	var all []plot.Mark
	var levels []string
	for _, t := range f.Tracks {
		for _, c := range t.Changes {
			m := f.mark(t, c)
			at := slices.IndexFunc(all, func(o plot.Mark) bool { return o.X == m.X })
			if at < 0 {
				all = append(all, m)
				levels = append(levels, fmt.Sprintf("%s → %s, ", record.Say(c.Before, f.Unit), record.Say(c.After, f.Unit)))
				continue
			}
			o := &all[at]
			o.Label, o.Title = o.Label+" · "+m.Label, o.Title+"; "+m.Title
			if o.Tone != m.Tone {
				o.Tone = plot.Open
			}
		}
	}
	const room = 0.2 // of the axis, for what stands on either side of a line's middle
	for i := range all {
		at := func(m plot.Mark) float64 { return m.X / float64(max(len(f.runs)-1, 1)) }
		crowded := slices.ContainsFunc(all, func(o plot.Mark) bool { return o.X != all[i].X && math.Abs(at(o)-at(all[i])) < 1.5*room })
		if x := at(all[i]); !crowded && x > room/2 && x < 1-room {
			all[i].Label = levels[i] + all[i].Label
		}
	}
	return all
}

// sub tells what a chart shows.
func (f *Figure) sub() string {
	s := fmt.Sprintf("%s, %s is better; median with its interval of 95 %%", f.Unit, f.Better)
	if slices.ContainsFunc(f.Tracks, (*Track).few) {
		s += ", or all samples where they are fewer than 6"
	}
	if f.Machine != "" {
		s += "; " + f.Machine
	}
	return s
}

// few reports whether a run has too few samples for an interval of 95 %: that of a median
// has a chance of 2 in 2^n to lie beyond all of n samples.
func (t *Track) few() bool {
	return slices.ContainsFunc(t.Points, func(p Point) bool { return p.N < 6 })
}

func (f *Figure) x(r *Run) float64 { return float64(slices.Index(f.runs, r)) }

// ticks are up to eight of the runs.
func (f *Figure) ticks() []float64 {
	const many = 8
	step := max((len(f.runs)+many-1)/many, 1)
	ticks := []float64{}
	for i := 0; i < len(f.runs); i += step {
		ticks = append(ticks, float64(i))
	}
	return ticks
}

// date is that of a run, with the time of day where all runs are of one day.
func (f *Figure) date(x float64) string {
	i := int(x)
	if i < 0 || i >= len(f.runs) {
		return ""
	}
	first, last := f.runs[0].Started, f.runs[len(f.runs)-1].Started
	switch {
	case first.Format("2006-01-02") == last.Format("2006-01-02"):
		return f.runs[i].Started.Format("15:04")
	case first.Year() == last.Year():
		return f.runs[i].Started.Format("2 Jan")
	}
	return f.runs[i].Started.Format("2 Jan 2006")
}

// mark is the line of a change, half way between the last run before it and the first
// behind it.
func (f *Figure) mark(t *Track, c Change) plot.Mark {
	m := plot.Mark{X: f.x(t.Points[c.At].Run), Tone: plot.Good, Label: percentage(c), Title: t.System + ": " + t.Say(c)}
	if c.At > 0 {
		m.X = (m.X + f.x(t.Points[c.At-1].Run)) / 2
	}
	if t.Worse(c) {
		m.Tone = plot.Worse
	}
	return m
}

// percentage writes a change: "+5.1 %".
func percentage(c Change) string {
	r := c.Ratio()
	if math.IsNaN(r) || math.IsInf(r, 0) {
		return "from 0"
	}
	return fmt.Sprintf("%+.1f %%", 100*r)
}

// Say tells of a change in words: from which run on, from what to what.
func (t *Track) Say(c Change) string {
	r := t.Points[c.At].Run
	s := fmt.Sprintf("%s → %s, %s, from %s on", record.Say(c.Before, t.Unit), record.Say(c.After, t.Unit), percentage(c), r.Started.Format("2006-01-02 15:04"))
	if r.Label != "" {
		s += " (" + r.Label + ")"
	}
	if c.At > 0 && t.Points[c.At-1].Kernel != t.Points[c.At].Kernel {
		s += fmt.Sprintf(", with kernel %s in the place of %s", t.Points[c.At].Kernel, t.Points[c.At-1].Kernel)
	}
	return s + fmt.Sprintf(" (p = %.3f)", c.P)
}

// tell is what is shown of a point.
func (t *Track) tell(p Point) string {
	s := fmt.Sprintf("%s: %s [%s, %s], n = %d, %s, kernel %s", t.System, record.Say(p.Median, t.Unit), record.Say(p.Low, t.Unit), record.Say(p.High, t.Unit),
		p.N, p.Run.Started.Format("2006-01-02 15:04"), p.Kernel)
	if p.Run.Label != "" {
		s += ", " + p.Run.Label
	}
	return s
}

// WriteSVG draws figures as one image, one below the other.
func WriteSVG(w io.Writer, figures []*Figure) error {
	if len(figures) == 1 {
		return figures[0].Chart().WriteSVG(w)
	}
	var b bytes.Buffer
	height := (chartHeight + 10) * len(figures)
	fmt.Fprintf(&b, `<svg class="pl" xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d"><style>%s</style><rect class="pl-bg" width="%[1]d" height="%[2]d" rx="8"/>`,
		chartWidth, height, plot.Style())
	for i, f := range figures {
		fmt.Fprintf(&b, `<g transform="translate(0 %d)">%s</g>`, i*(chartHeight+10), f.Chart().HTML())
	}
	b.WriteString("</svg>")
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write a plot: %w", err)
	}
	return nil
}
