package engine

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// SystemPath are the folders of the machine's own programs; those of root are not in
// everybody's PATH.
const SystemPath = "/usr/sbin:/usr/bin:/sbin:/bin"

// Installed are the folders of programs: those of PATH, and SystemPath's.
func Installed() []string {
	return slices.Concat(filepath.SplitList(os.Getenv("PATH")), filepath.SplitList(SystemPath))
}

// LookIn is the path of a program in the first of the folders that has it, or empty.
func LookIn(folders []string, name string) string {
	for _, dir := range folders {
		if path := filepath.Join(dir, name); dir != "" && Executable(path) {
			return path
		}
	}
	return ""
}

// Executable reports whether a path is a program's.
func Executable(path string) bool {
	s, err := os.Stat(path)
	return err == nil && s.Mode().IsRegular() && s.Mode()&0o111 != 0
}

// How long a program may take to say its version, and what it started to let go of its
// output after that.
const (
	askLimit   = 10 * time.Second
	drainDelay = time.Second
)

// Ask returns what a program says to arguments that have it tell its version.
func Ask(ctx context.Context, env []string, path string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, askLimit, fmt.Errorf("it has not answered in %v", askLimit))
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env, cmd.WaitDelay = env, drainDelay
	said, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		return string(said), nil
	case context.Cause(ctx) != nil:
		return "", context.Cause(ctx)
	case len(said) == 0:
		return "", err
	}
	return "", fmt.Errorf("%w: %.500s", err, strings.TrimSpace(string(said)))
}
