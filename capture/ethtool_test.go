package capture_test

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ethtoolFlags is an ethtool request that carries a struct ethtool_value.
func ethtoolFlags(fd int, device string, command, data uint32) (uint32, error) {
	value := struct{ command, data uint32 }{command, data}
	var req struct {
		name  [unix.IFNAMSIZ]byte
		value unsafe.Pointer
		_     [16]byte // the rest of struct ifreq
	}
	copy(req.name[:unix.IFNAMSIZ-1], device)
	req.value = unsafe.Pointer(&value)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&req)))
	runtime.KeepAlive(&value)
	if errno != 0 {
		return 0, errno
	}
	return value.data, nil
}
