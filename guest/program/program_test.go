package program_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lanproof/lanproof/guest/program"
)

// TestFiles has a shell run in a root directory that holds nothing but what was
// gathered for it.
func TestFiles(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("chroot needs root")
	}
	shell, err := exec.LookPath("bash")
	if err != nil {
		t.Skip(err)
	}
	files, err := program.Files(shell, shell)
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for _, f := range files {
		at := filepath.Join(root, f.Path)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, f.Data, os.FileMode(f.Mode)); err != nil {
			t.Fatal(err)
		}
	}
	chroot, err := exec.LookPath("chroot")
	if err != nil {
		t.Skip(err)
	}
	out, err := exec.Command(chroot, root, shell, "-c", "echo alive").CombinedOutput()
	if err != nil || string(out) != "alive\n" {
		t.Errorf("%v: %s", err, out)
	}
}

func TestStaticNeedsItselfOnly(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte("package main\nfunc main() {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "static")
	build := exec.Command("go", "build", "-o", path, source)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	files, err := program.Files(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 1 || "/"+files[0].Path != path {
		t.Errorf("%d files, the first is %s", len(files), files[0].Path)
	}
}

func TestFilesOfNoProgram(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{text: "it is no program", "/no/such": "no such file"} {
		if _, err := program.Files(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestFilesAreSorted(t *testing.T) {
	shell, err := exec.LookPath("bash")
	if err != nil {
		t.Skip(err)
	}
	files, err := program.Files(shell)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, f := range files {
		paths = append(paths, f.Path)
	}
	if !slices.IsSorted(paths) || len(paths) < 2 {
		t.Errorf("%q", paths)
	}
}
