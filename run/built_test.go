package run

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/scenarios"
	"github.com/lanproof/lanproof/topology"
)

// TestParentsByChance holds what an engine has built against the plan where the parent's
// name is a matter of chance, and where it is not.
func TestParentsByChance(t *testing.T) {
	for driver, alike := range map[string]string{"macvlan": "dm-0123456789ab", "ipvlan": "di-0123456789ab"} {
		f, err := scenarios.Load("one.yaml", []byte(`name: one
title: A test
docker: "20.10"
hosts: {host: {parents: {eth0: {}}}}
networks: {alone: {driver: `+driver+`, subnets: [{subnet: 192.168.12.0/24}]}}
endpoints: {c1: {network: alone}}
checks: [{link: {link: c1/eth0, kind: `+driver+`}}]
`))
		if err != nil {
			t.Fatal(err)
		}
		plan, problems := topology.Compile(&f.Cases()[0].Scenario.Spec, seedText(0))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		want := simulated(plan, "c1")
		d := want.devices[0]
		mac := d.MAC.String()
		if driver == "ipvlan" {
			mac = "02:00:00:00:00:01" // of whichever dummy there was
		}
		for _, parent := range []string{"dm-0123456789ab", "di-0123456789ab", "dm-01", "eth0"} {
			built := &reports.Built{Devices: []reports.BuiltDevice{{
				Name: "eth0", Kind: d.Kind, Mode: d.Mode, Parent: parent, MAC: mac, Up: true, Addresses: []string{d.Addresses[0].String()},
			}}, Routes: want.routes}
			if diff := cmp.Diff(want.lines(), want.among(built)); (diff == "") != (parent == alike) {
				t.Errorf("%s on %s, it is the same: %v\n%s", driver, parent, diff == "", diff)
			}
		}
	}
}
