package reports

import (
	"fmt"
	"strings"
)

// maxMatrix is how many senders a matrix has as text.
const maxMatrix = 40

// Text is the matrix for people: a row for each sender, a column for each receiver.
func (m *Matrix) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: + got it, - did not, ! otherwise than expected\n", clip(oneLine(m.Title), 100))
	if len(m.From) > maxMatrix || len(m.To) > maxMatrix {
		fmt.Fprintf(&b, "%d senders and %d receivers: see results.json\n", len(m.From), len(m.To))
		return b.String()
	}
	width := 0
	for _, from := range m.From {
		width = max(width, len(from))
	}
	fmt.Fprintf(&b, "   %-*s ", width, "from")
	for j := range m.To {
		fmt.Fprintf(&b, "%3d", j+1)
	}
	for i, from := range m.From {
		fmt.Fprintf(&b, "\n%2d %-*s ", i+1, width, oneLine(from))
		for j := range m.To {
			fmt.Fprintf(&b, "%3s", m.cell(i, j))
		}
	}
	return b.String()
}

// cell is what a receiver got from a sender, marked where it should not be so.
func (m *Matrix) cell(i, j int) string {
	want, got := letter(m.Expected, i, j), letter(m.Observed, i, j)
	if want != got {
		return got + "!"
	}
	return got
}

// letter is one of a matrix that somebody else may have written.
func letter(rows []string, i, j int) string {
	if i >= len(rows) || j >= len(rows[i]) {
		return "?"
	}
	return rows[i][j : j+1]
}
