package main

import (
	"github.com/spf13/cobra"

	"github.com/lanproof/lanproof/scenarios"
)

func newSchema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of scenario files, for editors to complete and check by",
		Long: `Print the JSON Schema (draft 2020-12) of scenario files. Editors complete and check
by it: with YAML's language server, by this first line of a file:

    # yaml-language-server: $schema=scenario.schema.json

What it cannot say, such as whether a node exists, lanproof validate says.`,
		Example: `  lanproof schema > scenario.schema.json`,
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(scenarios.Schema())
			return err
		},
	}
}
