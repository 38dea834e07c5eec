// Package whole writes files that are there whole or not at all.
package whole

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Prefix begins the names of files that are not whole yet, and of what a kill leaves.
const Prefix = ".unfinished-"

// Write has write fill a file beside path, and then gives it that name: a kill or a full
// disk leaves what was there before. Everybody may read it.
func Write(path string, write func(io.Writer) error) error { return put(path, write, false) }

// WriteSynced does what Write does, and is done when the file is on the disk.
func WriteSynced(path string, write func(io.Writer) error) error { return put(path, write, true) }

func put(path string, write func(io.Writer) error, synced bool) (err error) {
	name := filepath.Base(path)
	f, err := os.CreateTemp(filepath.Dir(path), Prefix+name+"-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer func() {
		if err == nil {
			return
		}
		// It may have been closed already, and what could not be written is the reason to tell.
		if closed := f.Close(); closed != nil && !errors.Is(closed, fs.ErrClosed) {
			err = errors.Join(err, closed)
		}
		err = fmt.Errorf("write %s: %w", name, errors.Join(err, os.Remove(f.Name())))
	}()
	if err := write(f); err != nil {
		return err
	}
	// A temporary file is for its owner alone.
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if synced {
		if err := f.Sync(); err != nil {
			return err
		}
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
