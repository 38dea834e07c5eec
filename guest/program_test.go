package guest_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestPrograms runs a program of this machine in a guest, with its libraries. A
// snapshot of a guest without it is of no use to one with it.
func TestPrograms(t *testing.T) {
	path, err := exec.LookPath("id")
	if err != nil {
		t.Skip(err)
	}
	o := options(t, "debian:6.12")
	noGuestLeft(t)
	o.Snapshot = true
	if got := run(t.Context(), "echo x", o); got.err != nil {
		t.Fatal(got.err)
	}
	o.Programs = []string{path}
	if err := restored(t, o); err == nil {
		t.Fatal("a snapshot without the program was taken")
	}
	for _, how := range []string{"booted", "restored"} {
		got := run(t.Context(), "run "+path, o)
		if got.err != nil || len(got.lines) != 1 || !strings.HasPrefix(got.lines[0], "uid=0") {
			t.Errorf("%s: %v", how, got)
		}
	}
	o.Programs = []string{"/no/such"}
	if got := run(t.Context(), "echo x", o); got.err == nil || !strings.Contains(got.err.Error(), "give the guest programs: gather /no/such") {
		t.Errorf("a program that is not there: %v", got.err)
	}
}
