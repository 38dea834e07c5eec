package docker

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/engine"
	"github.com/lanproof/lanproof/engine/cell"
	"github.com/lanproof/lanproof/engine/enginetest"
	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/topology"
)

func TestMain(m *testing.M) {
	cell.Main()
	os.Exit(m.Run())
}

// cache is where make test unpacks dockerd to.
func cache() string {
	if dir := os.Getenv("LANPROOF_CACHE"); dir != "" {
		return dir
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "lanproof")
}

// started is a dockerd on a host of its own.
func started(t *testing.T) engine.Engine {
	t.Helper()
	i, err := Find(t.Context(), cache())
	e, _ := enginetest.Started(t, i, err)
	return e
}

func TestNetworks(t *testing.T) {
	e := started(t)
	ctx := t.Context()
	lan := &topology.Network{Driver: "macvlan", Parent: "eth0", Subnets: []topology.Subnet{{Subnet: "192.0.2.0/24", Gateway: "192.0.2.1", IPRange: "192.0.2.64/27"}}}
	inner := &topology.Network{Driver: "bridge", Subnets: []topology.Subnet{{Subnet: "198.51.100.0/24"}}}
	for name, n := range map[string]*topology.Network{"lan": lan, "inner": inner} {
		if err := e.Network(ctx, name, n); err != nil {
			t.Fatal(err)
		}
	}
	ns, err := e.Endpoint(ctx, "web", &topology.Attachment{Network: "lan", MAC: "02:00:00:00:00:09"})
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	built := func(want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, enginetest.Built(t, ns)); diff != "" {
			t.Error(diff)
		}
	}
	built("eth0 macvlan bridge 192.0.2.64/24", "default via 192.0.2.1")
	if mac := enginetest.MAC(t, ns, "eth0").String(); mac != "02:00:00:00:00:09" {
		t.Errorf("its MAC address is %s", mac)
	}
	if err := e.Attach(ctx, "web", topology.Attachment{Network: "inner", IP: "198.51.100.7"}); err != nil {
		t.Fatal(err)
	}
	built("eth0 macvlan bridge 192.0.2.64/24", "eth1 veth  198.51.100.7/24", "default via 198.51.100.1")
	if err := e.Detach(ctx, "web", "lan"); err != nil {
		t.Fatal(err)
	}
	built("eth1 veth  198.51.100.7/24", "default via 198.51.100.1")
	if err := e.RemoveEndpoint(ctx, "web"); err != nil {
		t.Fatal(err)
	}
	if err := e.RemoveNetwork(ctx, "lan"); err != nil {
		t.Fatal(err)
	}
}

