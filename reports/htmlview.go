package reports

import (
	"fmt"
	"html/template"
	"maps"
	"net/url"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// Limits of what the page shows of one thing; results.json has all of it.
const (
	maxName     = 300    // runes of a name or title
	maxText     = 12_000 // runes of what was expected, observed or seen
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
	Columns   []string
	Rows      []htmlRow
	Unfolded  bool
	Scenarios []*htmlScenario
	Claims    []htmlClaim
	Labels    []string
	Kernels   []string
	Ways      string // what is packed
	Hidden    int    // checks whose evidence takes a script to be seen
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

type htmlScenario struct {
	Anchor, Name, Title, Location string
	Labels                        []string
	Picture                       template.HTML
	Cases                         []*htmlCase
	same                          bool // all of its cases have the same picture
	many                          bool // its cases have titles of their own
	picture                       *Picture
}

type htmlCase struct {
	badge
	Anchor, Name, Title, Place, Counts, Duration, Placement, Console string
	Capture, CaptureLink                                             string
	Kernel                                                           int
	Labels                                                           string
	Open                                                             bool
	Gone                                                             bool // the capture is not where it should be
	Picture                                                          template.HTML
	Checks                                                           []htmlCheck
	picture                                                          *Picture
}

type htmlCheck struct {
	badge
	Anchor, ID, Title, Step, Expected, Observed, Proof, Location, Duration string
	Claims                                                                 []htmlClaimRef
	ClaimList                                                              string
	Evidence                                                               template.HTML // a list
	Matrices                                                               []heatmap
	Packets                                                                string
	Open                                                                   bool
	Way                                                                    template.HTML
	Packed                                                                 int    // number of what is packed, from 1
	Ended                                                                  string // where frames ended
}

type htmlClaimRef struct {
	ID, Anchor string
	Refutes    bool
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
	v.findings(page)
	page.Skips = r.skips()
	for i := range page.Skips {
		page.Skips[i].Reason = clip(page.Skips[i].Reason, 1000)
	}
	page.Grounds = v.grounds()
	page.Columns, page.Rows = v.overview(page.Scenarios)
	page.Unfolded = len(page.Rows) <= maxOverview
	page.Claims = v.claimViews()
	var err error
	page.Hidden = v.ways.hidden
	page.Ways, err = v.ways.pack()
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

// scenarios groups the cases by scenario, in the order in which they first come.
func (v *viewer) scenarios() []*htmlScenario {
	var all []*htmlScenario
	index := map[string]*htmlScenario{}
	for i := range v.r.Cases {
		c := &v.r.Cases[i]
		s := index[c.Scenario]
		if s == nil {
			s = &htmlScenario{
				Anchor: v.anchor("scenario", c.Scenario), Name: name(c.Scenario), Title: name(c.Title),
				Location: name(c.Location), picture: c.Picture, same: true,
			}
			for _, l := range c.Labels {
				s.Labels = append(s.Labels, name(l))
			}
			index[c.Scenario] = s
			all = append(all, s)
		}
		s.same = s.same && reflect.DeepEqual(c.Picture, s.picture)
		s.many = s.many || name(c.Title) != s.Title
		s.Cases = append(s.Cases, v.caseView(c))
	}
	for _, s := range all {
		s.draw()
		s.title()
	}
	return all
}

// draw draws the scenario's picture once where its cases share it.
func (s *htmlScenario) draw() {
	if s.same {
		if s.picture != nil {
			s.Picture = svgOf(s.picture)
		}
		return
	}
	for _, c := range s.Cases {
		if c.picture != nil {
			c.Picture = svgOf(c.picture)
		}
	}
}

// title puts a title that differs from case to case at the cases alone.
func (s *htmlScenario) title() {
	if s.many {
		s.Title = ""
		return
	}
	for _, c := range s.Cases {
		c.Title = ""
	}
}

func (v *viewer) caseView(c *Case) *htmlCase {
	verdict := c.outcome()
	view := &htmlCase{
		badge: badgeOf(verdict), Anchor: v.anchor("case", c.Case, c.place()), Name: name(c.Case), Title: name(c.Title), Place: name(c.place()),
		Duration: spent(c.Duration), Placement: name(c.Placement), Console: text(tail(c.Console, 400)),
		Kernel: v.kernels[c.Kernel], Open: verdict == Fail || verdict == Error, picture: c.Picture,
	}
	for _, l := range c.Labels {
		view.Labels += fmt.Sprintf("%d ", v.labels[l])
	}
	if c.Capture != "" {
		view.Capture = name(c.Capture)
		view.Gone = c.CaptureMissing
		if filepath.IsLocal(c.Capture) && !view.Gone {
			view.CaptureLink = (&url.URL{Path: c.Capture}).String()
		}
	}
	passed := 0
	entries := c.entries()
	anchors := make([]string, len(entries))
	for i := range entries {
		anchors[i] = v.anchor("check", c.Case, c.place(), entries[i].ID)
		if entries[i].Verdict.known() == Pass {
			passed++
		}
		view.Checks = append(view.Checks, v.checkView(c.Picture, &entries[i], anchors[i]))
	}
	v.anchors = append(v.anchors, anchors)
	view.Counts = fmt.Sprintf("%d of %d passed", passed, len(entries))
	return view
}

func (v *viewer) checkView(p *Picture, k *Check, anchor string) htmlCheck {
	verdict := k.Verdict.known()
	view := htmlCheck{
		badge: badgeOf(verdict), Anchor: anchor, ID: name(k.ID), Title: name(k.Title), Step: name(k.Step), Expected: text(k.Expected),
		Observed: text(k.Observed), Proof: name(string(k.Proof)), Location: name(k.Location),
		Duration: spent(k.Duration), Packets: clip(numbers(k.packets()), 400), Open: verdict == Fail || verdict == Error,
	}
	for _, id := range slices.Concat(k.Claims, k.Refutes) {
		at := v.claim[id]
		ref := htmlClaimRef{ID: name(id), Anchor: claimAnchor(at), Refutes: slices.Contains(k.Refutes, id)}
		if !slices.Contains(view.Claims, ref) {
			view.Claims = append(view.Claims, ref)
			view.ClaimList += fmt.Sprintf("%d ", at)
		}
	}
	for i := range k.Matrices {
		view.Matrices = append(view.Matrices, newHeatmap(&k.Matrices[i], &v.room))
	}
	v.ways.show(&view, newSequence(p, k), listed(k))
	if k.Drops != nil {
		view.Ended = text(k.Drops.Text)
	}
	return view
}

// overview is the table of all cases against all grounds. Repeats share a cell,
// which shows the worst of them.
func (v *viewer) overview(scenarios []*htmlScenario) ([]string, []htmlRow) {
	columns := map[string]int{}
	var heads []string
	rows := map[string]int{}
	var table []htmlRow
	for _, s := range scenarios {
		for _, c := range s.Cases {
			place, _, _ := strings.Cut(c.Place, " repeat ")
			column, known := columns[place]
			if !known {
				column = len(heads)
				columns[place] = column
				heads = append(heads, place)
			}
			key := s.Name + "\x00" + c.Name
			row, known := rows[key]
			if !known {
				row = len(table)
				rows[key] = row
				table = append(table, htmlRow{Name: c.Name})
			}
			for len(table[row].Cells) <= column {
				table[row].Cells = append(table[row].Cells, htmlOutcome{})
			}
			cell := &table[row].Cells[column]
			if cell.Anchor == "" || Overall([]Verdict{Verdict(cell.Class), Verdict(c.Class)}) != Verdict(cell.Class) {
				*cell = htmlOutcome{c.badge, c.Anchor, c.Counts}
			}
		}
	}
	for i := range table {
		for len(table[i].Cells) < len(heads) {
			table[i].Cells = append(table[i].Cells, htmlOutcome{})
		}
	}
	return heads, table
}

func (v *viewer) claimViews() []htmlClaim {
	var all []htmlClaim
	for i, c := range v.claims {
		view := htmlClaim{
			Anchor: claimAnchor(i), ID: name(c.Claim.ID), Text: text(c.Claim.Text), Source: name(c.Claim.Source), Standing: standingBadge(c.Standing),
		}
		for _, k := range c.Kernels {
			kernel := htmlClaimKernel{Kernel: name(k.Kernel), Standing: standingBadge(k.Standing)}
			for n, by := range k.Checks {
				if n == maxListed {
					kernel.More = len(k.Checks) - n
					break
				}
				c := &v.r.Cases[by.Case]
				// A case with a reason of its own has one entry more than checks.
				entry := by.Check + len(v.anchors[by.Case]) - len(c.Checks)
				kernel.Checks = append(kernel.Checks, htmlClaimCheck{
					badgeOf(by.Verdict), v.anchors[by.Case][entry], name(c.Checks[by.Check].Title), by.Refutes,
				})
			}
			view.Kernels = append(view.Kernels, kernel)
		}
		all = append(all, view)
	}
	return all
}

// standingBadge shows a standing in the shape and colour of the nearest verdict.
// A refuted claim is a finding, not a failure, and has a sign of its own.
func standingBadge(s Standing) badge {
	switch s {
	case Proven:
		return badge{"pass", "✓", string(s)}
	case Refuted:
		return badge{"refuted", "≠", string(s)}
	case Disputed:
		return badge{"fail", "✗", string(s)}
	case Open:
	}
	return badge{"skip", "–", string(Open)}
}

func claimAnchor(i int) string { return fmt.Sprintf("claim-%d", i+1) }

// anchor makes an id of names: letters and digits of them, made unique.
func (v *viewer) anchor(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		for _, r := range clip(strings.ToLower(p), 80) {
			switch {
			case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.':
				b.WriteRune(r)
			default:
				b.WriteByte('-')
			}
		}
		b.WriteByte('-')
	}
	for {
		id := v.ids.name(strings.Trim(b.String(), "-"))
		id = strings.NewReplacer(" (", "-", ")", "").Replace(id)
		if !v.used[id] {
			v.used[id] = true
			return id
		}
	}
}
