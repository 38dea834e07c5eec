package reports

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// tell plays a run to a terminal.
func tell(t *Terminal, r *Results) {
	t.Note("a note before all")
	for _, c := range r.Cases {
		t.Started(c.Case, c.Ground)
	}
	for _, c := range r.Cases {
		t.Finished(c)
	}
	t.Done(r)
}

func TestTerminalGolden(t *testing.T) {
	for name, opt := range map[string]TerminalOptions{
		"terminal-plain.txt":  {Width: 100, Dir: "lanproof-out"},
		"terminal-narrow.txt": {Width: 60, Live: Always, Color: Always, Total: 6},
	} {
		t.Run(name, func(t *testing.T) {
			r := rich()
			var b bytes.Buffer
			tell(NewTerminal(&b, opt), r)
			held(t, name, b.Bytes())
		})
	}
}

func TestTerminalShowsNoControlOfOthers(t *testing.T) {
	var b bytes.Buffer
	tell(NewTerminal(&b, TerminalOptions{}), rich())
	for _, r := range b.String() {
		if r != '\n' && (hidden(r) || r < ' ' || r == 0x7f) {
			t.Fatalf("the output holds %q", r)
		}
	}
	if !strings.Contains(b.String(), `\x1b[31m\x00`) {
		t.Error("the control characters are not shown as escapes")
	}
}

func TestTerminalSummaryComesLast(t *testing.T) {
	var b bytes.Buffer
	NewTerminal(&b, TerminalOptions{}).Done(rich())
	lines := strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
	if got, want := lines[len(lines)-1], "✗ FAIL 2 of 14 checks failed"; !strings.HasPrefix(got, want) {
		t.Errorf("the last line is %q", got)
	}
	b.Reset()
	NewTerminal(&b, TerminalOptions{}).Done(&Results{})
	if got := b.String(); !strings.Contains(got, "! ERROR Nothing was checked") {
		t.Errorf("an empty run ends with %q", got)
	}
}

func TestTerminalStatusLineFits(t *testing.T) {
	var b bytes.Buffer
	term := NewTerminal(&b, TerminalOptions{Width: 30, Live: Always, Color: Never, Total: 2})
	term.Started(strings.Repeat("日本", 40), "host")
	line := b.String()
	if n := columns(line); n > 29 || !strings.HasPrefix(line, "0/2  ") {
		t.Errorf("the line %q takes %d columns", line, n)
	}
	b.Reset()
	term.Finished(Case{Case: strings.Repeat("日本", 40), Ground: "host", Checks: []Check{{Verdict: Pass}}})
	if got, want := b.String(), "\r\x1b[2K1/2  ✓ 1"; got != want {
		t.Errorf("after the case came %q, want %q", got, want)
	}
	b.Reset()
	term.Done(&Results{Cases: []Case{{Case: "a", Verdict: Pass, Checks: []Check{{Verdict: Pass}}}}})
	if !strings.HasPrefix(b.String(), "\r\x1b[2K\n") || strings.Count(b.String(), "\x1b") != 1 {
		t.Errorf("the status line was not taken away once: %q", b.String())
	}
}

func TestTerminalHonoursEnvironment(t *testing.T) {
	var b bytes.Buffer
	term := NewTerminal(&b, TerminalOptions{})
	if term.live || term.color || term.width != 100 {
		t.Errorf("for a buffer: %+v", term)
	}
	if chosen(Never, true) || !chosen(Always, false) || !chosen(Auto, true) || chosen(Auto, false) {
		t.Error("the choices are not honoured")
	}
}

func TestTerminalForManyAtOnce(t *testing.T) {
	var b bytes.Buffer
	term := NewTerminal(&b, TerminalOptions{Live: Always, Width: 80})
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			name := fmt.Sprintf("case-%d", i)
			term.Started(name, "host")
			term.Note("about " + name)
			term.Finished(Case{Case: name, Ground: "host", Verdict: Fail})
		})
	}
	all.Wait()
	if got := strings.Count(b.String(), "about case-"); got != 50 || len(term.running) != 0 || term.done.Fail != 50 {
		t.Errorf("%d notes, %v running, %v done", got, term.running, term.done)
	}
}

// broken is a writer that fails.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("the disk is full") }

func TestWritersSayWhatFailed(t *testing.T) {
	r := rich()
	term := NewTerminal(broken{}, TerminalOptions{})
	term.Done(r)
	for name, err := range map[string]error{
		"terminal":   term.Err(),
		"json":       WriteJSON(broken{}, r),
		"html":       WriteHTML(broken{}, r),
		"junit":      WriteJUnit(broken{}, r),
		"ktap":       WriteKTAP(broken{}, r),
		"markdown":   WriteMarkdown(broken{}, r),
		"svg":        WriteSVG(broken{}, nil),
		"comparison": Diff{}.WriteText(broken{}),
		"summary":    Diff{}.WriteMarkdown(broken{}),
	} {
		if err == nil || !strings.HasSuffix(err.Error(), ": the disk is full") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
