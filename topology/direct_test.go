package topology

import (
	"strings"
	"testing"
)

func TestDirect(t *testing.T) {
	spec := &Spec{
		Hosts:    oneHost(),
		Stations: stations("pc", Station{Addresses: []string{"192.168.7.9/24"}}),
		Switch:   Switch{Hairpin: true},
	}
	plan, problems := Compile(spec, "1")
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if err := plan.Direct(); err != nil {
		t.Fatal(err)
	}
	if text := plan.String(); strings.Contains(text, SwitchNode) || strings.Contains(text, "bridge") || strings.Count(text, "type veth") != 1 {
		t.Errorf("the plan is\n%s", text)
	}
	host, pc := plan.LAN.Device(Ref{"host", "eth0"}), plan.LAN.Device(Ref{"pc", "eth0"})
	if host.Peer != pc.Ref || pc.Peer != host.Ref || !plan.LAN.Carrier(host) || !plan.LAN.Carrier(pc) {
		t.Errorf("%s has %s at its other end, %s has %s", host.Ref, host.Peer, pc.Ref, pc.Peer)
	}
	if err := plan.Direct(); err == nil {
		t.Error("there is nothing to join any more, and no error says so")
	}
}
