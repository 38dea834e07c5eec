// Package engine says what it takes to have a scenario's networks built by a real
// container engine in place of lanproof's own netlink operations. What implements it is
// in packages of their own: engine/docker, engine/podman, engine/cni.
//
// An engine works in the namespace of a scenario's host and never elsewhere: the user's
// own daemon, its folders and its networks are no part of it. Hosts, their parents,
// stations, routers and the switch stay lanproof's work; networks, what comes with them,
// and what joins endpoints to them are the engine's.
package engine

import (
	"context"

	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/topology"
)

// Installation is an engine that this machine has, not yet started. To look for one
// starts nothing; it fails with an [*Unavailable] where there is none.
type Installation interface {
	// Name is what people ask for it by: docker, podman or cni.
	Name() string
	// Version is the engine's own, such as 20.10.24.
	Version() string
	// Docker is the version of Docker whose rules the engine follows, as
	// topology.Spec has it; empty where the engine is none of Docker's.
	Docker() string
	// Start starts the engine in the namespace of a host, for as long as it is not
	// closed. The error is an [*Unavailable] where the machine does not let it run, and
	// a [*Failure] with its log's tail where it should have and did not.
	Start(ctx context.Context, host *netns.NS) (Engine, error)
}

// Portable is an installation that guests can be given, where its programs are at the same
// places as here.
type Portable interface {
	Installation
	// Programs are the paths of all that it runs, and of libraries of its own.
	Programs() []string
	// Memory is what its daemons take beside their programs, in MiB; 0 where it has none.
	Memory() int
}

// Engine builds networks on one host. Errors of its methods are a [*Refusal] where the
// engine said no, a [*Cannot] where it has no way to be asked, and a [*Failure] where it
// broke down. It is not for concurrent use.
type Engine interface {
	// Network makes a network.
	Network(ctx context.Context, name string, n *topology.Network) error
	// RemoveNetwork removes one, with what came with it.
	RemoveNetwork(ctx context.Context, name string) error
	// Endpoint starts a container, on its first network where one is given, and returns
	// its namespace, which is the caller's to close. What is refused leaves nothing.
	Endpoint(ctx context.Context, name string, first *topology.Attachment) (*netns.NS, error)
	// RemoveEndpoint ends a container and takes it off its networks.
	RemoveEndpoint(ctx context.Context, name string) error
	// Attach puts a running endpoint on one more network.
	Attach(ctx context.Context, endpoint string, a topology.Attachment) error
	// Detach takes a running endpoint off a network.
	Detach(ctx context.Context, endpoint, network string) error
	// Log is the end of what the engine has written down, empty where it keeps no log.
	Log() string
	// Close ends the engine and everything that it has started and built. Closing again
	// does nothing.
	Close() error
}
