package advice

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/lanproof/lanproof/intent"
	"github.com/lanproof/lanproof/internal/spell"
	"github.com/lanproof/lanproof/scenarios"
	"github.com/lanproof/lanproof/topology"
)

// This file has the rules about options of drivers, and about names.

// known are the options that Docker's drivers read (moby: parseNetworkGenericOptions of
// macvlan and ipvlan). They ignore all others without a word.
var known = map[string][]string{
	macvlan: {"parent", "macvlan_mode"},
	ipvlan:  {"parent", "ipvlan_mode", "ipvlan_flag"},
}

// general are options that Docker itself reads, whatever the driver.
var general = []string{
	"com.docker.network.container_iface_prefix", "com.docker.network.enable_ipv4", "com.docker.network.enable_ipv6",
	"com.docker.network.internal", "com.docker.network.advertise_addr_nmsgs", "com.docker.network.advertise_addr_ms",
	"com.docker.network.driver.mtu",
}

// elsewhere are words that are no driver's options, and what they are.
var elsewhere = map[string]string{
	"gateway":  "the gateway belongs to the subnet (--gateway, or ipam.config)",
	"subnet":   "the subnet has a flag of its own (--subnet, or ipam.config)",
	"ip_range": "the range has a flag of its own (--ip-range, or ipam.config.ip_range)",
	"internal": "internal has a flag of its own (--internal, or internal: true)",
	"mtu":      "Docker's driver knows no MTU: the children have the parent's",
}

func optionUnknown(f *file) []*finding {
	var all []*finding
	for _, n := range f.networks {
		if !n.virtual() || n.Engine != intent.Docker {
			continue
		}
		for _, o := range n.Options {
			if slices.Contains(known[n.driver], o.Key) || slices.Contains(general, o.Key) {
				continue
			}
			w := about(n, cmp.Or(o.Place, n.Place), "Docker's %s driver has no option %q and ignores it without a word%s.", n.driver, o.Key, suggest(n.driver, o.Key))
			if on := f.draft.of(n); len(on) > 0 && !n.mended {
				w.on(on[0]).by(scenarios.Check{Link: &scenarios.LinkState{Link: on[0].link(), Kind: n.driver, Mode: on[0].device.Mode}})
				w.Text = strings.TrimSuffix(w.Text, ".") + fmt.Sprintf(": the mode is %s.", on[0].device.Mode)
				w.Endpoints = nil
			}
			all = append(all, w)
		}
	}
	return all
}

// suggest says what an option may have been meant to be.
func suggest(driver, key string) string {
	plain := strings.NewReplacer("-", "_", ".", "_").Replace(strings.ToLower(key))
	candidates := known[driver]
	for _, c := range candidates {
		if plain == c || driver+"_"+plain == c {
			return fmt.Sprintf("; %s is meant", c)
		}
	}
	if other, isOther := map[string]string{"macvlan_mode": "ipvlan_mode", "ipvlan_mode": "macvlan_mode"}[plain]; isOther && slices.Contains(candidates, other) {
		return fmt.Sprintf("; this driver's is %s", other)
	}
	words := slices.Clone(candidates)
	for w := range elsewhere {
		words = append(words, w)
	}
	slices.Sort(words)
	near := spell.Closest(plain, words)
	switch {
	case near == "":
		return ""
	case elsewhere[near] != "":
		return "; " + elsewhere[near]
	}
	return fmt.Sprintf("; %s may be meant", near)
}

func mtuIgnored(f *file) []*finding {
	var all []*finding
	for _, n := range f.networks {
		mtu := n.Option("com.docker.network.driver.mtu")
		if !n.virtual() || n.Engine != intent.Docker || !mtu.Set() {
			continue
		}
		w := about(n, place(mtu, n.keyPlace("com.docker.network.driver.mtu")), "Docker's %s driver ignores com.docker.network.driver.mtu: the containers of network %q have their parent's MTU and not %s.", n.driver, n.Name, mtu.Text)
		if on := f.draft.of(n); len(on) > 0 && n.onParent() {
			w.on(on[0]).by(scenarios.Check{Link: &scenarios.LinkState{Link: on[0].link(), MTU: 1500}})
			w.Endpoints = nil
		}
		all = append(all, w)
	}
	return all
}

