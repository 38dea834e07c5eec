// Package docker has a scenario's networks built by a real Docker: by a dockerd that is
// started for one host, in a cell of its own (see package cell), and ends with it. The
// user's own daemon, its folders and its settings are no part of it.
package docker

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
	"github.com/lanproof/lanproof/engine/cell"
	"github.com/lanproof/lanproof/internal/rootless"
	"github.com/lanproof/lanproof/topology"
)

// Variable names the dockerd that is used, with the programs beside it, where it is not
// the one that is installed.
const Variable = "LANPROOF_DOCKERD"

// Unpacked is where make test unpacks Debian's packages to, below lanproof's cache.
const Unpacked = "docker/debian/usr/sbin/dockerd"

// Installation is a dockerd, not started.
type Installation struct {
	// Path of dockerd, and the folders in which it finds containerd, its shims and runc.
	Path    string
	Folders []string

	version string
}

// askLimit bounds a program that is asked for its version.
const askLimit = 10 * time.Second

// companions are the programs that dockerd starts.
var companions = []string{"containerd", "containerd-shim-runc-v2", "runc"}

// Find finds the dockerd that LANPROOF_DOCKERD names, the one in PATH, or the one in
// lanproof's cache. It starts no daemon. The error is an *engine.Unavailable.
func Find(ctx context.Context, cache string) (engine.Installation, error) {
	if rootless.Inside() {
		return nil, &engine.Unavailable{Text: "docker needs root: an ordinary user's namespaces are too few for dockerd"}
	}
	path, err := locate(cache)
	if err != nil {
		return nil, &engine.Unavailable{Text: "docker needs the program dockerd (Debian: docker.io)", Err: err}
	}
	i := &Installation{Path: path, Folders: folders(filepath.Dir(path))}
	for _, name := range companions {
		if lookIn(i.Folders, name) == "" {
			return nil, &engine.Unavailable{Text: fmt.Sprintf("docker needs the program %s, and it is in none of %s", name, strings.Join(i.Folders, ", "))}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	ask := exec.CommandContext(ctx, path, "--version")
	ask.Env = i.environment()
	said, err := ask.Output()
	if err != nil {
		return nil, &engine.Unavailable{Text: path + " does not run here", Err: err}
	}
	if i.version = versionOf(string(said)); i.version == "" {
		return nil, &engine.Unavailable{Text: fmt.Sprintf("%s says %q, and no version", path, said)}
	}
	return i, nil
}

// locate finds dockerd.
func locate(cache string) (string, error) {
	if path := os.Getenv(Variable); path != "" {
		path, err := exec.LookPath(path)
		if err != nil {
			return "", fmt.Errorf("%s: %w", Variable, err)
		}
		return filepath.Abs(path)
	}
	if path := lookIn(installed(), "dockerd"); path != "" {
		return path, nil
	}
	path := filepath.Join(cache, Unpacked)
	if cache != "" && executable(path) {
		return path, nil
	}
	return "", fmt.Errorf("it is not in PATH, and %s names none", Variable)
}

// environment is the whole environment of dockerd. Packages that were unpacked and not
// installed bring libraries.
func (i *Installation) environment() []string {
	env := []string{"PATH=" + strings.Join(i.Folders, ":"), "HOME=" + cell.Dir, "TMPDIR=" + cell.Dir, "LC_ALL=C"}
	runc, err := filepath.EvalSymlinks(lookIn(i.Folders, "runc"))
	root, unpacked := strings.CutSuffix(runc, "/usr/sbin/runc")
	if err != nil || !unpacked || root == "" {
		return env
	}
	var libraries []string
	for _, pattern := range []string{"lib/*-linux-gnu", "usr/lib/*-linux-gnu"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err == nil {
			libraries = append(libraries, found...)
		}
	}
	return append(env, "LD_LIBRARY_PATH="+strings.Join(libraries, ":"))
}

// installed are the folders of programs; those of root are not in everybody's PATH.
func installed() []string {
	return append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/usr/bin", "/sbin", "/bin")
}

// folders are where the dockerd of a folder finds its companions: beside it first.
func folders(dir string) []string {
	beside := []string{dir}
	if base := filepath.Base(dir); base == "sbin" || base == "bin" {
		beside = append(beside, filepath.Join(dir, "../bin"), filepath.Join(dir, "../sbin"))
	}
	return append(beside, installed()...)
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

// said is how dockerd tells its version: Docker version 20.10.24+dfsg1, build 5d6db84.
var said = regexp.MustCompile(`(?i)version v?(\d+\.\d+[0-9A-Za-z.+~-]*)`)

func versionOf(text string) string {
	found := said.FindStringSubmatch(text)
	if found == nil {
		return ""
	}
	return found[1]
}

// Name is docker.
func (*Installation) Name() string { return "docker" }

// Version is dockerd's own, such as 20.10.24+dfsg1.
func (i *Installation) Version() string { return i.version }

// Docker is the line of versions as scenarios have it: 20.10 or 28. Of one that there are
// no rules for yet it is the newest.
func (i *Installation) Docker() string {
	line, err := topology.ParseDocker(i.version)
	if err != nil {
		return topology.Docker(0).String()
	}
	return line.String()
}

// errDied is what is wrong when dockerd is not there any more.
var errDied = errors.New("dockerd has ended")
