package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

// pagesOf has the program write its pages, and returns them by their names.
func pagesOf(t *testing.T, env ...string) (dir string, pages map[string]string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "man1")
	cmd := exec.Command(filepath.Join(bin, "lanproof"), "man", dir)
	cmd.Env = append(os.Environ(), env...)
	if said, err := cmd.CombinedOutput(); err != nil || len(said) > 0 {
		t.Fatalf("%v\n%s", err, said)
	}
	return dir, filesIn(t, dir)
}

func filesIn(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, dir+"/")] = string(text)
		return err
	}); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return files
}

// TestManPages has a reader that is not ours judge every page, and looks whether all
// that help says is in it.
func TestManPages(t *testing.T) {
	if _, err := exec.LookPath("mandoc"); err != nil {
		t.Skip("mandoc is not installed")
	}
	dir, pages := pagesOf(t, "SOURCE_DATE_EPOCH=1700000000")
	root := newRoot()
	all := documented(root)
	if len(pages) != len(all) || len(all) < 15 {
		t.Errorf("%d pages for %d commands", len(pages), len(all))
	}
	for _, c := range all {
		name := filepath.Join(dir, pageName(c)+".1")
		if complaints, err := exec.Command("mandoc", "-T", "lint", "-W", "warning", name).CombinedOutput(); len(complaints) > 0 || err != nil {
			t.Errorf("%v\n%s", err, complaints)
		}
		out, err := exec.Command("mandoc", "-T", "utf8", "-O", "width=500", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		page := plain(out)
		want := append([]string{c.Short, "2023-11-14", c.CommandPath()}, strings.Split(c.Long, "\n\n")...)
		want = append(want, strings.Split(c.Example, "\n")...)
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			value, text := pflag.UnquoteUsage(f)
			want = append(want, strings.TrimSpace("--"+f.Name+" "+value)+" "+text)
		})
		for _, text := range want {
			if !strings.Contains(page, plain([]byte(text))) {
				t.Errorf("the page of %s lacks %q:\n%s", c.CommandPath(), text, page)
			}
		}
	}
}

// plain is text as its words, without the bold and underlined letters of terminals.
func plain(text []byte) string {
	for {
		at := bytes.IndexByte(text, '\b')
		if at < 1 {
			break
		}
		text = slices.Delete(text, at-1, at+1)
	}
	return strings.Join(strings.Fields(string(text)), " ")
}

// TestManPagesAreTheSame: neither the day nor the place they are made in is in them.
func TestManPagesAreTheSame(t *testing.T) {
	_, one := pagesOf(t, "TZ=Pacific/Kiritimati")
	_, two := pagesOf(t, "TZ=America/Anchorage", "LC_ALL=de_DE.UTF-8")
	if diff := cmp.Diff(one, two); diff != "" {
		t.Error(diff)
	}
	cmd := exec.Command(filepath.Join(bin, "lanproof"), "man", t.TempDir())
	cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=today")
	if said, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != exitUsage || !strings.Contains(string(said), `SOURCE_DATE_EPOCH is "today"`) {
		t.Errorf("%v\n%s", err, said)
	}
}

// TestInstall installs into a folder, and takes all away again.
func TestInstall(t *testing.T) {
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("make is not installed")
	}
	dest := t.TempDir()
	do := func(target string) {
		t.Helper()
		// What the tests have built is not built again.
		cmd := exec.Command("make", "-s", "-o", "build", target, "BIN="+filepath.Join(bin, "lanproof"), "DESTDIR="+dest, "PREFIX=/opt/x")
		cmd.Dir = repository
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("make %s: %v\n%s", target, err, said)
		}
	}
	do("install")
	got := filesIn(t, filepath.Join(dest, "opt/x"))
	for name, begin := range map[string]string{
		"bin/lanproof":                                  "\x7fELF",
		"share/man/man1/lanproof.1":                     ".nh\n.TH",
		"share/man/man1/lanproof-run.1":                 ".nh\n.TH",
		"share/bash-completion/completions/lanproof":    "# bash completion V2 for lanproof",
		"share/zsh/site-functions/_lanproof":            "#compdef lanproof",
		"share/fish/vendor_completions.d/lanproof.fish": "# fish completion for lanproof",
	} {
		if !strings.HasPrefix(got[name], begin) {
			t.Errorf("%s begins with %.40q", name, got[name])
		}
	}
	do("uninstall")
	if left := filesIn(t, dest); len(left) > 0 {
		t.Errorf("uninstall leaves %d files", len(left))
	}
}
