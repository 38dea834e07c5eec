// Package program gathers what a program of this machine needs to run where nothing
// is installed: the program itself, the loader that it asks for, and the shared
// libraries that it and they name.
package program

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lanproof/lanproof/guest/initrd"
)

// Files are the programs of these paths with all that they need, each where this
// machine has it. A static program needs nothing but itself. Libraries can be among the
// paths: they are then taken from there, and not from where loaders look by themselves.
func Files(paths ...string) ([]initrd.File, error) {
	g := gathering{files: map[string][]byte{}, given: map[string]string{}}
	for _, path := range paths {
		g.given[filepath.Base(path)] = path
	}
	for _, path := range paths {
		real, err := filepath.Abs(path)
		if err == nil {
			err = g.add(real)
		}
		if err != nil {
			return nil, fmt.Errorf("gather %s: %w", path, err)
		}
	}
	var all []initrd.File
	for path, data := range g.files {
		all = append(all, initrd.File{Path: strings.TrimPrefix(path, "/"), Mode: 0o755, Data: data})
	}
	slices.SortFunc(all, func(a, b initrd.File) int { return strings.Compare(a.Path, b.Path) })
	return all, nil
}

// gathering holds contents by their absolute paths, and what was given by its name.
type gathering struct {
	files map[string][]byte
	given map[string]string
}

func (g gathering) add(path string) error {
	if _, ok := g.files[path]; ok {
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read a program: %w", err)
	}
	needs, err := needs(data)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	g.files[path] = data
	for _, need := range needs {
		if !filepath.IsAbs(need) {
			if need, err = g.library(need); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
		}
		if err := g.add(need); err != nil {
			return err
		}
	}
	return nil
}

// needs are the loader of a program, by its path (ELF's PT_INTERP), and the names of
// libraries (DT_NEEDED).
func needs(data []byte) ([]string, error) {
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("it is no program: %w", err)
	}
	all, err := f.ImportedLibraries()
	if err != nil {
		return nil, fmt.Errorf("read which libraries it needs: %w", err)
	}
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		const longest = 4096 // PATH_MAX
		loader, err := io.ReadAll(io.LimitReader(p.Open(), longest))
		if err != nil {
			return nil, fmt.Errorf("read which loader it asks for: %w", err)
		}
		path := string(bytes.TrimRight(loader, "\x00"))
		if !filepath.IsAbs(path) {
			return nil, fmt.Errorf("it asks for the loader %q, which is no path", path)
		}
		all = append(all, filepath.Clean(path))
	}
	return all, nil
}

// directories are where loaders look by themselves (ld.so(8)), of Debian's several
// architectures and of others.
var directories = [...]string{"/lib/*-linux-gnu", "/usr/lib/*-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"}

// library finds a shared library.
func (g gathering) library(name string) (string, error) {
	if path, ok := g.given[name]; ok {
		return filepath.Abs(path)
	}
	if strings.Contains(name, "/") {
		return "", fmt.Errorf("a library with a path, %q, is not looked for", name)
	}
	for _, pattern := range directories {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return "", fmt.Errorf("look for %s: %w", name, err)
		}
		for _, dir := range found {
			path := filepath.Join(dir, name)
			_, err := os.Stat(path)
			if err == nil {
				return path, nil
			}
			if !errors.Is(err, fs.ErrNotExist) {
				return "", fmt.Errorf("look for %s: %w", name, err)
			}
		}
	}
	return "", fmt.Errorf("there is no library %s", name)
}
