package run

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/probe"
	"github.com/lanproof/lanproof/reports"
)

// crowd is a host with many macvlan endpoints on one parent.
func crowd(n int, mode, class string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `name: lan
title: Many endpoints on one parent
hosts: {host: {parents: {eth0: {}}}}
networks: {n: {driver: macvlan, parent: eth0, macvlan_mode: %s, subnets: [{subnet: 10.0.0.0/16}]}}
checks: [{oracle: %s}]
endpoints:
`, mode, class)
	for i := range n {
		fmt.Fprintf(&b, "  e%d: {network: n}\n", i)
	}
	return b.String()
}

// BenchmarkCrowd asks the oracle about the unicasts of all ordered pairs of many
// endpoints on one parent, and of the parent itself, verdicts included; in turns
// with a bare loop of writes and reads of as many frames between as many endpoints.
// It reports what a pair costs with either, what building the LAN costs, and the
// largest memory that the process has had so far.
func BenchmarkCrowd(b *testing.B) {
	for _, n := range []int{30, 300, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchmarkCrowd(b, n) })
	}
}

func benchmarkCrowd(b *testing.B, n int) {
	start := time.Now()
	p, lan := opened(b, crowd(n, "bridge", "unicast"))
	setup := time.Since(start)
	loop := openBare(b, crowd(n, "bridge", "unicast"))
	var ours, bare []time.Duration
	for b.Loop() {
		start := time.Now()
		if err := loop.run(); err != nil {
			b.Fatal(err)
		}
		bare = append(bare, time.Since(start)/time.Duration(n*(n-1)))
		lan.world = nil // as a case's first question finds it
		start = time.Now()
		for id, a := range asked(b, p, lan) {
			if v := probe.Judge(a.Finding); v != reports.Pass {
				b.Fatalf("%s: %s: %s", id, v, a.Observed)
			}
		}
		ours = append(ours, time.Since(start)/time.Duration(n*(n+1)))
	}
	slices.Sort(ours)
	slices.Sort(bare)
	pair, write := ours[len(ours)/2], bare[len(bare)/2]
	b.ReportMetric(setup.Seconds(), "setup-s")
	b.ReportMetric(float64(pair.Nanoseconds())/1000, "µs/pair")
	b.ReportMetric(float64(write.Nanoseconds())/1000, "bare-µs/pair")
	b.ReportMetric(float64(pair)/float64(write), "lanproof/bare")
	b.ReportMetric(float64(peak(b))/(1<<20), "peak-MiB")
}

// peak is the most memory that the process has had resident, in bytes.
func peak(b *testing.B) int64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Maxrss << 10
}

func needRoot(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("making network namespaces needs root")
	}
}
