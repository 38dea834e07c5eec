package podman_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lanproof/lanproof/engine"
	"github.com/lanproof/lanproof/engine/enginetest"
	"github.com/lanproof/lanproof/engine/podman"
	"github.com/lanproof/lanproof/topology"
)

// oneSubnet is a macvlan network of one subnet.
func oneSubnet(subnet, ipRange string) *topology.Network {
	return &topology.Network{Driver: "macvlan", Parent: "eth0", Subnets: []topology.Subnet{{Subnet: subnet, IPRange: ipRange}}}
}

// run runs a container and returns what was built, or what Podman says.
func run(t *testing.T, e engine.Engine, name string, a topology.Attachment) string {
	t.Helper()
	ns, err := e.Endpoint(t.Context(), name, &a)
	if err != nil {
		return err.Error()
	}
	defer ns.Close() //nolint:errcheck // of a test
	return strings.Join(enginetest.Built(t, ns), ", ")
}

// TestFindings holds what docs/findings.md says of Podman 4.3 beyond the catalogue.
func TestFindings(t *testing.T) {
	e := started(t)
	for name, n := range map[string]*topology.Network{
		"end": oneSubnet("192.168.7.0/24", "192.168.7.252/30"), "lan": oneSubnet("192.168.8.0/24", ""), "same": oneSubnet("192.168.8.0/24", ""),
	} {
		if err := e.Network(t.Context(), name, n); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for i := range 4 {
		got = append(got, run(t, e, fmt.Sprint("end", i), topology.Attachment{Network: "end"}))
	}
	got = append(got,
		run(t, e, "one", topology.Attachment{Network: "lan"}),
		run(t, e, "two", topology.Attachment{Network: "same"}),
		run(t, e, "gateway", topology.Attachment{Network: "lan", IP: "192.168.8.1"}),
	)
	want := []string{
		"eth0 macvlan bridge 192.168.7.253/24, default via 192.168.7.1",
		"eth0 macvlan bridge 192.168.7.254/24, default via 192.168.7.1",
		"eth0 macvlan bridge 192.168.7.255/24, default via 192.168.7.1",
		"IPAM error: failed to find free IP in range: 192.168.7.253 - 192.168.7.255",
		"eth0 macvlan bridge 192.168.8.2/24, default via 192.168.8.1",
		"eth0 macvlan bridge 192.168.8.2/24, default via 192.168.8.1",
		"eth0 macvlan bridge 192.168.8.1/24, default via 192.168.8.1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestBridges holds that a bridge comes with the first container and goes with the last,
// that Podman chooses a subnet, and that the host has no address on an internal network,
// whose first one a container gets.
func TestBridges(t *testing.T) {
	i, err := podman.Find(t.Context())
	e, host := enginetest.Started(t, i, err)
	for name, n := range map[string]*topology.Network{
		"default": {Driver: "bridge"}, "inner": {Driver: "bridge", Internal: true, Subnets: []topology.Subnet{{Subnet: "172.20.0.0/16"}}},
	} {
		if err := e.Network(t.Context(), name, n); err != nil {
			t.Fatal(err)
		}
	}
	bridges := func() []string {
		return slices.DeleteFunc(enginetest.Built(t, host), func(words string) bool { return !strings.HasPrefix(words, "br-") })
	}
	got := append([]string{}, bridges()...)
	for _, name := range []string{"default", "inner"} {
		got = append(got, run(t, e, name, topology.Attachment{Network: name}))
		got = append(got, bridges()...)
		if err := e.RemoveEndpoint(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		got = append(got, bridges()...)
	}
	want := []string{
		"eth0 veth  10.89.0.2/24, default via 10.89.0.1", "br-default bridge  10.89.0.1/24",
		"eth0 veth  172.20.0.1/16", "br-inner bridge ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestLeavesWhatItRefuses holds that netavark 1.4 leaves a device in a container to which
// it could not give a second default route.
func TestLeavesWhatItRefuses(t *testing.T) {
	e := started(t)
	for _, name := range []string{"lan", "same"} {
		if err := e.Network(t.Context(), name, oneSubnet("192.168.8.0/24", "")); err != nil {
			t.Fatal(err)
		}
	}
	ns, err := e.Endpoint(t.Context(), "web", &topology.Attachment{Network: "lan"})
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close() //nolint:errcheck // of a test
	err = e.Attach(t.Context(), "web", topology.Attachment{Network: "same", IP: "192.168.8.9"})
	if err == nil || !strings.Contains(err.Error(), "add default route (dest: 0.0.0.0/0 ,gw: 192.168.8.1, metric 100): Netlink error: File exists") {
		t.Error(err)
	}
	want := "eth0 macvlan bridge 192.168.8.2/24, eth1 macvlan bridge 192.168.8.9/24, default via 192.168.8.1"
	if got := strings.Join(enginetest.Built(t, ns), ", "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestNextAddress holds that an address that was given back is not the next.
func TestNextAddress(t *testing.T) {
	e := started(t)
	if err := e.Network(t.Context(), "lan", oneSubnet("192.168.8.0/24", "")); err != nil {
		t.Fatal(err)
	}
	want := []string{"eth0 macvlan bridge 192.168.8.2/24", "eth0 macvlan bridge 192.168.8.3/24"}
	if got := enginetest.NextAddress(t, e, "lan"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
