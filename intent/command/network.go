package command

import (
	"strconv"
	"strings"

	"github.com/lanproof/lanproof/intent"
)

// engine reads the command lines of one engine.
type engine struct {
	*state
	podman bool
	kind   intent.Engine
	// cmd is the word docker or podman itself, and text the command's.
	cmd  word
	text string
	// tolerated is set where the script goes on when the command fails.
	tolerated bool
	// once is set where a command ends before the next one begins.
	once bool
	// prose is set where the words stand in a text, which may be a sentence.
	prose bool
	// made is the name of what was made last.
	made string
	// said is set once the program has refused the command; it says no second word.
	said bool
}

func (e *engine) gap(of, part string, w word) {
	switch part {
	case "ip-range":
		part = "ip_range"
	case "aux-address", "aux-addresses":
		part = "aux_address"
	case "mac-address":
		part = "mac"
	}
	e.unread(intent.Unread{Place: w.at, Text: w.src, Why: w.why(), Of: of, Part: part})
}

func (e *engine) problem(of string, p problem) {
	if !e.said {
		e.refused(intent.Refused{Place: p.at.at, Command: e.cmd.at, Text: e.text, Why: plain(p.why), Of: of})
	}
	e.said = true
}

// problems tells what is wrong with the words themselves, which a program looks at first.
func (e *engine) problems(of string, a *args) {
	for _, p := range a.problems {
		e.problem(of, p)
	}
	for _, w := range a.unknown {
		e.gap(of, "", w)
	}
}

// value is a flag's value, and nothing with a note when it is not known.
func (e *engine) value(of, part string, w word, ok bool) intent.Value {
	switch {
	case !ok:
		return intent.Value{}
	case !w.known():
		e.gap(of, part, w)
		return intent.Value{}
	}
	return w.value()
}

// name is a word that only gives something a name.
func (e *engine) name(of, part string, w word) string {
	if !w.known() {
		if of == "" {
			of = w.symbol()
		}
		e.gap(of, part, w)
	}
	return w.symbol()
}

func (e *engine) flag(of string, a *args, name string) intent.Flag {
	w, ok := a.get(name)
	if !ok {
		return intent.Flag{}
	}
	if !w.known() {
		e.gap(of, name, w)
		return intent.Flag{}
	}
	return intent.Flag{Known: true, Is: isTrue(w.text), Place: w.at}
}

// options are key=value words.
func (e *engine) options(of string, ws []word) []intent.Option {
	var out []intent.Option
	for _, w := range ws {
		k, v, _ := w.split("=")
		if !k.known() {
			e.gap(of, "", k)
			continue
		}
		out = append(out, e.option(of, k, v))
	}
	return out
}

// option is one option; a parent that is not known has the name of what it is called, cut
// to what fits into a device's name together with a VLAN's number.
func (e *engine) option(of string, k, v word) intent.Option {
	o := intent.Option{Key: k.text, Place: k.at, Value: v.value()}
	if v.known() {
		return o
	}
	e.gap(of, k.text, v)
	o.Value = intent.Value{}
	if k.text == "parent" {
		base, vlan, dotted := strings.Cut(v.symbol(), ".")
		if base = base[:min(len(base), 10)]; dotted {
			base += "." + vlan
		}
		o.Value = intent.Value{Text: base, Place: v.at}
	}
	return o
}

// createNetwork reads docker network create and podman's.
func (e *engine) createNetwork(ws []word) {
	t, _, _ := tables(e.podman)
	a := t.parse(ws, 1)
	if _, ok := a.get("help"); ok || e.sentence(&a, 1) {
		return
	}
	name, ok := e.networkName(&a)
	if !ok {
		return // and it has said so
	}
	if e.now.Network(name) != nil || e.config(name) != nil {
		if len(a.rest) == 0 || a.rest[len(a.rest)-1].known() {
			e.taken(name, &a)
		}
		return
	}
	if !e.making(e.cmd.at) {
		return
	}
	e.problems(name, &a)
	n := e.network(name, &a)
	e.made = name
	if f := e.flag(name, &a, "config-only"); f.Is {
		e.configs = append(e.configs, n)
		return
	}
	e.now.Networks = append(e.now.Networks, n)
}

