package reports

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// headline sums the table up in a sentence.
func (t *kernelTable) headline() string {
	total := len(t.differ) + len(t.alike)
	where := plural(len(t.places), "kernel")
	if len(t.differ) == 0 {
		return fmt.Sprintf("No difference between %s in %s", where, plural(total, "scenario"))
	}
	verb := "differ"
	if len(t.differ) == 1 {
		verb = "differs"
	}
	return fmt.Sprintf("%s of %s %s between %s", count(len(t.differ)), plural(total, "scenario"), verb, where)
}

// text is what a cell says: how many checks passed.
func (c kernelCell) text() string {
	switch {
	case c.worst == nil:
		return ""
	case c.Skip == c.Total():
		return string(Skip)
	}
	return fmt.Sprintf("%d/%d", c.Pass, c.Total())
}

// verdict is that of the scenario on the kernel.
func (c kernelCell) verdict() Verdict {
	if c.worst == nil {
		return ""
	}
	return c.worst.Check.Verdict.known()
}

// title names what differs.
func (d kernelDifference) title() string {
	if d.whole {
		return "the case as a whole"
	}
	if d.check.Check.Title == "" {
		return d.check.Check.ID
	}
	return d.check.Check.Title
}

// where names the cases that differ so.
func (d kernelDifference) where() string {
	if d.cases == 1 {
		return d.check.Case.Case
	}
	return fmt.Sprintf("%s and %s like it", d.check.Case.Case, plural(d.cases-1, "case"))
}

// kernelVerdict is a verdict and the kernels that gave it.
type kernelVerdict struct {
	verdict Verdict
	places  []int
	text    string // what the first of them observed; of a pass only what all did
}

// verdicts gathers the kernels that say the same, the worst first. What was observed is
// told of whatever did not pass.
func (d kernelDifference) verdicts() []kernelVerdict {
	var all []kernelVerdict
	for _, v := range []Verdict{Fail, Error, "", Skip, Pass} {
		one := kernelVerdict{verdict: v}
		for _, place := range d.among {
			if d.at[place].verdict != v {
				continue
			}
			if len(one.places) == 0 && (v != Pass || d.whole) {
				one.text = d.at[place].text
			}
			if v == Pass && d.at[place].text != one.text {
				one.text = ""
			}
			one.places = append(one.places, place)
		}
		if len(one.places) > 0 {
			all = append(all, one)
		}
	}
	return all
}

// heads are short names for the kernels: what stands before the first dash of a release
// where that tells them apart, else the whole.
func (t *kernelTable) heads() []string {
	var heads []string
	for _, place := range t.places {
		_, release, _ := strings.Cut(place, " ")
		short, _, _ := strings.Cut(release, "-")
		if short == "" || slices.Contains(heads, short) {
			return t.places
		}
		heads = append(heads, short)
	}
	return heads
}

// named names some of the kernels.
func (t *kernelTable) named(places []int) string {
	heads := t.heads()
	var names []string
	for _, p := range places {
		names = append(names, oneLine(heads[p]))
	}
	return strings.Join(names, ", ")
}

// maxDifferences is how many differences of a scenario the terminal and Markdown tell.
const maxDifferences = 20

// kernels prints the table of kernels: a line for each scenario, and below it what
// differs.
func (t *Terminal) kernels(w io.Writer, k *kernelTable) {
	if k == nil {
		return
	}
	fmt.Fprintf(w, "\n%s\n", k.headline())
	heads, all := k.heads(), slices.Concat(k.differ, k.alike)
	width := make([]int, len(k.places)+1)
	for _, row := range all {
		width[0] = max(width[0], columns(oneLine(row.scenario)))
	}
	room := t.width - 2
	for i, head := range heads {
		if head != k.places[i] {
			fmt.Fprintf(w, "  %s is %s\n", oneLine(head), oneLine(k.places[i]))
		}
		width[i+1] = columns(oneLine(head))
		for _, row := range all {
			width[i+1] = max(width[i+1], columns(row.cells[i].text())+2)
		}
		room -= width[i+1] + 2
	}
	width[0] = max(min(width[0], room), 16)
	line := "  " + padded("", width[0], false)
	for i, head := range heads {
		line += "  " + padded(oneLine(head), width[i+1], false)
	}
	fmt.Fprintln(w, strings.TrimRight(line, " "))
	for i := range k.differ {
		t.kernelRow(w, &k.differ[i], "≠", width)
		t.kernelDifferences(w, k, &k.differ[i])
	}
	for i := range k.alike {
		t.kernelRow(w, &k.alike[i], "=", width)
	}
}

