// Package drops tells where the kernel drops frames and why, by a small eBPF
// program on the tracepoint skb:kfree_skb (include/trace/events/skb.h). It reads
// the frame itself, so that whoever sent it can know it again, and it looks only
// at namespaces that are watched.
//
// The program is written in eBPF's own instructions (program.go), with offsets and
// names from the kernel's BTF: it takes no compiler, no kprobes and no tracefs.
package drops

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"
)

// Drop is one frame that the kernel dropped.
type Drop struct {
	// Time is when, by the clock that [Now] reads.
	Time time.Duration
	// Netns and Index are the frame's device: its namespace as links in /proc show
	// it, and its ifindex there.
	Netns uint32
	Index int
	// Reason is the kernel's name for it without its prefix, such as OTHERHOST.
	Reason string
	// Function of the kernel that dropped it; empty when the kernel does not tell.
	Function string
	// Frame begins with the destination address and has every VLAN tag in its
	// place. It may be cut behind 192 bytes. The addresses are zero where the frame
	// had none yet.
	Frame []byte
}

// Tracer hears of drops. It is safe for concurrent use.
type Tracer struct {
	maps    maps
	program *ebpf.Program
	link    link.Link
	ring    *ringbuf.Reader
	reasons reasons

	mu      sync.Mutex
	watches map[uint32]*Watch // by namespace
	record  ringbuf.Record
}

// Watch collects the drops of some namespaces.
type Watch struct {
	tracer     *Tracer
	namespaces []uint32
	drops      []Drop
}

// ErrLost is wrapped by the error for drops that came faster than they were read.
var ErrLost = errors.New("drops were lost")

// Open loads the program. Its error wraps [ebpf.ErrNotSupported] or fs.ErrNotExist
// where the kernel lacks something, and EPERM without CAP_BPF and CAP_PERFMON.
func Open() (*Tracer, error) {
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		return nil, fmt.Errorf("trace drops: read the kernel's types: %w", err)
	}
	t := &Tracer{watches: map[uint32]*Watch{}}
	if err := t.open(kernel); err != nil {
		return nil, errors.Join(fmt.Errorf("trace drops: %w", err), t.Close())
	}
	return t, nil
}

func (t *Tracer) open(kernel *btf.Spec) error {
	at, err := findOffsets(kernel)
	if err != nil {
		return err
	}
	if t.reasons, err = readReasons(kernel); err != nil {
		return err
	}
	if err := t.maps.open(); err != nil {
		return err
	}
	if t.program, err = ebpf.NewProgram(programSpec(at, &t.maps)); err != nil {
		return fmt.Errorf("load the program: %w", err)
	}
	if t.ring, err = ringbuf.NewReader(t.maps.records); err != nil {
		return fmt.Errorf("map the records: %w", err)
	}
	if t.link, err = link.AttachTracing(link.TracingOptions{Program: t.program}); err != nil {
		return fmt.Errorf("attach the program: %w", err)
	}
	return nil
}

// Close takes the program out of the kernel.
func (t *Tracer) Close() error {
	if t == nil {
		return nil
	}
	var errs []error
	if t.link != nil {
		errs = append(errs, t.link.Close())
	}
	if t.ring != nil {
		errs = append(errs, t.ring.Close())
	}
	if t.program != nil {
		errs = append(errs, t.program.Close())
	}
	return errors.Join(append(errs, t.maps.close())...)
}

// Watch begins to collect what is dropped in some namespaces, named by the inode
// numbers of their links in /proc. Each may be watched once at a time.
func (t *Tracer) Watch(namespaces ...uint32) (*Watch, error) {
	w := &Watch{tracer: t, namespaces: namespaces}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, ns := range namespaces {
		t.watches[ns] = w
		if err := t.maps.watched.Put(ns, uint32(1)); err != nil {
			return nil, errors.Join(fmt.Errorf("watch namespace %d: %w", ns, err), w.end())
		}
	}
	return w, nil
}

// Drops returns what has been dropped since it was last asked, in the order in which
// it was.
func (w *Watch) Drops() ([]Drop, error) {
	w.tracer.mu.Lock()
	defer w.tracer.mu.Unlock()
	err := w.tracer.read()
	all := w.drops
	w.drops = nil
	return all, err
}

// Close ends the watch.
func (w *Watch) Close() error {
	w.tracer.mu.Lock()
	defer w.tracer.mu.Unlock()
	return w.end()
}

func (w *Watch) end() error {
	var errs []error
	for _, ns := range w.namespaces {
		delete(w.tracer.watches, ns)
		if err := w.tracer.maps.watched.Delete(ns); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			errs = append(errs, fmt.Errorf("end the watch of namespace %d: %w", ns, err))
		}
	}
	return errors.Join(errs...)
}

// read gives every watch what the kernel has written until now. A drop is written
// before the function that caused it returns.
func (t *Tracer) read() error {
	t.ring.SetDeadline(time.Unix(1, 0)) // what is there, without waiting
	for {
		err := t.ring.ReadInto(&t.record)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return t.lost()
		}
		if err != nil {
			return fmt.Errorf("read drops: %w", err)
		}
		r, ok := parseRecord(t.record.RawSample)
		if w := t.watches[r.netns]; ok && w != nil {
			w.drops = append(w.drops, Drop{
				Time: r.time, Netns: r.netns, Index: r.index, Function: r.function, Frame: r.frame, Reason: t.reasons.name(r.reason),
			})
		}
	}
}

// lost is an error when the kernel found no room for a drop since it was last asked.
func (t *Tracer) lost() error {
	var n uint64
	if err := t.maps.lost.Lookup(uint32(0), &n); err != nil {
		return fmt.Errorf("ask for lost drops: %w", err)
	}
	if n == 0 {
		return nil
	}
	if err := t.maps.lost.Put(uint32(0), uint64(0)); err != nil {
		return fmt.Errorf("reset lost drops: %w", err)
	}
	return fmt.Errorf("%w: %d", ErrLost, n)
}

// Now reads the clock that drops are timed by (bpf_ktime_get_ns).
func Now() (time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0, fmt.Errorf("read the clock: %w", err)
	}
	return time.Duration(ts.Nano()), nil
}
