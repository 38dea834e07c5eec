package bench

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/topology"
	"github.com/lanproof/lanproof/topology/lab"
)

// BenchmarkHarness measures what lanproof itself costs for each child, without the
// kernel: the time that this process spends outside of system calls, and what it
// allocates, while parents with few and with many children are built and let go. That
// must not grow faster than the number of children.
func BenchmarkHarness(b *testing.B) {
	if os.Getuid() != 0 {
		b.Skip("making network namespaces needs root")
	}
	b.Run("growth", func(b *testing.B) { harness(b, standCrowd) })
	b.Run("lab", func(b *testing.B) { harness(b, standLab) })
}

// harness stands up children in numbers, in turns, fewer times where there are more,
// and tells what one costs on average.
func harness(b *testing.B, stand func(ctx context.Context, n int) error) {
	sizes, times := []int{10, 100, 1000, 4000}, []int{10, 5, 2, 1}
	sum := make([]ownCost, len(sizes))
	for b.Loop() {
		for i, n := range sizes {
			for range times[i] {
				before := costNow(b)
				if err := stand(b.Context(), n); err != nil {
					b.Fatal(err)
				}
				after := costNow(b)
				sum[i].user += after.user - before.user
				sum[i].mallocs += after.mallocs - before.mallocs
			}
		}
	}
	children := func(i int) float64 { return float64(sizes[i] * times[i] * b.N) }
	user := func(i int) float64 { return float64(sum[i].user.Nanoseconds()) / 1e3 / children(i) }
	mallocs := func(i int) float64 { return float64(sum[i].mallocs) / children(i) }
	b.ReportMetric(user(0), "µs-user/child@10")
	b.ReportMetric(user(1), "µs-user/child@100")
	b.ReportMetric(user(2), "µs-user/child@1000")
	b.ReportMetric(user(3), "µs-user/child@4000")
	b.ReportMetric(mallocs(0), "allocs/child@10")
	b.ReportMetric(mallocs(1), "allocs/child@100")
	b.ReportMetric(mallocs(2), "allocs/child@1000")
	b.ReportMetric(mallocs(3), "allocs/child@4000")
	b.ReportMetric(user(3)/user(1), "µs@4000/@100")
	b.ReportMetric(mallocs(3)/mallocs(1), "allocs@4000/@100")
}

// ownCost is what this process has spent.
type ownCost struct {
	user    time.Duration
	mallocs uint64
}

func costNow(b *testing.B) ownCost {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return ownCost{user: time.Duration(unix.TimevalToNsec(u.Utime)), mallocs: m.Mallocs}
}

// standCrowd is what a benchmark of growth does, without the frames.
func standCrowd(ctx context.Context, n int) error {
	_, err := onSite(ctx, Rules{}, func(ctx context.Context, s *site) ([]Figure, error) {
		c, err := s.crowd("macvlan-bridge")
		for i := 0; i < n && err == nil; i++ {
			err = c.add()
		}
		if err == nil {
			_, err = c.received()
		}
		return nil, err
	})
	return err
}

// standLab is what a case does, without its checks: every child in a namespace of its
// own, planned, built and let go.
func standLab(_ context.Context, n int) error {
	spec := &topology.Spec{Hosts: topology.Named[topology.Host]{{Name: "host", Value: topology.Host{
		Parents: topology.Named[topology.Link]{{Name: "eth0", Value: topology.Link{}}},
	}}}}
	child := topology.Link{Kind: topology.KindMacvlan, Mode: "bridge", Parent: "host/eth0"}
	for i := range n {
		spec.Endpoints = append(spec.Endpoints, topology.Item[topology.Endpoint]{
			Name:  fmt.Sprintf("e%d", i),
			Value: topology.Endpoint{Links: topology.Named[topology.Link]{{Name: "eth0", Value: child}}},
		})
	}
	plan, problems := topology.Compile(spec, "harness")
	if len(problems) > 0 {
		return fmt.Errorf("plan %d children: %v", n, problems)
	}
	l, err := lab.Open(plan, lab.Options{})
	if err != nil {
		return err
	}
	return l.Close()
}
