package run

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/lanproof/lanproof/probe"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/scenarios"
	"github.com/lanproof/lanproof/topology"
)

// onWire sends a frame by a device so that it comes out of its host, and
// returns the frames as they came out.
func (b *bench) onWire(ctx context.Context, from topology.Ref, priority int) ([]probe.Sighting, *probe.Observation, error) {
	d := b.plan.LAN.Device(from)
	if d == nil {
		return nil, nil, fmt.Errorf("there is no device %s any more", from)
	}
	at, _, ok := b.plan.LAN.Wire(d)
	if !ok {
		return nil, nil, fmt.Errorf("the frames of %s come out nowhere: nothing under it is plugged into the switch", from)
	}
	flow, err := b.wireFlow(d, priority)
	if err != nil {
		return nil, nil, err
	}
	if flow.From, err = b.port(from); err != nil {
		return nil, nil, err
	}
	if flow.To, err = b.port(at); err != nil {
		return nil, nil, err
	}
	o := b.field.Probe(ctx, &flow)
	if o.Trouble != nil {
		return nil, o, o.Trouble
	}
	if o.SendErr != nil {
		return nil, o, &errUnsent{from, o.SendErr}
	}
	var out []probe.Sighting
	for _, s := range o.Sightings {
		if s.Ours && s.Node == at.Node && s.Link == at.Link {
			out = append(out, s)
		}
	}
	return out, o, nil
}

// errUnsent wraps what a kernel says that will not send a frame.
type errUnsent struct {
	from topology.Ref
	err  error
}

func (e *errUnsent) Error() string { return fmt.Sprintf("send from %s: %v", e.from, e.err) }

func (e *errUnsent) Unwrap() error { return e.err }

// nothingOnWire is the answer where no frame came out because of an error. A
// kernel that will not send is an answer; the rest is trouble.
func nothingOnWire(err error) answer {
	var unsent *errUnsent
	if errors.As(err, &unsent) {
		return answer{Finding: probe.Finding{Proof: reports.ProofErrno, Observed: fmt.Sprintf("sending from %s was refused: %s", unsent.from, probe.ErrnoText(unsent.err))}}
	}
	return trouble(err)
}

// Addresses for documentation (RFC 5737, RFC 3849), which no device has.
var (
	elsewhere4   = netip.MustParseAddr("198.51.100.1")
	elsewhere6   = netip.MustParseAddr("2001:db8:ffff::1")
	elsewhereMAC = net.HardwareAddr{0x02, 0x4c, 0x50, 0xde, 0xad, 0x43}
)

// wireFlow is a frame that any device's frames can be told by: a raw broadcast,
// or a datagram where a socket's priority matters. What is no packet to a
// single address does not get out of an ipvlan in layer 3, whose parent's stack
// sends the rest (ipvlan_core.c:ipvlan_process_outbound); that one is told
// where the packet goes.
func (b *bench) wireFlow(d *topology.Device, priority int) (probe.Flow, error) {
	flow := probe.Flow{Kind: probe.Raw, Cast: probe.Broadcast, OnWire: true, Priority: priority}
	layer3 := d.Kind == topology.KindIpvlan && d.Mode != "l2"
	if priority == 0 && !layer3 {
		return flow, nil
	}
	if len(d.Addresses) == 0 {
		return flow, fmt.Errorf("%s has no address to send packets from", d.Ref)
	}
	flow.Kind, flow.Source, flow.Bind = probe.UDP, d.Addresses[0].Addr(), true
	flow.Target = elsewhere4
	if flow.Source.Is6() {
		flow.Target = elsewhere6
	}
	if !layer3 {
		return flow, nil
	}
	parent, err := b.port(d.Parent)
	flow.Cast = probe.Unicast
	flow.Neighbours = []probe.Neighbour{{At: parent, IP: flow.Target, MAC: elsewhereMAC}}
	return flow, err
}

// macsQuestion asks which source addresses frames carry on the wire.
type macsQuestion struct {
	of    []topology.Ref
	names []string
	are   string
}

func (e *expansion) macs(c *scenarios.Check) question {
	q := &macsQuestion{are: c.MACs.Are, names: c.MACs.Of}
	for _, name := range c.MACs.Of {
		d, _ := e.device(name)
		if d == nil {
			e.fail(c.At, "there is no device %q", name)
			return nil
		}
		q.of = append(q.of, d.Ref)
	}
	if q.are == "" {
		q.are = "unique"
	}
	return q
}

