package compose

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the .want files anew; look at each line of what changes")

// special are the inputs of testdata that are not loaded by their name alone.
var special = map[string]struct {
	files []string
	o     Options
}{}

// TestCorpus loads everything in testdata: a file alone, or a folder by its compose.yaml.
// What is expected stands beside it: the intent in lines, or the error.
func TestCorpus(t *testing.T) {
	t.Chdir("testdata")
	all, err := filepath.Glob("*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		if strings.HasSuffix(name, ".want") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			how := special[name]
			if how.files == nil {
				how.files = []string{name}
				if info, err := os.Stat(name); err == nil && info.IsDir() {
					how.files = []string{filepath.Join(name, "compose.yaml")}
				}
			}
			got := describe(how.files, how.o)
			want := name + ".want"
			if *update {
				if err := os.WriteFile(want, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			wanted, err := os.ReadFile(want)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(wanted), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// describe loads files and says what came out.
func describe(files []string, o Options) string {
	i, err := Load(context.Background(), files, o)
	if err != nil {
		return err.Error() + "\n"
	}
	return i.String()
}
