package command

import (
	"errors"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lanproof/lanproof/intent"
)

// TestTouchesNothing holds that no file of the package can reach another file or program.
func TestTouchesNothing(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			switch strings.Trim(i.Path.Value, `"`) {
			case "os", "os/exec", "io/fs", "io/ioutil", "syscall", "net/http", "mvdan.cc/sh/v3/interp":
				t.Errorf("%s imports %s", file, i.Path.Value)
			}
		}
	}
}

func TestErrors(t *testing.T) {
	for name, text := range map[string]string{
		"big.sh:larger than 1048576 bytes, the most that a file may have": strings.Repeat("#", intent.MaxBytes+1),
		"a.out:is not text": "docker run\x00",
		"x.md:has no docker or podman command that makes a network or a container": "Use docker network create, then compose.",
	} {
		file, want, _ := strings.Cut(name, ":")
		_, err := Read(file, []byte(text))
		var e *intent.Error
		if !errors.As(err, &e) || e.Place.File != file || e.Err.Error() != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
