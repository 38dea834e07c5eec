package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// writeOut writes to the named file, or to standard output when there is no name.
func writeOut(stdout io.Writer, name string, write func(io.Writer) error) error {
	if name == "" {
		return write(stdout)
	}
	f, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("write the output: %w", err)
	}
	return errors.Join(write(f), f.Close())
}

// writable returns nil when a folder can be written to, or made: what it would be
// a pity to find out after the run. Nothing is left behind.
func writable(dir string) error {
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		switch {
		case errors.Is(err, fs.ErrNotExist) && at != filepath.Dir(at):
			continue
		case err != nil:
			return fmt.Errorf("write to %s: %w", dir, err)
		case !info.IsDir():
			return fmt.Errorf("write to %s: %s is not a folder", dir, at)
		}
		try, err := os.MkdirTemp(at, ".lanproof-")
		if err != nil {
			return fmt.Errorf("write to %s: %w", dir, err)
		}
		return os.Remove(try)
	}
}
