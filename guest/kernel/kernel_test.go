package kernel

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

// elfFile makes a 64-bit ELF file with one section (a module) or one note segment
// (a kernel).
func elfFile(section string, content []byte, note bool) []byte {
	names := []byte("\x00" + section + "\x00.shstrtab\x00")
	const headers = 64 + 56
	h := elf.Header64{
		Type: uint16(elf.ET_REL), Machine: uint16(elf.EM_X86_64), Version: 1, Ehsize: 64,
		Phoff: 64, Phentsize: 56, Shentsize: 64, Shnum: 3, Shstrndx: 2,
		Shoff: uint64(headers + len(content) + len(names)),
	}
	copy(h.Ident[:], "\x7fELF\x02\x01\x01")
	if note {
		h.Phnum = 1
	}
	var b bytes.Buffer
	for _, v := range []any{
		h,
		elf.Prog64{Type: uint32(elf.PT_NOTE), Off: headers, Filesz: uint64(len(content))},
		content, names,
		elf.Section64{},
		elf.Section64{Name: 1, Type: uint32(elf.SHT_PROGBITS), Off: headers, Size: uint64(len(content))},
		elf.Section64{Name: uint32(len(section) + 2), Type: uint32(elf.SHT_STRTAB), Off: uint64(headers + len(content)), Size: uint64(len(names))},
	} {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			panic(err)
		}
	}
	return b.Bytes()
}

func module(depends string) []byte {
	return elfFile(".modinfo", []byte("license=GPL\x00depends="+depends+"\x00name=x\x00"), false)
}

// pvhKernel is a vmlinux with the note that QEMU wants.
func pvhKernel() []byte {
	return elfFile(".notes", []byte("\x04\x00\x00\x00\x04\x00\x00\x00\x12\x00\x00\x00Xen\x00\x00\x00\x00\x01"), true)
}

// bzImage packs a kernel the way the kernel's build does.
func bzImage(payload []byte, size int) []byte {
	image := make([]byte, 1024)
	image[offSetupSects] = 1
	copy(image[offMagic:], "HdrS\x0f\x02")
	copy(image[0x300:], "6.99.1-test (somebody) #1")
	binary.LittleEndian.PutUint16(image[offVersion:], 0x100)
	binary.LittleEndian.PutUint32(image[offPayloadLen:], uint32(len(payload)+4))
	image = append(image, payload...)
	return binary.LittleEndian.AppendUint32(image, uint32(size))
}

func zst(data []byte) []byte {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	defer w.Close()
	return w.EncodeAll(data, nil)
}

