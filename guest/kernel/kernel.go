// Package kernel turns a kernel package into what a guest boots: an uncompressed
// kernel and the few modules that it needs. Nothing is installed; packages are
// taken apart in Go, and what costs time is kept in a cache.
package kernel

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Kernel is a kernel that is ready to be booted.
type Kernel struct {
	// Name is what it was asked for by.
	Name string
	// Release is what uname -r will say, or "" if the file does not tell.
	Release string
	// Image is the file to boot: an ELF vmlinux with a PVH entry or a bzImage.
	Image string
	// Modules are in the order in which they are to be loaded.
	Modules []Module
	// Missing are the wanted modules that are neither there nor built in.
	Missing []string
	// ID tells apart kernels that differ in image or modules.
	ID string
}

// ErrNotFound is wrapped by errors about a kernel that is not there. The message
// ends with what would cure it.
var ErrNotFound = errors.New("no such kernel")

// Options say how [Resolve] works. The zero value is good.
type Options struct {
	// Cache holds what costs time to make; [DefaultCache] if empty.
	Cache string
	// Modules is a directory with modules (lib/modules/RELEASE, or one that has
	// that in it). They come in addition to the package's and win over them.
	Modules string
	// Want are names of modules in addition to [DefaultModules].
	Want []string
	// Stock are names of modules that are unpacked with those wanted, so that the
	// next to want some of them need not take the package apart again.
	Stock []string
}

// DefaultCache is $LANPROOF_CACHE or lanproof in the user's cache directory.
func DefaultCache() string {
	if dir := os.Getenv("LANPROOF_CACHE"); dir != "" {
		return dir
	}
	if dir, err := os.UserCacheDir(); err == nil {
		return filepath.Join(dir, "lanproof")
	}
	return filepath.Join(os.TempDir(), fmt.Sprintf("lanproof-%d", os.Getuid()))
}

// Resolve finds the kernel that spec names: "debian", "debian:6.1" and the like
// (the newest cloud kernel that apt offers), "debian:6.12-amd64" (the same of another
// flavour, with the drivers of cards that a cloud has not got), a .deb file, a
// directory with an unpacked package (boot/vmlinuz-*, lib/modules/*), a bzImage or a
// vmlinux.
// Its errors wrap [ErrNotFound] or [ErrBadPackage] where they are about the kernel.
func Resolve(ctx context.Context, spec string, o Options) (Kernel, error) {
	if o.Cache == "" {
		o.Cache = DefaultCache()
	}
	r := resolver{cache: Cache{o.Cache}, want: append(DefaultModules(), o.Want...), stock: o.Stock, overlay: o.Modules}
	k, err := r.resolve(ctx, spec)
	if err != nil {
		return Kernel{}, fmt.Errorf("kernel %q: %w", spec, err)
	}
	k.Name = spec
	return k, nil
}

// Check reports whether spec can name a kernel at all: it has the form of a name, or
// there is such a file. Its error wraps [ErrNotFound]. It asks nobody and fetches nothing.
func Check(spec string) error {
	if debianName.MatchString(spec) {
		return nil
	}
	if _, err := os.Stat(spec); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("kernel %q: %w", spec, errNoName)
	}
	return nil
}

var errNoName = fmt.Errorf("%w: neither a file or directory nor a name such as debian:6.12", ErrNotFound)

type resolver struct {
	cache   Cache
	want    []string
	stock   []string
	overlay string
}

var debianName = regexp.MustCompile(`^debian(?::([0-9]+\.[0-9]+)(?:-(amd64|cloud-amd64|rt-amd64))?)?$`)

func (r resolver) resolve(ctx context.Context, spec string) (Kernel, error) {
	if m := debianName.FindStringSubmatch(spec); m != nil {
		return r.debian(ctx, distro{m[1], cmp.Or(flavour(m[2]), cloud)})
	}
	st, err := os.Stat(spec)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Kernel{}, errNoName
	case err != nil:
		return Kernel{}, err
	case st.IsDir():
		return r.dir(ctx, spec)
	case !st.Mode().IsRegular():
		return Kernel{}, fmt.Errorf("%w: neither a file nor a directory", ErrBadPackage)
	}
	magic, err := readStart(spec)
	if err != nil {
		return Kernel{}, err
	}
	if string(magic) == arMagic {
		return r.deb(ctx, spec)
	}
	return r.image(ctx, spec, newShelf(nil))
}

// debian resolves a series. A package that was damaged in the cache is fetched
// again, once.
func (r resolver) debian(ctx context.Context, d distro) (Kernel, error) {
	for again := false; ; again = true {
		deb, err := r.cache.debian(ctx, d)
		if err != nil {
			return Kernel{}, err
		}
		k, err := r.deb(ctx, deb)
		if again || !errors.Is(err, ErrBadPackage) {
			return k, err
		}
		if err := os.Remove(deb); err != nil {
			return Kernel{}, fmt.Errorf("remove a damaged package: %w", err)
		}
	}
}

func readStart(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	buf := make([]byte, len(arMagic))
	n, err := io.ReadFull(f, buf)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return buf[:n], nil
}

