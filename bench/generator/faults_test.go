package generator_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/bench/generator"
	"github.com/lanproof/lanproof/capture"
	"github.com/lanproof/lanproof/internal/ethtool"
	"github.com/lanproof/lanproof/internal/rtnl"
)

// TestPace holds that no frame is sent before its time.
func TestPace(t *testing.T) {
	for _, method := range methods(generator.Frame{}) {
		for _, rate := range []float64{20, 5000, 1e9} {
			t.Run(string(method), func(t *testing.T) {
				p := newPath(t)
				g := open(t, p, generator.Frame{}, generator.Options{Method: method})
				sent, err := g.Send(t.Context(), generator.Load{For: 200 * time.Millisecond, Rate: rate})
				if err != nil {
					t.Fatal(err)
				}
				// The first is due at once, and pktgen looks at another clock than it tells.
				if most := rate*sent.Took.Seconds() + 2; sent.Frames == 0 || float64(sent.Frames) > most {
					t.Errorf("sent %d frames in %v, at most %.0f were due", sent.Frames, sent.Took, most)
				}
				if sent.Took < 200*time.Millisecond {
					t.Errorf("it took %v, less than it was to", sent.Took)
				}
			})
		}
	}
}

// whileSending has a generator send without an end, and does something when the first
// frame has arrived.
func whileSending(t *testing.T, method generator.Method, rate float64, then func(p path, cancel func())) (generator.Sent, error) {
	t.Helper()
	p := newPath(t)
	g := open(t, p, generator.Frame{}, generator.Options{Method: method})
	tap, err := capture.Open(p.receiver, capture.Config{Index: receiverIndex, Buffer: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer tap.Close()
	// The way to find out about kernels without pktgen has sent a frame.
	for ok := true; ok; {
		if _, ok, err = tap.Read(); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if ready, err := capture.Wait(ctx, time.Time{}, tap); err != nil || !ready {
			t.Errorf("no frame came: %v", err)
		}
		then(p, cancel)
	}()
	sent, err := g.Send(ctx, generator.Load{For: time.Hour, Rate: rate})
	<-ended
	return sent, err
}

func TestCancel(t *testing.T) {
	for _, method := range methods(generator.Frame{}) {
		for _, rate := range []float64{0, 1} {
			t.Run(string(method), func(t *testing.T) {
				sent, err := whileSending(t, method, rate, func(_ path, cancel func()) { cancel() })
				if !errors.Is(err, context.Canceled) || sent.Frames == 0 {
					t.Errorf("%+v, %v; want some frames and that it was cancelled", sent, err)
				}
			})
		}
	}
}

// TestSignals has a signal come to every thread while it sends, as Go's runtime sends them
// to threads that it wants to stop: nothing ends before its time.
func TestSignals(t *testing.T) {
	for _, method := range methods(generator.Frame{}) {
		t.Run(string(method), func(t *testing.T) {
			p := newPath(t)
			g := open(t, p, generator.Frame{}, generator.Options{Method: method})
			tap, err := capture.Open(p.receiver, capture.Config{Index: receiverIndex, Buffer: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer tap.Close()
			done := make(chan error, 1)
			go func() {
				_, err := capture.Wait(t.Context(), time.Time{}, tap)
				done <- errors.Join(err, signalThreads())
			}()
			const limit = 200 * time.Millisecond
			sent, err := g.Send(t.Context(), generator.Load{For: limit, Rate: 1000})
			if err := errors.Join(err, <-done); err != nil || sent.Took < limit {
				t.Errorf("%v; sent %+v", err, sent)
			}
		})
	}
}

func signalThreads() error {
	threads, err := os.ReadDir("/proc/self/task")
	for _, thread := range threads {
		id, bad := strconv.Atoi(thread.Name())
		if err = errors.Join(err, bad); bad == nil {
			if gone := unix.Tgkill(os.Getpid(), id, unix.SIGURG); !errors.Is(gone, unix.ESRCH) {
				err = errors.Join(err, gone)
			}
		}
	}
	return err
}

// TestDeviceGoes takes the device down, or away, while it sends.
func TestDeviceGoes(t *testing.T) {
	down := false
	for name, do := range map[string]func(*rtnl.Conn) error{
		"down": func(c *rtnl.Conn) error { return c.SetLink(senderIndex, &rtnl.Change{Up: &down}) },
		"away": func(c *rtnl.Conn) error { return c.DeleteLink(senderIndex) },
	} {
		for _, method := range methods(generator.Frame{}) {
			t.Run(name+"/"+string(method), func(t *testing.T) {
				_, err := whileSending(t, method, 0, func(p path, _ func()) { change(t, p.sender, do) })
				if !errors.Is(err, unix.ENETDOWN) && !errors.Is(err, unix.ENXIO) {
					t.Errorf("%v, want that the device is down or not there", err)
				}
			})
		}
	}
}

// TestBottleneck searches the rate of a queue of known speed.
func TestBottleneck(t *testing.T) {
	const (
		rate  = 10_000 // frames a second
		queue = 100    // frames that may wait
		limit = 300 * time.Millisecond
	)
	p := newPath(t)
	g := open(t, p, generator.Frame{Raw: true}, generator.Options{})
	c := count(t, p, generator.CountOptions{})
	err := p.sender.Do(func() error {
		return netlink.QdiscAdd(&netlink.Tbf{
			QdiscAttrs: netlink.QdiscAttrs{LinkIndex: senderIndex, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT},
			Rate:       rate * 60, Limit: queue * 60, Buffer: 1_000_000, // in ticks of 64 ns: 640 frames
		})
	})
	if errors.Is(err, unix.ENOENT) {
		t.Skip("this kernel has no tbf:", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	found, err := generator.Search(t.Context(), g, c, generator.Goal{Trial: limit, Resolution: 0.02})
	if err != nil {
		t.Fatal(err)
	}
	// What is beyond the rate waits in the queue at the end of a trial, or was let
	// through at its start.
	most := rate + (queue+640+64)/limit.Seconds()
	if best := found.Best; best.Offered > most || best.Offered < rate/4 || best.Arrived < best.Sent || found.Above <= best.Offered {
		t.Errorf("found %+v above %.0f, want up to %.0f a second and no loss", best, found.Above, most)
	}
}

// TestFeatureComesBack looks at what segmenting changes of a device.
func TestFeatureComesBack(t *testing.T) {
	p := newPath(t)
	on := func() bool {
		var f map[string]ethtool.Feature
		err := p.sender.Do(func() error {
			c, err := ethtool.OpenHere()
			if err != nil {
				return err
			}
			defer c.Close()
			f, err = c.Features("out")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return f["tx-udp-segmentation"].On
	}
	if !on() {
		t.Skip("the device does not cut up UDP by itself")
	}
	g := open(t, p, generator.Frame{}, generator.Options{Method: generator.Segments})
	if on() {
		t.Error("the device gets datagrams that are not cut up")
	}
	for range 2 {
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if !on() {
		t.Error("the feature is off for good")
	}
}

func TestRefusals(t *testing.T) {
	p := newPath(t)
	six := func(n byte) generator.Address {
		return generator.Address{MAC: address(1).MAC, IP: netip.AddrFrom16([16]byte{0: 0xfd, 15: n})}
	}
	one := address(2)
	long := net.HardwareAddr{1, 2, 3, 4, 5, 6, 7, 8}
	for name, c := range map[string]struct {
		index int
		frame generator.Frame
		o     generator.Options
		want  error
	}{
		"no device":      {12, generator.Frame{From: address(1), To: one}, generator.Options{}, unix.ENODEV},
		"no target":      {senderIndex, generator.Frame{From: address(1)}, generator.Options{}, unix.EINVAL},
		"too small":      {senderIndex, generator.Frame{From: address(1), To: one, Size: 59}, generator.Options{}, unix.EINVAL},
		"above the MTU":  {senderIndex, generator.Frame{From: address(1), To: one, Size: 1515}, generator.Options{}, unix.EMSGSIZE},
		"MAC":            {senderIndex, generator.Frame{From: address(1), To: generator.Address{MAC: long, IP: address(1).IP}}, generator.Options{}, unix.EINVAL},
		"another family": {senderIndex, generator.Frame{From: address(1), To: generator.Address{MAC: address(2).MAC, IP: netip.IPv6LinkLocalAllNodes()}}, generator.Options{}, unix.EINVAL},
		"IPv6":           {senderIndex, generator.Frame{Size: 80, From: six(1), To: six(2)}, generator.Options{}, unix.EINVAL},
		"raw segments":   {senderIndex, generator.Frame{From: address(1), To: one, Raw: true}, generator.Options{Method: generator.Segments}, unix.EOPNOTSUPP},
		"unknown method": {senderIndex, generator.Frame{From: address(1), To: one}, generator.Options{Method: "telepathy"}, unix.EINVAL},
		"no such CPU":    {senderIndex, generator.Frame{From: address(1), To: one}, generator.Options{CPU: 1000}, unix.EINVAL},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := generator.Open(p.sender, c.index, c.frame, c.o)
			if !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if err := g.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	g := open(t, p, generator.Frame{}, generator.Options{})
	for _, l := range []generator.Load{{}, {Rate: 5}, {Frames: 1, Rate: -1}} {
		if _, err := g.Send(t.Context(), l); !errors.Is(err, unix.EINVAL) {
			t.Errorf("%+v: %v, want EINVAL", l, err)
		}
	}
	if _, err := generator.Count(p.receiver, 12, generator.CountOptions{}); !errors.Is(err, unix.ENODEV) {
		t.Errorf("a counter without a device: %v", err)
	}
	if _, err := generator.Count(p.receiver, receiverIndex, generator.CountOptions{Numbers: 1 << 31}); !errors.Is(err, unix.EINVAL) {
		t.Errorf("a counter of too many numbers: %v", err)
	}
}

// TestNobodyElseIsCounted sends the same frames with another mark, and twice the same.
func TestNobodyElseIsCounted(t *testing.T) {
	p := newPath(t)
	g := open(t, p, generator.Frame{Raw: true}, generator.Options{})
	c := count(t, p, generator.CountOptions{Numbers: 50})
	own, err := generator.Count(p.sender, senderIndex, generator.CountOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	if _, err := g.Send(t.Context(), generator.Load{Frames: 60}); err != nil {
		t.Fatal(err)
	}
	if got, want := settled(t, g, c), (generator.Counted{Frames: 60, Bytes: 3600, Distinct: 50, Beyond: 10}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	tap, err := capture.Open(p.sender, capture.Config{SendOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer tap.Close()
	frame := make([]byte, 60)
	copy(frame, []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5, 0xbe, 0x9b, 0xe9, 0x54, 0, 0, 0, 9})
	if err := tap.Send(senderIndex, 0x88b5, frame); err != nil {
		t.Fatal(err)
	}
	if got := settled(t, g, c); got.Frames != 60 {
		t.Errorf("%+v with a frame of somebody else", got)
	}
	if _, err := g.Send(t.Context(), generator.Load{Frames: 10}); err != nil {
		t.Fatal(err)
	}
	if got, err := own.Counted(); err != nil || got.Frames != 0 {
		t.Errorf("%+v, %v arrived where they were sent", got, err)
	}
	if got := settled(t, g, c); got.Frames-got.Distinct-got.Beyond != 10 || got.Distinct != 50 {
		t.Errorf("%+v, want 10 that came twice", got)
	}
}
