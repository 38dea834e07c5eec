package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lanproof/lanproof/scenarios"
)

func newValidate() *cobra.Command {
	return &cobra.Command{
		Use:               "validate FILE|DIR|NAME ...",
		Short:             "Check scenario files and say everything that is wrong, without building anything",
		Args:              atLeastOne("scenario file"),
		ValidArgsFunction: completeNames,
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
