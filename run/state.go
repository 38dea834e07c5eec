package run

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/probe"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/scenarios"
	"github.com/lanproof/lanproof/topology"
)

// linkQuestion asks what the kernel reports of a device.
type linkQuestion struct {
	want *scenarios.LinkState
	ref  topology.Ref
}

func (e *expansion) link(c *scenarios.Check) question {
	return &linkQuestion{want: c.Link, ref: topology.ParseRef(c.Link.Link, "")}
}

func (q *linkQuestion) describe() (id, title, expected string) {
	id = "link-" + q.want.Link
	if q.want.Exists != nil && !*q.want.Exists {
		return id + "-gone", fmt.Sprintf("%s does not exist", q.want.Link), "there is no such device"
	}
	return id, fmt.Sprintf("%s is reported as it should be", q.want.Link), strings.Join(q.wishes(), ", ")
}

// wish is one expectation of a device: how it reads, and what is.
type wish struct {
	name, want string
	have       func(b *bench, s *rtnl.State) string
}

func (q *linkQuestion) wishes() []string {
	var all []string
	for _, w := range q.list() {
		all = append(all, w.name+" "+w.want)
	}
	if len(all) == 0 {
		all = []string{"the device exists"}
	}
	return all
}

// list is the table of everything that can be expected of a device.
func (q *linkQuestion) list() []wish {
	var all []wish
	w := q.want
	text := func(name, want string, have func(*rtnl.State) string) {
		if want != "" {
			all = append(all, wish{name, want, func(_ *bench, s *rtnl.State) string { return have(s) }})
		}
	}
	number := func(name string, want *int, have func(*rtnl.State) int) {
		if want != nil {
			text(name, fmt.Sprint(*want), func(s *rtnl.State) string { return fmt.Sprint(have(s)) })
		}
	}
	truth := func(name string, want *bool, have func(*rtnl.State) bool) {
		if want != nil {
			text(name, yesNo(*want), func(s *rtnl.State) string { return yesNo(have(s)) })
		}
	}
	text("kind", w.Kind, func(s *rtnl.State) string { return s.Kind })
	text("mode", w.Mode, func(s *rtnl.State) string { return s.Mode })
	text("flag", w.Flag, func(s *rtnl.State) string { return s.Flag })
	text("mac", strings.ToLower(w.MAC), func(s *rtnl.State) string { return s.MAC.String() })
	text("protocol", w.Protocol, func(s *rtnl.State) string { return s.Protocol })
	if w.MTU != 0 {
		number("mtu", &w.MTU, func(s *rtnl.State) int { return s.MTU })
	}
	if len(w.Operstate) > 0 {
		text("operstate", strings.Join(w.Operstate, " or "), func(s *rtnl.State) string {
			if slices.Contains(w.Operstate, s.Operstate) {
				return strings.Join(w.Operstate, " or ")
			}
			return s.Operstate
		})
	}
	truth("up", w.Up, (*rtnl.State).Up)
	truth("carrier", w.Carrier, func(s *rtnl.State) bool { return s.Carrier })
	truth("reorder_hdr", w.ReorderHdr, func(s *rtnl.State) bool { return s.ReorderHdr })
	truth("noarp", w.NoARP, (*rtnl.State).NoARP)
	number("promiscuity", w.Promiscuity, func(s *rtnl.State) int { return s.Promiscuity })
	number("id", w.ID, func(s *rtnl.State) int { return s.VID })
	number("bc_queue_len", w.BCQueueLen, func(s *rtnl.State) int { return s.BCQueueLen })
	number("bc_queue_len_used", w.BCQueueLenUsed, func(s *rtnl.State) int { return s.BCQueueUsed })
	number("bc_cutoff", w.BCCutoff, func(s *rtnl.State) int { return s.BCCutoff })
	number("tx_queue_len", w.TxQueueLen, func(s *rtnl.State) int { return s.TxQueueLen })
	return append(all, q.listRelated()...)
}

