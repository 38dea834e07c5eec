package oracle

import (
	"fmt"
	"io"
	"strings"
)

// WriteMarkdown writes the tables as a page of documentation.
func WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString(`# What becomes of a frame

The oracle's tables, written by its own code (` + "`topology/oracle`" + `).
Each is read from its top, and the first row that fits decides.
Between them a kernel asks in this order: taps see the frame; a tag may lead it to a VLAN device; the device's handler (macvlan, ipvlan, a bridge) may take it; what is left is the stack's.
`)
	for _, t := range Tables() {
		fmt.Fprintf(&b, "\n## %s\n\n| when | then | rule | source |\n|---|---|---|---|\n", t.Title)
		for _, r := range t.Rules {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.When, r.Then, ruleCell(r), code(r.Source))
		}
	}
	_, err := io.WriteString(w, b.String())
	if err != nil {
		return fmt.Errorf("write the tables: %w", err)
	}
	return nil
}

func ruleCell(r Rule) string {
	if r.Claim == "" {
		return code(r.ID)
	}
	return code(r.ID) + "<br>claim " + code(r.Claim)
}

func code(s string) string {
	parts := strings.Split(s, "; ")
	return "`" + strings.Join(parts, "`<br>`") + "`"
}
