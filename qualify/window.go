package qualify

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"time"

	"github.com/lanproof/lanproof/capture"
	"github.com/lanproof/lanproof/capture/frames"
	"github.com/lanproof/lanproof/probe"
	"github.com/lanproof/lanproof/probe/mark"
	"github.com/lanproof/lanproof/qualify/record"
)

// Shot is one kind of frame.
type Shot struct {
	// From is the device that sends it.
	From *Device
	// Source and Dest are its addresses; the source is the sender's own when nil.
	Source, Dest net.HardwareAddr
	// Tags are put in by lanproof, outermost first; From may put another one before.
	Tags []frames.Tag
	// Size is how many bytes follow the EtherType, the least that there may be when 0.
	Size int
}

// leastSize is the least payload of an Ethernet frame (IEEE 802.3-2022 4.2.3.3).
const leastSize = 46

// bytes is the frame with a number. What follows the mark differs from frame to
// frame, so that a byte which is lost, altered or another frame's is noticed.
func (s *Shot) bytes(run uint64, seq uint32, role mark.Role) []byte {
	payload := mark.Mark{Run: run, Seq: seq, Role: role}.Encode(max(s.Size, leastSize))
	for i := mark.Size; i < len(payload); i++ {
		payload[i] = byte(i) + 31*byte(seq)
	}
	source := s.Source
	if source == nil {
		source = s.From.MAC
	}
	b := append(bytes.Clone(s.Dest), source...)
	for _, t := range s.Tags {
		b = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, t.TPID), t.TCI())
	}
	return append(binary.BigEndian.AppendUint16(b, probe.EtherType), payload...)
}

// protocol is the EtherType behind the addresses.
func (s *Shot) protocol() uint16 {
	if len(s.Tags) > 0 {
		return s.Tags[0].TPID
	}
	return probe.EtherType
}

// Ask is one trial to be made: frames of one kind, and how many of them must be seen
// at one place.
type Ask struct {
	Name string
	Shot
	At   *Device
	Want record.Want
	// Tagged is how they must be tagged at At; see [record.Trial].
	Tagged string
	// Count is how many frames are sent, 10 when 0.
	Count int
	// Via is the device whose fence shows that the frames are past, At when nil: for
	// where it is not known whether anything comes to At at all. A trial by another's
	// fence has no canary, so it cannot show an absence.
	Via *Device
}

const (
	defaultCount = 10
	// inFlight is how many frames may be under way: small rings drop bursts.
	inFlight = 8
	// leadLimit is how long a port may be deaf after a change: an e1000e's link takes 3 s
	// after a reset, an emulated e1000 takes nothing in for a second.
	leadLimit = 5 * time.Second
	// fenceLimit is how long a fence may take once one has come.
	fenceLimit = 2 * time.Second
	// settleLimit is how long a driver may take until a change of its filters is in
	// force, which some do later, on a work queue (virtio_net's rx_mode_work).
	settleLimit = 300 * time.Millisecond
	// quietTime is a window where there is no fence.
	quietTime = 300 * time.Millisecond
	firstWait = 20 * time.Millisecond
)

// fence is a frame that is known to come to a device by the way of other frames.
type fence struct {
	Shot
	at     *Device
	lost   bool
	canary uint32 // the first of two numbers
}

// trial is an ask with its fence and its numbers.
type trial struct {
	Ask
	fence *fence
	first uint32
}

// window is trials that are made together.
type window struct {
	*Rig
	trials []*trial
	fences []*fence
}

// Window makes trials together and counts them. Before them each place has shown that
// it gets frames, and the port that its filters are in force; a canary comes before
// and after them, and a fence last of all.
func (g *Rig) Window(ctx context.Context, asks ...Ask) ([]record.Trial, error) {
	if g.meddle != nil {
		if err := g.meddle(); err != nil {
			return nil, err
		}
	}
	w := &window{Rig: g}
	for _, a := range asks {
		w.add(a)
	}
	for _, f := range w.fences {
		if err := w.pass(ctx, f, leadLimit); err != nil {
			return nil, err
		}
	}
	for _, step := range []func(context.Context) error{w.settle, w.fire, w.end} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return w.count(), nil
}

