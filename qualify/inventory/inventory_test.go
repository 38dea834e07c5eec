package inventory_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanproof/lanproof/qualify/inventory"
	"github.com/lanproof/lanproof/scenarios"
)

const lab = `machines:
  lab1:
    labels: [rack7]
    ports:
      x710: {interface: enp65s0f0, labels: [intel, 25g]}
      e810: {mac: 02-00-5E-10-00-01, labels: [intel]}
      cx6: {pci: 0000:17:00.0, labels: [mellanox]}
      pro1000: {pci: 0000:03:00.0}
  lab2:
    ports:
      eth1: {interface: eth1}
cables:
  - {dut: lab1/x710, peer: lab1/pro1000, labels: [nightly]}
  - dut: lab1/cx6
    peer: lab1/e810
`

func load(t *testing.T, text string) *inventory.Inventory {
	t.Helper()
	inv, err := inventory.Load("inventory.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

func TestFind(t *testing.T) {
	inv := load(t, lab)
	has := func(label string) func([]string) bool {
		return func(labels []string) bool { return slices.Contains(labels, label) }
	}
	for _, c := range []struct {
		machine string
		match   func([]string) bool
		named   []string
		want    string // pairs, or a part of the error
	}{
		{"lab1", nil, nil, "lab1/x710 lab1/cx6"},
		{"lab1.example.org", nil, nil, "lab1/x710 lab1/cx6"},
		{"lab1", has("nightly"), nil, "lab1/x710"},
		{"lab1", has("mellanox"), nil, "lab1/cx6"},
		{"lab1", has("rack7"), nil, "lab1/x710 lab1/cx6"},
		{"lab1", nil, []string{"e810"}, "lab1/cx6"},
		{"lab1", nil, []string{"lab1/cx6", "x710"}, "lab1/x710 lab1/cx6"},
		{"lab1", nil, []string{"cx7"}, `port "cx7" has no cable`},
		{"lab1", has("nightly"), []string{"cx6"}, `port "cx6" has no cable`},
		{"lab1", has("no-such"), nil, `machine "lab1" has no cable`},
		{"lab2", nil, nil, `machine "lab2" has no cable`},
		{"lab", nil, nil, `machine "lab" has no cable`},
	} {
		all, err := inv.Find(c.machine, c.match, c.named...)
		var got []string
		for _, p := range all {
			got = append(got, p.Name)
		}
		text := strings.Join(got, " ")
		if err != nil {
			if text = err.Error(); !errors.Is(err, inventory.ErrNothing) {
				t.Errorf("%v: error %v", c, err)
			}
		}
		if err == nil && text != c.want || !strings.Contains(text, c.want) {
			t.Errorf("on %s, named %v: %s, want %s", c.machine, c.named, text, c.want)
		}
	}
	all, err := inv.Find("lab1", nil)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{all[0].DUT.Where(), all[0].Peer.Where(), strings.Join(all[0].Labels, " "), all[1].DUT.Where(), all[1].Peer.Where()}
	want := []string{"enp65s0f0", "0000:03:00.0", "25g intel nightly rack7", "0000:17:00.0", "02:00:5e:10:00:01"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	here := load(t, "machines: {localhost: {ports: {a: {interface: a}, b: {interface: b}}}}\ncables: [{dut: localhost/a, peer: localhost/b}]")
	if all, err := here.Find("whatever", nil); err != nil || len(all) != 1 {
		t.Errorf("on any machine: %v, %v", all, err)
	}
}

func TestMistakes(t *testing.T) {
	for change, want := range map[[2]string]string{
		{"interface: enp65s0f0", "interfaces: enp65s0f0"}:               "5:14: unknown field \"interfaces\"",
		{"interface: enp65s0f0", "interface: averyverylongname"}:        "5:25: \"averyverylongname\" is no name of an interface",
		{"{pci: 0000:03:00.0}", "{pci: 3:0.0}"}:                         "8:22: \"3:0.0\" is no PCI address",
		{"02-00-5E-10-00-01", "02:00"}:                                  "6:19: \"02:00\" is no MAC address",
		{"{pci: 0000:03:00.0}", "{}"}:                                   "8:16: port \"pro1000\" needs exactly one of interface, mac, pci",
		{"{pci: 0000:03:00.0}", "{pci: 0000:03:00.0, interface: eth9}"}: "8:16: port \"pro1000\" needs exactly one",
		{"{pci: 0000:03:00.0}", "{pci: 0000:17:00.0}"}:                  "8:16: port \"pro1000\" is 0000:17:00.0, which is port \"cx6\" already",
		{"[intel, 25g]", "[a b]"}:                                       "5:45: \"a b\" is no label",
		{"dut: lab1/cx6", "dut: lab1/cx7"}:                              "14:5: lab1/cx7: machine \"lab1\" has no port \"cx7\"; it has x710, e810, cx6, pro1000",
		{"dut: lab1/cx6", "dut: lab3/cx6"}:                              "14:5: lab3/cx6: there is no machine \"lab3\"; there are lab1, lab2",
		{"dut: lab1/cx6", "dut: lab1/e810"}:                             "14:5: both ends of the cable are lab1/e810",
		{"dut: lab1/cx6", "dut: lab1/x710"}:                             "14:5: lab1/x710 has a cable already, on line 13",
		{"dut: lab1/cx6", "dut: cx6"}:                                   "14:10: \"cx6\" is no end of a cable",
		{"  - dut: lab1/cx6\n", "  -\n"}:                                "\"dut\" is missing",
		{"cables:", "cable:"}:                                           "unknown field \"cable\"",
		{"machines:", "\tmachines:"}:                                    "1:1: ",
	} {
		text := strings.Replace(lab, change[0], change[1], 1)
		if text == lab {
			t.Errorf("%q is not in the inventory", change[0])
		}
		_, err := inventory.Load("inventory.yaml", []byte(text))
		var bad scenarios.Errors
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "inventory.yaml:") {
			t.Errorf("with %q: %v, want %q", change[1], err, want)
		}
	}
}

func TestLoadFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "inventory.yaml")
	if _, err := inventory.LoadFile(name); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if err := os.WriteFile(name, []byte(lab), 0o600); err != nil {
		t.Fatal(err)
	}
	if inv, err := inventory.LoadFile(name); err != nil || len(inv.Cables) != 2 {
		t.Errorf("%v, %v", inv, err)
	}
}

// Whatever a file holds, Load ends, and an inventory that it takes is one.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(lab))
	f.Add([]byte("machines: {a: {ports: {b: {mac: x}}}}\ncables: []"))
	f.Fuzz(func(t *testing.T, src []byte) {
		inv, err := inventory.Load("fuzz", src)
		var bad scenarios.Errors
		if err != nil {
			if !errors.As(err, &bad) || len(bad) == 0 {
				t.Errorf("%T %v", err, err)
			}
			return
		}
		for _, m := range inv.Machines {
			all, err := inv.Find(m.Name, nil)
			if err != nil && !errors.Is(err, inventory.ErrNothing) {
				t.Error(err)
			}
			for _, p := range all {
				if p.DUT.Where() == "" || p.Peer.Where() == "" {
					t.Errorf("a pair without a port: %+v", p)
				}
			}
		}
	})
}
