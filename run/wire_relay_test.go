package run_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/scenarios"
)

// fault is what a wire makes of the n-th frame that it gets: what comes out of it.
type fault func(n int, frame []byte) [][]byte

// whole is a wire without a fault.
func whole(_ int, frame []byte) [][]byte { return [][]byte{frame} }

// each does something to every n-th frame.
func each(n int, fault func(frame []byte) [][]byte) fault {
	return func(at int, frame []byte) [][]byte {
		if at%n == 0 {
			return fault(frame)
		}
		return [][]byte{frame}
	}
}

// swapped has every n-th frame come behind the one that follows it.
func swapped(n int) func() fault {
	return func() fault {
		var held []byte
		return func(at int, frame []byte) [][]byte {
			switch {
			case held != nil:
				all := [][]byte{frame, held}
				held = nil
				return all
			case at%n == 0:
				held = bytes.Clone(frame)
				return nil
			}
			return [][]byte{frame}
		}
	}
}

// relayed is a cable between two taps whose frames go through this process, which takes
// its time.
func relayed(t *testing.T, delay time.Duration, faults func() fault) *run.Cable {
	t.Helper()
	needRoot(t)
	home, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]*os.File
	if err := home.Do(func() error {
		for i, name := range []string{"enp1s0", "enp2s0"} {
			if ends[i], err = openTap(name); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Skip(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { relay(ends[0], ends[1], delay, faults()) })
	wg.Go(func() { relay(ends[1], ends[0], delay, faults()) })
	t.Cleanup(func() {
		if err := errors.Join(ends[0].Close(), ends[1].Close(), home.Close()); err != nil {
			t.Error(err)
		}
		wg.Wait()
	})
	return &run.Cable{DUT: "enp1s0", Peer: "enp2s0", Home: home}
}

// openTap makes a device whose frames are read and written (Documentation/networking/tuntap.rst).
func openTap(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("this machine has no taps: %w", err)
	}
	req, err := unix.NewIfreq(name)
	if err != nil {
		return nil, err
	}
	req.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
		return nil, errors.Join(fmt.Errorf("make tap %s: %w", name, err), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), name), nil
}

// relay carries frames from one end to the other until they are closed.
func relay(from, to *os.File, delay time.Duration, fault fault) {
	type flight struct {
		frame []byte
		due   time.Time
	}
	flights := make(chan flight, 4096)
	go func() {
		defer close(flights)
		buf := make([]byte, 1<<16)
		for n := 1; ; n++ {
			size, err := from.Read(buf)
			if err != nil {
				return
			}
			for _, frame := range fault(n, buf[:size]) {
				flights <- flight{bytes.Clone(frame), time.Now().Add(delay)}
			}
		}
	}()
	for f := range flights {
		<-time.After(time.Until(f.due))
		_, _ = to.Write(f.frame) // one that is down takes none
	}
}

// all asks everything of a small LAN.
const all = lan + "checks:\n  - {id: reach, reach: {from: pc, to: [c1, host], both: true}}\n" +
	"  - {id: blocked, blocked: {from: host, to: [c1], both: true, kind: [icmp, raw]}}\n" +
	"  - {id: groups, reach: {from: pc, to: c1, kind: raw, cast: [broadcast, multicast]}}\n" +
	"  - {id: wire, tag: {from: c1}}\n  - {id: oracle, oracle: [unicast, unknown, broadcast, multicast]}\n" +
	"steps:\n  - {name: down, do: [{set: {link: host/eth0, up: false}}], checks: [{id: deaf, blocked: {from: pc, to: c1, kind: raw}}]}\n" +
	"  - {name: up, do: [{set: {link: host/eth0, up: true}}], checks: [{id: back, reach: {from: pc, to: c1, kind: raw}}]}\n"

// some is less, for wires that cost the harness its patience time and again.
const some = lan + "checks:\n  - {id: groups, reach: {from: pc, to: c1, kind: raw, cast: [broadcast, multicast]}}\n  - {id: oracle, oracle: [unicast, broadcast, multicast]}\n"

// overCable runs one scenario over a cable.
func overCable(t *testing.T, cable *run.Cable, cases []*scenarios.Case) *reports.Results {
	t.Helper()
	results, err := run.Run(t.Context(), cases, run.Options{Cable: cable})
	if err != nil {
		t.Fatal(err)
	}
	return results
}

// TestSlowCable shows that a wire which only takes its time is no reason for an alarm.
func TestSlowCable(t *testing.T) {
	for _, delay := range []time.Duration{10 * time.Millisecond, 100 * time.Millisecond} {
		t.Run(delay.String(), func(t *testing.T) {
			tell(t, overCable(t, relayed(t, delay, func() fault { return whole }), load(t, "slow", all)))
		})
	}
}

// TestBadCable shows that faults of a wire are found.
func TestBadCable(t *testing.T) {
	twice := func(frame []byte) [][]byte { return [][]byte{frame, bytes.Clone(frame)} }
	gone := func([]byte) [][]byte { return nil }
	changed := func(frame []byte) [][]byte { frame[len(frame)-1] ^= 1; frame[7] ^= 1; return [][]byte{frame} }
	for name, faults := range map[string]func() fault{
		"loses": func() fault { return each(31, gone) },
		// Fences that come twice, or two of them the other way round, are no harm, and most
		// of what crosses the wire are fences: there must be enough faults to meet probes.
		"doubles":    func() fault { return each(3, twice) },
		"corrupts":   func() fault { return each(31, changed) },
		"reorders":   swapped(5),
		"unicast":    func() fault { return only(func(frame []byte) bool { return frame[0]&1 == 0 }) },
		"broadcasts": func() fault { return only(func(frame []byte) bool { return frame[0] == 0xff || frame[0]&1 == 0 }) },
	} {
		t.Run(name, func(t *testing.T) {
			results, err := run.Run(t.Context(), load(t, "bad", some), run.Options{Cable: relayed(t, time.Millisecond, faults)})
			switch {
			case err != nil && !errors.Is(err, run.ErrNoCable):
				t.Fatal(err)
			case err == nil && results.Verdict() != reports.Fail:
				t.Errorf("%s: %+v", results.Verdict(), results.Summary)
			case err == nil:
				t.Logf("%+v; %s", results.Summary, results.Cases[0].Checks[len(results.Cases[0].Checks)-1].Observed)
			default:
				t.Log(err)
			}
		})
	}
}

// only lets some frames through.
func only(let func(frame []byte) bool) fault {
	return func(_ int, frame []byte) [][]byte {
		if let(frame) {
			return [][]byte{frame}
		}
		return nil
	}
}
