package reports

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
)

// kinds is the order in which changes are told, the worst first, with a heading.
func kinds() []struct {
	Kind  Kind
	Title string
} {
	return []struct {
		Kind  Kind
		Title string
	}{
		{Broken, "Broken: bad now, and was not before"},
		{Lost, "Lost: passed before, skipped or gone now"},
		{Other, "Changed otherwise"},
		{Fixed, "Fixed: bad before, passes now"},
		{Gained, "Gained: passes now, was not shown before"},
	}
}

// caseGroup is cases that only one run has.
type caseGroup struct {
	anchor, title string
	cases         []CaseChange
}

// caseGroups are the cases that only one run has, those that are gone first.
func (d Diff) caseGroups() []caseGroup {
	all := []caseGroup{
		{"vanished", "VANISHED cases: the first run had them, and the second has not", d.VanishedCases},
		{"new", "NEW cases: the second run has them, and the first had not", d.NewCases},
	}
	return slices.DeleteFunc(all, func(g caseGroup) bool { return len(g.cases) == 0 })
}

func (g caseGroup) markdown(p *page) {
	p.add(fmt.Sprintf("\n### %s\n\n| case | where | ✓ passed | ✗ failed | ! error | – skipped |\n|---|---|--:|--:|--:|--:|\n", g.title))
	for i, c := range g.cases {
		row := fmt.Sprintf("| %s | %s | %s | %s | %s | %s |\n", cell(c.Case), cell(c.Place), count(c.Summary.Pass),
			count(c.Summary.Fail), count(c.Summary.Error), count(c.Summary.Skip))
		if !p.add(row) {
			p.note("%s more left out: the summary may not be larger than 1 MiB.", plural(len(g.cases)-i, "case"))
			return
		}
	}
}

// of lists the changes of one kind that are told one by one: what came or went with its
// case is told with it, but for what is bad.
func (d Diff) of(k Kind) []Change {
	var some []Change
	for _, c := range d.All() {
		if c.Kind() == k && (!c.WithCase || k == Broken) {
			some = append(some, c)
		}
	}
	return some
}

// Headline says in one sentence what became of the first run in the second.
func (d Diff) Headline() string {
	if d.After.Total() == 0 {
		return "The second run has no checks at all"
	}
	var parts []string
	if n := len(d.VanishedCases); n > 0 {
		parts = append(parts, plural(n, "case")+" vanished")
	}
	if n := len(d.NewCases); n > 0 {
		parts = append(parts, plural(n, "new case"))
	}
	for _, k := range kinds() {
		if n := len(d.of(k.Kind)); n > 0 {
			word := string(k.Kind)
			if k.Kind == Other {
				word = "changed otherwise"
			}
			parts = append(parts, count(n)+" "+word)
		}
	}
	if len(parts) == 0 {
		return fmt.Sprintf("No difference in %s", plural(d.Same, "check"))
	}
	return strings.Join(parts, ", ") + fmt.Sprintf("; %s unchanged", count(d.Same))
}

// WriteText writes the difference for a terminal or a log.
func (d Diff) WriteText(w io.Writer) error {
	b := bufio.NewWriter(w)
	for _, g := range d.caseGroups() {
		fmt.Fprintf(b, "%s (%s)\n", g.title, count(len(g.cases)))
		for _, c := range g.cases {
			fmt.Fprintf(b, "  %s  %s: %s\n", clip(oneLine(c.Case), 120), oneLine(c.Place), c.Summary)
		}
		fmt.Fprintln(b)
	}
	for _, k := range kinds() {
		changes := d.of(k.Kind)
		if len(changes) == 0 {
			continue
		}
		fmt.Fprintf(b, "%s (%s)\n", k.Title, count(len(changes)))
		for _, c := range changes {
			fmt.Fprintf(b, "  %-17s %s / %s  %s\n", c.step(), clip(oneLine(c.Case), 120), clip(oneLine(c.Check), 120), oneLine(c.kernel()))
			if c.Title != "" {
				fmt.Fprintln(b, strings.TrimRight("      "+clip(oneLine(c.Title), 300)+"  "+oneLine(c.Location), " "))
			}
			if c.ObservedBefore != "" {
				fmt.Fprintf(b, "      before: %s\n", clip(oneLine(c.ObservedBefore), 500))
			}
			if c.Observed != "" {
				fmt.Fprintf(b, "      now:    %s\n", clip(oneLine(c.Observed), 500))
			}
		}
		fmt.Fprintln(b)
	}
	d.writeBuilt(b)
	fmt.Fprintf(b, "before: %s\nnow:    %s\n%s\n", d.Before, d.After, d.Headline())
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write comparison: %w", err)
	}
	return nil
}

// WriteMarkdown writes the difference for a CI job's page, within the 1 MiB
// that GitHub takes.
func (d Diff) WriteMarkdown(w io.Writer) error {
	p := page{left: maxMarkdown - 2048}
	sign := Pass
	if d.Regressed() {
		sign = Fail
	}
	p.add(fmt.Sprintf("## %s lanproof compare: %s\n\n| | ✓ passed | ✗ failed | ! error | – skipped |\n|---|--:|--:|--:|--:|\n", sign.mark(), d.Headline()))
	for _, s := range []struct {
		name string
		Summary
	}{{"before", d.Before}, {"now", d.After}} {
		p.add(fmt.Sprintf("| %s | %s | %s | %s | %s |\n", s.name, count(s.Pass), count(s.Fail), count(s.Error), count(s.Skip)))
	}
	for _, g := range d.caseGroups() {
		g.markdown(&p)
	}
	for _, k := range kinds() {
		d.markdownKind(&p, k.Kind, k.Title)
	}
	d.markdownBuilt(&p)
	if _, err := io.WriteString(w, p.String()); err != nil {
		return fmt.Errorf("write comparison: %w", err)
	}
	return nil
}

func (d Diff) markdownKind(p *page, k Kind, title string) {
	changes := d.of(k)
	if len(changes) == 0 {
		return
	}
	if !p.add(fmt.Sprintf("\n### %s\n\n| before → now | check | observed before | observed now | case | where |\n|---|---|---|---|---|---|\n", title)) {
		p.note("%s of this kind left out: the summary may not be larger than 1 MiB.", plural(len(changes), "change"))
		return
	}
	for i, c := range changes {
		row := fmt.Sprintf("| %s | %s<br>%s | %s | %s | %s<br>%s | %s |\n", c.step(), cell(c.Title), codeCell(c.Check),
			cell(c.ObservedBefore), cell(c.Observed), cell(c.Case), cell(c.kernel()), codeCell(c.Location))
		if !p.add(row) {
			p.note("%s more left out: the summary may not be larger than 1 MiB.", plural(len(changes)-i, "change"))
			return
		}
	}
}

// step writes "pass → fail".
func (c Change) step() string {
	name := func(v Verdict) string {
		if v == "" {
			return "absent"
		}
		return string(v)
	}
	return name(c.Before) + " → " + name(c.After)
}

// kernel writes the kernel, or both where they differ.
func (c Change) kernel() string {
	switch {
	case c.Before == "":
		return c.KernelAfter
	case c.After == "" || c.KernelBefore == c.KernelAfter:
		return c.KernelBefore
	}
	return c.KernelBefore + " → " + c.KernelAfter
}

// String writes the counts in words: "32 passed, 2 failed, 1 error, 6 skipped".
func (s Summary) String() string {
	return fmt.Sprintf("%s passed, %s failed, %s error, %s skipped", count(s.Pass), count(s.Fail), count(s.Error), count(s.Skip))
}
