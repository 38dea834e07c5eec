package podman

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"

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

// helpers are where Podman looks for what only it starts (containers/common: pkg/config,
// helper_binaries_dir).
var helpers = [...]string{"/usr/local/libexec/podman", "/usr/local/lib/podman", "/usr/libexec/podman", "/usr/lib/podman"}

// Find finds the podman that LANPROOF_PODMAN names, or that of PATH, and what it needs to
// run containers with networks. The error is an *engine.Unavailable.
func Find(ctx context.Context) (engine.Installation, error) {
	if rootless.Inside() {
		return nil, &engine.Unavailable{Text: "podman needs root: an ordinary user's Podman has no networks on the machine's devices"}
	}
	folders := engine.Installed()
	i := &Installation{path: os.Getenv(Variable)}
	if i.path == "" {
		i.path = engine.LookIn(folders, "podman")
	}
	switch {
	case i.path == "":
		return nil, &engine.Unavailable{Text: "podman needs the program podman, and it is not in PATH"}
	case !engine.Executable(i.path):
		return nil, &engine.Unavailable{Text: fmt.Sprintf("podman needs the program podman, and %s names %s, which is none", Variable, i.path)}
	}
	if i.runtime = engine.LookIn(folders, "crun"); i.runtime == "" {
		i.runtime = engine.LookIn(folders, "runc")
	}
	folders = append(folders, helpers[:]...)
	i.conmon = engine.LookIn(folders, "conmon")
	for _, needed := range []struct{ name, found string }{
		{"conmon", i.conmon}, {"crun or runc", i.runtime}, {"netavark", engine.LookIn(folders, "netavark")},
	} {
		if needed.found == "" {
			return nil, &engine.Unavailable{Text: fmt.Sprintf("podman needs the program %s, and this machine has none", needed.name)}
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
	text, err := engine.Ask(ctx, []string{"LC_ALL=C"}, path, "--version")
	if err != nil {
		return "", err
	}
	found := said.FindStringSubmatch(text)
	if found == nil {
		return "", errors.New("it tells no version")
	}
	return found[1], nil
}

// Name is podman.
func (*Installation) Name() string { return "podman" }

// Version is Podman's own, such as 4.3.1.
func (i *Installation) Version() string { return i.version }

// Docker is empty: Podman follows none of Docker's rules.
func (*Installation) Docker() string { return "" }
