// Package history keeps what many runs have found out in one file, a database of SQLite:
// the samples of benchmarks and the verdicts of cases, with the date, kernel, machine and
// label of each run. It tells how figures went over time and where they changed. It is
// never required: whatever is in it came out of a run's own files.
package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// FileName is the history's file where none is named.
const FileName = "lanproof-history.db"

// Version is that of the tables, which the file keeps as its user_version.
const Version = 1

// application marks a file as a history of lanproof, as its application_id ("LNPF").
const application = 0x4c4e5046

// ErrUnfit is the error for a file that is no history that can be read: another kind of
// file, one of a newer lanproof, or a damaged one.
var ErrUnfit = errors.New("no history that this lanproof can read")

// waiting is how long another process may be writing, in milliseconds.
const waiting = 60_000

// DB is an open history. Several processes may have it open, and add to it, at once: one
// after another writes, and a process that dies leaves what was there before it.
type DB struct {
	db   *sql.DB
	path string
}

// Open opens a history that is there. The error wraps [ErrUnfit] where the file is none,
// and [fs.ErrNotExist] where it is not there.
func Open(ctx context.Context, path string) (*DB, error) { return open(ctx, path, false) }

// Create opens a history to add to it, and makes it where it is not there.
func Create(ctx context.Context, path string) (*DB, error) { return open(ctx, path, true) }

func open(ctx context.Context, path string, create bool) (*DB, error) {
	if err := look(path); err != nil && !(create && errors.Is(err, fs.ErrNotExist)) {
		return nil, err
	}
	mode := "rw" // of a file that may not be written SQLite makes it ro itself
	if create {
		mode = "rwc"
	}
	// Every slash of the path stays, and nothing in it begins a query.
	name := (&url.URL{Path: path}).EscapedPath()
	dsn := fmt.Sprintf("file:%s?mode=%s&_pragma=busy_timeout(%d)&_pragma=synchronous(full)&_pragma=foreign_keys(on)&_txlock=immediate", name, mode, waiting)
	pool, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("open the history %s: %w", path, err)
	}
	pool.SetMaxOpenConns(1)
	d := &DB{db: pool, path: path}
	if err := d.settle(ctx, create); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return d, nil
}

// look makes sure that a file is empty or a database: SQLite takes one of a single byte
// for an empty one, and would write over it (src/os_unix.c:unixFileSize).
func look(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("open the history: %w", err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("open the history %s: %w: it is no regular file", path, ErrUnfit)
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open the history: %w", err)
	}
	defer f.Close()
	const magic = "SQLite format 3\x00" // www.sqlite.org/fileformat.html, 1.2.1
	head := make([]byte, len(magic))
	switch n, err := io.ReadFull(f, head); {
	case n > 0 && string(head) != magic:
		return fmt.Errorf("open the history %s: %w: it is no database", path, ErrUnfit)
	case n == len(magic) || errors.Is(err, io.EOF):
		return nil
	default:
		return fmt.Errorf("open the history %s: %w", path, err)
	}
}

// Close closes the history.
func (d *DB) Close() error { return d.wrap("close", d.db.Close()) }

// settle makes sure that the file is a history, and makes one of an empty file where that
// is wanted.
func (d *DB) settle(ctx context.Context, create bool) error {
	fresh, err := d.check(ctx, d.db)
	if err != nil || !fresh {
		return err
	}
	if !create {
		return fmt.Errorf("open the history %s: %w: it is empty", d.path, ErrUnfit)
	}
	return d.write(ctx, "make", func(tx *sql.Tx) error {
		// Somebody else may have been faster.
		if fresh, err := d.check(ctx, tx); err != nil || !fresh {
			return err
		}
		_, err := tx.ExecContext(ctx, tables)
		return err
	})
}

// querier is a database or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// check tells whether the file has nothing in it yet. Whatever else is no history is an
// error.
func (d *DB) check(ctx context.Context, q querier) (fresh bool, err error) {
	var app, version, objects int64
	row := q.QueryRowContext(ctx, `SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)`)
	if err := row.Scan(&app, &version, &objects); err != nil {
		return false, d.wrap("open", err)
	}
	switch {
	case app == 0 && version == 0 && objects == 0:
		return true, nil
	case app != application:
		return false, fmt.Errorf("open the history %s: %w: it is the database of another program", d.path, ErrUnfit)
	case version > Version:
		return false, fmt.Errorf("open the history %s: %w: a newer lanproof has written it (its tables are of version %d, and this one knows %d)", d.path, ErrUnfit, version, Version)
	}
	return false, nil
}

