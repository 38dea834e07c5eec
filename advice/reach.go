package advice

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/lanproof/lanproof/intent"
	"github.com/lanproof/lanproof/scenarios"
)

// This file has the rules about who is reached.

func about(n *network, at intent.Place, format string, args ...any) *finding {
	return &finding{Warning: Warning{Place: at, Text: fmt.Sprintf(format, args...), Networks: []string{n.Name}}}
}

// on names the endpoints that a finding speaks of.
func (f *finding) on(ends ...*attached) *finding {
	for _, a := range ends {
		f.needs = append(f.needs, a)
		if a.user.end != nil {
			f.Endpoints = append(f.Endpoints, a.user.end.Name)
		}
	}
	return f
}

// by adds checks that show it.
func (f *finding) by(checks ...scenarios.Check) *finding {
	f.checks = append(f.checks, checks...)
	return f
}

func reach(from, to string, kinds ...string) scenarios.Check {
	return scenarios.Check{Reach: flow(from, to, kinds)}
}

func blocked(from, to string, kinds ...string) scenarios.Check {
	return scenarios.Check{Blocked: flow(from, to, kinds)}
}

func flow(from, to string, kinds []string) *scenarios.Flow {
	return &scenarios.Flow{From: scenarios.Values{from}, To: scenarios.Values{to}, Kind: kinds}
}

// link is the endpoint's device by its name in scenarios.
func (a *attached) link() string { return a.node + "/" + a.device.Link }

// hostLink is the host's device that the network is on.
func (n *network) hostLink() string { return hostNode + "/" + n.device() }

// roomy reports whether the subnet of a device's first address has another one left, for
// another machine and for the host.
func (f *file) roomy(a *attached) bool {
	if !a.addressed() {
		return false
	}
	used, b := f.draft.used(), &bench{draft: f.draft}
	for _, p := range f.draft.plan.LAN.Networks[a.network.key].Pools {
		if p.Subnet.Contains(a.device.Addresses[0].Addr()) {
			return b.hostAddress(a.network, p, used).IsValid() && spare(p, used).IsValid()
		}
	}
	return false
}

// alone says that a device's subnet has no place for another machine, where that is so.
func (a *attached) alone() string {
	if !a.addressed() || a.network.layer3() {
		return ""
	}
	return fmt.Sprintf("; %s has no address left for another machine", a.device.Addresses[0].Masked())
}

// eachUsed calls a rule for every macvlan and ipvlan network that somebody is on; those who
// are on no other come first.
func (f *file) eachUsed(rule func(n *network, on []*attached) *finding) []*finding {
	var all []*finding
	for _, n := range f.networks {
		on := f.draft.of(n)
		if !n.virtual() || len(on) == 0 {
			continue
		}
		slices.SortStableFunc(on, func(a, b *attached) int { return cmp.Compare(f.draft.networksOf(a.node), f.draft.networksOf(b.node)) })
		if w := rule(n, on); w != nil {
			all = append(all, w)
		}
	}
	return all
}

// networksOf is how many networks an endpoint is on.
func (d *draft) networksOf(node string) (count int) {
	for _, a := range d.attached {
		if a.node == node {
			count++
		}
	}
	return count
}

// addressed reports whether a device has any address, without which IP says nothing.
func (a *attached) addressed() bool { return len(a.device.Addresses) > 0 }

func (a *attached) address() string {
	if !a.addressed() {
		return "no address"
	}
	return a.device.Addresses[0].Addr().String()
}

