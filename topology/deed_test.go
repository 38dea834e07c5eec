package topology

import (
	"slices"
	"testing"
)

// TestRoutesBelongToDeeds: who asks an engine for what the deeds are must not set default
// routes once more.
func TestRoutesBelongToDeeds(t *testing.T) {
	subnet := func(s, gateway string) []Subnet { return []Subnet{{Subnet: s, Gateway: gateway}} }
	p := mustCompile(t, &Spec{
		Hosts: oneHost(),
		Networks: networks(
			"lan", Network{Driver: "macvlan", Parent: "eth0", Subnets: subnet("192.168.1.0/24", "192.168.1.1")},
			"more", Network{Driver: "macvlan", Parent: "eth0", Subnets: subnet("192.168.2.0/24", "192.168.2.1")},
		),
		Endpoints: endpoints("a", Endpoint{Attach: []Attachment{{Network: "lan"}, {Network: "more"}}}, "b", on("lan")),
	})
	var routes, inDeeds []int
	for i, op := range p.Ops {
		if _, ok := op.(AddRoute); ok {
			routes = append(routes, i)
		}
	}
	for _, d := range p.Deeds {
		for i := d.First; i < d.First+d.Count; i++ {
			if _, ok := p.Ops[i].(AddRoute); ok {
				inDeeds = append(inDeeds, i)
			}
		}
	}
	if len(routes) != 2 || !slices.Equal(routes, inDeeds) {
		t.Errorf("routes are the operations %v, and in deeds %v", routes, inDeeds)
	}
}
