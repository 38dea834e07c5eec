package capture_test

import (
	"errors"
	"os"
	"testing"

	"github.com/lanproof/lanproof/capture"
)

func TestPausedTapsSeeNothing(t *testing.T) {
	a, b := newPair(t, 1500)
	sender := a.tap(t, capture.Config{SendOnly: true})
	all, one := b.tap(t, capture.Config{}), b.tap(t, capture.Config{Protocol: 0x88b5, Index: b.index})
	data := frame(t, macB, 60)
	data[12], data[13] = 0x88, 0xb5
	send(t, sender, a.index, data)
	if err := capture.PauseAll(all, one, all); err != nil {
		t.Fatal(err)
	}
	for _, tap := range []*capture.Tap{all, one} {
		next(t, tap) // from before
	}
	send(t, sender, a.index, data)
	send(t, all, b.index, data) // it can still send
	for _, tap := range []*capture.Tap{all, one} {
		none(t, tap)
	}
	if err := capture.ResumeAll(all, one); err != nil {
		t.Fatal(err)
	}
	send(t, sender, a.index, data)
	for _, tap := range []*capture.Tap{all, one} {
		next(t, tap)
		none(t, tap)
	}
	if err := all.Close(); err != nil {
		t.Fatal(err)
	}
	if err := all.Pause(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("pausing a closed tap: %v", err)
	}
	if err := all.Resume(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("resuming a closed tap: %v", err)
	}
}
