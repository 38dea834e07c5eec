package run

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/topology"
	"github.com/lanproof/lanproof/topology/lab"
)

// linkLo is the ifindex of every loopback (net/core/net_namespace.c).
const linkLo = 1

// nodeSettings are the settings of a namespace that engines set, and linkSettings those
// of a device; DEV stands for its name.
var (
	nodeSettings = []string{
		"ipv4/ip_forward", "ipv4/ip_unprivileged_port_start", "ipv4/ping_group_range", "ipv4/conf/all/forwarding",
		"ipv6/conf/all/disable_ipv6", "ipv6/conf/default/disable_ipv6", "ipv6/conf/all/forwarding",
	}
	linkSettings = []string{
		"ipv4/conf/DEV/arp_notify", "ipv4/conf/DEV/proxy_arp", "ipv4/conf/DEV/forwarding", "ipv4/conf/DEV/arp_ignore",
		"ipv4/conf/DEV/arp_announce", "ipv4/conf/DEV/route_localnet", "ipv6/conf/DEV/disable_ipv6", "ipv6/conf/DEV/accept_ra",
		"ipv6/conf/DEV/accept_dad", "ipv6/conf/DEV/autoconf", "ipv6/conf/DEV/addr_gen_mode", "ipv6/conf/DEV/forwarding",
	}
)

// builtOf reads back what there is in a node.
func builtOf(b *bench, n *lab.Node) (*reports.Built, error) {
	built := &reports.Built{Node: n.Name, Devices: []reports.BuiltDevice{}, Routes: []string{}, Settings: map[string]string{}}
	links, err := n.Conn.Links()
	if err != nil {
		return nil, err
	}
	addresses, err := n.Conn.AllAddresses()
	if err != nil {
		return nil, err
	}
	names := map[int]string{}
	settings := slices.Clone(nodeSettings)
	for _, s := range links {
		names[s.Index] = s.Name
		if s.Index == linkLo {
			continue
		}
		d := reports.BuiltDevice{
			Name: s.Name, Kind: s.Kind, Mode: s.Mode, Flag: s.Flag, Parent: b.parentName(n, s), MAC: s.MAC.String(),
			MTU: s.MTU, TxQueueLen: s.TxQueueLen, Up: s.Up(),
		}
		for _, a := range addresses {
			if a.Index == s.Index {
				d.Addresses = append(d.Addresses, a.Prefix.String())
			}
		}
		slices.Sort(d.Addresses)
		built.Devices = append(built.Devices, d)
		for _, name := range linkSettings {
			settings = append(settings, strings.ReplaceAll(name, "DEV", s.Name))
		}
	}
	routes, err := n.Conn.Routes()
	if err != nil {
		return nil, err
	}
	for _, r := range routes {
		built.Routes = append(built.Routes, routeText(r, names[r.Index]))
	}
	slices.Sort(built.Routes)
	return built, n.NS.Do(func() error { return readSettings(settings, built.Settings) })
}

