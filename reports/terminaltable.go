package reports

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// table prints one line a case, but for those that the table of kernels tells of. The
// names give way when the terminal is narrow.
func (t *Terminal) table(w io.Writer, r *Results, kernels *kernelTable) {
	var cases []*Case
	for i := range r.Cases {
		if c := &r.Cases[i]; !kernels.has(c) {
			cases = append(cases, c)
		}
	}
	if len(cases) == 0 {
		return
	}
	if t.ended > 0 {
		fmt.Fprintln(w)
	}
	rows := [][4]string{{"case", "ground", "checks", "time"}}
	for _, c := range cases {
		rows = append(rows, [4]string{oneLine(c.Case), clipColumns(oneLine(c.place()), 40), passed(c), spent(c.Duration)})
	}
	var width [4]int
	for _, row := range rows {
		for i, s := range row {
			width[i] = max(width[i], columns(s))
		}
	}
	const verdict, gaps, least = 7, 8, 16
	width[0] = max(min(width[0], t.width-verdict-gaps-width[1]-width[2]-width[3]), least)
	for i, row := range rows {
		mark := strings.Repeat(" ", verdict)
		if i > 0 {
			mark = t.verdict(cases[i-1].outcome())
		}
		name := clipColumns(row[0], width[0])
		line := fmt.Sprintf("%s  %s  %s  %s  %s", mark, padded(name, width[0], false), padded(row[1], width[1], false),
			padded(row[2], width[2], true), padded(row[3], width[3], true))
		fmt.Fprintln(w, strings.TrimRight(line, " "))
	}
}

// passed writes how many of a case's checks passed: "7/8".
func passed(c *Case) string {
	if len(c.Checks) == 0 {
		return "0"
	}
	n := 0
	for i := range c.Checks {
		if c.Checks[i].Verdict.known() == Pass {
			n++
		}
	}
	return fmt.Sprintf("%d/%d", n, len(c.Checks))
}

// padded fills s with blanks to a width in columns.
func padded(s string, width int, right bool) string {
	fill := strings.Repeat(" ", max(width-columns(s), 0))
	if right {
		return fill + s
	}
	return s + fill
}

// findings prints everything with one bad verdict and what is known of it.
func (t *Terminal) findings(w io.Writer, r *Results, v Verdict) {
	told := -1 // the case whose console was printed last
	for _, f := range r.findings(v) {
		fmt.Fprintf(w, "\n%s  %s on %s\n", t.verdict(v), oneLine(f.Case.Case), oneLine(f.place()))
		t.field(w, "check", f.Check.Title)
		t.field(w, "where", f.Check.Location)
		t.field(w, "step", f.Check.Step)
		t.field(w, "expected", f.Check.Expected)
		t.field(w, "observed", f.Check.Observed)
		t.field(w, "proof", string(f.Check.Proof))
		t.evidence(w, f.Check.Evidence)
		if d := f.Check.Drops; d != nil {
			t.field(w, "ended", d.Text)
		}
		if f.Capture != "" {
			line := filepath.Join(t.opt.Dir, f.Capture)
			if p := f.Check.packets(); len(p) > 0 {
				line += ", " + numbers(p)
			}
			t.field(w, "capture", line)
		}
		if f.Console != "" && f.index != told {
			told = f.index
			t.field(w, "console", tail(f.Console, 12))
		}
	}
}

// evidence prints the first pieces of it; the rest is in the reports.
func (t *Terminal) evidence(w io.Writer, all []Evidence) {
	const most = 8
	for i, e := range all {
		if i == most {
			t.field(w, "", fmt.Sprintf("%d more in the report", len(all)-most))
			return
		}
		name := ""
		if i == 0 {
			name = "evidence"
		}
		t.field(w, name, e.line())
	}
}

// field prints one named value of a finding, its further lines set in.
func (t *Terminal) field(w io.Writer, name, value string) {
	if value == "" {
		return
	}
	const indent = 9
	value = strings.TrimRight(clip(block(value), 4000), "\n")
	for i, line := range strings.Split(value, "\n") {
		if i > 0 {
			name = ""
		}
		fmt.Fprintf(w, "%*s%-9s %s\n", indent, "", name, line)
	}
}

// tail returns the last n lines of s.
func tail(s string, n int) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	return strings.Join(lines[max(len(lines)-n, 0):], "\n")
}

// skips prints why checks were skipped, each reason once.
func (t *Terminal) skips(w io.Writer, r *Results) {
	all := r.skips()
	if len(all) == 0 {
		return
	}
	fmt.Fprintln(w)
	for _, s := range all {
		fmt.Fprintf(w, "%s  %s in %s: %s\n", t.verdict(Skip), plural(s.Checks, "check"), plural(s.Cases, "case"), clip(s.Reason, 1000))
	}
}

// summary prints the last line of all.
func (t *Terminal) summary(w io.Writer, r *Results) {
	v := r.Verdict()
	fmt.Fprintf(w, "\n%s %s: %s in %s (%s, seed %d)\n", t.paint(v, v.mark()+" "+strings.ToUpper(string(v))),
		r.headline(), r.tally(), humane(r.Duration), plural(len(r.Cases), "case"), r.Seed)
}
