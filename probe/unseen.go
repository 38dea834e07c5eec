package probe

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/lanproof/lanproof/capture"
	"github.com/lanproof/lanproof/probe/mark"
)

// Pause closes the eyes of some nodes until Resume, so that frames die there as they do
// when nobody looks: a tap takes what would be dropped without it. What is sent in
// between by SendFlow and SendShot is for others to judge: the field records none of it,
// and only notes where it came.
//
// It waits for a grace period of the kernel's, as Resume does, unless there are no nodes.
func (f *Field) Pause(nodes ...*Node) error {
	// What came before is noted still.
	if err := f.drain(); err != nil {
		return err
	}
	f.paused, f.log = true, f.log[:0]
	return capture.PauseAll(tapsOf(nodes)...)
}

// Resume opens them again.
func (f *Field) Resume(nodes ...*Node) error { return capture.ResumeAll(tapsOf(nodes)...) }

// Settle ends what Pause began, when all eyes are open. It returns when nothing of what
// was sent in between can be under way any more.
func (f *Field) Settle(ctx context.Context) error {
	_, err := f.settle(ctx)
	f.paused = false
	clear(f.lastFence)
	return err
}

func tapsOf(nodes []*Node) (all []*capture.Tap) {
	for _, n := range nodes {
		all = append(all, n.taps()...)
	}
	return all
}

// passing notes a frame that comes to a stack whose eyes are open, of those that are
// for others to judge.
func (f *Field) passing(c *content, o observed, frame capture.Frame) {
	if o.by == byStack && c.ours && c.msg.Run == f.run {
		frame.Data = bytes.Clone(frame.Data)
		f.log = append(f.log, sighting{observed: o, content: *c, frame: frame, handle: -1})
	}
}

// Came returns where raw frames with these numbers came to a stack whose eyes were open,
// whoever they were for. Their taps took them, and nobody else would have.
func (f *Field) Came(numbers []uint32) (all []Sighting) {
	for i := range f.log {
		if s := &f.log[i]; s.by == byStack && s.ours && slices.Contains(numbers, s.msg.Seq) {
			all = append(all, f.sightingOf(s, true))
		}
	}
	return all
}

// SendFlow sends a flow as Probe does, and looks at nothing. It returns the numbers of
// its frames; those sent before an error are among them.
func (f *Field) SendFlow(ctx context.Context, flow *Flow) ([]uint32, error) {
	defer f.free()
	undo, err := flow.subscribe()
	defer undo()
	if err != nil {
		return nil, fmt.Errorf("join a group on %s: %w", flow.To, err)
	}
	if flow.byStacks() {
		if err := f.prepareStacks(flow); err != nil {
			return nil, err
		}
	}
	return f.sendPinned(ctx, flow)
}

// SendShot sends a shot as Sweep does, and looks at nothing.
func (f *Field) SendShot(s *Shot) ([]uint32, error) {
	defer f.free()
	f.rested = false
	f.seq++
	return []uint32{f.seq}, f.onCPU(f.cpus[0], func() error { return f.shoot(s, f.seq) })
}

// ForgetNeighbours makes every stack forget its neighbours, and drop what waits for one.
func (f *Field) ForgetNeighbours() error {
	for _, n := range f.nodes {
		if err := n.Conn.FlushNeighbours(); err != nil {
			return fmt.Errorf("forget the neighbours of %s: %w", n.Name, err)
		}
	}
	return nil
}

// Recognized is a frame that came of something that was sent.
type Recognized struct {
	// Text says in words what it is.
	Text string
	// Own is set for what was sent itself, not for what belongs to it: a request for
	// an address, or an answer.
	Own bool
	// Numbered is set where its number says so. What resolves addresses has none,
	// unless it was sent as a shot; it belongs to what stacks send, and whoever asks
	// has to know that it is of the same time.
	Numbered bool
}

// Recognize tells whether a frame can have come of what was sent with these numbers.
func (f *Field) Recognize(frame []byte, kind Kind, numbers []uint32) (Recognized, bool) {
	c := f.decode.decode(frame)
	mine := c.ours && c.msg.Run == f.run && c.msg.Role == mark.Probe && slices.Contains(numbers, c.msg.Seq)
	if !mine && (c.ours || kind == Raw || !resolution(c.kind)) {
		return Recognized{}, false
	}
	answer := c.kind == echoReplyContent || c.kind == arpReplyContent || c.kind == advertiseContent
	asked := kind == ARP && c.kind == arpRequestContent || kind == ND && c.kind == solicitContent
	return Recognized{Text: plainly(frame, c), Own: (mine || asked) && !answer, Numbered: mine}, true
}

// plainly is describe, without addresses where the frame has none yet.
func plainly(frame []byte, c content) string {
	const addresses = 12
	if len(frame) > addresses && bytes.Equal(frame[:addresses], make([]byte, addresses)) {
		return what(frame, c)
	}
	return describe(frame, c)
}
