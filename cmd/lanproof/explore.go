package main

import (
	"errors"
	"fmt"
	"io"
	"os/signal"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/rootless"
	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/run/explore"
)

// exploreFlags are the flags of lanproof explore.
type exploreFlags struct {
	options explore.Options
	run     run.Options
	on      *choice
}

func newExplore() *cobra.Command {
	f := &exploreFlags{on: oneOf(string(run.Auto), string(run.Host), string(run.Guest))}
	cmd := &cobra.Command{
		Use:   "explore",
		Short: "Look for LANs of which a kernel and the oracle, or two kernels, do not say the same",
		Long: `Draw small LANs at random, send every frame of every class through them, and
hold what is seen against the oracle's tables, and kernels against each other.
A disagreement is shrunk to the smallest LAN that still shows it and written to
DIR as a scenario file that reproduces it. LAN number n of a seed is always the
same. An interrupt keeps what was found.

Exit status: 0 there is no disagreement; 1 there is one; 2 bad usage; 3 the
harness could not do its work.`,
		Example: `  lanproof explore --on host --budget 30s
  lanproof explore --budget 10m --seed 3 --first 7 --most 1
  lanproof explore --budget 10m --kernel debian:6.1 --kernel debian:6.12`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error { return f.explore(cmd) },
	}
	o, r, flags := &f.options, &f.run, cmd.Flags()
	flags.Var(f.on, "on", "where LANs run: auto is this kernel where it can, else a guest")
	flags.StringArrayVar(&r.Kernels, "kernel", nil, "guest kernel `K` (repeatable), as lanproof run takes it; with --on auto each LAN runs on this kernel and on all of these")
	flags.StringVar(&r.Modules, "modules", "", "`DIR` of modules for a kernel that is a bare image")
	flags.IntVar(&r.Parallel, "parallel", 0, "LANs that run at once on this kernel; 0 is as many as there are CPUs")
	flags.DurationVar(&o.Budget, "budget", time.Minute, "how long new LANs are begun")
	flags.Uint64Var(&o.Seed, "seed", 0, "seed that LANs are drawn from")
	flags.Uint64Var(&o.First, "first", 0, "number of the first LAN")
	flags.Uint64Var(&o.Most, "most", 0, "how many LANs are drawn at the most; 0 is as many as the budget allows")
	flags.StringVar(&o.Out, "out", "lanproof-explore", "folder `DIR` that disagreements are written to")
	return cmd
}

func (f *exploreFlags) explore(cmd *cobra.Command) error {
	o, r := &f.options, &f.run
	r.On, r.Version = run.Ground(f.on.value), version()
	switch {
	case o.Budget <= 0:
		return usage("--budget %v: it is more than 0", o.Budget)
	case o.Out == "":
		return usage("--out names no folder")
	case r.Parallel < 0:
		return usage("--parallel %d: it is 0 at least", r.Parallel)
	}
	if err := checkKernels(r); err != nil {
		return err
	}
	if r.On != run.Guest { // a guest takes no privileges
		if status, done, err := rootless.Enter(); done || err != nil {
			return errors.Join(err, ended(status))
		}
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), unix.SIGINT, unix.SIGTERM)
	defer stop()
	o.Measure = explore.On(*r)
	o.Note = func(text string) { fmt.Fprintln(cmd.ErrOrStderr(), text) }
	report, err := explore.Explore(ctx, *o)
	showExplored(cmd.OutOrStdout(), report)
	if err != nil {
		return &exit{exitHarness, err}
	}
	return ended(exploredStatus(report))
}

// exploredStatus is the exit status of an exploration. One that has tried nothing is
// no good one, unless it was interrupted.
func exploredStatus(r *explore.Report) int {
	switch {
	case len(r.Found) > 0:
		return exitFail
	case slices.ContainsFunc(r.Trouble, func(t explore.Trouble) bool { return !t.Unjudged() }), r.Tried == 0 && !r.Interrupted:
		return exitHarness
	}
	return exitGood
}

// someOf writes some numbers: the first few, and how many more there are.
func someOf(all []uint64) string {
	const most = 8
	if len(all) > most {
		return fmt.Sprintf("%v and %d more", all[:most], len(all)-most)
	}
	return fmt.Sprint(all)
}

func showExplored(w io.Writer, r *explore.Report) {
	for _, f := range r.Found {
		fmt.Fprintln(w, f)
		if f.File != "" {
			fmt.Fprintf(w, "  lanproof run %s shows it", f.File)
			if len(f.Also) > 0 {
				fmt.Fprintf(w, "; LANs %s disagree about the same rules", someOf(f.Also))
			}
			fmt.Fprintln(w)
		}
	}
	for _, t := range r.Trouble {
		fmt.Fprintf(w, "LANs %s: nothing can be said of %s %s: %s\n", someOf(t.LANs), t.Ground, t.Kernel, t.Observed)
	}
	interrupted, without := "", map[uint64]bool{}
	for _, t := range r.Trouble {
		for _, n := range t.LANs {
			without[n] = true
		}
	}
	if r.Interrupted {
		interrupted = "interrupted; "
	}
	fmt.Fprintf(w, "%s%d LANs tried, %d disagreements, %d without a verdict, %d that no kernel here can carry (%s, seed %d, LANs up to %d)\n",
		interrupted, r.Tried, len(r.Found), len(without), r.Skipped, r.Duration.Round(time.Second/10), r.Seed, r.Next)
}
