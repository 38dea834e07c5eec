package run

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lanproof/lanproof/engine"
	"github.com/lanproof/lanproof/engine/cni"
	"github.com/lanproof/lanproof/engine/docker"
	"github.com/lanproof/lanproof/engine/podman"
	"github.com/lanproof/lanproof/guest/kernel"
)

// Netlink is the engine that is none: lanproof itself.
const Netlink = "netlink"

// Engines are the names of all engines, lanproof itself first.
func Engines() []string {
	names := []string{Netlink}
	for _, f := range finders {
		names = append(names, f.name)
	}
	return names
}

// finders are how each engine is found; cache is lanproof's. What can be given to guests
// is found there by its programs.
var finders = []struct {
	name   string
	find   func(ctx context.Context, cache string) (engine.Installation, error)
	within func(ctx context.Context, programs []string) (engine.Installation, error)
}{
	{name: "docker", find: docker.Find, within: docker.FindIn},
	{name: "podman", find: func(ctx context.Context, _ string) (engine.Installation, error) { return podman.Find(ctx) }},
	{name: "cni", find: func(ctx context.Context, _ string) (engine.Installation, error) { return cni.Find(ctx) }, within: cniWithin},
}

// cniWithin finds plugins where their programs are.
func cniWithin(ctx context.Context, programs []string) (engine.Installation, error) {
	var folders []string
	for _, p := range programs {
		folders = append(folders, filepath.Dir(p))
	}
	return cni.FindIn(ctx, slices.Compact(folders))
}

// EngineInGuests reports whether the engine of a name can build networks in guests too.
func EngineInGuests(name string) bool {
	for _, f := range finders {
		if f.name == name {
			return f.within != nil
		}
	}
	return name == Netlink
}

// orderedEngine is the engine that a guest is to have networks built by.
type orderedEngine struct {
	Name     string   `json:"name"`
	Programs []string `json:"programs"`
}

// orderEngine is what guests are told of an engine; nil where there is none.
func orderEngine(i engine.Installation) *orderedEngine {
	p, ok := i.(engine.Portable)
	if !ok {
		return nil
	}
	return &orderedEngine{p.Name(), p.Programs()}
}

// find finds the engine in a guest; none where none was ordered.
func (o *orderedEngine) find(ctx context.Context) (engine.Installation, error) {
	if o == nil {
		return nil, nil //nolint:nilnil // nobody else builds
	}
	for _, f := range finders {
		if f.name == o.Name && f.within != nil {
			return f.within(ctx, o.Programs)
		}
	}
	return nil, fmt.Errorf("the engine %s is not for guests", o.Name)
}

// FindEngine finds the engine of a name. It is nil for lanproof itself, and an
// [*engine.Missing] where this machine has it not.
func FindEngine(ctx context.Context, name string) (engine.Installation, error) {
	if name == Netlink {
		return nil, nil //nolint:nilnil // nobody else builds
	}
	for _, f := range finders {
		if f.name != name {
			continue
		}
		i, err := f.find(ctx, kernel.DefaultCache())
		var none *engine.Unavailable
		if errors.As(err, &none) {
			return &engine.Missing{Called: name, Why: none}, nil
		}
		return i, err
	}
	return nil, fmt.Errorf("there is no engine %q: it is one of %s", name, strings.Join(Engines(), ", "))
}
