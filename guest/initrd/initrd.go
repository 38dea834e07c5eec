// Package initrd writes the initial file system of a guest: a cpio archive in the
// "newc" format that the kernel unpacks into its root file system (kernel:
// Documentation/driver-api/early-userspace/buffer-format.rst). The archive is
// not compressed, because a guest without hardware virtualization unpacks slowly,
// and the same files always give the same bytes.
package initrd

import (
	"bufio"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// File is a regular file of the archive. Its directories come by themselves.
type File struct {
	// Path is relative to the root, without a leading slash and without "..".
	Path string
	// Mode holds the permission bits.
	Mode uint32
	Data []byte
}

// Types of inodes, as in stat(2).
const (
	typeDir  = 0o040000
	typeFile = 0o100000
	trailer  = "TRAILER!!!"
	maxData  = 1<<32 - 1
)

// Write writes the archive of the files, sorted by path. Names given twice, empty,
// absolute or with ".." are errors.
func Write(w io.Writer, files []File) error {
	all, err := withDirs(files)
	if err != nil {
		return err
	}
	buf := bufio.NewWriterSize(w, 1<<16)
	for i, f := range all {
		writeEntry(buf, i+1, f)
	}
	writeEntry(buf, 0, entry{File: File{Path: trailer}})
	if err := buf.Flush(); err != nil {
		return fmt.Errorf("write initramfs: %w", err)
	}
	return nil
}

type entry struct {
	File
	links int
}

// withDirs checks the files and adds the directories above them.
func withDirs(files []File) ([]entry, error) {
	seen := make(map[string]entry)
	for _, f := range files {
		if f.Path != path.Clean(f.Path) || path.IsAbs(f.Path) || f.Path == "." ||
			f.Path == trailer || strings.HasPrefix(f.Path, "..") || strings.ContainsRune(f.Path, 0) {
			return nil, fmt.Errorf("write initramfs: bad path %q", f.Path)
		}
		if _, ok := seen[f.Path]; ok {
			return nil, fmt.Errorf("write initramfs: %q comes twice", f.Path)
		}
		if len(f.Data) > maxData {
			return nil, fmt.Errorf("write initramfs: %q has %d bytes", f.Path, len(f.Data))
		}
		f.Mode = typeFile | f.Mode&0o7777
		seen[f.Path] = entry{File: f, links: 1}
	}
	for _, f := range files {
		for dir := path.Dir(f.Path); dir != "."; dir = path.Dir(dir) {
			if old, ok := seen[dir]; ok && old.Mode&typeFile == typeFile {
				return nil, fmt.Errorf("write initramfs: %q is a file and a directory", dir)
			}
			seen[dir] = entry{File: File{Path: dir, Mode: typeDir | 0o755}, links: 2}
		}
	}
	all := make([]entry, 0, len(seen))
	for _, e := range seen {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b entry) int { return strings.Compare(a.Path, b.Path) })
	return all, nil
}

// writeEntry writes header, name and data, each padded to four bytes. A
// bufio.Writer keeps its first error until Flush.
func writeEntry(w *bufio.Writer, inode int, e entry) {
	name := e.Path + "\x00"
	fmt.Fprintf(w, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		inode, e.Mode, 0, 0, max(e.links, 1), 0, len(e.Data), 0, 0, 0, 0, len(name), 0)
	w.WriteString(name)
	pad(w, 110+len(name))
	w.Write(e.Data)
	pad(w, len(e.Data))
}

func pad(w *bufio.Writer, n int) {
	w.WriteString("\x00\x00\x00"[:(4-n%4)%4])
}