// networkName is the network's name; a network without one gets none of Docker.
func (e *engine) networkName(a *args) (string, bool) {
	if len(a.problems) > 0 && len(a.rest) != 1 {
		e.problems("", a)
	}
	switch {
	case len(a.rest) == 1:
		return e.name("", "", a.rest[0]), true
	case e.podman && len(a.rest) == 0:
		for i := 1; ; i++ {
			// containers/common libnetwork/internal/util/create.go: the first free one.
			if name := "podman" + strconv.Itoa(i); e.now.Network(name) == nil {
				return name, true
			}
		}
	case e.podman:
		e.problem("", problem{e.cmd, "accepts at most 1 arg(s), received " + strconv.Itoa(len(a.rest))})
	default:
		// docker/cli cli/required.go:ExactArgs
		e.problem("", problem{e.cmd, "'docker network create' requires 1 argument"})
	}
	if len(a.rest) == 0 {
		return "", false
	}
	return e.name("", "", a.rest[len(a.rest)-1]), true
}

func (e *engine) taken(name string, a *args) {
	if e.tolerated || a.is("ignore") {
		return
	}
	why := "network with name " + name + " already exists" // moby daemon/network.go
	if e.podman {
		why = "network name " + name + " already used: network already exists"
	}
	e.problem(name, problem{e.cmd, why})
}

func (e *engine) network(name string, a *args) intent.Network {
	n := intent.Network{Name: name, Engine: e.kind, Place: e.cmd.at}
	if w, ok := a.get("config-from"); ok {
		e.configFrom(&n, w)
	}
	if w, ok := a.get("driver"); ok {
		n.Driver = e.value(name, "driver", w, true)
	}
	n.Options = append(n.Options, e.options(name, a.all("opt"))...)
	if w, ok := a.get("ipam-driver"); ok {
		n.IPAM = e.value(name, "ipam-driver", w, true)
	}
	for _, f := range []struct {
		name string
		to   *intent.Flag
	}{{"internal", &n.Internal}, {"ipv4", &n.IPv4}, {"ipv6", &n.IPv6}} {
		if got := e.flag(name, a, f.name); got.Known {
			*f.to = got
		}
	}
	if e.podman {
		e.podmanNetwork(&n, a)
		n.Subnets = e.podmanPools(name, a)
	} else if pools := e.dockerPools(name, a); pools != nil {
		n.Subnets = pools
	}
	return n
}

// configFrom gives a network what a configuration-only network says (moby
// daemon/libnetwork/network.go:applyConfigurationTo).
func (e *engine) configFrom(n *intent.Network, w word) {
	from := e.config(w.symbol())
	if from == nil {
		e.unread(intent.Unread{Place: w.at, Text: w.src, Why: "the configuration " + w.symbol() + " is not in this file", Of: n.Name})
		return
	}
	n.Options = append(n.Options, from.Options...)
	n.Subnets, n.IPAM = from.Subnets, from.IPAM
	n.Internal, n.IPv4, n.IPv6 = from.Internal, from.IPv4, from.IPv6
}

// podmanNetwork reads what only Podman has.
func (e *engine) podmanNetwork(n *intent.Network, a *args) {
	if w, ok := a.get("interface-name"); ok {
		n.Options = append(n.Options, e.option(n.Name, word{text: "interface-name", at: w.at}, w))
	}
	if w, ok := a.get("macvlan"); ok {
		n.Driver = intent.Value{Text: "macvlan", Place: w.at}
		n.Options = append(n.Options, e.option(n.Name, word{text: "parent", at: w.at}, w))
	}
	for _, w := range a.all("route") {
		parts := w.list(",")
		r := intent.Route{To: e.value(n.Name, "route", parts[0], true), Place: w.at}
		if len(parts) > 1 {
			r.Via = e.value(n.Name, "route", parts[1], true)
		}
		n.Routes = append(n.Routes, r)
	}
}

