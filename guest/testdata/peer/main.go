// Program peer is the smallest /init for the benchmark's peer: it loads the same
// modules, says one line on the debug console and ends the machine.
package main

import (
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

func outb(port uint16, value byte)

func main() {
	runtime.LockOSThread()
	order, _ := os.ReadFile("/modules/order")
	for name := range strings.FieldsSeq(string(order)) {
		if f, err := os.Open("/modules/" + name + ".ko"); err == nil {
			_ = unix.FinitModule(int(f.Fd()), "", 0)
			_ = f.Close()
		}
	}
	unix.RawSyscall(unix.SYS_IOPL, 3, 0, 0)
	for _, b := range []byte("PASS\n") {
		outb(0xe9, b)
	}
	outb(0x501, 0)
}
