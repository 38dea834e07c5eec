package turns

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/lanproof/lanproof/bench/record"
	"github.com/lanproof/lanproof/guest"
)

// Here is the name of this kernel among those that can be measured.
const Here = "host"

// Target is a kernel to be measured.
type Target struct {
	// Kernel is what [guest.Resolve] takes, or [Here].
	Kernel string
	// Modules is a directory with further modules for a guest.
	Modules string
	// Clock is that of the system: [record.Time], or [record.Instructions], which only
	// a guest can count; time on this kernel and instructions in a guest if empty.
	Clock record.Clock
	// Slower is that of [bench.Rules].
	Slower float64
}

// id tells the target apart from others.
func (t Target) id() string {
	if t.Kernel == Here {
		return "host"
	}
	return "guest " + t.Kernel
}

func (t Target) ground() string {
	if t.Kernel == Here {
		return "host"
	}
	return "guest"
}

// system is a target that takes its turns.
type system struct {
	Target
	record *record.System
	o      *Options
	kernel guest.Kernel // where it is a guest
	qemu   string
	cpu    int // which the sender, or QEMU, is kept on
	peer   int
	failed map[string]int // how often a benchmark has failed here
	off    map[string]bool
	ended  int  // how many turns ended before their end, and for no benchmark's sake
	gone   bool // nothing can be measured here any more
}

// open finds what the system needs.
func (s *system) open(ctx context.Context) (err error) {
	s.Clock = cmp.Or(s.Clock, s.clock())
	s.record.Clock, s.record.Ground = s.Clock, s.ground()
	if s.Kernel == Here {
		if s.Clock != record.Time {
			return errors.New("instructions are counted in guests only")
		}
		return nil
	}
	if s.qemu, err = guest.HaveQEMU(ctx); err != nil {
		return err
	}
	s.kernel, err = guest.Resolve(ctx, s.Kernel, s.Modules)
	return err
}

func (s *system) clock() record.Clock {
	if s.Kernel == Here {
		return record.Time
	}
	return record.Instructions
}

// turn has the system do an order.
func (s *system) turn(ctx context.Context, o order, say func(line) error) error {
	o.Kind, o.Rules.Clock = Kind, s.Clock
	if s.Kernel == Here {
		o.Rules.CPU, o.Rules.Peer, o.Settle = s.cpu, s.peer, 100*time.Millisecond
		return o.do(ctx, s.o.Benchmarks, say)
	}
	o.Settle = 2 * time.Second // nobody else keeps a guest busy
	job, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("write the guest's order: %w", err)
	}
	var bad error
	err = guest.Run(ctx, job, guest.Options{
		Kernel: s.kernel, Init: s.o.Init, Memory: guestMemory, Idle: limit, BootLimit: bootLimit,
		Count: s.Clock == record.Instructions, CPUs: []int{s.cpu}, Console: s.o.Console,
	}, func(text []byte) {
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			bad = cmp.Or(bad, fmt.Errorf("read the guest's answer: %w", err))
			return
		}
		bad = cmp.Or(bad, say(l))
	}, func(string, []byte) error { return nil })
	return cmp.Or(err, bad)
}

// bootLimit bears with a busy machine: there is no hurry.
const bootLimit = 3 * time.Minute

// guestMemory is what a guest's kernel gets, in MiB: thousands of devices take some.
const guestMemory = 1024

// describe keeps what the system tells of itself.
func (s *system) describe(d *described) {
	if s.record.Kernel != "" {
		return
	}
	s.record.Kernel, s.record.Arch, s.record.Detail = d.Kernel, d.Arch, maps.Clone(d.Detail)
	detail := s.record.Detail
	detail["load"] = load() + " before"
	if s.Kernel == Here {
		detail["emulation"] = "none"
		detail["pinned"] = fmt.Sprintf("sender %d, receiver %d", s.cpu, s.peer)
		return
	}
	detail["emulation"] = "QEMU " + s.qemu + ", TCG"
	if s.Clock == record.Instructions {
		detail["emulation"] += ", -icount shift=0,sleep=off"
	}
	detail["pinned"] = "QEMU " + strconv.Itoa(s.cpu)
	detail["machine"] = cpuModel()
}
