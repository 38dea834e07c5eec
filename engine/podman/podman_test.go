package podman_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/engine"
	"github.com/lanproof/lanproof/engine/cell"
	"github.com/lanproof/lanproof/engine/enginetest"
	"github.com/lanproof/lanproof/engine/podman"
	"github.com/lanproof/lanproof/topology"
)

func TestMain(m *testing.M) {
	cell.Main()
	if os.Getenv(killedVariable) != "" {
		fmt.Fprintln(os.Stderr, beKilled())
		os.Exit(1)
	}
	os.Exit(m.Run())
}

const killedVariable = "LANPROOF_TEST_KILLED"

// beKilled has a container run, says in which namespace, and waits.
func beKilled() error {
	ns, err := enginetest.Begin(podman.Find, &lan)
	if err != nil {
		return err
	}
	fmt.Println(ns.Inode())
	return unix.Pause()
}

// TestKilled kills the process for which Podman runs: its containers end.
func TestKilled(t *testing.T) {
	started(t) // or skips
	enginetest.Killed(t, killedVariable)
}

func started(t *testing.T) engine.Engine {
	t.Helper()
	i, err := podman.Find(t.Context())
	e, _ := enginetest.Started(t, i, err)
	return e
}

var lan = topology.Network{
	Driver: "macvlan", Parent: "eth0",
	Subnets: []topology.Subnet{
		{Subnet: "192.168.1.0/24", Gateway: "192.168.1.1", IPRange: "192.168.1.8/29"},
		{Subnet: "fd00:1::/64"},
	},
}

func TestEndpoints(t *testing.T) {
	enginetest.Endpoints(t, started(t), &lan, []string{
		"eth0 macvlan bridge 192.168.1.9/24 fd00:1::2/64", "other0 macvlan private 10.1.2.3/8", "default via 192.168.1.1", "default via fd00:1::1",
		"eth0 macvlan bridge 192.168.1.10/24 fd00:1::3/64", "default via 192.168.1.1", "default via fd00:1::1",
	})
}

// TestRefusals holds the words of Podman 4.3 and netavark 1.4.
func TestRefusals(t *testing.T) {
	e := started(t)
	slim := topology.Subnet{Subnet: "192.168.7.0/24"}
	for _, tt := range []struct {
		name string
		n    topology.Network
		want string
	}{
		{"mode", topology.Network{Driver: "macvlan", Parent: "eth0", MacvlanMode: "bridg", Subnets: []topology.Subnet{slim}}, `unknown macvlan mode "bridg"`},
		{"no parent", topology.Network{Driver: "macvlan", Parent: "eth7", Subnets: []topology.Subnet{slim}}, "parent interface eth7 does not exist"},
		{"driver", topology.Network{Driver: "overlay", Parent: "eth0", Subnets: []topology.Subnet{slim}}, "unsupported driver overlay: invalid argument"},
	} {
		var said *engine.Refusal
		if err := e.Network(t.Context(), "lan", &tt.n); !errors.As(err, &said) || said.Text != tt.want {
			t.Errorf("%s: %T %v", tt.name, err, err)
		}
	}
	for name, n := range map[string]topology.Network{"lan": {Driver: "macvlan", Parent: "eth0", Subnets: []topology.Subnet{slim}}} {
		if err := e.Network(t.Context(), name, &n); err != nil {
			t.Fatal(err)
		}
	}
	ns, err := e.Endpoint(t.Context(), "first", &topology.Attachment{Network: "lan", IP: "192.168.7.9", MAC: "02:00:00:00:00:01"})
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close() //nolint:errcheck // of a test
	for _, tt := range []struct {
		a    topology.Attachment
		want string
	}{
		{topology.Attachment{IP: "192.168.7.9"}, "requested ip address 192.168.7.9 is already allocated to container ID"},
		{topology.Attachment{IP: "10.0.0.1"}, "requested static ip 10.0.0.1 not in any subnet on network lan"},
		{topology.Attachment{MAC: "02:00:00:00:00:01"}, "set macvlan up: Netlink error: Address already in use (os error 98)"},
	} {
		tt.a.Network = "lan"
		_, err := e.Endpoint(t.Context(), "a", &tt.a)
		var said *engine.Refusal
		if !errors.As(err, &said) || !strings.Contains(said.Text, tt.want) {
			t.Errorf("%T %v", err, err)
		}
	}
	var said *engine.Refusal
	if err := e.RemoveNetwork(t.Context(), "lan"); !errors.As(err, &said) || !strings.Contains(said.Text, "has associated containers with it") {
		t.Errorf("a network in use: %v", err)
	}
}

