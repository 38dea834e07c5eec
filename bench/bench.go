// Package bench measures what users of macvlan, ipvlan and VLANs feel of a kernel:
// how many frames a second a path carries, how long a link takes to be made, what a
// child costs. It measures this kernel; package bench/turns has several measured in
// turns, package bench/record keeps and compares what came out.
package bench

import (
	"context"
	"errors"
	"time"

	"github.com/lanproof/lanproof/bench/record"
)

// Benchmark measures one thing on one path.
type Benchmark struct {
	// Name says what is measured and where, from the general to the special:
	// "frames/macvlan-bridge/in/size=64". Its first word is the measure; what has a
	// value is written key=value, as Go's benchmarks do.
	Name string
	// About is one sentence for people.
	About string
	// Needs are what the kernel must offer, by the names of internal/features.
	Needs []string
	// Run takes one sample of each of its figures. It builds what it needs in namespaces
	// of its own and leaves nothing behind.
	Run func(ctx context.Context, r Rules) ([]Figure, error)
}

// ErrSkip is wrapped by the error of a Run that found, beside what Needs says, that the
// system has too little of something, such as memory: the reason is told as a skip.
var ErrSkip = errors.New("not on this system")

// Rules are how a sample is taken.
type Rules struct {
	// Clock is what durations count on this system.
	Clock record.Clock
	// Seed makes what may vary the same again.
	Seed uint64
	// Effort is for how long a data path is kept busy for one sample, on the clock
	// of the system; a default if zero.
	Effort time.Duration
	// CPU is the processor that the sender is to be kept on, and Peer the receiver's;
	// the same where there is but one.
	CPU, Peer int
	// Slower is what a [Watch] adds to what it measures, as a part of it, by being busy:
	// a slowdown of known size, for tests that hold whether it is found.
	Slower float64
	// Generator chooses what makes frames: "clones" (the default, for every kernel and
	// every device has it), "packet", "segments" or "pktgen".
	Generator string
}

// Figure is one value of a sample.
type Figure struct {
	Unit   string
	Value  float64
	Better record.Direction
	Method string
}

// Rate is the figure of n things done in some time: "frames/s" by a clock of time, and
// "instructions/frame" where instructions are counted. thing is in the singular.
func (r Rules) Rate(thing string, n int, took time.Duration, method string) Figure {
	if r.Clock == record.Instructions {
		return Figure{Unit: "instructions/" + thing, Value: float64(took.Nanoseconds()) / float64(n), Better: record.LowerIsBetter, Method: method}
	}
	return Figure{Unit: thing + "s/s", Value: float64(n) / took.Seconds(), Better: record.HigherIsBetter, Method: method}
}

// Per is the figure of how long one of n things took: "ns/op" by a clock of time, and
// "instructions/op" where instructions are counted. thing is in the singular.
func (r Rules) Per(thing string, n int, took time.Duration, method string) Figure {
	unit := "ns/" + thing
	if r.Clock == record.Instructions {
		unit = "instructions/" + thing
	}
	return Figure{Unit: unit, Value: float64(took.Nanoseconds()) / float64(n), Better: record.LowerIsBetter, Method: method}
}
