// Package record holds what benchmarks have measured: the model of bench.json, its
// reading and writing, the comparison of two systems, and the pages made of it. It
// knows no kernel, so that figures can be judged on any machine.
package record

import "time"

// Schema is the version of the model. Fields may be added, never renamed.
const Schema = "lanproof/bench/v1"

// FileName is the name of a run's file in its folder.
const FileName = "bench.json"

// Run is what one run of benchmarks measured, on one system or on several in turns.
type Run struct {
	Schema string `json:"schema"`
	// Tool is the version of lanproof.
	Tool    string    `json:"tool"`
	Started time.Time `json:"started"`
	Seed    uint64    `json:"seed"`
	// Command is what to type to measure the same again.
	Command string `json:"command"`
	// Systems are what was measured, in the order in which they took turns.
	Systems []System `json:"systems"`
	Series  []Series `json:"series"`
	// Problems are what was asked for and could not be measured, or not to its end.
	Problems []Problem `json:"problems,omitempty"`
}

// Clock tells what a duration of a system counts.
type Clock string

// The clocks.
const (
	// Time is time as it passes.
	Time Clock = "time"
	// Instructions is the number of instructions that an emulated CPU has carried out:
	// it is the same however busy the machine is, and says nothing about caches.
	Instructions Clock = "instructions"
)

// System is a kernel on a machine, and what else figures depend on.
type System struct {
	// ID tells the systems of a run apart, and is the same in other runs on the same
	// system: "host", "guest debian:6.12". Where one is measured against itself, the
	// second has "#2" behind it.
	ID     string `json:"id"`
	Ground string `json:"ground"` // host or guest
	Kernel string `json:"kernel"` // the release, as uname(1) prints it
	Arch   string `json:"arch"`
	Clock  Clock  `json:"clock"`
	// Detail is what else is known of it, by name: cpu, cpus, governor, mitigations,
	// clocksource, emulation, cmdline, load, pinned.
	Detail map[string]string `json:"detail,omitempty"`
}

// Direction tells which of two figures is the better one.
type Direction string

// The directions.
const (
	HigherIsBetter Direction = "higher"
	LowerIsBetter  Direction = "lower"
)

// Series are the samples of one figure on one system.
type Series struct {
	// Benchmark is its name: "frames/macvlan-bridge/in/size=64".
	Benchmark string `json:"benchmark"`
	// System is the ID of one of the run's systems.
	System string `json:"system"`
	// Unit is what is counted: "frames/s", "instructions/frame", "bit/s", "ns/op",
	// "p99-ns", "B/child", "links/s".
	Unit   string    `json:"unit"`
	Better Direction `json:"better"`
	// Method is how it was measured, where there is more than one way: "AF_PACKET,
	// sendmmsg", "pktgen", "sockets".
	Method  string   `json:"method,omitempty"`
	Samples []Sample `json:"samples"`
}

// Sample is one measured value.
type Sample struct {
	// Block is in which round of the systems' turns it was measured, from 0; the rounds
	// that warmed up are not kept.
	Block int     `json:"block"`
	Value float64 `json:"value"`
}

// Problem is a benchmark that gave no figure on a system, or fewer than were asked for.
type Problem struct {
	Benchmark string `json:"benchmark,omitempty"` // empty: all of the system's
	System    string `json:"system"`
	// Kind is "skip" where the system lacks something, "error" where lanproof could not
	// find out.
	Kind   string `json:"kind"`
	Reason string `json:"reason"`
}