// listRelated are the expectations that name other devices, and lists.
func (q *linkQuestion) listRelated() []wish {
	var all []wish
	w := q.want
	if w.Flags != nil {
		want := sorted(*w.Flags)
		all = append(all, wish{"flags", want, func(_ *bench, s *rtnl.State) string { return sorted(s.MacvlanFlags) }})
	}
	if w.Parent != "" {
		all = append(all, wish{"parent", w.Parent, func(b *bench, s *rtnl.State) string {
			for _, d := range b.plan.LAN.Devices {
				if d.Index == s.Parent {
					return d.String()
				}
			}
			return fmt.Sprintf("ifindex %d", s.Parent)
		}})
	}
	if w.MACOf != "" {
		all = append(all, wish{"mac of", w.MACOf, func(b *bench, s *rtnl.State) string {
			other, err := b.state(topology.ParseRef(w.MACOf, ""))
			if err == nil && other.MAC.String() == s.MAC.String() {
				return w.MACOf
			}
			return s.MAC.String()
		}})
	}
	if w.Sources != nil {
		all = append(all, wish{"sources", sorted(*w.Sources), func(b *bench, s *rtnl.State) string {
			return sorted(b.namesOf(*w.Sources, s))
		}})
	}
	return all
}

// namesOf writes a device's list of sources as the file wrote its own.
func (b *bench) namesOf(written []string, s *rtnl.State) []string {
	var names []string
	for _, have := range s.Sources {
		name := have.String()
		for _, w := range written {
			if m, err := b.mac(w); err == nil && m.String() == name {
				name = w
			}
		}
		names = append(names, name)
	}
	return names
}

func sorted(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(slices.Values(list)), " ")
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// state asks the kernel for a device by its name.
func (b *bench) state(r topology.Ref) (*rtnl.State, error) {
	c, err := b.conn(r)
	if err != nil {
		return nil, err
	}
	return c.LinkByName(r.Link)
}

// settleLimit is how long a device's carrier and operstate may take to follow:
// linkwatch is allowed a second between events (net/core/link_watch.c), and an
// emulated machine takes longer for everything.
const settleLimit = 4 * time.Second

func (q *linkQuestion) ask(_ context.Context, b *bench) answer {
	n := b.lab.Node(q.ref.Node)
	if n == nil {
		return trouble(fmt.Errorf("there is no node %s", q.ref.Node))
	}
	f := q.look(b)
	if f.Trouble != nil || f.Held {
		return answer{Finding: f}
	}
	// The kernel reports some changes only after a while, and says when.
	var events *rtnl.Events
	if err := n.NS.Do(func() (err error) { events, err = rtnl.WatchLinksHere(); return err }); err != nil {
		return trouble(err)
	}
	defer events.Close()
	for deadline := time.Now().Add(settleLimit); ; {
		if f = q.look(b); f.Trouble != nil || f.Held {
			return answer{Finding: f}
		}
		if err := events.Wait(time.Until(deadline)); errors.Is(err, unix.ETIMEDOUT) {
			return answer{Finding: f}
		} else if err != nil {
			return trouble(err)
		}
	}
}

