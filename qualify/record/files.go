package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lanproof/lanproof/internal/whole"
)

// The files of a bundle, beside captures.
const (
	FileQualification = "qualification.json"
	FileResults       = "results.json"   // of the catalogue's cases
	FileCatalogue     = "catalogue.html" // the same as a page
	FileReport        = "report.html"
	FileManifest      = "SHA256SUMS" // of all others, for lanproof verify and sha256sum -c
)

// maxFile bounds how many bytes of one file of a bundle are read.
const maxFile = 1 << 30

// ErrNoBundle is in every error about a thing that is no bundle, or none that can be
// read. What is a bundle and was changed is no error of that kind.
var ErrNoBundle = errors.New("no bundle of a qualification")

// WriteJSON writes qualification.json.
func (q *Qualification) WriteJSON(w io.Writer) error {
	whole := *q
	if whole.Results == nil { // a list that readers may count on
		whole.Results = []Result{}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(&whole); err != nil {
		return fmt.Errorf("write the qualification: %w", err)
	}
	return nil
}

// ReadJSON reads qualification.json. Another schema is refused by name; fields that
// are not known are passed over, since fields may be added.
func ReadJSON(r io.Reader) (*Qualification, error) {
	data, err := readAll(r, maxFile)
	if err != nil {
		return nil, fmt.Errorf("read the qualification: %w", err)
	}
	var head struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("read the qualification: not JSON as lanproof writes it: %w", err)
	}
	if head.Schema != Schema {
		return nil, fmt.Errorf("read the qualification: its schema is %.80q, this lanproof reads %q", head.Schema, Schema)
	}
	var q Qualification
	if err := json.Unmarshal(data, &q); err != nil {
		return nil, fmt.Errorf("read the qualification: %w", err)
	}
	return &q, nil
}

func readAll(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("more than %d MiB", limit>>20)
	}
	return data, nil
}

// Bundle is the files of a qualification, in a folder or in an archive.
type Bundle struct {
	names []string // all files, sorted
	fsys  fs.FS
	close func() error
	// changed says where an archive is not as it was written; nil for a folder.
	changed error
}

// OpenBundle opens a folder, or an archive that [WriteArchive] wrote. Nothing is
// followed out of it. The error wraps ErrNoBundle.
func OpenBundle(name string) (*Bundle, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoBundle, err)
	}
	open := openArchive
	switch {
	case info.IsDir():
		open = openFolder
		// A look beforehand, for any folder may be given, and large ones.
		if _, err := os.Lstat(filepath.Join(name, FileQualification)); err != nil {
			return nil, fmt.Errorf("%w: %s: there is no %s", ErrNoBundle, name, FileQualification)
		}
	case !info.Mode().IsRegular(): // to open a pipe could take for ever
		return nil, fmt.Errorf("%w: %s: neither a folder nor an archive", ErrNoBundle, name)
	}
	b, err := open(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrNoBundle, name, err)
	}
	return b, nil
}

// Close lets go of the files.
func (b *Bundle) Close() error { return b.close() }

// Open opens one of the files.
func (b *Bundle) Open(name string) (io.ReadCloser, error) {
	if _, ok := slices.BinarySearch(b.names, name); !ok {
		return nil, fmt.Errorf("%.200q is not in the bundle", name)
	}
	return b.fsys.Open(name)
}

// Qualification reads qualification.json, without a look at anything else.
func (b *Bundle) Qualification() (*Qualification, error) {
	f, err := b.Open(FileQualification)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	q, err := ReadJSON(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", FileQualification, err)
	}
	return q, nil
}

// openFolder lists a folder's files, which must be plain ones.
func openFolder(dir string) (*Bundle, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	b := &Bundle{fsys: root.FS(), close: root.Close}
	err = fs.WalkDir(b.fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return nil
		case !d.Type().IsRegular():
			return fmt.Errorf("%q is neither a file nor a folder", name)
		case !goodName(name):
			return fmt.Errorf("%q is no name of a bundle's file", name)
		}
		b.names = append(b.names, name)
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	slices.Sort(b.names)
	return b, nil
}

// goodName reports whether a file of that name may be in a bundle: a path that stays
// inside, on one line.
func goodName(name string) bool {
	return fs.ValidPath(name) && name != "." && filepath.IsLocal(filepath.FromSlash(name)) &&
		!strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' || r == 0xfffd })
}

// writeFile writes a file of a bundle, so that it is there whole or not at all.
func writeFile(dir, name string, write func(io.Writer) error) error {
	target := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return whole.WriteSynced(target, write)
}

// Bytes is a file's content as it stands.
type Bytes []byte

// WriteTo writes it.
func (b Bytes) WriteTo(w io.Writer) (int64, error) { return bytes.NewReader(b).WriteTo(w) }
