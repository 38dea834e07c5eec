package record

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/lanproof/lanproof/reports"
)

// WriteJSON writes the comparison for programs.
func (c *Comparison) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(c.whole()); err != nil {
		return fmt.Errorf("write the comparison: %w", err)
	}
	return nil
}

// told is a comparison with what stands in every output of it.
type told struct {
	Schema   string `json:"schema"`
	Headline string `json:"headline"`
	*Comparison
	// Caveats say what the figures can and cannot tell.
	Caveats []string `json:"caveats"`
}

func (c *Comparison) whole() told {
	return told{"lanproof/bench-comparison/v1", c.Headline(), c, c.caveats()}
}

// maxMarkdown keeps a page below the 1 MiB that GitHub takes.
const maxMarkdown = 1000 << 10

// WriteMarkdown writes the comparison for a CI job's page: what differs first.
func (c *Comparison) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "## lanproof bench: %s\n", c.Headline())
	for _, warning := range c.Warnings {
		fmt.Fprintf(&b, "\n> ⚠ %s\n", cell(warning))
	}
	for i := range c.Pairs {
		c.Pairs[i].markdown(&b, c.Effect)
	}
	b.WriteString("\n")
	for _, said := range c.caveats() {
		fmt.Fprintf(&b, "- %s\n", cell(said))
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the comparison: %w", err)
	}
	return nil
}

func (p *Pair) markdown(b *strings.Builder, effect float64) {
	fmt.Fprintf(b, "\nA: %s  \nB: %s\n", cell(p.A.line()), cell(p.B.line()))
	for _, d := range p.Differs {
		fmt.Fprintf(b, "\n> differs: %s\n", cell(d))
	}
	for _, gone := range byBenchmark(p.Vanished) {
		fmt.Fprintf(b, "\n> ✗ **VANISHED**: %s\n", cell(gone.line("B")))
	}
	for _, come := range byBenchmark(p.New) {
		fmt.Fprintf(b, "\n> **NEW**: %s\n", cell(come.line("A")))
	}
	if len(p.Figures) == 0 {
		return
	}
	b.WriteString("\n| verdict | benchmark | unit | A | B | B against A | p |\n|---|---|---|--:|--:|--:|--:|\n")
	for i, j := range p.sorted() {
		if b.Len() > maxMarkdown {
			fmt.Fprintf(b, "\n%d more are left out: a page may not be larger than 1 MiB.\n", len(p.Figures)-i)
			return
		}
		fmt.Fprintf(b, "| %s %s | %s | %s | %s %s | %s %s | %s | %s |\n", j.Verdict.mark(), cell(j.verdictWord(effect)), cell(j.Benchmark), cell(j.Unit),
			Say(j.A.Median, j.A.unit(j)), j.A.scatter(), Say(j.B.Median, j.B.unit(j)), j.B.scatter(), j.changeWord(), cell(j.pWord()))
	}
}

// mark is a verdict's sign.
func (v Verdict) mark() string {
	switch v {
	case Slower:
		return "✗"
	case Faster:
		return "✓"
	case Same:
		return "="
	case CannotTell:
	}
	return "?"
}

// cell makes text from outside safe for a cell of a table.
func cell(s string) string {
	s = clip(reports.OneLine(s), 400)
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "|", "\\|", "`", "\\`", "*", "\\*", "_", "\\_", "[", "\\[", "]", "\\]").Replace(s)
}
