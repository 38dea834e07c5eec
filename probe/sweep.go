package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/capture"
)

// Shot is one frame of a sweep, crafted whole: no stack has a say in it. Requests
// that have no payload have their number where stacks do not look, so that none is
// taken for what a stack sends of its own accord.
type Shot struct {
	// From is the device that sends.
	From Port
	// Source and Dest are its MAC addresses.
	Source, Dest net.HardwareAddr
	// Tags to put in, outermost first.
	Tags []Tag
	// Kind of frame: Raw, UDP, ICMP, ARP or ND.
	Kind Kind
	// SourceIP and Target are its IP addresses; none of a raw frame. An ND without
	// a SourceIP is the solicitation of who looks whether an address is free.
	SourceIP, Target netip.Addr
}

// Landing is what became of a shot.
type Landing struct {
	// SendErr is the kernel's refusal to send; it wraps an errno.
	SendErr error
	// Sightings are all of the frame's, at every device, in the order in which
	// the taps gave them.
	Sightings []Sighting
	// Taken are the sightings of those whose stack took a raw frame.
	Taken []Sighting
}

// salvo is how many shots are fired before the field is settled: few enough for
// every queue on the way, the shortest of which hold 1000 frames
// (drivers/net/macvlan.c:MACVLAN_DEFAULT_BC_QUEUE_LEN).
const salvo = 64

// shotKey tells the frames of shots from those that they cause, such as the answer
// to an echo request, which carries its payload.
type shotKey struct {
	seq  uint32
	kind contentKind
}

// Sweep sends shots in their order, and returns what became of each when nothing of
// them can be under way any more. Frames that are queued on their way to a device
// take a fence that reaches it; queued lists those devices, and where there is one
// that no fence reaches a window is waited. All else is proven by any fence on the
// same CPU. The error says why nothing could be found out.
func (f *Field) Sweep(ctx context.Context, shots []Shot, queued []Port) ([]Landing, error) {
	defer f.free()
	if err := f.rest(ctx); err != nil {
		return nil, err
	}
	before, err := f.drops()
	if err != nil {
		return nil, err
	}
	landings := make([]Landing, len(shots))
	for at := 0; at < len(shots); {
		n, err := f.fire(ctx, shots[at:], landings[at:], queued)
		if err != nil {
			return nil, err
		}
		at += n
	}
	after, err := f.drops()
	if err != nil {
		return nil, err
	}
	if after != before {
		return nil, fmt.Errorf("taps lost %d frames", after-before)
	}
	return landings, nil
}

// fire sends the first of some shots, as many as go at once, and returns how many.
func (f *Field) fire(ctx context.Context, shots []Shot, landings []Landing, queued []Port) (int, error) {
	f.log = f.log[:0]
	clear(f.lastFence)
	f.rested = false
	under := map[shotKey]int{}
	n := 0
	err := f.onCPU(f.cpus[0], func() error {
		for ; n < min(len(shots), salvo); n++ {
			f.seq++
			under[shotKey{f.seq, shots[n].content()}] = n
			if err := f.shoot(&shots[n], f.seq); err != nil {
				var errno unix.Errno
				if !errors.As(err, &errno) {
					return err
				}
				landings[n].SendErr = err
			}
		}
		return nil
	})
	if err != nil {
		return n, err
	}
	if _, err := f.settle(ctx); err != nil {
		return n, err
	}
	if err := f.outlast(ctx, queued); err != nil {
		return n, err
	}
	for i := range f.log {
		s := &f.log[i]
		if shot, ok := under[shotKey{s.msg.seq, s.kind}]; ok {
			f.land(&landings[shot], s)
		}
	}
	return n, nil
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

func (f *Field) land(l *Landing, s *sighting) {
	switch {
	case s.by == byTap:
		l.Sightings = append(l.Sightings, f.sightingOf(s, true))
	case s.by == byStack && s.frame.Type != capture.OtherHost:
		l.Taken = append(l.Taken, f.sightingOf(s, true))
	}
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
	payload := message{run: f.run, seq: seq, role: roleProbe}.encode(0)
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
		frame, err = rawFrame(h, payload)
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

// Mark puts a comment on each frame of a landing in the capture.
func (f *Field) Mark(l *Landing, comment string) {
	for _, s := range l.Sightings {
		if s.handle >= 0 {
			f.rec.Comment(s.handle, comment)
		}
	}
}
