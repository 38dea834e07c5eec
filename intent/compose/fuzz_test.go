package compose

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/lanproof/lanproof/intent"
)

// FuzzLoad loads rubbish, which must not take us along: what is wrong is an *intent.Error,
// and whatever is read has a place in the file or none.
func FuzzLoad(f *testing.F) {
	seeds, err := filepath.Glob("testdata/*.y*ml")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range seeds {
		content, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	for _, c := range broken {
		if len(c.files) < 4096 {
			f.Add([]byte(c.files))
		}
	}
	dir := f.TempDir()
	f.Chdir(dir)
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile("c.yaml", content, 0o600); err != nil {
			t.Fatal(err)
		}
		i, err := Load(context.Background(), []string{"c.yaml"}, Options{})
		if err != nil {
			var one *intent.Error
			if !errors.As(err, &one) {
				t.Fatalf("%v has no place", err)
			}
			return
		}
		if i.String() == "" && len(i.Networks)+len(i.Endpoints) > 0 {
			t.Fatal("nothing said")
		}
	})
}
