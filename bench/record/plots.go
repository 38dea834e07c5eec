package record

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lanproof/lanproof/bench/plot"
)

// Plot draws one figure of two systems: their samples, medians and the ratio.
func (p *Pair) Plot(j *Judgement) plot.Strip {
	a, b := p.names()
	s := plot.Strip{
		Title: j.Benchmark, Sub: fmt.Sprintf("%s is better; by the clock of %s", j.Better, p.A.Clock), X: axisOf(j.Unit),
		Rows: []plot.Row{j.A.row(a), j.B.row(b)},
	}
	if j.A.unit(j) != j.B.unit(j) { // two clocks have no axis in common
		s.Rows = s.Rows[:1]
	}
	if j.Ratio > 0 {
		s.Ratio = &plot.Ratio{At: j.Ratio, Low: j.Low, High: j.High, Limit: j.Limit, Word: string(j.Verdict), Tone: j.Verdict.tone()}
	}
	return s
}

// names are those of the two systems, told apart where they are the same.
func (p *Pair) names() (a, b string) {
	if p.A.ID == p.B.ID {
		return "A: " + p.A.ID, "B: " + p.B.ID
	}
	return p.A.ID, p.B.ID
}

func (f Figure) row(name string) plot.Row {
	r := plot.Row{Name: name, At: f.Median, Low: f.Low, High: f.High}
	if f.series != nil {
		r.Samples = f.series.values()
	}
	return r
}

// maxRatios is how many figures an image of ratios has.
const maxRatios = 120

// Ratios draws how B does against A in all figures, in one image, what differs first; of
// many the last ones, which are the same, are left out.
func (p *Pair) Ratios(effect float64) plot.Ratios {
	a, b := p.names()
	r := plot.Ratios{Title: b + " against " + a, Sub: fmt.Sprintf("by the clock of %s; ■ worse  ▲ better  ◆ cannot be told  ● the same", p.A.Clock), Axis: "B's figure against A's", Limit: effect}
	for i, j := range p.sorted() {
		if i == maxRatios {
			r.Sub += fmt.Sprintf("; %d more are not drawn", len(p.Figures)-i)
			break
		}
		r.Rows = append(r.Rows, plot.RatioRow{
			Name:  fmt.Sprintf("%s [%s]", j.Benchmark, j.Unit),
			Ratio: plot.Ratio{At: j.Ratio, Low: j.Low, High: j.High, Limit: j.Limit, Word: string(j.Verdict), Tone: j.Verdict.tone()},
		})
	}
	return r
}

func axisOf(unit string) plot.Axis {
	return plot.Axis{Label: unit, Format: func(v float64) string { return sayTick(v, unit) }}
}

// sayTick is Say without digits that say nothing.
func sayTick(v float64, unit string) string {
	if isTime(unit) {
		return shortTime(v)
	}
	return plot.Number(v)
}

func (v Verdict) tone() plot.Tone {
	switch v {
	case Faster:
		return plot.Good
	case Slower:
		return plot.Worse
	case CannotTell:
		return plot.Open
	case Same:
	}
	return plot.Even
}

// grown is the key of benchmarks' names whose number tells how many there are of a thing.
const grown = "children"

// growthOf takes a name apart: "growth/vlan/children=100" is 100 of "growth/vlan".
func growthOf(benchmark string) (name string, n float64, ok bool) {
	words := strings.Split(benchmark, "/")
	for i, word := range words {
		key, value, _ := strings.Cut(word, "=")
		if v, err := strconv.Atoi(value); err == nil && v > 0 && key == grown {
			return strings.Join(slices.Delete(words, i, i+1), "/"), float64(v), true
		}
	}
	return "", 0, false
}

// Growth draws what was measured for several numbers of a thing, a line for each system
// of the run, over axes on which equal ratios are equally long: a cost that grows with
// the number rises by one square a square.
func (r *Run) Growth() []plot.Chart {
	names := make([]string, len(r.Systems))
	for i, s := range r.Systems {
		names[i] = s.ID
	}
	var all []grownSeries
	for i := range r.Series {
		s := &r.Series[i]
		all = append(all, grownSeries{slices.Index(names, s.System), s})
	}
	return growth(names, all)
}

// Growth draws the growth of two systems that were compared.
func (p *Pair) Growth() []plot.Chart {
	a, b := p.names()
	var all []grownSeries
	for i := range p.Figures {
		if j := &p.Figures[i]; j.A.series != nil && j.B.series != nil {
			all = append(all, grownSeries{0, j.A.series}, grownSeries{1, j.B.series})
		}
	}
	return growth([]string{a, b}, all)
}

// grownSeries is a series of the system with that place in a list.
type grownSeries struct {
	system int
	series *Series
}

// growth draws those of some series that belong to a growth of two points at least.
func growth(systems []string, all []grownSeries) []plot.Chart {
	type chartKey struct{ name, unit string }
	var order []chartKey
	charts := map[chartKey]*plot.Chart{}
	ticks := map[chartKey][]float64{}
	for _, g := range all {
		name, n, ok := growthOf(g.series.Benchmark)
		if !ok || g.system < 0 {
			continue
		}
		at := chartKey{name, g.series.Unit}
		if charts[at] == nil {
			order = append(order, at)
			charts[at] = &plot.Chart{
				Title: name, Sub: fmt.Sprintf("%s, by %s; %s is better; a bar holds the median with 95 %% confidence", g.series.Unit, grown, g.series.Better),
				X: plot.Axis{Label: grown, Log: true}, Y: axisOf(g.series.Unit), Series: make([]plot.Series, len(systems)),
			}
			charts[at].Y.Log = true
			for i, system := range systems {
				charts[at].Series[i] = plot.Series{Name: system, Line: true}
			}
		}
		f := g.series.figure()
		line := &charts[at].Series[g.system]
		line.Points = append(line.Points, plot.Point{
			X: n, Y: f.Median, Low: f.Low, High: f.High, Samples: g.series.values(),
			Title: fmt.Sprintf("%s, %s=%.0f: %s %s %s", systems[g.system], grown, n, Say(f.Median, g.series.Unit), g.series.Unit, f.scatter()),
		})
		if !slices.Contains(ticks[at], n) {
			ticks[at] = append(ticks[at], n)
		}
	}
	var drawn []plot.Chart
	for _, at := range order {
		if len(ticks[at]) < 2 {
			continue
		}
		c := charts[at]
		c.X.Ticks = ticks[at]
		for i := range c.Series {
			slices.SortFunc(c.Series[i].Points, func(a, b plot.Point) int { return cmp.Compare(a.X, b.X) })
		}
		drawn = append(drawn, *c)
	}
	return drawn
}
