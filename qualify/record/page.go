package record

import (
	"bufio"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/lanproof/lanproof/reports"
)

//go:embed page.html.tmpl
var pageTemplate string

//go:embed page.css
var pageStyle string

// WriteHTML writes the page for people: one file that loads nothing and has no script.
// The results of the catalogue's cases may be nil; they are linked to, not shown.
func (q *Qualification) WriteHTML(w io.Writer, results *reports.Results) error {
	t, err := template.New("qualification").Parse(pageTemplate)
	if err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	style := reports.PageStyle() + pageStyle
	view := q.page()
	view.Style, view.Policy = template.CSS(style), reports.PagePolicy(style, "")
	if results != nil {
		view.Catalogue = FileCatalogue
	}
	buffered := bufio.NewWriter(w)
	if err := t.Execute(buffered, view); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// pageView is the page's content, with nothing left to work out.
type pageView struct {
	Style                                          template.CSS
	Policy, Headline, Tool, Profile, Because, Port string
	Sign                                           badge
	Facts                                          []string
	Counts                                         []pageCount
	Against                                        []pageFinding
	Ports                                          []pagePort
	Requirements                                   []pageRequirement
	Claimed                                        []pageFeature
	Features                                       []pair
	Cases                                          []pageCase
	CasesNote, Catalogue, Rest                     string
	Waivers                                        []pageWaiver
	Restored                                       bool
	Differences                                    []string
}

// badge is a status as pages show it: a sign and a word, and colour last.
type badge struct{ Class, Mark, Word string }

type pageCount struct {
	badge
	N    int
	X, W float64 // its part of the bar, in percent
}

type pageFinding struct {
	badge
	Anchor, Title, Why string
}

type pair struct{ Name, Value string }

type pagePort struct {
	Title, Sub string
	Pairs      []pair
	Settings   []pair
}

type pageRequirement struct {
	badge
	Anchor, ID, Title, Saw, Expected, Observed, Reason, Source string
	Waiver, Reproduce, Capture, CaptureLink, Took              string
	Core, Open                                                 bool
	Measured                                                   []pair
	Known                                                      []string
	Trials                                                     []pageTrial
	Facts                                                      []pageFact
}

type pageFact struct {
	Name, Want, Got string
	Wrong           bool
}

type pageTrial struct {
	Name, From, At, Want, Came, Canary, Twice, Late, Altered, Numbers, Proof string
	Wrong                                                                    bool
}

type pageFeature struct {
	Feature
	Anchor, By string
}

type pageCase struct {
	badge
	Anchor, Name, Reason, Waiver, CaptureLink string
	Pass, Fail                                int
}

type pageWaiver struct {
	ID, State, Until, Who, Reason, Note string
	Bad                                 bool
}

func badgeOf(s string) badge {
	switch Status(s) {
	case Pass:
		return badge{"pass", "✓", "pass"}
	case Fail:
		return badge{"fail", "✗", "fail"}
	case Unsupported:
		return badge{"skip", "–", "unsupported"}
	case Waived:
		return badge{"refuted", "!", "waived"}
	case Error:
	}
	if s == "skip" {
		return badge{"skip", "–", "skip"}
	}
	return badge{"error", "?", "error"}
}

// name and text are what stands in the record, made safe and not endless.
func name(s string) string { return clip(reports.OneLine(s), 400) }

func text(s string) string { return clip(reports.Block(s), 12_000) }

func clip(s string, limit int) string {
	if r := []rune(s); len(r) > limit {
		return string(r[:limit-1]) + "…"
	}
	return s
}

func (q *Qualification) page() *pageView {
	v := &pageView{
		Headline: name(strings.TrimSuffix(q.Verdict(), ".")), Sign: badgeOf(string(Fail)), Tool: name(q.Tool), Because: "Why:", Port: name(q.DUT.Name),
		Profile: q.profileText(), Restored: q.Restored, Facts: q.facts(), Ports: q.ports(),
		Rest: "What no frame shows, such as a counter or an errno, cannot be recomputed: it is protected by the sums alone. Somebody who changes a capture, the record and all sums together is found only by whoever knows the sum of SHA256SUMS from elsewhere.",
	}
	if q.Summary.Conformant {
		v.Sign = badgeOf(string(Pass))
	}
	v.counts(q.Summary)
	for i := range q.Results {
		v.requirement(&q.Results[i])
	}
	for _, c := range q.Cases {
		v.aCase(&c)
	}
	v.CasesNote = q.casesText()
	for _, u := range q.Waivers {
		v.Waivers = append(v.Waivers, pageWaiver{name(u.ID), name(string(u.State)), name(u.Until), name(u.Who), name(u.Reason), name(u.Note), u.State != InForce})
	}
	for _, d := range q.Differences {
		v.Differences = append(v.Differences, name(d))
	}
	if !q.Restored || len(q.Differences) > 0 {
		v.Against = append(v.Against, pageFinding{badgeOf(string(Fail)), "restored", "The ports did not come back as they were", ""})
	}
	for _, f := range sortedKeys(q.DUT.Features) {
		v.Features = append(v.Features, pair{name(f), name(q.DUT.Features[f])})
	}
	return v
}

func (v *pageView) counts(s Summary) {
	total, x := float64(max(s.Pass+s.Fail+s.Unsupported+s.Waived+s.Error, 1)), 0.0
	for _, c := range []struct {
		s Status
		n int
	}{{Fail, s.Fail}, {Error, s.Error}, {Waived, s.Waived}, {Pass, s.Pass}, {Unsupported, s.Unsupported}} {
		part := pageCount{badge: badgeOf(string(c.s)), N: c.n, X: x, W: 100 * float64(c.n) / total}
		x += part.W
		v.Counts = append(v.Counts, part)
	}
}

func (q *Qualification) facts() []string {
	facts := []string{name(q.DUT.kind())}
	if q.DUT.Firmware != "" {
		facts = append(facts, "firmware "+name(q.DUT.Firmware))
	}
	facts = append(facts, "Linux "+name(q.Machine.Kernel), name(string(q.Profile))+" profile", q.Started.UTC().Format("2 January 2006, 15:04 UTC"))
	if q.Duration > 0 {
		facts = append(facts, "measured in "+shortTime(q.Duration))
	}
	return facts
}

func (q *Qualification) profileText() string {
	core := 0
	for _, r := range q.Results {
		if r.Profile == Core {
			core++
		}
	}
	return fmt.Sprintf("%d of the %s profile, %d of them core: a port conforms only when every core requirement passes.", len(q.Results), name(string(q.Profile)), core)
}

func (q *Qualification) casesText() string {
	n := map[string]int{}
	for _, c := range q.Cases {
		n[c.Verdict]++
	}
	said := fmt.Sprintf("%d cases: %d passed", len(q.Cases), n["pass"])
	for _, v := range []string{"fail", "error", "waived", "skip"} {
		if n[v] > 0 {
			said += fmt.Sprintf(", %d %s", n[v], v)
		}
	}
	return said + "."
}

func shortTime(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
}

// ports describe both ports and the machine.
func (q *Qualification) ports() []pagePort {
	m := q.Machine
	machine := pagePort{Title: "Machine", Sub: name(m.Arch)}
	machine.add("Kernel", m.Kernel)
	if m.CPUs > 0 {
		machine.add("CPUs", fmt.Sprint(m.CPUs))
	}
	machine.add("Emulator", m.Emulator)
	for _, k := range sortedKeys(m.Detail) {
		machine.add(name(k), m.Detail[k])
	}
	machine.add("Seed", fmt.Sprint(q.Seed))
	return []pagePort{q.DUT.card("Port under test"), q.Peer.card("Peer"), machine}
}

func (p *pagePort) add(title, value string) {
	if value != "" {
		p.Pairs = append(p.Pairs, pair{title, name(value)})
	}
}

func (p *Port) card(title string) pagePort {
	c := pagePort{Title: title, Sub: name(p.Name)}
	c.add("Model", p.Model)
	c.add("Driver", strings.TrimSpace(p.Driver+" "+p.Version))
	c.add("Firmware", p.Firmware)
	c.add("Bus", p.Bus)
	c.add("PCI ids", p.PCI)
	c.add("MAC address", p.MAC)
	if p.PermanentMAC != p.MAC {
		c.add("Permanent MAC", p.PermanentMAC)
	}
	if p.MTU > 0 {
		mtu := fmt.Sprint(p.MTU)
		if p.MaxMTU > 0 {
			mtu += fmt.Sprintf(", at most %d", p.MaxMTU)
		}
		c.add("MTU", mtu)
	}
	link := p.Duplex
	if p.SpeedMbit > 0 {
		link = strings.TrimSuffix(fmt.Sprintf("%d Mbit/s, %s duplex", p.SpeedMbit, p.Duplex), ",  duplex")
	}
	c.add("Link", link)
	for _, k := range sortedKeys(p.Settings) {
		c.Settings = append(c.Settings, pair{name(k), name(p.Settings[k])})
	}
	return c
}

// anchor is an id as it may stand in a link.
func anchor(kind, id string) string {
	return kind + "-" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, clip(id, 100))
}

