package answer

import (
	"slices"
	"strings"

	"github.com/lanproof/lanproof/scenarios"
	"github.com/lanproof/lanproof/topology"
)

func title(files []string) string {
	if len(files) == 0 {
		return "what was written"
	}
	return strings.Join(files, ", ")
}

// stateChecks expect what endpoints were given: address, route, device.
func (d *Draft) stateChecks() []scenarios.Check {
	var all []scenarios.Check
	for _, e := range d.ends {
		if !e.built() {
			continue
		}
		for _, dev := range d.Plan.LAN.DevicesOf(e.node) {
			if d.built(dev.Network) == nil {
				continue
			}
			state := linkState(d.Plan.LAN, dev)
			if random := d.random(e, dev); random {
				state.MAC = ""
			}
			all = append(all, scenarios.Check{Link: state})
			var are []string
			for _, p := range dev.Addresses {
				are = append(are, p.String())
			}
			if len(are) > 0 {
				all = append(all, scenarios.Check{Addresses: &scenarios.Addresses{Link: dev.String(), Are: &are}})
			}
			for _, v6 := range []bool{false, true} {
				if via := d.defaultRoute(dev, v6); via != "" {
					all = append(all, scenarios.Check{Route: routeState(dev, via, v6)})
				}
			}
		}
	}
	return all
}

func linkState(lan *topology.LAN, dev *topology.Device) *scenarios.LinkState {
	l := &scenarios.LinkState{Link: dev.String(), Kind: dev.Kind, Mode: dev.Mode, Flag: dev.Flag, MAC: dev.MAC.String()}
	if dev.Parent != (topology.Ref{}) {
		l.Parent = dev.Parent.String()
	}
	if !dev.OwnMAC && l.Parent != "" {
		l.MAC, l.MACOf = "", l.Parent
	}
	return l
}

func routeState(dev *topology.Device, via string, v6 bool) *scenarios.RouteState {
	r := &scenarios.RouteState{Node: dev.Node, To: "default", Dev: dev.Link}
	if v6 {
		r.To = "default6"
	}
	if via != "link" {
		r.Via = via
	}
	return r
}

// reachChecks are the table as expectations: one check for all targets of a sender that
// fare alike, and one sender for all that have the same targets.
func (a *Answer) reachChecks() []scenarios.Check {
	type group struct {
		from, to []string
		family   string
		address  string
		reached  bool
	}
	var groups []*group
	for i, t := range a.attempts {
		p := &a.asked[i]
		if t.Reached == nil {
			continue
		}
		g := &group{from: []string{p.from.Node}, to: []string{p.to.Node}, family: strings.TrimPrefix(p.family(), "ipv"), reached: *t.Reached}
		if p.several {
			g.address = t.Address
		}
		same := slices.IndexFunc(groups, func(o *group) bool {
			return o.from[0] == g.from[0] && o.family == g.family && o.address == "" && g.address == "" && o.reached == g.reached
		})
		if same >= 0 {
			groups[same].to = append(groups[same].to, g.to[0])
			continue
		}
		groups = append(groups, g)
	}
	// Senders of the same targets, a sender being no target of its own.
	var merged []*group
	for _, g := range groups {
		same := slices.IndexFunc(merged, func(o *group) bool {
			return o.family == g.family && o.address == g.address && o.reached == g.reached && sameTargets(o.from, o.to, g.from[0], g.to)
		})
		if same < 0 {
			merged = append(merged, g)
			continue
		}
		m := merged[same]
		m.from = append(m.from, g.from[0])
		for _, t := range g.to {
			if !slices.Contains(m.to, t) {
				m.to = append(m.to, t)
			}
		}
	}
	var all []scenarios.Check
	for _, g := range merged {
		f := &scenarios.Flow{From: g.from, To: g.to, Family: scenarios.Values{g.family}, Address: g.address}
		if g.reached {
			all = append(all, scenarios.Check{Reach: f})
		} else {
			all = append(all, scenarios.Check{Blocked: f})
		}
	}
	return all
}

// sameTargets reports whether one more sender may join others: all of them have the same
// targets but for themselves.
func sameTargets(senders, targets []string, sender string, its []string) bool {
	want := map[string]bool{}
	for _, t := range targets {
		want[t] = true
	}
	for _, t := range its {
		want[t] = true
	}
	for _, s := range append(slices.Clone(senders), sender) {
		for t := range want {
			if t == s {
				continue
			}
			if s == sender && !slices.Contains(its, t) {
				return false
			}
			if s != sender && !slices.Contains(targets, t) {
				return false
			}
		}
	}
	return true
}
