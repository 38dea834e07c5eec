package history

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/lanproof/lanproof/bench/record"
	"github.com/lanproof/lanproof/reports"
)

// Entry is a run as it is added: the figures of benchmarks or the results of cases.
type Entry struct {
	// Digest is that of the file that it was read from: the same file is the same run.
	Digest string
	// Label is what people call the run by. Machine is the one that it was made on; where
	// it is empty, the processor tells machines apart.
	Label, Machine string
	// Exactly one of these is set.
	Bench   *record.Run
	Results *reports.Results
}

// maxFile bounds how many bytes Read takes in.
const maxFile = 1 << 30

// Read reads the runs of a file, bench.json or results.json, or of the folder that these
// are in: then both, where both are there.
func Read(path string) ([]*Entry, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read a run: %w", err)
	}
	if !info.IsDir() {
		e, err := readFile(path)
		if err != nil {
			return nil, err
		}
		return []*Entry{e}, nil
	}
	var all []*Entry
	for _, name := range []string{record.FileName, "results.json"} {
		e, err := readFile(filepath.Join(path, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("read a run: %s has neither %s nor results.json", path, record.FileName)
	}
	return all, nil
}

func readFile(path string) (*Entry, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read a run: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read a run: %w", err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("read a run: %s is larger than %d MiB", path, maxFile>>20)
	}
	e, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return e, nil
}

// Parse reads a run out of what is in its file. One without a date has no place in a
// history and is refused.
func Parse(data []byte) (*Entry, error) {
	var head struct{ Schema string }
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("read a run: not JSON as lanproof writes it: %w", err)
	}
	sum := sha256.Sum256(data)
	e := &Entry{Digest: hex.EncodeToString(sum[:])}
	var err error
	if head.Schema == reports.Schema {
		e.Results, err = reports.ReadJSON(bytes.NewReader(data))
	} else {
		e.Bench, err = record.ReadJSON(bytes.NewReader(data))
	}
	if err != nil {
		return nil, err
	}
	if year := e.Started().UTC().Year(); year < 2000 || year > 2200 {
		return nil, fmt.Errorf("read a run: it began at %s, which is no date to have a place by", e.Started().Format(time.RFC3339))
	}
	return e, nil
}

// Started is when the run began.
func (e *Entry) Started() time.Time {
	if e.Bench != nil {
		return e.Bench.Started
	}
	return e.Results.Started
}

// Kind tells what the run found out.
func (e *Entry) Kind() Kind {
	if e.Bench != nil {
		return Bench
	}
	return Results
}

// Kind is what a run found out.
type Kind string

// The kinds.
const (
	Bench   Kind = "bench"   // figures of benchmarks
	Results Kind = "results" // verdicts of cases
)

// machine is what tells the run's machine from others.
func (e *Entry) machine() string {
	if e.Machine != "" || e.Bench == nil {
		return e.Machine
	}
	for _, s := range e.Bench.Systems {
		if cpu := s.Detail["cpu"]; s.Ground == "host" && cpu != "" {
			return cpu
		}
	}
	for _, s := range e.Bench.Systems {
		if cpu := s.Detail["machine"]; cpu != "" {
			return cpu
		}
	}
	return ""
}
