package topology

import (
	"fmt"
	"strings"
)

// Problem is something wrong in a Spec, with its place in it.
type Problem struct {
	// Path leads to the place: names of fields and of things as they are
	// written in a scenario file, and positions in lists.
	Path []any
	// Text is one sentence.
	Text string
}

// Error makes a Problem usable where there is no file to point into.
func (p Problem) Error() string {
	var b strings.Builder
	for i, step := range p.Path {
		switch step := step.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", step)
		default:
			if i > 0 {
				b.WriteString(".")
			}
			fmt.Fprint(&b, step)
		}
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	return b.String() + p.Text
}
