package run

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/probe"
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
	also := func(name, want string, have func(*bench, *rtnl.State) string) {
		if want != "" {
			all = append(all, wish{name, want, have})
		}
	}
	also("kind", w.Kind, q.kind)
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
	for _, flag := range []struct {
		name string
		want *bool
	}{
		{"reorder_hdr", w.ReorderHdr},
		{"gvrp", w.GVRP},
		{"mvrp", w.MVRP},
		{"loose_binding", w.LooseBinding},
		{"bridge_binding", w.BridgeBinding},
	} {
		truth(flag.name, flag.want, func(s *rtnl.State) bool { return s.VLANFlags[flag.name] })
	}
	priorities := func(name string, want *map[int]int, have func(*rtnl.State) map[int]int) {
		if want != nil {
			wanted := *want
			if len(wanted) == 0 {
				wanted = nil
			}
			text(name, mapText(wanted), func(s *rtnl.State) string { return mapText(have(s)) })
		}
	}
	priorities("ingress_qos", w.IngressQoS, func(s *rtnl.State) map[int]int { return s.Ingress })
	priorities("egress_qos", w.EgressQoS, func(s *rtnl.State) map[int]int { return s.Egress })
	number("allmulticast", w.AllMulticast, func(s *rtnl.State) int { return s.AllMulti })
	for _, limit := range []struct {
		name string
		want *int
		have func(*rtnl.State) int
	}{
		{"min_mtu", w.MinMTU, func(s *rtnl.State) int { return s.MinMTU }},
		{"max_mtu", w.MaxMTU, func(s *rtnl.State) int { return s.MaxMTU }},
	} {
		if limit.want != nil {
			also(limit.name, fmt.Sprint(*limit.want), func(b *bench, s *rtnl.State) string { return fmt.Sprint(q.limit(b, *limit.want, limit.have(s))) })
		}
	}
	truth("noarp", w.NoARP, (*rtnl.State).NoARP)
	if w.Promiscuity != nil {
		also("promiscuity", fmt.Sprint(*w.Promiscuity), q.promiscuity)
	}
	number("id", w.ID, func(s *rtnl.State) int { return s.VID })
	number("bc_queue_len", w.BCQueueLen, func(s *rtnl.State) int { return s.BCQueueLen })
	number("bc_queue_len_used", w.BCQueueLenUsed, func(s *rtnl.State) int { return s.BCQueueUsed })
	number("bc_cutoff", w.BCCutoff, func(s *rtnl.State) int { return s.BCCutoff })
	number("tx_queue_len", w.TxQueueLen, func(s *rtnl.State) int { return s.TxQueueLen })
	return append(all, q.listRelated()...)
}

// kind is a device's; that of a real port is what the plan has in its place.
func (q *linkQuestion) kind(b *bench, s *rtnl.State) string {
	if d := b.plan.LAN.Device(q.ref); d != nil && d.Cable != nil {
		return d.Kind
	}
	return s.Kind
}

// limit is a limit of a device's MTU. Over a cable a child that has its parent's has what
// is wanted, which was written of a veth.
func (q *linkQuestion) limit(b *bench, want, have int) int {
	d := b.plan.LAN.Device(q.ref)
	if d != nil && b.plan.LAN.Root(d).Tested() && slices.Contains(b.cable.limits, have) {
		return want
	}
	return have
}

// promiscuity counts who has a device take all frames. Where a device has no filter of its
// own, the kernel is one of them as long as there are addresses beside its own
// (net/core/dev_addr_lists.c:__dev_set_rx_mode). A real port that has one counts as if it
// had none, as a veth.
func (q *linkQuestion) promiscuity(b *bench, s *rtnl.State) string {
	n := s.Promiscuity
	d := b.plan.LAN.Device(q.ref)
	if d == nil || !d.Tested() || !b.cable.filters {
		return fmt.Sprint(n)
	}
	c, err := b.conn(q.ref)
	if err != nil {
		return err.Error()
	}
	macs, err := c.Filter(s.Index)
	if err != nil {
		return err.Error()
	}
	if slices.ContainsFunc(macs, func(m net.HardwareAddr) bool { return len(m) > 0 && m[0]&1 == 0 }) {
		n++
	}
	return fmt.Sprint(n)
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
					return d.String() + elsewhere(d, q.ref, s)
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
			have := sorted(b.namesOf(*w.Sources, s))
			if len(s.Sources) != s.SourceCount {
				have += fmt.Sprintf(" (and is said to be %d)", s.SourceCount)
			}
			return have
		}})
	}
	if w.Filter != nil || len(w.Groups) > 0 || len(w.NotGroups) > 0 {
		all = append(all, q.listFilter()...)
	}
	return all
}

