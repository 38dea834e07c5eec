package run

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/scenarios"
	"github.com/lanproof/lanproof/topology"
)

// addressesQuestion asks which addresses a device has.
type addressesQuestion struct {
	want *scenarios.Addresses
	ref  topology.Ref
}

func (e *expansion) addresses(c *scenarios.Check) question {
	d, _ := e.device(c.Addresses.Link)
	if d == nil {
		e.fail(c.At, "there is no device %q", c.Addresses.Link)
		return nil
	}
	return &addressesQuestion{want: c.Addresses, ref: d.Ref}
}

func (q *addressesQuestion) describe() (id, title, expected string) {
	var want []string
	if q.want.Are != nil {
		want = append(want, "exactly "+sorted(*q.want.Are))
	}
	if len(q.want.Include) > 0 {
		want = append(want, "among others "+sorted(q.want.Include))
	}
	if len(q.want.Exclude) > 0 {
		want = append(want, "none of "+sorted(q.want.Exclude))
	}
	if l := q.want.LinkLocal; l != nil {
		want = append(want, map[bool]string{true: "a link-local one", false: "no link-local one"}[*l])
	}
	return "addresses-" + q.want.Link, "the addresses of " + q.want.Link, strings.Join(want, ", ")
}

func (q *addressesQuestion) ask(_ context.Context, b *bench) answer {
	c, err := b.conn(q.ref)
	if err != nil {
		return trouble(err)
	}
	s, err := c.LinkByName(q.ref.Link)
	if err != nil {
		return trouble(fmt.Errorf("ask for %s: %w", q.ref, err))
	}
	all, err := c.AllAddresses()
	if err != nil {
		return trouble(fmt.Errorf("ask for the addresses of %s: %w", q.ref.Node, err))
	}
	var have, local []string
	for _, a := range all {
		switch {
		case a.Index != s.Index:
		case a.LinkLocal():
			local = append(local, a.Prefix.String())
		default:
			have = append(have, a.Prefix.String())
		}
	}
	if l := q.want.LinkLocal; l != nil {
		return answer{Finding: state(q.holds(have) && (len(local) > 0) == *l, sorted(have)+", link-local "+sorted(local))}
	}
	return answer{Finding: state(q.holds(have), sorted(have))}
}

func (q *addressesQuestion) holds(have []string) bool {
	if q.want.Are != nil && sorted(have) != sorted(*q.want.Are) {
		return false
	}
	has := func(a string) bool { return slices.Contains(have, a) }
	return !slices.ContainsFunc(q.want.Include, func(a string) bool { return !has(a) }) && !slices.ContainsFunc(q.want.Exclude, has)
}

// routeQuestion asks for a route.
type routeQuestion struct{ want *scenarios.RouteState }

func (e *expansion) route(c *scenarios.Check) question {
	if _, err := routePrefix(c.Route.To); err != nil {
		e.fail(c.At, "%v", err)
		return nil
	}
	return &routeQuestion{c.Route}
}

func routePrefix(to string) (netip.Prefix, error) {
	switch to {
	case "default":
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0), nil
	case "default6":
		return netip.PrefixFrom(netip.IPv6Unspecified(), 0), nil
	}
	p, err := netip.ParsePrefix(to)
	if err != nil {
		return p, fmt.Errorf("%q is neither default, default6 nor a prefix", to)
	}
	return p, nil
}

func (q *routeQuestion) describe() (id, title, expected string) {
	w := q.want
	id = "route-" + w.Node + "-" + strings.ReplaceAll(w.To, ":", ".")
	if w.Exists != nil && !*w.Exists {
		return id + "-none", fmt.Sprintf("%s has no route to %s", w.Node, w.To), "no such route"
	}
	var parts []string
	for _, p := range [][2]string{{"via", w.Via}, {"dev", w.Dev}, {"scope", w.Scope}, {"source", w.Source}} {
		if p[1] != "" {
			parts = append(parts, p[0]+" "+p[1])
		}
	}
	return id, fmt.Sprintf("%s's route to %s", w.Node, w.To), strings.TrimSpace(w.To + " " + strings.Join(parts, " "))
}

func (q *routeQuestion) ask(_ context.Context, b *bench) answer {
	n := b.lab.Node(q.want.Node)
	if n == nil {
		return trouble(fmt.Errorf("there is no node %s", q.want.Node))
	}
	to, err := routePrefix(q.want.To)
	if err != nil {
		return trouble(err)
	}
	all, err := n.Conn.Routes()
	if err != nil {
		return trouble(fmt.Errorf("ask for the routes of %s: %w", q.want.Node, err))
	}
	var have []string
	held := false
	for _, r := range all {
		if r.To != to {
			continue
		}
		text := q.want.To
		if r.Via.IsValid() {
			text += " via " + r.Via.String()
		}
		dev := b.linkName(q.want.Node, r.Index)
		text += fmt.Sprintf(" dev %s scope %s", dev, r.Scope)
		if r.Source.IsValid() {
			text += " source " + r.Source.String()
		}
		have = append(have, text)
		held = held || q.fits(r, dev)
	}
	exists := q.want.Exists == nil || *q.want.Exists
	if !exists {
		held = len(have) == 0
	}
	if len(have) == 0 {
		have = []string{"no such route"}
	}
	return answer{Finding: state(held, strings.Join(have, "; "))}
}

func (q *routeQuestion) fits(r rtnl.RouteEntry, dev string) bool {
	w := q.want
	same := func(want, have string) bool { return want == "" || want == have }
	text := func(a netip.Addr) string {
		if !a.IsValid() {
			return "none"
		}
		return a.String()
	}
	return same(w.Via, text(r.Via)) && same(w.Dev, dev) && same(w.Scope, r.Scope) && same(w.Source, text(r.Source))
}
