package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/lanproof/lanproof/bench/record"
	"github.com/lanproof/lanproof/internal/netns"
)

// memories are the benchmarks of what a child costs the kernel in memory.
func memories() []Benchmark {
	var all []Benchmark
	for _, k := range kinds() {
		n := 1000
		switch {
		case k.solo:
			continue // each has a parent of its own, which would be measured with it
		case k.name == "bridge":
			n = 100 // each takes a grace period to be taken away
		}
		all = append(all, sampled("memory/"+k.name, "The kernel's memory for a device that is up.", k.wants(),
			func(_ context.Context, s *site) ([]Figure, error) {
				return taken("child", n, func() error {
					_, err := s.raise(k, n, 0)
					return err
				})
			}))
	}
	return append(all, sampled("memory/namespace", "The kernel's memory for an empty network namespace.", []string{"veth"},
		func(ctx context.Context, s *site) ([]Figure, error) {
			const n = 100
			var made []*netns.NS
			figures, err := taken("namespace", n, func() (err error) {
				made, err = netns.NewEach(n, func(int, *netns.NS) error { return nil })
				return err
			})
			gone, closed := s.letGo(made)
			return figures, errors.Join(err, closed, s.witness.await(ctx, gone...))
		}))
}

// taken is what the kernel's memory grows by when n things are made, for each of them.
func taken(thing string, n int, fn func() error) ([]Figure, error) {
	before, err := kernelMemory()
	if err != nil {
		return nil, err
	}
	if err := fn(); err != nil {
		return nil, err
	}
	after, err := kernelMemory()
	if err != nil {
		return nil, err
	}
	if after <= before {
		return nil, fmt.Errorf("the kernel's memory fell from %d to %d bytes while %d things were made: the machine is not quiet", before, after, n)
	}
	return []Figure{{
		Unit: "B/" + thing, Value: float64(after-before) / float64(n), Better: record.LowerIsBetter,
		Method: "SUnreclaim and Percpu of /proc/meminfo",
	}}, nil
}

// available is how much memory can be taken without harm, in bytes.
func available() (int64, error) {
	fields, err := askMeminfo("MemAvailable")
	return fields[0], err
}

// kernelMemory is what the kernel has taken for itself and cannot give back, in bytes:
// slabs that are no caches, and the processors' own.
func kernelMemory() (int64, error) {
	fields, err := askMeminfo("SUnreclaim", "Percpu")
	return fields[0] + fields[1], err
}

// askMeminfo returns fields of /proc/meminfo, in bytes.
func askMeminfo(names ...string) ([]int64, error) {
	values := make([]int64, len(names))
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return values, fmt.Errorf("ask for the kernel's memory: %w", err)
	}
	fields := meminfo(text)
	for i, name := range names {
		n, ok := fields[name]
		if !ok {
			return values, fmt.Errorf("ask for the kernel's memory: /proc/meminfo has no %s", name)
		}
		values[i] = n
	}
	return values, nil
}

// meminfo reads /proc/meminfo (fs/proc/meminfo.c), in bytes.
func meminfo(text []byte) map[string]int64 {
	fields := map[string]int64{}
	for line := range bytes.Lines(text) {
		key, value, _ := bytes.Cut(line, []byte(":"))
		words := bytes.Fields(value)
		if len(words) != 2 || string(words[1]) != "kB" {
			continue
		}
		if n, err := strconv.ParseInt(string(words[0]), 10, 64); err == nil && n >= 0 && n < 1<<50 {
			fields[string(key)] = n << 10
		}
	}
	return fields
}
