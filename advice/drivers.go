package advice

import (
	"fmt"
	"slices"

	"github.com/lanproof/lanproof/intent"
	"github.com/lanproof/lanproof/internal/spell"
)

// others are drivers and plugins that are no slip of those that advice is about.
var others = []string{
	"overlay", "host", "none", "null", "nat", "transparent", "l2bridge", "l2tunnel", "ics", "private", "remote",
	"vlan", "ptp", "loopback", "host-device", "dummy", "tap", "macvtap", "ipvtap", "vxlan", "ovs", "weave", "calico", "flannel",
}

// driverUnknown are drivers whose name is nearly that of one, but no engine's. Engines look
// them up by the exact name, and take any other for a plugin's (moby:
// daemon/libnetwork/controller.go:loadDriver and daemon/pkg/plugin/errors.go).
func driverUnknown(f *file) []*finding {
	drivers := []string{macvlan, ipvlan, bridge}
	var all []*finding
	for _, n := range f.networks {
		name := n.Driver.Text
		if name == "" || n.External.Is || slices.Contains(drivers, name) || slices.Contains(others, name) || f.unknown(n.Name, "driver") {
			continue
		}
		near := spell.Closest(name, append(drivers, others...))
		if near == "" {
			continue
		}
		says := map[intent.Engine]string{
			intent.Docker: fmt.Sprintf("Docker refuses network %q: plugin %q not found", n.Name, name),
			intent.Podman: fmt.Sprintf("Podman refuses network %q: it has no driver %q", n.Name, name),
			intent.CNI:    fmt.Sprintf("No container starts on network %q: failed to find plugin %q", n.Name, name),
		}[n.Engine]
		w := about(n, place(n.Driver, n.Place), "%s, unless somebody has installed one of that name; %s is meant.", says, near)
		w.Endpoints = nil
		all = append(all, w)
	}
	return all
}
