package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/probe/mark"
)

// Fence is a frame whose arrival proves that what was sent before is past.
type Fence struct {
	// At is the device that the fence is sent from.
	At Port
	// Tags to put into it, outermost first.
	Tags []Tag
	// Source and Dest are MAC addresses: a source of our own and the broadcast
	// address when nil.
	Source, Dest net.HardwareAddr
	// IP is where it goes when only an IP packet arrives.
	IP netip.Addr
	// Reaches are the devices that must see it.
	Reaches []Port
	// Socket is set where only sockets see what arrives.
	Socket bool
	// Cable is set where it crosses a cable between two real ports.
	Cable bool
}

// arrival is a fence that is on its way to a device.
type arrival struct {
	place
	socket bool
	seq    uint32
}

var (
	broadcastMAC = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	// fenceMAC is where fences come from: locally administered, nobody's.
	fenceMAC = net.HardwareAddr{0x02, 0x4c, 0x50, 0x00, 0x00, 0xfe}
	// Fences that are IP packets come from addresses for documentation (RFC
	// 5737, RFC 3849), which no device has.
	fenceIP4 = netip.MustParseAddr("192.0.2.254")
	fenceIP6 = netip.MustParseAddr("2001:db8:ffff::fe")
)

// SetFences tells the field which fences the LAN allows as it now stands.
func (f *Field) SetFences(fences []Fence) {
	f.fences, f.crossings = fences, crossings(fences)
	f.cabled, f.leave = len(f.crossings) > 0, nil
	f.fenceable = map[place]bool{}
	for _, fence := range fences {
		for _, p := range fence.Reaches {
			f.fenceable[p.key()] = true
		}
	}
	f.rested = false
	clear(f.lost)
	clear(f.mute)
}

// fenceAt is what fences prove at a device.
func (f *Field) fenceAt(p Port) FenceState {
	switch {
	case f.lost[p.key()], f.cut():
		return FenceLost
	case f.fenceable[p.key()]:
		return FenceHeld
	}
	return NoFence
}

// rest begins a window at rest. Where the window before has just ended there
// and nothing has happened since, its last round of fences serves.
func (f *Field) rest(ctx context.Context) error {
	if err := f.settleIn(); err != nil {
		return err
	}
	before := f.traffic
	if err := f.drain(); err != nil {
		return err
	}
	if f.rested && f.traffic == before {
		return nil
	}
	_, err := f.settle(ctx)
	return err
}

// maxRounds bounds settle in a LAN that never comes to rest, such as one with
// a loop in it.
const maxRounds = 200

var errNoRest = errors.New("the LAN does not come to rest")

// settle sends rounds of fences until one whole round has arrived without any
// other frame being seen. It returns the number of rounds.
func (f *Field) settle(ctx context.Context) (int, error) {
	defer f.free()
	// Most of what the flow causes has happened by the time that sending
	// returns; seen now, it costs no round of its own.
	if err := f.drain(); err != nil {
		return 0, err
	}
	for round := 1; round <= maxRounds; round++ {
		before := f.traffic
		if err := f.round(ctx); err != nil {
			return round, err
		}
		if f.traffic == before {
			f.rested = true
			return round, nil
		}
	}
	return maxRounds, fmt.Errorf("%w: frames were still seen after %d rounds of fences", errNoRest, maxRounds)
}

// Calm waits until what is under way in the LAN has arrived.
func (f *Field) Calm(ctx context.Context) error {
	_, err := f.settle(ctx)
	return err
}

// round sends every fence on every CPU and waits for all to arrive.
func (f *Field) round(ctx context.Context) error {
	clear(f.pending)
	start := time.Now()
	// From the last CPU to the first, which is the window's home.
	for _, cpu := range slices.Backward(f.cpus) {
		if err := f.sendFences(ctx, cpu, f.fences); err != nil {
			return err
		}
	}
	arrived, err := f.await(ctx)
	if err != nil {
		return err
	}
	if arrived {
		f.slowest = max(f.slowest, time.Since(start))
		// What the last fence has passed may be queued at a tap that was read
		// before the fence was.
		return f.drain()
	}
	// Lost fences are not waited for twice; what they would have proven is
	// unproven from now on.
	for a := range f.pending {
		f.lost[a.place] = true
	}
	return nil
}

// sendFences sends fences on a CPU, over a cable no more at once than a small ring
// holds.
func (f *Field) sendFences(ctx context.Context, cpu int, fences []Fence) error {
	for next := 0; next < len(fences); {
		err := f.onCPU(cpu, func() error {
			for sent := 0; next < len(fences) && sent < inFlight; next++ {
				fence := &fences[next]
				if fence.Cable {
					sent++
				}
				if err := f.sendFence(fence); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if next < len(fences) {
			if _, err := f.await(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *Field) sendFence(fence *Fence) error {
	reaches := slices.ContainsFunc(fence.Reaches, func(p Port) bool { return !f.lost[p.key()] })
	if !reaches {
		return nil
	}
	f.seq++
	for _, p := range fence.Reaches {
		if !f.lost[p.key()] {
			f.pending[arrival{p.key(), fence.Socket, f.seq}] = waited{fence: fence}
		}
	}
	frame, typ, err := fence.frame(mark.Mark{Run: f.run, Seq: f.seq, Role: mark.Fence})
	if err != nil {
		return err
	}
	err = fence.At.Node.stack.Send(fence.At.Index, typ, frame)
	if errors.Is(err, unix.ENETDOWN) || errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.ENXIO) {
		// The fence is lost, which its absence will tell.
		return nil
	}
	if err != nil {
		return fmt.Errorf("send a fence from %s: %w", fence.At, err)
	}
	if fence.Cable {
		f.crossed++
	}
	f.fencing[fence.At.key()] = f.fencing[fence.At.key()].plus(frame[:min(6, len(frame))], len(frame))
	return nil
}

func (fence *Fence) frame(m mark.Mark) (frame []byte, etherType uint16, err error) {
	h := header{src: fence.Source, dst: fence.Dest, tags: fence.Tags}
	if h.src == nil {
		h.src = fenceMAC
	}
	if h.dst == nil {
		h.dst = broadcastMAC
	}
	if !fence.IP.IsValid() {
		return rawFrame(h, m.Encode(0)), outerType(h.tags, EtherType), nil
	}
	from, typ := fenceIP4, uint16(unix.ETH_P_IP)
	if fence.IP.Is6() {
		from, typ = fenceIP6, unix.ETH_P_IPV6
	}
	frame, err = udpFrame(h, from, fence.IP, m.Encode(0))
	return frame, outerType(h.tags, typ), err
}

// quiet waits a window where no fence can exist.
func (f *Field) quiet(ctx context.Context, done func() bool) (time.Duration, error) {
	start := time.Now()
	_, err := f.wait(ctx, f.window(), done)
	return time.Since(start).Round(time.Millisecond), err
}
