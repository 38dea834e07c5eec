package kernel

import (
	"os"
	"path/filepath"
	"testing"
)

func FuzzDeb(f *testing.F) {
	f.Add(deb(packageFiles(), "data.tar.gz", gz))
	f.Add(deb(packageFiles(), "data.tar.zst", zst))
	f.Fuzz(func(t *testing.T, data []byte) {
		name := filepath.Join(t.TempDir(), "k.deb")
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		p := &debPackage{file: name, content: make(map[string][]byte), shelf: newShelf(nil)}
		p.shelf.read = p.read
		_, _, _ = p.take(DefaultModules())
	})
}

func FuzzVmlinux(f *testing.F) {
	k := pvhKernel()
	f.Add(bzImage(zst(k), len(k)))
	f.Add(bzImage(gz(k), len(k)))
	f.Add(bzImage([]byte("\x02\x21\x4c\x18\x10\x00\x00\x00"), 10))
	f.Add(bzImage([]byte("\xfd7zXZ\x00\x00\x04"), 10))
	f.Fuzz(func(_ *testing.T, data []byte) {
		if isBzImage(data) {
			_ = bzImageRelease(data)
		}
		if out, err := vmlinux(data); err == nil {
			_, _ = hasPVH(out)
		}
	})
}

func FuzzDepends(f *testing.F) {
	f.Add(module("a,b"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _ = depends(data)
		_, _ = hasPVH(data)
	})
}
