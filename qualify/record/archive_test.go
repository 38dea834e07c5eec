package record

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/lanproof/lanproof/internal/whole"
)

func TestArchivesThatAreNone(t *testing.T) {
	type file struct {
		header zip.FileHeader
		data   string
	}
	plain := func(name string) file { return file{zip.FileHeader{Name: name}, "x"} }
	for name, files := range map[string][]file{
		"nothing":               nil,
		"a path that leads out": {plain("../etc/passwd")},
		"an absolute path":      {plain("/etc/passwd")},
		"a path of Windows":     {plain(`..\x`)},
		"two lines":             {plain("a\nb")},
		"a file twice":          {plain("a"), plain("a")},
		"out of order":          {plain("b"), plain("a")},
		"a folder":              {plain("captures/")},
		"a link":                {func() file { f := plain("a"); f.header.SetMode(os.ModeSymlink | 0o777); return f }()},
		"compressed":            {{zip.FileHeader{Name: "a", Method: zip.Deflate}, "x"}},
		"no manifest":           {plain("a")},
	} {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for _, f := range files {
			w, err := z.CreateHeader(&f.header)
			if err == nil {
				_, err = w.Write([]byte(f.data))
			}
			if err != nil && name != "a folder" {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "x.zip")
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := verified(t, path); !errors.Is(err, ErrNoBundle) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestArchiveThatClaimsToBeHuge(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.CreateRaw(&zip.FileHeader{Name: "a", CompressedSize64: 1 << 60, UncompressedSize64: 1 << 60})
	if err == nil {
		_, err = w.Write([]byte("x"))
	}
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := archiveOf(bytes.NewReader(b.Bytes()), int64(b.Len())); err == nil {
		t.Error("it was opened")
	}
}

func TestFoldersThatAreNone(t *testing.T) {
	for name, spoil := range map[string]func(dir string) error{
		"unfinished":   func(dir string) error { return os.Remove(filepath.Join(dir, FileManifest)) },
		"a link in it": func(dir string) error { return os.Symlink("/etc/passwd", filepath.Join(dir, "captures", "x")) },
		"no qualification": func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, FileQualification)), os.Remove(filepath.Join(dir, FileManifest)), sealFolder(dir))
		},
		"gone":   os.RemoveAll,
		"a pipe": func(dir string) error { return errors.Join(os.RemoveAll(dir), syscall.Mkfifo(dir, 0o600)) },
	} {
		dir := writePlanted(t)
		if err := spoil(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := verified(t, dir); !errors.Is(err, ErrNoBundle) {
			t.Errorf("%s: %v", name, err)
		}
		if err := WriteArchive(&bytes.Buffer{}, dir); err == nil && name != "no qualification" {
			t.Errorf("%s: an archive was made of it", name)
		}
	}
}

// A bundle that is written again where one was is never two halves.
func TestWriteAgain(t *testing.T) {
	dir := writePlanted(t)
	q, c := planted()
	q.Tool = "newer"
	q.Results = q.Results[1:]
	delete(c.Captures, "captures/own-address.pcapng")
	q.Finish(nil)
	if err := os.WriteFile(filepath.Join(dir, "captures", whole.Prefix+"1"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := WriteBundle(dir, q, c); err != nil {
		t.Fatal(err)
	}
	if v := mustVerify(t, dir); !v.OK() || v.Qualification.Tool != "newer" {
		t.Errorf("%+v", v.Problems)
	}
	if _, err := os.Stat(filepath.Join(dir, "captures", "own-address.pcapng")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a capture of the bundle that was there before: %v", err)
	}
	// A capture that cannot be written leaves an unfinished bundle.
	c.Captures["captures/own-address.pcapng"] = broken{}
	if err := WriteBundle(dir, q, c); err == nil {
		t.Fatal("no error")
	}
	if _, err := verified(t, dir); !errors.Is(err, ErrNoBundle) {
		t.Errorf("%v", err)
	}
	c.Captures["../x"] = Bytes("x")
	if err := WriteBundle(dir, q, c); err == nil {
		t.Error("a file was written beside the bundle")
	}
}

// broken is what meets a full disk.
type broken struct{}

func (broken) WriteTo(io.Writer) (int64, error) { return 0, errors.New("no space left on device") }

func FuzzArchive(f *testing.F) {
	dir := f.TempDir()
	q, c := planted()
	var b bytes.Buffer
	if err := errors.Join(WriteBundle(dir, q, c), WriteArchive(&b, dir)); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := archiveOf(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		if v, err := Verify(b, Asked{Now: measured}); err == nil {
			_ = v.WriteText(io.Discard)
		}
	})
}

func FuzzReadJSON(f *testing.F) {
	q, _ := planted()
	var b bytes.Buffer
	if err := q.WriteJSON(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"schema": "lanproof/qualification/v1", "results": [{"trials": [{"last": 4294967295}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		q, err := ReadJSON(bytes.NewReader(data))
		if err != nil {
			return
		}
		q.Finish(nil)
		for _, write := range []func(io.Writer) error{q.WriteText, q.WriteMarkdown, Compare(q, q).WriteMarkdown} {
			if err := write(io.Discard); err != nil {
				t.Error(err)
			}
		}
	})
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseManifest(text)
		if err == nil && !bytes.Equal(m.text(), text) {
			t.Errorf("%q is taken for %q", text, m.text())
		}
	})
}
