package topology

import (
	"fmt"
	"strconv"
	"strings"
)

// Kernel is a version of Linux, for what LANs do on some and not on others. The zero
// value is newer than all.
type Kernel struct{ Major, Minor int }

// ParseKernel reads a release as uname -r prints it, such as 6.1.0-56-cloud-amd64.
func ParseKernel(release string) (Kernel, error) {
	major, rest, _ := strings.Cut(release, ".")
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(rest)
	}
	var k Kernel
	var err error
	if k.Major, err = strconv.Atoi(major); err == nil {
		k.Minor, err = strconv.Atoi(rest[:end])
	}
	if err != nil {
		return Kernel{}, fmt.Errorf("read the kernel release %q: it does not begin with a version", release)
	}
	return k, nil
}

// Before reports whether a kernel is older than a version.
func (k Kernel) Before(major, minor int) bool {
	return k != Kernel{} && (k.Major < major || k.Major == major && k.Minor < minor)
}