// look compares a device as it now is with what is expected.
func (q *linkQuestion) look(b *bench) probe.Finding {
	exists := q.want.Exists == nil || *q.want.Exists
	s, err := b.state(q.ref)
	switch {
	case errors.Is(err, unix.ENODEV):
		return state(!exists, "there is no such device")
	case err != nil:
		return trouble(fmt.Errorf("ask for %s: %w", q.ref, err)).Finding
	case !exists:
		return state(false, fmt.Sprintf("there is a %s of that name", s.Kind))
	}
	var have []string
	held := true
	for _, w := range q.list() {
		is := w.have(b, s)
		have = append(have, w.name+" "+is)
		held = held && is == w.want
	}
	if len(have) == 0 {
		have = []string{"the device exists"}
	}
	return state(held, strings.Join(have, ", "))
}

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
	all, err := c.Addresses()
	if err != nil {
		return trouble(fmt.Errorf("ask for the addresses of %s: %w", q.ref.Node, err))
	}
	var have []string
	for _, a := range all {
		if a.Index == s.Index {
			have = append(have, a.Prefix.String())
		}
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

// refusedQuestion asks whether a change is refused, and why.
type refusedQuestion struct {
	want  *scenarios.Refused
	errno unix.Errno
	what  string
}

func (e *expansion) refused(c *scenarios.Check) question {
	q := &refusedQuestion{want: c.Refused}
	if c.Refused.Errno != "" {
		if q.errno = errnoByName(c.Refused.Errno); q.errno == 0 {
			e.fail(c.At, "unknown errno %q", c.Refused.Errno)
		}
	}
	for i := range c.Refused.Do {
		last := i == len(c.Refused.Do)-1
		next, err := e.plan.Change(&c.Refused.Do[i])
		switch {
		case err == nil:
			e.need(next.Ops)
			if !last {
				e.plan.Commit(next)
			}
		case !last || q.errno != 0:
			// Only the engine itself could refuse this, and it would not by errno.
			e.fail(c.At, "%v", err)
		}
	}
	q.what = whatOf(c.Refused.Do)
	return q
}

// whatOf names the last change.
func whatOf(do []topology.Change) string {
	if len(do) == 0 {
		return "nothing"
	}
	c := do[len(do)-1]
	switch {
	case c.Add != nil:
		return fmt.Sprintf("adding %s %s/%s", c.Add.Kind, c.Add.Node, c.Add.Name)
	case c.Set != nil:
		return "setting " + c.Set.Link
	case c.Delete != "":
		return "deleting " + c.Delete
	case c.Move != nil:
		return "moving " + c.Move.Link
	case c.Network != nil:
		return "making network " + c.Network.Name
	case c.RemoveNetwork != "":
		return "removing network " + c.RemoveNetwork
	case c.Attach != nil:
		return fmt.Sprintf("attaching %s to %s", c.Attach.Endpoint, c.Attach.Network)
	case c.Detach != nil:
		return fmt.Sprintf("detaching %s from %s", c.Detach.Endpoint, c.Detach.Network)
	case c.Address != nil:
		return fmt.Sprintf("adding %s to %s", c.Address.Address, c.Address.Link)
	case c.RemoveAddress != nil:
		return fmt.Sprintf("removing %s from %s", c.RemoveAddress.Address, c.RemoveAddress.Link)
	}
	return "changing the switch"
}

func (q *refusedQuestion) describe() (id, title, expected string) {
	var by []string
	if q.want.Errno != "" {
		by = append(by, "with "+q.want.Errno)
	}
	if q.want.Reason != "" {
		by = append(by, fmt.Sprintf("because %q", q.want.Reason))
	}
	return "refused-" + strings.ReplaceAll(q.what, " ", "-"), q.what + " is refused", "refused " + strings.Join(by, " and ")
}

func (q *refusedQuestion) ask(_ context.Context, b *bench) answer {
	last := len(q.want.Do) - 1
	for i := range q.want.Do[:last] {
		err := b.change(&q.want.Do[i])
		if t, ok := turnedDown(err, false); ok {
			return answer{Finding: probe.Finding{Proof: reports.ProofErrno, Observed: fmt.Sprintf("what has to come before was refused: %s: %s", t.command, t.answer)}}
		}
		if err != nil {
			return trouble(fmt.Errorf("prepare: %w", err))
		}
	}
	err := b.change(&q.want.Do[last])
	if err := b.refresh(); err != nil {
		return trouble(err)
	}
	var refused *errRefused
	switch {
	case err == nil:
		return answer{Finding: probe.Finding{Proof: reports.ProofErrno, Observed: "it was not refused"}}
	case !errors.As(err, &refused):
		return trouble(err)
	}
	text := refused.err.Error()
	if refused.op != nil {
		text = probe.ErrnoText(refused.err)
		if words := refused.err.Error(); strings.Contains(words, ": ") {
			text += ": " + words
		}
	}
	held := (q.errno == 0 || errors.Is(err, q.errno)) && strings.Contains(refused.err.Error(), q.want.Reason)
	return answer{Finding: probe.Finding{Held: held, Proof: reports.ProofErrno, Observed: "refused: " + text}}
}
