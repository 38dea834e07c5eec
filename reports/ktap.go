package reports

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"
)

// WriteKTAP writes the results as KTAP version 1 (the kernel's
// Documentation/dev-tools/ktap.rst), one test a case with a subtest a check.
// A run without any case is one test that ended in an error, since a plan of
// nothing would read as a success.
func WriteKTAP(w io.Writer, r *Results) error {
	b := bufio.NewWriter(w) // it keeps the first error until Flush
	fmt.Fprintf(b, "KTAP version 1\n1..%d\n", max(len(r.Cases), 1))
	names := unique{}
	for i := range r.Cases {
		c := &r.Cases[i]
		ktapCase(b, c)
		name := names.name(ktapText(c.Case + " on " + c.place()))
		ktapResult(b, "", i+1, name, c.outcome(), c.Reason, c.Duration)
	}
	if len(r.Cases) == 0 {
		ktapResult(b, "", 1, "run", Error, "no case was run", r.Duration)
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write ktap: %w", err)
	}
	return nil
}

// ktapCase writes the checks of one case, indented as a nested test must be.
func ktapCase(w io.Writer, c *Case) {
	const indent = "  "
	entries := c.entries()
	fmt.Fprintf(w, "%sKTAP version 1\n%s1..%d\n", indent, indent, len(entries))
	names := unique{}
	for i := range entries {
		e := &entries[i]
		name := names.name(cmp.Or(ktapText(e.ID), "unnamed"))
		if v := e.Verdict.known(); v == Fail || v == Error {
			for line := range strings.Lines(strings.TrimSpace(clip(story(c, e), maxBody))) {
				fmt.Fprintf(w, "%s# %s: %s\n", indent, name, strings.TrimRight(line, "\n"))
			}
		}
		ktapResult(w, indent, i+1, name, e.Verdict, e.Observed, e.Duration)
	}
}

// ktapResult writes one result line. The time goes into the diagnostic data as
// the kernel's netdev CI reads it.
func ktapResult(w io.Writer, indent string, n int, name string, v Verdict, reason string, took time.Duration) {
	result, data := "ok", ""
	switch v.known() {
	case Pass:
	case Fail:
		result = "not ok"
	case Skip:
		data = "SKIP " + ktapText(reason)
	case Error:
		result, data = "not ok", "ERROR "+ktapText(reason)
	}
	if data == "" && took > 0 {
		data = fmt.Sprintf("time=%dms", took.Milliseconds())
	}
	if data != "" {
		data = " # " + strings.TrimSpace(data)
	}
	fmt.Fprintf(w, "%s%s %d %s%s\n", indent, result, n, name, data)
}

// ktapText makes text fit for a result line, where a hash sign would begin the
// directive.
func ktapText(s string) string {
	return clip(strings.Join(strings.Fields(strings.ReplaceAll(oneLine(s), "#", " ")), " "), 400)
}
