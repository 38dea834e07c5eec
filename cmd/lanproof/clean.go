package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lanproof/lanproof/guest"
	"github.com/lanproof/lanproof/internal/port"
	"github.com/lanproof/lanproof/topology/lab"
)

func newClean() *cobra.Command {
	var kept bool
	cmd := &cobra.Command{
		Use:   "clean",
		Short: "Remove what lanproof keeps: guest kernels, snapshots, and topologies left standing",
		Long: `Remove what lanproof keeps: guest kernels and snapshots in its cache, and the
topologies that --keep and --keep-on-failure have left standing. Runs leave nothing
else behind, however they end. What is removed from the cache is fetched or made
again when it is needed.

Before that, a real port that a lanproof had borrowed when it was killed comes back
as it was. Where that cannot be, it is told, and what the port was is kept.`,
		Example: `  lanproof clean --kept`,
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ports, err := port.Recover("")
			for _, p := range ports {
				fmt.Fprintf(cmd.OutOrStdout(), "brought back port %s\n", p.Port)
				for _, d := range p.Differences {
					fmt.Fprintf(cmd.OutOrStdout(), "  %s\n", d)
				}
			}
			names, unkept := lab.CleanKept()
			err = errors.Join(err, unkept)
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
