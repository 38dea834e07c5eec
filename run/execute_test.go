package run_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/scenarios"
)

func TestSmoke(t *testing.T) {
	files, err := scenarios.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		for _, c := range f.Cases() {
			p, err := run.Prepare(c, 1)
			if err != nil {
				t.Error(err)
				continue
			}
			out := run.Execute(context.Background(), p, nil)
			t.Logf("%s: %s %s %v cap %d needs %v", c.Name, out.Result.Verdict, out.Result.Reason, out.Result.Duration, len(out.Capture), p.Needs)
			for _, ch := range out.Result.Checks {
				t.Logf("   %-5s %-40s %-9s %s (%v)", ch.Verdict, ch.ID, ch.Proof, ch.Observed, ch.Duration)
			}
			os.WriteFile(filepath.Join("/tmp", c.Name+".pcapng"), out.Capture, 0o644)
			if err := out.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
