package record

import (
	"bufio"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"

	"github.com/lanproof/lanproof/bench/plot"
	"github.com/lanproof/lanproof/reports"
)

//go:embed page.html.tmpl
var pageTemplate string

//go:embed page.css
var pageStyle string

// WriteHTML writes the comparison as a page: one file that loads nothing and has no
// script, with a plot for each figure.
func (c *Comparison) WriteHTML(w io.Writer) error {
	v := pageView{Headline: clip(c.Headline(), 200), Sign: pageSign{"pass", "="}, Caveats: c.caveats()}
	switch {
	case len(c.Regressions(0)) > 0:
		v.Sign = pageSign{"fail", "✗"}
	case len(c.Open(0)) > 0 || c.Vanished() > 0:
		v.Sign = pageSign{"refuted", "?"}
	}
	v.Notes = append(v.Notes, c.Warnings...)
	var systems []System
	for i := range c.Pairs {
		v.pair(&c.Pairs[i], i, c.Effect)
		systems = append(systems, c.Pairs[i].A, c.Pairs[i].B)
	}
	v.systems(systems)
	return v.write(w)
}

// WriteHTML writes the run as a page. Where it has several systems, it is the comparison
// of the first with each other one.
func (r *Run) WriteHTML(w io.Writer, rules Rules) error {
	if len(r.Systems) > 1 {
		c, err := Turns(r, rules)
		if err != nil {
			return err
		}
		for _, p := range r.Problems {
			c.Warnings = append(c.Warnings, p.line())
		}
		return c.WriteHTML(w)
	}
	v := pageView{Headline: fmt.Sprintf("%d figures", len(r.Series)), Sign: pageSign{"pass", "="}, Caveats: Caveats(r.Systems...)}
	for _, p := range r.Problems {
		v.Notes = append(v.Notes, p.line())
	}
	v.systems(r.Systems)
	one := pagePair{Anchor: "figures", Title: "Figures"}
	if len(r.Systems) == 1 {
		one.A = r.Systems[0].line()
	}
	for i, s := range r.sorted() {
		f := s.figure()
		strip := plot.Strip{Title: s.Benchmark, Sub: fmt.Sprintf("%s is better", s.Better), X: axisOf(s.Unit), Rows: []plot.Row{f.row(s.System)}}
		one.Rows = append(one.Rows, pageRow{
			Anchor: fmt.Sprintf("f-%d", i), Benchmark: line(s.Benchmark), Unit: line(s.Unit), A: Say(f.Median, s.Unit), AScatter: f.scatter(), Plot: wide(strip),
			Method: line(s.Method), N: fmt.Sprint(f.N),
		})
	}
	for _, c := range r.Growth() {
		c.Width = pageWidth
		one.Growth = append(one.Growth, c.HTML())
	}
	v.Pairs = append(v.Pairs, one)
	return v.write(w)
}

// sorted are the run's series by name.
func (r *Run) sorted() []*Series {
	all := make([]*Series, len(r.Series))
	for i := range r.Series {
		all[i] = &r.Series[i]
	}
	slices.SortStableFunc(all, func(a, b *Series) int { return ByName(a.Benchmark, b.Benchmark) })
	return all
}

// pageWidth is that of the page's plots.
const pageWidth = 1040

func wide(s plot.Strip) template.HTML {
	s.Width = pageWidth
	return s.HTML()
}

// line is a problem in words.
func (p Problem) line() string {
	what := p.Benchmark
	if what == "" {
		what = "all of it"
	}
	return fmt.Sprintf("%s on %s: %s: %s", what, p.System, p.Kind, p.Reason)
}

// pageView is the page's content, with nothing left to work out.
type pageView struct {
	Style    template.CSS
	Policy   string
	Headline string
	Sign     pageSign
	Notes    []string
	Pairs    []pagePair
	Systems  []pageSystem
	Caveats  []string
}

type pageSign struct{ Class, Mark string }

type pagePair struct {
	Anchor, Title          string
	Two                    bool
	A, B                   string
	Differs, New, Vanished []string
	Rows                   []pageRow
	Growth                 []template.HTML
	Ratios                 template.HTML
}

type pageRow struct {
	Anchor, Benchmark, Unit, Method, N string
	A, AScatter, B, BScatter           string
	Change, Interval, P, Word          string
	Sign                               pageSign
	Same                               bool
	Plot                               template.HTML
}

type pageSystem struct {
	Name  string
	Pairs [][2]string
}

func (v *pageView) write(w io.Writer) error {
	t, err := template.New("bench").Parse(pageTemplate)
	if err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	for i, note := range v.Notes {
		v.Notes[i] = line(note)
	}
	style := reports.PageStyle() + plot.Style() + pageStyle
	v.Style, v.Policy = template.CSS(style), reports.PagePolicy(style, "")
	b := bufio.NewWriter(w)
	if err := t.Execute(b, v); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// pair puts two systems on the page.
func (v *pageView) pair(p *Pair, n int, effect float64) {
	a, b := p.names()
	one := pagePair{Anchor: fmt.Sprintf("pair-%d", n), Title: line(b) + " against " + line(a), Two: true, A: p.A.line(), B: p.B.line()}
	for _, d := range p.Differs {
		one.Differs = append(one.Differs, line(d))
	}
	for _, gone := range byBenchmark(p.Vanished) {
		one.Vanished = append(one.Vanished, gone.line("B"))
	}
	for _, come := range byBenchmark(p.New) {
		one.New = append(one.New, come.line("A"))
	}
	for i, j := range p.sorted() {
		one.Rows = append(one.Rows, pageRow{
			Anchor: fmt.Sprintf("f-%d-%d", n, i), Benchmark: line(j.Benchmark), Unit: line(j.Unit), Method: line(j.A.Method), N: fmt.Sprintf("%d and %d", j.A.N, j.B.N),
			A: Say(j.A.Median, j.A.unit(j)), AScatter: j.A.scatter(), B: Say(j.B.Median, j.B.unit(j)), BScatter: j.B.scatter(),
			Change: j.change(), Interval: j.interval(), P: j.pWord(), Word: line(j.verdictWord(effect)), Sign: j.Verdict.sign(), Same: j.Verdict == Same, Plot: wide(p.Plot(j)),
		})
	}
	if len(p.Figures) > 0 {
		all := p.Ratios(effect)
		all.Width = pageWidth
		one.Ratios = all.HTML()
	}
	for _, c := range p.Growth() {
		c.Width = pageWidth
		one.Growth = append(one.Growth, c.HTML())
	}
	v.Pairs = append(v.Pairs, one)
}

// sign is a verdict's colour and mark.
func (v Verdict) sign() pageSign {
	return pageSign{map[Verdict]string{Slower: "fail", Faster: "pass", Same: "skip", CannotTell: "refuted"}[v], v.mark()}
}

// systems puts what is known of each system on the page, each once.
func (v *pageView) systems(all []System) {
	for _, s := range all {
		name := line(s.line())
		if slices.ContainsFunc(v.Systems, func(was pageSystem) bool { return was.Name == name }) {
			continue
		}
		one := pageSystem{Name: name}
		for _, k := range slices.Sorted(maps.Keys(s.Detail)) {
			one.Pairs = append(one.Pairs, [2]string{line(k), clip(reports.OneLine(s.Detail[k]), 600)})
		}
		v.Systems = append(v.Systems, one)
	}
}