func gz(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

const lib = "lib/modules/6.99.1-test/"

// packageFiles are those of a small kernel package.
func packageFiles() map[string][]byte {
	k := pvhKernel()
	return map[string][]byte{
		"boot/vmlinuz-6.99.1-test":                  bzImage(zst(k), len(k)),
		"boot/config-6.99.1-test":                   []byte("CONFIG_X=y"),
		lib + "modules.builtin":                     []byte("kernel/net/llc/llc.ko\nkernel/net/802/stp.ko\n"),
		lib + "kernel/drivers/net/macvlan.ko":       module(""),
		lib + "kernel/drivers/net/a/macvtap.ko.zst": zst(module("macvlan,tap")),
		lib + "kernel/drivers/net/tap.ko.gz":        gz(module("deep-one")),
		lib + "kernel/drivers/net/deep-one.ko":      module("deep_two"),
		lib + "kernel/drivers/net/deep_two.ko":      module(""),
		lib + "kernel/drivers/net/dummy.ko":         module(""),
		lib + "updates/dummy.ko":                    module("deep_two"),
		lib + "kernel/unwanted.ko":                  []byte("rubbish, but nobody reads it"),
	}
}

var (
	wantOrder   = []string{"macvlan", "deep_two", "deep_one", "tap", "macvtap", "dummy"}
	wantMissing = []string{"8021q", "bridge", "garp", "ipvlan", "mrp", "veth"}
)

// deb makes a .deb file of files.
func deb(files map[string][]byte, dataName string, compress func([]byte) []byte) []byte {
	var data bytes.Buffer
	w := tar.NewWriter(&data)
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := w.WriteHeader(&tar.Header{Name: "./" + name, Mode: 0o644, Size: int64(len(files[name]))}); err != nil {
			panic(err)
		}
		if _, err := w.Write(files[name]); err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	out := []byte(arMagic)
	for _, m := range []struct {
		name string
		data []byte
	}{{"debian-binary", []byte("2.0\n")}, {"control.tar.gz", []byte("odd")}, {dataName, compress(data.Bytes())}} {
		out = fmt.Appendf(out, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", m.name, 0, 0, 0, "100644", len(m.data))
		out = append(out, m.data...)
		if len(m.data)%2 == 1 {
			out = append(out, '\n')
		}
	}
	return out
}

func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

func names(mods []Module) []string {
	var all []string
	for _, m := range mods {
		all = append(all, m.Name)
	}
	return all
}

func checkKernel(t *testing.T, k Kernel) {
	t.Helper()
	if k.Release != "6.99.1-test" || k.ID == "" {
		t.Errorf("release %q, id %q", k.Release, k.ID)
	}
	if diff := cmp.Diff(wantOrder, names(k.Modules)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(wantMissing, k.Missing); diff != "" {
		t.Error(diff)
	}
	for _, m := range k.Modules {
		if !bytes.HasPrefix(m.Data, []byte("\x7fELF")) {
			t.Errorf("%s is not decompressed", m.Name)
		}
	}
	if last := k.Modules[len(k.Modules)-1].Data; !bytes.Equal(last, module("deep_two")) {
		t.Error("dummy does not come from updates/")
	}
	image, err := os.ReadFile(k.Image)
	if err != nil || !bytes.Equal(image, pvhKernel()) {
		t.Errorf("image of %d bytes, %v", len(image), err)
	}
}

func TestResolve(t *testing.T) {
	dir, cache := t.TempDir(), t.TempDir()
	files := packageFiles()
	for name, data := range files {
		write(t, filepath.Join(dir, "tree[1]", name), data)
	}
	same := func(b []byte) []byte { return b }
	specs := map[string]string{
		"directory": filepath.Join(dir, "tree[1]"),
		"gz":        write(t, filepath.Join(dir, "a.deb"), deb(files, "data.tar.gz", gz)),
		"zst":       write(t, filepath.Join(dir, "b.deb"), deb(files, "data.tar.zst", zst)),
		"plain":     write(t, filepath.Join(dir, "c.deb"), deb(files, "data.tar", same)),
	}
	var ids []string
	for name, spec := range specs {
		t.Run(name, func(t *testing.T) {
			for range 2 { // the second time out of the cache
				k, err := Resolve(t.Context(), spec, Options{Cache: cache})
				if err != nil {
					t.Fatal(err)
				}
				checkKernel(t, k)
				ids = append(ids, k.ID)
			}
		})
	}
	if len(slices.Compact(ids)) != 1 {
		t.Errorf("the same kernel has different ids: %v", ids)
	}
	t.Run("image with modules", func(t *testing.T) {
		for _, mods := range []string{"", "lib/modules", lib} {
			k, err := Resolve(t.Context(), filepath.Join(specs["directory"], "boot/vmlinuz-6.99.1-test"),
				Options{Cache: cache, Modules: filepath.Join(specs["directory"], mods)})
			if err != nil {
				t.Fatal(err)
			}
			checkKernel(t, k)
		}
	})
	t.Run("want", func(t *testing.T) {
		k, err := Resolve(t.Context(), specs["gz"], Options{Cache: cache, Want: []string{"deep-two", "nonesuch"}})
		if err != nil || !slices.Contains(k.Missing, "nonesuch") || slices.Contains(k.Missing, "deep_two") {
			t.Error(k.Missing, err)
		}
	})
	t.Run("overlay", func(t *testing.T) { overlay(t, specs["gz"], cache) })
}

// overlay replaces one module of a package.
func overlay(t *testing.T, spec, cache string) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "macvlan.ko"), module("deep_two"))
	plain, err := Resolve(t.Context(), spec, Options{Cache: cache})
	if err != nil {
		t.Fatal(err)
	}
	k, err := Resolve(t.Context(), spec, Options{Cache: cache, Modules: dir})
	if err != nil || k.ID == plain.ID {
		t.Fatal(err, k.ID)
	}
	i := slices.Index(names(k.Modules), "macvlan")
	if !bytes.Equal(k.Modules[i].Data, module("deep_two")) || len(k.Modules) != len(plain.Modules) {
		t.Error("the module was not replaced", names(k.Modules))
	}
	if _, err := Resolve(t.Context(), spec, Options{Cache: cache, Modules: t.TempDir()}); !errors.Is(err, ErrNotFound) {
		t.Errorf("a directory without modules: %v", err)
	}
}

