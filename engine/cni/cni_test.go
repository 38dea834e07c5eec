package cni_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/engine"
	"github.com/lanproof/lanproof/engine/cni"
	"github.com/lanproof/lanproof/engine/enginetest"
	"github.com/lanproof/lanproof/topology"
)

const hangVariable = "LANPROOF_TEST_HANG"

func TestMain(m *testing.M) {
	if dir := os.Getenv(hangVariable); dir != "" {
		fmt.Fprintln(os.Stderr, hang())
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func found(t *testing.T) engine.Installation {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("namespaces need root")
	}
	i, err := cni.Find(t.Context())
	var missing *engine.Unavailable
	if errors.As(err, &missing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// started is an engine on a host with a parent.
func started(t *testing.T, i engine.Installation) engine.Engine {
	t.Helper()
	e, _ := enginetest.Started(t, i, nil)
	return e
}

var lan = topology.Network{
	Driver: "macvlan", Parent: "eth0",
	Subnets: []topology.Subnet{
		{
			Subnet: "192.168.1.0/24", Gateway: "192.168.1.1", IPRange: "192.168.1.8/29",
			AuxAddresses: map[string]string{"nas": "192.168.1.9", "far": "192.168.1.77"},
		},
		{Subnet: "fd00:1::/64"},
	},
}

func TestEndpoints(t *testing.T) {
	enginetest.Endpoints(t, started(t, found(t)), &lan, []string{
		"eth0 macvlan bridge 192.168.1.8/24 fd00:1::2/64", "other0 macvlan private 10.1.2.3/8", "default via 192.168.1.1",
		"eth0 macvlan bridge 192.168.1.10/24 fd00:1::3/64", "default via 192.168.1.1",
	})
}

// TestRefusals holds the words of the plugins.
func TestRefusals(t *testing.T) {
	i := found(t)
	slim := topology.Subnet{Subnet: "192.168.1.0/24"}
	taken := []topology.Attachment{{Network: "lan", IP: "192.168.1.9"}}
	for _, tt := range []struct {
		name   string
		n      topology.Network
		before []topology.Attachment
		a      topology.Attachment
		want   string
	}{
		{"mode", topology.Network{Driver: "macvlan", Parent: "eth0", MacvlanMode: "bridg", Subnets: []topology.Subnet{slim}}, nil, topology.Attachment{}, `unknown macvlan mode: "bridg"`},
		{"no parent", topology.Network{Driver: "macvlan", Parent: "eth7", Subnets: []topology.Subnet{slim}}, nil, topology.Attachment{}, "Link not found"},
		{
			"address taken",
			topology.Network{Driver: "macvlan", Parent: "eth0", Subnets: []topology.Subnet{slim}},
			taken, taken[0],
			"failed to allocate for range 0: requested IP address 192.168.1.9 is not available in range set 192.168.1.1-192.168.1.254",
		},
		{
			"address outside",
			topology.Network{Driver: "macvlan", Parent: "eth0", Subnets: []topology.Subnet{slim}},
			nil,
			topology.Attachment{IP: "10.0.0.1"},
			"failed to allocate all requested IPs: 10.0.0.1",
		},
		{
			"passthru for two",
			topology.Network{Driver: "macvlan", Parent: "eth0", MacvlanMode: "passthru", Subnets: []topology.Subnet{slim}},
			[]topology.Attachment{{}},
			topology.Attachment{},
			"failed to create macvlan: invalid argument",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := started(t, i)
			if err := e.Network(t.Context(), "lan", &tt.n); err != nil {
				t.Fatal(err)
			}
			for _, a := range tt.before {
				a.Network = "lan"
				ns, err := e.Endpoint(t.Context(), "before", &a)
				if err != nil {
					t.Fatal(err)
				}
				defer ns.Close() //nolint:errcheck // of a test
			}
			tt.a.Network = "lan"
			_, err := e.Endpoint(t.Context(), "a", &tt.a)
			var said *engine.Refusal
			if !errors.As(err, &said) || !strings.HasPrefix(said.Text, tt.want) {
				t.Errorf("%T %v", err, err)
			}
		})
	}
}

// TestCannot holds what CNI has no word for.
func TestCannot(t *testing.T) {
	e := started(t, found(t))
	for name, n := range map[string]topology.Network{
		"has no mode source":   {Driver: "macvlan", Parent: "eth0", MacvlanMode: "source"},
		"has no flags":         {Driver: "ipvlan", Parent: "eth0", IpvlanFlag: "private"},
		"CNI makes no parent":  {Driver: "macvlan"},
		"chooses no subnet":    {Driver: "bridge"},
		"no plugin overlay":    {Driver: "overlay", Parent: "eth0"},
		"takes no MAC address": {Driver: "ipvlan", Parent: "eth0", Subnets: lan.Subnets},
	} {
		err := e.Network(t.Context(), name, &n)
		if err == nil {
			_, err = e.Endpoint(t.Context(), "a", &topology.Attachment{Network: name, MAC: "02:00:00:00:00:01"})
		}
		var cannot *engine.Cannot
		if !errors.As(err, &cannot) || !strings.Contains(cannot.Text, name) {
			t.Errorf("%T %v", err, err)
		}
	}
}

func TestNotInstalled(t *testing.T) {
	t.Setenv(cni.Variable, t.TempDir())
	_, err := cni.Find(t.Context())
	var missing *engine.Unavailable
	if !errors.As(err, &missing) || !strings.Contains(missing.Text, "the plugin macvlan (Debian: containernetworking-plugins)") {
		t.Errorf("%T %v", err, err)
	}
}

// scripts puts a folder of plugins in the place of the real ones: a shell script that
// says what it is unless it is told to do something.
func scripts(t *testing.T, body string) string {
	t.Helper()
	dir := t.TempDir()
	text := "#!/bin/sh\ncase $CNI_COMMAND in '') echo CNI x plugin v9.9; exit;;\nVERSION) echo '{\"cniVersion\":\"1.0.0\",\"supportedVersions\":[\"1.0.0\"]}'; exit;; esac\n" + body
	for _, name := range []string{"macvlan", "ipvlan", "bridge", "host-local"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv(cni.Variable, dir)
	return dir
}

// TestPluginDies has plugins end without a word that CNI knows.
func TestPluginDies(t *testing.T) {
	for body, want := range map[string]string{
		"echo panic: oops >&2; kill -9 $$": "signal: killed; its log ends with:\npanic: oops",
		"echo rubbish; exit 3":             "exit status 3; its log ends with:\nrubbish",
		"exit 0":                           "unexpected end of JSON input",
	} {
		scripts(t, body)
		i := found(t)
		if i.Version() != "9.9" {
			t.Errorf("version %s", i.Version())
		}
		e := started(t, i)
		if err := e.Network(t.Context(), "lan", &lan); err != nil {
			t.Fatal(err)
		}
		_, err := e.Endpoint(t.Context(), "a", &topology.Attachment{Network: "lan"})
		var failure *engine.Failure
		if !errors.As(err, &failure) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %T %v", body, err, err)
		}
	}
}

// hang runs an engine whose plugin does not come back.
func hang() error {
	_, err := enginetest.Begin(cni.Find, &lan)
	return err
}

// TestKilled kills the process whose plugin is at work: the plugin ends as well.
func TestKilled(t *testing.T) {
	dir := scripts(t, `echo $$ >"$0.pid.new"; echo >"$0.pid"; exec sleep 1000`)
	found(t)
	pipe := filepath.Join(dir, "macvlan.pid")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), hangVariable+"=1")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile(pipe); err != nil { // until the plugin has written
		t.Fatal(err)
	}
	text, err := os.ReadFile(pipe + ".new")
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(bufio.NewReader(strings.NewReader(string(text))), &pid); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd) //nolint:errcheck // of a test
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int((10 * time.Second).Milliseconds()))
	if n != 1 || err != nil {
		t.Errorf("the plugin goes on: %v", err)
	}
}

