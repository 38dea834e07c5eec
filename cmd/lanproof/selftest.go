package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/rootless"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/run"
)

// selftestFlags are the flags of lanproof selftest.
type selftestFlags struct {
	selection
	options run.Options
	on      *choice
	each    int
	json    bool
	verbose bool
}

func newSelftest() *cobra.Command {
	f := &selftestFlags{on: oneOf(string(run.Auto), string(run.Host), string(run.Guest))}
	cmd := &cobra.Command{
		Use:   "selftest [FILE|DIR|NAME ...]",
		Short: "Build scenarios wrongly on purpose, and show that their checks notice",
		Long: `Build scenarios wrongly on purpose (another mode, another VID, a MAC address
twice, a leak between VLANs, a deaf tap, frames eaten, ...) while their checks
stay as they are, and show which check turns red. The built-in catalogue when
none is named. What is done to which case is drawn from the seed.

A sabotage that no check notices is printed with the case and what was done: what
was changed there, the scenario does not prove. Not counted are those that could
not be built.

Exit status: 0 every sabotage was caught; 1 one was missed; 2 bad usage or a bad
scenario; 3 the harness could not do its work.`,
		Example: `  lanproof selftest two-modes.yaml
  lanproof selftest --on host --each 3 --verbose macvlan-bridge
  lanproof selftest --oracle --label macvlan`,
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	f.selection.flags(cmd)
	o, flags := &f.options, cmd.Flags()
	flags.Var(f.on, "on", "where cases run: auto is this kernel where it can, else a guest")
	flags.StringArrayVar(&o.Kernels, "kernel", nil, "guest kernel `K` (repeatable), as lanproof run takes it")
	flags.StringVar(&o.Modules, "modules", "", "`DIR` of modules for a kernel that is a bare image")
	flags.IntVar(&o.Parallel, "parallel", 0, "cases that run at once on this kernel; 0 is four for each CPU")
	flags.Uint64Var(&o.Seed, "seed", 0, "seed that sabotages are drawn from")
	flags.IntVar(&f.each, "each", 1, "sabotages of each kind that are drawn for a case")
	flags.BoolVar(&o.Oracle, "oracle", false, "also hold every frame against the oracle's tables, which notice what no check asks about")
	flags.BoolVar(&f.json, "json", false, "write every trial to standard output as JSON")
	flags.BoolVar(&f.verbose, "verbose", false, "print a line for every sabotage, caught ones too")
	return cmd
}

func (f *selftestFlags) run(cmd *cobra.Command, args []string) error {
	o := &f.options
	o.On, o.Version = run.Ground(f.on.value), version()
	switch {
	case f.each < 1:
		return usage("--each %d: it is 1 at least", f.each)
	case o.Parallel < 0:
		return usage("--parallel %d: it is 0 at least", o.Parallel)
	}
	if err := checkKernels(o); err != nil {
		return err
	}
	if o.On != run.Guest { // a guest takes no privileges
		if status, done, err := rootless.Enter(); done || err != nil {
			return errors.Join(err, ended(status))
		}
	}
	cases, err := f.cases(args)
	if err != nil {
		return err
	}
	o.Events = notes{cmd.ErrOrStderr()}
	ctx, stop := signal.NotifyContext(cmd.Context(), unix.SIGINT, unix.SIGTERM)
	defer stop()
	t, err := run.RunSelftest(ctx, cases, *o, f.each)
	if t == nil {
		return err
	}
	if err := errors.Join(err, f.show(cmd.OutOrStdout(), t)); err != nil {
		return &exit{exitHarness, err}
	}
	return ended(selftestStatus(t))
}

// selftestStatus is the exit status of a self-test. One that has shown nothing
// is no good one.
func selftestStatus(t *run.Selftest) int {
	switch {
	case t.Count(run.Missed) > 0:
		return exitFail
	case t.Count(run.Broken) > 0, t.Count(run.Caught) == 0 && t.Count(run.Skipped) == 0:
		return exitHarness
	}
	return exitGood
}

func (f *selftestFlags) show(w io.Writer, t *run.Selftest) error {
	if f.json {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(t)
	}
	var b strings.Builder
	for i := range t.Trials {
		if trial := &t.Trials[i]; f.verbose || trial.Fate == run.Missed || trial.Fate == run.Broken {
			fmt.Fprintln(&b, trialText(trial))
		}
	}
	caught, missed := t.Count(run.Caught), t.Count(run.Missed)
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	rate := "nothing to catch"
	if tried := caught + missed; tried > 0 {
		rate = fmt.Sprintf("kill rate %.1f %%: %d of %d sabotages caught, %d by a check of what was touched, %d missed",
			100*float64(caught)/float64(tried), caught, tried, t.Right(), missed)
	}
	fmt.Fprintf(&b, "%s; not counted: %d not built, %d cases skipped, %d broken (%s, seed %d)\n", rate,
		t.Count(run.Unbuilt), t.Count(run.Skipped), t.Count(run.Broken), t.Duration.Round(time.Second/10), t.Seed)
	_, err := io.WriteString(w, b.String())
	return err
}

// trialText is a line about a trial.
func trialText(t *run.Trial) string {
	what := "as it is"
	if t.Sabotage != nil {
		what = t.Sabotage.String()
	}
	text := fmt.Sprintf("%-9s  %s  %s  [%s %s]", t.Fate, t.Case, what, t.Ground, t.Kernel)
	switch {
	case t.Fate == run.Caught && !t.Right:
		return text + "  only by " + redText(t.Red)
	case t.Fate == run.Caught:
		return text + "  by " + redText(t.Red)
	case t.Reason != "":
		return text + "  " + t.Reason
	}
	return text
}

func redText(red []run.RedCheck) string {
	var all []string
	for _, r := range red {
		all = append(all, fmt.Sprintf("%s (%s)", r.ID, r.Verdict))
	}
	return strings.Join(all, ", ")
}

// notes tells of what is noteworthy in a run, and of no case.
type notes struct{ w io.Writer }

func (notes) Started(string, string) {}
func (notes) Finished(reports.Case)  {}
func (n notes) Note(text string)     { fmt.Fprintln(n.w, text) }
