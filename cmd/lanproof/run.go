package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/port"
	"github.com/lanproof/lanproof/internal/rootless"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/run"
)

// runFlags are the flags of lanproof run.
type runFlags struct {
	selection
	options run.Options
	on      *choice
	nics    []string
	really  []string
	cable   run.Cable
	formats []string
	more    []reports.Format
	engine  *choice
	json    bool
	verbose bool
}

func newRun() *cobra.Command {
	f := &runFlags{on: oneOf(string(run.Auto), string(run.Host), string(run.Guest), string(run.GroundNIC)), engine: newEngine()}
	cmd := &cobra.Command{
		Use:   "run [FILE|DIR|NAME ...]",
		Short: "Run scenarios and leave a report; the built-in catalogue when none is named",
		Long: `Run scenarios: files, folders, or names of the built-in catalogue (all of it
when none is named; NAME@variable=value is one case). Each case is built out of
network namespaces, its frames are sent and watched, and every check ends in a
verdict: pass, fail, skip (with what was missing) or error (it could not be found
out).

The folder that --out names gets results.json, report.html, junit.xml, and a
capture of each case for Wireshark. Cases that this kernel cannot carry run in a
guest, unless --on host is given: it takes qemu-system-x86_64 and a kernel, the
newest of Debian's that apt offers where --kernel names none. Where cases ran on
several kernels, one table puts these side by side, and begins with what differs.

With --engine, the networks of a scenario are built by a real container engine and
its endpoints are containers; the same checks are then made. The engine runs in
namespaces of its own, with folders in memory; the user's own is not touched. What
it cannot build is skipped, with the reason.

As an ordinary user, lanproof enters a user namespace of its own. SIGINT and
SIGTERM end the run, and what has been found out until then is still written; a
second one ends it at once.

In a job of GitHub Actions nothing has to be set up: where GITHUB_STEP_SUMMARY
names a file, a summary in Markdown is added to it, and where GITHUB_ACTIONS is
true, what failed is shown beside the scenario's line.

Exit status: 0 every check passed or was skipped; 1 a check failed; 2 bad usage
or a bad scenario; 3 the harness could not do its work.`,
		Example: `  lanproof run
  lanproof run two-modes.yaml
  lanproof run --label 'macvlan && !refusal' --on host
  lanproof run macvlan-private@hairpin=true --drops
  lanproof run --kernel debian:6.1 --kernel debian:6.12 vlan-isolation
  lanproof run --kernel host --kernel debian:6.12 macvlan-two-endpoints
  lanproof run --repeat 20 --fail-fast macvlan-bridge
  lanproof run --keep-on-failure failing.yaml
  lanproof run --engine docker docker-macvlan-bridge`,
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	f.flags(cmd)
	return cmd
}

func (f *runFlags) flags(cmd *cobra.Command) {
	f.selection.flags(cmd)
	o, flags := &f.options, cmd.Flags()
	flags.Var(f.on, "on", "where cases run: auto is this kernel where it can, else a guest; nic is this kernel over --dut and --peer")
	flags.StringVar(&f.cable.DUT, "dut", "", "real port under test, `IFACE`: the parent that a case's host has on the switch")
	flags.StringVar(&f.cable.Peer, "peer", "", "real port, `IFACE`, that a cable joins to --dut: its port of the switch")
	flags.StringArrayVar(&o.Kernels, "kernel", nil, "guest kernel `K` (repeatable): an unpacked kernel package, a .deb, a bzImage with --modules, or a name such as debian:6.1; with host, this kernel, among them all cases run on all of them")
	flags.StringVar(&o.Modules, "modules", "", "`DIR` of modules for a kernel that is a bare image")
	flags.StringVar(&o.Emulate, "emulate", "", "run over a cable between two emulated cards of a guest; the one under test is of this `MODEL`, such as e1000e")
	flags.StringArrayVar(&f.nics, "nic", nil, "real port for a device of kind nic, as `NAME=PORT` (repeatable)")
	flags.StringArrayVar(&f.really, "yes-really", nil, "take the real port `IFACE` although the machine needs it (repeatable)")
	flags.Var(f.engine, "engine", "who builds networks and endpoints: netlink is lanproof itself, the others are real engines, which are started for each case")
	flags.StringVar(&o.Out, "out", "lanproof-out", "`DIR` for results, reports and captures")
	flags.IntVar(&o.Parallel, "parallel", 0, "cases that run at once on this kernel; 0 is one for each CPU")
	flags.IntVar(&o.Repeat, "repeat", 1, "times that each case runs; of repetitions that pass the evidence stays in their captures")
	flags.Uint64Var(&o.Seed, "seed", 0, "seed that names and addresses are derived from")
	flags.BoolVar(&o.FailFast, "fail-fast", false, "stop after the first case that fails")
	flags.BoolVar(&o.Oracle, "oracle", false, "also hold every frame, from everybody to everybody, against the oracle's tables")
	flags.BoolVar(&o.Drops, "drops", false, "find out where and why the kernel dropped what did not arrive")
	flags.BoolVar(&o.Keep, "keep", false, "leave the topologies standing, under names that are printed")
	flags.BoolVar(&o.KeepFailed, "keep-on-failure", false, "leave the topologies of cases standing in which a check failed or could not be judged")
	flags.BoolVar(&o.NoSnapshot, "no-snapshot", false, "boot every guest cold, and keep no snapshot of it")
	flags.StringArrayVar(&f.formats, "format", nil, "one more report for the folder (repeatable), as lanproof report makes it: `F` is ktap, markdown, github, kcidb or openmetrics")
	flags.BoolVar(&f.json, "json", false, "write results.json to standard output, and progress to standard error")
	flags.BoolVar(&f.verbose, "verbose", false, "print a line for every case")
}

// complete makes the options out of the flags, or says what is wrong with them.
func (f *runFlags) complete() error {
	o := &f.options
	o.On, o.Version = run.Ground(f.on.value), version()
	switch {
	case o.Repeat < 1:
		return usage("--repeat %d: it is 1 at least", o.Repeat)
	case o.Parallel < 0:
		return usage("--parallel %d: it is 0 at least", o.Parallel)
	case o.Out == "":
		return usage("--out names no folder")
	}
	if err := f.checkKernels(); err != nil {
		return err
	}
	if err := f.completeCable(); err != nil {
		return err
	}
	if err := f.checkEngine(); err != nil {
		return err
	}
	for _, name := range f.formats {
		format := formatNamed(name)
		if format == nil {
			return usage("--format %q: it is one of %s", name, strings.Join(formatNames(), ", "))
		}
		f.more = append(f.more, *format)
	}
	o.NICs = map[string]string{}
	for _, nic := range f.nics {
		name, iface, ok := strings.Cut(nic, "=")
		if !ok || name == "" || iface == "" {
			return usage("--nic %q: it has the form NAME=PORT", nic)
		}
		o.NICs[name] = iface
	}
	return nil
}

// checkKernels says what is wrong with the kernels that were named, this one among them.
func (f *runFlags) checkKernels() error {
	o := &f.options
	guests := *o
	guests.Kernels = slices.DeleteFunc(slices.Clone(o.Kernels), func(k string) bool { return k == run.ThisKernel })
	here := len(guests.Kernels) < len(o.Kernels)
	switch {
	case here && o.On == run.Guest:
		return usage("--kernel %s is this kernel, and --on guest forbids it", run.ThisKernel)
	case here && o.Emulate != "":
		return usage("--emulate takes a guest, and --kernel %s is none", run.ThisKernel)
	case here && o.Modules != "" && len(guests.Kernels) == 0:
		return usage("--modules is for a guest's kernel, and --kernel %s is none", run.ThisKernel)
	}
	for i, k := range o.Kernels {
		if slices.Contains(o.Kernels[:i], k) {
			return usage("--kernel %s is named twice: --repeat runs cases more than once", k)
		}
	}
	return checkKernels(&guests)
}

// total is how many results there will be, as far as that is known beforehand.
func (f *runFlags) total(cases int) int {
	o, kernels := &f.options, 1
	if o.On == run.Guest || slices.Contains(o.Kernels, run.ThisKernel) {
		kernels = max(len(o.Kernels), 1)
	}
	return cases * o.Repeat * kernels
}

// completeCable makes a cable out of the two ports, or says what is wrong with them.
func (f *runFlags) completeCable() error {
	c := &f.cable
	onNIC, named := f.options.On == run.GroundNIC, c.DUT != "" || c.Peer != ""
	switch {
	case f.options.Emulate != "" && (named || onNIC || len(f.nics) > 0):
		return usage("--emulate brings ports of its own: it goes without --on nic, --dut, --peer and --nic")
	case onNIC && (c.DUT == "" || c.Peer == ""):
		return usage("--on nic takes two ports that are joined: --dut IFACE --peer IFACE")
	case named && !onNIC:
		return usage("--dut and --peer are for --on nic")
	case named && c.DUT == c.Peer:
		return usage("--dut and --peer are the same port, %s", c.DUT)
	case onNIC && (len(f.options.Kernels) > 0 || len(f.nics) > 0):
		return usage("--kernel and --nic are not for --on nic")
	case onNIC:
		f.options.Cable = c
	}
	return nil
}

func (f *runFlags) run(cmd *cobra.Command, args []string) error {
	if err := f.complete(); err != nil {
		return err
	}
	if f.options.On != run.Guest { // a guest takes no privileges
		if status, done, err := rootless.Enter(); done || err != nil {
			return errors.Join(err, ended(status))
		}
	}
	if err := f.findEngine(cmd.Context()); err != nil {
		return err
	}
	if err := canKeep(f.options.Keep, "--keep"); err != nil {
		return err
	}
	if err := canKeep(f.options.KeepFailed, "--keep-on-failure"); err != nil {
		return err
	}
	cases, err := f.cases(args)
	if err != nil {
		return err
	}
	if err := writable(f.options.Out); err != nil {
		return err
	}
	if err := port.Check(f.ports(), f.really, ""); err != nil {
		return err
	}
	stdout := cmd.OutOrStdout()
	progress := stdout
	if f.json {
		progress = cmd.ErrOrStderr()
	}
	show := reports.TerminalOptions{Total: f.total(len(cases)), Dir: f.options.Out}
	if f.verbose {
		show.Live = reports.Never
	}
	terminal := reports.NewTerminal(progress, show)
	f.options.Events = terminal
	ctx, stop := untilSignal(cmd.Context(), terminal)
	defer stop()
	results, err := run.Run(ctx, cases, f.options)
	if results == nil {
		return err
	}
	status := statusOf(results.Verdict())
	if err = errors.Join(err, f.deliver(stdout, progress, terminal, results)); err == nil {
		return ended(status)
	}
	if status != exitFail {
		status = exitHarness
	}
	return &exit{status, err}
}

// ports are the real ports that the run borrows, each once: cases take turns.
func (f *runFlags) ports() []string {
	var all []string
	for _, name := range append(slices.Sorted(maps.Values(f.options.NICs)), f.cable.DUT, f.cable.Peer) {
		if name != "" && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// canKeep refuses to keep topologies where nothing could hold them.
func canKeep(asked bool, flag string) error {
	if asked && rootless.Inside() {
		return usage("%s needs root: the namespaces of an ordinary user end with lanproof", flag)
	}
	return nil
}

// untilSignal returns a context that the first SIGINT or SIGTERM ends. The second
// one does what it does by default.
func untilSignal(parent context.Context, terminal *reports.Terminal) (context.Context, func()) {
	ctx, stop := signal.NotifyContext(parent, unix.SIGINT, unix.SIGTERM)
	unwatch := context.AfterFunc(ctx, func() {
		stop()
		terminal.Note(context.Cause(ctx).Error() + ": what has not begun is not run; a second signal ends lanproof at once")
	})
	return ctx, func() {
		unwatch()
		stop()
	}
}

// deliver writes the results wherever they are wanted.
func (f *runFlags) deliver(stdout, progress io.Writer, terminal *reports.Terminal, results *reports.Results) error {
	err := reports.Save(f.options.Out, results, f.more...)
	terminal.Done(results)
	if slices.Contains(f.formats, "github") || os.Getenv("GITHUB_ACTIONS") == "true" {
		err = errors.Join(err, reports.WriteAnnotations(progress, results))
	}
	if f.json {
		err = errors.Join(err, reports.WriteJSON(stdout, results))
	}
	if name := os.Getenv("GITHUB_STEP_SUMMARY"); name != "" {
		err = errors.Join(err, addSummary(name, results))
	}
	return errors.Join(err, terminal.Err())
}

// addSummary adds a summary in Markdown to a file, as a CI job's page wants it.
func addSummary(name string, results *reports.Results) error {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("add a summary to GITHUB_STEP_SUMMARY: %w", err)
	}
	return errors.Join(reports.WriteMarkdown(f, results), f.Close())
}