func (t *Terminal) kernelRow(w io.Writer, row *kernelRow, sign string, width []int) {
	line := sign + " " + padded(clipColumns(oneLine(row.scenario), width[0]), width[0], false)
	for i, c := range row.cells {
		text := ""
		if v := c.verdict(); v != "" {
			text = v.mark() + " " + c.text()
		}
		text = padded(text, width[i+1], false)
		if v := c.verdict(); v != "" {
			text = t.paint(v, text)
		}
		line += "  " + text
	}
	fmt.Fprintln(w, strings.TrimRight(line, " "))
}

func (t *Terminal) kernelDifferences(w io.Writer, k *kernelTable, row *kernelRow) {
	for i, d := range row.differences {
		if i == maxDifferences {
			fmt.Fprintf(w, "    %s more in the report\n", plural(len(row.differences)-i, "difference"))
			return
		}
		fmt.Fprintf(w, "    %s: %s\n", oneLine(d.where()), clip(oneLine(d.title()), 200))
		for _, v := range d.verdicts() {
			sign := "– absent"
			if v.verdict != "" {
				sign = t.verdict(v.verdict)
			}
			line := fmt.Sprintf("        %s  %s", sign, k.named(v.places))
			if v.text != "" {
				line += ": " + clip(oneLine(v.text), 300)
			}
			fmt.Fprintln(w, line)
		}
	}
}

// markdownKernels writes the table of kernels, what is alike folded away.
func markdownKernels(p *page, k *kernelTable) {
	if k == nil {
		return
	}
	head := "| scenario |"
	rule := "|---|"
	for _, place := range k.places {
		head += " " + cell(place) + " |"
		rule += "---|"
	}
	head += "\n" + rule + "\n"
	p.add(fmt.Sprintf("\n### Kernels side by side: %s\n", k.headline()))
	if len(k.differ) > 0 {
		p.add("\n" + head)
		markdownKernelRows(p, k.differ)
		markdownKernelDifferences(p, k)
	}
	if len(k.alike) > 0 && p.add(fmt.Sprintf("\n<details><summary>%s alike on all of them</summary>\n\n%s", plural(len(k.alike), "scenario"), head)) {
		markdownKernelRows(p, k.alike)
		p.Builder.WriteString("\n</details>\n")
	}
}

func markdownKernelRows(p *page, rows []kernelRow) {
	for i, row := range rows {
		line := "| " + cell(row.scenario) + " |"
		for _, c := range row.cells {
			if v := c.verdict(); v != "" {
				line += fmt.Sprintf(" %s&nbsp;%s |", v.mark(), c.text())
			} else {
				line += " |"
			}
		}
		if !p.add(line + "\n") {
			p.note("%s more left out: the summary may not be larger than 1 MiB.", plural(len(rows)-i, "scenario"))
			return
		}
	}
}

// markdownKernelDifferences may take half of what is left.
func markdownKernelDifferences(p *page, k *kernelTable) {
	floor := p.left / 2
	p.add("\n| case | what differs | verdict | kernel | observed |\n|---|---|---|---|---|\n")
	for _, row := range k.differ {
		for i, d := range row.differences {
			lines := ""
			for n, v := range d.verdicts() {
				first := "| | "
				if n == 0 {
					first = fmt.Sprintf("| %s | %s ", cell(d.where()), cell(d.title()))
				}
				lines += fmt.Sprintf("%s| %s | %s | %s |\n", first, v.name(), cell(k.named(v.places)), cell(v.text))
			}
			if i == maxDifferences || p.left-len(lines) < floor || !p.add(lines) {
				p.add(fmt.Sprintf("| %s | %s more | | | |\n", cell(row.scenario), plural(len(row.differences)-i, "difference")))
				break
			}
		}
	}
}

// name is a verdict with its sign; "absent" where there is none.
func (v kernelVerdict) name() string {
	if v.verdict == "" {
		return "–&nbsp;absent"
	}
	return v.verdict.mark() + "&nbsp;" + string(v.verdict)
}
