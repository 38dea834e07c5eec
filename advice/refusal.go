package advice

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/lanproof/lanproof/intent"
	"github.com/lanproof/lanproof/topology"
)

// refused is one kind of refusal: where it stands (the last word of a Problem's path), and
// a part of its sentence, or the errno.
type refused struct {
	id, field, words string
}

// refusals are what the engine and the kernel refuse, the more particular first. All of
// them are errors. The sentences are package topology's, and Docker's own.
var refusals = []refused{
	{"subnet-host-bits", "subnet", "it should be"},
	{"networks-overlap", "subnet", "Pool overlaps"},
	{"subnet-invalid", "subnet", ""},
	{"ip-range-invalid", "ip_range", ""},
	{"gateway-taken", "gateway", "failed to allocate gateway"},
	{"gateway-wrong-family", "gateway", "parent subnet is an IPv"},
	{"gateway-outside-subnet", "gateway", "doesn't contain this address"},
	{"gateway-invalid", "gateway", ""},
	{"aux-outside-subnet", "aux_addresses", "must belong to the master pool"},
	{"aux-taken", "aux_addresses", "Address already in use"},
	{"aux-invalid", "aux_addresses", ""},
	{"mode-invalid", "macvlan_mode", ""},
	{"mode-invalid", "ipvlan_mode", ""},
	{"flag-invalid", "ipvlan_flag", ""},
	{"parent-loopback", "parent", "loopback"},
	{"parent-shared-passthru", "parent", "passthru"},
	{"parent-shared", "parent", "is already using parent interface"},
	{"parent-missing", "parent", "invalid subinterface vlan name"},
	{"vlan-two-dots", "parent", "required interface name format"},
	{"vlan-not-a-number", "parent", "unable to parse a valid vlan id"},
	{"vlan-base-missing", "parent", "parent interface was not found"},
	{"vlan-id-out-of-range", "parent", "vlan id must be between"},
	{"parent-name-too-long", "parent", "characters long"},
	{"parent-invalid", "parent", ""},
	{"address-outside-subnet", "ip", "no configured subnet"},
	{"address-outside-subnet", "ip", "does not belong to any"},
	{"address-outside-subnet", "ip", "networks with user configured subnets"},
	{"address-taken", "ip", "Address already in use"},
	{"too-many-endpoints", "ip", "no available"},
	{"address-invalid", "ip", ""},
	{"mac-on-ipvlan", "mac", "do not support custom mac"},
	{"mac-not-unicast", "mac", "no address that a device can have"},
	{"mac-malformed", "mac", ""},
	{"network-undefined", "network", "not found"},
	{"parent-mixed-drivers", "", "EBUSY"},
	{"passthru-one-endpoint", "", "EINVAL"},
	{"mac-duplicate", "", "EADDRINUSE"},
	{"refused", "", ""},
}

// inUse are what an address that is in use turns out to be, by whose it is.
var inUse = []string{"gateway-is-endpoint", "address-excluded", "address-reserved", "address-duplicate", "address-in-dynamic-range"}

// TellsWhose reports whether a kind says whose an address is that is in use.
func TellsWhose(id string) bool { return slices.Contains(inUse, id) }

// Refusal is the warning for something that the engine refuses by its rules, which
// package topology's are: for a Problem of a Spec or a Change made out of a file, and the
// place in that file. What the kernel refuses ends with the errno's name in brackets.
func Refusal(p topology.Problem, at intent.Place) Warning {
	errno := ""
	if _, after, ok := strings.Cut(p.Text, " ("); ok && p.Kernel {
		errno = strings.TrimSuffix(after, ")")
	}
	id := idOf(p, errno)
	return Warning{ID: id, Severity: severityOf(id), Place: at, Text: p.Text + "."}
}

// DockersAlone reports whether a kind of refusal is a rule of Docker's for its macvlan and
// ipvlan networks, which Podman and CNI have not: each of their networks keeps its own books.
func DockersAlone(id string) bool {
	return slices.Contains([]string{"networks-overlap", "parent-shared", "parent-shared-passthru", "gateway-taken"}, id)
}

// idOf is the kind of a refusal.
func idOf(p topology.Problem, errno string) string {
	field := ""
	for _, step := range slices.Backward(p.Path) {
		if s, ok := step.(string); ok {
			field = strings.TrimSuffix(s, "6")
			if slices.ContainsFunc(refusals, func(r refused) bool { return r.field == field }) {
				break
			}
		}
	}
	for _, r := range refusals {
		if r.field != "" && r.field == field && strings.Contains(p.Text, r.words) || r.field == "" && r.words == errno {
			return r.id
		}
	}
	return "refused"
}

