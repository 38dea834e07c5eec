package rtnl

import (
	"errors"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Answered reports whether an error is a kernel's answer to what was asked of it:
// an errno that says something about the request. Errnos that speak of memory,
// of descriptors and of time do not, nor does the one for a kind of device that
// the kernel has no driver for (net/core/rtnetlink.c:rtnl_newlink_create).
//
// EPERM is an answer: whoever asks has made the namespace, or was let into it,
// and brought its loopback up before.
func Answered(err error) bool {
	var errno unix.Errno
	if !errors.As(err, &errno) {
		return false
	}
	silent := []unix.Errno{
		unix.ENOMEM, unix.ENOBUFS, unix.ENFILE, unix.EMFILE, unix.EAGAIN, unix.EINTR, unix.ETIMEDOUT, unix.EIO, unix.ENOSYS,
	}
	if slices.Contains(silent, errno) {
		return false
	}
	return errno != unix.EOPNOTSUPP || !strings.Contains(err.Error(), "Unknown device type")
}
