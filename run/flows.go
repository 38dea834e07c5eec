package run

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/capture"
	"github.com/lanproof/lanproof/probe"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/scenarios"
	"github.com/lanproof/lanproof/topology"
)

// question is what a single check asks.
type question interface {
	// describe returns the check's id, its title, and what is expected.
	describe() (id, title, expected string)
	// ask finds the answer out.
	ask(ctx context.Context, b *bench) answer
}

// flowQuestion asks whether a flow happens.
type flowQuestion struct {
	want             bool
	from, to         topology.Ref
	fromName, toName string
	kind             probe.Kind
	cast             probe.Cast
	source, target   netip.Addr
	bind, static     bool
	tags             []probe.Tag
	claimed, dest    string // MAC addresses as in the file
	size             int
	errno            unix.Errno
	errnoName        string
}

// flows expands a flow over its senders, targets, kinds, casts and families.
func (e *expansion) flows(c *scenarios.Check, f *scenarios.Flow, want bool) []question {
	var qs []question
	for _, pair := range pairsOf(f) {
		for _, kind := range orDefault(f.Kind, string(probe.ICMP)) {
			for _, cast := range orDefault(f.Cast, string(probe.Unicast)) {
				qs = append(qs, e.flow(c, f, want, pair, probe.Kind(kind), probe.Cast(cast))...)
			}
		}
	}
	return qs
}

func pairsOf(f *scenarios.Flow) [][2]string {
	var pairs [][2]string
	add := func(from, to string) {
		if from != to && !slices.Contains(pairs, [2]string{from, to}) {
			pairs = append(pairs, [2]string{from, to})
		}
	}
	for _, from := range f.From {
		for _, to := range f.To {
			add(from, to)
			if f.Both {
				add(to, from)
			}
		}
	}
	return pairs
}

func orDefault(v scenarios.Values, def string) []string {
	if len(v) == 0 {
		return []string{def}
	}
	return v
}

// flow makes the questions for one pair, kind and cast: one a family.
func (e *expansion) flow(c *scenarios.Check, f *scenarios.Flow, want bool, pair [2]string, kind probe.Kind, cast probe.Cast) []question {
	from, bind := e.device(pair[0])
	to, toExplicit := e.device(pair[1])
	if from == nil || to == nil {
		e.fail(c.At, "there is no device to send by: %s, or to: %s", pair[0], pair[1])
		return nil
	}
	q := flowQuestion{
		want: want, from: from.Ref, to: to.Ref, fromName: pair[0], toName: pair[1], kind: kind, cast: cast,
		bind: bind, static: f.Static, tags: e.tagList(c, f.Tags), claimed: f.Source, dest: f.Dest, size: f.Size, errnoName: f.Errno,
	}
	if f.Errno != "" {
		if q.errno = errnoByName(f.Errno); q.errno == 0 {
			e.fail(c.At, "unknown errno %q", f.Errno)
		}
	}
	if kind == probe.Raw {
		return []question{&q}
	}
	var qs []question
	for _, v6 := range families(f.Family, kind) {
		one := q
		if !e.address(&one, from, to, v6, f.Address, bind, toExplicit) {
			continue
		}
		qs = append(qs, &one)
	}
	if len(qs) == 0 {
		e.fail(c.At, "%s and %s have no addresses of one family for %s", pair[0], pair[1], kind)
	}
	return qs
}

// families are those that a flow may be of; true is IPv6.
func families(f scenarios.Values, kind probe.Kind) []bool {
	var all []bool
	for _, v6 := range []bool{false, true} {
		name := map[bool]string{false: "4", true: "6"}[v6]
		if (len(f) == 0 || slices.Contains(f, name)) && !(kind == probe.ARP && v6) && !(kind == probe.ND && !v6) {
			all = append(all, v6)
		}
	}
	return all
}

// address chooses the devices and addresses of an IP flow: where only nodes are
// named, a pair in one subnet before any other.
func (e *expansion) address(q *flowQuestion, from, to *topology.Device, v6 bool, given string, fromFixed, toFixed bool) bool {
	senders, targets := []*topology.Device{from}, []*topology.Device{to}
	if !fromFixed {
		senders = e.plan.LAN.DevicesOf(from.Node)
	}
	if !toFixed {
		targets = e.plan.LAN.DevicesOf(to.Node)
	}
	best := -1
	for _, t := range targets {
		for _, tp := range t.Addresses {
			if tp.Addr().Is6() != v6 || given != "" && tp.Addr().String() != given {
				continue
			}
			for _, s := range senders {
				for _, sp := range s.Addresses {
					if sp.Addr().Is6() != v6 {
						continue
					}
					score := 0
					if sp.Contains(tp.Addr()) {
						score = 1 + sp.Bits()
					}
					if score > best {
						best = score
						q.from, q.to, q.source, q.target = s.Ref, t.Ref, sp.Addr(), tp.Addr()
					}
				}
			}
		}
	}
	return best >= 0
}

func (e *expansion) tagList(c *scenarios.Check, tags []scenarios.VLANTag) []probe.Tag {
	var out []probe.Tag
	for _, t := range tags {
		tpid := uint64(capture.TPID8021Q)
		if t.TPID != "" {
			var err error
			if tpid, err = strconv.ParseUint(t.TPID, 0, 16); err != nil {
				e.fail(c.At, "%q is no TPID, as in 0x8100", t.TPID)
			}
		}
		out = append(out, probe.Tag{TPID: uint16(tpid), VID: uint16(t.VID), PCP: uint8(t.PCP)})
	}
	return out
}

