package main

import (
	"cmp"
	"os"

	"github.com/spf13/cobra"
)

func newShell() *cobra.Command {
	e := &entry{}
	cmd := &cobra.Command{
		Use:   "shell CASE NODE",
		Short: "Open a shell in a node of a case: of its kept topology, or of one built for it",
		Long: `Open a shell in a node of a case: in the topology that run --keep or
--keep-on-failure has left standing, or else in one that is built as the scenario
says, before its steps, and that goes when the shell ends. The shell is $SHELL.
LANPROOF_CASE and LANPROOF_NODE tell it where it is; lanproof list and graph tell
which cases and nodes there are. It takes root, or a user namespace, and runs on
this kernel only.`,
		Example: `  lanproof shell macvlan-two-endpoints c1
  lanproof shell --keep macvlan-private@hairpin=true host`,
		Args:              exactly("a case", "a node"),
		ValidArgsFunction: completeNode,
		RunE: func(_ *cobra.Command, args []string) error {
			e.note = "this is node " + args[1] + " of " + args[0] + "; exit ends it"
			return e.enter(args[0], args[1], cmp.Or(os.Getenv("SHELL"), "/bin/sh"))
		},
	}
	e.flags(cmd)
	return cmd
}
