package run

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lanproof/lanproof/topology/lab"
)

// namespacesOf are the identities of a lab's namespaces, as links in /proc
// show them: net:[4026532000].
func namespacesOf(l *lab.Lab) ([]string, error) {
	var ids []string
	for _, n := range l.Nodes() {
		id, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", n.NS.FD()))
		if err != nil {
			return nil, fmt.Errorf("identify the namespace of %s: %w", n.Name, err)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// audit is what a case has to stand at its end: that no descriptor of this
// process holds any of its namespaces any more. Threads that were in one end by
// themselves with the goroutine that took them there.
func audit(ids []string) error {
	paths, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		return fmt.Errorf("leak audit: %w", err)
	}
	var errs []error
	for _, p := range paths {
		to, err := os.Readlink(p)
		if err != nil {
			continue // closed meanwhile, which is what is wanted
		}
		if strings.HasPrefix(to, "net:[") && slices.Contains(ids, to) {
			errs = append(errs, fmt.Errorf("leak audit: descriptor %s still holds namespace %s", filepath.Base(p), to))
		}
	}
	return errors.Join(errs...)
}
