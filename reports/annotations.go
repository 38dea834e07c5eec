package reports

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// maxAnnotations is how many errors of one step GitHub shows; it says nothing
// about those that it leaves out.
const maxAnnotations = 10

// WriteAnnotations writes what failed as workflow commands, which GitHub shows
// beside the line of the scenario: one for each line of a file, since a check that
// fails in all cases of a matrix on three kernels is one thing to look at. Failures
// come before what could not be judged, and what fails most often comes first. Where
// there are more than GitHub shows, the last one says how many. A run in which
// nothing is wrong has none.
func WriteAnnotations(w io.Writer, r *Results) error {
	b := bufio.NewWriter(w) // it keeps the first error until Flush
	all := append(r.places(Fail), r.places(Error)...)
	if len(r.Cases) == 0 {
		annotate(b, "", 0, "lanproof", "no case was run")
	}
	for i, p := range all {
		if i == maxAnnotations-1 && len(all) > maxAnnotations {
			annotate(b, "", 0, "lanproof", plural(len(all)-i, "more line")+" of scenarios with checks that failed or could not be judged: see the report")
			break
		}
		file, line := splitLocation(p.first.Check.Location)
		annotate(b, file, line, p.title(), p.message())
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write annotations: %w", err)
	}
	return nil
}

// place is a line of a file, with what went wrong there.
type place struct {
	first  finding
	checks int
}

// places are the lines at which checks have a verdict, the worst hit first.
func (r *Results) places(v Verdict) []*place {
	var all []*place
	at := map[string]*place{}
	for _, f := range r.findings(v) {
		p := at[f.Check.Location]
		if p == nil {
			p = &place{first: f}
			at[f.Check.Location] = p
			all = append(all, p)
		}
		p.checks++
	}
	slices.SortStableFunc(all, func(a, b *place) int { return cmp.Compare(b.checks, a.checks) })
	return all
}

func (p *place) title() string {
	return clip(oneLine(p.first.Check.Title), 200)
}

func (p *place) message() string {
	text := clip(p.first.Check.why(), 1000) + "\n" + clip(oneLine(p.first.Case.Case+" on "+p.first.place()), 400)
	if p.checks > 1 {
		text += fmt.Sprintf(", and %s at this line", plural(p.checks-1, "more check"))
	}
	return text
}

// annotate writes one command: ::error file=,line=,title=::message.
func annotate(w io.Writer, file string, line int, title, message string) {
	var where []string
	add := func(name, value string) {
		if value != "" {
			where = append(where, name+"="+commandProperty.Replace(value))
		}
	}
	add("file", oneLine(file))
	if line > 0 {
		add("line", strconv.Itoa(line))
	}
	add("title", title)
	fmt.Fprintf(w, "::error %s::%s\n", strings.Join(where, ","), commandData.Replace(message))
}

// How workflow commands quote what they carry (actions/toolkit, command.ts).
var (
	commandData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	commandProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)
