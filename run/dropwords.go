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
		d := &reports.Drops{Refused: errnoOf(l.refused), How: reports.NotObserved, LastSeen: l.lastSeen, Ends: l.ends, Counters: l.rises, Rules: whyNot(p.plan.LAN, l.way)}
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
	case d.How == reports.Traced:
		s = append(s, l.endings(d)...)
	case d.How == reports.Counted:
		var rises []string
		for _, r := range d.Counters {
			rises = append(rises, fmt.Sprintf("%s of %s by %d", r.Name, r.At, r.By))
		}
		s = append(s, "Meanwhile rose "+strings.Join(rises, ", ")+".")
	case l.refused == nil:
		s = append(s, "Not observed: no counter rose.")
	}
	if r, ok := deciding(d.Rules); ok {
		s = append(s, fmt.Sprintf("Rule %s at %s decided about %s: %s → %s.", r.ID, r.At, r.Frame, r.When, r.Then))
	}
	return strings.Join(s, " ")
}

// deciding is the rule that says the most: the last that is about a driver, since of
// what every device does with a frame more is said by its end.
func deciding(rules []reports.Rule) (reports.Rule, bool) {
	for _, r := range slices.Backward(rules) {
		if !strings.HasPrefix(r.ID, "device-") {
			return r, true
		}
	}
	if len(rules) == 0 {
		return reports.Rule{}, false
	}
	return rules[len(rules)-1], true
}

// endings are the ends in words.
func (l *lost) endings(d *reports.Drops) []string {
	var s, others []string // others are where copies came to that were for others
	note := func(at string) {
		if !strings.HasPrefix(at, l.to.Node+"/") && !slices.Contains(others, at) {
			others = append(others, at)
		}
	}
	for _, at := range l.came {
		note(at.At())
	}
	own := false
	for _, e := range d.Ends {
		switch {
		case !e.Own:
		case l.group && byStack(e) && !strings.HasPrefix(e.At, l.to.Node+"/"):
			note(e.At)
		default:
			own = true
			s = append(s, endText(e))
		}
	}
	switch {
	case own || l.refused != nil:
	case slices.ContainsFunc(d.Rules, func(r reports.Rule) bool { return r.ID == noARP }):
		s = append(s, fmt.Sprintf("Nothing dropped it: %s took it and did not answer.", l.to))
	default:
		s = append(s, fmt.Sprintf("Nothing dropped it: %s was never given it.", l.to))
	}
	if l.group && len(others) > 0 {
		s = append(s, "Copies for others came to "+strings.Join(others, ", ")+".")
	}
	return s
}

// byStack reports whether it was a node's own protocols, and no driver, that dropped
// a frame: then it had arrived there.
func byStack(e reports.End) bool {
	return e.Reason == "UNHANDLED_PROTO" || slices.ContainsFunc([]string{"ip_", "ip6_", "ipv6_", "icmp", "ndisc_", "arp_", "udp", "__udp"}, func(prefix string) bool {
		return strings.HasPrefix(e.Function, prefix)
	})
}

// endText is one end in words.
func endText(e reports.End) string {
	function := e.Function
	if function == "" {
		function = "the kernel"
	}
	if strings.HasPrefix(function, "neigh_") {
		return fmt.Sprintf("It never left %s, where it waited for an address: %s dropped it (%s).", e.At, function, e.Reason)
	}
	return fmt.Sprintf("At %s %s dropped it (%s).", e.At, function, e.Reason)
}