// errnoByName returns 0 for a name that is none.
func errnoByName(name string) unix.Errno {
	const top = 600 // ENOTSUPP is 524
	for n := unix.Errno(1); n < top; n++ {
		if probe.ErrnoName(n) == name {
			return n
		}
	}
	return 0
}

func (q *flowQuestion) family() string {
	if q.target.Is6() {
		return "6"
	}
	return "4"
}

func (q *flowQuestion) describe() (id, title, expected string) {
	verb, says := "reach", "reaches"
	if !q.want {
		verb, says = "blocked", "does not reach"
	}
	id = fmt.Sprintf("%s-%s-%s-%s", verb, q.fromName, q.toName, q.kind)
	if q.kind == probe.ICMP || q.kind == probe.UDP {
		id += q.family()
	}
	if q.cast != probe.Unicast {
		id += "-" + string(q.cast)
	}
	for _, t := range q.tags {
		id += fmt.Sprintf("-vid%d", t.VID)
	}
	if q.static {
		id += "-static"
	}
	how := q.how()
	title = fmt.Sprintf("%s %s %s by %s", q.fromName, says, q.toName, how)
	switch {
	case q.errnoName != "":
		expected = "sending is refused with " + q.errnoName
	case !q.want:
		expected = map[bool]string{true: "no answer comes back", false: "no frame arrives"}[q.answered()]
	case q.answered():
		expected = "the answer comes back"
	default:
		expected = "the frame arrives"
	}
	return id, title, expected
}

func (q *flowQuestion) answered() bool {
	return q.kind == probe.ICMP || q.kind == probe.ARP || q.kind == probe.ND
}

// how names the frame kind in words.
func (q *flowQuestion) how() string {
	var b strings.Builder
	if q.cast != probe.Unicast {
		b.WriteString(map[probe.Cast]string{
			probe.Broadcast: "broadcast ", probe.Multicast: "multicast (joined) ",
			probe.Unsubscribed: "multicast (not joined) ", probe.Unknown: "unknown unicast ",
		}[q.cast])
	}
	switch q.kind {
	case probe.ICMP:
		b.WriteString("ICMP echo over IPv" + q.family())
	case probe.UDP:
		b.WriteString("UDP over IPv" + q.family())
	case probe.ARP:
		b.WriteString("ARP")
	case probe.ND:
		b.WriteString("neighbour discovery")
	case probe.Raw:
		b.WriteString("raw frame")
	}
	for _, t := range q.tags {
		b.WriteString(" with tag " + t.String())
	}
	if q.dest != "" {
		b.WriteString(" to " + q.dest)
	}
	if q.claimed != "" {
		b.WriteString(" claiming to come from " + q.claimed)
	}
	if q.static {
		b.WriteString(", neighbours known beforehand")
	}
	return b.String()
}

func (q *flowQuestion) ask(ctx context.Context, b *bench) answer {
	flow, err := q.flow(b)
	var none *errNotGiven
	switch {
	case errors.As(err, &none):
		return answer{Finding: state(!q.want && q.errno == 0, "there was nothing to send: "+none.Error())}
	case err != nil:
		return trouble(err)
	}
	o := b.together.take(ctx, b, q)
	if o == nil {
		o = b.field.Probe(ctx, flow)
	}
	a := answer{Finding: o.Find(q.want, q.errno), observation: o, flow: q.sent(flow, o)}
	if q.want && !a.Held && b.withheld(flow) {
		a.Moot = "the port held the frame back, as its filters may: nobody had asked for its address or VLAN"
		a.Observed = a.Moot
	}
	if !q.want && !a.Held && o.Happened() && b.undecided(flow) {
		a.Moot = "whether this frame arrives depends on the filters of the port: a veth has none"
		a.Observed = a.Moot
	}
	return a
}

// sent is the flow as results have it.
func (q *flowQuestion) sent(flow *probe.Flow, o *probe.Observation) *reports.Flow {
	f := &reports.Flow{
		Kind: string(q.kind), From: q.from.String(), To: q.to.String(), Want: q.want, Needed: o.Needed,
		Overheard: flow.Overheard(), Unseen: o.Unseen, Errno: q.errnoName,
	}
	if n := len(o.Sent); n > 0 && q.kind != probe.ARP && q.kind != probe.ND {
		f.First, f.Last = o.Sent[0], o.Sent[n-1]
	}
	return f
}

func (q *flowQuestion) flow(b *bench) (*probe.Flow, error) {
	from, err := b.port(q.from)
	if err != nil {
		return nil, err
	}
	to, err := b.port(q.to)
	if err != nil {
		return nil, err
	}
	flow := &probe.Flow{
		Kind: q.kind, Cast: q.cast, From: from, To: to, Source: b.lab.Real(q.source), Target: b.lab.Real(q.target),
		Bind: q.bind, Tags: q.tags, Size: q.size, Static: q.static,
	}
	for _, of := range []errNotGiven{{q.from, q.source}, {q.to, q.target}} {
		if of.planned.IsValid() && !b.lab.Real(of.planned).IsValid() {
			return nil, &of
		}
	}
	for _, m := range []struct {
		name string
		to   *net.HardwareAddr
	}{{q.claimed, &flow.SourceMAC}, {q.dest, &flow.DestMAC}} {
		if m.name == "" {
			continue
		}
		if *m.to, err = b.mac(m.name); err != nil {
			return nil, err
		}
	}
	return flow, nil
}
