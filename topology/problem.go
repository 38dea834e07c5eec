package topology

import (
	"fmt"
	"strings"
)

// Problem is something wrong in a Spec or a Change, with its place in it.
type Problem struct {
	// Path leads to the place: names of fields and of things as they are
	// written in a scenario file, and positions in lists. It is empty for the
	// Spec as a whole.
	Path []any
	// Text is one sentence.
	Text string
	// Kernel is set where a kernel can be asked to do it all the same and is
	// known to refuse, so that a refusal can be expected by its errno.
	Kernel bool
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
