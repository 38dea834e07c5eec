package bench_test

import (
	"bufio"
	"encoding/json"
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

// BenchmarkIperf3 holds the figure of tcp/PATH against that of iperf3 on the same path,
// in turns. Each iteration is both, for a second each.
func BenchmarkIperf3(b *testing.B) {
	if _, err := exec.LookPath("iperf3"); err != nil {
		b.Skip("iperf3 is not installed")
	}
	for _, name := range []string{"macvlan-bridge/in", "macvlan-bridge/out", "macvlan-bridge/side", "veth"} {
		b.Run(name, func(b *testing.B) {
			p := path(b, name)
			need(b, p.Needs...)
			rules := bench.Rules{Clock: record.Time, Effort: time.Second, Peer: min(1, runtime.NumCPU()-1)}
			var ours, theirs []float64
			for i := range b.N {
				turns := []func(){
					func() { ours = append(ours, tcpFigure(b, p, rules)) },
					func() { theirs = append(theirs, iperf3(b, p, rules)) },
				}
				if i%2 == 1 {
					slices.Reverse(turns)
				}
				for _, turn := range turns {
					turn()
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(median(ours)/1e9, "Gbit/s")
			b.ReportMetric(median(theirs)/1e9, "iperf3-Gbit/s")
			b.ReportMetric(median(ours)/median(theirs), "of-iperf3")
		})
	}
}

func median(all []float64) float64 {
	slices.Sort(all)
	return (all[len(all)/2] + all[(len(all)-1)/2]) / 2
}

func tcpFigure(b *testing.B, p bench.Path, rules bench.Rules) float64 {
	for _, m := range bench.DataPath() {
		if m.Name == "tcp/"+p.String() {
			figures, err := m.Run(b.Context(), rules)
			must(b, err)
			return figures[0].Value
		}
	}
	b.Fatalf("there is no tcp/%s", p)
	return 0
}

// iperf3 is its figure of what the receiver got, without the first second.
func iperf3(b *testing.B, p bench.Path, rules bench.Rules) float64 {
	l, err := p.Open()
	must(b, err)
	defer l.Close()
	server := exec.CommandContext(b.Context(), "iperf3", "-s", "-1", "--forceflush", "-B", l.To.IPv4.String(), "-A", strconv.Itoa(rules.Peer))
	out, in := io.Pipe()
	server.Stdout = in
	ended := make(chan error, 1)
	go func() {
		err := l.To.NS.Run(server, nil)
		in.CloseWithError(io.EOF)
		ended <- err
	}()
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.Contains(lines.Text(), "listening") {
	}
	go io.Copy(io.Discard, out)
	client := exec.CommandContext(b.Context(), "iperf3", "-c", l.To.IPv4.String(), "-t", "1", "-O", "1", "-J", "-A", strconv.Itoa(rules.CPU))
	var answer strings.Builder
	client.Stdout = &answer
	must(b, l.From.NS.Run(client, nil))
	must(b, <-ended)
	var report struct {
		End struct {
			Received struct {
				BitsPerSecond float64 `json:"bits_per_second"`
			} `json:"sum_received"`
		} `json:"end"`
	}
	must(b, json.Unmarshal([]byte(answer.String()), &report))
	return report.End.Received.BitsPerSecond
}
