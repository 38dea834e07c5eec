package main

import (
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/lanproof/lanproof/reports"
)

func newCompare() *cobra.Command {
	format := oneOf("text", "markdown", "html")
	var output string
	cmd := &cobra.Command{
		Use:   "compare A B [...]",
		Short: "Tell what became of the checks of run A in run B; exit status 1 when something got worse",
		Long: `Tell what became of the checks of run A in run B. A and B are results.json
files, or the folders that lanproof run left them in. The exit status is 1 when
something got worse: a check broke, or what passed is no longer shown. Runs on two
kernels are compared alike.

Given bundles of qualifications, any number of them, it makes a table of their
requirements, a column for each port; nothing in it is a regression.`,
		Example: `  lanproof compare before after
  lanproof compare --format html --output compare.html before after`,
		Args: atLeastOne("run"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, ok := isQualification(args[0]); ok {
				return compareQualifications(cmd, args, format.value, output)
			}
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
			write := map[string]func(io.Writer) error{"text": diff.WriteText, "markdown": diff.WriteMarkdown, "html": diff.WriteHTML}[format.value]
			if err := writeOut(cmd.OutOrStdout(), output, write); err != nil {
				return err
			}
			if diff.Regressed() {
				return ended(exitFail)
			}
			return nil
		},
	}
	cmd.Flags().Var(format, "format", "format of the comparison")
	outputFlag(cmd, &output)
	return cmd
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
