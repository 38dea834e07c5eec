package cni

import (
	stdflag "flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = stdflag.Bool("update", false, "write what is wanted anew")

// TestCorpus reads every file of testdata and compares what was understood, with each
// word's place, with what is wanted, which stands beside it and was read line by line.
func TestCorpus(t *testing.T) {
	files, err := filepath.Glob("testdata/*")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, file := range files {
		if strings.HasSuffix(file, ".want") || filepath.Base(file) == "fuzz" {
			continue
		}
		n++
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if in, err := Read(filepath.Base(file), text); err != nil {
				got = "error: " + err.Error() + "\n"
			} else {
				got = in.String()
			}
			if *update {
				if err := os.WriteFile(file+".want", []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file + ".want")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
		})
	}
	if n == 0 {
		t.Error("no files")
	}
}
