// Package golden holds what tests get against files that stand beside their inputs.
package golden

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ending of the files with what is wanted.
const ending = ".want"

// Compare holds what a test got against a file, which is written anew first where update
// is set.
func Compare(t *testing.T, file, got string, update bool) {
	t.Helper()
	if update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is not what was made (-want +got); run with -update if that was meant:\n%s", file, diff)
	}
}

// Each runs a test for every file of a folder and holds what it reads out of it against the
// file of the same name with .want behind it. It returns how many files there were;
// seeds for fuzzing, in a folder of that name, are none.
func Each(t *testing.T, folder string, update bool, read func(t *testing.T, name string, text []byte) string) int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, file := range files {
		name := filepath.Base(file)
		if strings.HasSuffix(name, ending) || name == "fuzz" {
			continue
		}
		n++
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			Compare(t, file+ending, read(t, name, text), update)
		})
	}
	return n
}
