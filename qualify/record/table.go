package record

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lanproof/lanproof/reports"
)

// Table puts qualifications side by side: a row for each requirement, a column for
// each port.
type Table struct {
	Columns []string // a port each
	Rows    []TableRow
}

// TableRow is a requirement, or what is told of the whole port.
type TableRow struct {
	Name  string
	Core  bool
	Cells []string
	// Notes are what was measured, where ports differ or where one has failed.
	Notes []string
}

// Compare makes the table. Requirements stand in the order in which the first
// qualification has them, those of others behind.
func Compare(all ...*Qualification) *Table {
	t := &Table{}
	for _, q := range all {
		t.Columns = append(t.Columns, q.portName(all))
	}
	t.number()
	var ids []string
	of := make([]map[string]*Result, len(all))
	for i, q := range all {
		of[i] = map[string]*Result{}
		for n := range q.Results {
			r := &q.Results[n]
			of[i][r.ID] = r
			if !slices.Contains(ids, r.ID) {
				ids = append(ids, r.ID)
			}
		}
	}
	for _, id := range ids {
		row := TableRow{Name: id}
		for i := range all {
			r := of[i][id]
			if r == nil {
				row.Cells = append(row.Cells, "–")
				continue
			}
			row.Core = row.Core || r.Profile == Core
			row.Cells = append(row.Cells, string(r.Status))
			if note := r.note(); note != "" {
				row.Notes = append(row.Notes, fmt.Sprintf("%s: %s", t.Columns[i], note))
			}
		}
		t.Rows = append(t.Rows, row)
	}
	t.totals(all)
	return t
}

// number tells columns apart that are still called the same.
func (t *Table) number() {
	total, n := map[string]int{}, map[string]int{}
	for _, c := range t.Columns {
		total[c]++
	}
	for i, c := range t.Columns {
		if n[c]++; total[c] > 1 {
			t.Columns[i] = fmt.Sprintf("%s (%d)", c, n[c])
		}
	}
}

// totals are the rows about the whole ports.
func (t *Table) totals(all []*Qualification) {
	cases, restored, conformant := TableRow{Name: "cases of the catalogue"}, TableRow{Name: "ports came back as they were"}, TableRow{Name: "conformant"}
	some := false
	for _, q := range all {
		passed, counted := 0, 0
		for _, c := range q.Cases {
			if c.Verdict != "skip" {
				counted++
			}
			if c.Verdict == "pass" {
				passed++
			}
		}
		some = some || len(q.Cases) > 0
		cases.Cells = append(cases.Cells, fmt.Sprintf("%d of %d", passed, counted))
		restored.Cells = append(restored.Cells, yes(q.Restored && len(q.Differences) == 0))
		conformant.Cells = append(conformant.Cells, yes(q.Summary.Conformant))
	}
	if some {
		t.Rows = append(t.Rows, cases)
	}
	t.Rows = append(t.Rows, restored, conformant)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// portName is the least that tells a port from the others: its model or driver, its
// name where two have the same, and the kernel where there are several.
func (q *Qualification) portName(all []*Qualification) string {
	same := func(a, b *Qualification) bool { return a.DUT.kind() == b.DUT.kind() }
	name := q.DUT.kind()
	twice, kernels := 0, false
	for _, o := range all {
		if same(o, q) && o.Machine.Kernel == q.Machine.Kernel {
			twice++
		}
		kernels = kernels || o.Machine.Kernel != q.Machine.Kernel
	}
	if twice > 1 {
		name += " " + q.DUT.Name
	}
	if kernels {
		name += ", Linux " + q.Machine.Kernel
	}
	return name
}

// kind is the emulated model, or else the driver.
func (p *Port) kind() string {
	if p.Model != "" && p.Model != p.Driver {
		return p.Model + " (" + p.Driver + ")"
	}
	return p.Driver
}

// note is what a table's reader wants to know beside the status.
func (r *Result) note() string {
	var parts []string
	if r.Status != Pass && r.Reason != "" {
		parts = append(parts, r.Reason)
	}
	for _, k := range r.Known {
		parts = append(parts, "known: "+k.String())
	}
	for _, name := range sortedKeys(r.Measured) {
		parts = append(parts, name+" "+r.Measured[name])
	}
	return strings.Join(parts, "; ")
}

// WriteMarkdown writes the table for GitHub and for documentation. Notes follow it.
func (t *Table) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "| requirement |%s\n|---|%s\n", joined(t.Columns, func(c string) string { return " " + cell(c) + " |" }), strings.Repeat("---|", len(t.Columns)))
	for _, r := range t.Rows {
		name := cell(r.Name)
		if r.Core {
			name = "**" + name + "**"
		}
		fmt.Fprintf(&b, "| %s |%s\n", name, joined(r.Cells, func(c string) string { return " " + sign(c) + " |" }))
	}
	fmt.Fprint(&b, "\nRequirements of the core profile are bold.\n")
	for _, r := range t.Rows {
		if len(r.Notes) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n**%s**\n\n%s", cell(r.Name), joined(r.Notes, func(n string) string { return "- " + cell(n) + "\n" }))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteText writes the table for a terminal.
func (t *Table) WriteText(w io.Writer) error {
	width := utf8.RuneCountInString("requirement")
	for _, r := range t.Rows {
		width = max(width, utf8.RuneCountInString(r.Name)+2)
	}
	columns := make([]int, len(t.Columns))
	for i, c := range t.Columns {
		columns[i] = max(utf8.RuneCountInString(c), len("unsupported"))
	}
	var b, all strings.Builder
	line := func(name string, cells []string) {
		fmt.Fprintf(&b, "%-*s", width, name)
		for i, c := range cells {
			fmt.Fprintf(&b, "  %-*s", columns[i], c)
		}
		all.WriteString(strings.TrimRight(reports.OneLine(b.String()), " ") + "\n")
		b.Reset()
	}
	line("requirement", t.Columns)
	for _, r := range t.Rows {
		name := r.Name
		if r.Core {
			name += " *"
		}
		line(name, r.Cells)
	}
	all.WriteString("\n* of the core profile\n")
	_, err := io.WriteString(w, all.String())
	return err
}

func joined(all []string, each func(string) string) string {
	var b strings.Builder
	for _, s := range all {
		b.WriteString(each(s))
	}
	return b.String()
}

// sign puts a status so that a failure is found at a glance.
func sign(status string) string {
	switch Status(status) {
	case Fail, Error:
		return "**" + status + "**"
	case Pass, Unsupported, Waived:
	}
	if status == "no" {
		return "**no**"
	}
	return cell(status)
}

// cell is text that breaks no table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "`", "'").Replace(reports.OneLine(s))
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
