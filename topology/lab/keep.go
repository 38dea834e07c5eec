package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/netns"
)

// namespaceDir is where ip netns looks for names.
const namespaceDir = "/run/netns"

// keptPrefix marks the names that are ours to clean.
const keptPrefix = "lanproof-"

// Keep gives the lab's namespaces names, so that they outlive the process and
// ip netns exec can look into them. It returns the names, also those that were
// kept before an error. The label must do as part of a file's name.
func (l *Lab) Keep(label string) ([]string, error) {
	if err := os.MkdirAll(namespaceDir, 0o755); err != nil {
		return nil, fmt.Errorf("keep namespaces: %w", err)
	}
	var names []string
	for _, n := range l.Nodes() {
		name := keptPrefix + label + "-" + n.Name
		err := bind(n.NS.Path(), filepath.Join(namespaceDir, name))
		if err != nil {
			cure := ""
			if errors.Is(err, os.ErrExist) {
				cure = "; lanproof clean --kept lets go of what was kept before"
			}
			return names, fmt.Errorf("keep namespace %s: %w%s", name, err, cure)
		}
		names = append(names, name)
	}
	return names, nil
}

// OpenKept opens the namespace of a node that was kept under a label. The error
// wraps fs.ErrNotExist when there is none.
func OpenKept(label, node string) (*netns.NS, error) {
	name := keptPrefix + label + "-" + node
	if name != filepath.Base(name) {
		return nil, fmt.Errorf("no namespace can have the name %q: %w", name, os.ErrNotExist)
	}
	return netns.Open(filepath.Join(namespaceDir, name))
}

// bind mounts a namespace on a file, as ip netns add does.
func bind(from, to string) error {
	f, err := os.OpenFile(to, os.O_CREATE|os.O_RDONLY|os.O_EXCL, 0o444)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := unix.Mount(from, to, "none", unix.MS_BIND, ""); err != nil {
		return errors.Join(err, os.Remove(to))
	}
	return nil
}

// CleanKept lets go of every namespace that was kept, and returns their names.
func CleanKept() ([]string, error) {
	entries, err := os.ReadDir(namespaceDir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for kept namespaces: %w", err)
	}
	var names []string
	var errs []error
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), keptPrefix) {
			continue
		}
		path := filepath.Join(namespaceDir, e.Name())
		// A file that is no mount is left from a run that died in between.
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) {
			errs = append(errs, fmt.Errorf("let go of namespace %s: %w", e.Name(), err))
			continue
		}
		if err := os.Remove(path); err != nil {
			errs = append(errs, fmt.Errorf("forget namespace %s: %w", e.Name(), err))
			continue
		}
		names = append(names, e.Name())
	}
	return names, errors.Join(errs...)
}
