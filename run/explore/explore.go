package explore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/scenarios"
	"github.com/lanproof/lanproof/topology/oracle"
)

// Options are how LANs are explored.
type Options struct {
	Seed uint64
	// First is the number of the first LAN.
	First uint64
	// Budget is how long new LANs are begun; what has begun is finished. Shrinking
	// all disagreements may take as long again, and half of that each.
	Budget time.Duration
	// Most bounds the number of LANs; none if zero.
	Most uint64
	// Measure runs them.
	Measure Measure
	// Out is the folder that disagreements are written to.
	Out string
	// Note is told what happens; may be nil.
	Note func(text string)
}

// Found is a disagreement.
type Found struct {
	LAN uint64
	// Outcomes are what came of the LAN as it was drawn, on every kernel.
	Outcomes []Outcome
	// Shrunk is the first outcome of the smallest LAN that is not a pass.
	Shrunk Outcome
	// Again is whether it came again when the same LAN was run once more. What
	// does not is not shrunk.
	Again bool
	// Text is the smallest LAN that shows it, and File where it was written.
	Text []byte
	File string
	// Also are the numbers of further LANs with a disagreement about the same rules,
	// which were not shrunk.
	Also []uint64
}

// Trouble is why nothing could be found out about some LANs on a kernel.
type Trouble struct {
	LANs []uint64
	Outcome
}

// Unjudged reports whether it is the oracle that cannot tell, and says so: the LANs
// ran well.
func (t *Trouble) Unjudged() bool {
	return strings.Contains(t.Observed, oracle.ErrNoPrediction.Error())
}

// Report is what came of exploring.
type Report struct {
	Seed uint64
	// Tried are LANs that have a verdict on a kernel; Skipped are those that no
	// kernel could carry.
	Tried, Skipped int
	// Next is the number of the first LAN that was not drawn.
	Next        uint64
	Found       []*Found
	Trouble     []Trouble
	Interrupted bool
	Duration    time.Duration
}

// Explore draws LANs and compares until its budget is spent or the context ends; what
// was found by then is in the report. The error is for what left nothing to report on.
func Explore(ctx context.Context, o Options) (*Report, error) {
	start := time.Now()
	if o.Note == nil {
		o.Note = func(string) {}
	}
	e := &exploring{
		Options: o, report: &Report{Seed: o.Seed, Next: o.First}, known: map[string]*Found{},
		until: start.Add(o.Budget), shrinkUntil: start.Add(2 * o.Budget),
	}
	var err error
	size := firstBatch
	for e.more(ctx) && err == nil {
		began := time.Now()
		err = e.batch(ctx, size)
		size = nextBatch(size, time.Since(began), time.Until(e.until))
	}
	e.report.Interrupted = ctx.Err() != nil
	e.report.Duration = time.Since(start)
	if e.report.Interrupted {
		err = nil
	}
	return e.report, err
}

// exploring is one exploration.
type exploring struct {
	Options
	report *Report
	known  map[string]*Found // by the rules that it is about
	until  time.Time
	// shrinkUntil is when the last shrinking ends.
	shrinkUntil time.Time
	stuck       bool // there was no verdict about any LAN of a batch, nor will there be
}

// The number of LANs that are run together: few at first, then as many as take some
// seconds, since a guest boots once for all of them.
const (
	firstBatch  = 8
	mostBatch   = 128
	batchLength = 15 * time.Second
)

func nextBatch(size int, took, left time.Duration) int {
	each := took / time.Duration(size)
	want := min(batchLength, max(left, 0)) / max(each, time.Millisecond)
	return min(max(int(want), 1), 2*size, mostBatch)
}

func (e *exploring) more(ctx context.Context) bool {
	return ctx.Err() == nil && !e.stuck && time.Now().Before(e.until) && (e.Most == 0 || e.report.Next < e.First+e.Most)
}

// batch draws some LANs, runs them together and looks at what came of them.
func (e *exploring) batch(ctx context.Context, size int) error {
	var cases []*scenarios.Case
	first := e.report.Next
	for len(cases) < size && (e.Most == 0 || e.report.Next < e.First+e.Most) {
		lan, err := Draw(e.Seed, e.report.Next)
		if err != nil {
			return err
		}
		name := Name(e.Seed, e.report.Next)
		c, err := caseOf(name+".yaml", lan)
		if err != nil {
			return fmt.Errorf("LAN %d of seed %d is drawn badly: %w", e.report.Next, e.Seed, err)
		}
		cases = append(cases, c)
		e.report.Next++
	}
	all, err := e.Measure(ctx, cases)
	if err != nil {
		return err
	}
	var errs []error
	before := e.report.Tried + e.report.Skipped
	for i, outcomes := range all {
		errs = append(errs, e.look(ctx, first+uint64(i), cases[i].Source, outcomes))
	}
	e.stuck = e.report.Tried+e.report.Skipped == before
	return errors.Join(errs...)
}

