package bench_test

import (
	"bufio"
	"io"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lanproof/lanproof/bench"
	"github.com/lanproof/lanproof/bench/record"
)

// BenchmarkIperf3 holds the figures of tcp/PATH against those of iperf3 on the same
// path, in turns. Each iteration is both, ten samples of 100 ms each. On a busy machine
// the best tenth of all samples says what each does when nothing else runs.
func BenchmarkIperf3(b *testing.B) {
	if _, err := exec.LookPath("iperf3"); err != nil {
		b.Skip("iperf3 is not installed")
	}
	for _, name := range []string{"macvlan-bridge/in", "macvlan-bridge/out", "macvlan-bridge/side", "veth"} {
		b.Run(name, func(b *testing.B) {
			p := path(b, name)
			need(b, p.Needs...)
			rules := bench.Rules{Clock: record.Time, Effort: sampleTime, Peer: min(1, runtime.NumCPU()-1)}
			var ours, theirs []float64
			for i := range b.N {
				turns := []func(){
					func() { ours = append(ours, tcpFigures(b, p, rules)...) },
					func() { theirs = append(theirs, iperf3(b, p, rules)...) },
				}
				if i%2 == 1 {
					slices.Reverse(turns)
				}
				for _, turn := range turns {
					turn()
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(quantile(ours, 0.5)/1e9, "Gbit/s")
			b.ReportMetric(quantile(theirs, 0.5)/1e9, "iperf3-Gbit/s")
			b.ReportMetric(quantile(ours, 0.5)/quantile(theirs, 0.5), "of-iperf3")
			b.ReportMetric(quantile(ours, 0.9)/quantile(theirs, 0.9), "best-of-iperf3")
		})
	}
}

// sampleTime is what a sample of both takes, and samples how many there are in a turn.
const (
	sampleTime = 100 * time.Millisecond
	samples    = 10
)

func quantile(all []float64, share float64) float64 {
	slices.Sort(all)
	return all[min(int(share*float64(len(all))), len(all)-1)]
}

func tcpFigures(b *testing.B, p bench.Path, rules bench.Rules) (all []float64) {
	l, err := p.Open()
	must(b, err)
	defer l.Close()
	for range samples {
		figures, err := bench.Measures()["tcp"](b.Context(), l, rules)
		must(b, err)
		all = append(all, figures[0].Value)
	}
	return all
}

// iperf3 is what its receiver got in each tenth of a second, without the first second.
func iperf3(b *testing.B, p bench.Path, rules bench.Rules) (all []float64) {
	l, err := p.Open()
	must(b, err)
	defer l.Close()
	server := exec.CommandContext(b.Context(), "iperf3", "-s", "-1", "--forceflush", "-i", "0.1", "-f", "k", "-B", l.To.IPv4.String(), "-A", strconv.Itoa(rules.Peer))
	out, in := io.Pipe()
	server.Stdout = in
	ended := make(chan error, 1)
	go func() {
		err := l.To.NS.Run(server, nil)
		in.CloseWithError(err) // which is the end of what it says, if there was none
		ended <- err
	}()
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.Contains(lines.Text(), "listening") {
	}
	client := exec.CommandContext(b.Context(), "iperf3", "-c", l.To.IPv4.String(), "-t", "1", "-O", "1", "-A", strconv.Itoa(rules.CPU))
	failed := make(chan error, 1)
	go func() { failed <- l.From.NS.Run(client, nil) }()
	// [  5]   0.10-0.20   sec  52.1 MBytes  4370000 Kbits/sec
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if i := slices.Index(words, "Kbits/sec"); i > 0 && i == len(words)-1 {
			kbits, err := strconv.ParseFloat(words[i-1], 64)
			must(b, err)
			all = append(all, kbits*1e3)
		}
	}
	must(b, <-failed)
	must(b, <-ended)
	if len(all) < samples/2 {
		b.Fatalf("iperf3 tells %d samples", len(all))
	}
	return all
}
