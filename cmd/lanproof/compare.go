package main

import (
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/lanproof/lanproof/reports"
)

func newCompare() *cobra.Command {
	format := oneOf("text", "markdown", "html", "json")
	var output string
	var figures figuresFlags
	cmd := &cobra.Command{
		Use:   "compare A B | compare FIGURES | compare BUNDLE...",
		Short: "Tell what became of the checks or figures of run A in run B; exit status 1 when something got worse",
		Long: `Tell what became of the checks of run A in run B. A and B are results.json
files, or the folders that lanproof run left them in. The exit status is 1 when
something got worse: a check broke, or what passed is no longer shown. Runs on two
kernels are compared alike. Of runs by two engines (lanproof run --engine) it also
tells what they have built otherwise: addresses, MAC addresses, routes, devices,
settings of the kernel, and the words in which they refused.

Given figures of lanproof bench, bench.json files or their folders, it tells which
benchmarks are faster, slower or the same; given one run of several systems that took
turns, it compares the first system with each other one. The exit status is 1 when a
benchmark is slower by more than --threshold, 125, which git bisect skips, when
none is and of one it cannot be told whether it is, or one is gone, and else 0.

Given bundles of qualifications, any number of them, it makes a table of their
requirements, a column for each port; nothing in it is a regression.`,
		Example: `  lanproof compare before after
  lanproof compare --format html --output compare.html before after
  lanproof compare figures
  lanproof compare --only frames/vlan --threshold 5 --noise figures figures`,
		Args: atLeastOne("run"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, ok := isQualification(args[0]); ok {
				return compareQualifications(cmd, args, format.value, output)
			}
			if slices.ContainsFunc(args, isFigures) {
				return figures.compare(cmd, args, format.value, output)
			}
			if err := figures.unused(cmd); err != nil {
				return err
			}
			return compareChecks(cmd, args, format.value, output)
		},
	}
	cmd.Flags().Var(format, "format", "format of the comparison; json for figures only")
	figures.add(cmd)
	outputFlag(cmd, &output)
	return cmd
}

// compareChecks compares the checks of two runs.
func compareChecks(cmd *cobra.Command, args []string, format, output string) error {
	if err := exactly("run A", "run B")(cmd, args); err != nil {
		return err
	}
	a, err := load(args[0])
	if err != nil {
		return err
	}
	b, err := load(args[1])
	if err != nil {
		return err
	}
	diff := reports.Compare(a, b)
	write := map[string]func(io.Writer) error{"text": diff.WriteText, "markdown": diff.WriteMarkdown, "html": diff.WriteHTML}[format]
	if write == nil {
		return usage("what became of checks is written as text, markdown or html, not as %s", format)
	}
	if err := writeOut(cmd.OutOrStdout(), output, write); err != nil {
		return err
	}
	if diff.Regressed() {
		return ended(exitFail)
	}
	return nil
}

// load reads the results of a run: a file, or the folder that it lies in.
func load(path string) (*reports.Results, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, usage("read results: %w", err)
	}
	if info.IsDir() {
		r, err := reports.Load(path)
		if err != nil {
			return nil, usage("%w", err)
		}
		return r, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, usage("read results: %w", err)
	}
	defer f.Close()
	r, err := reports.ReadJSON(f)
	if err != nil {
		return nil, usage("%s: %w", path, err)
	}
	return r, nil
}
