package reports

import (
	"fmt"
	"html/template"
	"net/url"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

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
	Anchor, Name, Title, Place, Counts, Facts, Placement, Console string
	Capture, CaptureLink                                          string
	Kernel                                                        int
	Labels                                                        string
	Open                                                          bool
	Gone                                                          bool // the capture is not where it should be
	Picture                                                       template.HTML
	Checks                                                        []*htmlCheck
	picture                                                       *Picture
}

type htmlCheck struct {
	badge
	Anchor, Title, Step, Expected, Observed string
	Facts                                   string // where it stands, its proof and how long it took
	Claims                                  []htmlClaimRef
	Open, Long                              bool
	Ended                                   string // where frames ended
	Matrices                                []heatmap
	Way, Evidence                           template.HTML // a diagram and a list
	Packets                                 string
	Packed                                  int  // number of what is packed, from 1
	Drawn                                   bool // a diagram is packed
}

type htmlClaimRef struct {
	ID, Anchor string
	Refutes    bool
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
		Placement: name(c.Placement), Console: text(tail(c.Console, 400)),
		Kernel: v.kernels[c.Kernel], Open: verdict == Fail || verdict == Error, picture: c.Picture,
	}
	for _, l := range c.Labels {
		view.Labels += fmt.Sprintf("%d ", v.labels[l])
	}
	view.capture(c)
	passed := 0
	entries := c.entries()
	anchors := make([]string, len(entries))
	for i := range entries {
		anchors[i] = v.brief(c.Case, c.place(), entries[i].ID)
		if entries[i].Verdict.known() == Pass {
			passed++
		}
		view.Checks = append(view.Checks, v.checkView(c, &entries[i], anchors[i]))
	}
	v.anchors = append(v.anchors, anchors)
	view.Counts = fmt.Sprintf("%d of %d passed", passed, len(entries))
	view.Facts = joined(view.Place, view.Counts, spent(c.Duration))
	return view
}

// capture links to the capture, where it is a file beside the page.
func (view *htmlCase) capture(c *Case) {
	if c.Capture == "" {
		return
	}
	view.Capture = name(c.Capture)
	view.Gone = c.CaptureMissing
	if filepath.IsLocal(c.Capture) && !view.Gone {
		view.CaptureLink = (&url.URL{Path: c.Capture}).String()
	}
}

func (v *viewer) checkView(c *Case, k *Check, anchor string) *htmlCheck {
	verdict := k.Verdict.known()
	v.checks++
	view := &htmlCheck{
		badge: badgeOf(verdict), Anchor: anchor, Title: name(k.Title), Step: name(k.Step), Expected: text(k.Expected), Observed: text(k.Observed),
		Facts:   joined(within(k.Location, c.Location), proofWords(k.Proof), spent(k.Duration)),
		Packets: clip(numbers(k.packets()), 400), Open: verdict == Fail || verdict == Error,
	}
	view.Long = max(len(view.Expected), len(view.Observed)) > maxShort
	for _, id := range slices.Concat(k.Claims, k.Refutes) {
		ref := htmlClaimRef{ID: name(id), Anchor: claimAnchor(v.claim[id]), Refutes: slices.Contains(k.Refutes, id)}
		if !slices.Contains(view.Claims, ref) {
			view.Claims = append(view.Claims, ref)
		}
	}
	for i := range k.Matrices {
		view.Matrices = append(view.Matrices, newHeatmap(&k.Matrices[i], &v.room, view.Open))
	}
	v.ways.show(view, k, newSequence(c.Picture, k))
	if k.Drops != nil {
		view.Ended = text(k.Drops.Text)
	}
	return view
}

// within is a place in a file; where the file is the scenario's own, which stands
// above, its line is enough.
func within(location, scenario string) string {
	file, line := splitLocation(location)
	if own, _ := splitLocation(scenario); line > 0 && own == file {
		return fmt.Sprintf("line %d", line)
	}
	return name(location)
}

func proofWords(p Proof) string {
	if p == "" {
		return ""
	}
	return "proof: " + name(string(p))
}

// joined strings facts together, and leaves out empty ones.
func joined(facts ...string) string {
	return strings.Join(slices.DeleteFunc(facts, func(f string) bool { return f == "" }), " · ")
}
