package advice

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/lanproof/lanproof/scenarios"
	"github.com/lanproof/lanproof/topology"
)

// The machines of a trial beside the host and the endpoints: another one on the same
// wire, and the one that holds the gateways' addresses.
const (
	lanNode     = "lan"
	gatewayNode = "gateway"
)

// finding is a warning on its way: what shows it, and what has to be there for that.
type finding struct {
	Warning
	// unmade is set where it keeps the network from being made.
	unmade bool
	// checks pass where the warning is right. They are made on the wire as it is, or,
	// with oneMAC, behind a port that admits the parent's address alone.
	checks []scenarios.Check
	oneMAC bool
	// needs are the endpoints that have to be there. In a crowd everybody on their
	// networks is, and gets his address as the engine hands it out.
	needs []*attached
	crowd bool
	// with are networks that have to be there without anybody on them.
	with []*network
	// refused is shown by a change that is turned down; before are changes that come first.
	refused *refusal
	before  []topology.Change
	// foreign is shown where the LAN has the parent's own subnet and not the network's.
	foreign bool
	// other is an address that another machine on the LAN has, beside the gateways'.
	other netip.Prefix
	// twin is shown where two machines have one address.
	twin bool
	// like is another finding whose frames show this one, too: of the same network, about
	// another endpoint.
	like *finding
	// mtu of the parent, when it is not the usual one.
	mtu int
}

// bench is a trial as it is put together: findings that the same LAN shows.
type bench struct {
	draft    *draft
	findings []*finding
	oneMAC   bool
	foreign  bool
	twin     bool
}

// arrange gives each finding its trial. Those that one LAN shows share it; what needs
// ipvlan or a dummy, which many kernels lack, is kept from the others, so that they stay
// fast.
func (d *draft) arrange(findings []*finding) {
	if d.plan == nil {
		return
	}
	shared := map[string]*bench{}
	var order []string
	add := func(key string, f *finding) {
		if shared[key] == nil {
			shared[key] = &bench{draft: d, oneMAC: f.oneMAC, foreign: f.foreign, twin: f.twin}
			order = append(order, key)
		}
		shared[key].findings = append(shared[key].findings, f)
	}
	for i, f := range findings {
		switch key := f.kind(); {
		case key == "":
		case len(f.before) > 0:
			add(fmt.Sprintf("%s-%d", key, i+1), f)
		default:
			name := key
			for i := 2; shared[name] != nil && !shared[name].takes(f); i++ {
				name = fmt.Sprintf("%s-%d", key, i)
			}
			add(name, f)
		}
	}
	for _, key := range order {
		shared[key].show(key)
	}
	for _, f := range findings {
		if f.like != nil {
			f.Trial, f.Shown = f.like.Trial, f.like.Shown
		}
	}
}

// takes reports whether a finding can be shown with the others. All parents of a trial are
// on one wire, where somebody who is on two of them answers for both, which he need not do
// where they are not.
func (b *bench) takes(f *finding) bool {
	on := map[string]*network{}
	for _, o := range append(slices.Clone(b.findings), f) {
		for _, a := range b.draft.crowdOf(o) {
			if !a.network.virtual() {
				continue
			}
			if other := on[a.node]; other != nil && other != a.network {
				return false
			}
			on[a.node] = a.network
		}
	}
	return true
}

// crowdOf are those whom a finding needs, and all others that come with them.
func (d *draft) crowdOf(f *finding) []*attached {
	all := slices.Clone(f.needs)
	if f.crowd {
		for _, a := range f.needs {
			all = append(all, d.of(a.network)...)
		}
	}
	return all
}

// kind is the name of the trial that can show a finding; empty when none does.
func (f *finding) kind() string {
	var key string
	switch {
	case f.refused != nil && len(f.before) > 0:
		key = "order"
	case f.refused != nil:
		key = "refused"
	case len(f.checks) == 0:
		return ""
	case f.oneMAC:
		key = "one-mac"
	case f.foreign:
		key = "foreign"
	case f.twin:
		key = "twin"
	default:
		key = "wire"
	}
	if f.rare() {
		key += "-guest"
	}
	return key
}

// rare reports whether a trial takes devices that many kernels lack.
func (f *finding) rare() bool {
	lacking := func(n *network) bool { return n.virtual() && (n.driver == ipvlan || !n.onParent()) }
	return slices.ContainsFunc(f.needs, func(a *attached) bool { return lacking(a.network) }) ||
		slices.ContainsFunc(f.with, func(n *network) bool { return n.virtual() && !n.onParent() }) ||
		f.refused != nil && f.refused.errno != "" && lacking(f.refused.network)
}

