//go:build amd64

package inside

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// The I/O ports of the machine that package qemu builds.
const (
	bellPort = 0xe9  // isa-debugcon: a byte written here reaches the host at once
	exitPort = 0x501 // isa-debug-exit: QEMU ends with status 2v+1
)

// outb writes to an I/O port. The thread needs the right to (iopl).
func outb(port uint16, value byte)

// writePort writes one byte to a port. The right to do so belongs to a thread, so
// it is asked for on whichever thread this runs. There is no /dev/port in
// Debian's cloud kernels.
func writePort(port uint16, value byte) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if _, _, errno := unix.RawSyscall(unix.SYS_IOPL, 3, 0, 0); errno != 0 {
		return fmt.Errorf("ask for the right to use I/O ports: %w", errno)
	}
	outb(port, value)
	return nil
}
