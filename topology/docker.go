package topology

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Docker is a line of Docker's releases, by its first number, whose rules networks
// follow: 20 is 20.10. It stands for the last release of its line: what 26.1 changed is a
// rule of 26. The zero value is the newest line.
type Docker int

// newestDocker is the line that the zero value stands for.
const newestDocker Docker = 29

// The lines, as they are written in scenario files. 21 and 22 were never released.
var dockers = []string{"20.10", "23", "24", "25", "26", "27", "28", "29"}

// Dockers are the lines that there are rules for, the oldest first, as they are written in
// scenario files and on the command line.
func Dockers() []string { return slices.Clone(dockers) }

// ParseDocker reads a line of Docker's, such as 20.10 or 28, or a release of one as a
// daemon reports it, such as 20.10.24+dfsg1 or 29.0.0-rc.1. Its error lists the lines.
func ParseDocker(version string) (Docker, error) {
	release := strings.TrimPrefix(version, "v")
	for _, line := range dockers {
		rest, of := strings.CutPrefix(release, line)
		if !of || rest != "" && !strings.ContainsAny(rest[:1], ".+-~") {
			continue
		}
		major, _, _ := strings.Cut(line, ".")
		n, err := strconv.Atoi(major)
		return Docker(n), err
	}
	return 0, fmt.Errorf("unknown version of Docker %q: there are rules for %s", version, strings.Join(dockers, ", "))
}

// String is the line as scenario files write it.
func (d Docker) String() string {
	switch d {
	case 0:
		return newestDocker.String()
	case 20:
		return "20.10"
	}
	return strconv.Itoa(int(d))
}

// Before reports whether a line is older than another.
func (d Docker) Before(other Docker) bool { return d != 0 && d < other }
