package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/rtnl"
)

// machine is a namespace that plays a machine, with what setUp makes in it.
func machine(t testing.TB, setUp func() error) *netns.NS {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("making network namespaces needs root")
	}
	home, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := home.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := home.Do(setUp); err != nil {
		t.Fatal(err)
	}
	return home
}

// TestPortsThatAreNeeded names ports that must not be taken to every command that
// borrows any: one sentence, and the port stays.
func TestPortsThatAreNeeded(t *testing.T) {
	home := machine(t, lifeline)
	const route = "carries a default route (default table 100)"
	for _, c := range []struct {
		command string
		status  int
		want    string
	}{
		{"run --on nic --dut eth1 --peer eth2 macvlan-two-endpoints", exitHarness, "port eth1 " + route},
		{"run --on nic --dut eth2 --peer eth1 macvlan-two-endpoints", exitHarness, "--yes-really eth1"},
		{"run --nic eth0=eth1 macvlan-two-endpoints", exitHarness, "port eth1 " + route},
		{"run --nic eth0=nope macvlan-two-endpoints", exitUsage, "port nope does not exist"},
		{"qualify --dut eth1 --peer eth2", exitHarness, "port eth1 " + route},
		{"qualify --dut eth2 --peer eth1", exitHarness, "port eth1 " + route},
		{"qualify --dut eth2 --peer lo", exitHarness, "port lo is the loopback device"},
		{"qualify --dut eth2 --peer nope", exitUsage, "port nope does not exist"},
		{"qualify --dut eth2 --peer eth2", exitUsage, "the same"},
	} {
		cmd := exec.Command(filepath.Join(bin, "lanproof"), append(strings.Fields(c.command), "--out", t.TempDir())...)
		cmd.Env = append(os.Environ(), "LANPROOF_STATE="+t.TempDir())
		var said []byte
		err := home.Do(func() (err error) { said, err = cmd.CombinedOutput(); return err })
		var ended *exec.ExitError
		if err != nil && !errors.As(err, &ended) {
			t.Fatal(err)
		}
		text := strings.TrimSpace(string(said))
		if cmd.ProcessState.ExitCode() != c.status || !strings.Contains(text, c.want) || strings.Contains(text, "\n") {
			t.Errorf("%s: exit status %d, want %d and %q\n%s", c.command, cmd.ProcessState.ExitCode(), c.status, c.want, text)
		}
	}
	if err := home.Do(func() error {
		c, err := rtnl.OpenHere()
		if err != nil {
			return err
		}
		defer c.Close()
		s, err := c.LinkByName("eth1")
		if err == nil && !s.Up() {
			t.Error("the port that was refused is down")
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}

// lifeline makes two ports in the calling thread's namespace, one of which carries a
// default route.
func lifeline() error {
	c, err := rtnl.OpenHere()
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.NewLink(&rtnl.Link{Name: "eth1", Index: 11, Kind: "veth", Peer: &rtnl.Link{Name: "eth2", Index: 12}}); err != nil {
		return err
	}
	up := true
	for _, index := range []int{12, 11} {
		if err := c.SetLink(index, &rtnl.Change{Up: &up}); err != nil {
			return err
		}
	}
	return exec.Command("ip", "route", "add", "default", "dev", "eth1", "table", "100").Run()
}
