package reports

import (
	"fmt"
	"html"
	"io"
	"strings"
)

// maxMarkdown is the size above which GitHub refuses the summary of a step.
const maxMarkdown = 1 << 20

// WriteMarkdown writes a summary for a CI job's page: totals, what failed, what
// was skipped, and every scenario folded away. It stays below the 1 MiB that
// GitHub takes, and says what it left out for that.
func WriteMarkdown(w io.Writer, r *Results) error {
	// What is held back is for the notes about what had to be left out.
	p := page{left: maxMarkdown - 2048}
	p.add(markdownHead(r))
	markdownKernels(&p, r.kernelTable())
	markdownFindings(&p, r, Fail, "What failed")
	markdownFindings(&p, r, Error, "What could not be judged")
	markdownSkips(&p, r)
	markdownCases(&p, r)
	if _, err := io.WriteString(w, p.String()); err != nil {
		return fmt.Errorf("write markdown: %w", err)
	}
	return nil
}

// page is text that may not grow beyond a size.
type page struct {
	strings.Builder
	left int
}

// add appends s when it still fits, and says whether it did.
func (p *page) add(s string) bool {
	if len(s) > p.left {
		return false
	}
	p.left -= len(s)
	p.WriteString(s)
	return true
}

// note appends a sentence from the reserve.
func (p *page) note(format string, args ...any) {
	fmt.Fprintf(p, "\n_"+format+"_\n", args...)
}

func markdownHead(r *Results) string {
	s := r.tally()
	var b strings.Builder
	fmt.Fprintf(&b, "## %s lanproof: %s\n\n", r.Verdict().mark(), r.headline())
	b.WriteString("| ✓ passed | ✗ failed | ! error | – skipped | cases | time | seed |\n|--:|--:|--:|--:|--:|--:|--:|\n")
	fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %d |\n", count(s.Pass), count(s.Fail), count(s.Error),
		count(s.Skip), count(len(r.Cases)), humane(r.Duration), r.Seed)
	const most = 50
	for i, e := range r.Environment {
		if i == most {
			fmt.Fprintf(&b, "\n%s more.\n", plural(len(r.Environment)-most, "ground"))
			break
		}
		fmt.Fprintf(&b, "\n%s: kernel %s, %s, lanproof %s\n", cell(e.Ground), cell(e.Kernel), cell(e.Arch), cell(e.Tool))
	}
	return b.String()
}

// markdownFindings writes the table of everything with one bad verdict. It may
// take two thirds of what is left at most, so that the rest is not crowded out.
func markdownFindings(p *page, r *Results, v Verdict, title string) {
	all := r.findings(v)
	if len(all) == 0 {
		return
	}
	floor := p.left / 3
	p.add(fmt.Sprintf("\n### %s\n\n| | check | expected | observed | case | where |\n|---|---|---|---|---|---|\n", title))
	for i, f := range all {
		row := fmt.Sprintf("| %s&nbsp;%s | %s | %s | %s | %s<br>%s | %s |\n", v.mark(), v, cell(f.Check.Title),
			cell(f.Check.Expected), cell(f.Check.Observed), cell(f.Case.Case), cell(f.place()), codeCell(f.Check.Location))
		if p.left-len(row) < floor || !p.add(row) {
			p.note("%s more of this verdict left out: the summary may not be larger than 1 MiB.", count(len(all)-i))
			return
		}
	}
}

func markdownSkips(p *page, r *Results) {
	skips := r.skips()
	if len(skips) == 0 {
		return
	}
	p.add("\n### What was skipped\n\n| checks | cases | reason |\n|--:|--:|---|\n")
	const most = 50
	for i, s := range skips {
		if i == most || !p.add(fmt.Sprintf("| %d | %d | %s |\n", s.Checks, s.Cases, cell(s.Reason))) {
			p.note("%s more left out.", plural(len(skips)-i, "reason"))
			return
		}
	}
}

func markdownCases(p *page, r *Results) {
	if len(r.Cases) == 0 {
		return
	}
	p.add("\n### Scenarios\n\n")
	for i := range r.Cases {
		c := &r.Cases[i]
		if !p.add(markdownCase(c)) && !p.add(markdownCaseHead(c)+"</details>\n\n") {
			p.note("%s left out: the summary may not be larger than 1 MiB.", plural(len(r.Cases)-i, "case"))
			return
		}
	}
}

func markdownCaseHead(c *Case) string {
	passed := 0
	entries := c.entries()
	for i := range entries {
		if entries[i].Verdict.known() == Pass {
			passed++
		}
	}
	counts := fmt.Sprintf("%d of %d passed", passed, len(entries))
	return fmt.Sprintf("<details><summary>%s %s · <b>%s</b> · %s · %s</summary>\n\n", c.outcome().mark(),
		c.outcome(), htmlCell(c.Case), htmlCell(c.place()), strings.TrimSuffix(counts+" · "+spent(c.Duration), " · "))
}

func markdownCase(c *Case) string {
	var b strings.Builder
	b.WriteString(markdownCaseHead(c))
	if c.Title != "" {
		b.WriteString(cell(c.Title) + "\n\n")
	}
	b.WriteString("| | check | observed | proof | where |\n|---|---|---|---|---|\n")
	for _, e := range c.entries() {
		fmt.Fprintf(&b, "| %s&nbsp;%s | %s | %s | %s | %s |\n", e.Verdict.mark(), e.Verdict.known(), cell(e.Title),
			cell(e.Observed), cell(string(e.Proof)), codeCell(e.Location))
	}
	b.WriteString("\n</details>\n\n")
	return b.String()
}

// maxCell bounds the runes of one cell of a table.
const maxCell = 300

// markdownEscapes takes the meaning from every sign that GitHub's Markdown may
// give one, in a table or out of it. The joiner behind @ keeps names from
// becoming mentions.
var markdownEscapes = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "{", `\{`, "}", `\}`, "[", `\[`, "]", `\]`, "#", `\#`,
	"|", `\|`, "~", `\~`, "$", `\$`, "!", `\!`, "://", `\://`, "www.", `www\.`, "@", "@\u2060",
	"<", "&lt;", ">", "&gt;", "&", "&amp;",
)

// cell makes text fit for a cell of a table.
func cell(s string) string { return markdownEscapes.Replace(clip(oneLine(s), maxCell)) }

// codeCell is cell in fixed-width type.
func codeCell(s string) string {
	if s == "" {
		return ""
	}
	return "<code>" + cell(s) + "</code>"
}

// htmlCell makes text fit for the HTML parts, where Markdown has no say.
func htmlCell(s string) string { return html.EscapeString(clip(oneLine(s), maxCell)) }
