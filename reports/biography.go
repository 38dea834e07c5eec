package reports

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// WriteBiography tells the life of a check's frames, for a terminal: where they were
// seen, in the order of time, and where those ended that did not arrive.
func WriteBiography(w io.Writer, c *Case, k *Check) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s  %s/%s\n%s\n\n", k.Verdict.mark(), k.Verdict.known(), oneLine(c.Case), oneLine(k.ID), oneLine(k.Title))
	for _, line := range [][2]string{
		{"expected", k.Expected}, {"observed", k.Observed}, {"proof", string(k.Proof)}, {"step", k.Step}, {"where", c.place()}, {"from", k.Location},
	} {
		if line[1] != "" {
			fmt.Fprintf(&b, "  %-8s  %s\n", line[0], oneLine(line[1]))
		}
	}
	writeSightings(&b, k.Evidence)
	writeEnds(&b, k.Drops)
	if k.Drops == nil {
		b.WriteString("\nWhere frames ended was not asked, or all arrived.\n")
	}
	_, err := w.Write(b.Bytes())
	return err
}

// table writes rows of columns under a heading.
func table(b *bytes.Buffer, heading string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", heading)
	t := tabwriter.NewWriter(b, 0, 8, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			before := "\t"
			if i == 0 {
				before = "  "
			}
			fmt.Fprint(t, before, oneLine(cell))
		}
		fmt.Fprintln(t)
	}
	_ = t.Flush() // a buffer takes all
}

// writeSightings lists where frames were seen, by the time since the first.
func writeSightings(b *bytes.Buffer, evidence []Evidence) {
	seen := slices.DeleteFunc(slices.Clone(evidence), func(e Evidence) bool { return e.Kind != "frame" })
	slices.SortStableFunc(seen, func(a, b Evidence) int { return a.Time.Compare(b.Time) })
	var rows [][]string
	for _, e := range seen {
		since := ""
		if !e.Time.IsZero() {
			since = "+" + e.Time.Sub(seen[0].Time).Round(time.Microsecond).String()
		}
		rows = append(rows, []string{since, e.At, e.Text})
	}
	table(b, "Seen", rows)
	if len(rows) == 0 {
		b.WriteString("\nSeen nowhere.\n")
	}
}

// writeEnds tells where and why it died, and how that was found out.
func writeEnds(b *bytes.Buffer, d *Drops) {
	if d == nil {
		return
	}
	var ends, rises, rules [][]string
	for _, e := range d.Ends {
		count := ""
		if e.Count > 1 {
			count = fmt.Sprintf(" (%d times)", e.Count)
		}
		if e.Concluded {
			count += " (concluded: a tap took it)"
		}
		ends = append(ends, []string{e.At, e.Reason, e.Function, e.Frame + count})
	}
	for _, r := range d.Counters {
		rises = append(rises, []string{r.At, r.Name, fmt.Sprintf("+%d", r.By)})
	}
	for _, r := range d.Rules {
		rules = append(rules, []string{r.At, r.ID, r.When + ": " + r.Then}, []string{"", "", r.Source})
	}
	table(b, "Dropped", ends)
	table(b, "Counted", rises)
	if len(d.Rules) > 0 {
		table(b, "The oracle's rules for "+d.Rules[0].Frame, rules)
	}
	fmt.Fprintf(b, "\n%s\n", block(d.Text))
	how := map[How]string{
		Traced:  "Found out by tracing skb:kfree_skb, while the flow was sent once more.",
		Counted: "Found out by the difference of counters, while the flow was sent once more.",
	}[d.How]
	if how != "" {
		fmt.Fprintln(b, how)
	}
}
