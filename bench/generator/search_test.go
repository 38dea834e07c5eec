package generator

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestHalving searches rates of paths that are known: what is above the rate that a path
// carries is lost, and a sender has a most of its own.
func TestHalving(t *testing.T) {
	for name, c := range map[string]struct {
		goal          Goal
		path, most    float64
		want          float64 // of Best
		above, trials int     // whether there is a rate above, and how many trials at most
	}{
		"half":              {path: 500_000, most: 1e6, want: 500_000, above: 1, trials: 12},
		"little":            {path: 37, most: 1e6, want: 37, above: 1, trials: 30},
		"the sender's":      {path: 2e6, most: 1e6, want: 1e6, trials: 1},
		"finer":             {goal: Goal{Resolution: 0.0001}, path: 500_000, most: 1e6, want: 500_000, above: 1, trials: 20},
		"short of the path": {path: 900_000, most: 1e6, want: 900_000, above: 1, trials: 12},
		"nothing":           {path: 0, most: 1e6, want: 0, above: 1, trials: 30},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := search(c.goal, func(rate float64, limit time.Duration) (Trial, error) {
				offered := c.most
				if rate > 0 {
					offered = min(rate, c.most)
				}
				sent := max(1, uint64(offered*limit.Seconds()))
				return Trial{Wanted: rate, Offered: offered, Sent: sent, Arrived: min(sent, uint64(c.path*limit.Seconds()))}, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			resolution := 0.01
			if c.goal.Resolution > 0 {
				resolution = c.goal.Resolution
			}
			if low := c.want * (1 - 1.1*resolution); found.Best.Offered < low-1 || found.Best.Offered > c.want+1 {
				t.Errorf("found %.0f, want %.0f; trials %+v", found.Best.Offered, c.want, found.Trials)
			}
			if (found.Above > 0) != (c.above > 0) || len(found.Trials) > c.trials {
				t.Errorf("above %.0f, %d trials of at most %d: %+v", found.Above, len(found.Trials), c.trials, found.Trials)
			}
		})
	}
}

// TestHalvingEnds holds that a search ends whatever trials say, and what it refuses.
func TestHalvingEnds(t *testing.T) {
	odd := []Trial{{Offered: 10, Sent: 10, Arrived: 5}, {Offered: 10, Sent: 10, Arrived: 10}, {Offered: 3, Sent: 3, Arrived: 9}, {Offered: 1e9, Sent: 1, Arrived: 0}}
	for start := range odd {
		n := start
		f, err := search(Goal{}, func(rate float64, _ time.Duration) (Trial, error) {
			n++
			if n > 1000 {
				return Trial{}, errors.New("it does not end")
			}
			trial := odd[n%len(odd)]
			trial.Wanted = rate
			return trial, nil
		})
		if err != nil {
			t.Errorf("%v: %+v", err, f)
		}
	}
	n := 0
	f, err := search(Goal{}, func(rate float64, _ time.Duration) (Trial, error) {
		switch n++; {
		case n == 1:
			return Trial{Wanted: rate, Offered: 1e6, Sent: 10}, nil
		case n > 1000:
			return Trial{}, errors.New("it does not end")
		}
		return Trial{Wanted: rate, Offered: 10, Sent: 10, Arrived: 10}, nil
	})
	if err != nil || len(f.Trials) != 3 || f.Best.Offered != 10 {
		t.Errorf("a sender that cannot offer what it is asked for: %+v, %v", f, err)
	}
	for _, goal := range []Goal{{Resolution: -1}, {Trial: -1}} {
		if _, err := search(goal, nil); !errors.Is(err, unix.EINVAL) {
			t.Errorf("%+v: %v, want EINVAL", goal, err)
		}
	}
	_, err = search(Goal{}, func(float64, time.Duration) (Trial, error) { return Trial{}, unix.ENETDOWN })
	if !errors.Is(err, unix.ENETDOWN) {
		t.Errorf("an error of a trial gives %v", err)
	}
	if _, err = search(Goal{}, func(float64, time.Duration) (Trial, error) { return Trial{}, nil }); err == nil {
		t.Error("a sender that sends nothing gives no error")
	}
}

func FuzzProgress(f *testing.F) {
	f.Add([]byte("Params: count 1\nCurrent:\n     pkts-sofar: 10  errors: 0\n     started: 5us  stopped: 229us idle: 0us\nResult: OK: 224(c0+d224) usec, 10 (60byte,0frags)\n"))
	f.Add([]byte("\nCurrent: pkts-sofar: errors: 1 started: stopped:"))
	f.Add([]byte("\nCurrent: pkts-sofar: 99999999999999999999 errors: 1 started: 1us stopped: 18446744073709551615us"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if p, err := parseProgress(text); err == nil && p.took < 0 {
			t.Errorf("took %v", p.took)
		}
	})
}

func TestProgress(t *testing.T) {
	text := "Params: count 10  min_pkt_size: 60\n     Flags: NO_TIMESTAMP  \nCurrent:\n     pkts-sofar: 10  errors: 3\n" +
		"     started: 1000us  stopped: 1224us idle: 7us\n     seq_num: 11  cur_dst_mac_offset: 0\nResult: OK: 224(c0+d224) usec, 10 (60byte,0frags)\n  44642pps\n"
	got, err := parseProgress([]byte(text))
	want := progress{sent: 10, errors: 3, took: 224 * time.Microsecond, result: "OK: 224(c0+d224) usec, 10 (60byte,0frags)"}
	if err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	for _, text := range []string{"", "\nCurrent:", "\nCurrent: pkts-sofar: 1 errors: 1 started: 2us stopped: 1us", "\nCurrent: pkts-sofar: 1 errors: x started: 1us stopped: 2us"} {
		if p, err := parseProgress([]byte(text)); err == nil {
			t.Errorf("%q gives %+v", text, p)
		}
	}
}

func FuzzThreadDevices(f *testing.F) {
	f.Add([]byte("Running: eth0 eth1 \nStopped: out@2 \nResult: OK: add_device=out\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, d := range threadDevices(text) {
			if d == "" {
				t.Error("a device without a name")
			}
		}
	})
}

func FuzzFenceNumber(f *testing.F) {
	f.Add([]byte{0xbe, 0x9b, 0xe9, 0x56, 0, 0, 0, 7})
	f.Add([]byte{0xbe, 0x9b, 0xe9, 0x56})
	f.Fuzz(func(_ *testing.T, b []byte) { fenceNumber(b) })
}

func FuzzStamp(f *testing.F) {
	f.Add([]byte{}, 0)
	f.Add([]byte{64, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 37, 0, 0, 0, 1, 2, 3}, 2)
	f.Fuzz(func(t *testing.T, oob []byte, which int) {
		_, _, _ = parseStamp(oob, which&3)
	})
}
