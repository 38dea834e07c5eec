package advice

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/lanproof/lanproof/intent"
	"github.com/lanproof/lanproof/topology"
)

// draft is what the engine and the kernel would make of a file, one network and one
// endpoint after the other: what they refuse is noted, mended where that is possible,
// and left out where it is not.
type draft struct {
	file *file
	spec topology.Spec
	plan *topology.Plan
	// nodes are the machines' names of the endpoints, by their place in the file.
	nodes    map[*intent.Endpoint]string
	samples  map[*network]string
	refused  []*refusal
	attached []*attached
	// routes are the default routes that endpoints have, by node and prefix.
	routes map[way]topology.AddRoute
}

// way is a node's default route of a family.
type way struct {
	node   string
	prefix netip.Prefix
}

// refusal is a change that is turned down.
type refusal struct {
	topology.Problem
	// errno is set where the kernel refuses, and not the engine.
	errno   string
	change  topology.Change
	network *network
	user    *user // nil where the network itself is refused
	// other is the one that came first.
	other *attached
}

// attached is an endpoint that has its device.
type attached struct {
	network *network
	user    user
	node    string
	device  *topology.Device
	given   topology.Attachment
	sample  bool
}

// hostNode is the machine that the file is for, in trials.
const hostNode = "host"

func (f *file) plan() *draft {
	d := &draft{file: f, nodes: map[*intent.Endpoint]string{}, samples: map[*network]string{}, routes: map[way]topology.AddRoute{}}
	d.spec.Docker = f.around.docker().String()
	d.spec.Hosts = topology.Named[topology.Host]{{Name: hostNode, Value: topology.Host{Parents: d.parents()}}}
	d.nameNodes()
	d.nameNetworks()
	plan, problems := topology.Compile(&d.spec, "")
	if len(problems) > 0 {
		return d // without a plan nothing can be drafted; names and versions are made to fit
	}
	d.plan = plan
	for _, n := range f.networks {
		d.network(n)
	}
	for i := range f.Endpoints {
		for k := range f.Endpoints[i].Attach {
			e := &f.Endpoints[i]
			if n := f.network(e.Attach[k].Network); n != nil {
				d.attach(n, user{e, &e.Attach[k], k}, d.nodes[e], false)
			}
		}
	}
	for _, n := range f.networks {
		if node := d.samples[n]; node != "" {
			d.attach(n, user{at: &intent.Attachment{Network: n.Name}}, node, true)
		}
	}
	return d
}

// parents are the host's devices. Where the machine's are not known, those that the file
// names are there, but for those that only a dotted name could mean.
func (d *draft) parents() topology.Named[topology.Link] {
	var links topology.Named[topology.Link]
	add := func(name string) {
		if _, have := links.Get(name); !have && deviceName(name) {
			links = append(links, topology.Item[topology.Link]{Name: name})
		}
	}
	for _, n := range d.file.networks {
		name := n.device()
		if !n.onParent() || name == "lo" {
			continue
		}
		base, _, dotted := strings.Cut(name, ".")
		_, known := d.file.around.Parents[name]
		switch {
		case known || !d.file.around.Complete && (!dotted || n.Engine != intent.Docker):
			add(name)
		case dotted && d.file.there(base):
			add(base)
		}
	}
	return links
}

// there reports whether the machine may have a device of that name.
func (f *file) there(name string) bool {
	_, known := f.around.Parents[name]
	return known || !f.around.Complete
}

// device is the parent's name; eth0 stands for the device of the default route.
func (n *network) device() string {
	if n.parent.Text == "" && n.onParent() {
		return "eth0"
	}
	return n.parent.Text
}

// deviceName reports whether the kernel would take the name (net/core/dev.c:dev_valid_name).
func deviceName(s string) bool {
	return s != "" && len(s) <= 15 && s != "lo" && s != "all" && s != "default" && s != "." && s != ".." && !strings.ContainsAny(s, "/:% \t\n\v\f\r")
}

// inName keeps what a machine's name may have.
func inName(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_.-", r) {
		return r
	}
	return '-'
}

// nameNetworks gives each network a name that scenarios take.
func (d *draft) nameNetworks() {
	taken := map[string]bool{}
	for _, n := range d.file.networks {
		n.key = free(n.Name, "network", taken)
	}
}

// free is a name that is like the one that is wanted, and nobody else's.
func free(wanted, otherwise string, taken map[string]bool) string {
	s := strings.TrimLeft(strings.Map(inName, wanted), "_.-")
	s = cmp.Or(s[:min(len(s), 50)], otherwise)
	for base, i := s, 2; taken[s]; i++ {
		s = fmt.Sprintf("%s-%d", base, i)
	}
	taken[s] = true
	return s
}

