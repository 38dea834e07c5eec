package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/scenarios"
)

func newGraph() *cobra.Command {
	var output, name string
	cmd := &cobra.Command{
		Use:               "graph FILE|NAME",
		Short:             "Draw the topology of a case as SVG; the first case when none is named",
		Args:              exactly("one scenario"),
		ValidArgsFunction: completeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := scenarios.Find(args)
			if err != nil {
				return err
			}
			c, err := caseNamed(casesOf(files), name)
			if err != nil {
				return err
			}
			picture, err := pictureOf(c)
			if err != nil {
				return err
			}
			return writeOut(cmd.OutOrStdout(), output, func(w io.Writer) error { return reports.WriteSVG(w, picture) })
		},
	}
	outputFlag(cmd, &output)
	cmd.Flags().StringVar(&name, "case", "", "`NAME` of the case to draw, such as scenario@variable=value")
	return cmd
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

// pictureOf returns a case's topology as it stands in results. A run that is over
// before it begins builds nothing, and tells that much.
func pictureOf(c *scenarios.Case) (*reports.Picture, error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("only the picture is wanted"))
	results, err := run.Run(ctx, []*scenarios.Case{c}, run.Options{On: run.Guest})
	if err != nil {
		return nil, fmt.Errorf("draw case %s: %w", c.Name, err)
	}
	return results.Cases[0].Picture, nil
}
