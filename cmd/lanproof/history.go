package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/lanproof/lanproof/bench"
	"github.com/lanproof/lanproof/bench/history"
	"github.com/lanproof/lanproof/bench/record"
	"github.com/lanproof/lanproof/reports"
)

func newHistory() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "history",
		Short: "Keep the results of many runs in one file, and show how they went over time",
		Long: `Keep the results of many runs in one file, a database of SQLite: the samples of
lanproof bench and the verdicts of lanproof run, with date, kernel, machine and label.
It shows how figures went over time and marks where they changed.

The file is never required: all that is in it came out of the runs' own files, and
adding one twice changes nothing. Several lanproofs may add to it at once, and one
that is killed leaves what was there before.`,
		Example: `  lanproof history add --label v6.18.44 lanproof-bench lanproof-out
  lanproof history list
  lanproof history plot --output history.html`,
		Args: cobra.ArbitraryArgs, // so that RunE tells of an unknown command
		RunE: unknownHistory,
	}
	cmd.AddCommand(newHistoryAdd(), newHistoryList(), newHistoryPlot())
	return cmd
}

// unknownHistory is what lanproof history does without a command that it knows.
func unknownHistory(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usage("lanproof history takes a command: add, list or plot (see: lanproof history --help)")
	}
	return usage("unknown command %q: lanproof history has add, list and plot", args[0])
}

func historyFile(cmd *cobra.Command, name *string) {
	cmd.Flags().StringVar(name, "db", history.FileName, "the history's `FILE`")
}

func newHistoryAdd() *cobra.Command {
	var db, label, machine string
	cmd := &cobra.Command{
		Use:   "add FILE|DIR ...",
		Short: "Add runs to the history: bench.json, results.json, or the folders that they are in",
		Long: `Add runs to the history: bench.json, results.json, or the folders that lanproof
bench and lanproof run left them in. The history is made where it is not there. A run
is added whole or not at all; one that is there already is told and left as it is.

Figures are put in one line with those of the same machine only. What tells machines
apart is the name of the processor, unless --machine names them.

Exit status: 0 all are in the history; 2 a file that is no run, or no history; 3 the
history could not be written.`,
		Example: `  lanproof history add lanproof-bench
  lanproof history add --db kernels.db --label 6.12-rc3 --machine lab-7 before after/results.json`,
		Args: atLeastOne("run"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var entries []*history.Entry
			var names []string
			for _, name := range args {
				some, err := history.Read(name)
				if err != nil {
					return usage("%w", err)
				}
				for _, e := range some {
					e.Label, e.Machine = label, machine
					entries, names = append(entries, e), append(names, name)
				}
			}
			return addRuns(cmd, db, names, entries)
		},
	}
	historyFile(cmd, &db)
	cmd.Flags().StringVar(&label, "label", "", "what to call the runs by, such as a version or a commit")
	cmd.Flags().StringVar(&machine, "machine", "", "`NAME` of the machine that the runs were made on")
	return cmd
}

// addRuns adds runs that have been read, and tells of each.
func addRuns(cmd *cobra.Command, file string, names []string, entries []*history.Entry) (err error) {
	ctx, stdout := cmd.Context(), cmd.OutOrStdout()
	db, err := history.Create(ctx, file)
	if err != nil {
		return unfit(err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for i, e := range entries {
		id, outcome, err := db.Add(ctx, e)
		if err != nil {
			return unfit(err)
		}
		if _, err := fmt.Fprintf(stdout, "%s: %s of %s: %s, as run %d\n", reports.OneLine(names[i]), e.Kind(), e.Started().UTC().Format("2006-01-02 15:04:05"), outcome, id); err != nil {
			return fmt.Errorf("write the output: %w", err)
		}
	}
	return nil
}

// unfit makes an error that a user can mend, by naming another file, one of bad usage.
func unfit(err error) error {
	if errors.Is(err, history.ErrUnfit) || errors.Is(err, fs.ErrNotExist) {
		return usage("%w", err)
	}
	return err
}

// reading opens a history to do something with it.
func reading(ctx context.Context, file string, do func(*history.DB) error) (err error) {
	db, err := history.Open(ctx, file)
	if err != nil {
		return unfit(err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return unfit(do(db))
}

func newHistoryList() *cobra.Command {
	var file string
	var figures bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the runs of the history, or its figures with their change points",
		Long: `List the runs of the history by their dates. With --figures it lists what was
measured: the benchmark, system and unit, how many runs measured it, what the last of
them measured, and where it changed.`,
		Example: `  lanproof history list
  lanproof history list --figures`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return reading(cmd.Context(), file, func(db *history.DB) error {
				if figures {
					tracks, err := db.Tracks(cmd.Context(), nil)
					if err != nil {
						return err
					}
					return listFigures(cmd.OutOrStdout(), tracks)
				}
				runs, err := db.Runs(cmd.Context())
				if err != nil {
					return err
				}
				return listRuns(cmd.OutOrStdout(), runs)
			})
		},
	}
	historyFile(cmd, &file)
	cmd.Flags().BoolVar(&figures, "figures", false, "list figures instead of runs")
	return cmd
}

func listRuns(w io.Writer, runs []*history.Run) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "RUN\tBEGAN\tKIND\tLABEL\tKERNELS\tMACHINE\tFOUND")
	for _, r := range runs {
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, r.Started.Format("2006-01-02 15:04:05"), r.Kind, orDash(r.Label),
			orDash(strings.Join(r.Kernels(), ", ")), orDash(r.Machine), r.Found())
	}
	return flushed(t)
}

