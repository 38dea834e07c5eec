package main

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/scenarios"
)

func newGraph() *cobra.Command {
	var output, name string
	format := oneOf("svg", "dot", "mermaid")
	cmd := &cobra.Command{
		Use:   "graph FILE|NAME",
		Short: "Draw the topology of a case; the first case when none is named",
		Long: `Draw the topology of a case, the first one when none is named: as SVG, in the
language of Graphviz (dot), or as a flowchart of Mermaid, which GitHub and GitLab
draw where it stands in Markdown. Hosts with their parents and children, endpoints,
stations, routers and the switch are drawn as they are built, before any step.`,
		Example: `  lanproof graph --output two-modes.svg two-modes.yaml
  lanproof graph --format mermaid vlan-stacked
  lanproof graph --format dot --case macvlan-private@hairpin=true macvlan-private`,
		Args:              exactly("one scenario"),
		ValidArgsFunction: completeOneScenario,
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := scenarios.Find(args)
			if err != nil {
				return err
			}
			c, err := caseNamed(casesOf(files), name)
			if err != nil {
				return err
			}
			prepared, err := prepare([]*scenarios.Case{c}, 0)
			if err != nil {
				return err
			}
			return writeOut(cmd.OutOrStdout(), output, func(w io.Writer) error {
				return drawer(format.value)(w, prepared[0].Picture())
			})
		},
	}
	cmd.Flags().Var(format, "format", "format of the drawing")
	outputFlag(cmd, &output)
	cmd.Flags().StringVar(&name, "case", "", "`NAME` of the case to draw, such as scenario@variable=value")
	return cmd
}

func drawer(format string) func(io.Writer, *reports.Picture) error {
	switch format {
	case "dot":
		return reports.WriteDOT
	case "mermaid":
		return reports.WriteMermaid
	}
	return reports.WriteSVG
}

// caseNamed returns the case of that name, or the first one.
func caseNamed(cases []*scenarios.Case, name string) (*scenarios.Case, error) {
	var names []string
	for _, c := range cases {
		if name == "" || c.Name == name {
			return c, nil
		}
		names = append(names, c.Name)
	}
	return nil, usage("no case %q; there are %s", name, strings.Join(names, ", "))
}
