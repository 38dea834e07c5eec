package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/lanproof/lanproof/bench/record"
)

// Watch measures how long a stretch of a sample takes.
type Watch struct {
	clock record.Clock
	slow  float64
	idle  time.Duration
	err   error
	began time.Time // the last, so that nothing of ours is measured
}

// Watch begins to measure.
func (r Rules) Watch() *Watch {
	w := &Watch{clock: r.Clock, slow: r.Slower}
	if w.clock == record.Instructions {
		w.idle, w.err = idleTime()
	}
	w.began = time.Now()
	return w
}

// Took tells how long the stretch took, on the system's clock. Where instructions are
// counted, that is without the time in which the processor had nothing to do, when the
// clock goes on to the next timer although nothing is carried out; that time is waited,
// in nanoseconds. On a clock of time waited is 0.
func (w *Watch) Took() (took, waited time.Duration, err error) {
	if took, waited, err = w.read(); err != nil || w.slow <= 0 {
		return took, waited, err
	}
	for until := took + waited + time.Duration(w.slow*float64(took)); time.Since(w.began) < until; {
		continue
	}
	return w.read()
}

// read reads the clock, and how much of the time was spent waiting.
func (w *Watch) read() (took, waited time.Duration, err error) {
	took = time.Since(w.began)
	if w.clock != record.Instructions {
		return took, 0, nil
	}
	now, err := idleTime()
	if err == nil {
		err = w.err
	}
	if err != nil {
		return 0, 0, err
	}
	waited = now - w.idle
	return took - waited, waited, nil
}

// look is for how long Settle looks whether a kernel is idle: some ticks of it.
const look = 20 * time.Millisecond

// putOff is how late a kernel does what it puts off: memory that RCU is to give back is
// collected for 5 s (kernel/rcu/tree.c:KFREE_DRAIN_JIFFIES), and nothing tells when it has
// been given back.
const putOff = 6 * time.Second

// calm lets as much time pass where instructions are counted. It takes next to none of the
// host's: while nothing is done there, the clock goes on to the next timer. Elsewhere
// people would have to wait.
func (r Rules) calm(ctx context.Context) {
	if r.Clock != record.Instructions {
		return
	}
	timer := time.NewTimer(putOff)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// Settle waits until the kernel has done what was left to it, such as taking namespaces
// away in the background, which would be measured with whatever comes next: until its
// processors had nothing to do for nearly all of 20 ms. Nothing tells of that, so it is
// looked for again and again, for as long as most. Where a kernel does not tell of its
// idleness, or others keep it busy, it goes on. Where instructions are counted, it first
// lets what the kernel puts off for some seconds be done.
func (r Rules) Settle(ctx context.Context, most time.Duration) {
	r.calm(ctx)
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for begun := time.Now(); time.Since(begun) < most; {
		idle, err := idleTime()
		from := time.Now()
		if err != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		all := time.Since(from) * time.Duration(runtime.NumCPU())
		if now, err := idleTime(); err != nil || now-idle > all-all/20 {
			return
		}
	}
}

// idleTime is for how long all processors together have had nothing to do
// (kernel/time/timer_list.c:print_cpu). /proc/stat says the same by ticks of 10 ms.
func idleTime() (time.Duration, error) {
	text, err := os.ReadFile("/proc/timer_list")
	if err != nil {
		return 0, fmt.Errorf("find out for how long the processor was idle: %w", err)
	}
	return parseIdle(text)
}

// parseIdle reads what /proc/timer_list says of idleness.
func parseIdle(text []byte) (time.Duration, error) {
	var sum time.Duration
	found := false
	for line := range bytes.Lines(text) {
		key, value, _ := bytes.Cut(line, []byte(":"))
		if string(bytes.TrimSpace(key)) != ".idle_sleeptime" {
			continue
		}
		number, _, _ := bytes.Cut(bytes.TrimSpace(value), []byte(" "))
		ns, err := strconv.ParseInt(string(number), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("find out for how long the processor was idle: %w", err)
		}
		sum, found = sum+time.Duration(ns), true
	}
	if !found {
		return 0, fmt.Errorf("find out for how long the processor was idle: no .idle_sleeptime in /proc/timer_list (the kernel needs CONFIG_NO_HZ_COMMON)")
	}
	return sum, nil
}
