package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/capture"
	"github.com/lanproof/lanproof/internal/rtnl"
)

// Observation is what became of a flow.
type Observation struct {
	// Trouble is why the harness could not find out; nil when it could.
	Trouble error
	// SendErr is the kernel's refusal to send; it wraps an errno.
	SendErr error
	// Arrived counts the flow's frames at the target, where its own observer
	// saw them: its stack, or its socket.
	Arrived int
	// Replied is set when the answer came back to the sender.
	Replied bool
	// Left is set when the sender's device was seen to send.
	Left bool
	// NoCarrier is set when the sender's device cannot send as its link is down.
	NoCarrier bool
	// Canary is set when the target's observer saw a frame that it had to see.
	Canary bool
	// Fence is what fences prove of the target, and of the sender where an
	// answer must come back.
	Fence FenceState
	// Rounds of fences that it took, Quiet the window that was waited instead.
	Rounds int
	Quiet  time.Duration
	// Dropped counts frames that taps lost in the meantime.
	Dropped int
	// Sent are the numbers of the flow's frames, Needed is how many must come.
	Sent   []uint32
	Needed int
	// Unseen is set where no tap sees what the target gets.
	Unseen bool
	// Sightings are the flow's frames wherever they were seen.
	Sightings []Sighting
	// Came are the flow's frames where they came to the stack, whoever they were for; it
	// is known of raw frames alone.
	Came []Sighting

	lost  int // fences behind the flow
	reply bool
}

// FenceState says whether fences can prove that a frame will not come.
type FenceState uint8

// The states. The zero value is that no fence can exist.
const (
	NoFence   FenceState = iota
	FenceHeld            // fences sent after the flow arrived
	FenceLost            // fences that had to arrive did not
)

// Sighting is one frame as it was seen at one device.
type Sighting struct {
	Node string
	Link string
	// Index of the device in its node.
	Index  int
	Type   capture.PacketType
	Source net.HardwareAddr
	Dest   net.HardwareAddr
	Tags   []Tag
	Time   time.Time
	// Data is the frame itself, from its destination address on. It is shared with the
	// capture, and not to be changed.
	Data []byte
	// Ours is set for frames of the flow itself, not for ARP and the like.
	Ours bool

	content content
	handle  int
}

// At returns NODE/LINK.
func (s *Sighting) At() string { return s.Node + "/" + s.Link }

// Text says in a few words what the frame is, and whose.
func (s *Sighting) Text() string { return describe(s.Data, s.content) }

// Probe sends a flow and returns what became of it. Where a cable loses what is sent
// behind the flow, it is sent again.
func (f *Field) Probe(ctx context.Context, flow *Flow) *Observation {
	const attempts = 3
	for n := 1; ; n++ {
		o := f.probeOnce(ctx, flow)
		if f.lostInWindows += o.lost; o.lost == 0 || o.Happened() {
			return o
		}
		if n == attempts {
			o.Fence = FenceLost
			return o
		}
	}
}

func (f *Field) probeOnce(ctx context.Context, flow *Flow) *Observation {
	o := &Observation{Needed: 1, reply: flow.wantsReply()}
	if flow.Cast == Unsubscribed {
		o.Needed = unsubscribedGroups/2 + 1
	}
	if err := f.probe(ctx, flow, o); err != nil {
		o.Trouble = err
	}
	return o
}

func (flow *Flow) wantsReply() bool { return flow.Kind == ICMP || flow.Kind == ARP || flow.Kind == ND }

func (f *Field) probe(ctx context.Context, flow *Flow, o *Observation) error {
	defer f.free()
	undo, err := flow.subscribe()
	defer func() {
		undo()
		f.rested = f.rested && !f.cabled // a real port may be deaf while its filter changes
	}()
	if err != nil {
		return fmt.Errorf("join a group on %s: %w", flow.To, err)
	}
	if flow.Cast == Multicast {
		if _, err := f.Apply(ctx); err != nil {
			return err
		}
	}
	before, err := f.open(ctx, flow)
	if err != nil {
		return err
	}
	losses := f.losses
	sent, err := f.sendPinned(ctx, flow)
	if err != nil {
		var errno unix.Errno
		if !errors.As(err, &errno) {
			return err
		}
		o.SendErr = err
	}
	o.Sent, o.Unseen = sent, f.tapless(flow.To)
	if o.Rounds, err = f.settle(ctx); err != nil {
		return err
	}
	o.lost = f.losses - losses
	happened := func() bool { flow.count(o, f.seen()); return o.Happened() }
	if o.Fence = f.fenceState(flow); o.Fence == NoFence && !happened() {
		if o.Quiet, err = f.quiet(ctx, happened); err != nil {
			return err
		}
	}
	flow.count(o, f.seen())
	o.Canary = f.canarySeen(flow)
	f.evidence(flow, o, f.seen())
	after, err := f.drops()
	if err != nil {
		return err
	}
	o.Dropped = after - before
	return f.senderState(flow, o)
}

