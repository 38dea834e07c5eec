package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/scenarios"
)

func newPlan() *cobra.Command {
	var seed uint64
	cmd := &cobra.Command{
		Use:   "plan FILE|NAME",
		Short: "Print the ip commands that build each case of a scenario, and those of its steps",
		Long: `Print the commands of iproute2 that build each case of a scenario, and those of
its steps, without building anything. lanproof itself sends the same to the kernel
by netlink, and starts no program. lanproof export makes a script of them that can
be run as it is.`,
		Example: `  lanproof plan macvlan-two-endpoints
  lanproof plan vlan-isolation@driver=macvlan`,
		Args:              exactly("one scenario"),
		ValidArgsFunction: completeOneScenario,
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := scenarios.Find(args)
			if err != nil {
				return err
			}
			prepared, err := prepare(casesOf(files), seed)
			if err != nil {
				return err
			}
			for _, p := range prepared {
				if err := writePlan(cmd.OutOrStdout(), p); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().Uint64Var(&seed, "seed", 0, "seed that MAC addresses are derived from")
	return cmd
}

// writePlan prints the commands that build a case, then those of each step.
func writePlan(w io.Writer, p *run.Prepared) error {
	if _, err := fmt.Fprintf(w, "# %s\n%s\n", p.Case.Name, p.Plan); err != nil {
		return fmt.Errorf("print the plan: %w", err)
	}
	for _, stage := range p.Stages[1:] { // the first is the LAN as it is built
		fmt.Fprintf(w, "# %s: %s\n", p.Case.Name, stage.Name)
		for i := range stage.Do {
			next, err := p.Plan.Change(&stage.Do[i])
			if err != nil {
				return fmt.Errorf("%s: plan the step: %w", p.Location(stage.At), err)
			}
			for _, op := range next.Ops {
				fmt.Fprintln(w, op)
			}
			p.Plan.Commit(next)
		}
	}
	return nil
}