// add takes in an ask and finds its fence: to the same kind of address, since groups
// may go another way than single ones (drivers/net/macvlan.c:macvlan_broadcast_enqueue).
func (w *window) add(a Ask) {
	a.Count = cmp.Or(a.Count, defaultCount)
	t := &trial{Ask: a, first: w.numbers(a.Count)}
	at := a.At
	if a.Via != nil {
		at = a.Via
	}
	dest := at.MAC
	if a.Dest[0]&1 != 0 {
		dest = broadcast
	}
	for _, f := range w.fences {
		if f.at == at && f.From == a.From && bytes.Equal(f.Dest, dest) {
			t.fence = f
		}
	}
	if t.fence == nil {
		t.fence = &fence{Shot: Shot{From: a.From, Dest: dest, Tags: at.tagsFrom(a.From)}, at: at, canary: w.numbers(2)}
		w.fences = append(w.fences, t.fence)
	}
	w.trials = append(w.trials, t)
}

// tagsFrom are the tags that a frame to d must be given by lanproof when from sends
// it, which may put the outer ones in by itself.
func (d *Device) tagsFrom(from *Device) []frames.Tag {
	if n := len(from.Tags); n <= len(d.Tags) {
		return d.Tags[n:]
	}
	return nil
}

var broadcast = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// numbers takes n numbers of frames, and returns the first.
func (g *Rig) numbers(n int) uint32 {
	g.seq += uint32(n)
	return g.seq - uint32(n) + 1
}

func (g *Rig) shoot(s *Shot, seq uint32, role mark.Role) error {
	return s.From.Room.send.Send(s.From.Index, s.protocol(), s.bytes(g.run, seq, role))
}

// pass waits until what was sent before is past a place: a fence has come there that
// was sent after it. One that does not come is sent again and again.
func (w *window) pass(ctx context.Context, f *fence, limit time.Duration) error {
	if f.lost {
		return nil
	}
	first, end := w.seq+1, time.Now().Add(limit)
	for wait := firstWait; ; wait = min(2*wait, limit/8) {
		if err := w.shoot(&f.Shot, w.numbers(1), mark.Fence); err != nil {
			return err
		}
		came, err := w.await(ctx, time.Now().Add(wait), func() bool { return w.arrived(f.at, first, w.seq) > 0 })
		if err != nil || came {
			return err
		}
		if time.Now().After(end) {
			f.lost = true
			return nil
		}
	}
}

// passAll waits for all fences.
func (w *window) passAll(ctx context.Context) error {
	for _, f := range w.fences {
		if err := w.pass(ctx, f, fenceLimit); err != nil {
			return err
		}
	}
	return nil
}

// settle sends single frames ahead until they show what is expected, or until there
// has been time enough for it: a change of filters may be in force later than it is
// answered. What is counted comes afterwards and is believed whatever it shows.
func (w *window) settle(ctx context.Context) error {
	end := time.Now().Add(settleLimit)
	for wait := firstWait / 4; ; wait *= 2 {
		first := w.numbers(len(w.trials))
		for i, t := range w.trials {
			if err := w.shoot(&t.Shot, first+uint32(i), mark.Probe); err != nil {
				return err
			}
			if i%inFlight == inFlight-1 {
				if err := w.pass(ctx, t.fence, fenceLimit); err != nil {
					return err
				}
			}
		}
		if err := w.passAll(ctx); err != nil {
			return err
		}
		if w.asExpected(first) || time.Now().After(end) {
			return nil
		}
		if _, err := w.await(ctx, time.Now().Add(wait), func() bool { return false }); err != nil {
			return err
		}
	}
}

func (w *window) asExpected(first uint32) bool {
	for i, t := range w.trials {
		n := w.arrived(t.At, first+uint32(i), first+uint32(i))
		if t.Want == record.All && n == 0 || t.Want == record.None && n > 0 {
			return false
		}
	}
	return true
}