// fenceState is what fences prove at the ends that the flow needs.
func (f *Field) fenceState(flow *Flow) FenceState {
	if flow.OnWire {
		// Drivers hand the wire its copy after the local ones, and what is
		// queued before is flushed by the fences at the sender, or by those over the cable.
		return f.fenceAt(flow.From)
	}
	state := f.fenceAt(flow.To)
	if !flow.wantsReply() || state != FenceHeld {
		return state
	}
	return f.fenceAt(flow.From)
}

// open begins a window: nothing of before is in flight, and the target's
// observer has just seen a canary.
func (f *Field) open(ctx context.Context, flow *Flow) (drops int, err error) {
	if flow.byStacks() {
		if err := f.prepareStacks(flow); err != nil {
			return 0, err
		}
	}
	if err := f.rest(ctx); err != nil {
		return 0, err
	}
	clear(f.canaries)
	// A solicitation is not answered for an address that is not the stack's yet: the
	// canary waits for that (see sendIPCanary).
	if flow.needsAddress() && !flow.OnWire {
		if err := f.sendIPCanary(ctx, flow); err != nil {
			return 0, err
		}
	}
	f.log = f.log[:0]
	clear(f.lastFence)
	return f.drops()
}

// needsAddress reports whether the target's own stack has to answer for its
// address, so that its silence says something only where a canary to that address
// was heard.
func (flow *Flow) needsAddress() bool { return flow.byStacks() || flow.Kind == ARP || flow.Kind == ND }

// byStacks reports whether the kernels' own stacks send the flow.
func (flow *Flow) byStacks() bool { return flow.Kind == ICMP || flow.Kind == UDP }

// prepareStacks makes every stack forget its neighbours, so that what is
// tested is the LAN and not a cache, and tells those who are to know beforehand,
// such as both ends of a static flow.
func (f *Field) prepareStacks(flow *Flow) error {
	if err := f.ForgetNeighbours(); err != nil {
		return err
	}
	known := flow.Neighbours
	if flow.Static {
		known = append([]Neighbour{{flow.From, flow.Target, flow.To.MAC}, {flow.To, flow.Source, flow.From.MAC}}, known...)
	}
	for _, k := range known {
		err := k.At.Node.Conn.AddNeighbour(rtnl.Neighbour{Index: k.At.Index, IP: k.IP, MAC: k.MAC})
		if err != nil {
			return fmt.Errorf("tell %s where %s is: %w", k.At, k.IP, err)
		}
	}
	return nil
}

// sendPinned sends the flow from the window's home.
func (f *Field) sendPinned(ctx context.Context, flow *Flow) (sent []uint32, err error) {
	f.rested = false
	err = f.onCPU(f.cpus[0], func() error {
		sent, err = f.send(ctx, flow)
		return err
	})
	return sent, err
}

// drops sums up what all taps have lost.
func (f *Field) drops() (int, error) {
	sum := 0
	for _, n := range f.nodes {
		for _, t := range n.taps() {
			d, err := t.Drops()
			if err != nil {
				return 0, err
			}
			sum += d
		}
	}
	return sum, nil
}

// seen are all sightings of the window, until the next frame is read.
func (f *Field) seen() []*sighting {
	all := make([]*sighting, len(f.log))
	for i := range f.log {
		all[i] = &f.log[i]
	}
	return all
}

// count counts the flow's frames at its target and the answers at its sender.
func (flow *Flow) count(o *Observation, seen []*sighting) {
	o.Arrived, o.Replied = 0, false
	numbers := map[uint32]bool{}
	for _, s := range seen {
		if flow.arrival(s, o.Sent) {
			o.Arrived++
			numbers[s.msg.Seq] = true
		}
		if flow.answers(s, o.Sent) {
			o.Replied = true
		}
	}
	if flow.Cast == Unsubscribed {
		o.Arrived = len(numbers)
	}
}

