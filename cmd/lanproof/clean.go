package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lanproof/lanproof/guest"
	"github.com/lanproof/lanproof/topology/lab"
)

func newClean() *cobra.Command {
	var kept bool
	cmd := &cobra.Command{
		Use:   "clean",
		Short: "Remove what lanproof keeps: guest kernels, snapshots, and topologies left standing",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			names, err := lab.CleanKept()
			for _, name := range names {
				fmt.Fprintf(cmd.OutOrStdout(), "let go of namespace %s\n", name)
			}
			if kept {
				return err
			}
			return errors.Join(err, guest.Clean(""))
		},
	}
	cmd.Flags().BoolVar(&kept, "kept", false, "remove kept topologies only")
	return cmd
}
