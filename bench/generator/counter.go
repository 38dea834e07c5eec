package generator

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/capture"
	"github.com/lanproof/lanproof/internal/netns"
)

// CountOptions say what is counted.
type CountOptions struct {
	// Numbers is the highest number of a frame that is looked at, to tell lost frames from
	// those that came twice; 0 counts frames only. It takes a bit of memory each, and is at
	// most 30 million.
	Numbers uint32
}

// Counted is what a counter has seen since it was opened or reset.
type Counted struct {
	// Frames is how many frames arrived, copies included.
	Frames uint64
	// Bytes is their size without FCS and with tags.
	Bytes uint64
	// Distinct is how many different numbers were among them, and Beyond how many frames
	// had a number that is not looked at; both are 0 unless numbers are.
	Distinct, Beyond uint64
}

// Counter counts the frames of generators that arrive at a device: they come to it as
// to any tap, see package capture. Counting is done by a socket's filter, a program of
// some forty eBPF instructions that keeps no frame. It costs a frame some 350 instructions,
// 6 to 8 % of what one takes over a veth (BenchmarkCount on Linux 6.1 and 6.12), and some
// 30 more with numbers. It is not for concurrent use.
type Counter struct {
	tap    *capture.Tap
	sums   *ebpf.Map // one value: totals
	seen   *ebpf.Map // one value: a bit for each number; nil without
	prog   *ebpf.Program
	fence  uint32 // the highest that came
	number uint32
}

// mostNumbers keeps the bits within what one value of a map may take.
const mostNumbers = 30_000_000

// Count opens a counter on the device with an index in a namespace. It takes CAP_BPF
// beside CAP_NET_RAW there, and counts from the moment on at which it returns. Errors
// wrap the errno: EPERM without them, ENODEV without the device.
func Count(ns *netns.NS, index int, o CountOptions) (*Counter, error) {
	if o.Numbers > mostNumbers {
		return nil, fmt.Errorf("count %d numbers, at most %d are possible: %w", o.Numbers, mostNumbers, unix.EINVAL)
	}
	c := &Counter{number: o.Numbers}
	if err := c.open(ns, index); err != nil {
		return nil, errors.Join(fmt.Errorf("count frames on interface %d: %w", index, err), c.Close())
	}
	return c, nil
}

func (c *Counter) open(ns *netns.NS, index int) (err error) {
	none, err := bpf.Assemble([]bpf.Instruction{bpf.RetConstant{}})
	if err != nil {
		return fmt.Errorf("assemble a filter: %w", err)
	}
	// Nothing is taken until the program is in its place.
	if c.tap, err = capture.Open(ns, capture.Config{Index: index, IgnoreOutgoing: true, Plain: true, Filter: none}); err != nil {
		return err
	}
	if c.sums, err = newValue(sumsSize); err != nil {
		return err
	}
	if c.number > 0 {
		if c.seen, err = newValue(bitsSize(c.number)); err != nil {
			return err
		}
	}
	c.prog, err = ebpf.NewProgram(&ebpf.ProgramSpec{Name: "lanproof_count", Type: ebpf.SocketFilter, License: "GPL", Instructions: c.program()})
	if err != nil {
		return fmt.Errorf("load the program that counts: %w", err)
	}
	if err := unix.SetsockoptInt(c.tap.FD(), unix.SOL_SOCKET, unix.SO_ATTACH_BPF, c.prog.FD()); err != nil {
		return fmt.Errorf("attach the program that counts: %w", err)
	}
	return nil
}

// newValue makes a map with one value.
func newValue(size int) (*ebpf.Map, error) {
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: uint32(size), MaxEntries: 1})
	if err != nil {
		return nil, fmt.Errorf("make a map of %d bytes: %w", size, err)
	}
	return m, nil
}

// bitsSize is how many bytes a bit for each number from 0 takes, in words of 64 bits.
func bitsSize(numbers uint32) int { return (int(numbers)/64 + 1) * 8 }

// Counted returns what has come so far. [Generator.Settle] before it makes sure that
// nothing is under way.
func (c *Counter) Counted() (Counted, error) {
	value := make([]byte, sumsSize)
	if err := c.sums.Lookup(uint32(0), value); err != nil {
		return Counted{}, fmt.Errorf("ask for the frames counted: %w", err)
	}
	at := func(i int) uint64 { return binary.NativeEndian.Uint64(value[i:]) }
	return Counted{Frames: at(sumFrames), Bytes: at(sumBytes), Distinct: at(sumDistinct), Beyond: at(sumBeyond)}, nil
}

// Reset forgets what has been counted.
func (c *Counter) Reset() error {
	err := c.sums.Put(uint32(0), make([]byte, sumsSize))
	if c.seen != nil {
		err = errors.Join(err, c.seen.Put(uint32(0), make([]byte, bitsSize(c.number))))
	}
	if err != nil {
		return fmt.Errorf("forget the frames counted: %w", err)
	}
	return nil
}

// Close ends the counter. Closing again does nothing.
func (c *Counter) Close() error {
	if c == nil {
		return nil
	}
	return errors.Join(c.tap.Close(), c.prog.Close(), c.sums.Close(), c.seen.Close())
}

// await reads fences until one has come that is not older than a number, or a time is
// past.
func (c *Counter) await(ctx context.Context, number uint32, until time.Time) (bool, error) {
	for {
		for {
			f, ok, err := c.tap.Read()
			if err != nil {
				return false, err
			}
			if !ok {
				break
			}
			c.fence = max(c.fence, fenceNumber(f.Data))
		}
		if c.fence >= number {
			return true, nil
		}
		if ready, err := capture.Wait(ctx, until, c.tap); err != nil || !ready {
			return false, err
		}
	}
}

// fenceNumber finds the number in a fence, 0 in another frame.
func fenceNumber(b []byte) uint32 {
	magic := binary.BigEndian.AppendUint32(nil, fenceMagic)
	at := bytes.Index(b, magic)
	if at < 0 || len(b) < at+markLen {
		return 0
	}
	return binary.BigEndian.Uint32(b[at+4:])
}
