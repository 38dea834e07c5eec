package kernel

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// packageNote is what the cache knows of a package.
type packageNote struct {
	imageNote
	Order   []string `json:"order"`   // of the modules
	Builtin []string `json:"builtin"` // of those wanted
}

// deb resolves a .deb file.
func (r resolver) deb(ctx context.Context, file string) (Kernel, error) {
	sum, err := r.debKey(file)
	if err != nil {
		return Kernel{}, err
	}
	var note packageNote
	dir, err := r.cache.entry(ctx, "packages", sum, &note, func(dir string) (any, error) {
		return r.buildPackage(dir, file)
	})
	if err != nil {
		return Kernel{}, err
	}
	shelf := newShelf(os.ReadFile)
	for _, name := range note.Order {
		shelf.files[name] = filepath.Join(dir, name+".ko")
	}
	for _, name := range note.Builtin {
		shelf.builtin[name] = true
	}
	k := Kernel{Image: filepath.Join(dir, imageName), Release: note.Release, ID: note.ID}
	return r.withModules(k, shelf)
}

// unpacked are the modules that are taken out of a package, in a fixed order.
func (r resolver) unpacked() []string {
	all := append(slices.Clone(r.want), r.stock...)
	slices.Sort(all)
	return slices.Compact(all)
}

// debKey names the package's entry by the file's content and the modules in it.
func (r resolver) debKey(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read %s: %w", file, err)
	}
	fmt.Fprint(h, r.unpacked())
	return key(h.Sum(nil)), nil
}

// buildPackage takes out of a .deb what a guest needs.
func (r resolver) buildPackage(dir, file string) (packageNote, error) {
	var note packageNote
	p := &debPackage{file: file, content: make(map[string][]byte), shelf: newShelf(nil)}
	p.shelf.read = p.read
	mods, _, err := p.take(r.unpacked())
	if err != nil {
		return note, err
	}
	if p.image == nil {
		return note, fmt.Errorf("%w: no boot/vmlinuz-* in the package", ErrBadPackage)
	}
	if note.imageNote, err = buildImage(dir, p.image); err != nil {
		return note, err
	}
	for _, m := range mods {
		note.Order = append(note.Order, m.Name)
		if err := os.WriteFile(filepath.Join(dir, m.Name+".ko"), m.Data, 0o644); err != nil {
			return note, fmt.Errorf("keep a module: %w", err)
		}
	}
	for _, name := range r.unpacked() {
		if name = canonical(name); p.shelf.builtin[name] && !slices.Contains(note.Builtin, name) {
			note.Builtin = append(note.Builtin, name)
		}
	}
	return note, nil
}

// debPackage reads a .deb in passes, because its files come in an order of their
// own and what a module needs is written in the module. The first pass takes the
// kernel and the wanted modules, which is mostly all.
type debPackage struct {
	file    string
	image   []byte
	content map[string][]byte
	shelf   *shelf
	absent  []string // files that the last try would have needed
}

func (p *debPackage) read(file string) ([]byte, error) {
	data, ok := p.content[file]
	if !ok {
		p.absent = append(p.absent, file)
		return nil, fs.ErrNotExist
	}
	return data, nil
}

// likely are what modules of [DefaultModules] and drivers of cards need: asked for at
// once, they save passes.
var likely = [...]string{
	"tap", "mii", "8390", "ptp", "pps_core", "i2c_core", "i2c_algo_bit", "dca", "net_failover", "failover",
	"virtio", "virtio_ring", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "crc32c_generic",
}

func (p *debPackage) take(want []string) ([]Module, []string, error) {
	wanted := make(map[string]bool)
	for _, name := range likely {
		wanted[name] = true
	}
	for _, name := range want {
		wanted[canonical(name)] = true
	}
	// Each pass brings at least one file that was absent, or ends it.
	for {
		if err := p.pass(wanted); err != nil {
			return nil, nil, err
		}
		p.absent = nil
		mods, missing, err := p.shelf.take(want)
		if len(p.absent) == 0 || p.haveAll(wanted) {
			return mods, missing, err
		}
	}
}

// haveAll adds the absent modules to those wanted and tells if that was no news.
func (p *debPackage) haveAll(wanted map[string]bool) bool {
	before := len(wanted)
	for _, file := range p.absent {
		wanted[moduleName(file)] = true
	}
	return len(wanted) == before
}

// pass reads the package once.
func (p *debPackage) pass(wanted map[string]bool) error {
	f, err := os.Open(p.file)
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := debData(f)
	if err != nil {
		return err
	}
	for {
		h, err := data.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: unpack the .deb file: %w", ErrBadPackage, err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if err := p.keep(path.Clean(h.Name), data, wanted); err != nil {
			return err
		}
	}
}

// keep keeps one file of the package if it is of use.
func (p *debPackage) keep(name string, r io.Reader, wanted map[string]bool) error {
	switch {
	case strings.HasPrefix(name, "boot/vmlinuz-") && p.image == nil:
		var err error
		p.image, err = readLimited(r, maxKernel)
		return err
	case path.Base(name) == "modules.builtin":
		text, err := readLimited(r, maxModule)
		p.shelf.addBuiltin(text)
		return err
	case moduleName(name) != "":
		p.shelf.add(name)
		if !wanted[moduleName(name)] || p.content[name] != nil {
			return nil
		}
		data, err := readLimited(r, maxModule)
		p.content[name] = data
		return err
	}
	return nil
}
