package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/lanproof/lanproof/reports"
)

func newReport() *cobra.Command {
	format := oneOf("html", "junit", "ktap", "markdown", "json")
	var output string
	cmd := &cobra.Command{
		Use:   "report DIR",
		Short: "Make a report again from the results of a run",
		Args:  exactly("the folder of one run"),
		RunE: func(cmd *cobra.Command, args []string) error {
			results, err := load(args[0])
			if err != nil {
				return err
			}
			return writeOut(cmd.OutOrStdout(), output, func(w io.Writer) error {
				return writer(format.value)(w, results)
			})
		},
	}
	cmd.Flags().Var(format, "format", "format of the report")
	outputFlag(cmd, &output)
	return cmd
}

func writer(format string) func(io.Writer, *reports.Results) error {
	switch format {
	case "junit":
		return reports.WriteJUnit
	case "ktap":
		return reports.WriteKTAP
	case "markdown":
		return reports.WriteMarkdown
	case "json":
		return reports.WriteJSON
	}
	return reports.WriteHTML
}

func outputFlag(cmd *cobra.Command, output *string) {
	cmd.Flags().StringVarP(output, "output", "o", "", "write to `FILE` instead of standard output")
}
