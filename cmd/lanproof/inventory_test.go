package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/qualify/record"
)

const labFile = `machines:
  localhost:
    ports:
      a: {interface: eth1, labels: [fast]}
      b: {mac: "02:00:00:00:00:02"}
      c: {interface: eth3, labels: [slow]}
      d: {interface: eth4}
      e: {interface: eth5}
      f: {interface: eth6}
cables:
  - {dut: localhost/a, peer: localhost/b, labels: [good]}
  - {dut: localhost/c, peer: localhost/d}
  - {dut: localhost/e, peer: localhost/f, labels: [absent]}
`

// TestInventory qualifies ports of an inventory on a machine that has two of its three
// pairs.
func TestInventory(t *testing.T) {
	home := machine(t, twoPairs)
	file := filepath.Join(t.TempDir(), "lab.yaml")
	if err := os.WriteFile(file, []byte(labFile), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args    []string
		status  int
		want    string
		bundles string
	}{
		{nil, exitUsage, "find port eth5", "localhost-a localhost-c"},
		{[]string{"--label", "good"}, exitGood, "localhost/a (eth1 and 02:00:00:00:00:02)", "localhost-a"},
		{[]string{"--label", "slow"}, exitGood, "localhost/c (eth3 and eth4)", "localhost-c"},
		{[]string{"b"}, exitGood, "localhost/a (eth1", "localhost-a"},
		{[]string{"e"}, exitUsage, "find port eth5: no such device", ""},
		{[]string{"nope"}, exitUsage, `port "nope" has no cable`, ""},
		{[]string{"--label", "good &&"}, exitUsage, "--label", ""},
		{[]string{"--dut", "eth1"}, exitUsage, "--inventory names the ports", ""},
	} {
		out := t.TempDir()
		args := []string{"qualify", "--inventory", file, "--requirement", "identity", "--out", out}
		cmd := exec.Command(filepath.Join(bin, "lanproof"), append(args, c.args...)...)
		cmd.Env = append(os.Environ(), "LANPROOF_STATE="+t.TempDir())
		var said []byte
		err := home.Do(func() (err error) { said, err = cmd.CombinedOutput(); return err })
		var ended *exec.ExitError
		if err != nil && !errors.As(err, &ended) {
			t.Fatal(err)
		}
		if cmd.ProcessState.ExitCode() != c.status || !strings.Contains(string(said), c.want) {
			t.Errorf("%v: exit status %d, want %d and %q\n%s", c.args, cmd.ProcessState.ExitCode(), c.status, c.want, said)
		}
		if got := bundles(t, out); got != c.bundles {
			t.Errorf("%v: bundles %q, want %q", c.args, got, c.bundles)
		}
	}
}

// twoPairs makes the ports in the calling thread's namespace.
func twoPairs() error {
	c, err := rtnl.OpenHere()
	if err != nil {
		return err
	}
	defer c.Close()
	return errors.Join(
		c.NewLink(&rtnl.Link{Name: "eth1", Kind: "veth", Peer: &rtnl.Link{Name: "eth2", MAC: []byte{2, 0, 0, 0, 0, 2}}}),
		c.NewLink(&rtnl.Link{Name: "eth3", Kind: "veth", Peer: &rtnl.Link{Name: "eth4"}}))
}

// bundles returns the folders that hold a bundle.
func bundles(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		b, err := record.OpenBundle(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Errorf("%s: %v", e.Name(), err)
			continue
		}
		all = append(all, e.Name())
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
	return strings.Join(all, " ")
}
