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
	f, err := scenarios.Load("one.yaml", []byte(`name: one
title: A test
docker: "20.10"
hosts: {host: {parents: {eth0: {}}}}
networks: {alone: {driver: macvlan, subnets: [{subnet: 192.168.12.0/24}]}}
endpoints: {c1: {network: alone}}
checks: [{link: {link: c1/eth0, kind: macvlan}}]
`))
	if err != nil {
		t.Fatal(err)
	}
	plan, problems := topology.Compile(&f.Cases()[0].Scenario.Spec, seedText(0))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	want := simulated(plan, "c1")
	for parent, same := range map[string]bool{"dm-0123456789ab": true, "di-0123456789ab": false, "dm-01": false, "eth0": false} {
		d := want.devices[0]
		built := &reports.Built{Devices: []reports.BuiltDevice{{
			Name: "eth0", Kind: d.Kind, Mode: d.Mode, Parent: parent, MAC: d.MAC.String(), Up: true, Addresses: []string{"192.168.12.2/24"},
		}}, Routes: want.routes}
		if diff := cmp.Diff(want.lines(), want.among(built)); (diff == "") != same {
			t.Errorf("on %s, it is the same: %v, want %v:\n%s", parent, diff == "", same, diff)
		}
	}
}
