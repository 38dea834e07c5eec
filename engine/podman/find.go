package podman

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/lanproof/lanproof/engine"
	"github.com/lanproof/lanproof/internal/rootless"
)

// Variable names the podman that is used where it is not the one in PATH.
const Variable = "LANPROOF_PODMAN"

// Installation is a Podman, not started.
type Installation struct {
	path, runtime, conmon string
	version               string
}

// askLimit bounds a program that is asked for its version.
const askLimit = 10 * time.Second

// folders are where programs are beside those of PATH, and helpers where Podman looks for
// what only it starts (containers/common: pkg/config, helper_binaries_dir).
var (
	folders = []string{"/usr/sbin", "/usr/bin", "/sbin", "/bin"}
	helpers = []string{"/usr/local/libexec/podman", "/usr/local/lib/podman", "/usr/libexec/podman", "/usr/lib/podman"}
)

// Find finds the podman that LANPROOF_PODMAN names, or that of PATH, and what it needs to
// run containers with networks. The error is an *engine.Unavailable.
func Find(ctx context.Context) (engine.Installation, error) {
	if rootless.Inside() {
		return nil, &engine.Unavailable{Text: "podman needs root: an ordinary user's Podman has no networks on the machine's devices"}
	}
	i := &Installation{path: os.Getenv(Variable)}
	path := append(filepath.SplitList(os.Getenv("PATH")), folders...)
	if i.path == "" {
		i.path = lookIn(path, "podman")
	}
	if !executable(i.path) {
		return nil, &engine.Unavailable{Text: "podman needs the program podman, and it is not in PATH"}
	}
	i.conmon = lookIn(append(path, helpers...), "conmon")
	if i.runtime = lookIn(path, "crun"); i.runtime == "" {
		i.runtime = lookIn(path, "runc")
	}
	for name, found := range map[string]string{
		"conmon": i.conmon, "crun or runc": i.runtime, "netavark": lookIn(append(path, helpers...), "netavark"),
	} {
		if found == "" {
			return nil, &engine.Unavailable{Text: fmt.Sprintf("podman needs the program %s, and this machine has none", name)}
		}
	}
	var err error
	if i.version, err = ask(ctx, i.path); err != nil {
		return nil, &engine.Unavailable{Text: i.path + " does not run here", Err: err}
	}
	return i, nil
}

// said is how podman tells its version: podman version 4.3.1.
var said = regexp.MustCompile(`version v?(\d+\.\d+[0-9A-Za-z.+~-]*)`)

func ask(ctx context.Context, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "--version")
	cmd.Env = []string{"LC_ALL=C"}
	text, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, strings.TrimSpace(string(text)))
	}
	found := said.FindSubmatch(text)
	if found == nil {
		return "", errors.New("it tells no version")
	}
	return string(found[1]), nil
}

func lookIn(folders []string, name string) string {
	for _, dir := range folders {
		if path := filepath.Join(dir, name); dir != "" && executable(path) {
			return path
		}
	}
	return ""
}

func executable(path string) bool {
	s, err := os.Stat(path)
	return err == nil && s.Mode().IsRegular() && s.Mode()&0o111 != 0
}

// Name is podman.
func (*Installation) Name() string { return "podman" }

// Version is Podman's own, such as 4.3.1.
func (i *Installation) Version() string { return i.version }

// Docker is empty: Podman follows none of Docker's rules.
func (*Installation) Docker() string { return "" }
