package netns_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/netns"
)

// A command sees the namespace's devices alone, in /sys, too, and leaves neither
// this process nor its mounts changed.
func TestRunIsInside(t *testing.T) {
	needRoot(t)
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	before, mounts := here(t), read(t, "/proc/self/mounts")
	var out bytes.Buffer
	cmd := exec.Command("sh", "-c", `grep -c : /proc/net/dev; ls /sys/class/net; exit 7`)
	cmd.Stdout = &out
	var exit *exec.ExitError
	if err := ns.Run(cmd, nil); !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("error %v, want exit status 7", err)
	}
	if got := strings.Fields(out.String()); len(got) < 2 || got[0] != "1" || got[1] != "lo" {
		t.Errorf("the command saw %q, want one device, lo", got)
	}
	if here(t) != before || read(t, "/proc/self/mounts") != mounts {
		t.Error("this process is changed")
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestRunPassesSignalsOn(t *testing.T) {
	needRoot(t)
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	signals := make(chan os.Signal, 1)
	signals <- unix.SIGTERM
	var exit *exec.ExitError
	if err := ns.Run(exec.Command("sleep", "60"), signals); !errors.As(err, &exit) || exit.ExitCode() != -1 {
		t.Errorf("error %v, want the signal", err)
	}
}

func TestOpenByPath(t *testing.T) {
	needRoot(t)
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	again, err := netns.Open(ns.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if again.ID() != ns.ID() {
		t.Errorf("%s is not %s", again.ID(), ns.ID())
	}
	if _, err := netns.Open("/run/netns/lanproof-no-such"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}
