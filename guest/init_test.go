package guest_test

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLargeInit boots with an init that is larger than the mailbox, as test
// binaries with their debug information are, and says so of one that is too large.
func TestLargeInit(t *testing.T) {
	o := options(t, "debian:6.12")
	small, err := os.ReadFile(o.Init)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		mib  int
		want string
	}{{40, ""}, {80, "make the binary smaller"}} {
		// What follows an ELF file is never looked at.
		rest := make([]byte, c.mib<<20)
		if _, err := rand.Read(rest); err != nil {
			t.Fatal(err)
		}
		o.Init = filepath.Join(t.TempDir(), "init")
		if err := os.WriteFile(o.Init, append(small, rest...), 0o755); err != nil {
			t.Fatal(err)
		}
		got := run(t.Context(), "echo large", o)
		if c.want == "" && (got.err != nil || len(got.lines) != 1 || got.lines[0] != "large") {
			t.Errorf("%d MiB: lines %q, error %v", c.mib, got.lines, got.err)
		}
		if c.want != "" && (got.err == nil || !strings.Contains(got.err.Error(), c.want)) {
			t.Errorf("%d MiB: error %v, want one that says %q", c.mib, got.err, c.want)
		}
	}
}
