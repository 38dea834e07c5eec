package main

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lanproof/lanproof/bench/record"
)

// figures leaves a run of benchmarks in a folder, with samples that scatter by half a
// percent: figures DIR [turns] [slower=PERCENT] [samples=N] [seed=N] [drop=NAME]
// [add=NAME] [clock=C] [method=M] [kernel=K] [tool=T] [cpu=C]. What is slower is that
// much in the benchmarks of frames, and four times as much in those of rtt.
func figures(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: figures DIR [KEY=VALUE...]")
	}
	set := map[string]string{"slower": "0", "samples": "10", "seed": "1", "clock": "time", "method": "AF_PACKET", "kernel": "6.18.0", "tool": "v1", "cpu": "a CPU"}
	for _, arg := range args[1:] {
		key, value, _ := strings.Cut(arg, "=")
		set[key] = value
	}
	ts.Check(record.Save(ts.MkAbs(args[0]), runOfFigures(set)))
}

// runOfFigures is a run as figures describes it.
func runOfFigures(set map[string]string) *record.Run {
	number := func(key string) int {
		n, _ := strconv.Atoi(set[key]) // a zero shows soon enough in a test
		return n
	}
	seed := rand.New(rand.NewPCG(uint64(number("seed")), 0))
	run := &record.Run{Tool: set["tool"], Started: time.Date(2026, 11, 21, 15, 0, 0, 0, time.UTC), Command: "lanproof bench"}
	system := record.System{
		ID: "host", Ground: "host", Kernel: set["kernel"], Arch: "x86_64", Clock: record.Clock(set["clock"]), Detail: map[string]string{"cpu": set["cpu"], "load": "0.1"},
	}
	_, turns := set["turns"]
	run.Systems = []record.System{system}
	if turns {
		system.ID = "host#2"
		run.Systems = append(run.Systems, system)
	}
	names := []string{"frames/vlan/in/size=64", "memory/macvlan", "rtt/vlan"}
	if set["add"] != "" {
		names = append(names, set["add"])
	}
	for i, s := range run.Systems {
		for _, name := range names {
			factor := 1.0
			if part := float64(number("slower")) / 100; !turns || i == 1 {
				factor += map[string]float64{"frames": part, "rtt": 4 * part}[strings.Split(name, "/")[0]]
			}
			if name == set["drop"] {
				continue
			}
			one := record.Series{Benchmark: name, System: s.ID, Unit: "ns/frame", Better: record.LowerIsBetter, Method: set["method"]}
			for block := range number("samples") {
				one.Samples = append(one.Samples, record.Sample{Block: block, Value: 1000 * factor * (1 + 0.005*seed.NormFloat64())})
			}
			run.Series = append(run.Series, one)
		}
	}
	return run
}