// TestAlone runs a container on no network, which joins one later.
func TestAlone(t *testing.T) {
	e := started(t)
	ctx := t.Context()
	ns, err := e.Endpoint(ctx, "alone", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	if err := e.Network(ctx, "lan", &topology.Network{Driver: "macvlan", Parent: "eth0", Subnets: []topology.Subnet{{Subnet: "192.0.2.0/24"}}}); err != nil {
		t.Fatal(err)
	}
	if err := e.Attach(ctx, "alone", topology.Attachment{Network: "lan", IP: "192.0.2.9"}); err != nil {
		t.Fatal(err)
	}
	if built := enginetest.Built(t, ns); len(built) == 0 || !strings.HasSuffix(built[0], " 192.0.2.9/24") {
		t.Errorf("it has %q", built)
	}
}

func TestRefusals(t *testing.T) {
	e := started(t)
	ctx := t.Context()
	pool := func(subnet string) []topology.Subnet { return []topology.Subnet{{Subnet: subnet}} }
	refused := func(what string, err error, words string) {
		t.Helper()
		var no *engine.Refusal
		if !errors.As(err, &no) || !strings.Contains(no.Text, words) {
			t.Errorf("%s: got %v, want a refusal with %q", what, err, words)
		}
	}
	refused("a parent that is not there", e.Network(ctx, "a", &topology.Network{Driver: "macvlan", Parent: "eth9", Subnets: pool("192.0.2.0/24")}), "invalid subinterface vlan name eth9")
	refused("the loopback as parent", e.Network(ctx, "a", &topology.Network{Driver: "macvlan", Parent: "lo", Subnets: pool("192.0.2.0/24")}), "loopback interface is not a valid macvlan parent link")
	refused("a mode that is none", e.Network(ctx, "a", &topology.Network{Driver: "macvlan", Parent: "eth0", MacvlanMode: "brigde", Subnets: pool("192.0.2.0/24")}), "requested macvlan mode 'brigde' is not valid")
	if err := e.Network(ctx, "a", &topology.Network{Driver: "macvlan", Parent: "eth0", Subnets: pool("192.0.2.0/24")}); err != nil {
		t.Fatal(err)
	}
	refused("a subnet twice", e.Network(ctx, "b", &topology.Network{Driver: "bridge", Subnets: pool("192.0.2.0/24")}), "verlap")
	_, err := e.Endpoint(ctx, "web", &topology.Attachment{Network: "a", IP: "203.0.113.1"})
	refused("an address of another subnet", err, "203.0.113.1")
	ns, err := e.Endpoint(ctx, "web", &topology.Attachment{Network: "a", IP: "192.0.2.7"})
	if err != nil {
		t.Fatalf("after it was refused: %v", err)
	}
	defer ns.Close()
	refused("removing a network in use", e.RemoveNetwork(ctx, "a"), "has active endpoints")

	var cannot *engine.Cannot
	if err := e.Network(ctx, "s", &topology.Network{Driver: "macvlan", Parent: "eth0", MacvlanMode: "source"}); !errors.As(err, &cannot) {
		t.Errorf("mode source: got %v, want that it cannot be asked for", err)
	}
}

func TestVersionOf(t *testing.T) {
	for _, c := range []struct{ said, version, docker string }{
		{"Docker version 20.10.24+dfsg1, build 5d6db84\n", "20.10.24+dfsg1", "20.10"},
		{"Docker version 28.5.2, build 89c5e8f", "28.5.2", "28"},
		{"Docker version v29.0.0-rc.1, build x", "29.0.0-rc.1", "29"},
		{"Docker version 31.0.0, build x", "31.0.0", "29"},
		{"Docker version dev, build x", "", "29"},
	} {
		i := &Installation{version: versionOf(c.said)}
		if i.Version() != c.version || i.Docker() != c.docker {
			t.Errorf("%q is of version %q, docker %q; want %q and %q", c.said, i.Version(), i.Docker(), c.version, c.docker)
		}
	}
}

// TestAmong has a guest given a dockerd beside links to Debian's programs, whose libraries
// are in folders of their own.
func TestAmong(t *testing.T) {
	i := among([]string{"/c/28/dockerd", "/c/28/runc", "/c/usr/lib/x86_64-linux-gnu/liba.so.2", "/c/lib/x86_64-linux-gnu/libb.so.1", "/c/lib/x86_64-linux-gnu/libc.so.1"})
	if i == nil || i.Path != "/c/28/dockerd" || i.Folders[0] != "/c/28" || len(i.given) != 3 {
		t.Fatalf("found is %+v", i)
	}
	if want := "LD_LIBRARY_PATH=/c/lib/x86_64-linux-gnu:/c/usr/lib/x86_64-linux-gnu"; !slices.Contains(i.environment(), want) {
		t.Errorf("its environment is %v, without %s", i.environment(), want)
	}
	if i := among([]string{"/c/28/runc"}); i != nil {
		t.Errorf("without dockerd there is %+v", i)
	}
}

func TestMissing(t *testing.T) {
	t.Setenv(Variable, "/nowhere/dockerd")
	var none *engine.Unavailable
	if _, err := Find(t.Context(), ""); !errors.As(err, &none) {
		t.Errorf("got %v, want that it is not available", err)
	}
}

// dockerd is the number of the dockerd that the first process of a cell has started.
func dockerd(t *testing.T, first int) int {
	t.Helper()
	found, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range found {
		var pid, parent int
		var state string
		stat, _ := os.ReadFile(path)
		if n, _ := fmt.Sscanf(string(stat), "%d (dockerd) %s %d", &pid, &state, &parent); n == 3 && parent == first {
			return pid
		}
	}
	t.Fatal("no dockerd runs in the cell")
	return 0
}

// stopped reports whether all threads of a process have stopped.
func stopped(t *testing.T, pid int) bool {
	t.Helper()
	found, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(found) == 0 {
		t.Fatal("dockerd has ended", err)
	}
	return !slices.ContainsFunc(found, func(path string) bool {
		stat, err := os.ReadFile(path)
		return err == nil && !strings.Contains(string(stat), ") T ")
	})
}

// TestStopped stops a dockerd, so that it answers nothing any more.
func TestStopped(t *testing.T) {
	e := started(t)
	ctx := t.Context()
	ns, err := e.Endpoint(ctx, "web", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	d := e.(*Engine)
	d.limit = time.Second
	pid := dockerd(t, d.cell.PID())
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for !stopped(t, pid) {
		runtime.Gosched() // only its parent would be told
	}
	lan := &topology.Network{Driver: "macvlan", Parent: "eth0", Subnets: []topology.Subnet{{Subnet: "192.0.2.0/24"}}}
	_, failed := e.Endpoint(ctx, "db", nil)
	for what, err := range map[string]error{
		"make network lan": e.Network(ctx, "lan", lan), "make container db": failed, "remove container web": e.RemoveEndpoint(ctx, "web"),
		"load the image": d.load(ctx), "remove network lan": e.RemoveNetwork(ctx, "lan"), "detach web from lan": e.Detach(ctx, "web", "lan"),
	} {
		var failure *engine.Failure
		if !errors.As(err, &failure) {
			t.Errorf("%s: got %v, want a failure", what, err)
			continue
		}
		for _, want := range []string{what + ": dockerd has not answered in 1s (", " dockerd: T in do_signal_stop", "containerd: S", "API listen on"} {
			if !strings.Contains(failure.Error(), want) {
				t.Errorf("%s: it says %q, without %q", what, failure.Err, want)
			}
		}
	}
}

// TestBroken starts what is no dockerd.
func TestBroken(t *testing.T) {
	ns, err := netns.New()
	if err != nil {
		t.Skip(err)
	}
	defer ns.Close()
	path, err := exec.LookPath("false")
	if err != nil {
		t.Skip(err)
	}
	_, err = (&Installation{Path: path, version: "0"}).Start(context.Background(), ns)
	var none *engine.Unavailable
	var failure *engine.Failure
	switch {
	case errors.As(err, &none):
		t.Skip(err)
	case !errors.As(err, &failure) || !strings.Contains(failure.Log, "ended with status 1"):
		t.Errorf("got %v, want that it failed, with its log", err)
	}
}

func TestWithMAC(t *testing.T) {
	got, err := withMAC([]byte(`{"Image":"x","NetworkingConfig":{"EndpointsConfig":{"lan":{"MacAddress":"02:00:00:00:00:01"}}}}`))
	if err != nil || !strings.Contains(string(got), `"MacAddress":"02:00:00:00:00:01","NetworkingConfig"`) {
		t.Errorf("got %s, %v", got, err)
	}
	if _, err := withMAC([]byte("{")); err == nil {
		t.Error("half a request is read without an error")
	}
}

func TestPools(t *testing.T) {
	pool, err := poolOf(&topology.Subnet{Subnet: "192.0.2.0/24", IPRange: "192.0.2.64/26", Gateway: "192.0.2.1", AuxAddresses: map[string]string{"host": "192.0.2.65"}})
	if err != nil || pool.AuxAddress["host"] != netip.MustParseAddr("192.0.2.65") || pool.IPRange.Bits() != 26 {
		t.Errorf("got %+v, %v", pool, err)
	}
	for _, s := range []topology.Subnet{{Subnet: "192.0.2.0"}, {Subnet: "192.0.2.0/24", Gateway: "x"}, {Subnet: "192.0.2.0/24", IPRange: "x"}, {Subnet: "192.0.2.0/24", AuxAddresses: map[string]string{"a": "x"}}} {
		if _, err := poolOf(&s); err == nil {
			t.Errorf("%+v is read without an error", s)
		}
	}
}
