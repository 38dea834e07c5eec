package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/bench"
	"github.com/lanproof/lanproof/bench/record"
	"github.com/lanproof/lanproof/bench/turns"
	"github.com/lanproof/lanproof/guest"
	"github.com/lanproof/lanproof/internal/rootless"
	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/scenarios"
)

// benchFlags are the flags of lanproof bench.
type benchFlags struct {
	options   turns.Options
	kernels   []string
	modules   string
	on        *choice
	clock     *choice
	generator *choice
	out       string
	list      bool
	json      bool
}

func newBench() *cobra.Command {
	f := &benchFlags{on: oneOf("auto", "host", "guest"), clock: oneOf("auto", "time", "instructions"), generator: oneOf("auto", "clones", "packet", "segments", "pktgen")}
	cmd := &cobra.Command{
		Use:   "bench [NAME ...]",
		Short: "Measure what users of macvlan, ipvlan and VLANs feel of a kernel, on several kernels in turns",
		Long: `Measure benchmarks: all of them, or those whose names match. A NAME is words between
slashes, as --list shows them; each may be a pattern, and what stands behind the last
is taken along: frames, frames/macvlan-bridge, '*/vlan'. A whole name is that benchmark
alone: tcp/veth is not tcp/veth/family=ipv6, and tcp/veth/ is both.

Without --kernel this kernel is measured. Each --kernel K adds a guest with that
kernel; "host" is this kernel beside them, and the same kernel twice is measured
against itself. Systems take turns: in each block every one of them takes one sample
of every benchmark, in an order that changes from block to block. This kernel warms up
in a block before them, which is thrown away. Each guest is booted anew for each of
its turns.

In guests instructions are counted unless --clock says otherwise: QEMU emulates their
processor, and time would tell more of the emulator than of the kernel.

The folder that --out names gets bench.json with every sample, block by block, so that
nothing is lost that was measured; at the end bench.html, a page with plots, and
bench.txt, in the format of Go's benchmarks. lanproof compare judges two such folders.

Exit status: 0 all was measured; 2 bad usage; 3 something could not be measured.`,
		Example: `  lanproof bench --list
  lanproof bench machine --count 3
  lanproof bench --kernel debian:6.1 --kernel debian:6.12 machine
  lanproof bench --kernel debian:6.12 --kernel debian:6.12 --count 20`,
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	f.flags(cmd)
	cmd.ValidArgsFunction = completeBenchmarks
	return cmd
}

func (f *benchFlags) flags(cmd *cobra.Command) {
	o, flags := &f.options, cmd.Flags()
	flags.StringArrayVar(&f.kernels, "kernel", nil, "measure a guest with kernel `K` (repeatable): an unpacked kernel package, a .deb, a bzImage with --modules, a name such as debian:6.1, or host")
	flags.StringVar(&f.modules, "modules", "", "`DIR` of modules for a kernel that is a bare image")
	flags.Var(f.on, "on", "where to measure: auto is this kernel unless --kernel names others")
	flags.Var(f.clock, "clock", "what durations count: auto is instructions in guests and time on this kernel")
	flags.Var(f.generator, "generator", "what makes frames; auto is clones, which every kernel and every device takes")
	flags.IntVar(&o.Count, "count", 10, "blocks, which is samples of each figure")
	flags.Uint64Var(&o.Seed, "seed", 0, "seed of the order and of what benchmarks vary; chosen and told when 0")
	flags.DurationVar(&o.Effort, "effort", 0, "for how long a data path is kept busy for one sample, on the system's clock; each benchmark's own if 0")
	flags.StringVar(&f.out, "out", "lanproof-bench", "`DIR` for the figures")
	flags.BoolVar(&f.list, "list", false, "print the benchmarks that are chosen, and measure nothing")
	flags.BoolVar(&f.json, "json", false, "write bench.json to standard output, and progress to standard error")
}

// complete makes the options out of the flags, or says what is wrong with them.
func (f *benchFlags) complete(names []string) (err error) {
	o := &f.options
	if o.Benchmarks, err = selectBenchmarks(names); err != nil {
		return err
	}
	switch {
	case o.Count < 1:
		return usage("--count %d: it is 1 at least", o.Count)
	case o.Effort < 0:
		return usage("--effort %v: it is not below 0", o.Effort)
	case f.out == "":
		return usage("--out names no folder")
	}
	if f.generator.value != "auto" {
		o.Generator = f.generator.value
	}
	return f.completeTargets()
}

// completeTargets makes targets of the kernels, or says what is wrong with them.
func (f *benchFlags) completeTargets() error {
	kernels := f.kernels
	if len(kernels) == 0 {
		kernels = []string{turns.Here}
		if f.on.value == "guest" {
			kernels = []string{run.DefaultKernel}
		}
	}
	if f.modules != "" && !slices.ContainsFunc(kernels, func(k string) bool { return k != turns.Here }) {
		return usage("--modules is for a guest's kernel, and --kernel %s is none", turns.Here)
	}
	for _, k := range kernels {
		here := k == turns.Here
		switch {
		case here && f.on.value == "guest":
			return usage("--kernel host is this kernel, and --on guest forbids it")
		case !here && f.on.value == "host":
			return usage("--kernel is for guests, and --on host forbids them")
		case here && f.clock.value == string(record.Instructions):
			return usage("--clock instructions: they are counted in guests only, and this kernel is to be measured as well")
		case !here:
			if err := guest.CheckKernel(k); err != nil {
				return usage("--kernel: %v", err)
			}
		}
		t := turns.Target{Kernel: k}
		if !here {
			t.Modules = f.modules
		}
		if f.clock.value != "auto" {
			t.Clock = record.Clock(f.clock.value)
		}
		f.options.Targets = append(f.options.Targets, t)
	}
	return nil
}

// selectBenchmarks returns the benchmarks that the names mean.
func selectBenchmarks(names []string) ([]bench.Benchmark, error) {
	some, err := bench.Select(bench.All(), names...)
	var none *bench.NoSuch
	switch {
	case errors.As(err, &none):
		words := strings.Count(strings.TrimSuffix(none.Pattern, "/"), "/") + 1
		return nil, usage("%s", scenarios.Unknown("benchmark", none.Pattern, bench.Starts(bench.All(), words)))
	case err != nil:
		return nil, usage("%w", err)
	}
	return some, nil
}

func (f *benchFlags) run(cmd *cobra.Command, args []string) error {
	if err := f.complete(args); err != nil {
		return err
	}
	stdout := cmd.OutOrStdout()
	if f.list {
		return listBenchmarks(stdout, f.options.Benchmarks)
	}
	if f.measuresHere() {
		if status, done, err := rootless.Enter(); done || err != nil {
			return errors.Join(err, ended(status))
		}
	}
	if err := writable(f.out); err != nil {
		return err
	}
	progress := stdout
	if f.json {
		progress = cmd.ErrOrStderr()
	}
	r, err := f.measure(cmd.Context(), progress)
	if r == nil {
		return err
	}
	if err := errors.Join(err, f.deliver(stdout, progress, r)); err != nil {
		return &exit{exitHarness, err}
	}
	return ended(statusOfBench(r))
}

// measuresHere tells whether this kernel is among those that are measured.
func (f *benchFlags) measuresHere() bool {
	return slices.ContainsFunc(f.options.Targets, func(t turns.Target) bool { return t.Kernel == turns.Here })
}

// measure has the systems take their turns, and keeps what they measured block by block.
func (f *benchFlags) measure(ctx context.Context, progress io.Writer) (*record.Run, error) {
	o := &f.options
	if o.Seed == 0 {
		o.Seed = rand.Uint64()>>1 | 1
	}
	o.Tool, o.Command = version(), f.command()
	tell := newBenchProgress(progress, o.Count, f.measuresHere())
	o.Note, o.Started = tell.note, tell.started
	o.Block = func(block int, r *record.Run) error {
		if err := record.Keep(f.out, r); err != nil {
			return err
		}
		tell.block(block) // and what is told is kept
		return nil
	}
	var err error
	if o.Init, err = os.Executable(); err != nil {
		return nil, fmt.Errorf("find lanproof's own program: %w", err)
	}
	ctx, stop := signal.NotifyContext(ctx, unix.SIGINT, unix.SIGTERM)
	defer stop()
	defer context.AfterFunc(ctx, stop)() // a second signal ends lanproof at once
	return turns.Run(ctx, *o)
}

// command is what to type to measure the same again.
func (f *benchFlags) command() string {
	words := slices.Clone(os.Args)
	words[0] = filepath.Base(words[0])
	seeded := slices.ContainsFunc(words, func(w string) bool { return w == "--seed" || strings.HasPrefix(w, "--seed=") })
	if !seeded {
		words = append(words, fmt.Sprintf("--seed=%d", f.options.Seed))
	}
	return strings.Join(words, " ")
}

// deliver keeps what was measured, and tells it.
func (f *benchFlags) deliver(stdout, progress io.Writer, r *record.Run) error {
	err := record.Save(f.out, r)
	fmt.Fprintln(progress)
	err = errors.Join(err, tellBench(progress, r))
	fmt.Fprintf(progress, "seed %d, figures in %s\n", r.Seed, f.out)
	if f.json {
		err = errors.Join(err, record.WriteJSON(stdout, r))
	}
	return err
}

// statusOfBench is the exit status for what was measured.
func statusOfBench(r *record.Run) int {
	failed := slices.ContainsFunc(r.Problems, func(p record.Problem) bool { return p.Kind == "error" })
	if failed || len(r.Series) == 0 {
		return exitHarness
	}
	return exitGood
}

// completeBenchmarks completes names of benchmarks, which are many, word by word.
func completeBenchmarks(_ *cobra.Command, _ []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var names []cobra.Completion
	directive := cobra.ShellCompDirectiveNoFileComp
	for _, b := range bench.All() {
		rest, ok := strings.CutPrefix(b.Name, word)
		if !ok {
			continue
		}
		if next, _, more := strings.Cut(rest, "/"); more {
			directive |= cobra.ShellCompDirectiveNoSpace
			names = append(names, word+next+"/")
			continue
		}
		names = append(names, cobra.CompletionWithDesc(b.Name, b.About))
	}
	return slices.Compact(names), directive // All has them in their order
}