// link leads to a file of the bundle, and nowhere else.
func link(file string) string {
	if !goodName(file) {
		return ""
	}
	return (&url.URL{Path: file}).EscapedPath()
}

func (v *pageView) requirement(r *Result) {
	one := pageRequirement{
		badge: badgeOf(string(r.Status)), Anchor: anchor("requirement", r.ID), ID: name(r.ID), Title: name(r.Title), Core: r.Profile == Core,
		Open: r.Status != Pass && r.Status != Unsupported, Saw: name(r.Observed), Expected: text(r.Expected), Observed: text(r.Observed), Reason: text(r.Reason),
		Source: name(r.Source), Waiver: waiverText(r.Waiver, r.Status == Waived), Reproduce: text(r.Reproduce), Capture: path.Base(name(r.Capture)), CaptureLink: link(r.Capture),
	}
	for _, f := range r.Facts {
		one.Facts = append(one.Facts, pageFact{name(f.Name), name(f.Want), name(f.Got), f.Want != f.Got})
	}
	if one.Title == "" {
		one.Title = one.ID
	}
	if r.Status != Pass && r.Reason != "" {
		one.Saw = name(r.Reason)
	}
	if r.Duration > 0 {
		one.Took = shortTime(r.Duration)
	}
	for _, k := range sortedKeys(r.Measured) {
		one.Measured = append(one.Measured, pair{name(k), name(r.Measured[k])})
	}
	for _, k := range r.Known {
		one.Known = append(one.Known, name(k.String()+". "+k.Source))
	}
	for i := range r.Trials {
		one.Trials = append(one.Trials, r.Trials[i].row())
	}
	for _, f := range r.Features {
		f.Name, f.Says, f.Observed = name(f.Name), name(f.Says), name(f.Observed)
		v.Claimed = append(v.Claimed, pageFeature{f, one.Anchor, one.Title})
	}
	v.Requirements = append(v.Requirements, one)
	if r.Profile == Core && r.Status != Pass {
		v.Against = append(v.Against, pageFinding{one.badge, one.Anchor, one.Title, name(r.told())})
	}
}