func (q *macsQuestion) describe() (id, title, expected string) {
	names := strings.Join(q.names, ", ")
	id = "macs-" + q.are + "-" + strings.Join(q.names, "-")
	if q.are == "shared" {
		return id, names + " share the parent's MAC address on the wire", "every frame carries the parent's address"
	}
	return id, names + " have MAC addresses of their own on the wire", "every frame carries its sender's configured address, no two the same, none the parent's"
}

func (q *macsQuestion) ask(ctx context.Context, b *bench) answer {
	var a answer
	var seen []string
	held := true
	users := map[string]topology.Ref{}
	for _, r := range q.of {
		d := b.plan.LAN.Device(r)
		if d == nil {
			return trouble(fmt.Errorf("there is no device %s any more", r))
		}
		frames, o, err := b.onWire(ctx, r, 0)
		if err != nil {
			return nothingOnWire(err)
		}
		a.more = append(a.more, o)
		if len(frames) == 0 {
			return answer{Finding: probe.Finding{Proof: reports.ProofState, Observed: fmt.Sprintf("no frame of %s came out on the wire", r)}, more: a.more}
		}
		parent := b.plan.LAN.Root(d)
		for _, s := range frames {
			mac := s.Source.String()
			isParent := parent != d && mac == parent.MAC.String()
			other, taken := users[mac]
			taken = taken && other != r
			users[mac] = r
			ok := mac == d.MAC.String() && !isParent && !taken
			if q.are == "shared" {
				ok = isParent
			}
			held = held && ok
			seen = append(seen, fmt.Sprintf("%s sends as %s", r, mac))
		}
	}
	a.Finding = probe.Finding{Held: held, Proof: reports.ProofReceived, Observed: strings.Join(seen, ", ")}
	return a
}

// tagQuestion asks which tags a sender's frames carry on the wire.
type tagQuestion struct {
	from     topology.Ref
	name     string
	tags     []probe.Tag
	priority int
}

func (e *expansion) tags(c *scenarios.Check) []question {
	var qs []question
	for _, name := range c.Tag.From {
		d, _ := e.device(name)
		if d == nil {
			e.fail(c.At, "there is no device %q", name)
			continue
		}
		qs = append(qs, &tagQuestion{from: d.Ref, name: name, tags: e.tagList(c, c.Tag.Tags), priority: c.Tag.Priority})
	}
	return qs
}

func (q *tagQuestion) describe() (id, title, expected string) {
	id = "tag-" + q.name
	if q.priority > 0 {
		id += fmt.Sprintf("-priority%d", q.priority)
	}
	if len(q.tags) == 0 {
		return id + "-none", q.name + "'s frames are untagged on the wire", "untagged frames only"
	}
	return id, fmt.Sprintf("%s's frames are tagged %s on the wire", q.name, tagText(q.tags)), "frames with " + tagText(q.tags) + " only"
}

func tagText(tags []probe.Tag) string {
	if len(tags) == 0 {
		return "no tag"
	}
	var all []string
	for _, t := range tags {
		all = append(all, t.String())
	}
	return strings.Join(all, ", then ")
}

func (q *tagQuestion) ask(ctx context.Context, b *bench) answer {
	frames, o, err := b.onWire(ctx, q.from, q.priority)
	if err != nil {
		return nothingOnWire(err)
	}
	held := len(frames) > 0
	var seen []string
	for _, s := range frames {
		held = held && slices.Equal(s.Tags, q.tags)
		seen = append(seen, tagText(s.Tags))
	}
	observed := "no frame came out on the wire"
	if len(seen) > 0 {
		observed = fmt.Sprintf("%d frame(s) on the wire with %s", len(seen), strings.Join(seen, "; "))
	}
	return answer{Finding: probe.Finding{Held: held, Proof: reports.ProofReceived, Observed: observed}, observation: o}
}

// countersQuestion asks how counters move while a flow is sent.
type countersQuestion struct {
	want *scenarios.Counters
	ref  topology.Ref
	flow *flowQuestion
}

func (e *expansion) counters(c *scenarios.Check) []question {
	qs := e.flows(c, &c.Counters.Send, true)
	if len(qs) != 1 {
		e.fail(c.At, "counters are watched over one flow: name one sender, target, kind, cast and family")
		return nil
	}
	flow, ok := qs[0].(*flowQuestion)
	if !ok {
		return nil
	}
	return []question{&countersQuestion{want: c.Counters, ref: topology.ParseRef(c.Counters.Link, ""), flow: flow}}
}

func (q *countersQuestion) times() int { return max(q.want.Times, 1) }