// look counts a LAN, and follows a disagreement.
func (e *exploring) look(ctx context.Context, n uint64, lan []byte, outcomes []Outcome) error {
	judged, red, skipped := false, -1, 0
	for i := range outcomes {
		switch o := &outcomes[i]; {
		case o.Verdict == reports.Fail && o.Class != "" || o.Verdict == reports.Fail && o.Observed == "":
			judged = true
			if red < 0 {
				red = i
			}
		case o.Verdict == reports.Pass:
			judged = true
		case o.Verdict == reports.Skip:
			skipped++
		default:
			e.trouble(n, o)
		}
	}
	switch {
	case judged:
		e.report.Tried++
	case skipped > 0 && skipped == len(outcomes):
		e.report.Skipped++
	}
	if red < 0 {
		return nil
	}
	return e.follow(ctx, n, lan, outcomes, &outcomes[red])
}

// trouble notes that there is no verdict about a LAN.
func (e *exploring) trouble(n uint64, o *Outcome) {
	for i := range e.report.Trouble {
		if t := &e.report.Trouble[i]; t.where() == o.where() && t.Observed == o.Observed {
			t.LANs = append(t.LANs, n)
			return
		}
	}
	e.report.Trouble = append(e.report.Trouble, Trouble{[]uint64{n}, *o})
}

// follow shrinks a disagreement, if there is none about the same rules yet, and
// writes it out.
func (e *exploring) follow(ctx context.Context, n uint64, lan []byte, outcomes []Outcome, red *Outcome) error {
	key := red.where() + " " + rules(red.Observed)
	if f := e.known[key]; f != nil {
		f.Also = append(f.Also, n)
		return nil
	}
	f := &Found{LAN: n, Outcomes: outcomes, Shrunk: *red, Text: lan}
	e.known[key] = f
	e.report.Found = append(e.report.Found, f)
	e.Note(fmt.Sprintf("LAN %d of seed %d: %s disagrees with the oracle about frames of class %s; shrinking it", n, e.Seed, red.where(), red.Class))
	name := Name(e.Seed, n)
	p := &pattern{measure: e.Measure, name: name, want: signs(outcomes, red.Class), class: red.Class, shown: map[string]*Outcome{}}
	limited, cancel := context.WithTimeout(ctx, min(e.Budget/2, time.Until(e.shrinkUntil)))
	defer cancel()
	text, again, err := Shrink(limited, name, lan, red.Class, red.Step, p.red)
	f.Text, f.Again = text, again
	if o := p.shown[string(f.Text)]; o != nil {
		f.Shrunk = *o
	}
	if limited.Err() != nil {
		err = nil // time is up: what there is by now is good
	}
	return errors.Join(err, e.write(f))
}

// write puts a disagreement into a file that reproduces it.
func (e *exploring) write(f *Found) error {
	if e.Out == "" {
		return nil
	}
	if err := os.MkdirAll(e.Out, 0o755); err != nil {
		return fmt.Errorf("make the folder for what is found: %w", err)
	}
	f.File = filepath.Join(e.Out, Name(e.Seed, f.LAN)+".yaml")
	var b strings.Builder
	fmt.Fprintf(&b, "# Seed %d, LAN %d: lanproof explore --seed %d --first %d --most 1 draws the LAN that this is a part of.\n", e.Seed, f.LAN, e.Seed, f.LAN)
	fmt.Fprintf(&b, "# %s\n", strings.ReplaceAll(f.String(), "\n", " "))
	b.Write(f.Text)
	if err := os.WriteFile(f.File, []byte(b.String()), 0o644); err != nil {
		return fmt.Errorf("write what is found: %w", err)
	}
	return nil
}

// String is one sentence with both sides and the rule.
func (f *Found) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "LAN %d: %s and the oracle disagree about frames of class %s", f.LAN, f.Shrunk.where(), f.Shrunk.Class)
	if f.Shrunk.Step != "" {
		fmt.Fprintf(&b, " after %s", f.Shrunk.Step)
	}
	for i := range f.Outcomes {
		if o := &f.Outcomes[i]; o.where() != f.Shrunk.where() {
			fmt.Fprintf(&b, ", %s: %s", o.where(), o.Verdict)
		}
	}
	fmt.Fprintf(&b, ": %s", f.Shrunk.Observed)
	if !f.Again {
		b.WriteString(" (it did not come again when the LAN was run once more, or there was no time to see)")
	}
	return b.String()
}