// TestNothingIsLeftOutside looks for what CNI keeps where others would see it.
func TestNothingIsLeftOutside(t *testing.T) {
	e := started(t, found(t))
	if err := e.Network(t.Context(), "lan", &lan); err != nil {
		t.Fatal(err)
	}
	ns, err := e.Endpoint(t.Context(), "a", &topology.Attachment{Network: "lan"})
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close() //nolint:errcheck // of a test
	for _, path := range []string{"/run/lanproof-cni", "/var/lib/cni/networks/lan", "/var/lib/cni/results/lan-a-eth0"} {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("there is %s", path)
		}
	}
}

// TestTwoDefaultRoutes holds that plugins give a container a default route with each
// network that has a gateway, and that the last one counts.
func TestTwoDefaultRoutes(t *testing.T) {
	e := started(t, found(t))
	for i, name := range []string{"one", "two"} {
		gateway := fmt.Sprintf("192.168.%d.1", i+1)
		n := topology.Network{Driver: "macvlan", Parent: "eth0", Subnets: []topology.Subnet{{Subnet: gateway[:10] + "0/24", Gateway: gateway}}}
		if err := e.Network(t.Context(), name, &n); err != nil {
			t.Fatal(err)
		}
	}
	ns, err := e.Endpoint(t.Context(), "web", &topology.Attachment{Network: "one"})
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close() //nolint:errcheck // of a test
	if err := e.Attach(t.Context(), "web", topology.Attachment{Network: "two"}); err != nil {
		t.Fatal(err)
	}
	words := enginetest.Built(t, ns)
	want := []string{"default via 192.168.2.1", "default via 192.168.1.1"}
	if diff := cmp.Diff(want, words[max(0, len(words)-2):]); diff != "" {
		t.Error(diff)
	}
}

