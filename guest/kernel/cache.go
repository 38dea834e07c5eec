package kernel

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Cache is a directory of things that cost time to make. It may be used by several
// processes at once and deleted at any time: an entry appears whole, by a rename,
// and is checked against its checksums each time it is used.
type Cache struct{ Dir string }

// manifestName is the file of an entry that lists the others.
const manifestName = "manifest.json"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// manifest holds what an entry's maker notes and the checksums of its files.
type manifest struct {
	Note  json.RawMessage   `json:"note,omitempty"`
	Files map[string]digest `json:"files"`
}

type digest struct {
	Size int64  `json:"size"`
	CRC  uint32 `json:"crc32c"`
}

// entry returns the directory of the entry kind/key and reads its note into note.
// If there is none, or it is damaged, build makes it in an empty directory and
// returns the note.
func (c Cache) entry(ctx context.Context, kind, key string, note any, build func(dir string) (any, error)) (string, error) {
	dir := filepath.Join(c.Dir, kind, key)
	if check(dir, note) == nil {
		return dir, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", fmt.Errorf("make the cache: %w", err)
	}
	unlock, err := lock(ctx, dir+".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if check(dir, note) == nil { // another process has made it meanwhile
		return dir, nil
	}
	if err := c.make(dir, build); err != nil {
		return "", err
	}
	if err := check(dir, note); err != nil {
		return "", fmt.Errorf("read back what was just written: %w", err)
	}
	return dir, nil
}

// make builds an entry beside its place and moves it there.
func (c Cache) make(dir string, build func(dir string) (any, error)) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove a damaged cache entry: %w", err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".new-")
	if err != nil {
		return fmt.Errorf("make a cache entry: %w", err)
	}
	defer os.RemoveAll(tmp)
	note, err := build(tmp)
	if err != nil {
		return err
	}
	if err := writeManifest(tmp, note); err != nil {
		return fmt.Errorf("make a cache entry: %w", err)
	}
	if err := os.Rename(tmp, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make a cache entry: %w", err)
	}
	return nil
}

func writeManifest(dir string, note any) error {
	var m manifest
	var err error
	if m.Note, err = json.Marshal(note); err != nil {
		return err
	}
	if m.Files, err = digests(dir); err != nil {
		return err
	}
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, manifestName), text, 0o644)
}

// digests sums up the files of a directory, except the manifest.
func digests(dir string) (map[string]digest, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	all := make(map[string]digest)
	for _, e := range list {
		if e.Name() == manifestName {
			continue
		}
		f, err := os.Open(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		sum := crc32.New(castagnoli)
		n, err := io.CopyBuffer(struct{ io.Writer }{sum}, struct{ io.Reader }{f}, make([]byte, 1<<20))
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
		all[e.Name()] = digest{n, sum.Sum32()}
	}
	return all, nil
}

// check returns nil if the entry is whole, with its note.
func check(dir string, note any) error {
	text, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		return err
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return err
	}
	have, err := digests(dir)
	if err != nil {
		return err
	}
	if len(have) != len(m.Files) {
		return errors.New("files are missing")
	}
	for name, want := range m.Files {
		if have[name] != want {
			return fmt.Errorf("%s is damaged", name)
		}
	}
	return json.Unmarshal(m.Note, note)
}

// lock takes the lock file, waiting for another process to let go of it.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock the cache: %w", err)
	}
	locked := make(chan error, 1)
	go func() { locked <- flock(f) }()
	select {
	case err := <-locked:
		if err != nil {
			return nil, errors.Join(fmt.Errorf("lock the cache: %w", err), f.Close())
		}
		return func() { _ = f.Close() }, nil
	case <-ctx.Done():
		go func() { <-locked; _ = f.Close() }()
		return nil, fmt.Errorf("wait for another process that fills the cache: %w", ctx.Err())
	}
}

func flock(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// key makes a name for an entry out of a hash.
func key(sum []byte) string { return hex.EncodeToString(sum[:16]) }

// CacheDirs are the sub-directories of a cache that this package uses.
func CacheDirs() []string { return []string{"images", "packages", "debian"} }
