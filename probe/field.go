package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"runtime"
	"slices"
	"time"

	"github.com/lanproof/lanproof/capture"
	"github.com/lanproof/lanproof/probe/mark"
)

// Field watches the nodes of a lab, sends probes into them and settles them.
//
// Its methods must be called from one goroutine that is locked to its thread,
// for frames queue by the CPU that sends them.
type Field struct {
	// Deadline is how long a fence may take before it counts as lost; then
	// nothing can be said. No verdict comes from it. Default 5 s.
	Deadline time.Duration
	// QuietWindow is how long is waited where no fence can exist. Default 100 ms.
	QuietWindow time.Duration

	run    uint64
	nodes  []*Node
	name   func(node string, index int) string
	waiter *capture.Waiter
	queues []func() error // read what is queued, by the waiter's numbers
	cpus   []int
	decode *decoder

	rec    *capture.Recorder
	places map[place]*Place
	batch  capture.Batch
	gulp   int // how many frames may be sent before all taps are read

	fences    []Fence
	fenceable map[place]bool       // devices that fences reach
	lost      map[place]bool       // devices whose fences do not arrive
	mute      map[destination]bool // where sockets got no canary
	seq       uint32
	pending   map[arrival]waited
	ticked    uint32 // the latest tick that has come back
	volley    volley // what is sent and not settled yet; of a Sweep only
	log       []sighting
	// cabled is set where some fence crosses a cable, and crossings are the first to do
	// so from either side. losses counts those that a cable lost, lostInWindows those of
	// them that nothing but the cable can have lost.
	cabled                bool
	crossings             []Fence
	groups                int    // that Apply has joined
	leave                 func() // the last of them
	losses, lostInWindows int
	crossed               int           // fences sent over cables
	slowest               time.Duration // that a round has taken
	// traffic counts the frames seen that are no fences of ours, and rested is
	// set when a whole round of fences went by without any, and nothing was sent
	// since.
	traffic int
	rested  bool
	paused  bool // what is seen is for others to judge
	// canaries counts the fences that each observer of a device has seen, and
	// lastFence is the latest one at each device: the two ends of a window.
	canaries  map[observed]int
	fenced    map[place]Tally
	fencing   map[place]Tally // fences by the device that sent them
	lastFence map[place]capture.Frame
	buf       []byte
}

// observer is what saw a frame.
type observer uint8

const (
	byTap observer = iota
	byStack
	byUDP
	byICMP
)

// observed is a device, or with sockets a node, as one observer sees it.
type observed struct {
	place
	by observer
}

// Place is a device by its names.
type Place struct {
	Node string
	Link string // empty for one that does not matter, such as the loopback

	index int
	iface int // its number in the capture, -1 for one that does not matter
}

// sighting is one frame as it was seen somewhere.
type sighting struct {
	observed
	content
	frame  capture.Frame
	handle int // in the recorder; -1 when not recorded
}

// NewField watches nodes. run tells this field's frames from other fields'.
// name gives a device's name by its node and ifindex; "" for one that does not
// matter, such as the loopback.
func NewField(run uint64, nodes []*Node, name func(node string, index int) string) (*Field, error) {
	f := &Field{
		Deadline: 5 * time.Second, QuietWindow: 100 * time.Millisecond,
		run: run, nodes: nodes, name: name, decode: newDecoder(),
		rec: &capture.Recorder{}, places: map[place]*Place{}, lost: map[place]bool{}, mute: map[destination]bool{},
		pending: map[arrival]waited{}, canaries: map[observed]int{}, fenced: map[place]Tally{}, fencing: map[place]Tally{}, lastFence: map[place]capture.Frame{},
		buf: make([]byte, 1<<16),
	}
	err := f.watch()
	if err != nil {
		return nil, err
	}
	if f.cpus, err = allowedCPUs(); err != nil {
		return nil, errors.Join(err, f.waiter.Close())
	}
	if f.gulp, err = gulpOf(nodes); err != nil {
		return nil, errors.Join(err, f.waiter.Close())
	}
	return f, nil
}