// nameNodes gives each endpoint a machine, and each network without one a sample.
func (d *draft) nameNodes() {
	taken := map[string]bool{hostNode: true, lanNode: true, gatewayNode: true, topology.SwitchNode: true}
	name := func(wanted string) string {
		s := free(wanted, "container", taken)
		d.spec.Endpoints = append(d.spec.Endpoints, topology.Item[topology.Endpoint]{Name: s})
		return s
	}
	for i := range d.file.Endpoints {
		e := &d.file.Endpoints[i]
		d.nodes[e] = name(e.Name)
	}
	for _, n := range d.file.networks {
		if len(n.users) == 0 && n.virtual() {
			d.samples[n] = name("on-" + n.Name)
		}
	}
}

// network makes one as the engine does, mended when it must be.
func (d *draft) network(n *network) {
	if n.External.Is || ForeignIPAM(n.Network) || !slices.Contains([]string{macvlan, ipvlan, bridge}, n.driver) {
		return
	}
	add := topology.AddNetwork{Name: n.key, Network: d.spell(n)}
	for range 20 {
		asked := add
		change := topology.Change{Network: &asked}
		problems := d.plan.Try(&change)
		if len(problems) == 0 {
			d.commit(&change)
			d.keep(n, add.Network)
			return
		}
		mended := clone(add)
		possible := true
		for i, p := range problems {
			d.refuse(&refusal{Problem: p, change: change, network: n}, i == 0)
			possible = mendNetwork(&mended.Network, p) && possible
		}
		if !possible {
			return
		}
		add, n.mended = mended, true
	}
}

// keep notes a network as it was made: with the subnets that Docker has chosen, which
// depend on the others.
func (d *draft) keep(n *network, made topology.Network) {
	for _, p := range d.plan.LAN.Networks[n.key].Pools {
		written := slices.ContainsFunc(made.Subnets, func(s topology.Subnet) bool { return s.Subnet == p.Subnet.String() })
		if !written {
			made.Subnets = append(slices.Clone(made.Subnets), topology.Subnet{Subnet: p.Subnet.String()})
		}
	}
	d.spec.Networks = append(d.spec.Networks, topology.Item[topology.Network]{Name: n.key, Value: made})
}

func (d *draft) commit(c *topology.Change) bool {
	next, err := d.plan.Change(c)
	if err != nil {
		return false
	}
	d.plan.Commit(next)
	for _, o := range next.Ops {
		switch o := o.(type) {
		case topology.AddRoute:
			d.routes[way{o.Node, o.Prefix}] = o
		case topology.RemoveRoute:
			delete(d.routes, way{o.Node, o.Prefix})
		}
	}
	return true
}

// refuses reports whether the engine turns down what stands at a place of a network.
func (d *draft) refuses(n *network, at intent.Place) bool {
	return slices.ContainsFunc(d.refused, func(r *refusal) bool {
		return r.user == nil && r.network == n && d.file.placeIn(n, r.Path) == at
	})
}

// refuse notes a refusal once. What the engine says is the first of all that is wrong, so
// that another is shown by the change that is tried when the first is mended.
func (d *draft) refuse(r *refusal, first bool) {
	i := slices.IndexFunc(d.refused, func(o *refusal) bool {
		return o.Text == r.Text && o.network == r.network && slices.Equal(o.Path, r.Path) && o.at() == r.at() && o.end() == r.end()
	})
	switch {
	case i < 0:
		d.refused = append(d.refused, r)
	case first:
		d.refused[i].change = r.change
	}
}

// at is the attachment that is refused; nil for a network.
func (r *refusal) at() *intent.Attachment {
	if r.user == nil {
		return nil
	}
	return r.user.at
}

// end is the endpoint that is refused, of which several may share an attachment: replicas
// are written once. It is nil for a network.
func (r *refusal) end() *intent.Endpoint {
	if r.user == nil {
		return nil
	}
	return r.user.end
}

func clone(a topology.AddNetwork) topology.AddNetwork {
	a.Subnets = slices.Clone(a.Subnets)
	for i, s := range a.Subnets {
		a.Subnets[i].AuxAddresses = maps.Clone(s.AuxAddresses)
	}
	return a
}

