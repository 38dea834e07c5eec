package run

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lanproof/lanproof/probe"
	"github.com/lanproof/lanproof/reports"
)

// report says by the check's number where everything ended. trouble is why nothing
// could be found out; nil when it could.
func (p *pass) report(trouble error) map[int]*reports.Drops {
	all := map[int]*reports.Drops{}
	for _, l := range p.all {
		d := &reports.Drops{How: reports.NotObserved, LastSeen: l.lastSeen, Ends: l.ends, Counters: l.rises, Rules: whyNot(p.plan.LAN, l.way)}
		switch {
		case trouble != nil:
			d.Ends, d.Counters = nil, nil
		case p.tracer != nil:
			d.How = reports.Traced
		case len(l.rises) > 0:
			d.How = reports.Counted
		}
		d.Text = l.words(d, trouble)
		if have := all[l.check]; have != nil {
			join(have, d)
			continue
		}
		all[l.check] = d
	}
	return all
}

// join adds what became of another frame of the same check.
func join(d, more *reports.Drops) {
	d.Ends, d.Counters, d.Rules = append(d.Ends, more.Ends...), append(d.Counters, more.Counters...), append(d.Rules, more.Rules...)
	if !strings.Contains(d.Text, more.Text) {
		d.Text += " " + more.Text
	}
	if more.How == reports.Traced || d.How == reports.NotObserved {
		d.How = more.How
	}
}

// words sums up what is known.
func (l *lost) words(d *reports.Drops, trouble error) string {
	var s []string
	if l.refused != nil {
		s = append(s, "Sending was refused: "+probe.ErrnoText(l.refused)+".")
	}
	switch {
	case trouble != nil:
		s = append(s, fmt.Sprintf("Not observed: %v.", trouble))
	case len(d.Ends) > 0:
		s = append(s, l.telling(d.Ends)...)
	case d.How == reports.Traced:
		s = append(s, fmt.Sprintf("Nothing dropped it: %s was never given it.", l.to))
	case d.How == reports.Counted:
		var rises []string
		for _, r := range d.Counters {
			rises = append(rises, fmt.Sprintf("%s of %s by %d", r.Name, r.At, r.By))
		}
		s = append(s, "Meanwhile rose "+strings.Join(rises, ", ")+".")
	default:
		s = append(s, "Not observed: no counter rose.")
	}
	if n := len(d.Rules); n > 0 {
		r := d.Rules[n-1]
		s = append(s, fmt.Sprintf("By rule %s at %s: %s, %s.", r.ID, r.At, r.When, r.Then))
	}
	return strings.Join(s, " ")
}

// telling are the ends in words: of the frame itself, else of what belongs to it.
func (l *lost) telling(ends []reports.End) []string {
	const most = 3
	tell := slices.Clone(ends)
	if slices.ContainsFunc(ends, func(e reports.End) bool { return e.Own }) {
		tell = slices.DeleteFunc(tell, func(e reports.End) bool { return !e.Own })
	}
	var s []string
	for _, e := range tell[:min(len(tell), most)] {
		s = append(s, endText(e))
	}
	if more := len(tell) - most; more > 0 {
		s = append(s, fmt.Sprintf("%d copies more ended elsewhere.", more))
	}
	return s
}

func endText(e reports.End) string {
	function := e.Function
	if function == "" {
		function = "the kernel"
	}
	what := "it"
	if !e.Own {
		what = e.Frame
	}
	return fmt.Sprintf("%s dropped %s at %s: %s.", function, what, e.At, e.Reason)
}