// connect reads docker network connect NETWORK CONTAINER.
func (e *engine) connect(ws []word) {
	_, t, _ := tables(e.podman)
	a := t.parse(ws, 2)
	if _, ok := a.get("help"); ok || e.sentence(&a, 2) {
		return
	}
	if len(a.rest) != 2 {
		e.problems("", &a)
		e.problem("", problem{e.cmd, "'" + string(e.kind) + " network connect' requires 2 arguments"})
		return
	}
	ctr := a.rest[1].symbol()
	ep := e.endpoint(ctr)
	if ep == nil {
		if !e.making(e.cmd.at) {
			return
		}
		e.now.Endpoints = append(e.now.Endpoints, intent.Endpoint{Name: ctr, Engine: e.kind, Place: e.cmd.at})
		ep = &e.now.Endpoints[len(e.now.Endpoints)-1]
		e.unread(intent.Unread{
			Place: a.rest[1].at, Text: a.rest[1].src, Of: ctr,
			Why: "the container " + ctr + " is not made in this file, and what else it is on is not known here",
		})
	} else if !e.making(e.cmd.at) {
		return
	}
	e.problems(ctr, &a)
	at := e.attachment(ctr, &a)
	at.Network, at.Place = e.name(ctr, "network", a.rest[0]), a.rest[0].at
	at.Options = e.options(ctr, a.all("driver-opt"))
	for _, w := range a.all("link-local-ip") {
		at.LinkLocal = append(at.LinkLocal, e.value(ctr, "link-local-ip", w, true))
	}
	ep.Attach = append(ep.Attach[:len(ep.Attach):len(ep.Attach)], at)
}

// attachment is what the flags of one attachment say.
func (e *engine) attachment(of string, a *args) intent.Attachment {
	get := func(name string) intent.Value {
		w, ok := a.get(name)
		return e.value(of, name, w, ok)
	}
	return intent.Attachment{
		IP: get("ip"), IP6: get("ip6"), MAC: get("mac-address"), GatewayPriority: get("gw-priority"),
	}
}

// disconnect reads docker network disconnect NETWORK CONTAINER.
func (e *engine) disconnect(ws []word) {
	a := table{"f=force help", "", true}.parse(ws, 2)
	if len(a.rest) != 2 {
		return
	}
	ep := e.endpoint(a.rest[1].symbol())
	if ep == nil {
		return
	}
	var keep []intent.Attachment
	for _, at := range ep.Attach {
		if at.Network != a.rest[0].symbol() {
			keep = append(keep, at)
		}
	}
	ep.Attach = keep
}

// removeNetwork reads docker network rm.
func (e *engine) removeNetwork(ws []word) {
	a := table{"f=force help", "t=time", true}.parse(ws, 1)
	// A network goes only when nothing is on it any more, so that what was on it alone has
	// gone before.
	e.removeEndpoints(func(x *intent.Endpoint) bool {
		for _, at := range x.Attach {
			if !named(a.rest, at.Network) || e.now.Network(at.Network) == nil {
				return false
			}
		}
		return len(x.Attach) > 0
	})
	e.removeNetworks(func(n *intent.Network) bool { return named(a.rest, n.Name) })
}

// pruneNetworks reads docker network prune: what no container is on goes.
func (e *engine) pruneNetworks() {
	e.removeNetworks(func(n *intent.Network) bool {
		for _, ep := range e.now.Endpoints {
			for _, at := range ep.Attach {
				if at.Network == n.Name {
					return false
				}
			}
		}
		return true
	})
}

func named(ws []word, name string) bool {
	for _, w := range ws {
		if w.symbol() == name {
			return true
		}
	}
	return false
}
