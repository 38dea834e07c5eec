// Package recount decides again, from nothing but a case's capture, whether the flow of
// a check happened. It knows no kernel: a run asks it what its captures show without
// the sockets that it had, and whoever verifies a bundle asks it the same on another
// machine.
package recount

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/lanproof/lanproof/capture/frames"
	"github.com/lanproof/lanproof/probe/mark"
	"github.com/lanproof/lanproof/reports"
)

// Capture is what the taps of a case saw, sorted by what is asked of it.
type Capture struct {
	trace *frames.Trace
	// marked are the packets of probes by their numbers, checked those that belong to
	// a check by their comments.
	marked  map[uint32][]*frames.Packet
	numbers []uint32 // of marked, in order
	checked map[string][]*frames.Packet
}

// New sorts a capture, which must not be changed after.
func New(trace *frames.Trace) *Capture {
	c := &Capture{trace: trace, marked: map[uint32][]*frames.Packet{}, checked: map[string][]*frames.Packet{}}
	for i := range trace.Packets {
		p := &trace.Packets[i]
		if m, _, ok := mark.Find(p.Frame.Data); ok && m.Role == mark.Probe {
			c.marked[m.Seq] = append(c.marked[m.Seq], p)
		}
		for _, comment := range p.Comments {
			if id, _, ok := CheckOf(comment); ok {
				c.checked[id] = append(c.checked[id], p)
			}
		}
	}
	c.numbers = slices.Sorted(maps.Keys(c.marked))
	return c
}

// Comment is what is written beside a check's packets in its capture.
func Comment(id string, v reports.Verdict) string { return "check " + id + ": " + string(v) }

// CheckOf reads which check a packet's comment is about, and its verdict. Other words
// may stand before.
func CheckOf(comment string) (id string, v reports.Verdict, ok bool) {
	_, said, ok := strings.Cut(comment, "check ")
	i := strings.LastIndex(said, ": ")
	if !ok || i < 0 {
		return "", "", false
	}
	return said[:i], reports.Verdict(said[i+2:]), true
}

// Packets are those that belong to a check.
func (c *Capture) Packets(check string) []*frames.Packet { return c.checked[check] }

// Device is the name, node/link, of where a packet was seen.
func (c *Capture) Device(p *frames.Packet) string { return c.trace.Interfaces[p.Interface].Name }

// Happened looks for the frames of a check's flow, or for the answer to them. Without
// a flow there is nothing to look for.
func (c *Capture) Happened(check *reports.Check) bool {
	f := check.Flow
	if f == nil {
		return false
	}
	switch f.Kind {
	case "icmp":
		return c.answered(f)
	case "arp", "nd":
		return slices.ContainsFunc(c.checked[check.ID], func(p *frames.Packet) bool {
			return c.Device(p) == f.From && accepted(p.Frame.Type) && isAnswer(p)
		})
	}
	came := 0
	for all := range c.probes(f) {
		if slices.ContainsFunc(all, func(p *frames.Packet) bool { return c.arrived(f, p) }) {
			came++
		}
	}
	return came >= max(f.Needed, 1)
}

// probes are the packets of a flow, number by number.
func (c *Capture) probes(f *reports.Flow) iter.Seq[[]*frames.Packet] {
	return func(yield func([]*frames.Packet) bool) {
		first, _ := slices.BinarySearch(c.numbers, f.First)
		for _, seq := range c.numbers[first:] {
			if seq > f.Last || !yield(c.marked[seq]) {
				return
			}
		}
	}
}

func (c *Capture) arrived(f *reports.Flow, p *frames.Packet) bool {
	switch {
	case f.Kind == "udp": // the socket is the node's, by whichever device
		return nodeOf(c.Device(p)) == nodeOf(f.To) && accepted(p.Frame.Type)
	case c.Device(p) != f.To:
		return false
	case f.Overheard:
		return p.Frame.Type != frames.Outgoing
	}
	return accepted(p.Frame.Type)
}

func (c *Capture) answered(f *reports.Flow) bool {
	for all := range c.probes(f) {
		if slices.ContainsFunc(all, func(p *frames.Packet) bool {
			return nodeOf(c.Device(p)) == nodeOf(f.From) && accepted(p.Frame.Type) && isAnswer(p)
		}) {
			return true
		}
	}
	return false
}

// Fenced looks for a fence that was recorded behind the frames of a check's flow.
func (c *Capture) Fenced(check *reports.Check) bool {
	return slices.ContainsFunc(c.checked[check.ID], func(p *frames.Packet) bool {
		m, _, ok := mark.Find(p.Frame.Data)
		return ok && m.Role == mark.Fence
	})
}

func accepted(t frames.PacketType) bool { return t != frames.Outgoing && t != frames.OtherHost }

func nodeOf(device string) string {
	node, _, _ := strings.Cut(device, "/")
	return node
}

// isAnswer reports whether a frame answers: an echo, an ARP request or a solicitation.
func isAnswer(p *frames.Packet) bool {
	return slices.ContainsFunc(mark.Layers(p.Frame.Data), func(l string) bool {
		return strings.Contains(l, "EchoReply") || strings.Contains(l, " is at ") || strings.HasSuffix(l, " is here")
	})
}
