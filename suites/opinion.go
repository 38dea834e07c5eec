package suites

import (
	"fmt"
	"strings"

	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/run"
)

// opinion is what a spec has to say of its check.
type opinion struct {
	verdict reports.Verdict
	text    string         // why, when it is no pass
	check   *reports.Check // nil when the case came to its end without it
}

// opinionOf finds out from a case's result what became of one of its checks.
// What befell the case as a whole counts where the check has no result of its own,
// and where all of them have one and yet the case is in trouble: no other spec
// would tell of it.
func opinionOf(c *reports.Case, p *run.Prepared, check *run.Check) opinion {
	place := p.Location(check.At)
	for i := range c.Checks {
		r := &c.Checks[i]
		if r.ID != check.ID {
			continue
		}
		inTrouble := c.Reason != "" && (c.Verdict == reports.Error || c.Verdict == reports.Fail)
		if inTrouble && len(c.Checks) == len(p.Checks()) && r.Verdict != reports.Fail {
			return opinion{reports.Error, notFound(place, c), r}
		}
		return opinion{r.Verdict, describe(place, r), r}
	}
	switch {
	case c.Verdict == reports.Skip:
		return opinion{verdict: reports.Skip, text: c.Reason}
	case c.Verdict == reports.Fail && c.Reason != "":
		return opinion{verdict: reports.Fail, text: place + ": " + c.Reason}
	default:
		return opinion{verdict: reports.Error, text: notFound(place, c)}
	}
}

// notFound says that the harness could not find out.
func notFound(place string, c *reports.Case) string {
	reason := c.Reason
	if reason == "" {
		reason = fmt.Sprintf("the case ended as %q without a result of this check", c.Verdict)
	}
	text := place + ": could not find out: " + reason
	if c.Console != "" {
		text += "\nthe end of the guest's console:\n" + c.Console
	}
	return text
}

// describe says what was expected, what was seen, and what shows it.
func describe(place string, r *reports.Check) string {
	title := r.Title
	if r.Verdict == reports.Error {
		title = "could not find out: " + title
	}
	lines := []string{place + ": " + title}
	add := func(name, text string) {
		if text != "" {
			lines = append(lines, fmt.Sprintf("  %-9s %s", name, text))
		}
	}
	add("step", r.Step)
	add("expected", r.Expected)
	add("observed", r.Observed)
	add("proof", string(r.Proof))
	for _, e := range r.Evidence {
		add("evidence", evidence(e))
	}
	return strings.Join(lines, "\n")
}

func evidence(e reports.Evidence) string {
	text := e.Kind
	if e.At != "" {
		text += " at " + e.At
	}
	text += ": " + e.Text
	if e.Packet > 0 {
		text += fmt.Sprintf(" (packet %d of the capture)", e.Packet)
	}
	return text
}
