package run

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lanproof/lanproof/probe"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/topology"
)

// BenchmarkFping asks the oracle about the unicasts of all ordered pairs of 30
// endpoints, in turns with fping in each of their namespaces against all others: in
// mode bridge all reach each other, in mode private nobody does. It reports what a
// pair costs with either. There are so few because stacks forget their neighbours
// when there are more than 1024 in all namespaces together, and fping then misses
// most of the others (net/core/neighbour.c:neigh_alloc, gc_thresh3).
func BenchmarkFping(b *testing.B) {
	if _, err := exec.LookPath("fping"); err != nil {
		b.Skipf("the peer is missing: %v", err)
	}
	for _, c := range []struct{ name, mode string }{{"reachable", "bridge"}, {"unreachable", "private"}} {
		b.Run(c.name, func(b *testing.B) { benchmarkFping(b, 30, c.mode) })
	}
}

func benchmarkFping(b *testing.B, n int, mode string) {
	p, lan := opened(b, crowd(n, mode, "unicast"))
	var ours, theirs []time.Duration
	pairs := time.Duration(n * (n - 1))
	for b.Loop() {
		lan.world = nil // as a case's first question finds it
		start := time.Now()
		for id, a := range asked(b, p, lan) {
			if v := probe.Judge(a.Finding); v != reports.Pass {
				b.Fatalf("%s: %s: %s", id, v, a.Observed)
			}
		}
		ours = append(ours, time.Since(start)/pairs)
		start = time.Now()
		if err := fpingAll(lan, mode == "bridge"); err != nil {
			b.Fatal(err)
		}
		theirs = append(theirs, time.Since(start)/pairs)
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	pair, ping := ours[len(ours)/2], theirs[len(theirs)/2]
	b.ReportMetric(float64(pair.Nanoseconds())/1000, "µs/pair")
	b.ReportMetric(float64(ping.Nanoseconds())/1000, "fping-µs/pair")
	b.ReportMetric(float64(ping)/float64(pair), "fping/lanproof")
}

// fpingAll has every endpoint ping all others, all endpoints at once.
func fpingAll(lan *bench, reachable bool) error {
	var g errgroup.Group
	for _, from := range lan.plan.LAN.Devices {
		if from.Kind != topology.KindMacvlan {
			continue
		}
		// One packet to each and none again, no pause between them, and no longer
		// wait for an answer than lanproof takes where no fence can exist.
		args := []string{"-a", "-q", "-r0", "-i0", "-t100"}
		others := 0
		for _, to := range lan.plan.LAN.Devices {
			if to != from && to.Kind == topology.KindMacvlan {
				args = append(args, to.Addresses[0].Addr().String())
				others++
			}
		}
		g.Go(func() error {
			return lan.lab.Node(from.Node).NS.Do(func() error { return fping(args, others, reachable) })
		})
	}
	return g.Wait()
}

// fping makes sure that fping finds all of the others, or none.
func fping(args []string, others int, reachable bool) error {
	var out, complaints bytes.Buffer
	c := exec.Command("fping", args...)
	c.Stdout, c.Stderr = &out, &complaints
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	want := 0
	if reachable {
		want = others
	}
	if alive := bytes.Count(out.Bytes(), []byte("\n")); alive != want {
		return fmt.Errorf("fping found %d of %d others alive, want %d: %w: %s", alive, others, want, err, complaints.Bytes())
	}
	return nil
}
