package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/port"
	"github.com/lanproof/lanproof/internal/rtnl"
)

// TestCleanBringsPortsBack leaves a journal behind as a killed process does, with the
// port where a physical one falls, and has the command bring it back; then one whose
// port is gone.
func TestCleanBringsPortsBack(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("making network namespaces needs root")
	}
	all, err := netns.NewEach(2, func(int, *netns.NS) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	home, abroad := all[0], all[1]
	defer func() { _, _ = home.Close(), abroad.Close() }()
	state, cache := t.TempDir(), t.TempDir()
	clean := func(args ...string) (string, error) {
		var out []byte
		cmd := exec.Command(filepath.Join(bin, "lanproof"), append([]string{"clean"}, args...)...)
		cmd.Env = append(os.Environ(), "LANPROOF_STATE="+state, "LANPROOF_CACHE="+cache)
		err := home.Do(func() (err error) { out, err = cmd.CombinedOutput(); return err })
		return strings.TrimSpace(string(out)), err
	}
	var was *port.State
	var file string
	err = home.Do(func() error {
		was, file, err = abandon(abroad, state)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := clean("--kept"); got != "" || err != nil {
		t.Errorf("clean --kept says %q, %v", got, err)
	}
	if got, err := clean(); got != "brought back port enp1s0" || err != nil {
		t.Errorf("clean says %q, %v", got, err)
	}
	err = home.Do(func() error {
		now, err := port.Snapshot("enp1s0")
		if err == nil {
			if d := port.Differences(was, now); len(d) > 0 {
				t.Error(d)
			}
			err = remove("enp1s0")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := clean(); got != "" || err != nil {
		t.Errorf("clean says again %q, %v", got, err)
	}
	if err := os.Rename(file+".copy", file); err != nil {
		t.Fatal(err)
	}
	got, err := clean()
	if want := "lanproof: bring port enp1s0 back: it has vanished: it is in no namespace that can be looked into; what it was is kept in " + file; got != want || err == nil {
		t.Errorf("clean says %q, %v; want %q", got, err, want)
	}
}

// abandon makes a port, borrows it, and leaves its journal without a process, with
// the port at home under another name. It returns a copy of the journal beside it.
func abandon(abroad *netns.NS, dir string) (was *port.State, file string, err error) {
	c, err := rtnl.OpenHere()
	if err != nil {
		return nil, "", err
	}
	defer c.Close()
	up := true
	for _, fn := range []func() error{
		func() error {
			return c.NewLink(&rtnl.Link{Name: "enp1s0", Kind: "veth", Index: 42, MTU: 1450, MAC: []byte{2, 0, 0, 0, 0, 0x42}, Peer: &rtnl.Link{Name: "cable", Index: 43}})
		},
		func() error { return c.SetLink(43, &rtnl.Change{Up: &up}) },
		func() error { return c.SetLink(42, &rtnl.Change{Up: &up}) },
	} {
		if err := fn(); err != nil {
			return nil, "", err
		}
	}
	loan, err := port.Borrow("enp1s0", abroad, port.Options{Dir: dir})
	if err != nil {
		return nil, "", err
	}
	files, err := filepath.Glob(filepath.Join(dir, "port-*.json"))
	if err != nil || len(files) != 1 {
		return nil, "", err
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		return nil, "", err
	}
	if _, err := loan.Return(); err != nil {
		return nil, "", err
	}
	down := false
	for _, fn := range []func() error{
		func() error { return c.SetLink(42, &rtnl.Change{Up: &down, MTU: 1300}) },
		func() error { return os.WriteFile(files[0], text, 0o600) },
		func() error { return os.WriteFile(files[0]+".copy", text, 0o600) },
	} {
		if err := fn(); err != nil {
			return nil, "", err
		}
	}
	return loan.Was, files[0], nil
}

// remove deletes a device of the calling thread's namespace.
func remove(name string) error {
	c, err := rtnl.OpenHere()
	if err != nil {
		return err
	}
	defer c.Close()
	s, err := c.LinkByName(name)
	if err != nil {
		return err
	}
	return c.DeleteLink(s.Index)
}
