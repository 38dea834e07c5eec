package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/lanproof/lanproof/answer"
	"github.com/lanproof/lanproof/engine"
	"github.com/lanproof/lanproof/run"
)

// newEngine is the value of --engine.
func newEngine() *choice { return oneOf(run.Engines()...) }

// findEngine looks for the engine that was asked for.
func (f *runFlags) findEngine(ctx context.Context) (err error) {
	f.options.Engine, err = run.FindEngine(ctx, f.engine.value)
	return err
}

// findEngine looks for the engine that was asked for. There is no answer without it.
func (f *checkFlags) findEngine(cmd *cobra.Command, o *answer.Options) error {
	if err := elsewhere(f.engine.value, run.Ground(f.on.value), f.run.Kernels); err != nil {
		return err
	}
	i, err := run.FindEngine(cmd.Context(), f.engine.value)
	if err != nil || i == nil {
		return err
	}
	if missing, ok := i.(*engine.Missing); ok {
		return &exit{exitHarness, missing.Why}
	}
	if is := i.Docker(); is != "" {
		if cmd.Flags().Changed("docker") && f.docker.value != is {
			return usage("--docker %s, and the engine is %s %s", f.docker.value, i.Name(), i.Version())
		}
		o.Around.Docker = is
	}
	o.Run.Engine = i
	return nil
}

// checkEngine refuses what does not go together with an engine.
func (f *runFlags) checkEngine() error {
	o := &f.options
	if f.engine.value == run.Netlink {
		return nil
	}
	if err := elsewhere(f.engine.value, o.On, o.Kernels); err != nil {
		return err
	}
	if o.On == run.GroundNIC || o.Emulate != "" || len(f.nics) > 0 {
		return usage("--engine %s is for parents that lanproof makes: it goes without real ports", f.engine.value)
	}
	return nil
}

// elsewhere refuses guests to an engine that goes into none.
func elsewhere(engine string, on run.Ground, kernels []string) error {
	if (on == run.Guest || len(kernels) > 0) && !run.EngineInGuests(engine) {
		return usage("--engine %s runs on this kernel: it goes without --on guest and --kernel", engine)
	}
	return nil
}