// attach puts an endpoint on a network as engine and kernel do, mended when it must be.
func (d *draft) attach(n *network, u user, node string, sample bool) {
	state := d.plan.LAN.Networks[n.key]
	if state == nil || u.at == nil {
		return
	}
	a := topology.Attachment{Network: n.key, IP: u.at.IP.Text, IP6: u.at.IP6.Text, MAC: u.at.MAC.Text, Name: u.at.Name.Text}
	a.GatewayPriority, _ = strconv.Atoi(u.at.GatewayPriority.Text)
	if !n.hasFamily6() {
		a.IP6 = ""
	}
	for try := range 5 {
		if part, left := d.fromSpan(n, &a); !left {
			if full := (topology.Problem{Path: []any{"attach", "ip"}, Text: "no available addresses in " + part.String()}); !sample && try == 0 {
				d.refuse(&refusal{Problem: full, network: n, user: &u}, true)
			}
			return
		}
		change := topology.Change{Attach: &topology.Attach{Endpoint: node, Attachment: a}}
		mended, possible, clean := a, true, true
		for i, r := range d.against(n, u, change) {
			clean = false
			// Who asked for an address that he cannot have lacks no other.
			if lacks := try > 0 && idOf(r.Problem, r.errno) == "too-many-endpoints"; !sample && !lacks {
				d.refuse(r, i == 0)
			}
			possible = mendAttachment(&mended, r) && possible
		}
		if clean && d.commit(&change) {
			d.settle(attached{network: n, user: u, node: node, given: a, sample: sample})
			return
		}
		if !possible || clean {
			return
		}
		a = mended
	}
}

func (n *network) hasFamily6() bool {
	return slices.ContainsFunc(n.pools, func(p *pool) bool { return p.prefix.IsValid() && p.prefix.Addr().Is6() && n.serves(p) })
}

// against is all that speaks against an attachment: the engine's rules, then the kernel's.
func (d *draft) against(n *network, u user, change topology.Change) []*refusal {
	var all []*refusal
	for _, p := range d.plan.Try(&change) {
		r := &refusal{Problem: p, change: change, network: n, user: &u}
		if p.Kernel {
			r.errno = "EADDRNOTAVAIL"
		}
		all = append(all, r)
	}
	if len(all) > 0 || !n.virtual() {
		return all
	}
	if errno, text, other := d.kernelRefuses(n, change.Attach.Attachment); errno != "" {
		all = append(all, &refusal{Problem: topology.Problem{Text: text, Kernel: true}, errno: errno, change: change, network: n, user: &u, other: other})
	}
	return all
}

// kernelRefuses knows what a parent does not take (macvlan.c:macvlan_common_newlink and
// macvlan_open, net/core/dev.c:netdev_rx_handler_register).
func (d *draft) kernelRefuses(n *network, a topology.Attachment) (errno, text string, other *attached) {
	parent := d.plan.LAN.Networks[n.key].Parent
	mac, _ := net.ParseMAC(a.MAC)
	for _, o := range d.attached {
		if d.plan.LAN.Networks[o.network.key].Parent != parent || !o.network.virtual() {
			continue
		}
		switch {
		case o.network.driver != n.driver:
			return "EBUSY", "mixed", o
		case n.driver == macvlan && (passthru(n) || passthru(o.network)):
			return "EINVAL", "passthru", o
		case n.driver == macvlan && mac != nil && mac.String() == o.device.MAC.String():
			return "EADDRINUSE", "duplicate", o
		}
	}
	return "", "", nil
}

func passthru(n *network) bool { return n.mode.Text == "passthru" }

// settle notes a device that is there.
func (d *draft) settle(a attached) {
	for _, dev := range d.plan.LAN.DevicesOf(a.node) {
		if dev.Network == a.network.key {
			a.device = dev
		}
	}
	if a.device != nil {
		d.attached = append(d.attached, &a)
	}
}

// asked reports whether an address is one that the file asks for.
func (a *attached) asked(ip netip.Addr) bool {
	return slices.ContainsFunc([]intent.Value{a.user.at.IP, a.user.at.IP6}, func(v intent.Value) bool {
		asked, err := netip.ParseAddr(v.Text)
		return err == nil && asked == ip && a.has(netip.PrefixFrom(ip, ip.BitLen()))
	})
}

// fixed reports whether somebody has an address of a family that the file asks for.
func (a *attached) fixed(v6 bool) bool {
	return slices.ContainsFunc(a.device.Addresses, func(p netip.Prefix) bool { return p.Addr().Is6() == v6 && a.asked(p.Addr()) })
}

// of returns the devices on a network, in the order in which they came.
func (d *draft) of(n *network) []*attached {
	var all []*attached
	for _, a := range d.attached {
		if a.network == n {
			all = append(all, a)
		}
	}
	return all
}
