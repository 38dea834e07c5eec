package answer

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanproof/lanproof/reports"
)

func TestHeed(t *testing.T) {
	built := reports.Built{
		Node: "web-1",
		Devices: []reports.BuiltDevice{{
			Name: "eth0", MAC: "02:42:c0:00:02:07", Addresses: []string{"192.0.2.7/24", "2001:db8::7/64", "fe80::1/64"},
		}, {Name: "eth1", MAC: "02:42:c0:00:02:08", Addresses: []string{"198.51.100.8/24"}}},
		Routes: []string{"192.0.2.0/24 dev eth0", "default via 192.0.2.1 dev eth0", "default6 dev eth0"},
	}
	a := &Answer{
		Machines:  []Machine{{Name: "web", Node: "web-1"}, {Name: "db", Node: "db"}},
		Endpoints: []Endpoint{{Name: "web", Interface: "eth0", IPv4: "192.0.2.2", MAC: "02:00:00:00:00:01", MACRandom: true}, {Name: "db", Interface: "eth0", IPv4: "192.0.2.3"}},
	}
	a.heed(&reports.Case{Engine: "docker 20.10.24", Built: []reports.Built{built}})
	want := []Endpoint{
		{Name: "web", Interface: "eth0", IPv4: "192.0.2.7", IPv6: "2001:db8::7", MAC: "02:42:c0:00:02:07", Gateway: "192.0.2.1", Gateway6: "link"},
		{Name: "db", Interface: "eth0", IPv4: "192.0.2.3"},
	}
	if diff := cmp.Diff(want, a.Endpoints); diff != "" || a.Engine != "docker 20.10.24" {
		t.Errorf("by %q (-want +got):\n%s", a.Engine, diff)
	}
}
