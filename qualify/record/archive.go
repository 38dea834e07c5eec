package record

import (
	"archive/zip"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
)

// WriteArchive writes a bundle's folder as a zip archive, without compression and
// without anything of the place and the time where it is made: the same bundle gives
// the same bytes, whichever version writes it, so that every byte of an archive can
// be checked.
func WriteArchive(w io.Writer, dir string) error {
	b, err := OpenBundle(dir)
	if err != nil {
		return fmt.Errorf("write an archive: %w", err)
	}
	defer b.Close()
	if _, ok := slices.BinarySearch(b.names, FileManifest); !ok {
		return fmt.Errorf("write an archive: %w: %s: the bundle is unfinished, it has no %s", ErrNoBundle, dir, FileManifest)
	}
	if err := b.archive(w); err != nil {
		return fmt.Errorf("write an archive: %w", err)
	}
	return nil
}

func (b *Bundle) archive(w io.Writer) error {
	z := zip.NewWriter(w)
	for _, name := range b.names {
		data, err := b.read(name)
		if err != nil {
			return err
		}
		// Raw, since the sizes are known: no descriptor behind the data.
		f, err := z.CreateRaw(&zip.FileHeader{
			Name: name, Method: zip.Store, CRC32: crc32.ChecksumIEEE(data),
			CompressedSize64: uint64(len(data)), UncompressedSize64: uint64(len(data)),
		})
		if err != nil {
			return err
		}
		if _, err := f.Write(data); err != nil {
			return err
		}
	}
	return z.Close()
}

func (b *Bundle) read(name string) ([]byte, error) {
	f, err := b.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := readAll(f, maxFile)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return data, nil
}

// openArchive opens what WriteArchive wrote, and nothing that is put together in
// another way: no compression, so that nothing is larger than it looks, no path that
// leads out, no file twice.
func openArchive(name string) (*Bundle, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	b, err := readArchive(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	b.close = f.Close
	return b, nil
}

func readArchive(f *os.File) (*Bundle, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	b, err := archiveOf(f, info.Size())
	if err != nil {
		return nil, err
	}
	again := &comparer{with: io.NewSectionReader(f, 0, info.Size())}
	if b.changed = b.archive(again); b.changed == nil {
		b.changed = again.atEnd(info.Size())
	}
	return b, nil
}

func archiveOf(r io.ReaderAt, size int64) (*Bundle, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("not an archive as lanproof writes it: %w", err)
	}
	b := &Bundle{fsys: z, close: func() error { return nil }}
	for _, f := range z.File {
		switch {
		case !goodName(f.Name), !f.Mode().IsRegular():
			return nil, fmt.Errorf("%.200q is no file of a bundle", f.Name)
		case f.Method != zip.Store, f.UncompressedSize64 != f.CompressedSize64, f.UncompressedSize64 > uint64(size):
			return nil, fmt.Errorf("%.200q is compressed, or larger than the archive", f.Name)
		case len(b.names) > 0 && b.names[len(b.names)-1] >= f.Name:
			return nil, fmt.Errorf("%.200q is twice in the archive, or out of order", f.Name)
		}
		b.names = append(b.names, f.Name)
	}
	return b, nil
}

// comparer is a writer that wants to be told what a file holds.
type comparer struct {
	with io.Reader
	at   int64
	buf  []byte
}

func (c *comparer) Write(p []byte) (int, error) {
	c.buf = slices.Grow(c.buf[:0], len(p))[:len(p)]
	n, err := io.ReadFull(c.with, c.buf)
	for i, b := range c.buf[:n] {
		if b != p[i] {
			return i, fmt.Errorf("byte %d of the archive is not as lanproof writes it", c.at+int64(i))
		}
	}
	if c.at += int64(n); err != nil {
		return n, fmt.Errorf("the archive ends at byte %d, too early", c.at)
	}
	return n, nil
}

func (c *comparer) atEnd(size int64) error {
	if c.at != size {
		return fmt.Errorf("the archive has %d bytes behind its end", size-c.at)
	}
	return nil
}
