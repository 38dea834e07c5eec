package record

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/lanproof/lanproof/reports"
)

// Verdict is the paper's first sentence.
func (q *Qualification) Verdict() string {
	port := q.DUT.kind()
	if q.DUT.Name != "" && q.DUT.Name != port {
		port = strings.TrimSpace(port + " " + q.DUT.Name)
	}
	if q.Summary.Conformant {
		return fmt.Sprintf("Conformant: %s has passed every core requirement", port) + q.beside() + "."
	}
	parts, back := q.against(), q.Restored && len(q.Differences) == 0
	switch {
	case len(parts) == 0 && back:
		parts = []string{"no core requirement was measured"}
	case len(parts) == 0:
		return fmt.Sprintf("Not conformant: %s, or its peer, did not come back as it was.", port)
	}
	text := "Not conformant: " + strings.Join(parts, ", ") + " on " + port
	if !back {
		text += "; the ports did not come back as they were"
	}
	return text + "."
}

// beside tells in a conformant paper what failed beyond the core.
func (q *Qualification) beside() string {
	if n := q.Summary.Fail + q.Summary.Error; n > 0 {
		return fmt.Sprintf(", and not %d of those beyond it", n)
	}
	return ""
}

// against lists what keeps a port from conforming.
func (q *Qualification) against() []string {
	core := map[Status]int{}
	for _, r := range q.Results {
		if r.Profile == Core {
			core[r.Status]++
		}
	}
	var parts []string
	add := func(n int, one, many string) {
		switch {
		case n == 1:
			parts = append(parts, "1 "+one)
		case n > 1:
			parts = append(parts, fmt.Sprintf("%d %s", n, many))
		}
	}
	add(core[Fail], "core requirement fails", "core requirements fail")
	add(core[Waived], "is waived", "are waived")
	add(core[Unsupported], "is unsupported", "are unsupported")
	add(core[Error]+core[""], "could not be found out", "could not be found out")
	add(q.LeftCore, "core requirement was left out", "core requirements were left out")
	cases := 0
	for _, c := range q.Cases {
		if c.Verdict != "pass" && c.Verdict != "skip" {
			cases++
		}
	}
	add(cases, "case of the catalogue fails", "cases of the catalogue fail")
	return parts
}

// WriteMarkdown writes a summary for a job's page.
func (q *Qualification) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	s := q.Summary
	fmt.Fprintf(&b, "### %s\n\n", cell(q.Verdict()))
	fmt.Fprintf(&b, "%s, Linux %s %s, %s profile, %v: %d pass, %d fail, %d unsupported, %d waived, %d error.\n\n",
		cell(q.DUT.kind()), cell(q.Machine.Kernel), cell(q.Machine.Arch), cell(string(q.Profile)), q.Duration.Round(time.Second/10), s.Pass, s.Fail, s.Unsupported, s.Waived, s.Error)
	b.WriteString("| requirement | status | expected | observed |\n|---|---|---|---|\n")
	for _, r := range q.Results {
		name := cell(r.ID)
		if r.Profile == Core {
			name = "**" + name + "**"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, sign(string(r.Status)), cell(r.Expected), cell(r.told()))
	}
	for _, c := range q.Cases {
		if c.Verdict != "pass" && c.Verdict != "skip" {
			fmt.Fprintf(&b, "\n- case %s: %s, %s%s", cell(c.Case), sign(c.Verdict), failedText(c.Fail), cell(colon(c.Reason)))
		}
	}
	for _, u := range q.Waivers {
		fmt.Fprintf(&b, "\n- waiver of %s, until %s, by %s: %s%s", cell(u.ID), cell(u.Until), cell(u.Who), cell(string(u.State)), cell(colon(u.Note)))
	}
	for _, d := range q.Differences {
		fmt.Fprintf(&b, "\n- did not come back: %s", cell(d))
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// told is what was observed, and why it is not a pass.
func (r *Result) told() string {
	switch {
	case r.Observed == "":
		return r.Reason
	case r.Status == Pass || r.Reason == "":
		return r.Observed
	}
	told := r.Observed + " (" + r.Reason + ")"
	for _, k := range r.Known {
		told += "; known: " + k.String()
	}
	return told
}

// brief is the same for a line, where what passed has less to say.
func (r *Result) brief() string {
	if r.Status == Pass {
		return clip(r.told(), 100)
	}
	return clip(r.told(), 400)
}

func colon(s string) string {
	if s == "" {
		return ""
	}
	return ": " + s
}

// WriteText writes the same for a terminal.
func (q *Qualification) WriteText(w io.Writer) error {
	var b strings.Builder
	line := func(format string, args ...any) { b.WriteString(reports.OneLine(fmt.Sprintf(format, args...)) + "\n") }
	width := 0
	for _, r := range q.Results {
		width = max(width, len(r.ID))
	}
	for _, r := range q.Results {
		core := " "
		if r.Profile == Core {
			core = "*"
		}
		line("%-11s %s %-*s  %s", r.Status, core, width, r.ID, r.brief())
	}
	for _, c := range q.Cases {
		if c.Verdict != "pass" && c.Verdict != "skip" {
			line("%-11s * case %s%s", c.Verdict, c.Case, colon(c.Reason))
		}
	}
	for _, u := range q.Waivers {
		if u.State != InForce {
			line("the waiver of %s is %s: %s", u.ID, u.State, u.Note)
		}
	}
	for _, d := range q.Differences {
		line("did not come back: %s", d)
	}
	fmt.Fprintf(&b, "\n%s\n", reports.OneLine(q.Verdict()))
	_, err := io.WriteString(w, b.String())
	return err
}

// failedText says how many checks failed.
func failedText(n int) string {
	if n == 1 {
		return "1 check failed"
	}
	return fmt.Sprintf("%d checks failed", n)
}
