package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/lanproof/lanproof/scenarios"
)

func newList() *cobra.Command {
	var selected selection
	var checks bool
	cmd := &cobra.Command{
		Use:   "list [FILE|DIR|NAME ...]",
		Short: "List scenarios with their cases, labels and titles; the built-in catalogue when none is named",
		Long: `List scenarios with the number of their cases, their labels and titles: those of
files and folders, or of the built-in catalogue when none is named. With --checks
every single check of every case, with the id by which explain and export take it.
Nothing is built.`,
		Example: `  lanproof list
  lanproof list --label 'ipvlan && !refusal'
  lanproof list --checks macvlan-two-endpoints`,
		RunE: func(cmd *cobra.Command, args []string) error {
			cases, err := selected.cases(args)
			if err != nil {
				return err
			}
			if checks {
				return listChecks(cmd, cases)
			}
			return listScenarios(cmd, cases)
		},
	}
	selected.flags(cmd)
	cmd.Flags().BoolVar(&checks, "checks", false, "list every single check: case, id, title")
	return cmd
}

func listScenarios(cmd *cobra.Command, cases []*scenarios.Case) error {
	number := map[string]int{}
	for _, c := range cases {
		number[c.File]++
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "SCENARIO\tCASES\tLABELS\tTITLE")
	for _, c := range cases {
		if n := number[c.File]; n > 0 {
			s := c.Scenario
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", s.Name, n, strings.Join(s.Labels, ","), c.Title)
		}
		number[c.File] = 0 // once a file
	}
	return w.Flush()
}

func listChecks(cmd *cobra.Command, cases []*scenarios.Case) error {
	prepared, err := prepare(cases, 0)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "CASE\tCHECK\tTITLE")
	for _, p := range prepared {
		for _, c := range p.Checks() {
			fmt.Fprintf(w, "%s\t%s\t%s\n", p.Case.Name, c.ID, c.Title)
		}
	}
	return w.Flush()
}
