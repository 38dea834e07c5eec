package answer

import (
	"flag"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lanproof/lanproof/advice"
	"github.com/lanproof/lanproof/internal/golden"
	"github.com/lanproof/lanproof/scenarios"
)

var update = flag.Bool("update", false, "write what is wanted anew")

// around are the surroundings of some files; others are answered for a machine that
// nothing is known of.
var around = map[string]advice.Surroundings{
	"known": {Docker: "28", Parents: map[string]advice.Parent{
		"eth0":   {Addresses: []netip.Prefix{netip.MustParsePrefix("192.168.1.1/24"), netip.MustParsePrefix("172.18.0.9/24")}},
		"eth0.9": {Addresses: []netip.Prefix{netip.MustParsePrefix("10.9.0.3/24")}},
		"wlan0":  {Medium: advice.WiFi},
	}},
	"twenty": {Docker: "20.10"},
}

// A draft has on the wire what is said in docs/check.md, leaves out what cannot be
// simulated, and gives nobody an address that the engine hands out.
func TestDraft(t *testing.T) {
	files, err := filepath.Glob("testdata/draft/*")
	files = slices.DeleteFunc(files, func(name string) bool { return filepath.Ext(name) == ".want" })
	if err != nil || len(files) < 12 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		name, _, _ := strings.Cut(filepath.Base(file), ".")
		t.Run(name, func(t *testing.T) {
			in, err := Read(t.Context(), []string{file}, ReadOptions{})
			if err != nil {
				t.Fatal(err)
			}
			d, err := NewDraft(in, around[name])
			if err != nil {
				t.Fatal(err)
			}
			got := d.String()
			golden.Compare(t, filepath.Join("testdata/draft", name+".want"), got, *update)
			unique(t, d)
		})
	}
}

// unique holds that no address is on two devices.
func unique(t *testing.T, d *Draft) {
	t.Helper()
	at := map[netip.Addr]string{}
	for _, dev := range d.Plan.LAN.Devices {
		for _, a := range dev.Addresses {
			if other := at[a.Addr()]; other != "" {
				t.Errorf("%s and %s both have %s", other, dev.Ref, a.Addr())
			}
			at[a.Addr()] = dev.String()
		}
	}
}

// String is the draft in lines.
func (d *Draft) String() string {
	var b strings.Builder
	text, err := scenarios.Write(&scenarios.Scenario{Name: "draft", Spec: d.Spec})
	fmt.Fprintf(&b, "%s", text)
	if err != nil {
		fmt.Fprintln(&b, err)
	}
	b.WriteString("\n")
	for _, n := range d.Networks {
		fmt.Fprintf(&b, "network %s: %s %s%s %v\n", n.Name, n.Driver, n.Mode, map[bool]string{true: " internal"}[n.Internal], n.Subnets)
	}
	for _, e := range d.Endpoints {
		fmt.Fprintln(&b, strings.Join(words("endpoint", e.Name, e.Network, e.Interface, e.IPv4, e.IPv6, map[bool]string{true: "random", false: e.MAC}[e.MACRandom], e.Gateway, e.Gateway6, e.Mode), " "))
	}
	for _, m := range d.Machines {
		fmt.Fprintf(&b, "machine %s: %s %s %v\n", m.Name, m.Role, m.Node, m.Shared)
	}
	for _, n := range d.notes() {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	for _, r := range d.Refused {
		fmt.Fprintf(&b, "refused %s: %s %v %v\n", strings.TrimPrefix(r.Place.String(), "testdata/draft/"), r.Text, r.Networks, r.Endpoints)
	}
	for _, l := range d.LeftOut {
		fmt.Fprintf(&b, "left out: %s %s: %s\n", l.What, l.Name, l.Why)
	}
	return b.String()
}
