package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Workshop builds modules. It has a copy of the drivers' sources, in which one file
// at a time carries a bug.
type Workshop struct {
	tree Tree
	dir  string
	mu   sync.Mutex // one build at a time: they share the copy
}

// openWorkshop makes a workshop in an empty directory.
func openWorkshop(tree Tree, dir string) (*Workshop, error) {
	w := &Workshop{tree: tree, dir: dir}
	for _, d := range drivers() {
		if err := w.stock(d); err != nil {
			return nil, fmt.Errorf("prepare to build %s: %w", d.name, err)
		}
	}
	return w, nil
}

// stock copies a driver's source and says how it is built.
func (w *Workshop) stock(d driver) error {
	dir := filepath.Join(w.dir, d.name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	files, err := os.ReadDir(filepath.Join(w.tree.source(), d.dir))
	if err != nil {
		return err
	}
	for _, f := range files {
		if ext := filepath.Ext(f.Name()); f.IsDir() || ext != ".c" && ext != ".h" {
			continue
		}
		if err := copyFile(filepath.Join(dir, f.Name()), filepath.Join(w.tree.source(), d.dir, f.Name())); err != nil {
			return err
		}
	}
	kbuild := "obj-m := " + d.name + ".o\n"
	if len(d.objects) > 1 {
		kbuild += d.name + "-y := " + strings.Join(d.objects, ".o ") + ".o\n"
	}
	return os.WriteFile(filepath.Join(dir, "Kbuild"), []byte(kbuild), 0o644)
}

// build builds a driver and copies the module to where it is wanted.
func (w *Workshop) build(ctx context.Context, d driver, to string) error {
	dir := filepath.Join(w.dir, d.name)
	_, err := output(ctx, dir, "nice", "make", "-s", "-C", w.tree.headers(), "M="+dir, "KCFLAGS=-g0", "modules")
	if err != nil {
		return err
	}
	return copyFile(to, filepath.Join(dir, d.name+".ko"))
}

// buildMutant builds the driver with the mutant's bug.
func (w *Workshop) buildMutant(ctx context.Context, m Mutant, to string) (err error) {
	d, err := driverOf(m.File)
	if err != nil {
		return err
	}
	original, err := os.ReadFile(filepath.Join(w.tree.source(), m.File))
	if err != nil {
		return fmt.Errorf("read the driver's source: %w", err)
	}
	mutated, err := m.Apply(string(original))
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	file := filepath.Join(w.dir, d.name, filepath.Base(m.File))
	if err := os.WriteFile(file, []byte(mutated), 0o644); err != nil {
		return fmt.Errorf("write the mutant's source: %w", err)
	}
	defer func() {
		if restored := os.WriteFile(file, original, 0o644); err == nil && restored != nil {
			err = fmt.Errorf("put the driver's source back: %w", restored)
		}
	}()
	return w.build(ctx, d, to)
}

// kernelDir makes a directory as lanproof run --kernel takes it, with links to the
// tree's kernel and modules. It returns the directory of modules that win over
// them, as with depmod(8).
func (t Tree) kernelDir(dir string) (updates string, err error) {
	image := filepath.Join("boot", "vmlinuz-"+t.release)
	modules := filepath.Join("lib/modules", t.release)
	updates = filepath.Join(dir, modules, "updates")
	for _, d := range []string{filepath.Join(dir, "boot"), updates} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return "", fmt.Errorf("make a kernel's directory: %w", err)
		}
	}
	if err := os.Symlink(filepath.Join(t.dir, image), filepath.Join(dir, image)); err != nil {
		return "", fmt.Errorf("make a kernel's directory: %w", err)
	}
	err = filepath.WalkDir(filepath.Join(t.dir, modules), func(file string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		return os.Symlink(file, filepath.Join(dir, modules, e.Name()))
	})
	if err != nil {
		return "", fmt.Errorf("make a kernel's directory: %w", err)
	}
	return updates, nil
}

func copyFile(to, from string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return fmt.Errorf("copy a file: %w", err)
	}
	if err := os.WriteFile(to, data, 0o644); err != nil {
		return fmt.Errorf("copy a file: %w", err)
	}
	return nil
}
