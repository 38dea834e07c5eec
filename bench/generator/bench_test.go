package generator_test

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/bench/generator"
	"github.com/lanproof/lanproof/internal/netns"
)

// turn is how many frames are sent before it is somebody else's turn.
const turn = 20_000

// BenchmarkSend sends frames of 64 bytes (with FCS) over a veth by each method and by
// sendto(2) in turns, and counts them at the other end. Medians are reported, in
// thousands of frames a second, and their ratios to sendto and, where it is there, to
// pktgen.
func BenchmarkSend(b *testing.B) {
	p := newPath(b)
	c := count(b, p, generator.CountOptions{})
	senders := map[string]func() (generator.Sent, error){}
	var settle *generator.Generator
	for _, m := range []generator.Method{generator.Packet, generator.Segments, generator.Clones, generator.Pktgen} {
		g, err := generator.Open(p.sender, senderIndex, generator.Frame{From: address(1), To: address(2)}, generator.Options{Method: m})
		if errors.Is(err, unix.EOPNOTSUPP) {
			continue
		}
		if err != nil {
			b.Fatal(err)
		}
		defer g.Close()
		settle = g
		name := strings.ReplaceAll(string(m), " ", "-")
		senders[name] = func() (generator.Sent, error) { return g.Send(b.Context(), generator.Load{Frames: turn}) }
	}
	senders["sendto"] = func() (generator.Sent, error) { return sendTo(p.sender, turn) }
	rates := map[string][]float64{}
	for b.Loop() {
		for name, send := range senders {
			if err := c.Reset(); err != nil {
				b.Fatal(err)
			}
			sent, err := send()
			if err != nil {
				b.Fatal(name, err)
			}
			if got := settled(b, settle, c); got.Frames != turn {
				b.Fatalf("%s: %d of %d frames arrived", name, got.Frames, turn)
			}
			rates[name] = append(rates[name], sent.Rate()/1000)
		}
	}
	report(b, rates)
}

// report tells medians and ratios.
func report(b *testing.B, rates map[string][]float64) {
	b.Helper()
	b.ReportMetric(0, "ns/op") // of all together, which says nothing
	median := map[string]float64{}
	for name, all := range rates {
		slices.Sort(all)
		median[name] = all[len(all)/2]
		b.ReportMetric(median[name], name+"-k/s")
	}
	for _, peer := range []string{"sendto", string(generator.Pktgen)} {
		for name, m := range median {
			if median[peer] > 0 && name != peer && name != "sendto" {
				b.ReportMetric(m/median[peer], name+"/"+peer)
			}
		}
	}
}

// sendTo is the peer: one thread, one socket, one call for each frame.
func sendTo(ns *netns.NS, n int) (s generator.Sent, err error) {
	err = ns.Do(func() error {
		var set unix.CPUSet
		set.Set(0)
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			return err
		}
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		frame := make([]byte, 60)
		copy(frame, []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0xf6, 0xbc, 192, 0, 2, 1, 192, 0, 2, 2, 0, 9, 0, 9, 0, 26, 0, 0, 0xbe, 0x9b, 0xe9, 0x55})
		to := &unix.SockaddrLinklayer{Protocol: 0x0008, Ifindex: senderIndex} // ETH_P_IP in network order
		begin := time.Now()
		for range n {
			if err := unix.Sendto(fd, frame, 0, to); err != nil {
				return err
			}
		}
		s = generator.Sent{Frames: uint64(n), Took: time.Since(begin)}
		return nil
	})
	return s, err
}

// BenchmarkCount sends frames with nothing at the receiver, with a counter, and with one
// that looks at numbers, in turns: what counting costs.
func BenchmarkCount(b *testing.B) {
	p := newPath(b)
	g := open(b, p, generator.Frame{}, generator.Options{Method: generator.Packet})
	options := map[string]*generator.CountOptions{"nothing": nil, "counted": {}, "numbers": {Numbers: turn}}
	rates := map[string][]float64{}
	for b.Loop() {
		for name, o := range options {
			var c *generator.Counter
			if o != nil {
				var err error
				if c, err = generator.Count(p.receiver, receiverIndex, *o); err != nil {
					b.Fatal(err)
				}
			}
			sent, err := g.Send(b.Context(), generator.Load{Frames: turn})
			if err := errors.Join(err, c.Close()); err != nil {
				b.Fatal(err)
			}
			rates[name] = append(rates[name], float64(sent.Took.Nanoseconds())/turn)
		}
	}
	b.ReportMetric(0, "ns/op")
	for name, all := range rates {
		slices.Sort(all)
		b.ReportMetric(all[len(all)/2], name+"-ns/frame")
	}
}

// BenchmarkSendInGuest is BenchmarkSend and BenchmarkCount on kernels that have pktgen, in
// guests that count instructions: rates are then frames in a thousand million of them, and
// a nanosecond is one.
func BenchmarkSendInGuest(b *testing.B) {
	for _, spec := range []string{"debian:6.1", "debian:6.12"} {
		b.Run(spec, func(b *testing.B) {
			told := false
			for b.Loop() {
				if !told { // another boot would count the same
					relay(b, inGuest(b, spec, "-test.run=^$ -test.bench=^Benchmark(Send|Count)$ -test.benchtime=5x"))
					told = true
				}
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// relay reports the figures of a benchmark that a guest ran.
func relay(b *testing.B, text string) {
	b.Helper()
	told := false
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 4 || !strings.HasPrefix(words[0], "Benchmark") {
			continue
		}
		told = true
		for i := 2; i+1 < len(words); i += 2 {
			v, err := strconv.ParseFloat(words[i], 64)
			if err != nil {
				b.Fatalf("%q: %v", line, err)
			}
			b.ReportMetric(v, words[i+1])
		}
	}
	if !told {
		b.Fatalf("the guest told no figures:\n%s", text)
	}
}
