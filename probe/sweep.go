package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/capture"
	"github.com/lanproof/lanproof/probe/mark"
)

// Shot is one frame of a sweep, crafted whole: no stack has a say in it. Requests
// that have no payload have their number where stacks do not look, so that none is
// taken for what a stack sends of its own accord.
type Shot struct {
	// From is the device that sends.
	From Port
	// To is the node that it is for, nil for none. Nothing but speed depends on it:
	// what is read soon is still in the CPU's cache.
	To *Node
	// Source and Dest are its MAC addresses.
	Source, Dest net.HardwareAddr
	// Tags to put in, outermost first.
	Tags []Tag
	// Kind of frame: Raw, UDP, ICMP, ARP or ND.
	Kind Kind
	// SourceIP and Target are its IP addresses; none of a raw frame. An ND without
	// a SourceIP is the solicitation of who looks whether an address is free.
	SourceIP, Target netip.Addr
	// Record puts all that is seen of the shot into the capture; else only what is
	// marked later gets there.
	Record bool
}

// Landing is what became of a shot.
type Landing struct {
	// SendErr is the kernel's refusal to send; it wraps an errno.
	SendErr error
	// Sights are all of the frame's, at every device, in the order in which they
	// were read.
	Sights []Sight
}

// Sight is a shot's frame as it was seen somewhere. There are millions of them.
type Sight struct {
	*Place
	Type capture.PacketType
	// Taken is set where it was not a tap that saw the frame, but the node's stack
	// that took it. Only of raw frames is that known.
	Taken  bool
	length int32
	handle int32 // in the recorder; -1 when not recorded
	time   int64 // in nanoseconds since 1970
	// Data is the frame with all of its tags.
	Data []byte
}

// Time is when the kernel saw the frame.
func (s *Sight) Time() time.Time { return time.Unix(0, s.time) }

// frame is the sight's as the recorder takes it.
func (s *Sight) frame() capture.Frame {
	return capture.Frame{Time: time.Unix(0, s.time).UTC(), Index: s.index, Type: s.Type, Data: s.Data, Length: int(s.length)}
}

// volley is the shots of a sweep, numbered from first, and what became of them.
type volley struct {
	first    uint32
	shots    []Shot
	landings []Landing
	bytes    []byte  // of frames that are not recorded
	busy     []*Node // those with several devices, which see the most
}

// mostRecorded is how many frames a capture may have before a sweep records no more
// of what is not its own.
const mostRecorded = 100_000

// Sweep sends shots in their order, and returns what became of each when nothing of
// them can be under way any more. Frames that are queued on their way to a device
// take a fence that reaches it; queued lists those devices, and where there is one
// that no fence reaches a window is waited. All else is proven by any fence on the
// same CPU. The error says why nothing could be found out.
//
// The fences are shared by all shots, so that many at once cost less each; what was
// seen of all of them is in memory until Sweep is done.
func (f *Field) Sweep(ctx context.Context, shots []Shot, queued []Port) ([]Landing, error) {
	defer f.free()
	f.rested = f.rested && !f.cabled // who joins a group changes a real port's filter
	if err := f.rest(ctx); err != nil {
		return nil, err
	}
	before, err := f.drops()
	if err != nil {
		return nil, err
	}
	losses := f.losses
	defer func() { f.lostInWindows += f.losses - losses }()
	f.aim(shots)
	defer func() { f.volley = volley{} }()
	if err := f.fire(ctx); err != nil {
		return nil, err
	}
	if _, err := f.settle(ctx); err != nil {
		return nil, err
	}
	if err := f.outlast(ctx, queued); err != nil {
		return nil, err
	}
	after, err := f.drops()
	if err != nil {
		return nil, err
	}
	if after != before {
		return nil, fmt.Errorf("taps lost %d frames", after-before)
	}
	return f.volley.landings, nil
}

// sightsEach is how many sights of a shot have their room beforehand: sent, at the
// parent, and received by tap and stack.
const sightsEach = 4

