package capture_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/capture"
)

func newWaiter(t *testing.T, sources ...capture.Source) *capture.Waiter {
	t.Helper()
	w, err := capture.NewWaiter(sources...)
	check(t, err)
	t.Cleanup(func() { check(t, w.Close()) })
	return w
}

func TestWaitFindsTheReadyTap(t *testing.T) {
	a, b := newPair(t, 1500)
	tapA, tapB := a.tap(t, capture.Config{Protocol: uint16(testType)}), b.tap(t, capture.Config{Protocol: uint16(testType)})
	w := newWaiter(t, tapA, tapB)
	ctx := t.Context()
	far := time.Now().Add(time.Minute)

	past := time.Now()
	if ready, err := w.Wait(ctx, past); ready || err != nil || w.Ready(0) || w.Ready(1) {
		t.Errorf("nothing sent: %v, %v", ready, err)
	}
	send(t, tapA, a.index, frame(t, macB, 60))
	if ready, err := w.Wait(ctx, far); !ready || err != nil || w.Ready(0) || !w.Ready(1) {
		t.Errorf("frame for B: %v, %v, ready %v %v", ready, err, w.Ready(0), w.Ready(1))
	}
	send(t, tapB, b.index, frame(t, macA, 60))
	if ready, err := w.Wait(ctx, past); !ready || err != nil || !w.Ready(0) || !w.Ready(1) {
		t.Errorf("frames for both: %v, %v, ready %v %v", ready, err, w.Ready(0), w.Ready(1))
	}
	next(t, tapA)
	next(t, tapB)
	if ready, err := w.Wait(ctx, time.Now().Add(time.Millisecond)); ready || err != nil || w.Ready(0) || w.Ready(1) {
		t.Errorf("all read: %v, %v", ready, err)
	}
	if w.Ready(-1) || w.Ready(2) {
		t.Error("sources that do not exist are ready")
	}
}

// TestWaitIsWoken lets the frame come while Wait blocks, among signals that
// interrupt the poll.
func TestWaitIsWoken(t *testing.T) {
	a, b := newPair(t, 1500)
	sender, tap := a.tap(t, capture.Config{SendOnly: true}), b.tap(t, capture.Config{Protocol: uint16(testType)})
	data := frame(t, macB, 60)
	tid, done := make(chan int), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		tid <- unix.Gettid()
		ready, err := capture.Wait(context.Background(), time.Time{}, tap)
		if err == nil && !ready {
			err = errors.New("nothing ready and no deadline")
		}
		done <- err
	}()
	id := <-tid
	for range 3 {
		untilPolling(t, id)
		check(t, unix.Tgkill(unix.Getpid(), id, unix.SIGURG))
	}
	untilPolling(t, id)
	select {
	case err := <-done:
		t.Fatalf("ended before the frame: %v", err)
	default:
	}
	check(t, sender.Send(a.index, uint16(testType), data))
	check(t, <-done)
	next(t, tap)
}

// untilPolling returns when a thread is inside ppoll(2), of which nothing gives
// news.
func untilPolling(t *testing.T, tid int) {
	t.Helper()
	path, want := fmt.Sprintf("/proc/self/task/%d/syscall", tid), fmt.Sprintf("%d ", unix.SYS_PPOLL)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); runtime.Gosched() {
		now, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			t.Skipf("needs a kernel that tells a thread's system call: %v", err)
		}
		check(t, err)
		if strings.HasPrefix(string(now), want) {
			return
		}
	}
	t.Fatal("the wait does not poll")
}

func TestWaitCancelled(t *testing.T) {
	_, b := newPair(t, 1500)
	tap := b.tap(t, capture.Config{Protocol: uint16(testType)})
	w := newWaiter(t, tap)
	cause := errors.New("enough")
	for range 50 { // before, in and after the start of the wait
		ctx, cancel := context.WithCancelCause(context.Background())
		go cancel(cause)
		ready, err := w.Wait(ctx, time.Time{})
		if ready {
			t.Fatal("ready when cancelled")
		}
		wantErr(t, err, cause)
	}
	for range 2000 { // a cancellation while the wait ends by itself leaves nothing behind
		ctx, cancel := context.WithCancel(context.Background())
		go cancel()
		if ready, _ := w.Wait(ctx, time.Now()); ready {
			t.Fatal("ready when the deadline passed")
		}
		if ready, err := w.Wait(t.Context(), time.Now()); ready || err != nil {
			t.Fatalf("wait after a cancelled one: %v, %v", ready, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := w.Wait(ctx, time.Time{})
	wantErr(t, err, context.DeadlineExceeded)
}

func TestWaitClosed(t *testing.T) {
	_, b := newPair(t, 1500)
	open, closed := b.tap(t, capture.Config{Protocol: uint16(testType)}), b.tap(t, capture.Config{Protocol: uint16(testType)})
	check(t, closed.Close())
	for _, taps := range [][]*capture.Tap{{closed}, {open, closed}, {open, nil}, {{}}} {
		_, err := capture.Wait(t.Context(), time.Now(), taps...)
		wantErr(t, err, os.ErrClosed)
	}
	_, err := capture.Wait(t.Context(), time.Now(), open)
	check(t, err)

	w := newWaiter(t, descriptor(1<<30))
	_, err = w.Wait(t.Context(), time.Now())
	wantErr(t, err, os.ErrClosed)
	check(t, w.Close())
	_, err = w.Wait(t.Context(), time.Now())
	wantErr(t, err, os.ErrClosed)
	if w.Ready(0) {
		t.Error("ready when closed")
	}
}

// TestWaitOnADeviceGoneDown wakes for the news of it once, not for ever.
func TestWaitOnADeviceGoneDown(t *testing.T) {
	_, b := newPair(t, 1500)
	tap := b.tap(t, capture.Config{Index: b.index, Protocol: uint16(testType)})
	check(t, b.nl.LinkSetDown(b.link(t)))
	if ready, err := capture.Wait(t.Context(), time.Time{}, tap); !ready || err != nil {
		t.Errorf("gone down: %v, %v", ready, err)
	}
	if _, ok, err := tap.Read(); ok || err != nil {
		t.Errorf("read: %v, %v", ok, err)
	}
	if ready, err := capture.Wait(t.Context(), time.Now(), tap); ready || err != nil {
		t.Errorf("news read: %v, %v", ready, err)
	}
}

type descriptor int

func (d descriptor) FD() int { return int(d) }