// TestBridges holds that a bridge comes with the first endpoint and stays when the last
// one goes, and that the host has an address on an internal network as well.
func TestBridges(t *testing.T) {
	e, host := enginetest.Started(t, found(t), nil)
	subnets := []topology.Subnet{{Subnet: "172.20.0.0/16"}}
	var got []string
	for _, internal := range []bool{false, true} {
		name := map[bool]string{false: "open", true: "inner"}[internal]
		if err := e.Network(t.Context(), name, &topology.Network{Driver: "bridge", Internal: internal, Subnets: subnets}); err != nil {
			t.Fatal(err)
		}
		ns, err := e.Endpoint(t.Context(), name, &topology.Attachment{Network: name, MAC: "02:00:00:00:00:01"})
		if err != nil {
			t.Fatal(err)
		}
		defer ns.Close() //nolint:errcheck // of a test
		got = append(got, enginetest.Built(t, ns)...)
		got = append(got, enginetest.MAC(t, ns, "eth0").String())
		if err := e.RemoveEndpoint(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	for _, words := range enginetest.Built(t, host) {
		if strings.HasPrefix(words, "br-") {
			got = append(got, words)
		}
	}
	want := []string{
		"eth0 veth  172.20.0.2/16", "default via 172.20.0.1", "02:00:00:00:00:01", "eth0 veth  172.20.0.2/16", "02:00:00:00:00:01",
		"br-open bridge  172.20.0.1/16", "br-inner bridge  172.20.0.1/16",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestNextAddress holds that an address that was given back is not the next.
func TestNextAddress(t *testing.T) {
	e := started(t, found(t))
	if err := e.Network(t.Context(), "lan", &topology.Network{Driver: "macvlan", Parent: "eth0", Subnets: []topology.Subnet{{Subnet: "192.168.8.0/24"}}}); err != nil {
		t.Fatal(err)
	}
	want := []string{"eth0 macvlan bridge 192.168.8.2/24", "eth0 macvlan bridge 192.168.8.3/24"}
	if got := enginetest.NextAddress(t, e, "lan"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
