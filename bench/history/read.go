package history

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"golang.org/x/perf/benchmath"

	"github.com/lanproof/lanproof/bench/record"
	"github.com/lanproof/lanproof/reports"
)

// Run is a run in a history.
type Run struct {
	ID             int64
	Kind           Kind
	Started, Added time.Time
	Label, Machine string
	Tool, Command  string
	Systems        []record.System // of cases those without a clock
	Benchmarks     int             // how many series it has
	Problems       int             // how many benchmarks gave no figure, or not all
	Cases          int
	Checks         reports.Summary // of its cases
}

// Kernels are the releases that the run was on, each once.
func (r *Run) Kernels() []string {
	var all []string
	for _, s := range r.Systems {
		if !slices.Contains(all, s.Kernel) {
			all = append(all, s.Kernel)
		}
	}
	return all
}

// Runs lists the runs by their dates, the oldest first.
func (d *DB) Runs(ctx context.Context) ([]*Run, error) {
	var all []*Run
	byID := map[int64]*Run{}
	err := d.each(ctx, `SELECT id, kind, started, added, label, machine, tool, command,
			(SELECT count(*) FROM series WHERE run = id), (SELECT count(*) FROM problems WHERE run = id),
			(SELECT count(*) FROM cases WHERE run = id),
			(SELECT coalesce(sum(pass), 0) FROM cases WHERE run = id), (SELECT coalesce(sum(fail), 0) FROM cases WHERE run = id),
			(SELECT coalesce(sum(skip), 0) FROM cases WHERE run = id), (SELECT coalesce(sum(error), 0) FROM cases WHERE run = id)
		FROM runs ORDER BY started, id`, func(rows *sql.Rows) error {
		r := &Run{}
		var started, added int64
		c := &r.Checks
		if err := rows.Scan(&r.ID, &r.Kind, &started, &added, &r.Label, &r.Machine, &r.Tool, &r.Command, &r.Benchmarks, &r.Problems,
			&r.Cases, &c.Pass, &c.Fail, &c.Skip, &c.Error); err != nil {
			return err
		}
		r.Started, r.Added = time.Unix(0, started).UTC(), time.Unix(0, added).UTC()
		byID[r.ID] = r
		all = append(all, r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = d.each(ctx, `SELECT run, id, ground, kernel, arch, clock, detail FROM systems ORDER BY run, position`, func(rows *sql.Rows) error {
		var run int64
		var s record.System
		var detail string
		if err := rows.Scan(&run, &s.ID, &s.Ground, &s.Kernel, &s.Arch, &s.Clock, &detail); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(detail), &s.Detail); err != nil {
			return fmt.Errorf("%w: the detail of a system of run %d: %v", ErrUnfit, run, err)
		}
		if r := byID[run]; r != nil {
			r.Systems = append(r.Systems, s)
		}
		return nil
	})
	return all, err
}

// each calls do for every row of a query.
func (d *DB) each(ctx context.Context, query string, do func(*sql.Rows) error) error {
	rows, err := d.db.QueryContext(ctx, query)
	if err != nil {
		return d.wrap("read", err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := do(rows); err != nil {
			return d.wrap("read", err)
		}
	}
	return d.wrap("read", rows.Err())
}

// Benchmarks are the names of all that was measured, sorted.
func (d *DB) Benchmarks(ctx context.Context) ([]string, error) {
	var all []string
	err := d.each(ctx, `SELECT DISTINCT benchmark FROM series ORDER BY benchmark`, func(rows *sql.Rows) error {
		all = append(all, "")
		return rows.Scan(&all[len(all)-1])
	})
	return all, err
}

// Track is how one figure of one system went over time.
type Track struct {
	Benchmark, System, Unit string
	Better                  record.Direction
	Method                  string
	Clock                   record.Clock
	Machine                 string
	Points                  []Point // by their dates
	// Changes are the change points among the points.
	Changes []Change
}

// Point is what one run measured.
type Point struct {
	Run    *Run
	Kernel string // the release
	N      int    // samples
	// Median of the samples, with the bounds between which the true one lies with a
	// probability of 95 %, as far as there are samples enough.
	Median, Low, High float64
}

// trackKey is what has to be the same for figures to be put in one line.
type trackKey struct {
	benchmark, system, unit, method, machine string
	clock                                    record.Clock
	better                                   record.Direction
}

// Tracks tells how figures went over time, with their change points: those of the
// benchmarks that only lets through, all if it is nil. Figures of other machines, clocks
// or methods are no part of the same track. They are sorted by benchmark, system and
// unit.
func (d *DB) Tracks(ctx context.Context, only func(benchmark string) bool) ([]*Track, error) {
	runs, err := d.Runs(ctx)
	if err != nil {
		return nil, err
	}
	byID := map[int64]*Run{}
	for _, r := range runs {
		byID[r.ID] = r
	}
	tracks := map[trackKey]*Track{}
	err = d.each(ctx, `SELECT series.run, benchmark, system, unit, better, method, samples
		FROM series JOIN runs ON runs.id = series.run ORDER BY runs.started, runs.id, series.position`, func(rows *sql.Rows) error {
		var run int64
		var k trackKey
		var samples string
		if err := rows.Scan(&run, &k.benchmark, &k.system, &k.unit, &k.better, &k.method, &samples); err != nil {
			return err
		}
		r := byID[run]
		if r == nil || only != nil && !only(k.benchmark) { // it came after the runs were read
			return nil
		}
		p, err := r.point(samples)
		if err != nil {
			return err
		}
		k.machine = r.Machine
		for _, s := range r.Systems {
			if s.ID == k.system {
				k.clock, p.Kernel = s.Clock, s.Kernel
			}
		}
		t := tracks[k]
		if t == nil {
			t = &Track{Benchmark: k.benchmark, System: k.system, Unit: k.unit, Better: k.better, Method: k.method, Clock: k.clock, Machine: k.machine}
			tracks[k] = t
		}
		t.Points = append(t.Points, p)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return settled(tracks), nil
}

// settled sorts tracks and finds their changes.
func settled(tracks map[trackKey]*Track) []*Track {
	var all []*Track
	for _, t := range tracks {
		var medians []float64
		for _, p := range t.Points {
			medians = append(medians, p.Median)
		}
		t.Changes = Changes(medians)
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b *Track) int {
		return cmp.Or(cmp.Compare(a.Benchmark, b.Benchmark), cmp.Compare(a.System, b.System), cmp.Compare(a.Unit, b.Unit),
			cmp.Compare(a.Machine, b.Machine), cmp.Compare(a.Clock, b.Clock), cmp.Compare(a.Method, b.Method), cmp.Compare(a.Better, b.Better))
	})
	return all
}

// point sums up samples as a series has them.
func (r *Run) point(samples string) (Point, error) {
	var pairs [][2]float64
	if err := json.Unmarshal([]byte(samples), &pairs); err != nil || len(pairs) == 0 {
		return Point{}, fmt.Errorf("%w: the samples of a series of run %d cannot be read (%v)", ErrUnfit, r.ID, err)
	}
	values := make([]float64, len(pairs))
	for i, p := range pairs {
		values[i] = p[1]
	}
	p := Point{Run: r, N: len(values), Median: median(values)}
	sum := benchmath.AssumeNothing.Summary(benchmath.NewSample(values, &benchmath.DefaultThresholds), 0.95)
	p.Low, p.High = max(sum.Lo, slices.Min(values)), min(sum.Hi, slices.Max(values))
	return p, nil
}

// Worse tells whether a change is one for the worse.
func (t *Track) Worse(c Change) bool {
	return c.After < c.Before == (t.Better == record.HigherIsBetter) && c.After != c.Before
}

// CaseTrack is how the verdicts of one case on one system went over time.
type CaseTrack struct {
	Scenario, Case, System, Machine string
	// Verdicts are by run; a run without the case has none. Of repetitions it is the worst.
	Verdicts map[int64]reports.Verdict
}

// Changed tells whether the verdicts are not all the same.
func (t *CaseTrack) Changed() bool {
	var first reports.Verdict
	for _, v := range t.Verdicts {
		if first != "" && v != first {
			return true
		}
		first = v
	}
	return false
}

// Cases tells how the verdicts of cases went over time, in the order in which the cases
// first came.
func (d *DB) Cases(ctx context.Context) ([]*CaseTrack, error) {
	var all []*CaseTrack
	type key struct{ scenario, name, system, machine string }
	index := map[key]*CaseTrack{}
	err := d.each(ctx, `SELECT run, scenario, name, system, machine, verdict
		FROM cases JOIN runs ON runs.id = cases.run ORDER BY runs.started, runs.id, cases.position`, func(rows *sql.Rows) error {
		var run int64
		var k key
		var v reports.Verdict
		if err := rows.Scan(&run, &k.scenario, &k.name, &k.system, &k.machine, &v); err != nil {
			return err
		}
		t := index[k]
		if t == nil {
			t = &CaseTrack{Scenario: k.scenario, Case: k.name, System: k.system, Machine: k.machine, Verdicts: map[int64]reports.Verdict{}}
			index[k] = t
			all = append(all, t)
		}
		if was, again := t.Verdicts[run]; again {
			v = reports.Overall([]reports.Verdict{was, v})
		}
		t.Verdicts[run] = v
		return nil
	})
	return all, err
}
