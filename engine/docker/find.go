// Package docker has a scenario's networks built by a real Docker: by a dockerd that is
// started for one host, in a cell of its own (see package cell), and ends with it. The
// user's own daemon, its folders and its settings are no part of it.
package docker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

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
	// ramdisk tells that the root of all mounts is the kernel's initial one, which nobody
	// can leave by pivot_root(2).
	ramdisk bool
	// given are the paths of libraries in a guest, which no folder of packages tells there.
	given []string
}

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
	return (&Installation{Path: path, Folders: folders(filepath.Dir(path))}).asked(ctx)
}

// FindIn finds dockerd among some programs, in a guest that was given them.
func FindIn(ctx context.Context, programs []string) (engine.Installation, error) {
	i := among(programs)
	if i == nil {
		return nil, &engine.Unavailable{Text: "docker needs the program dockerd, and it was not given"}
	}
	if err := installLibraries(i.given); err != nil {
		return nil, fmt.Errorf("install the libraries of docker in a guest: %w", err)
	}
	return i.asked(ctx)
}

// among is the installation that was given to a guest; nil where there is no dockerd in it.
func among(programs []string) *Installation {
	i := &Installation{ramdisk: true}
	for _, path := range programs {
		switch name := filepath.Base(path); {
		case name == "dockerd":
			i.Path, i.Folders = path, folders(filepath.Dir(path))
		case strings.Contains(name, ".so."):
			i.given = append(i.given, path)
		}
	}
	if i.Path == "" {
		return nil
	}
	return i
}

// installLibraries puts links to libraries where loaders look by themselves (ld.so(8)).
// What dockerd starts anew to unpack layers has no environment that would name their
// folders (moby 20.10: pkg/chrootarchive/diff_unix.go:applyLayerHandler).
func installLibraries(paths []string) error {
	const dir = "/usr/lib"
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, path := range paths {
		if err := os.Symlink(path, filepath.Join(dir, filepath.Base(path))); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// asked is the installation when it was looked at, and asked for its version.
func (i *Installation) asked(ctx context.Context) (engine.Installation, error) {
	for _, name := range companions {
		if engine.LookIn(i.Folders, name) == "" {
			return nil, &engine.Unavailable{Text: fmt.Sprintf("docker needs the program %s, and it is in none of %s", name, strings.Join(i.Folders, ", "))}
		}
	}
	said, err := engine.Ask(ctx, i.environment(), i.Path, "--version")
	if err != nil {
		return nil, &engine.Unavailable{Text: i.Path + " does not run here", Err: err}
	}
	if i.version = versionOf(said); i.version == "" {
		return nil, &engine.Unavailable{Text: fmt.Sprintf("%s says %q, and no version", i.Path, said)}
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
	if path := engine.LookIn(engine.Installed(), "dockerd"); path != "" {
		return path, nil
	}
	path := filepath.Join(cache, Unpacked)
	if cache != "" && engine.Executable(path) {
		return path, nil
	}
	return "", fmt.Errorf("it is not in PATH, and %s names none", Variable)
}

// environment is the whole environment of dockerd. Packages that were unpacked and not
// installed bring libraries.
func (i *Installation) environment() []string {
	env := i.plainEnvironment()
	if libraries := i.libraries(); len(libraries) > 0 {
		env = append(env, "LD_LIBRARY_PATH="+strings.Join(libraries, ":"))
	}
	return env
}

func (i *Installation) plainEnvironment() []string {
	env := []string{"PATH=" + strings.Join(i.Folders, ":"), "HOME=" + cell.Dir, "TMPDIR=" + cell.Dir, "LC_ALL=C"}
	if i.ramdisk {
		env = append(env, "DOCKER_RAMDISK=yes") // moby: daemon/start_unix.go
	}
	return env
}

// libraries are the folders of libraries that unpacked packages bring.
func (i *Installation) libraries() (all []string) {
	if i.ramdisk {
		for _, path := range i.given {
			all = append(all, filepath.Dir(path))
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
	runc, err := filepath.EvalSymlinks(engine.LookIn(i.Folders, "runc"))
	root, unpacked := strings.CutSuffix(runc, "/usr/sbin/runc")
	if err != nil || !unpacked || root == "" {
		return nil
	}
	for _, pattern := range []string{"lib/*-linux-gnu", "usr/lib/*-linux-gnu"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err == nil {
			all = append(all, found...)
		}
	}
	return all
}

// Programs are the paths of dockerd, of what it starts, and of the libraries that came
// with them, for guests to have them.
func (i *Installation) Programs() []string {
	all := []string{i.Path}
	for _, name := range companions {
		all = append(all, engine.LookIn(i.Folders, name))
	}
	return append(all, i.ownLibraries()...)
}

// ownLibraries are the paths of the libraries that unpacked packages bring.
func (i *Installation) ownLibraries() (all []string) {
	for _, dir := range i.libraries() {
		found, err := filepath.Glob(filepath.Join(dir, "*.so.*"))
		if err == nil {
			all = append(all, found...)
		}
	}
	return all
}

// Memory is what dockerd and containerd take, and what is in their folders, in MiB.
func (*Installation) Memory() int { return 512 }

// folders are where the dockerd of a folder finds its companions: beside it first.
func folders(dir string) []string {
	beside := []string{dir}
	if base := filepath.Base(dir); base == "sbin" || base == "bin" {
		beside = append(beside, filepath.Join(dir, "../bin"), filepath.Join(dir, "../sbin"))
	}
	return append(beside, engine.Installed()...)
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