// fire sends the canaries and between them the frames, a few at a time.
func (w *window) fire(ctx context.Context) error {
	if err := w.canaries(ctx, 0); err != nil {
		return err
	}
	sent, last := len(w.fences), w.trials[0].fence
	for _, t := range w.trials {
		if t.fence != last { // another way: it must not overtake
			if err := w.pass(ctx, last, fenceLimit); err != nil {
				return err
			}
			sent, last = 0, t.fence
		}
		for i := range t.Count {
			if sent++; sent >= inFlight {
				sent = 0
				if err := w.pass(ctx, t.fence, fenceLimit); err != nil {
					return err
				}
			}
			if err := w.shoot(&t.Shot, t.first+uint32(i), mark.Probe); err != nil {
				return fmt.Errorf("%s: %w", t.Name, err)
			}
		}
	}
	return w.canaries(ctx, 1)
}

// canaries sends one to each place, a few at a time, since small rings drop bursts.
func (w *window) canaries(ctx context.Context, n uint32) error {
	for i, f := range w.fences {
		if err := w.shoot(&f.Shot, f.canary+n, mark.Probe); err != nil {
			return err
		}
		if i%inFlight == inFlight-1 {
			if err := w.pass(ctx, f, fenceLimit); err != nil {
				return err
			}
		}
	}
	return nil
}

// end ends the window.
func (w *window) end(ctx context.Context) error {
	if err := w.passAll(ctx); err != nil {
		return err
	}
	for _, f := range w.fences {
		if !f.lost {
			continue
		}
		if _, err := w.await(ctx, time.Now().Add(quietTime), func() bool { return false }); err != nil {
			return err
		}
		break
	}
	return w.lossless()
}

// lossless is an error when a tap has missed frames since it was last asked.
func (g *Rig) lossless() error {
	drops := 0
	for _, r := range g.rooms {
		n, err := r.tap.Drops()
		if err != nil {
			return err
		}
		drops += n
	}
	n := drops - g.drops
	if g.drops = drops; n > 0 {
		return fmt.Errorf("taps lost %d frames, so nothing is known", n)
	}
	return nil
}

// count makes trials for the record of what was seen.
func (w *window) count() []record.Trial {
	all := make([]record.Trial, len(w.trials))
	for i, t := range w.trials {
		r := record.Trial{
			Name: t.Name, From: t.From.Name, At: t.At.Name, Want: t.Want, Tagged: t.Tagged,
			First: t.first, Last: t.first + uint32(t.Count) - 1, Proof: "fence",
		}
		if t.Via == nil {
			r.CanaryFirst, r.CanaryLast = t.fence.canary, t.fence.canary+1
		}
		if t.fence.lost {
			r.Proof = "quiet"
		}
		w.tape.sights.Count(&r)
		all[i] = r
	}
	return all
}

// arrived counts the frames with these numbers that have come to a device.
func (g *Rig) arrived(at *Device, first, last uint32) int {
	n, came := 0, g.tape.came[at]
	for seq := first; seq <= last; seq++ {
		if came[seq] {
			n++
		}
	}
	return n
}

// await reads the taps until done says so, or until the deadline.
func (g *Rig) await(ctx context.Context, deadline time.Time, done func() bool) (bool, error) {
	for {
		if err := g.read(); err != nil {
			return false, err
		}
		if done() {
			return true, nil
		}
		ready, err := g.waiter.Wait(ctx, deadline)
		if err != nil {
			return false, err
		}
		if !ready {
			return false, nil
		}
	}
}

// read takes everything out of the taps.
func (g *Rig) read() error {
	for _, r := range g.rooms {
		for {
			f, ok, err := r.tap.Read()
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			g.take(r, f)
		}
	}
	return nil
}

// take takes in a frame that a room's tap saw. Those without a mark of this run are
// left out: a busy switch must not fill the captures.
func (g *Rig) take(r *Room, f capture.Frame) {
	d := r.devices[f.Index]
	if d == nil || g.tape == nil {
		return
	}
	if f.Direction() == capture.In {
		d.in++
	} else {
		d.out++
	}
	if m, _, ok := mark.Find(f.Data); ok && m.Run == g.run {
		g.tape.add(d, f, m.Seq)
	} else if g.spy != nil {
		g.spy(d, f)
	}
}

// tagged is a frame's one tag.
func tagged(tpid uint16, vid int) []frames.Tag { return []frames.Tag{{TPID: tpid, VID: uint16(vid)}} }
