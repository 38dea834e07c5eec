package reports

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/term"
)

// Choice says whether to do something that depends on where the output goes.
type Choice int

// The choices. The zero value looks at the writer and at the environment.
const (
	Auto Choice = iota
	Always
	Never
)

// TerminalOptions say how a Terminal writes; its zero value fits itself to the writer.
type TerminalOptions struct {
	// Total is how many cases will run, 0 when that is not known.
	Total int
	// Width is the number of columns; 0 asks the terminal, and takes 100 without one.
	Width int
	// Live is the status line that is rewritten in place. Auto: on a terminal
	// that can, so not where TERM is "dumb".
	Live Choice
	// Color: Auto colours on a terminal, unless NO_COLOR is set (no-color.org)
	// or TERM is "dumb".
	Color Choice
	// Dir is the run's folder, put in front of the captures' paths.
	Dir string
}

// Terminal tells of a run while it goes on, and of its results at the end. All
// of its methods may be called at the same time.
type Terminal struct {
	mu      sync.Mutex
	w       io.Writer
	opt     TerminalOptions
	live    bool
	color   bool
	width   int
	status  bool // a status line stands on the screen
	running []running
	done    Summary // of cases
	ended   int
	err     error
}

// running is a case that has started and not finished.
type running struct{ name, ground string }

// NewTerminal writes to w, in place when w is a terminal and line by line when
// it is not.
func NewTerminal(w io.Writer, opt TerminalOptions) *Terminal {
	t := &Terminal{w: w, opt: opt, width: opt.Width}
	f, isFile := w.(*os.File)
	tty := isFile && term.IsTerminal(int(f.Fd()))
	able := tty && os.Getenv("TERM") != "dumb"
	t.live = chosen(opt.Live, able)
	t.color = chosen(opt.Color, able && os.Getenv("NO_COLOR") == "")
	if t.width <= 0 && tty {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil {
			t.width = columns
		}
	}
	if t.width <= 0 {
		t.width = 100
	}
	return t
}

func chosen(c Choice, auto bool) bool { return c == Always || c == Auto && auto }

// Started says that a case has begun on a ground.
func (t *Terminal) Started(caseName, ground string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running = append(t.running, running{oneLine(caseName), oneLine(ground)})
	t.write("")
}

// Finished says that a case has ended. On a terminal only bad news scrolls by;
// without one every case gets a line.
func (t *Terminal) Finished(c Case) {
	t.mu.Lock()
	defer t.mu.Unlock()
	name, ground := oneLine(c.Case), oneLine(c.Ground)
	if i := slices.Index(t.running, running{name, ground}); i >= 0 {
		t.running = slices.Delete(t.running, i, i+1)
	}
	t.ended++
	v := c.outcome()
	t.done.count(v)
	if t.live && (v == Pass || v == Skip) {
		t.write("")
		return
	}
	line := strings.TrimRight(fmt.Sprintf("%s  %s  %s  %s", t.verdict(v), name, oneLine(c.place()), spent(c.Duration)), " ")
	if c.Reason != "" {
		line += "  " + clip(oneLine(c.Reason), 200)
	}
	t.write(line + "\n")
}

// Note prints a line between the others.
func (t *Terminal) Note(s string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.write(block(strings.TrimRight(s, "\n")) + "\n")
}

// Done prints the results: a table of cases, whatever failed or could not be
// judged with its evidence, what was skipped and why, and the summary as the
// last line. What ran on several kernels is in a table of these instead, just above
// the summary.
func (t *Terminal) Done(r *Results) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running = nil
	t.live = false
	var b bytes.Buffer
	kernels := r.kernelTable()
	t.table(&b, r, kernels)
	t.findings(&b, r, Fail)
	t.findings(&b, r, Error)
	t.skips(&b, r)
	t.kernels(&b, kernels)
	t.summary(&b, r)
	t.write(b.String())
}

// Err returns the first error that writing met.
func (t *Terminal) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// write prints text in place of the status line and puts the line back below
// it, in one write, so that nothing flickers.
func (t *Terminal) write(text string) {
	var b strings.Builder
	if t.status {
		b.WriteString("\r\x1b[2K")
		t.status = false
	}
	b.WriteString(text)
	if t.live {
		b.WriteString(t.statusLine())
		t.status = true
	}
	if b.Len() == 0 || t.err != nil {
		return
	}
	if _, err := io.WriteString(t.w, b.String()); err != nil {
		t.err = fmt.Errorf("write to the terminal: %w", err)
	}
}

// statusLine is the line that is rewritten in place: how far the run is, and
// which cases are on. One column stays free, lest the terminal wraps.
func (t *Terminal) statusLine() string {
	s := count(t.ended)
	if t.opt.Total > 0 {
		s += "/" + count(t.opt.Total)
	}
	for _, v := range []struct {
		Verdict
		n int
	}{{Pass, t.done.Pass}, {Fail, t.done.Fail}, {Error, t.done.Error}, {Skip, t.done.Skip}} {
		if v.n > 0 {
			s += fmt.Sprintf("  %s %d", v.mark(), v.n)
		}
	}
	if n := len(t.running); n > 0 {
		s += "  " + t.running[0].name + " on " + t.running[0].ground
		if n > 1 {
			s += fmt.Sprintf(" and %d more", n-1)
		}
	}
	return clipColumns(s, t.width-1)
}

// verdict writes sign and word in a fixed width, in colour when that is wanted.
func (t *Terminal) verdict(v Verdict) string {
	return t.paint(v, fmt.Sprintf("%s %-5s", v.mark(), v.known()))
}

// paint gives text the colour of a verdict.
func (t *Terminal) paint(v Verdict, s string) string {
	if !t.color {
		return s
	}
	code := "35" // magenta for an error
	switch v.known() {
	case Pass:
		code = "32"
	case Fail:
		code = "1;31"
	case Skip:
		code = "2"
	case Error:
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}