// arrival reports whether a sighting is the flow's frame at its target, as the
// observer that proves it saw it.
func (flow *Flow) arrival(s *sighting, sent []uint32) bool {
	if s.node != flow.To.Node {
		return false
	}
	if flow.Overheard() {
		return s.by == byTap && s.index == flow.To.Index && s.frame.Type != capture.Outgoing && s.ours && slices.Contains(sent, s.msg.Seq)
	}
	switch flow.Kind {
	case UDP:
		return s.by == byUDP && slices.Contains(sent, s.msg.Seq)
	case Raw:
		return s.by == byStack && s.index == flow.To.Index && s.frame.Type != capture.OtherHost && slices.Contains(sent, s.msg.Seq)
	case ICMP:
		return s.by == byTap && s.kind == echoRequestContent && s.ours && s.incoming() && slices.Contains(sent, s.msg.Seq)
	case ARP:
		return s.by == byTap && s.kind == arpRequestContent && s.incoming() && s.dst == flow.Target && s.src == flow.Source
	case ND:
		return s.by == byTap && s.kind == solicitContent && s.incoming() && s.dst == flow.Target
	}
	return false
}

func (s *sighting) incoming() bool {
	return s.frame.Type != capture.Outgoing && s.frame.Type != capture.OtherHost
}

// answers reports whether a sighting is the answer, back at the sender.
func (flow *Flow) answers(s *sighting, sent []uint32) bool {
	if s.node != flow.From.Node {
		return false
	}
	switch flow.Kind {
	case ICMP:
		return s.by == byICMP && slices.Contains(sent, s.msg.Seq)
	case ARP:
		return s.by == byTap && s.kind == arpReplyContent && s.index == flow.From.Index && s.incoming() && s.src == flow.Target
	case ND:
		return s.by == byTap && s.kind == advertiseContent && s.index == flow.From.Index && s.incoming() && s.dst == flow.Target
	case UDP, Raw:
	}
	return false
}

// evidence lists where the flow's frames, and what they caused, were seen.
func (f *Field) evidence(flow *Flow, o *Observation, seen []*sighting) {
	mine := func(s *sighting) bool { return s.ours && slices.Contains(o.Sent, s.msg.Seq) }
	var of []*sighting
	for _, s := range seen {
		if s.by == byStack && mine(s) {
			o.Came = append(o.Came, f.sightingOf(s, true))
		}
		// ARP and ND belong to what the stacks send, and are nobody's else.
		if s.by != byTap || !mine(s) && (flow.Kind == Raw || !resolution(s.kind)) {
			continue
		}
		if s.frame.Type == capture.Outgoing && s.node == flow.From.Node {
			o.Left = true
		}
		of = append(of, s)
	}
	// There are as many as the LAN has devices: pointers are sorted faster.
	slices.SortStableFunc(of, func(a, b *sighting) int { return a.frame.Time.Compare(b.frame.Time) })
	o.Sightings = make([]Sighting, len(of))
	for i, s := range of {
		o.Sightings[i] = f.sightingOf(s, mine(s))
	}
}

// sightingOf is a sighting as callers get it.
func (f *Field) sightingOf(s *sighting, mine bool) Sighting {
	data := s.frame.Data
	return Sighting{
		Node: s.node.Name, Link: f.name(s.node.Name, s.index), Index: s.index, Type: s.frame.Type,
		Source: data[6:12:12], Dest: data[:6:6], Tags: capture.Tags(data), Data: data,
		Time: s.frame.Time, Ours: mine, content: s.content, handle: s.handle,
	}
}

func resolution(k contentKind) bool {
	return k == arpRequestContent || k == arpReplyContent || k == solicitContent || k == advertiseContent
}

// senderState finds out whether a sender that sent nothing could have.
func (f *Field) senderState(flow *Flow, o *Observation) error {
	if o.Left || o.SendErr != nil {
		return nil
	}
	s, err := flow.From.Node.Conn.Link(flow.From.Index)
	if err != nil {
		return fmt.Errorf("ask for the state of %s: %w", flow.From, err)
	}
	o.NoCarrier = !s.Up() || !s.Carrier
	return nil
}

// Happened reports whether the flow did what it was sent for: its answer came
// back, or enough of its frames arrived.
func (o *Observation) Happened() bool {
	if o.reply {
		return o.Replied
	}
	return o.Arrived >= o.Needed
}

// Annotate puts a comment on each of the flow's frames in the capture, and
// adds the fences that ended its window.
func (f *Field) Annotate(o *Observation, comment string) {
	for _, s := range o.Sightings {
		if s.handle >= 0 {
			f.rec.Comment(s.handle, comment)
		}
	}
	for at, frame := range f.lastFence {
		if h := f.record(at, frame); h >= 0 {
			f.rec.Comment(h, "fence: what was sent before and takes the same queues is past; "+comment)
		}
	}
	clear(f.lastFence)
}

// Packet is the number of a sighting's frame in the capture once it is
// complete; 0 when it is not in there.
func (f *Field) Packet(s Sighting) int {
	if s.handle < 0 {
		return 0
	}
	return f.rec.Number(s.handle)
}
