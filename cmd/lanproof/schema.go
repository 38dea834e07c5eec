package main

import (
	"github.com/spf13/cobra"

	"github.com/lanproof/lanproof/qualify/record"
	"github.com/lanproof/lanproof/scenarios"
)

func newSchema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema [qualification]",
		Short: "Print the JSON Schema of scenario files, or of qualification.json",
		Long: `Print the JSON Schema (draft 2020-12) of scenario files. Editors complete and check
by it: with YAML's language server, by this first line of a file:

    # yaml-language-server: $schema=scenario.schema.json

What it cannot say, such as whether a node exists, lanproof validate says. With the
word qualification it prints the schema of what lanproof qualify leaves for programs.`,
		Example: `  lanproof schema > scenario.schema.json
  lanproof schema qualification > qualification.schema.json`,
		ValidArgs: []string{"qualification"},
		RunE: func(cmd *cobra.Command, args []string) error {
			schema := scenarios.Schema()
			switch {
			case len(args) == 1 && args[0] == "qualification":
				schema = record.JSONSchema()
			case len(args) > 0:
				return usage("schema takes the word qualification or nothing, and got %q", args[0])
			}
			_, err := cmd.OutOrStdout().Write(schema)
			return err
		},
	}
}
