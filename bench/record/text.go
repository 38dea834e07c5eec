package record

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/lanproof/lanproof/reports"
)

// order is the order in which figures are told: what is worse first, what is the same last.
func order() []Verdict { return []Verdict{Slower, CannotTell, Faster, Same} }

// sorted are the figures in the order in which they are told.
func (p *Pair) sorted() []*Judgement {
	var all []*Judgement
	for _, v := range order() {
		for i := range p.Figures {
			if j := &p.Figures[i]; j.Verdict == v {
				all = append(all, j)
			}
		}
	}
	return all
}

// WriteText writes the comparison for a terminal or a log: what differs first.
func (c *Comparison) WriteText(w io.Writer) error {
	b := bufio.NewWriter(w)
	for _, warning := range c.Warnings {
		fmt.Fprintf(b, "warning: %s\n", reports.OneLine(warning))
	}
	for i := range c.Pairs {
		c.Pairs[i].writeText(b, c.Effect)
	}
	for _, said := range c.caveats() {
		fmt.Fprintln(b, wrap(said, 100))
	}
	fmt.Fprintf(b, "\n%s\n", c.Headline())
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write the comparison: %w", err)
	}
	return nil
}

func (p *Pair) writeText(w io.Writer, effect float64) {
	fmt.Fprintf(w, "A: %s\nB: %s\n", p.A.line(), p.B.line())
	for _, d := range p.Differs {
		fmt.Fprintf(w, "differs: %s\n", reports.OneLine(d))
	}
	for _, gone := range byBenchmark(p.Vanished) {
		fmt.Fprintf(w, "VANISHED: %s\n", gone.line("B"))
	}
	for _, come := range byBenchmark(p.New) {
		fmt.Fprintf(w, "NEW: %s\n", come.line("A"))
	}
	if len(p.Figures) > 0 {
		fmt.Fprintln(w)
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "benchmark\tunit\tA\t\tB\t\tB against A\tp\tverdict")
		for _, j := range p.sorted() {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", line(j.Benchmark), line(j.Unit), Say(j.A.Median, j.A.unit(j)), j.A.scatter(),
				Say(j.B.Median, j.B.unit(j)), j.B.scatter(), j.changeWord(), j.pWord(), line(j.verdictWord(effect)))
		}
		_ = t.Flush() // fails only where w does, which its flush tells
	}
	fmt.Fprintln(w)
}

// unit is the figure's own, which may be another one than A's.
func (f Figure) unit(j *Judgement) string {
	if f.series != nil {
		return f.series.Unit
	}
	return j.Unit
}

// line is a system on one line.
func (s System) line() string {
	text := strings.TrimSpace(line(s.ID) + ", Linux " + line(s.Kernel) + " " + line(s.Arch))
	if s.Clock == Instructions {
		return text + ", by instructions"
	}
	return text + ", by time"
}

// byBenchmark puts the units of a benchmark together.
func byBenchmark(all []Absent) []Absent {
	var some []Absent
	at := map[string]int{}
	for _, a := range all {
		i, known := at[a.Benchmark]
		if !known {
			at[a.Benchmark] = len(some)
			some = append(some, a)
			continue
		}
		some[i].Unit += ", " + a.Unit
	}
	return some
}

func (a Absent) line(without string) string {
	text := fmt.Sprintf("%s (%s), %s has no figure of it", line(a.Benchmark), line(a.Unit), without)
	if a.Reason != "" {
		text += ": " + line(a.Reason)
	}
	return text
}

// line makes text from outside safe for a line of a table.
func line(s string) string { return clip(reports.OneLine(s), 200) }

// wrap breaks a sentence into lines, those after the first one indented.
func wrap(s string, width int) string {
	var b strings.Builder
	at := 0
	for i, word := range strings.Fields(s) {
		switch {
		case i == 0:
		case at+1+len(word) > width:
			b.WriteString("\n  ")
			at = 2
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += len(word)
	}
	return b.String()
}
