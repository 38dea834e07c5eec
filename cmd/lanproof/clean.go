package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lanproof/lanproof/guest"
	"github.com/lanproof/lanproof/topology/lab"
)

func newClean() *cobra.Command {
	return &cobra.Command{
		Use:   "clean",
		Short: "Remove what lanproof keeps: guest kernels, snapshots, and topologies left standing by --keep",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			names, err := lab.CleanKept()
			for _, name := range names {
				fmt.Fprintf(cmd.OutOrStdout(), "let go of namespace %s\n", name)
			}
			return errors.Join(err, guest.Clean(""))
		},
	}
}