// aim makes shots the ones whose frames are looked for.
func (f *Field) aim(shots []Shot) {
	f.log, f.rested = f.log[:0], false
	clear(f.lastFence)
	f.volley = volley{first: f.seq + 1, shots: shots, landings: make([]Landing, len(shots))}
	f.seq += uint32(len(shots))
	devices := map[*Node]int{f.nodes[0]: 1}
	for at := range f.places {
		if devices[at.node]++; devices[at.node] == 2 {
			f.volley.busy = append(f.volley.busy, at.node)
		}
	}
	room := make([]Sight, sightsEach*len(shots))
	for i := range f.volley.landings {
		f.volley.landings[i].Sights, room = room[:0:sightsEach], room[sightsEach:]
	}
}

// burst is how many frames are sent before one is waited for that takes the same
// backlog: on its way over several devices each is in it once at a time, and it
// holds 1000 (net/core/dev.c:enqueue_to_backlog, net.core.netdev_max_backlog).
const burst = 64

// fire sends the volley from the window's home, no faster than the backlog of the
// CPU and the buffers of the taps are emptied. The fullest of these are read while
// what is in them is still in the CPU's cache.
func (f *Field) fire(ctx context.Context) error {
	unread := 0
	for at := 0; at < len(f.volley.shots); {
		n, err := f.fireBurst(at)
		if err != nil {
			return err
		}
		if err := errors.Join(f.tick(ctx), f.pace(ctx)); err != nil {
			return err
		}
		if err := f.readNear(at, n); err != nil {
			return err
		}
		if unread += n; unread+burst > f.gulp {
			unread = 0
			if err := f.drain(); err != nil {
				return err
			}
		}
		at += n
	}
	return nil
}

// fireBurst sends shots from the given one on, and returns how many. One to a group,
// which may become many, is the last of its burst.
func (f *Field) fireBurst(at int) (n int, err error) {
	v := &f.volley
	err = f.onCPU(f.cpus[0], func() error {
		for last := false; !last && n < f.most() && at+n < len(v.shots); n++ {
			s := &v.shots[at+n]
			last = s.Dest[0]&1 != 0
			err := f.shoot(s, v.first+uint32(at+n))
			var errno unix.Errno
			if err != nil && !errors.As(err, &errno) {
				return err
			}
			v.landings[at+n].SendErr = err
		}
		return nil
	})
	return n, err
}

// most is how many frames are sent in a burst.
func (f *Field) most() int {
	if f.cabled {
		return inFlight
	}
	return min(burst, f.gulp)
}

// readNear reads the taps of who has sent some shots and of whom they were for, and
// of nodes with several devices, which see the most.
func (f *Field) readNear(at, n int) error {
	near := slices.Clone(f.volley.busy)
	for i := range n {
		s := &f.volley.shots[at+i]
		for _, node := range []*Node{s.From.Node, s.To} {
			if node != nil && !slices.Contains(near, node) {
				near = append(near, node)
			}
		}
	}
	for _, node := range near {
		if err := errors.Join(f.drainTap(node, node.tap, byTap), f.drainTap(node, node.stack, byStack)); err != nil {
			return err
		}
	}
	return nil
}

// tick waits until the CPU's backlog is past what has been sent. The loopback goes
// through the same one (drivers/net/loopback.c:loopback_xmit).
func (f *Field) tick(ctx context.Context) error {
	n := f.nodes[0]
	f.seq++
	want := f.seq
	frame := rawFrame(header{src: fenceMAC, dst: fenceMAC}, mark.Mark{Run: f.run, Seq: want, Role: mark.Tick}.Encode(0))
	if err := n.stack.Send(loopback, EtherType, frame); err != nil {
		return fmt.Errorf("see whether the CPU keeps up: %w", err)
	}
	if err := f.drainTap(n, n.tap, byTap); err != nil || f.ticked == want {
		return err // by far most often: softirqs run as soon as sending is done
	}
	some, err := f.wait(ctx, f.Deadline, func() bool { return f.ticked == want })
	if err == nil && !some {
		err = fmt.Errorf("CPU %d does not get to what it is sent", f.cpus[0])
	}
	return err
}