// show makes the scenario. A finding that does not go with the others gets one of its own,
// and none where it cannot be shown at all.
func (b *bench) show(key string) {
	var apart []*finding
	for len(b.findings) > 0 {
		s := b.scenario(key)
		bad := b.unsound(s)
		if bad < 0 {
			trial := &Trial{Scenario: s}
			for _, f := range b.findings {
				f.Trial = trial
			}
			break
		}
		apart = append(apart, b.findings[bad])
		b.findings[bad].Shown = nil
		b.findings = slices.Delete(b.findings, bad, bad+1)
	}
	if len(apart) == 1 && len(b.findings) == 0 {
		return
	}
	for i, f := range apart {
		(&bench{draft: b.draft, oneMAC: b.oneMAC, foreign: b.foreign, twin: b.twin, findings: []*finding{f}}).show(fmt.Sprintf("%s-%d", key, i+2))
	}
}

// unsound is a finding that keeps the scenario from being built or, where the engine is
// to refuse, is not refused there; -1 when there is none.
func (b *bench) unsound(s *scenarios.Scenario) int {
	plan, problems := topology.Compile(&s.Spec, s.Name)
	if len(problems) > 0 {
		return len(b.findings) - 1
	}
	for i, f := range b.findings {
		if f.refused != nil && !turnedDown(plan, f) || slices.ContainsFunc(f.made(), func(c scenarios.Check) bool { return !there(plan, &c) }) {
			return i
		}
	}
	return -1
}

// there reports whether all devices are there that a check speaks of: a subnet may have no
// address left for another machine.
func there(plan *topology.Plan, c *scenarios.Check) bool {
	var names []string
	for _, flow := range []*scenarios.Flow{c.Reach, c.Blocked} {
		if flow != nil {
			names = slices.Concat(names, flow.From, flow.To)
		}
	}
	if c.Addresses != nil {
		names = append(names, c.Addresses.Link)
	}
	if c.Link != nil {
		names = append(names, c.Link.Link)
	}
	return !slices.ContainsFunc(names, func(name string) bool {
		if strings.Contains(name, "/") {
			return plan.LAN.Device(topology.ParseRef(name, "")) == nil
		}
		return plan.LAN.Main(name) == nil
	})
}

func turnedDown(plan *topology.Plan, f *finding) bool {
	one := *plan
	for i := range f.before {
		next, err := one.Change(&f.before[i])
		if err != nil {
			return false
		}
		one.Commit(next)
	}
	problems := one.Try(&f.refused.change)
	if f.refused.errno != "" {
		return !slices.ContainsFunc(problems, func(p topology.Problem) bool { return !p.Kernel })
	}
	return len(problems) > 0 && strings.Contains(problems[0].Text, f.refused.Text)
}

// scenario is the file's own networks and endpoints, as far as the findings speak of
// them, with the host, another machine, and the gateways.
func (b *bench) scenario(key string) *scenarios.Scenario {
	s := &scenarios.Scenario{Name: "warning-" + key, Title: titles["order"]}
	for word, title := range titles {
		if strings.HasPrefix(key, word) {
			s.Title = title
		}
	}
	s.Docker = b.draft.spec.Docker
	networks := b.networks()
	for _, n := range networks {
		if spec, ok := b.draft.spec.Networks.Get(n.key); ok {
			s.Networks = append(s.Networks, topology.Item[topology.Network]{Name: n.key, Value: spec})
		}
	}
	b.endpoints(s)
	b.machines(s, networks)
	for i, f := range b.findings {
		f.Shown = nil
		for k, c := range f.made() {
			c.ID = fmt.Sprintf("%d-%s", i+1, f.ID)
			if k > 0 {
				c.ID = fmt.Sprintf("%d%c-%s", i+1, 'a'+rune(k%26), f.ID)
			}
			f.oneFamily(&c)
			f.Shown = append(f.Shown, c.ID)
			s.Checks = append(s.Checks, c)
		}
	}
	return s
}

// titles of the trials.
var titles = map[string]string{
	"wire":    "What is built as it is written, on a wire that carries any address",
	"one-mac": "Behind a port that admits the one address of the parent",
	"refused": "What the engine or the kernel refuses",
	"foreign": "Where the LAN's subnet is the parent's",
	"twin":    "Where two machines have one address",
	"order":   "What is refused when others come first",
}

// oneFamily has a check of a flow be a single one: of the family of the first address.
func (f *finding) oneFamily(c *scenarios.Check) {
	for _, flow := range []*scenarios.Flow{c.Reach, c.Blocked} {
		if flow == nil || slices.Contains(flow.Kind, "raw") || len(f.needs) == 0 {
			continue
		}
		flow.Family = scenarios.Values{"4"}
		if a := f.needs[0]; a.addressed() && a.device.Addresses[0].Addr().Is6() {
			flow.Family = scenarios.Values{"6"}
		}
	}
}