func (q *countersQuestion) describe() (id, title, expected string) {
	_, flow, _ := q.flow.describe()
	var parts []string
	for _, name := range sortedNames(q.want.Rise) {
		exactly := ""
		if q.want.Exact {
			exactly = "exactly "
		}
		parts = append(parts, fmt.Sprintf("%s rises by %s%d", name, exactly, q.want.Rise[name]))
	}
	for _, name := range q.want.Still {
		parts = append(parts, name+" stays")
	}
	return "counters-" + q.want.Link, fmt.Sprintf("%s counts what is sent when %s", q.want.Link, flow), strings.Join(parts, ", ")
}

func sortedNames(m map[string]int) []string {
	var names []string
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// attempts are made at a count that is too high: stacks send by themselves now and
// then, what they were joined to or whom they ask for, and may be counted. That
// adds to a count, and not so many times in turn.
const attempts = 4

func (q *countersQuestion) ask(ctx context.Context, b *bench) answer {
	var a answer
	for range attempts {
		var tooMany bool
		if a, tooMany = q.measure(ctx, b); !tooMany {
			break
		}
	}
	if d := b.plan.LAN.Device(q.ref); d != nil && d.Cable != nil && a.Trouble == nil && !a.Held {
		a.Moot = "what a real port counts is its driver's, and when: " + a.Observed
		a.Observed = a.Moot
	}
	return a
}

// measure sends the flow once over. tooMany is set where counters rose by more
// than they should, and none by less.
func (q *countersQuestion) measure(ctx context.Context, b *bench) (a answer, tooMany bool) {
	port, err := b.port(q.ref)
	if err != nil {
		return trouble(err), false
	}
	flow, err := q.flow.flow(b)
	if err != nil {
		return trouble(err), false
	}
	before, err := b.counters(q.ref)
	if err != nil {
		return trouble(err), false
	}
	seenBefore, sentBefore := b.field.FencesSeen(port), b.field.FencesSent(port)
	for range q.times() {
		o := b.field.Probe(ctx, flow)
		if o.Trouble != nil {
			return trouble(o.Trouble), false
		}
		a.more = append(a.more, o)
	}
	after, err := b.counters(q.ref)
	if err != nil {
		return trouble(err), false
	}
	in, out := b.field.FencesSeen(port).Since(seenBefore), b.field.FencesSent(port).Since(sentBefore)
	var seen []string
	over, under := false, false
	compare := func(name string, want int, exact bool) {
		n := int(after[name]-before[name]) - b.countedFences(q.ref, name, in, out)
		seen = append(seen, fmt.Sprintf("%s rose by %d", name, n))
		under = under || n < want
		over = over || exact && n > want
	}
	for _, name := range sortedNames(q.want.Rise) {
		compare(name, q.want.Rise[name], q.want.Exact)
	}
	for _, name := range q.want.Still {
		compare(name, 0, true)
	}
	a.Finding = state(!over && !under, strings.Join(seen, ", "))
	return a, over && !under
}

// countedFences is how far fences alone have moved a device's counter: they come
// in and go out, and are counted like anything else.
func (b *bench) countedFences(r topology.Ref, name string, in, out probe.Tally) int {
	d := b.plan.LAN.Device(r)
	switch name {
	case "rx_packets":
		return in.Frames
	case "tx_packets":
		return out.Frames
	case "tx_bytes":
		return out.Bytes
	case "rx_bytes":
		if d != nil && d.Kind == topology.KindVLAN {
			const header = 14 // is not counted (net/8021q/vlan_core.c:vlan_do_receive)
			return in.Bytes - header*in.Frames
		}
		return in.Bytes
	case "multicast":
		if b.countsBroadcasts(r) {
			return in.Groups
		}
	}
	return 0
}

// countsBroadcasts reports whether a device counts broadcasts, as fences are, among
// its multicasts (macvlan.c:macvlan_count_rx, ipvlan_core.c:ipvlan_count_rx). A VLAN
// device does not (net/8021q/vlan_core.c:vlan_do_receive).
func (b *bench) countsBroadcasts(r topology.Ref) bool {
	d := b.plan.LAN.Device(r)
	return d != nil && (d.Kind == topology.KindMacvlan || d.Kind == topology.KindIpvlan)
}

func (b *bench) counters(r topology.Ref) (map[string]uint64, error) {
	s, err := b.state(r)
	if err != nil {
		return nil, fmt.Errorf("ask for the counters of %s: %w", r, err)
	}
	return s.Counters, nil
}
