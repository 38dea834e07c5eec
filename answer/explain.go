package answer

import (
	"io"
	"strings"

	"github.com/lanproof/lanproof/advice"
	"github.com/lanproof/lanproof/reports"
)

// Explain writes what a kind of warning is about, for people.
func Explain(w io.Writer, e *advice.Explanation, color bool) error {
	t := &terminal{color: color}
	t.line("%s  %s", t.paint(bold, e.Title), t.paint(dim, e.ID+", "+string(e.Severity)))
	t.paragraph("Why", e.Cause)
	t.paragraph("Proof", e.Proof)
	if len(e.Scenarios) > 0 {
		t.paragraph("To see it", "")
		for _, s := range e.Scenarios {
			t.line("      lanproof run %s", s)
		}
	}
	t.paragraph("What helps", e.Remedy)
	t.paragraph("Sources", strings.Join(e.Sources, "\n"))
	_, err := io.WriteString(w, t.String())
	return err
}

// paragraph writes a heading and text below it; lines that are indented stay as they are.
func (t *terminal) paragraph(head, text string) {
	if text == "" && head != "To see it" {
		return
	}
	t.head(head)
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, " ") {
			t.line("  %s", reports.OneLine(line))
			continue
		}
		for _, part := range wrap(line, 78) {
			t.line("  %s", reports.OneLine(part))
		}
	}
}

// wrap breaks a line at blanks.
func wrap(s string, width int) []string {
	var lines []string
	at := ""
	for word := range strings.FieldsSeq(s) {
		if at != "" && reports.Columns(at)+1+reports.Columns(word) > width {
			lines, at = append(lines, at), ""
		}
		if at != "" {
			at += " "
		}
		at += word
	}
	if at != "" {
		lines = append(lines, at)
	}
	return lines
}