// elsewhere tells of a parent whose namespace the kernel does not report as it is:
// only of one in another does it name the namespace (IFLA_LINK_NETNSID).
func elsewhere(parent *topology.Device, child topology.Ref, s *rtnl.State) string {
	if named := s.ParentNSID >= 0; named != (parent.Node != child.Node) {
		return fmt.Sprintf(" (in namespace %d)", s.ParentNSID)
	}
	return ""
}

// listFilter are the expectations of the addresses that a device takes frames for.
func (q *linkQuestion) listFilter() []wish {
	w := q.want
	have := func(b *bench, s *rtnl.State, group bool) []string {
		c, err := b.conn(q.ref)
		if err != nil {
			return []string{err.Error()}
		}
		macs, err := c.Filter(s.Index)
		if err != nil {
			return []string{err.Error()}
		}
		var names []string
		for _, m := range macs {
			if len(m) > 0 && m[0]&1 == 1 == group {
				names = append(names, b.nameOf(written(w), m))
			}
		}
		return names
	}
	var all []wish
	if w.Filter != nil {
		all = append(all, wish{"filter", sorted(*w.Filter), func(b *bench, s *rtnl.State) string { return sorted(have(b, s, false)) }})
	}
	some := func(name string, list []string, wanted bool) {
		if len(list) == 0 {
			return
		}
		all = append(all, wish{name, sorted(list), func(b *bench, s *rtnl.State) string {
			groups := have(b, s, true)
			for _, g := range list {
				if slices.Contains(groups, g) != wanted {
					return sorted(groups)
				}
			}
			return sorted(list)
		}})
	}
	some("groups", w.Groups, true)
	some("not_groups", w.NotGroups, false)
	return all
}

// written are all addresses that are written in the expectation of a filter.
func written(w *scenarios.LinkState) []string {
	all := slices.Concat(w.Groups, w.NotGroups)
	if w.Filter != nil {
		all = append(all, *w.Filter...)
	}
	return all
}

// nameOf writes an address as the file wrote it.
func (b *bench) nameOf(written []string, mac net.HardwareAddr) string {
	for _, w := range written {
		if m, err := b.mac(w); err == nil && m.String() == mac.String() {
			return w
		}
	}
	return mac.String()
}

// namesOf writes a device's list of sources as the file wrote its own.
func (b *bench) namesOf(written []string, s *rtnl.State) []string {
	var names []string
	for _, have := range s.Sources {
		names = append(names, b.nameOf(written, have))
	}
	return names
}

// mapText writes a map in the order of its keys.
func mapText(m map[int]int) string {
	switch {
	case m == nil:
		return "none"
	case len(m) == 0:
		return "a map without entries"
	}
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%d:%d", k, m[k]))
	}
	return strings.Join(parts, " ")
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
	f, final := q.look(b)
	if final {
		return answer{Finding: f}
	}
	// The kernel reports some changes only after a while, and says when.
	var events *rtnl.Events
	if err := n.NS.Do(func() (err error) { events, err = rtnl.WatchLinksHere(); return err }); err != nil {
		return trouble(err)
	}
	defer events.Close()
	for deadline := time.Now().Add(settleLimit); ; {
		if f, final = q.look(b); final {
			return answer{Finding: f}
		}
		if err := events.Wait(time.Until(deadline)); errors.Is(err, unix.ETIMEDOUT) {
			f, _ = q.look(b) // of a filter there are no events
			return answer{Finding: f}
		} else if err != nil {
			return trouble(err)
		}
	}
}

// follows reports whether a kernel may report what a wish is about some time after it
// was brought about: linkwatch tells of carriers, stacks join groups when they get to
// it, and others' counts follow. The rest is as it is when the change is answered.
func (w *wish) follows() bool {
	return slices.Contains([]string{"up", "carrier", "operstate", "promiscuity", "allmulticast", "filter", "groups", "not_groups"}, w.name)
}

// look compares a device as it now is with what is expected. It is final when it will
// not be otherwise by itself.
func (q *linkQuestion) look(b *bench) (f probe.Finding, final bool) {
	exists := q.want.Exists == nil || *q.want.Exists
	s, err := b.state(q.ref)
	switch {
	case errors.Is(err, unix.ENODEV):
		return state(!exists, "there is no such device"), !exists
	case err != nil:
		return trouble(fmt.Errorf("ask for %s: %w", q.ref, err)).Finding, true
	case !exists: // what goes with its namespace takes a while
		return state(false, fmt.Sprintf("there is a %s of that name", s.Kind)), false
	}
	var have []string
	held := true
	for _, w := range q.list() {
		is := w.have(b, s)
		have = append(have, w.name+" "+is)
		held = held && is == w.want
		final = final || is != w.want && !w.follows()
	}
	if len(have) == 0 {
		have = []string{"the device exists"}
	}
	return state(held, strings.Join(have, ", ")), held || final
}
