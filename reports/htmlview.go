package reports

import (
	"fmt"
	"html/template"
	"maps"
	"slices"
)

// Limits of what the page shows of one thing; results.json has all of it.
const (
	maxName     = 300    // runes of a name or title
	maxText     = 12_000 // runes of what was expected, observed or seen
	maxShort    = 600    // bytes of it that need no box to scroll in
	maxEvidence = 200    // pieces of evidence of one check
	maxFrames   = 8      // frames among them, where they are known in full
	maxListed   = 100    // findings told at the top of the page
	maxOverview = 40     // rows of the overview that are shown unfolded
)

// htmlView is the page's content, with nothing left to work out or to clean but
// what html/template escapes.
type htmlView struct {
	Style     template.CSS
	Script    template.JS
	Policy    string
	Verdict   badge
	Headline  string
	Facts     []string
	Counts    []htmlCount
	Bad       []htmlFinding
	More      int // findings that are not listed at the top
	Skips     []skipped
	Grounds   []htmlGround
	Kernel    *htmlKernels // nil where no case ran on two kernels
	Columns   []string
	Rows      []htmlRow
	Unfolded  bool
	Scenarios []*htmlScenario
	Claims    []htmlClaim
	Labels    []string
	Kernels   []string
	Checks    string            // how many there are
	Ways      template.HTMLAttr // what is packed
	Hidden    string            // checks whose ways and evidence take a script to be seen
}

// badge is a verdict as the page shows it: a sign and a word, and colour last.
type badge struct{ Class, Mark, Word string }

func badgeOf(v Verdict) badge {
	v = v.known()
	return badge{string(v), v.mark(), string(v)}
}

type htmlCount struct {
	badge
	N    string
	X, W float64 // its part of the bar, in percent
}

type htmlFinding struct {
	badge
	Anchor, Title, Why, Ended, Case, Place, Location string
}

type htmlGround struct {
	Ground, Kernel, Arch, Tool string
	Detail                     []htmlPair
}

type htmlPair struct{ Name, Value string }

type htmlRow struct {
	Name  string
	Cells []htmlOutcome
}

type htmlOutcome struct {
	badge
	Anchor, Text string
}

type htmlClaim struct {
	Anchor, ID, Text, Source string
	Standing                 badge
	Kernels                  []htmlClaimKernel
}

type htmlClaimKernel struct {
	Kernel   string
	Standing badge
	Checks   []htmlClaimCheck
	More     int
}

type htmlClaimCheck struct {
	badge
	Anchor, Title string
	Refutes       bool
}

// viewer builds the view. Anchors are made of names, so that a link to a check
// still leads there in the report of the next run.
type viewer struct {
	r       *Results
	ids     unique
	used    map[string]bool
	claims  []Coverage
	claim   map[string]int
	anchors [][]string // of each entry of each case
	labels  map[string]int
	kernels map[string]int
	ways    ways
	checks  int
	room    int // cells of matrices that may still be elements
}

func newHTMLView(r *Results) (*htmlView, error) {
	v := &viewer{r: r, room: maxCells, ids: unique{}, used: map[string]bool{}, claims: r.Coverage(), claim: map[string]int{}, labels: map[string]int{}, kernels: map[string]int{}}
	for i, c := range v.claims {
		v.claim[c.Claim.ID] = i
	}
	page := &htmlView{Verdict: badgeOf(r.Verdict()), Headline: r.headline(), Facts: v.facts(), Counts: countsOf(r.tally())}
	v.lists(page)
	page.Scenarios = v.scenarios()
	page.Checks = plural(v.checks, "check")
	v.findings(page)
	page.Skips = r.skips()
	for i := range page.Skips {
		page.Skips[i].Reason = clip(page.Skips[i].Reason, 1000)
	}
	page.Grounds = v.grounds()
	page.Columns, page.Rows = v.overview(page.Scenarios)
	page.Kernel = v.kernelView()
	page.Unfolded = len(page.Rows) <= maxOverview && page.Kernel == nil
	page.Claims = v.claimViews()
	var err error
	page.Ways, err = v.ways.settle()
	page.Hidden = v.ways.told()
	return page, err
}

// lists gathers the labels and kernels that the page can be filtered by.
func (v *viewer) lists(page *htmlView) {
	for i := range v.r.Cases {
		for _, l := range v.r.Cases[i].Labels {
			v.labels[l] = 0
		}
	}
	for i, l := range slices.Sorted(maps.Keys(v.labels)) {
		v.labels[l] = i
		page.Labels = append(page.Labels, name(l))
	}
	for i, k := range v.r.kernels() {
		v.kernels[k] = i
		page.Kernels = append(page.Kernels, name(k))
	}
}

// name makes a name or title fit for the page.
func name(s string) string { return clip(oneLine(s), maxName) }

// text makes longer text fit for the page, with its line breaks.
func text(s string) string { return clip(block(s), maxText) }

func (v *viewer) facts() []string {
	var facts []string
	if !v.r.Started.IsZero() {
		facts = append(facts, v.r.Started.UTC().Format("2 January 2006, 15:04:05 UTC"))
	}
	facts = append(facts, "took "+humane(v.r.Duration), plural(len(v.r.Cases), "case"))
	if k := v.r.kernels(); len(k) == 1 {
		facts = append(facts, "kernel "+name(k[0]))
	} else if len(k) > 1 {
		facts = append(facts, plural(len(k), "kernel"))
	}
	return append(facts, fmt.Sprintf("seed %d", v.r.Seed))
}

// countsOf are the parts of a bar.
func countsOf(s Summary) []htmlCount {
	total := float64(max(s.Total(), 1))
	var counts []htmlCount
	x := 0.0
	for _, c := range []struct {
		Verdict
		n int
	}{{Fail, s.Fail}, {Error, s.Error}, {Pass, s.Pass}, {Skip, s.Skip}} {
		part := htmlCount{badge: badgeOf(c.Verdict), N: count(c.n), X: x, W: 100 * float64(c.n) / total}
		x += part.W
		counts = append(counts, part)
	}
	return counts
}

func (v *viewer) findings(page *htmlView) {
	for _, verdict := range []Verdict{Fail, Error} {
		for _, f := range v.r.findings(verdict) {
			if len(page.Bad) == maxListed {
				page.More++
				continue
			}
			ended := ""
			if f.Check.Drops != nil {
				ended = clip(oneLine(f.Check.Drops.Text), 600)
			}
			page.Bad = append(page.Bad, htmlFinding{
				badge: badgeOf(verdict), Anchor: v.anchors[f.index][f.entry], Title: name(f.Check.Title),
				Why: clip(f.Check.why(), 600), Ended: ended, Case: name(f.Case.Case), Place: name(f.place()), Location: name(f.Check.Location),
			})
		}
	}
}

func (v *viewer) grounds() []htmlGround {
	var grounds []htmlGround
	for _, e := range v.r.Environment {
		g := htmlGround{Ground: name(e.Ground), Kernel: name(e.Kernel), Arch: name(e.Arch), Tool: name(e.Tool)}
		for _, k := range slices.Sorted(maps.Keys(e.Detail)) {
			g.Detail = append(g.Detail, htmlPair{name(k), clip(oneLine(e.Detail[k]), 1000)})
		}
		grounds = append(grounds, g)
	}
	return grounds
}
