package history

import (
	"bufio"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"

	"github.com/lanproof/lanproof/bench/plot"
	"github.com/lanproof/lanproof/reports"
)

//go:embed page.html.tmpl
var page string

// Limits of what the page shows.
const (
	maxChanges = 200
	maxCases   = 500
	maxColumns = 40 // the last runs of cases
	maxRuns    = 1000
)

// Page is what a history's page shows.
type Page struct {
	Runs    []*Run
	Figures []*Figure
	Cases   []*CaseTrack
}

// pageView is the page with nothing left to work out.
type pageView struct {
	Style    template.CSS
	Policy   string
	Headline string
	Facts    []string
	Changes  []pageChange
	Figures  []pageFigure
	Columns  []string
	Cases    []pageCase
	Runs     []pageRun
}

// pageBadge is a sign and a word, in the colour of a verdict.
type pageBadge struct{ Class, Mark, Word string }

type pageChange struct {
	pageBadge
	Anchor, Benchmark, Text, System string
	at                              int64
}

type pageFigure struct {
	Anchor string
	Chart  template.HTML
}

type pageCase struct {
	Case, System string
	Verdicts     []pageBadge
}

type pageRun struct {
	ID                                 int64
	Began, Label, Machine, Found, Tool string
	Kernels                            []string
}

// WriteHTML writes the history as one page that loads nothing and has no script.
func (p *Page) WriteHTML(w io.Writer) error {
	t, err := template.New("history").Parse(page)
	if err != nil {
		return fmt.Errorf("write the history's page: %w", err)
	}
	style := reports.PageStyle() + plot.Style()
	view := &pageView{Style: template.CSS(style), Policy: reports.PagePolicy(style, "")}
	p.figures(view)
	p.cases(view)
	p.runs(view)
	view.Headline = p.Headline()
	buffered := bufio.NewWriter(w)
	if err := t.Execute(buffered, view); err != nil {
		return fmt.Errorf("write the history's page: %w", err)
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("write the history's page: %w", err)
	}
	return nil
}

// Headline sums the history up in a sentence.
func (p *Page) Headline() string {
	tracks, changes, worse := 0, 0, 0
	for _, f := range p.Figures {
		for _, t := range f.Tracks {
			tracks++
			for _, c := range t.Changes {
				changes++
				if t.Worse(c) {
					worse++
				}
			}
		}
	}
	said := fmt.Sprintf("%s for the worse and %d for the better in %s over %s", plural(worse, "change"), changes-worse, plural(tracks, "figure"), plural(len(p.Runs), "run"))
	if tracks == 0 {
		said = fmt.Sprintf("No figures in %s", plural(len(p.Runs), "run"))
	} else if changes == 0 {
		said = fmt.Sprintf("No change in %s over %s", plural(tracks, "figure"), plural(len(p.Runs), "run"))
	}
	return said
}

func (p *Page) figures(view *pageView) {
	for i, f := range p.Figures {
		anchor := fmt.Sprintf("figure-%d", i+1)
		view.Figures = append(view.Figures, pageFigure{anchor, f.Chart().HTML()})
		for _, t := range f.Tracks {
			for _, c := range t.Changes {
				one := pageChange{
					pageBadge: pageBadge{"pass", "✓", "better"}, Anchor: anchor, Benchmark: reports.OneLine(t.Benchmark),
					Text: reports.OneLine(t.Say(c)), System: reports.OneLine(t.System), at: t.Points[c.At].Run.Started.UnixNano(),
				}
				if t.Worse(c) {
					one.pageBadge = pageBadge{"fail", "✗", "worse"}
				}
				view.Changes = append(view.Changes, one)
			}
		}
	}
	slices.SortStableFunc(view.Changes, func(a, b pageChange) int { return int(max(min(b.at-a.at, 1), -1)) })
	view.Changes = view.Changes[:min(len(view.Changes), maxChanges)]
}

// cases is a table of those whose verdict is not the same in all runs.
func (p *Page) cases(view *pageView) {
	var runs []*Run
	for _, r := range p.Runs {
		if r.Kind == Results {
			runs = append(runs, r)
		}
	}
	runs = runs[max(len(runs)-maxColumns, 0):]
	for _, r := range runs {
		head := r.Started.Format("2006-01-02 15:04")
		if r.Label != "" {
			head += " " + reports.OneLine(r.Label)
		}
		view.Columns = append(view.Columns, head)
	}
	for _, t := range p.Cases {
		if !t.Changed() || len(view.Cases) == maxCases {
			continue
		}
		one := pageCase{Case: reports.OneLine(t.Case), System: reports.OneLine(t.System)}
		for _, r := range runs {
			one.Verdicts = append(one.Verdicts, badgeOf(t.Verdicts[r.ID]))
		}
		view.Cases = append(view.Cases, one)
	}
}

// badgeOf shows a verdict; nothing of none.
func badgeOf(v reports.Verdict) pageBadge {
	switch v {
	case reports.Pass:
		return pageBadge{"pass", "✓", "pass"}
	case reports.Fail:
		return pageBadge{"fail", "✗", "fail"}
	case reports.Skip:
		return pageBadge{"skip", "–", "skip"}
	case reports.Error:
		return pageBadge{"error", "!", "error"}
	}
	return pageBadge{}
}

// runs lists the latest first.
func (p *Page) runs(view *pageView) {
	if n := len(p.Runs); n > 0 {
		const day = "2 January 2006"
		first, last := p.Runs[0].Started.Format(day), p.Runs[n-1].Started.Format(day)
		if view.Facts = []string{first}; last != first {
			view.Facts = []string{first + " to " + last}
		}
	}
	if n := len(view.Cases); n > 0 {
		view.Facts = append(view.Facts, plural(n, "case")+" with verdicts that are not the same in all runs")
	}
	for _, r := range slices.Backward(p.Runs) {
		if len(view.Runs) == maxRuns {
			break
		}
		one := pageRun{
			ID: r.ID, Began: r.Started.Format("2006-01-02 15:04:05"), Label: reports.OneLine(r.Label), Machine: reports.OneLine(r.Machine),
			Found: r.Found(), Tool: reports.OneLine(r.Tool),
		}
		for _, k := range r.Kernels() {
			one.Kernels = append(one.Kernels, reports.OneLine(k))
		}
		view.Runs = append(view.Runs, one)
	}
}

// Found tells in a few words what a run found out.
func (r *Run) Found() string {
	if r.Kind == Results {
		return fmt.Sprintf("%s: %s", plural(r.Cases, "case"), r.Checks)
	}
	if r.Problems > 0 {
		return fmt.Sprintf("%s, %s", plural(r.Benchmarks, "figure"), plural(r.Problems, "problem"))
	}
	return plural(r.Benchmarks, "figure")
}

// plural counts things in words.
func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
