package drops

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// withoutRights runs fn on a thread that may not load eBPF programs. The thread is
// never unlocked, and ends with the goroutine.
func withoutRights(fn func() error) error {
	runtime.LockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&header, &none[0]); err != nil {
		return err
	}
	return fn()
}
