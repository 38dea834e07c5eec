package engine

import (
	"context"

	"github.com/lanproof/lanproof/internal/netns"
)

// Missing stands for an engine that this machine has not: what asks for it is skipped.
type Missing struct {
	// Called is the engine's name.
	Called string
	// Why is what was found out.
	Why *Unavailable
}

// Name is the engine's.
func (m *Missing) Name() string { return m.Called }

// Version says that there is none.
func (*Missing) Version() string { return "(missing)" }

// Docker is empty.
func (*Missing) Docker() string { return "" }

// Start fails with the reason.
func (m *Missing) Start(context.Context, *netns.NS) (Engine, error) { return nil, m.Why }
