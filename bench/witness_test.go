package bench

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/rtnl"
)

// inUserNamespace is set where the test runs in a user namespace of its own.
const inUserNamespace = "LANPROOF_TEST_WITNESS"

// TestWitness has namespaces let go where so few are allowed that the next ones can only
// be made when the kernel is done with those before: the last thing that it does with
// a namespace is to take it off the count (net/core/net_namespace.c:cleanup_net).
func TestWitness(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("making network namespaces needs root")
	}
	if os.Getenv(inUserNamespace) != "" {
		countedOut(t)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestWitness$", "-test.v")
	cmd.Env = append(os.Environ(), inUserNamespace+"=1")
	ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER, UidMappings: ids, GidMappings: ids}
	out, err := cmd.CombinedOutput()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Skipf("user namespaces: %v", err)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func countedOut(t *testing.T) {
	// The witness, eight more and two sentinels, one of them of the round before.
	if err := os.WriteFile("/proc/sys/user/max_net_namespaces", []byte("11"), 0); err != nil {
		t.Fatal(err)
	}
	w, err := newWitness()
	if err != nil {
		t.Fatal(err)
	}
	defer w.close() //nolint:errcheck // the process ends
	for round := range 20 {
		all, err := netns.NewEach(8, func(int, *netns.NS) error { return nil })
		if err != nil {
			t.Fatalf("round %d: the namespaces before are not gone: %v", round, err)
		}
		var gone []rtnl.Farewell
		for _, ns := range all {
			f, err := w.know(ns)
			if err != nil {
				t.Fatal(err)
			}
			gone = append(gone, f)
			if err := ns.Close(); err != nil {
				t.Fatal(err)
			}
		}
		last, err := w.sentinel()
		if err == nil {
			err = w.done(t.Context(), last, gone...)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
