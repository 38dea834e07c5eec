package run

import (
	"context"
	"errors"
	"fmt"
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

// finders are how each engine is found; cache is lanproof's.
var finders = []struct {
	name string
	find func(ctx context.Context, cache string) (engine.Installation, error)
}{
	{"docker", docker.Find},
	{"podman", func(ctx context.Context, _ string) (engine.Installation, error) { return podman.Find(ctx) }},
	{"cni", func(ctx context.Context, _ string) (engine.Installation, error) { return cni.Find(ctx) }},
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