// TestNoPVH falls back to the bzImage.
func TestNoPVH(t *testing.T) {
	plain := elfFile(".text", []byte("code"), false)
	image := bzImage(gz(plain), len(plain))
	file := write(t, filepath.Join(t.TempDir(), "bzImage"), image)
	k, err := Resolve(t.Context(), file, Options{Cache: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(k.Image); err != nil || !bytes.Equal(got, image) {
		t.Error("not the bzImage", err)
	}
}

func TestBadPackages(t *testing.T) {
	good := packageFiles()
	full := deb(good, "data.tar.gz", gz)
	kernel := good["boot/vmlinuz-6.99.1-test"]
	without := packageFiles()
	delete(without, "boot/vmlinuz-6.99.1-test")
	badModule := packageFiles()
	badModule[lib+"kernel/drivers/net/macvlan.ko"] = []byte("rubbish")
	arm := pvhKernel()
	arm[18] = byte(elf.EM_AARCH64)
	for name, tt := range map[string]struct {
		data []byte
		want string
	}{
		"empty":           {nil, "neither a bzImage"},
		"rubbish":         {[]byte(strings.Repeat("rubbish", 1000)), "neither a bzImage"},
		"deb, header":     {full[:30], "cut short"},
		"deb, cut":        {full[:len(full)-60], "unpack"},
		"deb, no data":    {full[:8+60+4], "truncated?"},
		"deb, no kernel":  {deb(without, "data.tar.gz", gz), "no boot/vmlinuz"},
		"deb, bad module": {deb(badModule, "data.tar.gz", gz), "macvlan"},
		"deb, lzma":       {deb(good, "data.tar.lzma", func([]byte) []byte { return []byte("\x5d\x00\x00\x80\x00") }), "lzma"},
		"bzImage, cut":    {kernel[:len(kernel)-20], "cut short"},
		"bzImage, header": {kernel[:offPayload], "neither a bzImage"},
		"bzImage, rotten": {bzImage([]byte("\x28\xb5\x2f\xfdrotten"), 100), "decompress"},
		"bzImage, larger": {bzImage(gz(make([]byte, 5000)), 100), "more than 100 bytes"},
		"arm":             {arm, "EM_AARCH64"},
		"no PVH":          {elfFile(".text", nil, false), "CONFIG_PVH"},
		"ELF, cut":        {pvhKernel()[:70], "kernel:"},
	} {
		t.Run(name, func(t *testing.T) {
			cache := t.TempDir()
			file := write(t, filepath.Join(t.TempDir(), "k"), tt.data)
			_, err := Resolve(t.Context(), file, Options{Cache: cache})
			if !errors.Is(err, ErrBadPackage) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
			if left, _ := filepath.Glob(cache + "/*/.new-*"); len(left) > 0 {
				t.Errorf("left in the cache: %v", left)
			}
		})
	}
	for spec, want := range map[string]error{t.TempDir(): ErrBadPackage, "/nonexistent": ErrNotFound, "/dev/null": ErrBadPackage, "": ErrNotFound} {
		if _, err := Resolve(t.Context(), spec, Options{Cache: t.TempDir()}); !errors.Is(err, want) {
			t.Errorf("%q: %v", spec, err)
		}
	}
}

// TestDamagedCache damages each file of an entry in turn.
func TestDamagedCache(t *testing.T) {
	cache := t.TempDir()
	file := write(t, filepath.Join(t.TempDir(), "k.deb"), deb(packageFiles(), "data.tar.gz", gz))
	k, err := Resolve(t.Context(), file, Options{Cache: cache})
	if err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadDir(filepath.Dir(k.Image))
	if err != nil || len(list) != len(wantOrder)+2 {
		t.Fatal(err, list)
	}
	for _, e := range list {
		name := filepath.Join(filepath.Dir(k.Image), e.Name())
		for _, damage := range []func(){
			func() { _ = os.Truncate(name, 10) },
			func() { _ = os.Remove(name) },
			func() { flip(t, name) },
		} {
			damage()
			k, err := Resolve(t.Context(), file, Options{Cache: cache})
			if err != nil {
				t.Fatal(e.Name(), err)
			}
			checkKernel(t, k)
		}
	}
}

func flip(t *testing.T, name string) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	write(t, name, data)
}

// TestCacheTogether has many ask for the same entry: it is made once.
func TestCacheTogether(t *testing.T) {
	c := Cache{t.TempDir()}
	var built atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			var note string
			dir, err := c.entry(t.Context(), "kind", "key", &note, func(dir string) (any, error) {
				built.Add(1)
				return "noted", os.WriteFile(filepath.Join(dir, "f"), []byte("x"), 0o600)
			})
			if err != nil || note != "noted" || dir != filepath.Join(c.Dir, "kind", "key") {
				t.Error(dir, note, err)
			}
		})
	}
	wg.Wait()
	if built.Load() != 1 {
		t.Errorf("built %d times", built.Load())
	}
	ctx, cancel := context.WithCancel(t.Context())
	unlock, err := lock(ctx, filepath.Join(c.Dir, "l"))
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	cancel()
	if _, err := lock(ctx, filepath.Join(c.Dir, "l")); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting for a lock in vain: %v", err)
	}
}

func TestShelfLoops(t *testing.T) {
	s := newShelf(func(file string) ([]byte, error) {
		return map[string][]byte{"a.ko": module("b"), "b.ko": module("a")}[file], nil
	})
	s.add("a.ko")
	s.add("b.ko")
	if mods, _, err := s.take([]string{"a"}); err != nil || len(mods) != 2 {
		t.Error(names(mods), err)
	}
	s.read = func(string) ([]byte, error) { return nil, fs.ErrPermission }
	if _, _, err := s.take([]string{"a"}); !errors.Is(err, fs.ErrPermission) {
		t.Error(err)
	}
}

func TestCheck(t *testing.T) {
	for spec, want := range map[string]error{
		"debian": nil, "debian:6.12": nil, "debian:6.12-amd64": nil, t.TempDir(): nil,
		"/nonexistent": ErrNotFound, "": ErrNotFound, "debian:6.12-none": ErrNotFound, "debain:6.12": ErrNotFound,
	} {
		if err := Check(spec); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", spec, err, want)
		}
	}
}
