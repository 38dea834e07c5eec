package advice

import (
	"cmp"
	"slices"
	"strings"

	"github.com/lanproof/lanproof/intent"
)

// rule is one kind of warning. A new one is a line in rules or, where the engine or the
// kernel refuses something, in refusals, and an entry in explanations.yaml.
type rule struct {
	id       string
	severity Severity
	find     func(*file) []*finding
}

// rules are the warnings about what is built as it is written, and what comes of it.
var rules = []rule{
	// Who is reached.
	{"host-unreachable", Caution, hostUnreachable},
	{"wifi-one-mac", Error, onWiFi},
	{"cloud-one-mac", Error, inCloud},
	{"no-parent", Caution, noParent},
	{"internal-with-parent", Caution, internalWithParent},
	{"private-isolates-siblings-only", Note, privateSiblings},
	{"vepa-without-reflection", Caution, vepaAlone},
	{"ipvlan-l3-no-return", Caution, noReturn},
	{"ports-ignored", Caution, portsIgnored},
	// Addresses.
	{"subnet-missing", Caution, subnetMissing},
	{"subnet-not-parents", Caution, subnetNotParents},
	{"ip-range-empty", Error, rangeEmpty},
	{"ip-range-invalid", Error, spanInvalid},
	{"address-outside-subnet", Error, outsideSpan},
	{"address-not-excluded", Caution, notExcluded},
	{"address-in-dynamic-range", Caution, inDynamicRange},
	{"address-in-other-range", Caution, inOtherRange},
	{"ipv6-off", Caution, ipv6Off},
	{"ipv6-unused", Note, ipv6Unused},
	// Gateways and routes.
	{"gateway-missing", Caution, gatewayMissing},
	{"gateway-guessed", Caution, gatewayGuessed},
	{"gateway-not-router", Caution, gatewayNotRouter},
	{"two-default-routes", Caution, twoDefaults},
	{"gateway-priority-ignored", Caution, priorityIgnored},
	// Options and names.
	{"driver-unknown", Error, driverUnknown},
	{"option-unknown", Caution, optionUnknown},
	{"mtu-ignored", Caution, mtuIgnored},
	{"network-undefined", Caution, networkUndefined},
	{"network-unused", Note, networkUnused},
	{"ipam-unknown", Error, ipamUnknown},
	{"name-refused", Error, nameRefused},
	{"command-refused", Error, commandRefused},
	{"parent-enslaved", Error, parentEnslaved},
	// What this machine is like, as notes.
	{"parent-missing", Error, missingHere},
	{"wifi-one-mac", Error, wifiHere},
	{"cloud-one-mac", Error, cloudHere},
	// Podman's and CNI's own.
	{"podman-option-unsupported", Error, podmanOption},
	{"podman-dhcp", Note, podmanDHCP},
	{"podman-no-vlan", Caution, podmanNoVLAN},
	{"ipvlan-dhcp", Error, ipvlanDHCP},
	{"cni-mtu-over-master", Error, cniMTU},
	{"cni-ipam-missing", Caution, cniNoIPAM},
}

// inOrder compares warnings by severity, then by place.
func inOrder(a, b Warning) int {
	return cmp.Or(
		cmp.Compare(order(a.Severity), order(b.Severity)), strings.Compare(a.Place.File, b.Place.File),
		cmp.Compare(a.Place.Line, b.Place.Line), cmp.Compare(a.Place.Column, b.Place.Column), strings.Compare(a.ID, b.ID))
}

// Of is what there is to mind about an intent and its earlier moments: errors first, then
// by place. What stands from one moment to the next is said once.
func Of(in *intent.Intent, around Surroundings) []Warning {
	var all []Warning
	moments := append(slices.Clone(in.Earlier), *in)
	for i := range moments {
		for _, engine := range engines(&moments[i]) {
			all = append(all, now(of(&moments[i], engine), around)...)
		}
	}
	slices.SortStableFunc(all, inOrder)
	return slices.CompactFunc(all, func(a, b Warning) bool { return inOrder(a, b) == 0 && a.Text == b.Text })
}

// engines are those that a file has words of. Each keeps its own books.
func engines(in *intent.Intent) []intent.Engine {
	var all []intent.Engine
	for _, n := range in.Networks {
		all = append(all, cmp.Or(n.Engine, intent.Docker))
	}
	for _, e := range in.Endpoints {
		all = append(all, cmp.Or(e.Engine, intent.Docker))
	}
	if len(all) == 0 {
		return []intent.Engine{intent.Docker}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// of is what one engine is told.
func of(in *intent.Intent, engine intent.Engine) *intent.Intent {
	one := *in
	one.Networks, one.Endpoints = nil, nil
	for _, n := range in.Networks {
		if cmp.Or(n.Engine, intent.Docker) == engine {
			n.Engine = engine
			one.Networks = append(one.Networks, n)
		}
	}
	for _, e := range in.Endpoints {
		if cmp.Or(e.Engine, intent.Docker) == engine {
			one.Endpoints = append(one.Endpoints, e)
		}
	}
	one.Networks = append(ownBridge(&one, engine), one.Networks...)
	return &one
}

// ownBridge is the network that Docker makes itself, where a container is on it.
func ownBridge(in *intent.Intent, engine intent.Engine) []intent.Network {
	named := func(n intent.Network) bool { return n.Name == bridge }
	on := func(e intent.Endpoint) bool {
		return slices.ContainsFunc(e.Attach, func(a intent.Attachment) bool { return a.Network == bridge })
	}
	if engine != intent.Docker || slices.ContainsFunc(in.Networks, named) || !slices.ContainsFunc(in.Endpoints, on) {
		return nil
	}
	return []intent.Network{{Name: bridge, Engine: engine, Subnets: []intent.Subnet{{Subnet: intent.Value{Text: "172.17.0.0/16"}}}}}
}

// now are the warnings of one moment and one engine.
func now(in *intent.Intent, around Surroundings) []Warning {
	f := read(in, around)
	var found []*finding
	for _, r := range rules {
		for _, w := range r.find(f) {
			w.ID, w.Severity = r.id, cmp.Or(w.Severity, r.severity)
			found = append(found, w)
		}
	}
	found = worthTelling(append(found, refusedOf(f)...))
	slices.SortStableFunc(found, func(a, b *finding) int { return inOrder(a.Warning, b.Warning) })
	f.draft.arrange(found)
	warnings := make([]Warning, 0, len(found))
	for _, w := range found {
		warnings = append(warnings, w.Warning)
	}
	return warnings
}

// order of the severities, worst first.
func order(s Severity) int { return slices.Index([]Severity{Error, Caution, Note}, s) }

// Kinds are the ids of all kinds of warnings, sorted.
func Kinds() []string {
	ids := slices.Clone(inUse)
	for _, r := range rules {
		ids = append(ids, r.id)
	}
	for _, r := range refusals {
		ids = append(ids, r.id)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
