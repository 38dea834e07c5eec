package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/lanproof/lanproof/reports"
)

func newReport() *cobra.Command {
	format := oneOf(formatNames()...)
	var output string
	cmd := &cobra.Command{
		Use:   "report DIR",
		Short: "Make a report again from the results of a run, or from a qualification's bundle",
		Long: `Make a report again from the results of a run: a page (html), JUnit XML, KTAP as
the kernel's own tests print it, Markdown or annotations for GitHub, a submission
for the kernel's KCIDB, or OpenMetrics text. The folder is the one that lanproof
run --out has named, or a results.json. Of a qualification's bundle it makes a page,
Markdown or JSON.`,
		Example: `  lanproof report lanproof-out --output report.html
  lanproof report lanproof-out --format ktap
  lanproof report lanproof-out --format markdown --output summary.md`,
		Args: exactly("the folder of one run"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if q, ok := isQualification(args[0]); ok {
				return reportQualification(cmd, q, format.value, output)
			}
			results, err := load(args[0])
			if err != nil {
				return err
			}
			return writeOut(cmd.OutOrStdout(), output, func(w io.Writer) error {
				return formatNamed(format.value).Write(w, results)
			})
		},
	}
	cmd.Flags().Var(format, "format", "format of the report")
	outputFlag(cmd, &output)
	return cmd
}

// formatNames are what the formats of reports are called.
func formatNames() []string {
	var names []string
	for _, f := range reports.Formats() {
		names = append(names, f.Name)
	}
	return names
}

// formatNamed returns the format of that name, or nil.
func formatNamed(name string) *reports.Format {
	for _, f := range reports.Formats() {
		if f.Name == name {
			return &f
		}
	}
	return nil
}

func outputFlag(cmd *cobra.Command, output *string) {
	cmd.Flags().StringVarP(output, "output", "o", "", "write to `FILE` instead of standard output")
}
