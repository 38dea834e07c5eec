package history_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lanproof/lanproof/bench/history"
	"github.com/lanproof/lanproof/bench/record"
	"github.com/lanproof/lanproof/reports"
)

var began = time.Date(2026, 9, 1, 6, 0, 0, 0, time.UTC)

// measured is a run on a day, with a figure of each value on two systems.
func measured(day int, values ...float64) *record.Run {
	r := &record.Run{
		Tool: "v1", Started: began.AddDate(0, 0, day), Seed: uint64(day) + 1<<63, Command: "lanproof bench",
		Systems: []record.System{
			{ID: "host", Ground: "host", Kernel: "6.18.44", Arch: "amd64", Clock: record.Time, Detail: map[string]string{"cpu": "Abacus 3000"}},
			{ID: "guest debian:6.12", Ground: "guest", Kernel: fmt.Sprintf("6.12.%d", 100+day/10), Arch: "amd64", Clock: record.Instructions, Detail: map[string]string{"machine": "Abacus 3000"}},
		},
		Problems: []record.Problem{{Benchmark: "latency", System: "host", Kind: "skip", Reason: "no clock"}},
	}
	for i, v := range values {
		for _, s := range r.Systems {
			one := record.Series{Benchmark: fmt.Sprintf("frames/macvlan-bridge/in/size=%d", 64<<i), System: s.ID, Unit: "frames/s", Better: record.HigherIsBetter, Method: "AF_PACKET"}
			for block := range 5 {
				one.Samples = append(one.Samples, record.Sample{Block: block, Value: v + float64(block)})
			}
			r.Series = append(r.Series, one)
		}
	}
	return r
}