func hostUnreachable(f *file) []*finding {
	return f.eachUsed(func(n *network, on []*attached) *finding {
		if !n.onParent() {
			return nil
		}
		w := about(n, n.Place, "The host and the containers of network %q do not reach each other over %s, though other machines on the LAN reach both.", n.Name, n.device())
		if n.layer3() {
			w.Text = fmt.Sprintf("The host does not reach the containers of network %q over %s.", n.Name, n.device())
		}
		if !f.roomy(on[0]) {
			w.Text, _, _ = strings.Cut(w.Text, ", though")
			w.Text = strings.TrimSuffix(w.Text, ".") + on[0].alone() + "."
			return w
		}
		w.on(on[0]).by(blocked(n.hostLink(), on[0].link()))
		if !n.layer3() {
			w.by(reach(lanNode, on[0].link()))
		}
		w.Endpoints = nil
		return w
	})
}

// wireless reports whether a name is one that Linux or udev gives to Wi-Fi devices.
func wireless(name string) bool {
	for _, prefix := range []string{"wlp", "wlo", "wls", "wlx"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	for _, prefix := range []string{"wlan", "ath", "wifi"} {
		rest, is := strings.CutPrefix(name, prefix)
		if is && rest != "" && rest[0] >= '0' && rest[0] <= '9' {
			return true
		}
	}
	return false
}

func (f *file) medium(n *network) Medium {
	if p, known := f.around.Parents[n.device()]; known {
		return p.Medium
	}
	if wireless(n.parent.Text) {
		return WiFi
	}
	return Wired
}

func onWiFi(f *file) []*finding {
	return f.oneMAC(WiFi, func(n *network) string {
		return fmt.Sprintf("%s is Wi-Fi: an access point takes frames from the one MAC address that joined it, and network %q gives each container another, so that they reach each other and nothing else.", n.device(), n.Name)
	})
}

func inCloud(f *file) []*finding {
	return f.oneMAC(Cloud, func(n *network) string {
		where := cmp.Or(f.around.Parents[n.device()].Provider, "a cloud")
		return fmt.Sprintf("%s is a port of %s, which takes frames from the one MAC address (and IP address) that it has assigned, and network %q gives each container another, so that they reach each other and nothing else.", n.device(), where, n.Name)
	})
}

func (f *file) oneMAC(m Medium, text func(n *network) string) []*finding {
	return f.eachUsed(func(n *network, on []*attached) *finding {
		if !n.onParent() || n.driver != macvlan || passthru(n) || f.medium(n) != m {
			return nil
		}
		w := about(n, place(n.parent, n.Place), "%s", text(n))
		if f.roomy(on[0]) {
			w.on(on[0]).by(blocked(on[0].link(), lanNode), reach(n.hostLink(), lanNode))
			w.oneMAC, w.Endpoints = true, nil
		}
		return w
	})
}

func noParent(f *file) []*finding {
	return f.eachUsed(func(n *network, on []*attached) *finding {
		if n.onParent() || f.unread(n.Name, "parent") {
			return nil
		}
		w := about(n, n.Place, "Network %q has no parent, so that Docker puts it on a dummy device, which leads nowhere: its containers reach each other and nothing else.", n.Name)
		if f.roomy(on[0]) {
			parent := f.draft.plan.LAN.Networks[n.key].Parent.String()
			w.on(on[0]).by(scenarios.Check{Link: &scenarios.LinkState{Link: on[0].link(), Parent: parent}}, blocked(on[0].link(), lanNode))
			w.Endpoints = nil
		}
		return w
	})
}

func internalWithParent(f *file) []*finding {
	return f.eachUsed(func(n *network, on []*attached) *finding {
		if !n.Internal.Is || !n.onParent() || n.Engine == intent.CNI {
			return nil
		}
		at := n.Internal.Place
		w := about(n, cmp.Or(at, n.Place), "Network %q is internal and yet on the wire of %s: its containers get no gateway, but every machine of their subnet reaches them, and they reach it.", n.Name, n.device())
		if f.roomy(on[0]) && !n.layer3() {
			w.on(on[0]).by(reach(lanNode, on[0].link()), reach(on[0].link(), lanNode))
		}
		return w
	})
}

func privateSiblings(f *file) []*finding {
	return f.eachUsed(func(n *network, on []*attached) *finding {
		if n.mode.Text != "private" && n.flag.Text != "private" || !n.onParent() {
			return nil
		}
		w := about(n, place(cmp.Or(n.flag, n.mode), n.Place), "Mode private keeps the containers of network %q from each other and from nobody else: the whole LAN of %s reaches them.", n.Name, n.device())
		if !f.roomy(on[0]) || n.layer3() {
			return w
		}
		w.on(on[0]).by(reach(lanNode, on[0].link()))
		if len(on) > 1 && on[1].node != on[0].node {
			w.on(on[1]).by(blocked(on[0].link(), on[1].link()))
		}
		return w
	})
}

func vepaAlone(f *file) []*finding {
	return f.eachUsed(func(n *network, on []*attached) *finding {
		if n.mode.Text != "vepa" && n.flag.Text != "vepa" || len(on) < 2 || on[0].node == on[1].node {
			return nil
		}
		w := about(n, place(cmp.Or(n.flag, n.mode), n.Place), "In mode vepa the containers of network %q reach each other only if the switch behind %s sends frames back to the port that they came from, which few do.", n.Name, n.device())
		if f.roomy(on[0]) && on[1].addressed() && !n.layer3() {
			w.on(on[0], on[1]).by(blocked(on[0].link(), on[1].link()))
			if n.onParent() {
				w.by(reach(lanNode, on[0].link()))
			}
		}
		return w
	})
}

func noReturn(f *file) []*finding {
	return f.eachUsed(func(n *network, on []*attached) *finding {
		if !n.layer3() || !n.onParent() {
			return nil
		}
		w := about(n, place(n.mode, n.Place), "In mode %s the containers of network %q answer no ARP: nobody on the LAN reaches them, nor do answers come back to them, until the router and the other machines have a route to their subnet by way of this host.", n.mode.Text, n.Name)
		if f.roomy(on[0]) {
			w.on(on[0]).by(blocked(lanNode, on[0].link()))
			w.Endpoints = nil
		}
		return w
	})
}

func portsIgnored(f *file) []*finding {
	var all []*finding
	first := map[*network]*finding{}
	for i := range f.Endpoints {
		e := &f.Endpoints[i]
		on := f.onlyVirtual(e)
		if len(e.Ports) == 0 || len(on) == 0 {
			continue
		}
		n, a := on[0].network, on[0]
		w := about(n, place(e.Ports[0], e.Place), "Publishing %q does nothing: %q is on no bridge network, so that the host forwards nothing to it.", e.Ports[0].Text, e.Name)
		w.Endpoints = []string{e.Name}
		if n.onParent() && !n.layer3() && a.addressed() && !n.mended {
			w.Text = strings.TrimSuffix(w.Text, ".") + fmt.Sprintf(", while the LAN reaches all its ports at %s.", a.address())
		}
		if w.like = first[n]; w.like == nil && f.roomy(a) {
			first[n] = w
			w.needs = []*attached{a}
			w.by(noPort(n, a)...)
		}
		all = append(all, w)
	}
	return all
}

// noPort shows that the host forwards nothing to an endpoint, and that it is there.
func noPort(n *network, a *attached) []scenarios.Check {
	switch {
	case !n.onParent():
		return []scenarios.Check{blocked(lanNode, a.link(), "udp")}
	case n.layer3():
		return []scenarios.Check{blocked(n.hostLink(), a.link(), "udp")}
	}
	return []scenarios.Check{blocked(n.hostLink(), a.link(), "udp"), reach(lanNode, a.link(), "udp")}
}

// onlyVirtual are an endpoint's devices when all its networks are macvlan or ipvlan.
func (f *file) onlyVirtual(e *intent.Endpoint) []*attached {
	for _, a := range e.Attach {
		if n := f.network(a.Network); n == nil || !n.virtual() {
			return nil
		}
	}
	var on []*attached
	for _, a := range f.draft.attached {
		if a.user.end == e {
			on = append(on, a)
		}
	}
	return on
}
