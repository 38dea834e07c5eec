package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lanproof/lanproof/reports"
)

// BenchmarkTwoEndpoints measures macvlan-two-endpoints as a whole process, in
// turns with the same done by a shell script with ip and ping -c1 -W1. It
// reports both medians and by how much lanproof is faster.
func BenchmarkTwoEndpoints(b *testing.B) {
	needScripts(b)
	out := b.TempDir()
	var ours, script []time.Duration
	for b.Loop() {
		ours = append(ours, process(b, filepath.Join(bin, "lanproof"), "run", "--on", "host", "--out", out, "macvlan-two-endpoints"))
		script = append(script, process(b, "sh", "testdata/two-endpoints.sh"))
	}
	b.ReportMetric(ms(median(ours)), "lanproof-ms")
	b.ReportMetric(ms(median(script)), "script-ms")
	b.ReportMetric(ms(median(script))/ms(median(ours)), "script/lanproof")
}

// BenchmarkNegative measures the verdict that a host does not reach its child,
// in turns with ping -c1 -W1 coming to the same.
func BenchmarkNegative(b *testing.B) {
	needScripts(b)
	out := b.TempDir()
	var fence, ping []time.Duration
	for b.Loop() {
		process(b, filepath.Join(bin, "lanproof"), "run", "--on", "host", "--repeat", "10", "--out", out, "macvlan-two-endpoints")
		r, err := reports.Load(out)
		if err != nil {
			b.Fatal(err)
		}
		for _, c := range r.Cases {
			for _, check := range c.Checks {
				if check.Proof == reports.ProofFence {
					fence = append(fence, check.Duration)
				}
			}
		}
		us, err := strconv.Atoi(strings.TrimSpace(output(b, "sh", "testdata/unreachable.sh")))
		if err != nil {
			b.Fatal(err)
		}
		ping = append(ping, time.Duration(us)*time.Microsecond)
	}
	b.ReportMetric(ms(median(fence)), "fence-ms")
	b.ReportMetric(ms(median(ping)), "ping-ms")
	b.ReportMetric(ms(median(ping))/ms(median(fence)), "ping/fence")
}

// BenchmarkCatalogue measures the catalogue's cases that this kernel can carry,
// in parallel and one after another: the median of a case with its capture, and
// by how much running them in parallel is faster as a whole.
func BenchmarkCatalogue(b *testing.B) {
	out := b.TempDir()
	var cases, one, many []time.Duration
	for b.Loop() {
		many = append(many, process(b, filepath.Join(bin, "lanproof"), "run", "--on", "host", "--out", out))
		one = append(one, process(b, filepath.Join(bin, "lanproof"), "run", "--on", "host", "--parallel", "1", "--out", out))
		r, err := reports.Load(out)
		if err != nil {
			b.Fatal(err)
		}
		for _, c := range r.Cases {
			if c.Verdict != reports.Skip {
				cases = append(cases, c.Duration)
			}
		}
	}
	b.ReportMetric(ms(median(cases)), "case-ms")
	b.ReportMetric(ms(median(one)), "sequential-ms")
	b.ReportMetric(ms(median(many)), "parallel-ms")
	b.ReportMetric(ms(median(one))/ms(median(many)), "sequential/parallel")
}

// BenchmarkGuestCatalogue measures the whole catalogue in one guest, whose CPU is
// emulated, boot included, once for each kernel: it takes a minute or so.
func BenchmarkGuestCatalogue(b *testing.B) {
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		b.Skipf("there is no emulator: %v", err)
	}
	for _, kernel := range []string{"debian:6.1", "debian:6.12"} {
		b.Run(kernel, func(b *testing.B) {
			out := b.TempDir()
			var took time.Duration
			for b.Loop() {
				if took == 0 {
					took = process(b, filepath.Join(bin, "lanproof"), "run", "--on", "guest", "--kernel", kernel, "--out", out)
				}
			}
			r, err := reports.Load(out)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(took.Seconds(), "catalogue-s")
			b.ReportMetric(float64(len(r.Cases)), "cases")
			b.ReportMetric(float64(r.Summary.Pass), "checks")
		})
	}
}

func needScripts(b *testing.B) {
	b.Helper()
	if os.Getuid() != 0 {
		b.Skip("the script makes named namespaces, which needs root")
	}
	for _, tool := range []string{"ip", "ping"} {
		if _, err := exec.LookPath(tool); err != nil {
			b.Skipf("the script needs %s: %v", tool, err)
		}
	}
}

// rest is for the kernel, which takes the namespaces of whoever ran before apart
// in the background, so that nobody pays for another.
const rest = 1500 * time.Millisecond

// process runs a command to its end and returns how long that took.
func process(b *testing.B, name string, args ...string) time.Duration {
	b.Helper()
	<-time.After(rest)
	start := time.Now()
	output(b, name, args...)
	return time.Since(start)
}

func output(b *testing.B, name string, args ...string) string {
	b.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		b.Fatal(fmt.Errorf("%s: %w\n%s", name, err, out))
	}
	return string(out)
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

func ms(d time.Duration) float64 { return d.Seconds() * 1000 }