// land takes in a frame that is one of the volley's; false when it is none. What a
// shot causes is none, such as an answer that carries its payload back.
func (f *Field) land(o observed, c *content, frame capture.Frame) bool {
	v := &f.volley
	i := int(c.msg.Seq - v.first)
	if c.msg.Role != mark.Probe || i >= len(v.shots) || c.kind != v.shots[i].content() {
		return false
	}
	d := f.placeOf(o.place)
	if d.Link == "" || o.by == byStack && frame.Type == capture.OtherHost {
		return true
	}
	s := Sight{
		Place: d, Type: frame.Type, Taken: o.by == byStack, length: int32(frame.Length), handle: -1,
		time: frame.Time.UnixNano(), Data: v.keep(frame.Data),
	}
	if v.shots[i].Record && !s.Taken {
		s.handle = int32(f.rec.Add(s.iface, s.frame()))
	}
	v.landings[i].Sights = append(v.landings[i].Sights, s)
	return true
}

// keep copies bytes to where they last as long as anybody needs them.
func (v *volley) keep(b []byte) []byte {
	const block = 64 << 10
	if cap(v.bytes)-len(v.bytes) < len(b) {
		v.bytes = make([]byte, 0, max(block, len(b)))
	}
	at := len(v.bytes)
	v.bytes = append(v.bytes, b...)
	return v.bytes[at:len(v.bytes):len(v.bytes)]
}

// Fenced reports whether a fence reaches the device.
func (f *Field) Fenced(p Port) bool { return f.fenceAt(p) == FenceHeld }

// outlast makes sure that nothing is queued any more on its way to some devices.
func (f *Field) outlast(ctx context.Context, queued []Port) error {
	proven := len(f.fences) > 0
	for _, p := range queued {
		switch f.fenceAt(p) {
		case FenceLost:
			return fmt.Errorf("the fence to %s was lost: nothing is proven there", p)
		case NoFence:
			proven = false
		case FenceHeld:
		}
	}
	if proven {
		return nil
	}
	_, err := f.quiet(ctx, func() bool { return false })
	return err
}

// content is what the shot's frame is read as.
func (s *Shot) content() contentKind {
	switch s.Kind {
	case UDP:
		return udpContent
	case ICMP:
		return echoRequestContent
	case ARP:
		return arpRequestContent
	case ND:
		return solicitContent
	case Raw:
	}
	return rawContent
}

func (f *Field) shoot(s *Shot, seq uint32) error {
	h := header{src: s.Source, dst: s.Dest, tags: s.Tags}
	payload := mark.Mark{Run: f.run, Seq: seq, Role: mark.Probe}.Encode(0)
	var frame []byte
	var err error
	typ := uint16(EtherType)
	switch s.Kind {
	case UDP:
		frame, err = udpFrame(h, s.SourceIP, s.Target, payload)
		typ = ipType(s.Target)
	case ICMP:
		frame, err = echoFrame(h, s.SourceIP, s.Target, uint16(f.run), uint16(seq), payload)
		typ = ipType(s.Target)
	case ARP:
		frame, err = arpFrame(h, s.SourceIP, s.Target)
		typ, frame = unix.ETH_P_ARP, append(frame, payload...)
	case ND:
		frame, err = solicitationWith(h, s.SourceIP, s.Target, numbered(payload))
		typ = unix.ETH_P_IPV6
	case Raw:
		frame = rawFrame(h, payload)
	}
	if err != nil {
		return err
	}
	return s.From.Node.stack.Send(s.From.Index, outerType(s.Tags, typ), frame)
}

func ipType(a netip.Addr) uint16 {
	if a.Is4() {
		return unix.ETH_P_IP
	}
	return unix.ETH_P_IPV6
}

// Join makes a device a member of a group until the function that is returned ends
// it.
func Join(p Port, group net.HardwareAddr) (leave func(), err error) {
	if err := p.Node.stack.Join(p.Index, group); err != nil {
		return nil, fmt.Errorf("join a group on %s: %w", p, err)
	}
	return func() { _ = p.Node.stack.Leave(p.Index, group) }, nil
}

// Mark puts a comment on each frame of a landing in the capture, which gets those
// that it has not.
func (f *Field) Mark(l *Landing, comment string) {
	for i := range l.Sights {
		s := &l.Sights[i]
		if s.Taken {
			continue
		}
		if s.handle < 0 {
			s.Data = bytes.Clone(s.Data)
			s.handle = int32(f.rec.Add(s.iface, s.frame()))
		}
		f.rec.Comment(int(s.handle), comment)
	}
}
