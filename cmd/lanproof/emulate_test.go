package main

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lanproof/lanproof/guest"
	"github.com/lanproof/lanproof/guest/cards"
	"github.com/lanproof/lanproof/qualify/emulate"
	"github.com/lanproof/lanproof/qualify/record"
)

// lanproof runs the program and returns what it said, and its exit status.
func lanproof(t *testing.T, args ...string) (said string, status int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "lanproof"), args...)
	out, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// TestEmulated qualifies two of QEMU's cards by the command, and verifies the bundles
// that it leaves.
func TestEmulated(t *testing.T) {
	needGuest(t)
	if _, err := guest.Resolve(t.Context(), emulate.DefaultKernel, ""); errors.Is(err, guest.ErrNoKernel) {
		t.Skip(err)
	}
	for _, model := range []string{"e1000e", "virtio-net-pci"} {
		t.Run(model, func(t *testing.T) {
			dir := t.TempDir()
			said, status := lanproof(t, "qualify", "--emulate", model, "--out", dir)
			b, err := record.OpenBundle(dir)
			if err != nil {
				t.Fatalf("status %d, %v\n%s", status, err, said)
			}
			defer b.Close()
			q, err := b.Qualification()
			if err != nil {
				t.Fatal(err)
			}
			card, _ := cards.Find(model)
			if q.DUT.Model != model || q.DUT.Driver != card.Driver || q.Peer.Model != cards.Peer || !strings.HasPrefix(q.Machine.Emulator, "QEMU ") {
				t.Errorf("ports %s %s and %s, emulator %q", q.DUT.Model, q.DUT.Driver, q.Peer.Model, q.Machine.Emulator)
			}
			if !q.Restored || len(q.Differences) > 0 || q.Summary.Error > 0 || q.Summary.Pass == 0 {
				t.Errorf("restored %t, %q, %+v\n%s", q.Restored, q.Differences, q.Summary, said)
			}
			if want := statusOfQualification(q); status != want {
				t.Errorf("exit status %d, want %d\n%s", status, want, said)
			}
			for _, r := range q.Results {
				if r.Status == record.Fail && len(cards.Of(model, r.ID)) == 0 {
					t.Errorf("%s fails, and no fault of %s is known that explains it: %s", r.ID, model, r.Reason)
				}
			}
			if said, status := lanproof(t, "verify", dir); status != exitGood {
				t.Errorf("verify: exit status %d\n%s", status, said)
			}
		})
	}
}

// TestEmulatedRefused asks for what cannot be emulated.
func TestEmulatedRefused(t *testing.T) {
	needGuest(t)
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"--emulate", "ne3000"}, exitUsage, "known are e1000, e1000e"},
		{[]string{"--emulate", "e1000e", "--dut", "eth1"}, exitUsage, "takes no port of this machine"},
		{[]string{"--emulate", "e1000e", "--kernel", "debian:6.12"}, exitHarness, "--kernel debian:6.12-amd64"},
	} {
		said, status := lanproof(t, append([]string{"qualify", "--out", t.TempDir()}, c.args...)...)
		if status != c.status || !strings.Contains(said, c.want) || strings.Count(strings.TrimSpace(said), "\n") > 0 {
			t.Errorf("%s: exit status %d: %s", fmt.Sprint(c.args), status, said)
		}
	}
}
