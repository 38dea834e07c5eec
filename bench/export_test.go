package bench

import "context"

// Measures are what is measured on a line, by the names of benchmarks, so that tests
// can break the line first.
func Measures() map[string]func(context.Context, *Line, Rules) ([]Figure, error) {
	return map[string]func(context.Context, *Line, Rules) ([]Figure, error){
		"tcp": tcp, "udp/gso=off": udp(1), "udp/gso=on": udp(maxSegments), "rtt": roundTrips,
		"frames": frames(64), "throughput": throughput(1500),
	}
}
