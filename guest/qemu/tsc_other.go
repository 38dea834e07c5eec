//go:build !amd64

package qemu

// tscKHz is the rate of the counter that QEMU's TCG gives a guest on hosts without
// one of their own: it counts nanoseconds (qemu: include/qemu/timer.h).
func tscKHz() int { return 1000000 }