// readSettings reads settings of the calling thread's namespace, those that it has.
func readSettings(names []string, into map[string]string) error {
	for _, name := range names {
		text, err := os.ReadFile("/proc/sys/net/" + name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		into["net."+name] = strings.TrimSpace(string(text))
	}
	return nil
}

// parentName is the device that another sits on, or its other end, in its node or on
// the host.
func (b *bench) parentName(n *lab.Node, s *rtnl.State) string {
	if s.Parent == 0 || s.Kind == topology.KindVeth {
		return ""
	}
	for _, other := range append([]*lab.Node{n}, b.lab.Nodes()...) {
		if other != n && (s.ParentNSID < 0 || other.Role != topology.RoleHost) {
			continue
		}
		if other == n && s.ParentNSID >= 0 {
			continue
		}
		if parent, err := other.Conn.Link(s.Parent); err == nil {
			return parent.Name
		}
	}
	return ""
}

// routeText is a route as ip route shows it.
func routeText(r rtnl.RouteEntry, dev string) string {
	to := r.To.String()
	if r.To.Bits() == 0 {
		to = map[bool]string{false: "default", true: "default6"}[r.To.Addr().Is6()]
	}
	if r.Via.IsValid() {
		to += " via " + r.Via.String()
	}
	return to + " dev " + dev
}

// expectation is what lanproof's own plan makes of an endpoint.
type expectation struct {
	devices []*topology.Device
	macs    map[string]bool // devices whose MAC address is no choice of lanproof's own
	routes  []string
}

// simulated is what the plan's networks give an endpoint.
func simulated(plan *topology.Plan, node string) *expectation {
	e := &expectation{macs: map[string]bool{}}
	for i := range plan.Deeds {
		deed := &plan.Deeds[i]
		if a := deed.Change.Attach; a == nil || a.Endpoint != node {
			continue
		}
		for _, op := range plan.Ops[deed.First : deed.First+deed.Count] {
			switch o := op.(type) {
			case topology.MakeLink:
				e.devices = append(e.devices, o.Device)
			case topology.ChangeLink:
				last := e.devices[len(e.devices)-1]
				last.MAC = o.MAC
				e.macs[last.Link] = !bytes.Equal(o.MAC, plan.LAN.MACOf(last.Ref))
			case topology.AddRoute:
				e.routes = append(e.routes, routeText(rtnl.RouteEntry{To: o.Prefix, Via: o.Via}, o.Device.Link))
			}
		}
	}
	for _, d := range e.devices {
		byChance := d.Kind == topology.KindIpvlan && ownDummy.MatchString(d.Parent.Link) // it has the dummy's
		e.macs[d.Link] = !byChance && !bytes.Equal(d.MAC, plan.LAN.MACOf(d.Ref))
	}
	return e
}

// lines are what is expected, a fact a line.
func (e *expectation) lines() []string {
	var all []string
	for _, d := range e.devices {
		built := reports.BuiltDevice{Name: d.Link, Kind: d.Kind, Mode: d.Mode, Flag: d.Flag, Parent: d.Parent.Link, MAC: d.MAC.String(), Up: d.Up}
		if d.TxQueueLen != nil {
			built.TxQueueLen = *d.TxQueueLen
		}
		for _, a := range d.Addresses {
			built.Addresses = append(built.Addresses, a.String())
		}
		all = append(all, e.deviceLines(&built, d)...)
	}
	return append(all, e.routes...)
}

// among are the same facts as a real endpoint has them.
func (e *expectation) among(built *reports.Built) []string {
	var all []string
	for i := range built.Devices {
		device := built.Devices[i]
		var planned *topology.Device
		for _, d := range e.devices {
			if d.Link == device.Name {
				planned = d
			}
		}
		if planned == nil && device.Kind != topology.KindMacvlan && device.Kind != topology.KindIpvlan && device.Kind != topology.KindVeth {
			continue
		}
		device.Addresses = slices.DeleteFunc(slices.Clone(device.Addresses), func(a string) bool { return strings.HasPrefix(a, "fe80:") })
		all = append(all, e.deviceLines(&device, planned)...)
	}
	for _, r := range built.Routes {
		if strings.HasPrefix(r, "default") {
			all = append(all, r)
		}
	}
	return all
}

// ownDummy is what Docker calls the dummies that it makes: after their networks' ids, which
// are drawn anew each time, as the kernel draws their MAC addresses (moby:
// libnetwork/drivers/macvlan/macvlan_setup.go; drivers/net/dummy.c:dummy_setup).
var ownDummy = regexp.MustCompile(`^(dm|di)-[0-9a-f]{12}$`)

// deviceLines are the facts of a device that the plan says something about.
func (e *expectation) deviceLines(d *reports.BuiltDevice, planned *topology.Device) []string {
	line := d.Name + ": " + d.Kind
	for _, part := range []string{d.Mode, d.Flag} {
		// A plan leaves out ipvlan's flag where it is the kernel's own choice, bridge.
		if part != "" && (part != d.Flag || part != "bridge") {
			line += " " + part
		}
	}
	if d.Parent != "" {
		line += " on " + ownDummy.ReplaceAllString(d.Parent, "$1-ID")
	}
	if !d.Up {
		line += ", down"
	}
	all := []string{line}
	for _, a := range d.Addresses {
		all = append(all, d.Name+": "+a)
	}
	if e.macs[d.Name] {
		all = append(all, d.Name+": "+d.MAC)
	}
	if planned != nil && planned.TxQueueLen != nil {
		all = append(all, fmt.Sprintf("%s: qlen %d", d.Name, d.TxQueueLen))
	}
	return all
}
