package advice

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/lanproof/lanproof/intent"
)

// This file has the rules about names that engines refuse.

// nameRefused are names of networks and containers that no engine takes.
func nameRefused(f *file) []*finding {
	var all []*finding
	for _, n := range f.networks {
		why := networkName(n.Engine, cmp.Or(n.Known, n.Name))
		if why == "" || n.External.Is || n.Place == (intent.Place{}) || f.unread(n.Name, "") {
			continue
		}
		w := about(n, n.Place, "%s refuses network %q: %s.", calls(n.Engine), n.Name, why)
		w.unmade = true
		all = append(all, w)
	}
	for i := range f.Endpoints {
		e := &f.Endpoints[i]
		why := containerName(e.Engine, cmp.Or(e.Known, e.Name))
		if why == "" || f.unread(e.Name, "") {
			continue
		}
		all = append(all, &finding{Warning: Warning{
			Place: e.Place, Endpoints: []string{e.Name}, Text: fmt.Sprintf("%s does not make %q: %s.", calls(e.Engine), e.Name, why),
		}})
	}
	return all
}

// calls is what people call an engine.
func calls(e intent.Engine) string {
	return map[intent.Engine]string{intent.Docker: "Docker", intent.Podman: "Podman", intent.CNI: "The CNI plugin"}[cmp.Or(e, intent.Docker)]
}

// ForeignIPAM reports whether a network of Docker's is to have its addresses from a driver
// that Docker does not bring (moby: daemon/libnetwork/ipams).
func ForeignIPAM(n *intent.Network) bool {
	return !slices.Contains([]string{"", "default", "null"}, n.IPAM.Text) && cmp.Or(n.Engine, intent.Docker) == intent.Docker
}

// ipamUnknown are drivers of addresses that Docker does not have, such as dhcp (moby:
// daemon/libnetwork/controller.go:getIPAMDriver).
func ipamUnknown(f *file) []*finding {
	var all []*finding
	for _, n := range f.networks {
		if !ForeignIPAM(n.Network) || n.External.Is || f.unknown(n.Name, "ipam-driver", "driver") {
			continue
		}
		w := about(n, place(n.IPAM, n.Place), "Docker refuses network %q: plugin %q not found, unless somebody has installed one of that name to hand out addresses.", n.Name, n.IPAM.Text)
		if n.IPAM.Text == "dhcp" {
			w.Text = strings.TrimSuffix(w.Text, ".") + "; Docker itself asks no DHCP server."
		}
		w.unmade = true
		all = append(all, w)
	}
	return all
}

// inWords is how a network's engine says why it refuses it, where that is known; otherwise
// as Docker says it (containers/common: libnetwork/netavark/config.go and
// libnetwork/internal/util/validate.go, netavark: src/network/vlan.rs,
// containernetworking/plugins: plugins/main/macvlan and ipvlan).
func (n *network) inWords(id, docker string, path []any) string {
	loopback := fmt.Sprintf("the kernel makes no %s device on the loopback (EINVAL)", n.driver)
	podman := map[string]string{
		"parent-missing":  fmt.Sprintf("parent interface %s does not exist", n.parent.Text),
		"parent-loopback": loopback,
		"mode-invalid":    fmt.Sprintf("unknown %s mode %q", n.driver, n.mode.Text),
	}
	cni := map[string]string{
		"parent-missing":  fmt.Sprintf("failed to lookup master %q: Link not found", n.parent.Text),
		"parent-loopback": loopback,
		"mode-invalid":    fmt.Sprintf("unknown %s mode: %q", n.driver, n.mode.Text),
	}
	if p := n.poolIn(path); p != nil {
		if p.gateway.IsValid() {
			outside := fmt.Sprintf("gateway %s not in subnet %s", p.gateway, p.prefix)
			podman["gateway-outside-subnet"], podman["gateway-wrong-family"] = outside, outside
		}
		if p.rng.IsValid() && !p.prefix.Contains(p.rng.Addr()) {
			podman["ip-range-invalid"] = fmt.Sprintf("lease range start ip %s not in subnet %s", p.rng.Addr().Next(), p.prefix)
		}
		cni["subnet-host-bits"] = fmt.Sprintf("Network has host bits set. For a subnet mask of length %d the network address is %s", p.prefix.Bits(), p.prefix.Addr())
	}
	words := map[intent.Engine]map[string]string{intent.Podman: podman, intent.CNI: cni}[n.Engine]
	return cmp.Or(words[id], docker)
}

// poolIn is the subnet that a Problem's path leads to; nil where that is none.
func (n *network) poolIn(path []any) *pool {
	for _, step := range path {
		if i, ok := step.(int); ok && i < len(n.pools) {
			return n.pools[i]
		}
	}
	return nil
}

// outside is how an engine says that an endpoint asks for what its network has not.
func (n *network) outside(at *intent.Attachment, docker string) string {
	asked := cmp.Or(at.IP.Text, at.IP6.Text)
	switch n.Engine {
	case intent.Podman:
		return fmt.Sprintf("requested static ip %s not in any subnet on network %s", asked, n.Name)
	case intent.CNI:
		return "failed to allocate all requested IPs: " + asked
	}
	return docker
}

// networkName is why an engine takes no network of a name; empty where it does. Docker looks
// at nothing but its own networks' names (moby: daemon/network.go:createNetwork).
func networkName(e intent.Engine, name string) string {
	predefined := []string{"bridge", "host", "none", "default"} // daemon/network/network_mode_unix.go
	switch {
	case e == intent.Podman && !plain(name, 1):
		return "names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*"
	case e == intent.CNI && !plain(name, 1):
		return "invalid characters found in network name"
	case e == intent.Docker && slices.Contains(predefined, name):
		return fmt.Sprintf("operation is not permitted on predefined %s network", name)
	}
	return ""
}

// containerName is why an engine takes no container of a name; empty where it does (moby:
// daemon/names.go:reserveName).
func containerName(e intent.Engine, name string) string {
	switch {
	case e == intent.Podman && !plain(name, 1):
		return "names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*"
	case e == intent.CNI || e == intent.Podman:
		return ""
	}
	if name = strings.TrimPrefix(name, "/"); plain(name, 2) {
		return ""
	}
	why := fmt.Sprintf("Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", name)
	if plain(name, 1) {
		why += ", and two of them at least"
	}
	return why
}

// plain reports whether a name has some letters at least, and none but those that engines
// take, of which the first is no sign.
func plain(name string, least int) bool {
	for i, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !letter && (i == 0 || !strings.ContainsRune("_.-", r)) {
			return false
		}
	}
	return len(name) >= least
}
