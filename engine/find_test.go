package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// program writes a shell script.
func program(t *testing.T, dir, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLookIn(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	program(t, first, "a", "", 0o644)
	if err := os.Mkdir(filepath.Join(first, "b"), 0o755); err != nil {
		t.Fatal(err)
	}
	a, b := program(t, second, "a", "", 0o755), program(t, second, "b", "", 0o755)
	for name, want := range map[string]string{"a": a, "b": b, "c": ""} {
		if got := LookIn([]string{"", first, second}, name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestAsk(t *testing.T) {
	dir := t.TempDir()
	if said, err := Ask(t.Context(), []string{"V=7"}, program(t, dir, "a", `echo "version $V $1"`, 0o755), "-v"); err != nil || said != "version 7 -v\n" {
		t.Errorf("%q, %v", said, err)
	}
	broken := program(t, dir, "b", "echo no library >&2; exit 3", 0o755)
	if _, err := Ask(t.Context(), nil, broken); err == nil || !strings.HasSuffix(err.Error(), "no library") {
		t.Errorf("a program that does not run: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	if _, err := Ask(ctx, nil, broken); !errors.Is(err, why) {
		t.Errorf("with a context that has ended: %v", err)
	}
}