func listFigures(w io.Writer, tracks []*history.Track) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "BENCHMARK\tSYSTEM\tUNIT\tRUNS\tLAST\tCHANGES")
	for _, k := range tracks {
		changes := []string{}
		for _, c := range k.Changes {
			changes = append(changes, k.Say(c))
		}
		last := k.Points[len(k.Points)-1]
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\t%s\n", reports.OneLine(k.Benchmark), reports.OneLine(k.System), reports.OneLine(k.Unit), len(k.Points),
			record.Say(last.Median, k.Unit), orDash(strings.Join(changes, "; ")))
	}
	return flushed(t)
}

func flushed(t *tabwriter.Writer) error {
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write the output: %w", err)
	}
	return nil
}

// orDash is text from outside for a cell of a table.
func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return reports.OneLine(s)
}

func newHistoryPlot() *cobra.Command {
	format := oneOf("html", "svg")
	var file, output string
	cmd := &cobra.Command{
		Use:   "plot [NAME ...]",
		Short: "Draw the figures of the history over time, with lines where they changed",
		Long: `Draw the figures of the history over time: all of them, or those of the benchmarks
whose names match, as lanproof bench takes them. Each benchmark has a plot with the
runs by their dates, the median of each with its interval of 95 %, and an upright line
at each change point with what was before, what came after, and the percentage. The
page in HTML also has the cases whose verdicts changed, and all runs.

A change point is found by E-divisive with a permutation test (p at most 0.01); it
takes three runs on either side of it and some eight in all.`,
		Example: `  lanproof history plot --output history.html
  lanproof history plot 'machine/*' --format svg --output machine.svg`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return reading(cmd.Context(), file, func(db *history.DB) error {
				page, err := pageOf(cmd.Context(), db, args)
				if err != nil {
					return err
				}
				if format.value == "html" {
					return writeOut(cmd.OutOrStdout(), output, page.WriteHTML)
				}
				if len(page.Figures) == 0 {
					return usage("%s has no figures to draw: add runs of lanproof bench", file)
				}
				return writeOut(cmd.OutOrStdout(), output, func(w io.Writer) error { return history.WriteSVG(w, page.Figures) })
			})
		},
		ValidArgsFunction: completeBenchmarks,
	}
	historyFile(cmd, &file)
	cmd.Flags().Var(format, "format", "format of the plots")
	outputFlag(cmd, &output)
	return cmd
}

// pageOf reads what is to be drawn: of all benchmarks, or of those that are named.
func pageOf(ctx context.Context, db *history.DB, names []string) (*history.Page, error) {
	page := &history.Page{}
	var err error
	if page.Runs, err = db.Runs(ctx); err != nil {
		return nil, err
	}
	there, err := db.Benchmarks(ctx)
	if err != nil {
		return nil, err
	}
	chosen, err := benchmarksNamed(there, names)
	if err != nil {
		return nil, err
	}
	tracks, err := db.Tracks(ctx, func(name string) bool { return slices.Contains(chosen, name) })
	if err != nil {
		return nil, err
	}
	page.Figures = history.Figures(tracks)
	if len(names) == 0 {
		page.Cases, err = db.Cases(ctx)
	}
	return page, err
}

// benchmarksNamed are those of a history's benchmarks that patterns match.
func benchmarksNamed(there, patterns []string) ([]string, error) {
	var all []bench.Benchmark
	for _, name := range there {
		all = append(all, bench.Benchmark{Name: name})
	}
	some, err := bench.Select(all, patterns...)
	var none *bench.NoSuch
	switch {
	case errors.As(err, &none):
		return nil, usage("the history has no figures of a benchmark %q", none.Pattern)
	case errors.Is(err, path.ErrBadPattern):
		return nil, usage("%w", err)
	case err != nil:
		return nil, err
	}
	var names []string
	for _, b := range some {
		names = append(names, b.Name)
	}
	return names, nil
}
