package capture_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/lanproof/lanproof/capture"
)

// BenchmarkSendRead is one frame's way from a tap over a veth pair into another.
func BenchmarkSendRead(b *testing.B) {
	for _, size := range []int{60, 1514} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			x, y := newPair(b, 1500)
			sender, tap := x.tap(b, capture.Config{SendOnly: true}), y.tap(b, capture.Config{Protocol: uint16(testType)})
			data := frame(b, macB, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				check(b, sender.Send(x.index, uint16(testType), data))
				next(b, tap)
			}
		})
	}
}

// BenchmarkWait is a wait for what is there already, with and without a context
// that could end it.
func BenchmarkWait(b *testing.B) {
	x, y := newPair(b, 1500)
	sender := x.tap(b, capture.Config{SendOnly: true})
	var sources []capture.Source
	for range 8 {
		sources = append(sources, y.tap(b, capture.Config{Protocol: uint16(testType)}))
	}
	check(b, sender.Send(x.index, uint16(testType), frame(b, macB, 60)))
	w, err := capture.NewWaiter(sources...)
	check(b, err)
	defer w.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for name, ctx := range map[string]context.Context{"background": context.Background(), "cancellable": ctx} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			deadline := time.Now().Add(time.Hour)
			for b.Loop() {
				ready, err := w.Wait(ctx, deadline)
				if !ready || err != nil {
					b.Fatal(ready, err)
				}
			}
		})
	}
}

func BenchmarkOpenClose(b *testing.B) {
	for _, n := range []int{1, 16} {
		b.Run(fmt.Sprintf("%d taps", n), func(b *testing.B) {
			s := newNS(b)
			taps := make([]*capture.Tap, n)
			var opening time.Duration
			for b.Loop() {
				start := time.Now()
				check(b, s.ns.Do(func() (err error) {
					for i := range taps {
						if taps[i], err = capture.OpenHere(capture.Config{}); err != nil {
							return err
						}
					}
					return nil
				}))
				opening += time.Since(start)
				check(b, capture.CloseAll(taps...))
			}
			b.ReportMetric(float64(opening.Microseconds())/float64(b.N), "µs-open/op")
		})
	}
}

// manyFrames is a recorder with 10,000 frames, commented on and a little out of order.
func manyFrames(b *testing.B) *capture.Recorder {
	var r capture.Recorder
	for i := range 8 {
		r.Interface(fmt.Sprintf("node%d/eth0", i), "veth")
	}
	data := frame(b, macB, 128)
	for i := range 10_000 {
		h := r.Add(i%8, capture.Frame{Time: at(i*1000 - i%8*3000), Data: data, Length: len(data)})
		r.Comment(h, "check reach-1: probe")
	}
	return &r
}

// BenchmarkWriteNG records and writes 10,000 frames.
func BenchmarkWriteNG(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		n, err := manyFrames(b).WriteTo(io.Discard)
		check(b, err)
		b.SetBytes(n)
	}
}

// BenchmarkReadNG reads 10,000 frames.
func BenchmarkReadNG(b *testing.B) {
	var buf bytes.Buffer
	_, err := manyFrames(b).WriteTo(&buf)
	check(b, err)
	b.SetBytes(int64(buf.Len()))
	b.ReportAllocs()
	for b.Loop() {
		_, err := capture.ReadNG(bytes.NewReader(buf.Bytes()))
		check(b, err)
	}
}
