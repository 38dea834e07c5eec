package kernel

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/therootcompany/xz"
)

// ErrBadPackage is wrapped by errors about files that are not what they should be.
var ErrBadPackage = errors.New("not a usable kernel package")

// Limits against files that are not what they say, in bytes.
const (
	maxModule = 64 << 20
	maxKernel = 1 << 30
)

// magics are the first bytes of the compressions that kernels and packages use.
// The names are those of dpkg and of the kernel's configuration.
var magics = []struct {
	name  string
	bytes string
	open  func(io.Reader) (io.Reader, error)
}{
	{"gzip", "\x1f\x8b", gunzip},
	{"xz", "\xfd7zXZ\x00", func(r io.Reader) (io.Reader, error) { return xz.NewReader(r, xz.DefaultDictMax) }},
	{"zstd", "\x28\xb5\x2f\xfd", func(r io.Reader) (io.Reader, error) {
		return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(1<<28))
	}},
	// The kernel's lz4 is the legacy frame format.
	{"lz4", "\x02\x21\x4c\x18", func(r io.Reader) (io.Reader, error) { return lz4.NewReader(r), nil }},
	{"bzip2", "BZh", nil},
	{"lzma", "\x5d\x00\x00", nil},
	{"lzo", "\x89LZO", nil},
}

// gunzip reads one gzip stream and leaves alone what may come after it.
func gunzip(r io.Reader) (io.Reader, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	z.Multistream(false)
	return z, nil
}

// decompressor returns a reader of what r holds, by its first bytes. What is not
// compressed is returned as it is.
func decompressor(r io.Reader) (io.Reader, error) {
	start := make([]byte, 8)
	n, err := io.ReadFull(r, start)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, err
	}
	start = start[:n]
	r = io.MultiReader(bytes.NewReader(start), r)
	for _, m := range magics {
		if !bytes.HasPrefix(start, []byte(m.bytes)) {
			continue
		}
		if m.open == nil {
			return nil, fmt.Errorf("%w: compressed with %s, which is not supported", ErrBadPackage, m.name)
		}
		out, err := m.open(r)
		if err != nil {
			return nil, fmt.Errorf("%w: decompress %s: %w", ErrBadPackage, m.name, err)
		}
		return out, nil
	}
	return r, nil
}

// decompress reads all that data holds, up to a limit.
func decompress(data []byte, limit int64) ([]byte, error) {
	r, err := decompressor(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return readLimited(r, limit)
}

func readLimited(r io.Reader, limit int64) ([]byte, error) {
	var out bytes.Buffer
	n, err := out.ReadFrom(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%w: decompress: %w", ErrBadPackage, err)
	}
	if n > limit {
		return nil, fmt.Errorf("%w: more than %d bytes in one file", ErrBadPackage, limit)
	}
	return out.Bytes(), nil
}

const arMagic = "!<arch>\n"

// debData finds the data archive in a .deb, which is an ar(5) archive
// (deb(5)), and returns it as a tar archive.
func debData(r io.Reader) (*tar.Reader, error) {
	magic := make([]byte, len(arMagic))
	if _, err := io.ReadFull(r, magic); err != nil || string(magic) != arMagic {
		return nil, fmt.Errorf("%w: not a .deb file", ErrBadPackage)
	}
	for {
		name, size, err := arHeader(r)
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%w: a .deb file without data.tar (truncated?)", ErrBadPackage)
		}
		if err != nil {
			return nil, err
		}
		member := io.LimitReader(r, size)
		if strings.HasPrefix(name, "data.tar") {
			data, err := decompressor(member)
			if err != nil {
				return nil, err
			}
			return tar.NewReader(data), nil
		}
		if n, err := io.Copy(io.Discard, io.LimitReader(r, size+size%2)); err != nil || n < size {
			return nil, fmt.Errorf("%w: %s of the .deb file is cut short", ErrBadPackage, name)
		}
	}
}

// arHeader reads the 60 bytes before a member: name 16, time 12, owner 6, group 6,
// mode 8, size 10, all ASCII, and two fixed bytes.
func arHeader(r io.Reader) (name string, size int64, err error) {
	var h [60]byte
	if _, err := io.ReadFull(r, h[:]); errors.Is(err, io.EOF) {
		return "", 0, io.EOF
	} else if err != nil {
		return "", 0, fmt.Errorf("%w: .deb file is cut short", ErrBadPackage)
	}
	size, err = strconv.ParseInt(strings.TrimRight(string(h[48:58]), " "), 10, 64)
	if err != nil || size < 0 || string(h[58:]) != "`\n" {
		return "", 0, fmt.Errorf("%w: .deb file with a bad member", ErrBadPackage)
	}
	return strings.TrimRight(string(h[:16]), " /"), size, nil
}
