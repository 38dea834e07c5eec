package reports

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/lanproof/lanproof/internal/whole"
)

// The files that Save leaves in a run's folder: the first three always.
const (
	FileJSON        = "results.json"
	FileHTML        = "report.html"
	FileJUnit       = "junit.xml"
	FileKTAP        = "results.ktap"
	FileMarkdown    = "report.md"
	FileKCIDB       = "kcidb.json"
	FileOpenMetrics = "metrics.txt"
)

// Save writes results.json, report.html, junit.xml and what more is asked for into
// dir, which it creates. Each file appears whole or not at all; one that cannot be
// written does not keep the others from being written.
func Save(dir string, r *Results, more ...Format) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("save reports: %w", err)
	}
	r.missCaptures(dir)
	errs := []error{
		saveFile(dir, FileJSON, r, WriteJSON),
		saveFile(dir, FileHTML, r, WriteHTML),
		saveFile(dir, FileJUnit, r, WriteJUnit),
	}
	for _, f := range more {
		if f.File != "" {
			errs = append(errs, saveFile(dir, f.File, r, f.Write))
		}
	}
	return errors.Join(errs...)
}

// Load reads the results that Save left in dir.
func Load(dir string) (*Results, error) {
	f, err := os.Open(filepath.Join(dir, FileJSON))
	if err != nil {
		return nil, fmt.Errorf("load results: %w", err)
	}
	defer f.Close()
	r, err := ReadJSON(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	r.missCaptures(dir)
	return r, nil
}

// missCaptures notes which captures are not in a run's folder.
func (r *Results) missCaptures(dir string) {
	for i := range r.Cases {
		c := &r.Cases[i]
		if c.Capture != "" && filepath.IsLocal(c.Capture) {
			_, err := os.Stat(filepath.Join(dir, c.Capture))
			c.CaptureMissing = errors.Is(err, os.ErrNotExist)
		}
	}
}

// saveFile writes one report.
func saveFile(dir, name string, r *Results, write func(io.Writer, *Results) error) error {
	return whole.Write(filepath.Join(dir, name), func(w io.Writer) error { return write(w, r) })
}
