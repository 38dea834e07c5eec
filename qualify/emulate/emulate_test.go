package emulate_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanproof/lanproof/guest"
	"github.com/lanproof/lanproof/qualify/emulate"
	"github.com/lanproof/lanproof/qualify/record"
)

// options is the smallest guest with two cards: Debian's cloud kernel has virtio's
// driver, and boots sooner than the one with all drivers.
func options(t *testing.T) emulate.Options {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("guests run x86-64 binaries, this is", runtime.GOARCH)
	}
	if _, err := guest.HaveQEMU(t.Context()); err != nil {
		t.Skip(err)
	}
	if _, err := guest.Resolve(t.Context(), "debian:6.12", ""); errors.Is(err, guest.ErrNoKernel) {
		t.Skip(err)
	}
	init := filepath.Join(t.TempDir(), "init")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", init, "./testdata/init")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the init: %v\n%s", err, text)
	}
	return emulate.Options{Model: "virtio-net-pci", Kernel: "debian:6.12", Init: init, Ask: emulate.Ask{Profile: record.Core}}
}

func TestRun(t *testing.T) {
	o := options(t)
	var told []string
	o.Each = func(r record.Result) { told = append(told, r.ID) }
	for name, c := range map[string]struct {
		seed  uint64
		err   string
		whole bool
	}{
		"well":        {0, "", true},
		"broken off":  {2, "broken off", true},
		"kernel dies": {1, "Kernel panic", false},
	} {
		t.Run(name, func(t *testing.T) {
			told = nil
			o := o
			o.Ask.Seed = c.seed
			q, files, err := emulate.Run(t.Context(), o)
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Fatalf("error %v, want %q", err, c.err)
			}
			if diff := cmp.Diff([]string{"there-0", "there-1"}, told); diff != "" {
				t.Error(diff)
			}
			if q == nil || len(q.Results) != 2 || q.DUT.Driver != "virtio_net" || q.DUT.Model != "virtio-net-pci" ||
				q.DUT.MAC == q.Peer.MAC || !strings.HasPrefix(q.Machine.Emulator, "QEMU ") {
				t.Fatalf("qualification %+v", q)
			}
			q.Finish(nil)
			if q.Summary.Conformant != c.whole || q.Restored != c.whole {
				t.Errorf("conformant %t, restored %t, differences %q", q.Summary.Conformant, q.Restored, q.Differences)
			}
			if c.whole && len(files.Captures) != 1 {
				t.Errorf("captures %v", files.Captures)
			}
			if err := record.WriteBundle(t.TempDir(), q, files); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestMissing(t *testing.T) {
	o := options(t)
	for model, c := range map[string]struct {
		is   error
		want string
	}{
		"ne3000": {emulate.ErrUsage, "known are e1000, e1000e"},
		"e1000e": {emulate.ErrMissing, "--kernel debian:6.12-amd64"},
	} {
		o.Model = model
		q, _, err := emulate.Run(t.Context(), o)
		if q != nil || !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", model, err, c.want)
		}
	}
}