// TestCannot holds what Podman has no word for.
func TestCannot(t *testing.T) {
	e := started(t)
	for want, n := range map[string]topology.Network{
		"has no list of sources": {Driver: "macvlan", Parent: "eth0", MacvlanSources: []string{"02:00:00:00:00:01"}},
		"has no flags":           {Driver: "ipvlan", Parent: "eth0", IpvlanFlag: "private"},
		"makes no parent":        {Driver: "macvlan"},
		"chooses no subnet":      {Driver: "macvlan", Parent: "eth0"},
	} {
		var cannot *engine.Cannot
		if err := e.Network(t.Context(), "lan", &n); !errors.As(err, &cannot) || !strings.Contains(cannot.Text, want) {
			t.Errorf("%T %v", err, err)
		}
	}
}

// TestAddressesOfOthers has Podman hand out an address that others on the LAN have.
func TestAddressesOfOthers(t *testing.T) {
	e := started(t)
	for name, nas := range map[string]string{"lan": "192.168.1.2", "lan2": "192.168.2.3"} {
		subnet := netip.PrefixFrom(netip.MustParseAddr(nas), 24).Masked().String()
		n := topology.Network{Driver: "macvlan", Parent: "eth0", Subnets: []topology.Subnet{
			{Subnet: subnet, AuxAddresses: map[string]string{"nas": nas}},
		}}
		if err := e.Network(t.Context(), name, &n); err != nil {
			t.Fatal(err)
		}
	}
	var cannot *engine.Cannot
	if _, err := e.Endpoint(t.Context(), "a", &topology.Attachment{Network: "lan"}); !errors.As(err, &cannot) || !strings.Contains(cannot.Text, "192.168.1.2, which is that of nas") {
		t.Errorf("%T %v", err, err)
	}
	ns, err := e.Endpoint(t.Context(), "b", &topology.Attachment{Network: "lan2"})
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close() //nolint:errcheck // of a test
	other := topology.Attachment{Network: "lan", IP: "192.168.1.2"}
	if err := e.Attach(t.Context(), "b", other); !errors.As(err, &cannot) {
		t.Errorf("%T %v", err, err)
	}
	if words := enginetest.Built(t, ns); len(words) != 2 {
		t.Errorf("%q", words)
	}
	alone, err := e.Endpoint(t.Context(), "c", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer alone.Close() //nolint:errcheck // of a test
	if err := e.Attach(t.Context(), "c", other); !errors.As(err, &cannot) || !strings.Contains(cannot.Text, "run without any") {
		t.Errorf("%T %v", err, err)
	}
}

func TestNotInstalled(t *testing.T) {
	t.Setenv(podman.Variable, filepath.Join(t.TempDir(), "podman"))
	_, err := podman.Find(t.Context())
	var missing *engine.Unavailable
	if !errors.As(err, &missing) || !strings.Contains(missing.Text, "podman needs ") {
		t.Errorf("%T %v", err, err)
	}
}

// TestDies has a podman that does not start, and one that ends while it is asked.
func TestDies(t *testing.T) {
	i, err := podman.Find(t.Context())
	if err != nil {
		t.Skip(err)
	}
	real, err := exec.LookPath("podman")
	if err != nil {
		t.Skip(err)
	}
	path := filepath.Join(t.TempDir(), "podman")
	script := "#!/bin/sh\ncase $* in *--version*) exec " + real + " --version;; esac\necho panic: oops >&2\nexit 7\n"
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	host, err := enginetest.NewHost()
	if err != nil {
		t.Skip(err)
	}
	defer host.Close() //nolint:errcheck // of a test
	t.Setenv(podman.Variable, path)
	broken, err := podman.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = broken.Start(t.Context(), host)
	var failure *engine.Failure
	if !errors.As(err, &failure) || !strings.Contains(err.Error(), "panic: oops") {
		t.Errorf("one that does not start: %T %v", err, err)
	}
	e, _ := enginetest.Started(t, i, nil)
	if err := e.Network(t.Context(), "lan", &lan); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := e.Network(t.Context(), "more", &lan); !errors.As(err, &failure) || !strings.Contains(err.Error(), "podman has ended") {
		t.Errorf("one that has ended: %T %v", err, err)
	}
}
