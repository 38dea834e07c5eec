package reports

import (
	"bufio"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
)

//go:embed compare.html.tmpl
var comparePage string

// maxChanges is how many changes of a kind the page shows.
const maxChanges = 2000

// compareView is the comparison's page.
type compareView struct {
	Style    template.CSS
	Policy   string
	Verdict  badge
	Headline string
	Runs     []compareRun
	Groups   []compareGroup
	Kinds    []compareKind
	Built    *compareBuiltView
	Same     string
}

type compareRun struct {
	Name   string
	Counts []htmlCount
}

// compareGroup is cases that only one run has.
type compareGroup struct {
	Anchor, Title, N string
	Cases            []compareCase
	More             int
}

type compareCase struct {
	badge
	Case, Place, Counts string
}

type compareKind struct {
	Anchor, Title, N string
	Changes          []compareChange
	More             int
}

type compareChange struct {
	Anchor, Title, Case, Check, Location string
	After                                badge
	Sides                                []compareSide
}

// compareSide is one check in one of the two runs.
type compareSide struct {
	badge
	When, Kernel, Expected, Observed string
}

// compareBuiltView is what engines have built otherwise.
type compareBuiltView struct {
	N       string
	Changes []compareBuiltChange
	More    int
}

type compareBuiltChange struct {
	Case, Node string
	Sides      []compareBuiltSide
}

// compareBuiltSide is what only one of the two engines has.
type compareBuiltSide struct {
	When, Engine, Lines string
}

// WriteHTML writes the difference as one page with both runs side by side. It loads
// nothing and has no script.
func (d Diff) WriteHTML(w io.Writer) error {
	page, err := template.New("compare").Parse(comparePage)
	if err != nil {
		return fmt.Errorf("write comparison: %w", err)
	}
	verdict := Pass
	if d.Regressed() {
		verdict = Fail
	}
	view := compareView{
		Style: template.CSS(htmlStyle), Verdict: badgeOf(verdict), Headline: d.Headline(),
		Policy: "default-src 'none'; base-uri 'none'; form-action 'none'; style-src " + hash(htmlStyle),
		Runs:   []compareRun{{"Before", countsOf(d.Before)}, {"Now", countsOf(d.After)}},
	}
	if d.Same > 0 {
		view.Same = plural(d.Same, "check")
	}
	for _, g := range d.caseGroups() {
		view.Groups = append(view.Groups, g.view())
	}
	for _, k := range kinds() {
		if changes := d.of(k.Kind); len(changes) > 0 {
			view.Kinds = append(view.Kinds, kindView(k.Kind, k.Title, changes))
		}
	}
	view.Built = d.builtView()
	buffered := bufio.NewWriter(w)
	if err := page.Execute(buffered, view); err != nil {
		return fmt.Errorf("write comparison: %w", err)
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("write comparison: %w", err)
	}
	return nil
}

func (g caseGroup) view() compareGroup {
	view := compareGroup{Anchor: g.anchor, Title: g.title, N: count(len(g.cases))}
	for i, c := range g.cases {
		if i == maxChanges {
			view.More = len(g.cases) - i
			break
		}
		view.Cases = append(view.Cases, compareCase{badgeOf(c.Summary.verdict()), name(c.Case), name(c.Place), c.Summary.String()})
	}
	return view
}

func kindView(kind Kind, title string, changes []Change) compareKind {
	view := compareKind{Anchor: string(kind), Title: title, N: count(len(changes))}
	for i, c := range changes {
		if i == maxChanges {
			view.More = len(changes) - i
			break
		}
		one := compareChange{
			Anchor: fmt.Sprintf("%s-%d", kind, i+1), Title: name(c.Title), Case: name(c.Case), Check: name(c.Check), Location: name(c.Location),
			After: badgeOf(c.After),
			Sides: []compareSide{
				{sideBadge(c.Before), "before", name(c.KernelBefore), text(c.ExpectedBefore), text(c.ObservedBefore)},
				{sideBadge(c.After), "now", name(c.KernelAfter), text(c.Expected), text(c.Observed)},
			},
		}
		if c.After == "" { // what is gone is skipped at best
			one.After = badgeOf(Skip)
		}
		view.Changes = append(view.Changes, one)
	}
	return view
}

// builtView is nil where nothing was built otherwise.
func (d Diff) builtView() *compareBuiltView {
	if len(d.Built) == 0 {
		return nil
	}
	view := &compareBuiltView{N: count(len(d.Built))}
	for i, c := range d.Built {
		if i == maxChanges {
			view.More = len(d.Built) - i
			break
		}
		view.Changes = append(view.Changes, compareBuiltChange{name(c.Case), name(c.Node), []compareBuiltSide{
			{"before", name(c.Before), text(strings.Join(c.Gone, "\n"))}, {"now", name(c.After), text(strings.Join(c.New, "\n"))},
		}})
	}
	return view
}

// sideBadge is a verdict, or that there is none.
func sideBadge(v Verdict) badge {
	if v == "" {
		return badge{"skip", "–", "not there"}
	}
	return badgeOf(v)
}