// builtin are the words that Docker and Podman take for a network without its being made.
var builtin = []string{"", "host", "none", "bridge", "default", "podman", "pasta", "slirp4netns", "nat", "ingress", "docker_gwbridge"}

func networkUndefined(f *file) []*finding {
	var all []*finding
	for i := range f.Endpoints {
		e := &f.Endpoints[i]
		for _, a := range e.Attach {
			if f.network(a.Network) != nil || slices.Contains(builtin, a.Network) {
				continue
			}
			w := &finding{Warning: Warning{
				Place: cmp.Or(a.Place, e.Place), Endpoints: []string{e.Name},
				Text: fmt.Sprintf("%q is put on network %q, which is not made here%s: it does not start unless somebody else has made it.", e.Name, a.Network, f.meant(a.Network)),
			}}
			w.refused = &refusal{
				Problem: topology.Problem{Text: fmt.Sprintf("network %s not found", a.Network)},
				change:  topology.Change{Attach: &topology.Attach{Endpoint: f.draft.nodes[e], Attachment: topology.Attachment{Network: a.Network}}},
				network: &network{Network: &intent.Network{Name: a.Network}},
				user:    &user{end: e},
			}
			all = append(all, w)
		}
	}
	return all
}

// meant is the network whose name is nearest.
func (f *file) meant(name string) string {
	var names []string
	for _, n := range f.networks {
		names = append(names, n.Name)
	}
	if near := spell.Closest(name, names); near != "" {
		return fmt.Sprintf(" (%q is)", near)
	}
	return ""
}

func networkUnused(f *file) []*finding {
	if len(f.Endpoints) == 0 {
		return nil
	}
	var all []*finding
	for _, n := range f.networks {
		if len(n.users) == 0 && n.Engine != intent.CNI && n.Place != (intent.Place{}) {
			all = append(all, about(n, n.Place, "Nobody is on network %q.", n.Name))
		}
	}
	return all
}

func parentEnslaved(f *file) []*finding {
	return f.eachUsed(func(n *network, on []*attached) *finding {
		master := f.around.Parents[n.device()].Master
		if master == "" || !n.onParent() {
			return nil
		}
		w := about(n, place(n.parent, n.Place), "%s is a port of %s, so that no container of network %q can start on it (EBUSY).", n.device(), master, n.Name)
		kind := map[string]string{macvlan: "bridge", ipvlan: "l2"}[n.driver]
		w.with = []*network{n}
		w.before = []topology.Change{
			{Add: &topology.AddLink{Node: hostNode, Name: "br-taken", Link: topology.Link{Kind: bridge}}},
			{Set: &topology.SetLink{Link: hostNode + "/" + n.device(), Master: "br-taken"}},
		}
		w.refused = &refusal{Problem: topology.Problem{Kernel: true}, errno: "EBUSY", network: n, user: &user{}, change: topology.Change{Add: &topology.AddLink{
			Node: hostNode, Name: "child", Link: topology.Link{Kind: n.driver, Parent: n.device(), Mode: kind},
		}}}
		return w
	})
}

// commandRefused are commands that the engine's own program turns down, in its words,
// but for words that the engine would turn down as well, which is told with more reason.
func commandRefused(f *file) []*finding {
	var all []*finding
	for _, r := range f.Refused {
		w := &finding{Warning: Warning{Place: r.Place, Text: fmt.Sprintf("The command itself is refused: %s.", strings.TrimSuffix(r.Why, "."))}}
		n := f.network(r.Of)
		switch {
		case n != nil && f.draft.refuses(n, r.Place):
			continue
		case n != nil:
			w.Networks, w.unmade = []string{r.Of}, n.Place == r.Command
		case r.Of != "":
			w.Endpoints = []string{r.Of}
		}
		all = append(all, w)
	}
	return all
}
