package run

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/topology/lab"
)

// namespace tells one namespace from all others, also from those that get its number
// when it is gone (fs/proc/generic.c:proc_alloc_inum takes the lowest that is free).
type namespace struct {
	number uint64
	born   unix.Timespec
}

func (n namespace) String() string { return fmt.Sprintf("net:[%d]", n.number) }

// namespaceAt is the namespace that a descriptor holds.
func namespaceAt(fd int) (namespace, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return namespace{}, err
	}
	return namespace{st.Ino, st.Ctim}, nil
}

// namespacesOf are a lab's.
func namespacesOf(l *lab.Lab) ([]namespace, error) {
	var all []namespace
	for _, n := range l.Nodes() {
		ns, err := namespaceAt(n.NS.FD())
		if err != nil {
			return nil, fmt.Errorf("identify the namespace of %s: %w", n.Name, err)
		}
		all = append(all, ns)
	}
	return all, nil
}

// audit is what a case has to stand at its end: that no descriptor of this
// process holds any of its namespaces any more. Threads that were in one end by
// themselves with the goroutine that took them there.
func audit(gone []namespace) error {
	paths, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		return fmt.Errorf("leak audit: %w", err)
	}
	var errs []error
	for _, p := range paths {
		to, err := os.Readlink(p)
		if err != nil || !strings.HasPrefix(to, "net:[") {
			continue // closed meanwhile, which is what is wanted, or something else
		}
		fd, err := strconv.Atoi(filepath.Base(p))
		if err != nil {
			continue
		}
		if ns, err := namespaceAt(fd); err == nil && slices.Contains(gone, ns) {
			errs = append(errs, fmt.Errorf("leak audit: descriptor %d still holds namespace %s", fd, ns))
		}
	}
	return errors.Join(errs...)
}
