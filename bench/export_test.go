package bench

import "context"

// Measures are what is measured on a line, by the names of benchmarks, so that tests
// can break the line first.
func Measures() map[string]func(context.Context, *Line, Rules) ([]Figure, error) {
	return map[string]func(context.Context, *Line, Rules) ([]Figure, error){
		"tcp": tcp(ipv4), "udp/gso=off": udp(ipv4, 1), "udp/gso=on": udp(ipv4, maxSegments), "rtt": roundTrips(ipv4),
		"tcp/family=ipv6": tcp(ipv6), "udp/gso=off/family=ipv6": udp(ipv6, 1), "udp/gso=on/family=ipv6": udp(ipv6, maxSegments), "rtt/family=ipv6": roundTrips(ipv6),
		"frames": frames(64), "throughput": throughput(1500),
	}
}