// refusedOf makes warnings of what the draft met with.
func refusedOf(f *file) []*finding {
	var all []*finding
	full := map[*network]*finding{}
	for _, r := range f.draft.refused {
		w := &finding{Warning: Warning{ID: idOf(r.Problem, r.errno), Severity: Error, Networks: []string{r.network.Name}}, refused: r}
		if !f.tell(w, r) {
			continue
		}
		if w.ID == "too-many-endpoints" {
			if first := full[r.network]; first != nil {
				first.Endpoints = append(first.Endpoints, w.Endpoints...)
				first.Text = crowded(r.network, first.Endpoints)
				continue
			}
			full[r.network] = w
		}
		w.unmade = r.user == nil && w.Severity == Error
		f.surround(w, r)
		all = append(all, w)
	}
	return all
}

// tell says a refusal in words, with its place. It is false where another warning does
// so, or where the rule is Docker's and the engine another.
func (f *file) tell(w *finding, r *refusal) bool {
	n := r.network
	who := calls(n.Engine)
	if n.Engine != intent.Docker && w.ID == "parent-shared-passthru" && len(n.users) > 0 {
		w.ID, w.Place = "passthru-one-endpoint", f.placeIn(n, r.Path)
		w.Text = fmt.Sprintf("Containers of network %q cannot start beside those of another network on %s: in mode passthru a parent takes one container (EINVAL).", n.Name, n.device())
		return true
	}
	if n.Engine != intent.Docker && DockersAlone(w.ID) {
		return false
	}
	if r.user == nil {
		f.tellNetwork(w, r)
		return true
	}
	if strings.HasPrefix(w.ID, "address-") && (f.unknown(n.Name, "subnet") || f.unknown(r.user.end.Name, "ip", "ip6")) {
		return false
	}
	w.Endpoints = []string{r.user.end.Name}
	w.Place = placeAt(r)
	switch w.ID {
	case "too-many-endpoints":
		w.Text = crowded(n, w.Endpoints)
		return !f.draft.empty(n)
	case "parent-mixed-drivers":
		w.Text = fmt.Sprintf("%q cannot start on %s network %q: its parent %s already has %s children, of network %q (EBUSY).", r.user.end.Name, n.driver, n.Name, n.device(), r.other.network.driver, r.other.network.Name)
	case "passthru-one-endpoint":
		w.Text = fmt.Sprintf("%q cannot start on network %q: in mode passthru a parent takes one container, and %q has %s (EINVAL).", r.user.end.Name, n.Name, r.other.name(), n.device())
	case "mac-duplicate":
		w.Text = fmt.Sprintf("%q cannot start on network %q: %q has the MAC address %s on the same parent (EADDRINUSE).", r.user.end.Name, n.Name, r.other.name(), r.user.at.MAC.Text)
	case "mac-not-unicast":
		w.Text = fmt.Sprintf("The kernel does not take %s for %q: a device's address is neither a group's nor all zeros (EADDRNOTAVAIL).", r.user.at.MAC.Text, r.user.end.Name)
	case "address-taken":
		f.whose(w, r)
		if n.Engine == intent.Podman && (w.ID == "gateway-is-endpoint" || w.ID == "address-reserved") {
			w.Severity = Caution
			w.Text = strings.Replace(w.Text, " cannot have ", " is to have ", 1)
			w.Text = strings.TrimSuffix(w.Text, ".") + ", and Podman gives it away all the same."
		}
	case "address-outside-subnet":
		w.Text = fmt.Sprintf("%s does not start %q on network %q: %s.", who, r.user.end.Name, n.Name, n.outside(r.user.at, r.Text))
	default:
		text := strings.Replace(r.Text, "endpoint with name "+f.draft.nodes[r.user.end]+" ", "endpoint with name "+r.user.end.Name+" ", 1)
		w.Text = fmt.Sprintf("%s does not start %q on network %q: %s.", who, r.user.end.Name, n.Name, text)
	}
	return true
}

// tellNetwork says why a network is not made.
func (f *file) tellNetwork(w *finding, r *refusal) {
	n := r.network
	w.Place = f.placeIn(n, r.Path)
	if n.Engine == intent.CNI && (w.ID == "gateway-outside-subnet" || w.ID == "gateway-wrong-family") {
		w.Severity = Caution // no plugin looks; the kernel may refuse the route
		w.Text = fmt.Sprintf("A gateway of network %q is outside its subnet, so that no route can lead over it.", n.Name)
		return
	}
	if n.Engine != intent.Docker && strings.HasPrefix(w.ID, "vlan-") {
		w.ID = "parent-missing" // a dotted name is like any other there
	}
	w.Text = fmt.Sprintf("%s refuses network %q: %s.", calls(n.Engine), n.Name, n.inWords(w.ID, strings.TrimSuffix(r.Text, ": there is no device "+hostNode+"/"+n.parent.Text), r.Path))
	if long := len(n.parent.Text); w.ID == "parent-missing" && long > 15 {
		w.ID = "parent-name-too-long"
		w.Text = strings.TrimSuffix(w.Text, ".") + fmt.Sprintf("; and no device has that name, whose %d characters are more than the 15 that the kernel allows.", long)
		return
	}
	if w.ID == "parent-missing" || w.ID == "vlan-two-dots" || w.ID == "vlan-not-a-number" {
		f.doubt(w, n)
	}
}

