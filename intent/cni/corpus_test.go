package cni

import (
	stdflag "flag"
	"testing"

	"github.com/lanproof/lanproof/internal/golden"
)

var update = stdflag.Bool("update", false, "write what is wanted anew")

// TestCorpus reads every file of testdata and compares what was understood, with each
// word's place, with what is wanted, which stands beside it and was read line by line.
func TestCorpus(t *testing.T) {
	n := golden.Each(t, "testdata", *update, func(t *testing.T, name string, text []byte) string {
		in, err := Read(name, text)
		if err != nil {
			return "error: " + err.Error() + "\n"
		}
		return in.String()
	})
	if n == 0 {
		t.Error("no files")
	}
}
