package turns

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"
)

// What hush gives threads and the runtime.
const (
	// slack is how late a thread may wake from a sleep; ticks of kernels are 1 to 10 ms.
	slack = 10 * time.Millisecond
	// procs is how many goroutines may run at once. With one for one processor, the
	// runtime's monitor takes it from whoever waits in the kernel, and has a thread look
	// for other work (runtime/proc.go:retake, handoffp).
	procs = 4
)

// hush keeps Go's runtime from working beside what is measured where that is counted.
// On a clock that counts instructions all is slow: a monitor that wakes every 20 µs, to
// find that nothing is to be done (runtime/proc.go:sysmon), did a fourteenth of all that
// was counted, now more and now less of it, and it was the slowest round trip of a
// hundred. With slack its sleeps end with the kernel's ticks. Nothing collects garbage but
// what does so before each sample, or where memory runs short.
func hush() error {
	debug.SetGCPercent(-1)
	if runtime.GOMAXPROCS(0) < procs {
		runtime.GOMAXPROCS(procs)
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return fmt.Errorf("find this program's threads: %w", err)
	}
	for _, t := range threads { // those to come have it from those that start them
		name := filepath.Join("/proc", t.Name(), "timerslack_ns")
		if err := os.WriteFile(name, []byte(strconv.Itoa(int(slack))), 0); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("have a thread wake with the kernel's ticks: %w", err)
		}
	}
	return nil
}
