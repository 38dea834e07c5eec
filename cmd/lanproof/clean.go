package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	cells "github.com/lanproof/lanproof/engine/cell"
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
			var errs []error
			if !kept {
				errs = append(errs, bringBack(cmd.OutOrStdout()))
			}
			names, err := lab.CleanKept()
			for _, name := range names {
				fmt.Fprintf(cmd.OutOrStdout(), "let go of namespace %s\n", name)
			}
			errs = append(errs, err)
			if !kept {
				errs = append(errs, cells.Clean(), guest.Clean(""))
			}
			return errors.Join(errs...)
		},
	}
	cmd.Flags().BoolVar(&kept, "kept", false, "remove kept topologies only")
	return cmd
}

// bringBack returns the ports that killed processes had borrowed.
func bringBack(out io.Writer) error {
	ports, err := port.Recover("")
	for _, p := range ports {
		fmt.Fprintf(out, "brought back port %s\n", p.Port)
		for _, d := range p.Differences {
			fmt.Fprintf(out, "  but %s\n", d)
		}
	}
	return err
}
