package guest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lanproof/lanproof/guest/initrd"
	"github.com/lanproof/lanproof/guest/inside"
	"github.com/lanproof/lanproof/guest/kernel"
	"github.com/lanproof/lanproof/guest/program"
	"github.com/lanproof/lanproof/guest/qemu"
)

// newRunner looks for what a run needs.
func newRunner(o Options) (*runner, error) {
	path, err := qemu.Find()
	if err != nil {
		return nil, err
	}
	r := &runner{Options: o}
	r.machine = qemu.Machine{Path: path, Memory: o.Memory, Kernel: o.Kernel.Image, Console: o.Console, NICs: o.NICs, Count: o.Count, CPUs: o.CPUs}
	static, err := Static(o.Init)
	if err != nil {
		return nil, err
	}
	if !static {
		return nil, fmt.Errorf("make %s the guest's init: %w", o.Init, ErrDynamic)
	}
	if r.init, err = os.ReadFile(o.Init); err != nil {
		return nil, fmt.Errorf("read the guest's init: %w", err)
	}
	if r.files, err = program.Files(o.Programs...); err != nil {
		return nil, fmt.Errorf("give the guest programs: %w", err)
	}
	r.machine.Initrd = roomFor(r.files)
	if o.Snapshot && len(o.NICs) == 0 {
		if r.store, err = r.newStore(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// roomFor is how large the initial file system may be with some files of programs, in MiB:
// as large as without them, where they are small, and in whole steps of that otherwise.
func roomFor(files []initrd.File) int {
	const step, small = 64, 16
	size := 0
	for _, f := range files {
		size += len(f.Data)
	}
	return step * (1 + (size>>20+step-small)/step)
}

// writeInitrd writes the guest's initial file system.
func (r *runner) writeInitrd(w io.Writer) error {
	var order strings.Builder
	files := []initrd.File{{Path: "init", Mode: 0o755, Data: r.init}, {Path: inside.Marker, Mode: 0o444}}
	for _, m := range r.Kernel.Modules {
		fmt.Fprintln(&order, m.Name)
		files = append(files, initrd.File{Path: inside.ModuleDir + "/" + m.Name + ".ko", Mode: 0o444, Data: m.Data})
	}
	files = append(files, initrd.File{Path: inside.ModuleDir + "/" + inside.OrderFile, Mode: 0o444, Data: []byte(order.String())})
	return initrd.Write(w, append(files, r.files...))
}

// store is the place of one guest's snapshot.
type store struct {
	file   string
	prefix string // what the files of the same kernel begin with
}

// kept is how many snapshots of one kernel are kept: several binaries may use it in
// turn (the program, its tests).
const kept = 3

const snapshotDir = "snapshots"

// newStore names the snapshot by everything that it depends on.
func (r *runner) newStore() (*store, error) {
	machine, err := r.machine.Identity()
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	fmt.Fprintln(h, machine, r.Kernel.ID, len(r.init))
	h.Write(r.init)
	for _, f := range r.files {
		fmt.Fprintln(h, f.Path, len(f.Data))
		h.Write(f.Data)
	}
	dir := filepath.Join(r.Cache, snapshotDir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the cache: %w", err)
	}
	prefix := r.Kernel.ID[:min(16, len(r.Kernel.ID))] + "-"
	return &store{
		file:   filepath.Join(dir, prefix+hex.EncodeToString(h.Sum(nil)[:16])+".snap"),
		prefix: prefix,
	}, nil
}

// restore returns a guest that is ready, or nil if there is no snapshot that works.
func (r *runner) restore(ctx context.Context) *qemu.VM {
	if r.store == nil {
		return nil
	}
	f, err := os.Open(r.store.file)
	if err != nil {
		return nil
	}
	defer f.Close()
	limited, cancel := context.WithTimeout(ctx, r.BootLimit)
	defer cancel()
	vm, err := r.machine.Restore(limited, f)
	if err != nil {
		r.note("%v; booting anew", err)
		if errors.Is(err, qemu.ErrSnapshot) && ctx.Err() == nil {
			r.store.drop()
		}
		return nil
	}
	now := time.Now()
	_ = os.Chtimes(r.store.file, now, now) // only to know which are in use
	return vm
}

func (s *store) drop() { _ = os.Remove(s.file) }

// errBroken is wrapped by errors after which the guest cannot go on.
var errBroken = errors.New("the guest did not survive being saved")

// save keeps the ready guest, unless another process has done so. The file appears
// whole or not at all.
func (s *store) save(ctx context.Context, vm *qemu.VM) error {
	dir := filepath.Dir(s.file)
	tmp, err := os.CreateTemp(dir, ".new-")
	if err != nil {
		return fmt.Errorf("keep a snapshot: %w", err)
	}
	defer os.Remove(tmp.Name())
	w := &stickyWriter{w: tmp}
	err = vm.Save(ctx, w)
	if err != nil && w.err == nil {
		return errors.Join(fmt.Errorf("%w: %w", errBroken, err), tmp.Close())
	}
	if err := errors.Join(err, tmp.Close()); err != nil {
		return fmt.Errorf("keep a snapshot: %w", err)
	}
	if err := os.Rename(tmp.Name(), s.file); err != nil {
		return fmt.Errorf("keep a snapshot: %w", err)
	}
	return s.thin(dir)
}

// stickyWriter remembers that writing failed.
type stickyWriter struct {
	w   io.Writer
	err error
}

func (s *stickyWriter) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	s.err = cmp.Or(s.err, err)
	return n, err
}

// thin removes the snapshots of the same kernel that have not been used for the
// longest time.
func (s *store) thin(dir string) error {
	list, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("remove old snapshots: %w", err)
	}
	type old struct {
		name string
		used time.Time
	}
	var all []old
	for _, e := range list {
		if info, err := e.Info(); err == nil && strings.HasPrefix(e.Name(), s.prefix) {
			all = append(all, old{e.Name(), info.ModTime()})
		}
	}
	slices.SortFunc(all, func(a, b old) int { return b.used.Compare(a.used) })
	for _, o := range all[min(kept, len(all)):] {
		_ = os.Remove(filepath.Join(dir, o.name)) // another process may have been faster
	}
	return nil
}

// HaveQEMU returns QEMU's version, as it tells it itself. Its error is [ErrNoQEMU],
// or says what went wrong when QEMU was asked.
func HaveQEMU(ctx context.Context) (version string, err error) { return qemu.Version(ctx) }

// Clean removes snapshots, unpacked kernels and downloaded packages from a cache
// directory; [kernel.DefaultCache] if empty. Guests that run are not disturbed.
func Clean(cache string) error {
	cache = cmp.Or(cache, kernel.DefaultCache())
	var errs []error
	for _, dir := range append(kernel.CacheDirs(), snapshotDir) {
		errs = append(errs, os.RemoveAll(filepath.Join(cache, dir)))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("clean the cache: %w", err)
	}
	_ = os.Remove(cache) // if it is empty now
	return nil
}