func (a *attached) name() string {
	if a.user.end == nil {
		return a.node
	}
	return a.user.end.Name
}

// doubt lowers what is only so if the machine has no such device, which is not known.
func (f *file) doubt(w *finding, n *network) {
	if !f.around.Complete {
		w.Severity = Caution
		w.Text = strings.TrimSuffix(w.Text, ".") + fmt.Sprintf(", unless the machine has a device %s already.", n.parent.Text)
	}
}

// whose finds out who has an address already, which makes it another kind of warning.
func (f *file) whose(w *finding, r *refusal) {
	a, n := netip.Addr{}, r.network
	for _, v := range []intent.Value{r.user.at.IP, r.user.at.IP6} {
		if strings.HasSuffix(r.Text, v.Text) && v.Text != "" {
			a, _ = netip.ParseAddr(v.Text)
		}
	}
	say := func(id, format string, args ...any) {
		w.ID = id
		w.Text = fmt.Sprintf("%q cannot have %s on network %q: ", r.user.end.Name, a, n.Name) + fmt.Sprintf(format, args...) + "."
	}
	for _, p := range f.draft.plan.LAN.Networks[n.key].Pools {
		name, aux := p.Aux[a]
		switch {
		case !p.Subnet.Contains(a):
			continue
		case a == p.Gateway:
			say("gateway-is-endpoint", "it is the gateway's address")
			return
		case aux:
			say("address-excluded", "it is kept for %q", name)
			return
		case a == p.Subnet.Addr() || a == topology.LastOf(p.Subnet):
			say("address-reserved", "it is the network or the broadcast address of %s", p.Subnet)
			return
		}
	}
	for _, o := range f.draft.attached {
		if !slices.ContainsFunc(o.device.Addresses, func(p netip.Prefix) bool { return p.Addr() == a }) {
			continue
		}
		if o.asked(a) {
			say("address-duplicate", "%q has it", o.name())
			return
		}
		say("address-in-dynamic-range", "it is handed out to %q before", o.name())
		return
	}
	say("address-taken", "it is in use")
}

func crowded(n *network, ends []string) string {
	return fmt.Sprintf("Network %q has no address left for %s.", n.Name, list(ends))
}

// list is names in quotes with commas, the last with and.
func list(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = fmt.Sprintf("%q", n)
	}
	if len(quoted) < 2 {
		return strings.Join(quoted, "")
	}
	return strings.Join(quoted[:len(quoted)-1], ", ") + " and " + quoted[len(quoted)-1]
}

// surround names what has to be there for the refusal to be seen. Rules of other engines
// than Docker are not simulated.
func (f *file) surround(w *finding, r *refusal) {
	n := r.network
	if n.Engine != intent.Docker && r.errno == "" {
		w.refused = nil
		return
	}
	if r.user == nil {
		for _, o := range f.networks {
			if o != n && (!o.virtual() || o.onParent()) {
				w.with = append(w.with, o)
			}
		}
		return
	}
	w.with = []*network{n}
	for _, a := range f.draft.of(n) {
		if a.user.at != r.user.at && !a.sample && (strings.Contains(r.Text, "in use") || strings.Contains(r.Text, "no available")) {
			w.needs, w.crowd = append(w.needs, a), true
		}
	}
	if r.other != nil {
		w.needs = append(w.needs, r.other)
	}
}

// placeIn is where a Problem's path leads to in the file.
func (f *file) placeIn(n *network, path []any) intent.Place {
	field, sub := "", -1
	for _, step := range path {
		switch step := step.(type) {
		case string:
			field = step
			if sub >= 0 && field != "aux_addresses" {
				return f.placeInSubnet(n, sub, field)
			}
		case int:
			sub = step
		}
	}
	keys := map[string]intent.Value{"parent": n.parent, "macvlan_mode": n.mode, "ipvlan_mode": n.mode, "ipvlan_flag": n.flag, "driver": n.Driver}
	return place(keys[field], n.Place)
}

// placeInSubnet finds a word of a subnet.
func (f *file) placeInSubnet(n *network, i int, field string) intent.Place {
	if i >= len(n.pools) {
		return n.Place
	}
	p := n.pools[i]
	whole := cmp.Or(p.Place, n.Place)
	switch field {
	case "subnet":
		return place(p.Subnet.Subnet, whole)
	case "gateway":
		return place(p.Gateway, whole)
	case "ip_range":
		return place(p.IPRange, whole)
	}
	for _, a := range p.Aux {
		if a.Key == field {
			return place(a.Value, whole)
		}
	}
	return whole
}

// placeAt is where an attachment's word stands.
func placeAt(r *refusal) intent.Place {
	at := r.user.at
	whole := cmp.Or(at.Place, r.user.end.Place)
	if r.errno == "EADDRINUSE" {
		return place(at.MAC, whole)
	}
	if len(r.Path) < 2 {
		return whole
	}
	words := map[any]intent.Value{"ip": at.IP, "ip6": at.IP6, "mac": at.MAC, "name": at.Name}
	return place(words[r.Path[1]], whole)
}
