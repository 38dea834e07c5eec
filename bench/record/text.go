package record

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/lanproof/lanproof/reports"
)

// order is the order in which figures are told: what is worse first, what is the same last.
func order() []Verdict { return []Verdict{Slower, CannotTell, Faster, Same} }

// sorted are the figures in the order in which they are told, each kind by name.
func (p *Pair) sorted() []*Judgement {
	all := make([]*Judgement, len(p.Figures))
	for i := range p.Figures {
		all[i] = &p.Figures[i]
	}
	slices.SortStableFunc(all, func(a, b *Judgement) int {
		return cmp.Or(cmp.Compare(slices.Index(order(), a.Verdict), slices.Index(order(), b.Verdict)), ByName(a.Benchmark, b.Benchmark))
	})
	return all
}

// Rank is where a figure belongs in a table of all systems: what one of them lacks comes
// before what is worse on one of them, and what is the same everywhere is the last.
func (c *Comparison) Rank(benchmark, unit string) int {
	rank := len(order())
	for i := range c.Pairs {
		p := &c.Pairs[i]
		here := slices.IndexFunc(p.Figures, func(j Judgement) bool { return j.Benchmark == benchmark && j.Unit == unit })
		if here < 0 {
			return -1
		}
		rank = min(rank, slices.Index(order(), p.Figures[here].Verdict))
	}
	return rank
}

// ByName compares names as people do: "size=512" before "size=1500".
func ByName(a, b string) int {
	for a != "" && b != "" {
		wordA, numberA, restA := leading(a)
		wordB, numberB, restB := leading(b)
		if c := cmp.Or(cmp.Compare(wordA, wordB), cmp.Compare(len(numberA), len(numberB)), cmp.Compare(numberA, numberB)); c != 0 {
			return c
		}
		a, b = restA, restB
	}
	return cmp.Compare(a, b)
}

// leading cuts what comes before the first number of a name, that number without zeros
// before it, and the rest.
func leading(s string) (word, number, rest string) {
	const digits = "0123456789"
	at := strings.IndexAny(s, digits)
	if at < 0 {
		return s, "", ""
	}
	word, s = s[:at], s[at:]
	rest = strings.TrimLeft(s, digits)
	return word, strings.TrimLeft(s[:len(s)-len(rest)], "0"), rest
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

// byBenchmark puts the units of a benchmark together, and benchmarks in order.
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
	slices.SortStableFunc(some, func(a, b Absent) int { return ByName(a.Benchmark, b.Benchmark) })
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
