package topology

import (
	"testing"
)

// stacked is a parent with one of everything on it, v20 on v10.
func stacked() *Spec {
	return &Spec{Hosts: hosts("host", Host{Parents: links(
		"d0", Link{Kind: "dummy", MAC: "02:00:00:00:00:d0"},
		"v10", Link{Kind: "vlan", Parent: "d0", ID: ptr(10)},
		"v20", Link{Kind: "vlan", Parent: "v10", ID: ptr(20)},
		"own", Link{Kind: "vlan", Parent: "d0", ID: ptr(11), MAC: "02:00:00:00:00:11"},
		"low", Link{Kind: "vlan", Parent: "d0", ID: ptr(12), Down: true},
		"m", Link{Kind: "macvlan", Parent: "d0", MAC: "02:00:00:00:00:0a"},
		"mm", Link{Kind: "macvlan", Parent: "m", MAC: "02:00:00:00:00:0b"},
		"vm", Link{Kind: "vlan", Parent: "m", ID: ptr(7)},
		"i", Link{Kind: "ipvlan", Parent: "v10"},
		"pt", Link{Kind: "macvlan", Parent: "v20", Mode: "passthru"},
		"n", Link{Kind: "nic"},
		"vn", Link{Kind: "vlan", Parent: "n", ID: ptr(5), Down: true},
	)})}
}

// TestMACs: who has whose address, at first and after each change.
func TestMACs(t *testing.T) {
	p := mustCompile(t, stacked())
	at := func(when string, want map[string]string) {
		t.Helper()
		for link, m := range want {
			if got := device(t, p, "host/"+link).MAC.String(); got != m {
				t.Errorf("%s: %s has %s, want %s", when, link, got, m)
			}
		}
	}
	set := func(link, m string) { t.Helper(); do(t, p, &Change{Set: &SetLink{Link: "host/" + link, MAC: m}}) }
	const d0, m, own, e0, e1, e2 = "02:00:00:00:00:d0", "02:00:00:00:00:0a", "02:00:00:00:00:11", "02:00:00:00:00:e0", "02:00:00:00:00:e1", "02:00:00:00:00:e2"
	at("at first", map[string]string{"v10": d0, "v20": d0, "own": own, "low": d0, "m": m, "mm": "02:00:00:00:00:0b", "vm": m, "i": d0, "pt": d0, "n": "", "vn": ""})
	for link, own := range map[string]bool{"d0": true, "v10": false, "v20": false, "own": true, "m": true, "vm": false, "i": false, "pt": false, "n": false} {
		if device(t, p, "host/"+link).OwnMAC != own {
			t.Errorf("%s: own address %v", link, !own)
		}
	}

	set("d0", e0)
	at("the parent's change", map[string]string{"v10": e0, "v20": e0, "own": own, "low": d0, "m": m, "vm": m, "i": e0, "pt": e0})
	do(t, p, &Change{Set: &SetLink{Link: "host/low", Up: ptr(true)}})
	at("a vlan that comes up", map[string]string{"low": e0})
	set("m", e1)
	at("a macvlan's change", map[string]string{"d0": e0, "m": e1, "vm": e1, "mm": "02:00:00:00:00:0b"})
	set("v10", e1)
	at("a vlan's change", map[string]string{"d0": e0, "v10": e1, "v20": e1, "i": e1, "pt": e1})
	set("d0", d0)
	at("a vlan with an address of its own stays", map[string]string{"v10": e1, "low": d0})

	set("pt", e2)
	at("a passthru's change", map[string]string{"pt": e2, "v20": e2, "v10": e1})
	set("v10", d0)
	at("a vlan that a passthru was given an address on keeps it", map[string]string{"v20": e2, "v10": d0})
	set("pt", e0)
	do(t, p, &Change{Delete: "host/pt"})
	at("a passthru that goes gives back", map[string]string{"v20": e1})

	p.LAN.SetMAC(device(t, p, "host/n"), mac(e2))
	at("a real port is looked at", map[string]string{"n": e2, "vn": e2})
}

// TestRestoredMAC: an address that the parent itself is given while it has a
// passthru child is not taken back (macvlan_sync_address).
func TestRestoredMAC(t *testing.T) {
	p := mustCompile(t, stacked())
	do(t, p,
		&Change{Set: &SetLink{Link: "host/pt", MAC: "02:00:00:00:00:e0"}},
		&Change{Set: &SetLink{Link: "host/v20", MAC: "02:00:00:00:00:e1"}},
		&Change{Delete: "host/pt"})
	if got := device(t, p, "host/v20").MAC.String(); got != "02:00:00:00:00:e1" {
		t.Error(got)
	}
}

// TestSourceByMAC: a scenario names a device where it means its address, also
// one that it has from its parent.
func TestSourceByMAC(t *testing.T) {
	s := stacked()
	s.Hosts[0].Value.Links = links("s", Link{Kind: "macvlan", Parent: "d0", Mode: "source", Sources: []string{"i", "host/vm", "02:00:00:00:00:01"}})
	p := mustCompile(t, s)
	if got := spaced(device(t, p, "host/s").Sources); got != " 02:00:00:00:00:d0 02:00:00:00:00:0a 02:00:00:00:00:01" {
		t.Error(got)
	}
}

func TestMACOf(t *testing.T) {
	l := &LAN{seed: "x"}
	seen := map[string]bool{}
	for _, node := range []string{"a", "b", "ab"} {
		for i := range 500 {
			m := l.MACOf(Ref{node, string(rune('a' + i))})
			if m[0] != 2 || m[5] < 2 || !unicast(m) || seen[m.String()] {
				t.Fatalf("%s", m)
			}
			seen[m.String()] = true
		}
	}
}

// TestStationMAC: nobody but its own name and the seed give a station its address, in
// whatever LAN it is.
func TestStationMAC(t *testing.T) {
	pc := stations("pc", Station{})
	for _, spec := range []*Spec{{Stations: pc}, {Stations: pc, Hosts: oneHost()}} {
		for seed, want := range map[string]string{"0": "02:b7:b8:99:dd:79", "5": "02:65:c6:01:3c:94"} {
			p, problems := Compile(spec, seed)
			for _, problem := range problems {
				t.Error(problem)
			}
			if got := device(t, p, "pc/eth0").MAC.String(); got != want {
				t.Errorf("seed %q: %s, want %s", seed, got, want)
			}
		}
	}
}
