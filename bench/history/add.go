package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/lanproof/lanproof/bench/record"
	"github.com/lanproof/lanproof/reports"
)

// Add adds a run, whole or not at all, and tells its number. Where the same run is there
// already, nothing is done and added is false.
func (d *DB) Add(ctx context.Context, e *Entry) (id int64, added bool, err error) {
	err = d.write(ctx, "add to", func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `SELECT id FROM runs WHERE digest = ?`, e.Digest).Scan(&id)
		if err == nil || err != sql.ErrNoRows {
			return err
		}
		added = true
		id, err = e.insert(ctx, tx)
		return err
	})
	if err != nil {
		return 0, false, err
	}
	return id, added, nil
}

// insert writes the rows of a run.
func (e *Entry) insert(ctx context.Context, tx *sql.Tx) (int64, error) {
	tool, seed, command := e.head()
	res, err := tx.ExecContext(ctx, `INSERT INTO runs (digest, kind, started, added, label, machine, tool, seed, command) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		e.Digest, string(e.Kind()), e.Started().UnixNano(), time.Now().UnixNano(), e.Label, e.machine(), tool, strconv.FormatUint(seed, 10), command)
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
