package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lanproof/lanproof/scenarios"
)

func newValidate() *cobra.Command {
	return &cobra.Command{
		Use:   "validate FILE|DIR|NAME ...",
		Short: "Check scenario files and say everything that is wrong, without building anything",
		Long: `Check scenario files and say everything that is wrong with them at once, without
building anything: a line for each mistake, as file:line:column: message, with what
was probably meant. Checked are the words of the file, what they refer to, the rules
of Docker's networks, and what a kernel would refuse by its own rules, in every case
of the matrix and after every step.

Exit status: 0 all is well; 2 something is wrong.`,
		Example: `  lanproof validate two-modes.yaml
  lanproof validate scenarios/`,
		Args:              atLeastOne("scenario file"),
		ValidArgsFunction: completeScenarios,
		RunE: func(cmd *cobra.Command, args []string) error {
			var all scenarios.Errors
			for _, arg := range args {
				files, err := scenarios.Find([]string{arg})
				if err == nil {
					_, err = prepare(casesOf(files), 0)
				}
				var bad scenarios.Errors
				switch {
				case errors.As(err, &bad):
					all = append(all, bad...)
					continue
				case err != nil:
					return err
				}
				for _, f := range files {
					fmt.Fprintf(cmd.OutOrStdout(), "%s: ok\n", f.Path)
				}
			}
			if len(all) > 0 {
				return all
			}
			return nil
		},
	}
}
