package topology

import (
	"strings"
	"testing"
)

// An endpoint with short names on several bridges has a device on the host for each, by
// names that a kernel takes (net/core/dev.c:dev_valid_name).
func TestSecondBridgesDevices(t *testing.T) {
	several := func(names ...string) Endpoint {
		var e Endpoint
		for _, n := range names {
			e.Attach = append(e.Attach, Attachment{Network: n})
		}
		return e
	}
	p := mustCompile(t, &Spec{
		Hosts:     oneHost(),
		Networks:  networks("x", Network{Driver: "bridge"}, "y", Network{Driver: "bridge"}, "somewhat-longer", Network{Driver: "bridge"}),
		Endpoints: endpoints("a", several("x", "y", "somewhat-longer"), "b", several("x", "y")),
	})
	names := map[Ref]bool{}
	for _, d := range p.LAN.Devices {
		if len(d.Link) > maxName || strings.ContainsAny(d.Link, "/: \t\n") || names[d.Ref] {
			t.Errorf("device %q in %s is refused", d.Link, d.Node)
		}
		names[d.Ref] = true
	}
	if !names[Ref{"host", "veth-a.eth1.y"}] {
		t.Errorf("the second bridge has no veth-a.eth1.y: %v", names)
	}
}
