package rtnl

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

func TestAnswered(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{errors.New("no errno at all"), false},
		{fmt.Errorf("make it: %w", unix.ENOMEM), false},
		{unix.ENOBUFS, false},
		{unix.EAGAIN, false},
		{unix.ETIMEDOUT, false},
		{fmt.Errorf("%w: Unknown device type.", unix.EOPNOTSUPP), false},
		{fmt.Errorf("%w: 8021q: VLANs not supported on device", unix.EOPNOTSUPP), true},
		{unix.EPERM, true},
		{fmt.Errorf("make it: %w", unix.EINVAL), true},
		{unix.EEXIST, true},
		{unix.ERANGE, true},
	} {
		if got := Answered(c.err); got != c.want {
			t.Errorf("%v: %v, want %v", c.err, got, c.want)
		}
	}
}
