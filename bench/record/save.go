package record

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
	return saveFile(dir, FileName, func(w io.Writer) error { return WriteJSON(w, r) })
}

// Save writes what Keep does, and what is made of it: bench.txt in Go's benchmark format
// and the page bench.html. Each file appears whole or not at all.
func Save(dir string, r *Run) error {
	if err := Keep(dir, r); err != nil {
		return err
	}
	return errors.Join(
		saveFile(dir, FileGo, func(w io.Writer) error { return WriteGo(w, r) }),
		saveFile(dir, FileHTML, func(w io.Writer) error { return r.WriteHTML(w, Rules{}) }),
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

// saveFile writes a file beside its place and then moves it there.
func saveFile(dir, name string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(dir, "."+name+"-*")
	if err != nil {
		return fmt.Errorf("save %s: %w", name, err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
			err = fmt.Errorf("save %s: %w", name, err)
		}
	}()
	if err := write(f); err != nil {
		return err
	}
	// A temporary file is for its owner alone; figures are for everybody.
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(dir, name))
}
