package whole

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "figures")
	for _, put := range []func(string, func(io.Writer) error) error{Write, WriteSynced} {
		if err := put(path, func(w io.Writer) error { _, err := io.WriteString(w, "whole"); return err }); err != nil {
			t.Fatal(err)
		}
		half := errors.New("no more")
		err := put(path, func(w io.Writer) error { _, _ = io.WriteString(w, "ha"); return half })
		if !errors.Is(err, half) {
			t.Errorf("the error is %v", err)
		}
		text, err := os.ReadFile(path)
		if err != nil || string(text) != "whole" {
			t.Errorf("the file holds %q, %v", text, err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v: not everybody may read it", info, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if err := Write(filepath.Join(dir, "none", "figures"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}
