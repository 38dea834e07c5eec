package history

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/lanproof/lanproof/bench/record"
	"github.com/lanproof/lanproof/reports"
)

// Outcome is what became of a run that was to be added.
type Outcome string

// The outcomes.
const (
	Added    Outcome = "added"
	There    Outcome = "nothing added, it is there already"
	Replaced Outcome = "it has gone on since it was added, and is there whole now"
)

// Add adds a run, whole or not at all, and tells its number. The same run is there once:
// where it was added before it had ended, as a benchmark leaves its figures after every
// block, what has more in it stays.
func (d *DB) Add(ctx context.Context, e *Entry) (id int64, outcome Outcome, err error) {
	err = d.write(ctx, "add to", func(tx *sql.Tx) error {
		id, outcome, err = e.find(ctx, tx)
		if err != nil || outcome == There {
			return err
		}
		now := *e
		if outcome == Replaced {
			// What people called it by stays, unless they call it otherwise now.
			row := tx.QueryRowContext(ctx, `DELETE FROM runs WHERE id = ? RETURNING label, machine`, id)
			if err := row.Scan(&now.Label, &now.Machine); err != nil {
				return err
			}
			now.Label, now.Machine = cmp.Or(e.Label, now.Label), cmp.Or(e.Machine, now.Machine)
		}
		id, err = now.insert(ctx, tx, id)
		return err
	})
	if err != nil {
		return 0, "", err
	}
	return id, outcome, nil
}

// find looks for the run among those that are there.
func (e *Entry) find(ctx context.Context, tx *sql.Tx) (id int64, outcome Outcome, err error) {
	_, seed, command := e.head()
	var digest string
	var has int
	row := tx.QueryRowContext(ctx, `SELECT id, digest,
			(SELECT coalesce(sum(json_array_length(samples)), 0) FROM series WHERE run = id)
			+ (SELECT coalesce(sum(pass + fail + skip + error), 0) FROM cases WHERE run = id)
		FROM runs WHERE digest = ? OR (kind = ? AND started = ? AND seed = ? AND command = ?) ORDER BY digest = ? DESC LIMIT 1`,
		e.Digest, string(e.Kind()), e.Started().UnixNano(), strconv.FormatUint(seed, 10), command, e.Digest)
	switch err := row.Scan(&id, &digest, &has); {
	case errors.Is(err, sql.ErrNoRows):
		return 0, Added, nil
	case err != nil:
		return 0, "", err
	case digest == e.Digest || has >= e.size():
		return id, There, nil
	}
	return id, Replaced, nil
}

// size is how many samples or checks the run has.
func (e *Entry) size() int {
	if e.Results != nil {
		return e.Results.Summary.Total()
	}
	n := 0
	for i := range e.Bench.Series {
		n += len(e.Bench.Series[i].Samples)
	}
	return n
}

// insert writes the rows of a run, under the number that it had, if any.
func (e *Entry) insert(ctx context.Context, tx *sql.Tx, number int64) (int64, error) {
	tool, seed, command := e.head()
	res, err := tx.ExecContext(ctx, `INSERT INTO runs (id, digest, kind, started, added, label, machine, tool, seed, command) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		sql.NullInt64{Int64: number, Valid: number != 0}, e.Digest, string(e.Kind()), e.Started().UnixNano(), time.Now().UnixNano(), e.Label, e.machine(), tool, strconv.FormatUint(seed, 10), command)
	if err != nil {
		return 0, err
	}
	id, err := res.LastInsertId()
	if err != nil {
		return 0, err
	}
	w := &writer{ctx: ctx, tx: tx, run: id}
	if e.Bench != nil {
		w.bench(e.Bench)
	} else {
		w.results(e.Results)
	}
	return id, w.err
}

// head is what a run tells of itself.
func (e *Entry) head() (tool string, seed uint64, command string) {
	if e.Bench != nil {
		return e.Bench.Tool, e.Bench.Seed, e.Bench.Command
	}
	if env := e.Results.Environment; len(env) > 0 {
		tool = env[0].Tool
	}
	return tool, e.Results.Seed, ""
}

// writer writes the rows that belong to a run, up to the first error.
type writer struct {
	ctx context.Context
	tx  *sql.Tx
	run int64
	err error
}

// rows inserts n rows into a table, each with the run, its position and further values.
func (w *writer) rows(table string, n int, values func(i int) []any) {
	if w.err != nil || n == 0 {
		return
	}
	marks := "?, ?"
	for range values(0) {
		marks += ", ?"
	}
	stmt, err := w.tx.PrepareContext(w.ctx, fmt.Sprintf("INSERT INTO %s VALUES (%s)", table, marks))
	if err != nil {
		w.err = err
		return
	}
	defer stmt.Close()
	for i := range n {
		if _, err := stmt.ExecContext(w.ctx, append([]any{w.run, i}, values(i)...)...); err != nil {
			w.err = err
			return
		}
	}
}

func (w *writer) bench(r *record.Run) {
	w.rows("systems", len(r.Systems), func(i int) []any {
		s := &r.Systems[i]
		return []any{s.ID, s.Ground, s.Kernel, s.Arch, string(s.Clock), w.json(s.Detail)}
	})
	w.rows("series", len(r.Series), func(i int) []any {
		s := &r.Series[i]
		samples := make([][2]float64, len(s.Samples))
		for j, v := range s.Samples {
			samples[j] = [2]float64{float64(v.Block), v.Value}
		}
		return []any{s.Benchmark, s.System, s.Unit, string(s.Better), s.Method, w.json(samples)}
	})
	w.rows("problems", len(r.Problems), func(i int) []any {
		p := r.Problems[i]
		return []any{p.Benchmark, p.System, p.Kind, p.Reason}
	})
}

func (w *writer) results(r *reports.Results) {
	ids := map[string]string{}
	w.rows("systems", len(r.Environment), func(i int) []any {
		s := &r.Environment[i]
		id := s.Ground
		if named := s.Detail["named"]; named != "" {
			id += " " + named
		}
		ids[s.Ground+" "+s.Kernel] = id
		return []any{id, s.Ground, s.Kernel, s.Arch, "", w.json(s.Detail)}
	})
	w.rows("cases", len(r.Cases), func(i int) []any {
		c := &r.Cases[i]
		system, known := ids[c.Ground+" "+c.Kernel]
		if !known { // a kernel that did not come up is told by its name
			system = c.Ground + " " + c.Kernel
		}
		one := reports.Results{Cases: r.Cases[i : i+1]}
		one.Summarize()
		s := one.Summary
		return []any{c.Scenario, c.Case, system, c.Repeat, string(c.Verdict), s.Pass, s.Fail, s.Skip, s.Error}
	})
}

// json writes a value for a column.
func (w *writer) json(v any) string {
	text, err := json.Marshal(v)
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("write a row: %w", err)
	}
	return string(text)
}
