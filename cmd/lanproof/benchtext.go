package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"github.com/lanproof/lanproof/bench"
	"github.com/lanproof/lanproof/bench/record"
)

// listBenchmarks prints names with what they mean.
func listBenchmarks(w io.Writer, all []bench.Benchmark) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, b := range all {
		fmt.Fprintf(t, "%s\t%s\n", b.Name, b.About)
	}
	return t.Flush()
}

// benchProgress tells how far a run is: a line for each block, and on a terminal one
// that is written over and over.
type benchProgress struct {
	w       io.Writer
	live    bool
	count   int
	began   time.Time
	first   int // the block that is the first, -1 being the one that warms up
	current int
}

// newBenchProgress tells of so many blocks, and of one that warms up before them if there
// is one.
func newBenchProgress(w io.Writer, count int, warm bool) *benchProgress {
	f, ok := w.(*os.File)
	live := ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
	p := &benchProgress{w: w, live: live, count: count, began: time.Now()}
	if warm {
		p.first, p.current = -1, -1
	}
	return p
}

// clear begins a line anew.
func (p *benchProgress) clear() {
	if p.live {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

func (p *benchProgress) note(text string) {
	p.clear()
	fmt.Fprintln(p.w, text)
}

// what names a block.
func (p *benchProgress) what(block int) string {
	if block < 0 {
		return "warm-up"
	}
	return fmt.Sprintf("block %d of %d", block+1, p.count)
}

func (p *benchProgress) started(system, benchmark string, n, of int) {
	if p.live {
		p.clear()
		text := fmt.Sprintf("%s, %s: %d of %d, %s", p.what(p.current), system, n+1, of, benchmark)
		fmt.Fprint(p.w, text[:min(len(text), 79)])
	}
}

// block tells that a block is done, and how long the rest will take.
func (p *benchProgress) block(block int) {
	p.clear()
	p.current = block + 1
	since := time.Since(p.began)
	fmt.Fprintf(p.w, "%s (%v", p.what(block), since.Round(time.Second/10))
	done, left := block-p.first+1, p.count-block-1
	if rest := since / time.Duration(done) * time.Duration(left); rest > time.Second {
		fmt.Fprintf(p.w, ", about %v left", rest.Round(time.Second))
	}
	fmt.Fprintln(p.w, ")")
}

// tellBench tells what was measured: one system's figures, or what is different on the
// others, and what could not be measured.
func tellBench(w io.Writer, r *record.Run) error {
	tellProblems(w, r.Problems)
	if len(r.Systems) == 1 {
		return medians(w, r)
	}
	c, err := record.Turns(r, record.Rules{})
	if err != nil {
		return err
	}
	if len(r.Systems) > 2 {
		if err := sideBySide(w, r, c); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	return c.WriteText(w)
}

// tellProblems tells what could not be measured, once for each reason.
func tellProblems(w io.Writer, all []record.Problem) {
	byReason := map[record.Problem][]string{}
	var order []record.Problem
	for _, p := range all {
		why := record.Problem{System: p.System, Kind: p.Kind, Reason: p.Reason}
		if byReason[why] == nil {
			order = append(order, why)
		}
		byReason[why] = append(byReason[why], p.Benchmark)
	}
	for _, why := range order {
		what := strings.Join(byReason[why], ", ")
		if n := len(byReason[why]); n > 3 {
			what = fmt.Sprintf("%s and %d more", strings.Join(byReason[why][:3], ", "), n-3)
		}
		fmt.Fprintf(w, "%s: %s: %s\n", why.Kind, strings.TrimSpace(why.System+" "+what), why.Reason)
	}
	if len(order) > 0 {
		fmt.Fprintln(w)
	}
}

// medians prints the figures of one system, and how far the middle half of their
// samples reaches.
func medians(w io.Writer, r *record.Run) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "benchmark\tmedian\tunit\tmiddle half\tsamples\tby")
	for _, s := range inOrder(r.Series) {
		median, spread := middle(s.Samples)
		fmt.Fprintf(t, "%s\t%s\t%s\t± %.2g %%\t%d\t%s\n", s.Benchmark, record.Say(median, s.Unit), s.Unit, 100*spread, len(s.Samples), s.Method)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	for _, said := range record.Caveats(r.Systems...) {
		fmt.Fprintln(w, said)
	}
	return nil
}

// sideBySide prints the medians of all systems beside each other, those behind the first
// with what that is of the first's; figures that differ between the systems come first.
func sideBySide(w io.Writer, r *record.Run, c *record.Comparison) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "benchmark\tunit")
	for _, s := range r.Systems {
		fmt.Fprintf(t, "\t%s", s.ID)
	}
	fmt.Fprintln(t)
	type row struct {
		rank            int
		benchmark, unit string
	}
	var rows []row
	for _, s := range inOrder(r.Series) {
		rows = append(rows, row{c.Rank(s.Benchmark, s.Unit), s.Benchmark, s.Unit})
	}
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(a.rank, b.rank) })
	for _, at := range slices.Compact(rows) {
		fmt.Fprintf(t, "%s\t%s", at.benchmark, at.unit)
		first := 0.0
		for i, sys := range r.Systems {
			fmt.Fprint(t, "\t", cell(r.Series, at.benchmark, at.unit, sys.ID, i, &first))
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

// cell is the median of a series, and what it is of the first system's.
func cell(all []record.Series, benchmark, unit, system string, place int, first *float64) string {
	i := slices.IndexFunc(all, func(s record.Series) bool {
		return s.Benchmark == benchmark && s.Unit == unit && s.System == system
	})
	if i < 0 {
		return "-"
	}
	median, _ := middle(all[i].Samples)
	text := record.Say(median, unit)
	if place == 0 {
		*first = median
	} else if *first != 0 {
		text += fmt.Sprintf(" %+.1f %%", 100*(median / *first - 1))
	}
	return text
}

// inOrder sorts series by their benchmarks' names and units.
func inOrder(all []record.Series) []record.Series {
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b record.Series) int {
		return cmp.Or(record.ByName(a.Benchmark, b.Benchmark), record.ByName(a.Unit, b.Unit))
	})
	return sorted
}

// middle is the median of some samples, and how far the half of them that is nearest to
// it in rank reaches to either side, as a part of it.
func middle(samples []record.Sample) (median, spread float64) {
	var v []float64
	for _, s := range samples {
		v = append(v, s.Value)
	}
	slices.Sort(v)
	n := len(v)
	if n == 0 {
		return 0, 0
	}
	median = (v[(n-1)/2] + v[n/2]) / 2
	if median != 0 {
		spread = (v[n-1-n/4] - v[n/4]) / median / 2
	}
	return median, spread
}
