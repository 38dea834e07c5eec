package record

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lanproof/lanproof/internal/whole"
	"github.com/lanproof/lanproof/reports"
)

// Contents are the files of a bundle beside what is made of the qualification itself.
type Contents struct {
	// Results are those of the catalogue's cases; nil when none were run.
	Results *reports.Results
	// Captures by their path in the bundle, such as captures/vlan-filter.pcapng: a
	// [frames.Recorder], a [frames.Trace], or [Bytes].
	Captures map[string]io.WriterTo
}

// WriteBundle makes dir a bundle: it takes an older one away, writes the qualification,
// its page and the contents, and then, over all files that are in dir, the manifest. Without the
// manifest a bundle is unfinished, so whoever is killed on the way, or finds the disk
// full, leaves none or a whole one.
//
// The qualification is settled by [Qualification.Finish] before; that is not done here.
func WriteBundle(dir string, q *Qualification, c Contents) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write a bundle: %w", err)
	}
	if err := clearBundle(dir); err != nil {
		return fmt.Errorf("write a bundle: %w", err)
	}
	files := map[string]func(io.Writer) error{
		FileQualification: q.WriteJSON,
		FileReport:        func(w io.Writer) error { return q.WriteHTML(w, c.Results) },
	}
	if c.Results != nil {
		files[FileResults] = func(w io.Writer) error { return reports.WriteJSON(w, c.Results) }
		files[FileCatalogue] = func(w io.Writer) error { return reports.WriteHTML(w, c.Results) }
	}
	for name, content := range c.Captures {
		files[name] = func(w io.Writer) error { _, err := content.WriteTo(w); return err }
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !goodName(name) || name == FileManifest {
			return fmt.Errorf("write a bundle: %q is no name of a bundle's file", name)
		}
		if err := writeFile(dir, name, files[name]); err != nil {
			return fmt.Errorf("write a bundle: %w", err)
		}
	}
	return sealFolder(dir)
}

// clearBundle takes an older bundle out of a folder: the files that its manifest names,
// and then that itself.
func clearBundle(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	text, err := root.ReadFile(FileManifest)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	old, _ := parseManifest(text) // a spoilt one names nothing
	for _, name := range append(slices.Sorted(maps.Keys(old)), FileManifest) {
		if err := root.Remove(filepath.FromSlash(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// sealFolder writes the manifest over what is in a folder. What others have left
// half-written goes before.
func sealFolder(dir string) error {
	b, err := openFolder(dir)
	if err != nil {
		return fmt.Errorf("write a bundle: %w", err)
	}
	defer b.Close()
	for _, name := range b.names {
		if strings.HasPrefix(filepath.Base(name), whole.Prefix) {
			if err := os.Remove(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
				return fmt.Errorf("write a bundle: %w", err)
			}
		}
	}
	b.names = slices.DeleteFunc(b.names, func(name string) bool { return strings.HasPrefix(filepath.Base(name), whole.Prefix) })
	m, err := b.sums()
	if err != nil {
		return fmt.Errorf("write a bundle: %w", err)
	}
	if err := writeFile(dir, FileManifest, func(w io.Writer) error { _, err := w.Write(m.text()); return err }); err != nil {
		return fmt.Errorf("write a bundle: %w", err)
	}
	return nil
}

// manifest holds the SHA-256 sums of a bundle's files by their names.
type manifest map[string]string

// text is the one form that a manifest has: that of sha256sum, sorted by name.
func (m manifest) text() []byte {
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(&b, "%s  %s\n", m[name], name)
	}
	return b.Bytes()
}

// parseManifest reads a manifest, and nothing that is not its one form.
func parseManifest(text []byte) (manifest, error) {
	m := manifest{}
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		sum, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if !ok || len(sum) != 2*sha256.Size || strings.Trim(sum, "0123456789abcdef") != "" || !goodName(name) || name == FileManifest {
			return nil, fmt.Errorf("line %d is not a SHA-256 sum, two spaces and a file's name", n)
		}
		m[name] = sum
	}
	if len(m) == 0 || !bytes.Equal(m.text(), text) {
		return nil, errors.New("it is not sorted, names a file twice, or has other bytes than lanproof writes")
	}
	return m, nil
}

// sums works out the manifest of all files but the manifest.
func (b *Bundle) sums() (manifest, error) {
	m := manifest{}
	for _, name := range b.names {
		if name == FileManifest {
			continue
		}
		sum, err := b.sum(name)
		if err != nil {
			return nil, err
		}
		m[name] = sum
	}
	return m, nil
}

func (b *Bundle) sum(name string) (string, error) {
	f, err := b.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}