func entryOf(t *testing.T, write func(*bytes.Buffer) error) *history.Entry {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	e, err := history.Parse(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func benchEntry(t *testing.T, r *record.Run) *history.Entry {
	return entryOf(t, func(b *bytes.Buffer) error { return record.WriteJSON(b, r) })
}

// checked is a run of two cases, the second with a verdict of its own, which the first
// kernel repeats.
func checked(t *testing.T, day int, v reports.Verdict) *history.Entry {
	check := func(id string, v reports.Verdict) reports.Check { return reports.Check{ID: id, Verdict: v} }
	r := &reports.Results{
		Started:     began.AddDate(0, 0, day),
		Environment: []reports.Environment{{Ground: "guest", Kernel: "6.1.0", Tool: "v1", Detail: map[string]string{"named": "debian:6.1"}}},
		Cases: []reports.Case{
			{Scenario: "a", Case: "a", Ground: "guest", Kernel: "6.1.0", Checks: []reports.Check{check("x", reports.Pass), check("y", reports.Skip)}},
			{Scenario: "b", Case: "b@mode=c", Ground: "guest", Kernel: "6.1.0", Repeat: 1, Checks: []reports.Check{check("x", v)}},
			{Scenario: "b", Case: "b@mode=c", Ground: "guest", Kernel: "6.1.0", Repeat: 2, Checks: []reports.Check{check("x", reports.Pass)}},
		},
	}
	return entryOf(t, func(b *bytes.Buffer) error { return reports.WriteJSON(b, r) })
}

func create(t *testing.T, path string) *history.DB {
	t.Helper()
	db, err := history.Create(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func add(t *testing.T, db *history.DB, e *history.Entry) (int64, history.Outcome) {
	t.Helper()
	id, outcome, err := db.Add(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	return id, outcome
}

// What is added comes back, by date and not in the order in which it was added; adding
// it once more changes nothing, whatever label it has now.
func TestAdd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a?b#c%41.db") // a name that a URI would take for something else
	db := create(t, path)
	late := benchEntry(t, measured(5, 100, 200))
	late.Label = "v2"
	if id, outcome := add(t, db, late); outcome != history.Added || id != 1 {
		t.Errorf("%s as %d", outcome, id)
	}
	add(t, db, benchEntry(t, measured(1, 100)))
	add(t, db, checked(t, 3, reports.Fail))
	again := benchEntry(t, measured(5, 100, 200))
	again.Label = "v3"
	if id, outcome := add(t, db, again); outcome != history.There || id != 1 {
		t.Errorf("the same run once more: %s as %d", outcome, id)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	runs, err := db.Runs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range runs {
		got = append(got, fmt.Sprintf("%d %s %s %q %q %s: %s", r.ID, r.Kind, r.Started.Format("01-02"), r.Label, r.Machine, strings.Join(r.Kernels(), "+"), r.Found()))
	}
	want := []string{
		`2 bench 09-02 "" "Abacus 3000" 6.18.44+6.12.100: 2 figures, 1 problem`,
		`3 results 09-04 "" "" 6.1.0: 3 cases: 2 passed, 1 failed, 0 error, 1 skipped`,
		`1 bench 09-06 "v2" "Abacus 3000" 6.18.44+6.12.100: 4 figures, 1 problem`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
	if got := runs[2].Systems[1].Detail["machine"]; got != "Abacus 3000" {
		t.Errorf("the detail of a system is %q", got)
	}
}

// A run that was added before it had ended is replaced by what it has become, and not
// the other way round.
func TestAddAgain(t *testing.T) {
	db := create(t, filepath.Join(t.TempDir(), "h.db"))
	add(t, db, benchEntry(t, measured(0, 1)))
	part, whole := measured(1, 100), measured(1, 100)
	for i := range part.Series {
		part.Series[i].Samples = part.Series[i].Samples[:2]
	}
	for i, c := range []struct {
		run  *record.Run
		want history.Outcome
	}{{part, history.Added}, {part, history.There}, {whole, history.Replaced}, {part, history.There}, {whole, history.There}} {
		e := benchEntry(t, c.run)
		if i == 0 {
			e.Label = "v1"
		}
		if id, got := add(t, db, e); id != 2 || got != c.want {
			t.Errorf("%d: %s as %d, want %s", i, got, id, c.want)
		}
	}
	tracks, err := db.Tracks(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if p := tracks[0].Points; len(p) != 2 || p[1].N != 5 || p[1].Run.Label != "v1" {
		t.Errorf("points %+v", p)
	}
}

// Figures go by benchmark, system, unit, method, clock and machine.
func TestTracks(t *testing.T) {
	db := create(t, filepath.Join(t.TempDir(), "h.db"))
	for day := range 20 {
		v := 100.0
		if day >= 12 {
			v = 80
		}
		add(t, db, benchEntry(t, measured(day, v+float64(day%3))))
	}
	other := benchEntry(t, measured(30, 500))
	other.Machine = "another"
	add(t, db, other)
	tracks, err := db.Tracks(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(tracks) != 4 { // two systems on two machines
		t.Fatalf("%d tracks", len(tracks))
	}
	guest := tracks[0]
	if guest.System != "guest debian:6.12" || guest.Machine != "Abacus 3000" || guest.Clock != record.Instructions || len(guest.Points) != 20 {
		t.Errorf("the first track is of %s on %s by %s, with %d points", guest.System, guest.Machine, guest.Clock, len(guest.Points))
	}
	p := guest.Points[1] // 101 to 105
	if p.Median != 103 || p.Low < 101 || p.High > 105 || p.Low > p.Median || p.High < p.Median || p.N != 5 || p.Kernel != "6.12.100" {
		t.Errorf("point %+v", p)
	}
	if len(guest.Changes) != 1 || guest.Changes[0].At != 12 || !guest.Worse(guest.Changes[0]) {
		t.Fatalf("changes %+v", guest.Changes)
	}
	if got, want := guest.Say(guest.Changes[0]), "103.0 → 83.00, -19.4 %, from 2026-09-13 06:00 on (p = 0.002)"; got != want {
		t.Errorf("the change is told as %q, want %q", got, want)
	}
	if tracks, err := db.Tracks(t.Context(), func(string) bool { return false }); err != nil || len(tracks) > 0 {
		t.Errorf("%d tracks of no benchmark (%v)", len(tracks), err)
	}
	names, err := db.Benchmarks(t.Context())
	if want := []string{"frames/macvlan-bridge/in/size=64"}; err != nil || !cmp.Equal(names, want) {
		t.Errorf("benchmarks %q (%v)", names, err)
	}
}

func TestCases(t *testing.T) {
	db := create(t, filepath.Join(t.TempDir(), "h.db"))
	for day, v := range []reports.Verdict{reports.Pass, reports.Fail} {
		add(t, db, checked(t, day, v))
	}
	cases, err := db.Cases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range cases {
		got = append(got, fmt.Sprintf("%s on %s: %s %s, changed %v", c.Case, c.System, c.Verdicts[1], c.Verdicts[2], c.Changed()))
	}
	want := []string{"a on guest debian:6.1: pass pass, changed false", "b@mode=c on guest debian:6.1: pass fail, changed true"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cases (-want +got):\n%s", diff)
	}
}

// database makes one of SQLite.
func database(t *testing.T, dir, name, statements string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statements); err != nil {
		t.Fatal(err)
	}
	return path
}

// Whatever is no history is refused in one sentence, and left as it is.
func TestUnfit(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	whole := filepath.Join(dir, "whole.db")
	add(t, create(t, whole), benchEntry(t, measured(1, 100)))
	data, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(data)
	for i := 100; i < len(damaged); i++ {
		damaged[i] = 0xff
	}
	for _, c := range []struct{ path, want string }{
		{file("text", []byte(strings.Repeat("no database at all\n", 100))), "it is no database"},
		{file("short", []byte("x")), "it is no database"},
		{file("damaged.db", damaged), "it is damaged"},
		{file("cut.db", data[:len(data)/2]), "it is damaged"},
		{database(t, dir, "newer.db", fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = 9; CREATE TABLE runs (id)", 0x4c4e5046)), "a newer lanproof has written it (its tables are of version 9, and this one knows 1)"},
		{database(t, dir, "other.db", "CREATE TABLE birds (name)"), "it is the database of another program"},
		{dir, "it is no regular file"},
	} {
		before, _ := os.ReadFile(c.path)
		for name, open := range map[string]func(context.Context, string) (*history.DB, error){"read": history.Open, "add": history.Create} {
			db, err := open(t.Context(), c.path)
			if err == nil {
				_, err = db.Tracks(t.Context(), nil)
				if closed := db.Close(); closed != nil {
					t.Error(closed)
				}
			}
			if !errors.Is(err, history.ErrUnfit) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s %s: %v, want %q", name, filepath.Base(c.path), err, c.want)
			}
		}
		if after, _ := os.ReadFile(c.path); !bytes.Equal(before, after) {
			t.Errorf("%s was changed", c.path)
		}
	}
	if _, err := history.Open(t.Context(), filepath.Join(dir, "nowhere.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := history.Open(t.Context(), file("empty", nil)); !errors.Is(err, history.ErrUnfit) {
		t.Errorf("an empty file: %v", err)
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "not JSON"},
		{"{}", "they name no schema"},
		{`{"schema": "lanproof/bench/v9"}`, "newer"},
		{`{"schema": "lanproof/bench/v1"}`, "no date"},
		{`{"schema": "lanproof/results/v1", "started": "0001-01-01T00:00:00Z"}`, "no date"},
		{`{"schema": "lanproof/results/v1", "started": "9999-01-01T00:00:00Z"}`, "no date"},
	} {
		if _, err := history.Parse([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.text, err, c.want)
		}
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	if _, err := history.Read(dir); err == nil || !strings.Contains(err.Error(), "has neither bench.json nor results.json") {
		t.Errorf("an empty folder: %v", err)
	}
	if err := record.Save(dir, measured(1, 100)); err != nil {
		t.Fatal(err)
	}
	if err := reports.Save(dir, &reports.Results{Started: began}); err != nil {
		t.Fatal(err)
	}
	both, err := history.Read(dir)
	if err != nil || len(both) != 2 || both[0].Kind() != history.Bench || both[1].Kind() != history.Results {
		t.Errorf("%d runs (%v), want both", len(both), err)
	}
	if one, err := history.Read(filepath.Join(dir, "results.json")); err != nil || len(one) != 1 {
		t.Errorf("%d runs (%v), want one", len(one), err)
	}
}

// FuzzParse takes whatever a file may hold; what it takes can be added and read.
func FuzzParse(f *testing.F) {
	text, err := json.Marshal(measured(1, 100))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bytes.Replace(text, []byte(`"schema":""`), []byte(`"schema":"lanproof/bench/v1"`), 1))
	f.Add([]byte(`{"schema":"lanproof/results/v1","started":"2026-11-21T09:00:00Z","cases":[{"scenario":"\u0000","case":"a","verdict":"pass"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := history.Parse(data)
		if err != nil {
			return
		}
		db := create(t, filepath.Join(t.TempDir(), "h.db"))
		add(t, db, e)
		page := &history.Page{}
		if page.Runs, err = db.Runs(t.Context()); err != nil {
			t.Fatal(err)
		}
		tracks, err := db.Tracks(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		page.Figures = history.Figures(tracks)
		if page.Cases, err = db.Cases(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := page.WriteHTML(&bytes.Buffer{}); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzOpen damages a history: it is refused or read, and nothing falls over.
func FuzzOpen(f *testing.F) {
	path := filepath.Join(f.TempDir(), "h.db")
	db, err := history.Create(f.Context(), path)
	if err != nil {
		f.Fatal(err)
	}
	var b bytes.Buffer
	if err := record.WriteJSON(&b, measured(1, 100)); err != nil {
		f.Fatal(err)
	}
	e, err := history.Parse(b.Bytes())
	if err != nil {
		f.Fatal(err)
	}
	if _, _, err := db.Add(f.Context(), e); err != nil {
		f.Fatal(err)
	}
	if err := db.Close(); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(0, []byte("SQLite format 2"))
	f.Add(60, []byte{0, 0, 0, 7})
	f.Add(4100, []byte{1, 2, 3, 4, 5, 6, 7, 8})
	f.Fuzz(func(t *testing.T, at int, change []byte) {
		data := bytes.Clone(whole)
		if at < 0 || at >= len(data) {
			return
		}
		copy(data[at:], change)
		path := filepath.Join(t.TempDir(), "h.db")
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		db, err := history.Open(t.Context(), path)
		if err != nil {
			return
		}
		defer db.Close()
		if tracks, err := db.Tracks(t.Context(), nil); err == nil {
			if err := history.WriteSVG(&bytes.Buffer{}, history.Figures(tracks)); err != nil {
				t.Fatal(err)
			}
		}
		_, _ = db.Cases(t.Context()) // an error says what is wrong
	})
}
