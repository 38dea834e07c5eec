package capture_test

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanproof/lanproof/capture"
)

// TestBatchReadsTheSame reads the same frames from two taps, from one of them in
// batches.
func TestBatchReadsTheSame(t *testing.T) {
	a, b := newPair(t, 65535)
	sender := a.tap(t, capture.Config{SendOnly: true})
	single, many := b.tap(t, capture.Config{}), b.tap(t, capture.Config{})
	var batch capture.Batch
	if err := batch.Read(many, func(f capture.Frame) { t.Errorf("a frame out of nothing: %+v", f) }); err != nil {
		t.Error(err)
	}
	frames := [][]byte{
		frame(t, macB, 60),
		frame(t, stranger, 1514),
		frame(t, broadcast, 65549),
		frame(t, group, 64, dot1q{tpid: 0x8100, vid: 10, pcp: 5, dei: true}),
		frame(t, macB, 64, dot1q{tpid: 0x8100}),
		frame(t, macB, 68, dot1q{tpid: 0x88a8, vid: 20}, dot1q{tpid: 0x8100, vid: 10}),
		frame(t, macB, 65553, dot1q{tpid: 0x8100, vid: 10}),
	}
	untilStamped(t, func() { send(t, sender, a.index, frames[0]) }, single, many)
	for range 15 { // more than go into a batch
		for _, f := range frames {
			send(t, sender, a.index, f)
		}
	}
	var want, got []capture.Frame
	for range 15 * len(frames) {
		want = append(want, next(t, single))
	}
	check(t, batch.Read(many, func(f capture.Frame) {
		f.Data = bytes.Clone(f.Data)
		got = append(got, f)
	}))
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("frames differ (-one by one +batch):\n%.1000s", d)
	}
	if !bytes.Equal(got[3].Data, frames[3]) {
		t.Errorf("a tagged frame came as %x, want %x", got[3].Data, frames[3])
	}
	check(t, many.Close())
	if err := batch.Read(many, func(capture.Frame) {}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a closed tap is read: %v", err)
	}
}

// untilStamped sends frames until the kernel stamps them as they come, so that two taps
// have the same time of one. It begins to some time after the first tap has asked for it.
func untilStamped(t *testing.T, send func(), a, b *capture.Tap) {
	t.Helper()
	for {
		send()
		if next(t, a).Time.Equal(next(t, b).Time) {
			return
		}
	}
}

// TestBatchOnADeviceGoneDown reads what came before the device went down.
func TestBatchOnADeviceGoneDown(t *testing.T) {
	a, b := newPair(t, 1500)
	tap := b.tap(t, capture.Config{Index: b.index})
	send(t, a.tap(t, capture.Config{SendOnly: true}), a.index, frame(t, macB, 60))
	check(t, b.nl.LinkSetDown(b.link(t)))
	var batch capture.Batch
	n := 0
	check(t, batch.Read(tap, func(capture.Frame) { n++ }))
	if n != 1 {
		t.Errorf("%d frames, want 1", n)
	}
}
