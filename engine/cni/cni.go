// Package cni has a scenario's networks built by real CNI plugins, which it runs by way of
// libcni as container runtimes do. There is no daemon: a network is a configuration,
// and an endpoint a namespace in which plugins make devices. It therefore works wherever
// plugins can be run, in guests as well.
//
// Plugins work in the namespace of the scenario's host, with a /run of their own that
// holds all that they and libcni keep.
package cni

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/lanproof/lanproof/engine"
	"github.com/lanproof/lanproof/internal/netns"
)

// Variable names the folders with the plugins, with colons between them, as CNI has it.
const Variable = "CNI_PATH"

// folders are where plugins are kept: Debian's, and that of CNI's own releases.
const folders = "/usr/lib/cni:/opt/cni/bin"

// plugins are those that an engine needs.
var plugins = [...]string{"macvlan", "ipvlan", "bridge", "host-local"}

// Installation is a set of plugins.
type Installation struct {
	paths   []string // the folders
	version string
}

// Find finds the plugins in the folders that CNI_PATH names, or where they usually are.
// The error is an *engine.Unavailable.
func Find(ctx context.Context) (engine.Installation, error) {
	return FindIn(ctx, filepath.SplitList(cmp.Or(os.Getenv(Variable), folders)))
}

// FindIn finds the plugins in some folders.
func FindIn(ctx context.Context, folders []string) (engine.Installation, error) {
	i := &Installation{paths: folders}
	all, err := i.programs()
	if err != nil {
		return nil, err
	}
	said, err := engine.Ask(ctx, []string{"LC_ALL=C"}, all[0])
	if i.version = versionOf(said); err == nil && i.version == "" {
		err = fmt.Errorf("it says %q, and no version", said)
	}
	if err != nil {
		return nil, &engine.Unavailable{Text: all[0] + " does not run here", Err: err}
	}
	return i, nil
}

// Programs are the paths of the plugins that an engine needs, for guests to have them.
func (i *Installation) Programs() []string {
	all, _ := i.programs() // they were there when they were found
	return all
}

// Memory is 0: plugins come and go.
func (*Installation) Memory() int { return 0 }

func (i *Installation) programs() (all []string, err error) {
	for _, name := range plugins {
		path, err := (&runner{}).FindInPath(name, i.paths)
		if err != nil {
			return nil, &engine.Unavailable{
				Text: fmt.Sprintf("cni needs the plugin %s (Debian: containernetworking-plugins), and it is in none of %s", name, strings.Join(i.paths, ", ")),
			}
		}
		all = append(all, path)
	}
	return all, nil
}

// said is how a plugin tells what it is: CNI macvlan plugin v1.5.1, and the versions of
// the specification in another line. Those that Debian builds do not know their own.
var (
	said      = regexp.MustCompile(`plugin (?:version )?v(\d[0-9A-Za-z.+~-]*)`)
	saidSpecs = regexp.MustCompile(`(?m)supported: .*?([\d.]+)$`)
)

func versionOf(text string) string {
	if found := said.FindStringSubmatch(text); found != nil {
		return found[1]
	}
	if found := saidSpecs.FindStringSubmatch(text); found != nil {
		return "spec " + found[1]
	}
	return ""
}

// Name is cni.
func (*Installation) Name() string { return "cni" }

// Version is that of the plugins, or else the newest version of CNI's specification that
// they know.
func (i *Installation) Version() string { return i.version }

// Docker is empty: CNI follows none of Docker's rules.
func (*Installation) Docker() string { return "" }

// Start makes what plugins keep their state in; there is nothing to start.
func (i *Installation) Start(_ context.Context, host *netns.NS) (engine.Engine, error) {
	e := &Engine{host: host, parents: engine.Parents{Host: host}, networks: map[string]*network{}, endpoints: map[string]*endpoint{}}
	var err error
	if e.mounts, err = newMounts(); err != nil {
		return nil, &engine.Unavailable{Text: "cni keeps its state in mounts of its own, which this machine does not let it make", Err: err}
	}
	e.libcni = newLibrary(i.paths)
	return e, nil
}

// closeAll closes what is open of several namespaces.
func closeAll(all ...*netns.NS) error {
	var errs []error
	for _, ns := range all {
		errs = append(errs, ns.Close())
	}
	return errors.Join(errs...)
}
