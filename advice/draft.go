package advice

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"regexp"
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

var notInNames = regexp.MustCompile(`[^a-zA-Z0-9_.-]+`)

func (f *file) plan() *draft {
	d := &draft{file: f, nodes: map[*intent.Endpoint]string{}, samples: map[*network]string{}, routes: map[way]topology.AddRoute{}}
	d.spec.Docker = f.around.docker().String()
	d.spec.Hosts = topology.Named[topology.Host]{{Name: hostNode, Value: topology.Host{Parents: d.parents()}}}
	d.nameNodes()
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
		case known || !d.file.around.Complete && !dotted:
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

// nameNodes gives each endpoint a machine, and each network without one a sample.
func (d *draft) nameNodes() {
	taken := map[string]bool{hostNode: true, lanNode: true, gatewayNode: true, topology.SwitchNode: true}
	name := func(wanted string) string {
		s := strings.TrimLeft(notInNames.ReplaceAllString(wanted, "-"), "_.-")
		s = s[:min(len(s), 50)]
		if s == "" {
			s = "container"
		}
		for base, i := s, 2; taken[s]; i++ {
			s = fmt.Sprintf("%s-%d", base, i)
		}
		taken[s] = true
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
	if n.External.Is || !slices.Contains([]string{macvlan, ipvlan, bridge}, n.driver) {
		return
	}
	add := topology.AddNetwork{Name: n.Name, Network: d.spell(n)}
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
		add = mended
	}
}

// keep notes a network as it was made: with the subnets that Docker has chosen, which
// depend on the others.
func (d *draft) keep(n *network, made topology.Network) {
	for _, p := range d.plan.LAN.Networks[n.Name].Pools {
		written := slices.ContainsFunc(made.Subnets, func(s topology.Subnet) bool { return s.Subnet == p.Subnet.String() })
		if !written {
			made.Subnets = append(slices.Clone(made.Subnets), topology.Subnet{Subnet: p.Subnet.String()})
		}
	}
	d.spec.Networks = append(d.spec.Networks, topology.Item[topology.Network]{Name: n.Name, Value: made})
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

// refuse notes a refusal once. What the engine says is the first of all that is wrong, so
// that another is shown by the change that is tried when the first is mended.
func (d *draft) refuse(r *refusal, first bool) {
	i := slices.IndexFunc(d.refused, func(o *refusal) bool {
		return o.Text == r.Text && o.network == r.network && slices.Equal(o.Path, r.Path) && o.at() == r.at()
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

func clone(a topology.AddNetwork) topology.AddNetwork {
	a.Subnets = slices.Clone(a.Subnets)
	for i, s := range a.Subnets {
		a.Subnets[i].AuxAddresses = maps.Clone(s.AuxAddresses)
	}
	return a
}

// spell says a network in a scenario's words.
func (d *draft) spell(n *network) topology.Network {
	out := topology.Network{Driver: n.driver, Internal: n.Internal.Is}
	switch n.driver {
	case macvlan:
		out.Parent, out.MacvlanMode = n.device(), n.mode.Text
	case ipvlan:
		out.Parent, out.IpvlanMode, out.IpvlanFlag = n.device(), n.mode.Text, n.flag.Text
	}
	for _, p := range n.pools {
		out.Subnets = append(out.Subnets, d.spellPool(n, p))
	}
	switch {
	case slices.Contains([]string{"null", "none"}, n.IPAM.Text):
	case n.Engine == intent.Docker:
		v4, v6 := !n.IPv4.Known || n.IPv4.Is, n.IPv6.Is
		out.EnableIPv4, out.EnableIPv6 = &v4, &v6
	case len(out.Subnets) == 0:
		out.Subnets = []topology.Subnet{{Subnet: d.chosen(n)}}
	}
	return out
}

func (d *draft) spellPool(n *network, p *pool) topology.Subnet {
	s := topology.Subnet{Subnet: p.Subnet.Subnet.Text, Gateway: p.gatewayText(), IPRange: p.IPRange.Text}
	if n.Engine != intent.Docker && p.prefix.IsValid() {
		s.Subnet = p.prefix.String()
		if n.guesses() && s.Gateway == "" {
			s.Gateway = p.prefix.Addr().Next().String()
		}
	}
	for _, a := range p.Aux {
		if s.AuxAddresses == nil {
			s.AuxAddresses = map[string]string{}
		}
		s.AuxAddresses[a.Key] = a.Value.Text
	}
	return s
}

// gatewayText is the gateway as it was written. Compose files and Docker take it with a
// prefix length by mistake only, which stays as it is.
func (p *pool) gatewayText() string { return p.Gateway.Text }

// guesses reports whether the engine makes the first address the gateway where none is
// given (containers/common: libnetwork/netavark/config.go:networkCreate).
func (n *network) guesses() bool {
	return n.Engine == intent.Podman && !n.Internal.Is && n.driver != bridge
}

// chosen is the subnet that an engine picks by itself, or that a DHCP server's is.
func (d *draft) chosen(n *network) string {
	if n.onParent() {
		for _, p := range d.file.around.Parents[n.device()].Addresses {
			if p.Addr().Is4() {
				return p.Masked().String()
			}
		}
	}
	for i := 18; i < 32; i++ {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{172, byte(i)}), 16)
		if !d.overlaps(p) {
			return p.String()
		}
	}
	return "192.0.2.0/24"
}

func (d *draft) overlaps(p netip.Prefix) bool {
	for _, n := range d.file.networks {
		for _, q := range n.pools {
			if q.prefix.IsValid() && q.prefix.Overlaps(p) {
				return true
			}
		}
	}
	for _, n := range d.plan.LAN.Networks {
		for _, q := range n.Pools {
			if q.Subnet.Overlaps(p) {
				return true
			}
		}
	}
	return false
}

// mendNetwork takes out or puts right what a problem is about. It is false when nothing
// is left to be made.
func mendNetwork(n *topology.Network, p topology.Problem) bool {
	if len(p.Path) < 2 {
		return false
	}
	switch p.Path[1] {
	case "macvlan_mode":
		n.MacvlanMode = ""
	case "ipvlan_mode":
		n.IpvlanMode = ""
	case "ipvlan_flag":
		n.IpvlanFlag = ""
	case "subnets":
		return mendSubnet(n, p.Path[2:])
	default:
		return false
	}
	return true
}

func mendSubnet(n *topology.Network, path []any) bool {
	if len(path) < 2 {
		return false
	}
	i, ok := path[0].(int)
	if !ok || i >= len(n.Subnets) {
		return false
	}
	s := &n.Subnets[i]
	switch path[1] {
	case "subnet":
		p, err := netip.ParsePrefix(s.Subnet)
		if err != nil || p == p.Masked() {
			return false
		}
		s.Subnet = p.Masked().String()
	case "gateway":
		s.Gateway = ""
	case "ip_range":
		s.IPRange = ""
	case "aux_addresses":
		if len(path) > 2 {
			delete(s.AuxAddresses, fmt.Sprint(path[2]))
		}
	}
	return true
}

// attach puts an endpoint on a network as engine and kernel do, mended when it must be.
func (d *draft) attach(n *network, u user, node string, sample bool) {
	state := d.plan.LAN.Networks[n.Name]
	if state == nil || u.at == nil {
		return
	}
	a := topology.Attachment{Network: n.Name, IP: u.at.IP.Text, IP6: u.at.IP6.Text, MAC: u.at.MAC.Text, Name: u.at.Name.Text}
	a.GatewayPriority, _ = strconv.Atoi(u.at.GatewayPriority.Text)
	if !n.hasFamily6() {
		a.IP6 = ""
	}
	for range 5 {
		change := topology.Change{Attach: &topology.Attach{Endpoint: node, Attachment: a}}
		mended, possible, clean := a, true, true
		for i, r := range d.against(n, u, change) {
			clean = false
			if !sample {
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
	parent := d.plan.LAN.Networks[n.Name].Parent
	mac, _ := net.ParseMAC(a.MAC)
	for _, o := range d.attached {
		if d.plan.LAN.Networks[o.network.Name].Parent != parent || !o.network.virtual() {
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

func mendAttachment(a *topology.Attachment, r *refusal) bool {
	if r.errno == "EADDRINUSE" {
		a.MAC = ""
		return true
	}
	if len(r.Path) < 2 {
		return false
	}
	switch r.Path[1] {
	case "ip":
		if a.IP == "" {
			return false // none is left
		}
		a.IP = ""
	case "ip6":
		if a.IP6 == "" {
			return false
		}
		a.IP6 = ""
	case "mac":
		a.MAC = ""
	case "name":
		a.Name = ""
	default:
		return false
	}
	return true
}

// settle notes a device that is there.
func (d *draft) settle(a attached) {
	for _, dev := range d.plan.LAN.DevicesOf(a.node) {
		if dev.Network == a.network.Name {
			a.device = dev
		}
	}
	if a.device != nil {
		d.attached = append(d.attached, &a)
	}
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