// gulpOf is how many frames may be sent until the tap of a node with one device is
// full: it may see each go and come back, and the kernel counts up to 1 KiB for a
// small one (include/linux/skbuff.h:SKB_TRUESIZE).
func gulpOf(nodes []*Node) (int, error) {
	if len(nodes) == 0 {
		return 1, nil
	}
	size, err := nodes[0].tap.Buffer() // the others have as much
	return max(1, size/(2<<10)), err
}

// watch listens to all nodes.
func (f *Field) watch() error {
	var sources []capture.Source
	f.queues = nil
	for _, n := range f.nodes {
		sources = append(sources, n.sources()...)
		f.queues = append(f.queues, f.queuesOf(n)...)
	}
	w, err := capture.NewWaiter(sources...)
	if err != nil {
		return fmt.Errorf("watch %d nodes: %w", len(f.nodes), err)
	}
	f.waiter = w
	return nil
}

// Forget takes in what a node has seen, and lets go of it, so that it can be closed.
func (f *Field) Forget(n *Node) error {
	if err := f.drain(); err != nil {
		return err
	}
	was := f.waiter
	f.nodes = slices.DeleteFunc(slices.Clone(f.nodes), func(have *Node) bool { return have == n })
	maps.DeleteFunc(f.places, func(at place, _ *Place) bool { return at.node == n })
	if err := f.watch(); err != nil {
		return err
	}
	return was.Close()
}

// Close lets go of what the field itself holds; the nodes stay open.
func (f *Field) Close() error { return f.waiter.Close() }

// Tally is what a device's counters make of fences.
type Tally struct {
	// Frames, and how many of them went to a group or to everybody.
	Frames, Groups int
	// Bytes of the frames with their Ethernet headers.
	Bytes int
}

// plus adds a frame of so many bytes.
func (t Tally) plus(dest net.HardwareAddr, bytes int) Tally {
	t.Frames++
	t.Bytes += bytes
	if len(dest) > 0 && dest[0]&1 == 1 {
		t.Groups++
	}
	return t
}

// Since is what has come to a tally since an earlier one.
func (t Tally) Since(before Tally) Tally {
	return Tally{t.Frames - before.Frames, t.Groups - before.Groups, t.Bytes - before.Bytes}
}

// FencesSent are the fences that a device has sent so far.
func (f *Field) FencesSent(p Port) Tally { return f.fencing[p.key()] }

// FencesSeen are the fences that have come in by a device so far.
func (f *Field) FencesSeen(p Port) Tally { return f.fenced[p.key()] }

// Recorder returns what was captured so far.
func (f *Field) Recorder() *capture.Recorder { return f.rec }

// queuesOf are the functions that read each of a node's sources, in their order.
func (f *Field) queuesOf(n *Node) (all []func() error) {
	all = append(all,
		func() error { return f.drainTap(n, n.tap, byTap) },
		func() error { return f.drainTap(n, n.stack, byStack) })
	for _, s := range n.udp {
		all = append(all, func() error { return f.drainSocket(n, s, byUDP) })
	}
	for _, s := range n.icmp {
		all = append(all, func() error { return f.drainSocket(n, s, byICMP) })
	}
	return all
}

// drain reads everything that has been queued anywhere, without waiting.
func (f *Field) drain() error {
	passed := time.Unix(1, 0)
	_, err := f.read(context.Background(), passed)
	return err
}

// read waits until something is queued, and reads all that is. It reports false
// when nothing was by the deadline.
func (f *Field) read(ctx context.Context, deadline time.Time) (bool, error) {
	some, err := f.waiter.Wait(ctx, deadline)
	if err != nil || !some {
		return false, err
	}
	for i, read := range f.queues {
		if !f.waiter.Ready(i) {
			continue
		}
		if err := read(); err != nil {
			return false, err
		}
	}
	return true, nil
}