// write does something in one transaction.
func (d *DB) write(ctx context.Context, what string, do func(*sql.Tx) error) error {
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return d.wrap(what, err)
	}
	if err := do(tx); err != nil {
		_ = tx.Rollback() // the first error tells more
		return d.wrap(what, err)
	}
	return d.wrap(what, tx.Commit())
}

// wrap says what went wrong with the file, in the words of those who own it.
func (d *DB) wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	var failed *sqlite.Error
	if !errors.As(err, &failed) {
		return fmt.Errorf("%s the history %s: %w", what, d.path, err)
	}
	switch failed.Code() & 0xff { // the rest tells more of the same kind
	case sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%s the history %s: %w: it is no database", what, d.path, ErrUnfit)
	case sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("%s the history %s: %w: it is damaged", what, d.path, ErrUnfit)
	case sqlite3.SQLITE_READONLY:
		return fmt.Errorf("%s the history %s: it may not be written", what, d.path)
	case sqlite3.SQLITE_CANTOPEN:
		return fmt.Errorf("%s the history %s: it, or the journal beside it, cannot be opened", what, d.path)
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%s the history %s: the disk is full; what was in it is still there", what, d.path)
	case sqlite3.SQLITE_BUSY:
		return fmt.Errorf("%s the history %s: another process has been writing to it for %d s", what, d.path, waiting/1000)
	}
	return fmt.Errorf("%s the history %s: %w", what, d.path, err)
}

// tables makes them. A run's digest is that of its file; systems, series and cases are
// told in the order of the run; samples are pairs of block and value, as JSON.
const tables = `
PRAGMA application_id = 1280200774;
PRAGMA user_version = 1;
CREATE TABLE runs (
	id      INTEGER PRIMARY KEY,
	digest  TEXT NOT NULL UNIQUE,
	kind    TEXT NOT NULL CHECK (kind IN ('bench', 'results')),
	started INTEGER NOT NULL, -- ns since 1970
	added   INTEGER NOT NULL,
	label   TEXT NOT NULL,
	machine TEXT NOT NULL,
	tool    TEXT NOT NULL,
	seed    TEXT NOT NULL,
	command TEXT NOT NULL
) STRICT;
CREATE TABLE systems (
	run      INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
	position INTEGER NOT NULL,
	id       TEXT NOT NULL,
	ground   TEXT NOT NULL,
	kernel   TEXT NOT NULL,
	arch     TEXT NOT NULL,
	clock    TEXT NOT NULL,
	detail   TEXT NOT NULL, -- JSON
	PRIMARY KEY (run, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE series (
	run       INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
	position  INTEGER NOT NULL,
	benchmark TEXT NOT NULL,
	system    TEXT NOT NULL,
	unit      TEXT NOT NULL,
	better    TEXT NOT NULL,
	method    TEXT NOT NULL,
	samples   TEXT NOT NULL, -- JSON: [[block, value], ...]
	PRIMARY KEY (run, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX series_of ON series (benchmark, unit, system);
CREATE TABLE problems (
	run       INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
	position  INTEGER NOT NULL,
	benchmark TEXT NOT NULL,
	system    TEXT NOT NULL,
	kind      TEXT NOT NULL,
	reason    TEXT NOT NULL,
	PRIMARY KEY (run, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE cases (
	run      INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
	position INTEGER NOT NULL,
	scenario TEXT NOT NULL,
	name     TEXT NOT NULL,
	system   TEXT NOT NULL,
	repeat   INTEGER NOT NULL,
	verdict  TEXT NOT NULL,
	pass     INTEGER NOT NULL,
	fail     INTEGER NOT NULL,
	skip     INTEGER NOT NULL,
	error    INTEGER NOT NULL,
	PRIMARY KEY (run, position)
) STRICT, WITHOUT ROWID;
`
