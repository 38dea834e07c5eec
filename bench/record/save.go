package record

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/lanproof/lanproof/internal/whole"
)

// The files that Save leaves in a run's folder beside bench.json.
const (
	FileHTML = "bench.html"
	FileGo   = "bench.txt"
)

// Keep writes the run's bench.json into dir, which it creates. The file appears whole or
// not at all, so that a full disk or a kill leaves the last one that was whole; it is
// called after every block of a run.
func Keep(dir string, r *Run) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("save the figures: %w", err)
	}
	return whole.WriteSynced(filepath.Join(dir, FileName), func(w io.Writer) error { return WriteJSON(w, r) })
}

// Save writes what Keep does, and what is made of it: bench.txt in Go's benchmark format
// and the page bench.html. Each file appears whole or not at all.
func Save(dir string, r *Run) error {
	if err := Keep(dir, r); err != nil {
		return err
	}
	return errors.Join(
		whole.WriteSynced(filepath.Join(dir, FileGo), func(w io.Writer) error { return WriteGo(w, r) }),
		whole.WriteSynced(filepath.Join(dir, FileHTML), func(w io.Writer) error { return r.WriteHTML(w, Rules{}) }),
	)
}

// Load reads a run: a file that WriteJSON wrote, or the folder where Save left it.
func Load(path string) (*Run, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, FileName)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the figures: %w", err)
	}
	defer f.Close()
	r, err := ReadJSON(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}
