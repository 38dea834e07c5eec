package cell

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// group is the path of a cell's control group, of version 2. What engines make for
// their containers is below it.
type group string

// groupPrefix begins the names of all of them; the keeper's process number follows.
const groupPrefix = "lanproof-cell-"

// newGroup makes the group of this process's cell. Those go first whose keepers are gone.
func newGroup() (group, error) {
	root, err := groupRoot()
	if err != nil {
		return "", err
	}
	if err := sweep(root); err != nil {
		return "", err
	}
	g := group(filepath.Join(root, groupPrefix+strconv.Itoa(os.Getpid())))
	if err := os.Mkdir(string(g), 0o755); err != nil {
		return "", fmt.Errorf("make a control group: %w", err)
	}
	return g, nil
}

// groupRoot is where control groups of version 2 are mounted.
func groupRoot() (string, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return "", fmt.Errorf("look for control groups: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	for lines := bufio.NewScanner(f); lines.Scan(); {
		// 36 35 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw (proc(5))
		mount, kind, ok := strings.Cut(lines.Text(), " - ")
		if fields := strings.Fields(mount); ok && strings.HasPrefix(kind, "cgroup2 ") && len(fields) > 4 {
			return fields[4], nil
		}
	}
	return "", errors.New("look for control groups: none of version 2 are mounted here")
}

// sweep removes the groups of cells whose keepers were killed.
func sweep(root string) error {
	left, err := filepath.Glob(filepath.Join(root, groupPrefix+"*"))
	if err != nil {
		return fmt.Errorf("look for control groups that were left: %w", err)
	}
	for _, path := range left {
		pid := strings.TrimPrefix(filepath.Base(path), groupPrefix)
		if !lives(pid) {
			// What still holds it is ending, and goes with the next sweep.
			_ = group(path).remove()
		}
	}
	return nil
}

// lives reports whether there is a process of that number that has not ended (proc(5):
// its state is behind the name, which is in parentheses).
func lives(pid string) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	_, state, _ := strings.Cut(string(stat), ") ")
	return err == nil && !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

// remove removes the group and all below it; there must be no process in them.
func (g group) remove() error {
	var all []string
	err := filepath.WalkDir(string(g), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			all = append(all, path)
		}
		return err
	})
	for _, path := range slices.Backward(all) {
		err = errors.Join(err, os.Remove(path))
	}
	if err != nil {
		return fmt.Errorf("remove a control group: %w", err)
	}
	return nil
}

// join moves this process into the group.
func (g group) join() error {
	return os.WriteFile(filepath.Join(string(g), "cgroup.procs"), []byte("0"), 0)
}

// Clean removes what cells have left whose keepers were killed with them.
func Clean() error {
	root, err := groupRoot()
	if err != nil {
		return nil //nolint:nilerr // without control groups there were no cells
	}
	return sweep(root)
}
