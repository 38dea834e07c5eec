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

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/bench"
	"github.com/lanproof/lanproof/bench/record"
)

// BenchmarkIperf3 holds the figures of tcp/PATH against those of iperf3 on the same
// path, in turns. Each iteration is both, for a second each in samples of 100 ms, and has
// a ratio of its own, of the medians of two turns that were next to each other: their
// median is what is told, so that what the machine does for longer than that is in neither.
// On a busy machine the best tenth of all samples says what each does when nothing else
// runs, and bytes for the time that processors spent on them say whether both do the same
// work.
func BenchmarkIperf3(b *testing.B) {
	if _, err := exec.LookPath("iperf3"); err != nil {
		b.Skip("iperf3 is not installed")
	}
	for _, name := range []string{"macvlan-bridge/in", "macvlan-bridge/out", "macvlan-bridge/side", "veth"} {
		b.Run(name, func(b *testing.B) {
			p := path(b, name)
			need(b, p.Needs...)
			rules := bench.Rules{Clock: record.Time, Effort: sampleTime, Peer: min(1, runtime.NumCPU()-1)}
			var ours, theirs streams
			var ratios, works []float64
			for i := range b.N {
				turns := []func(){
					func() { ours.turn(b, p, rules, tcpFigures) },
					func() { theirs.turn(b, p, rules, iperf3) },
				}
				if i%2 == 1 {
					slices.Reverse(turns)
				}
				for _, turn := range turns {
					turn()
				}
				ratios = append(ratios, ours.medians[i]/theirs.medians[i])
				works = append(works, ours.work[i]/theirs.work[i])
			}
			b.ReportMetric(quantile(ours.figures, 0.5)/1e9, "Gbit/s")
			b.ReportMetric(quantile(theirs.figures, 0.5)/1e9, "iperf3-Gbit/s")
			b.ReportMetric(quantile(ratios, 0.5), "of-iperf3")
			b.ReportMetric(quantile(ratios, 0.25), "of-iperf3-q1")
			b.ReportMetric(quantile(ratios, 0.75), "of-iperf3-q3")
			b.ReportMetric(quantile(ours.figures, 0.9)/quantile(theirs.figures, 0.9), "best-of-iperf3")
			b.ReportMetric(quantile(works, 0.5), "work-of-iperf3")
		})
	}
}

// streams are what one of the two has measured.
type streams struct {
	figures []float64 // bit/s, in samples of 100 ms
	medians []float64 // of them, in turns
	work    []float64 // bytes for each second of processors, in turns
}

func (s *streams) turn(b *testing.B, p bench.Path, rules bench.Rules, measure func(*testing.B, *bench.Line, bench.Rules) []float64) {
	l, err := p.Open()
	must(b, err)
	defer l.Close()
	before := processors(b)
	got := measure(b, l, rules)
	spent := processors(b) - before
	s.medians, s.figures = append(s.medians, quantile(got, 0.5)), append(s.figures, got...)
	to, err := l.To.Conn.Link(l.To.Index)
	must(b, err)
	s.work = append(s.work, float64(to.Counters["rx_bytes"])/spent.Seconds())
}

// processors is the time that this process and those that it has waited for have had.
func processors(b *testing.B) time.Duration {
	var sum int64
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var u unix.Rusage
		must(b, unix.Getrusage(who, &u))
		sum += u.Utime.Nano() + u.Stime.Nano()
	}
	return time.Duration(sum)
}

// sampleTime is what a sample of both takes, and samples how many there are in a turn;
// warm is how many of iperf3's, which go on without a break, come before them.
const (
	sampleTime = 100 * time.Millisecond
	samples    = 8
	warm       = 2
)

func quantile(all []float64, share float64) float64 {
	slices.Sort(all)
	return all[min(int(share*float64(len(all))), len(all)-1)]
}

func tcpFigures(b *testing.B, l *bench.Line, rules bench.Rules) (all []float64) {
	for range samples {
		figures, err := bench.Measures()["tcp"](b.Context(), l, rules)
		must(b, err)
		all = append(all, figures[0].Value)
	}
	return all
}

// iperf3 is what its receiver got in each tenth of a second, without the first ones.
func iperf3(b *testing.B, l *bench.Line, rules bench.Rules) (all []float64) {
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
	client := exec.CommandContext(b.Context(), "iperf3", "-c", l.To.IPv4.String(), "-t", "1", "-A", strconv.Itoa(rules.CPU))
	failed := make(chan error, 1)
	go func() { failed <- l.From.NS.Run(client, nil) }()
	tenths := 0
	// [  5]   0.10-0.20   sec  52.1 MBytes  4370000 Kbits/sec
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		// The last is a rest of less than a sample.
		if i := slices.Index(words, "Kbits/sec"); i > 0 && i == len(words)-1 && len(all) < samples {
			kbits, err := strconv.ParseFloat(words[i-1], 64)
			must(b, err)
			if tenths++; tenths > warm {
				all = append(all, kbits*1e3)
			}
		}
	}
	must(b, <-failed)
	must(b, <-ended)
	if len(all) < samples/2 {
		b.Fatalf("iperf3 tells %d samples", len(all))
	}
	return all
}
