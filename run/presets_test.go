package run_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/scenarios"
)

// presets has, for each default that the schema tells of, a scenario that says it
// where @ stands.
var presets = map[string]string{
	"Scenario.docker":      lan + "checks: [{reach: {from: c1, to: c2}}]\n@",
	"Network.macvlan_mode": "hosts: {host: {parents: {eth0: {}}}}\nendpoints: {c1: {network: n}}\nnetworks: {n: {driver: macvlan, parent: eth0, subnets: [{subnet: 192.168.1.0/24}], @}}\nchecks: [{link: {link: c1/eth0}}]\n",
	"Network.ipvlan_mode":  "hosts: {host: {parents: {eth0: {}}}}\nendpoints: {c1: {network: n}}\nnetworks: {n: {driver: ipvlan, parent: eth0, subnets: [{subnet: 192.168.1.0/24}], @}}\nchecks: [{link: {link: c1/eth0}}]\n",
	"Network.ipvlan_flag":  "hosts: {host: {parents: {eth0: {}}}}\nendpoints: {c1: {network: n}}\nnetworks: {n: {driver: ipvlan, parent: eth0, subnets: [{subnet: 192.168.1.0/24}], @}}\nchecks: [{link: {link: c1/eth0}}]\n",
	"Link.protocol":        "hosts: {host: {parents: {eth0: {}, v: {kind: vlan, id: 5, parent: eth0, @}}}}\nchecks: [{link: {link: host/v}}]\n",
	"SwitchPort.learning":  lan + "switch: {ports: {host/eth0: {@}}}\nchecks: [{reach: {from: c1, to: c2}}]\n",
	"SwitchPort.flood":     lan + "switch: {ports: {host/eth0: {@}}}\nchecks: [{reach: {from: c1, to: c2}}]\n",
	"SwitchPort.carrier":   lan + "switch: {ports: {host/eth0: {@}}}\nchecks: [{reach: {from: c1, to: c2}}]\n",
	"Flow.kind":            lan + "checks: [{reach: {from: c1, to: c2, @}}]\n",
	"Flow.cast":            lan + "checks: [{reach: {from: c1, to: c2, kind: raw, @}}]\n",
	"VLANTag.pcp":          lan + "checks: [{tag: {from: c1, tags: [{vid: 5, @}]}}]\n",
	"VLANTag.tpid":         lan + "checks: [{tag: {from: c1, tags: [{vid: 5, @}]}}]\n",
	"LinkState.exists":     lan + "checks: [{link: {link: c1/eth0, @}}]\n",
	"Neighbour.exists":     lan + "checks: [{neighbour: {node: c1, address: 192.168.1.2, mac: \"02:00:00:00:00:05\", @}}]\n",
	"RouteState.exists":    lan + "checks: [{route: {node: c1, to: default, @}}]\n",
}

// TestPresets holds the defaults that the schema and the reference tell of against
// what is planned and expected without them.
func TestPresets(t *testing.T) {
	type property struct{ Default any }
	type object struct{ Properties map[string]property }
	var schema struct {
		object
		Defs map[string]object `json:"$defs"`
	}
	if err := json.Unmarshal(scenarios.Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	schema.Defs["Scenario"] = schema.object
	told := map[string]bool{}
	for owner, o := range schema.Defs {
		for key, p := range o.Properties {
			name := owner + "." + key
			text, ok := presets[name]
			if p.Default == nil {
				continue
			}
			if !ok {
				if owner != "AddLink" && owner != "AddNetwork" { // whose keys are those of Link and Network
					t.Errorf("the default of %s is not tested", name)
				}
				continue
			}
			told[name] = true
			without := planned(t, strings.Replace(text, "@", "", 1))
			with := planned(t, strings.Replace(text, "@", fmt.Sprintf("%s: %v", key, p.Default), 1))
			if diff := cmp.Diff(without, with); diff != "" {
				t.Errorf("%s: %v is no default (-without +with):\n%s", name, p.Default, diff)
			}
		}
	}
	for name := range presets {
		if !told[name] {
			t.Errorf("the schema tells of no default of %s", name)
		}
	}
}

// planned is all that a scenario comes to.
func planned(t *testing.T, text string) []string {
	t.Helper()
	p := prepared(t, "preset", text)
	all := []string{p.Plan.String()}
	for _, c := range p.Checks() {
		all = append(all, asked(&c))
	}
	return all
}

func asked(c *run.Check) string { return c.ID + ": " + c.Title + ": " + c.Expected }
