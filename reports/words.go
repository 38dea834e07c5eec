package reports

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Columns is the number of terminal columns that s takes.
func Columns(s string) int { return columns(s) }

// Colored reports whether what is written to w may have colours: on a terminal that can,
// unless NO_COLOR is set (no-color.org).
func Colored(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" && os.Getenv("NO_COLOR") == ""
}