func (t *Trial) row() pageTrial {
	status, _ := t.judge()
	row := pageTrial{
		Name: name(t.Name), From: name(t.From), At: name(t.At), Want: map[Want]string{All: "all", None: "none", Any: "any"}[t.Want], Proof: name(t.Proof),
		Came: fmt.Sprintf("%d of %d", t.Seen, t.Sent()), Twice: dash(t.Duplicates), Late: dash(t.Reordered), Altered: dash(t.Altered), Canary: "–",
		Numbers: fmt.Sprintf("%d–%d", t.First, t.Last), Wrong: status != Pass,
	}
	if t.CanaryFirst != 0 {
		row.Canary = fmt.Sprintf("%d of %d", t.CanarySeen, t.canaries())
	}
	if t.Tagged != "" {
		row.Want += ", " + name(t.Tagged)
	}
	return row
}

func dash(n int) string {
	if n == 0 {
		return "–"
	}
	return fmt.Sprint(n)
}

func waiverText(w *Waiver, inForce bool) string {
	switch {
	case w == nil:
		return ""
	case inForce:
		return fmt.Sprintf("Waived until %s by %s: %s", name(w.Until), name(w.Who), name(w.Reason))
	}
	return fmt.Sprintf("A waiver by %s has expired on %s, so this failure counts: %s", name(w.Who), name(w.Until), name(w.Reason))
}

func (v *pageView) aCase(c *CaseResult) {
	one := pageCase{
		badge: badgeOf(c.Verdict), Anchor: anchor("case", c.Case), Name: name(c.Case), Reason: name(c.Reason),
		Waiver: waiverText(c.Waiver, c.Verdict == string(Waived)), CaptureLink: link(c.Capture), Pass: c.Pass, Fail: c.Fail,
	}
	v.Cases = append(v.Cases, one)
	if c.Verdict != "pass" && c.Verdict != "skip" {
		v.Against = append(v.Against, pageFinding{one.badge, one.Anchor, one.Name, failedText(c.Fail) + name(colon(c.Reason))})
	}
}
