package qemu

import "golang.org/x/sys/unix"

// rdtsc reads the processor's time stamp counter.
func rdtsc() uint64

// calibrationTime is how long the measurement of the counter takes, in ns. The
// brackets around each reading are some 50 ns wide, so the error is below 1e-4.
const calibrationTime = 2e6

// tscKHz measures the rate of the host's time stamp counter, in kHz. QEMU's TCG
// gives the guest the host's counter (qemu: include/qemu/timer.h:
// cpu_get_host_ticks), and a guest that must find the rate by itself fails at
// times. /proc/cpuinfo is of no use: it tells the present clock of the core.
func tscKHz() int {
	t0, c0 := pair()
	t1, c1 := pair()
	for t1-t0 < calibrationTime {
		t1, c1 = pair()
	}
	return int(float64(c1-c0) / float64(t1-t0) * 1e6)
}

// pair reads clock (ns) and counter together: the narrowest of some tries.
func pair() (ns int64, count uint64) {
	best := int64(1 << 62)
	for range 8 {
		before := monotonic()
		c := rdtsc()
		if after := monotonic(); after-before < best {
			best, ns, count = after-before, before+(after-before)/2, c
		}
	}
	return ns, count
}

func monotonic() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0
	}
	return ts.Nano()
}
