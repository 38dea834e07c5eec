package advice

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"

	"github.com/lanproof/lanproof/intent"
	"github.com/lanproof/lanproof/internal/spell"
	"github.com/lanproof/lanproof/topology"
)

// This file has the rules that are Podman's and CNI's own.

// podmanOptions are what netavark's drivers take (containers/common:
// libnetwork/netavark/config.go:createIpvlanOrMacvlan); parent is Podman's own.
var podmanOptions = map[string][]string{
	macvlan: {"parent", "interface_name", "interface-name", "mode", "mtu", "metric", "no_default_route", "bclim"},
	ipvlan:  {"parent", "interface_name", "interface-name", "mode", "mtu", "metric", "no_default_route"},
}

func (f *file) each(engine intent.Engine, rule func(n *network) []*finding) []*finding {
	var all []*finding
	for _, n := range f.networks {
		if n.Engine == engine && n.virtual() {
			all = append(all, rule(n)...)
		}
	}
	return all
}

func podmanOption(f *file) []*finding {
	return f.each(intent.Podman, func(n *network) []*finding {
		var all []*finding
		for _, o := range n.Options {
			if slices.Contains(podmanOptions[n.driver], o.Key) {
				continue
			}
			hint := ""
			if o.Key == "macvlan_mode" || o.Key == "ipvlan_mode" {
				hint = "; Docker's " + o.Key + " is mode here"
			} else if near := spell.Closest(o.Key, podmanOptions[n.driver]); near != "" {
				hint = "; " + near + " may be meant"
			}
			w := about(n, cmp.Or(o.Place, n.Place), "Podman refuses network %q: unsupported %s network option %s%s.", n.Name, n.driver, o.Key, hint)
			w.unmade = true
			all = append(all, w)
		}
		return all
	})
}

func podmanDHCP(f *file) []*finding {
	return f.each(intent.Podman, func(n *network) []*finding {
		if n.driver != macvlan || len(n.pools) > 0 || n.IPAM.Set() && n.IPAM.Text != "dhcp" {
			return nil
		}
		return []*finding{about(n, n.Place, "Network %q has no subnet, so that Podman asks the LAN's DHCP server for each address, which takes netavark-dhcp-proxy.socket to be started.", n.Name)}
	})
}

func podmanNoVLAN(f *file) []*finding {
	return f.each(intent.Podman, func(n *network) []*finding {
		base, vid := vlanName(n.parent.Text)
		if _, known := f.around.Parents[n.parent.Text]; vid == 0 || known {
			return nil
		}
		return []*finding{about(n, place(n.parent, n.Place), "Podman makes no VLAN devices as Docker does: network %q needs %s to be there, VLAN %d of %s.", n.Name, n.parent.Text, vid, base)}
	})
}

// vlanName splits a name such as eth0.50; the VID is 0 where it is no such name.
func vlanName(name string) (base string, vid int) {
	for i := range name {
		if name[i] != '.' {
			continue
		}
		if vid, err := strconv.Atoi(name[i+1:]); err == nil && vid >= 1 && vid <= 4094 {
			return name[:i], vid
		}
	}
	return name, 0
}

func ipvlanDHCP(f *file) []*finding {
	var all []*finding
	for _, n := range f.networks {
		dhcp := n.IPAM.Text == "dhcp" || n.Engine == intent.Podman && len(n.pools) == 0 && n.IPAM.Text == ""
		if n.driver == ipvlan && dhcp && n.Engine != intent.Docker {
			w := about(n, place(n.IPAM, n.Place), "Network %q is ipvlan, whose containers all have their parent's MAC address, so that a DHCP server cannot tell them apart, and has no subnet to take addresses from.", n.Name)
			w.unmade = true
			all = append(all, w)
		}
	}
	return all
}

func cniMTU(f *file) []*finding {
	return f.each(intent.CNI, func(n *network) []*finding {
		mtu, err := strconv.Atoi(n.Option("mtu").Text)
		limit := f.around.Parents[n.device()].MTU
		if err != nil || limit == 0 || mtu <= limit {
			return nil
		}
		w := about(n, place(n.Option("mtu"), n.keyPlace("mtu")), "MTU %d of network %q is more than that of its master %s, %d.", mtu, n.Name, n.device(), limit)
		mode := map[string]string{macvlan: "bridge", ipvlan: "l2"}[n.driver]
		w.with = []*network{n}
		w.mtu = limit
		w.refused = &refusal{Problem: topology.Problem{Kernel: true}, errno: "EINVAL", network: n, user: &user{}, change: topology.Change{Add: &topology.AddLink{
			Node: hostNode, Name: "child", Link: topology.Link{Kind: n.driver, Parent: n.device(), Mode: mode, MTU: mtu},
		}}}
		return []*finding{w}
	})
}

// outsideSpan are addresses that host-local is asked for and that none of its ranges has
// (containernetworking/plugins: plugins/ipam/host-local/main.go:cmdAdd).
func outsideSpan(f *file) []*finding {
	return f.each(intent.CNI, func(n *network) []*finding {
		var all []*finding
		for _, u := range n.users {
			for _, v := range []intent.Value{u.at.IP, u.at.IP6} {
				a, err := netip.ParseAddr(v.Text)
				if err != nil {
					continue
				}
				if part, is := n.span(a.Is6()); is && part.subnet.Contains(a) && !part.Contains(a) {
					w := about(n, place(v, u.at.Place), "%s does not start %q on network %q: %s.", calls(n.Engine), u.end.Name, n.Name, n.outside(u.at, ""))
					w.Endpoints, w.unmade = []string{u.end.Name}, true
					all = append(all, w)
				}
			}
		}
		return all
	})
}

func cniNoIPAM(f *file) []*finding {
	return f.each(intent.CNI, func(n *network) []*finding {
		if n.IPAM.Set() && n.IPAM.Text != "none" || len(n.pools) > 0 {
			return nil
		}
		w := about(n, n.Place, "Network %q has no ipam: its containers get a device and no address.", n.Name)
		if n.driver == ipvlan {
			w.Severity, w.Text = Error, "Network \""+n.Name+"\" has no ipam, without which the ipvlan plugin does nothing unless a plugin before it has given an address."
		}
		return []*finding{w}
	})
}