func (f *Field) drainTap(n *Node, t *capture.Tap, by observer) error {
	if err := f.batch.Read(t, func(frame capture.Frame) { f.saw(n, by, frame) }); err != nil {
		return fmt.Errorf("read a tap of %s: %w", n.Name, err)
	}
	return nil
}

// saw takes one frame in, whose bytes are not its own.
func (f *Field) saw(n *Node, by observer, frame capture.Frame) {
	c := f.decode.decode(frame.Data)
	mine := c.ours && c.msg.Run == f.run
	if frame.Index == loopback {
		if mine && c.msg.Role == mark.Tick && frame.Type != capture.Outgoing {
			f.ticked = c.msg.Seq
		}
		return
	}
	at := place{n, frame.Index}
	if mine && c.msg.Role == mark.Fence {
		f.sawFence(observed{at, by}, frame, c.msg.Seq)
		return
	}
	if by == byTap {
		f.traffic++
	}
	if f.paused {
		f.passing(&c, observed{at, by}, frame)
		return
	}
	if mine && f.land(observed{at, by}, &c, frame) {
		return
	}
	if by != byTap && !mine {
		return
	}
	frame.Data = bytes.Clone(frame.Data)
	s := sighting{observed: observed{at, by}, content: c, frame: frame, handle: -1}
	if by == byTap && (f.volley.shots == nil || f.rec.Len() < mostRecorded) {
		s.handle = f.record(at, frame)
	}
	s.ours = mine
	f.log = append(f.log, s)
}

func (f *Field) sawFence(o observed, frame capture.Frame, seq uint32) {
	if frame.Type == capture.Outgoing {
		return
	}
	f.canaries[o]++
	if o.by == byTap {
		f.arrived(arrival{o.place, false, seq})
		frame.Data = bytes.Clone(frame.Data)
		f.lastFence[o.place] = frame
		f.fenced[o.place] = f.fenced[o.place].plus(frame.Data[:min(6, len(frame.Data))], frame.Length)
	}
}

// Watch gives a device its place in the capture, where it then stands even if
// nothing is ever seen there.
func (f *Field) Watch(p Port) { f.placeOf(p.key()) }

// placeOf is what is known of a device.
func (f *Field) placeOf(at place) *Place {
	p, ok := f.places[at]
	if !ok {
		p = &Place{Node: at.node.Name, Link: f.name(at.node.Name, at.index), index: at.index, iface: -1}
		if p.Link != "" { // else it may get a name yet
			p.iface = f.rec.Interface(p.Node+"/"+p.Link, "")
			f.places[at] = p
		}
	}
	return p
}

// record puts a frame into the capture and returns its handle, -1 when its
// device does not matter.
func (f *Field) record(at place, frame capture.Frame) int {
	d := f.placeOf(at)
	if d.iface < 0 {
		return -1
	}
	return f.rec.Add(d.iface, frame)
}

// wait reads until done says so or the deadline passes; it reports which.
func (f *Field) wait(ctx context.Context, limit time.Duration, done func() bool) (bool, error) {
	if err := f.drain(); err != nil {
		return false, err
	}
	if done() {
		return true, nil
	}
	// What is left is in the hands of a kernel worker, which may want the very
	// CPU that we are pinned to.
	f.free()
	for deadline := time.Now().Add(limit); ; {
		some, err := f.read(ctx, deadline)
		if err != nil || done() {
			return err == nil, err
		}
		if !some {
			return false, nil
		}
	}
}

// Locked runs fn on a goroutine that has a thread of its own, as a Field wants
// it. The thread ends with it, pinned or not.
func Locked(fn func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer func() {
			if p := recover(); p != nil {
				done <- fmt.Errorf("panic: %v", p)
			}
		}()
		done <- fn()
	}()
	return <-done
}