// dir resolves an unpacked package.
func (r resolver) dir(ctx context.Context, dir string) (Kernel, error) {
	images, err := filepath.Glob(filepath.Join(globEscape(dir), "boot", "vmlinuz-*"))
	if err != nil {
		return Kernel{}, err
	}
	if len(images) == 0 {
		return Kernel{}, fmt.Errorf("%w: no boot/vmlinuz-* in the directory", ErrBadPackage)
	}
	slices.SortFunc(images, compareVersions)
	image := images[len(images)-1]
	release := strings.TrimPrefix(filepath.Base(image), "vmlinuz-")
	shelf := newShelf(os.ReadFile)
	for _, lib := range []string{"lib", "usr/lib"} {
		mods := filepath.Join(dir, lib, "modules", release)
		if _, err := os.Stat(mods); err != nil {
			continue
		}
		if err := shelf.scanDir(mods); err != nil {
			return Kernel{}, err
		}
		break // lib may be a link to usr/lib
	}
	return r.image(ctx, image, shelf)
}

// globEscape quotes what filepath.Glob would take for a pattern.
func globEscape(s string) string {
	return regexp.MustCompile(`[*?\[\\]`).ReplaceAllString(s, `\$0`)
}

// scanDir is scan with paths that os.ReadFile takes.
func (s *shelf) scanDir(dir string) error {
	found := newShelf(nil)
	if err := found.scan(os.DirFS(dir)); err != nil {
		return err
	}
	for name, file := range found.files {
		s.files[name] = filepath.Join(dir, file)
	}
	for name := range found.builtin {
		s.builtin[name] = true
	}
	return nil
}

// image resolves a bzImage or vmlinux with the modules of a shelf.
func (r resolver) image(ctx context.Context, file string, shelf *shelf) (Kernel, error) {
	st, err := os.Stat(file)
	if err != nil {
		return Kernel{}, err
	}
	if st.Size() > maxKernel {
		return Kernel{}, fmt.Errorf("%w: a file of %d bytes is no kernel", ErrBadPackage, st.Size())
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return Kernel{}, err
	}
	sum := sha256.Sum256(data)
	var note imageNote
	dir, err := r.cache.entry(ctx, "images", key(sum[:]), &note, func(dir string) (any, error) {
		return buildImage(dir, data)
	})
	if err != nil {
		return Kernel{}, err
	}
	k := Kernel{Image: filepath.Join(dir, imageName), Release: note.Release, ID: note.ID}
	return r.withModules(k, shelf)
}

// imageName is the name of a kernel in the cache.
const imageName = "vmlinux"

// imageNote is what the cache knows of a kernel without modules.
type imageNote struct {
	Release string `json:"release"`
	ID      string `json:"id"`
}

// buildImage writes the file to boot: the kernel proper if it has a PVH entry, else
// the bzImage, which QEMU can start as well.
func buildImage(dir string, data []byte) (imageNote, error) {
	var note imageNote
	out := data
	if isBzImage(data) {
		note.Release = bzImageRelease(data)
		var err error
		if out, err = vmlinux(data); err != nil {
			return note, err
		}
	} else if !bytes.HasPrefix(data, []byte("\x7fELF")) {
		return note, fmt.Errorf("%w: neither a bzImage, a vmlinux nor a .deb file", ErrBadPackage)
	}
	pvh, err := hasPVH(out)
	if err != nil {
		return note, err
	}
	if !pvh {
		if !isBzImage(data) {
			return note, fmt.Errorf("%w: vmlinux without a PVH entry; give the bzImage, or build with CONFIG_PVH=y", ErrBadPackage)
		}
		out = data
	}
	sum := sha256.Sum256(out)
	note.ID = key(sum[:])
	if err := os.WriteFile(filepath.Join(dir, imageName), out, 0o644); err != nil {
		return note, fmt.Errorf("keep the kernel: %w", err)
	}
	return note, nil
}

// withModules takes the modules from the overlay and the shelf.
func (r resolver) withModules(k Kernel, shelf *shelf) (Kernel, error) {
	if r.overlay != "" {
		if err := r.addOverlay(shelf, k.Release); err != nil {
			return k, err
		}
	}
	var err error
	if k.Modules, k.Missing, err = shelf.take(r.want); err != nil {
		return k, err
	}
	h := sha256.New()
	fmt.Fprintln(h, k.ID)
	for _, m := range k.Modules {
		fmt.Fprintln(h, m.Name, len(m.Data))
		h.Write(m.Data)
	}
	k.ID = hex.EncodeToString(h.Sum(nil)[:16])
	return k, nil
}

// addOverlay puts the modules of the user's directory before those of the package.
func (r resolver) addOverlay(s *shelf, release string) error {
	dir := r.overlay
	for _, sub := range []string{"lib/modules/" + release, "usr/lib/modules/" + release, release} {
		if st, err := os.Stat(filepath.Join(r.overlay, sub)); err == nil && st.IsDir() {
			dir = filepath.Join(r.overlay, sub)
			break
		}
	}
	top := newShelf(os.ReadFile)
	if err := top.scanDir(dir); err != nil {
		return err
	}
	if len(top.files) == 0 && len(top.builtin) == 0 {
		return fmt.Errorf("%w: no kernel modules under %s", ErrNotFound, r.overlay)
	}
	below := s.read
	s.read = func(file string) ([]byte, error) {
		if strings.HasPrefix(file, dir+string(filepath.Separator)) || below == nil {
			return os.ReadFile(file)
		}
		return below(file)
	}
	for name, file := range top.files {
		s.files[name] = file
	}
	for name := range top.builtin {
		s.builtin[name] = true
	}
	return nil
}
