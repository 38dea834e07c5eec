package main

import (
	"context"

	"github.com/lanproof/lanproof/run"
)

// newEngine is the value of --engine.
func newEngine() *choice { return oneOf(run.Engines()...) }

// findEngine looks for the engine that was asked for.
func (f *runFlags) findEngine(ctx context.Context) (err error) {
	f.options.Engine, err = run.FindEngine(ctx, f.engine.value)
	return err
}

// checkEngine refuses what does not go together with an engine.
func (f *runFlags) checkEngine() error {
	o := &f.options
	if f.engine.value == run.Netlink {
		return nil
	}
	switch {
	case (o.On == run.Guest || len(o.Kernels) > 0) && !run.EngineInGuests(f.engine.value):
		return usage("--engine %s runs on this kernel: it goes without --on guest and --kernel", f.engine.value)
	case o.On == run.GroundNIC || o.Emulate != "" || len(f.nics) > 0:
		return usage("--engine %s is for parents that lanproof makes: it goes without real ports", f.engine.value)
	}
	return nil
}
