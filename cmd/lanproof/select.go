package main

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/onsi/ginkgo/v2/types"
	"github.com/spf13/cobra"

	"github.com/lanproof/lanproof/guest"
	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/scenarios"
)

// checkKernels says what is wrong with guests' kernels that were named. One that apt
// does not offer today is not wrong: what needs it is skipped, and says so.
func checkKernels(o *run.Options) error {
	if o.On == run.Host && len(o.Kernels) > 0 {
		return usage("--kernel is for guests, and --on host forbids them")
	}
	for _, spec := range o.Kernels {
		if spec == run.ThisKernel {
			return usage("--kernel %s goes with lanproof run; here --on host runs on this kernel", spec)
		}
		if err := guest.CheckKernel(spec); err != nil {
			return usage("--kernel: %v", err)
		}
	}
	return nil
}

// selection says which cases a command is about.
type selection struct{ label string }

func (s *selection) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.label, "label", "", "only scenarios whose labels match `EXPR`, such as 'macvlan && !vlan' (Ginkgo's label filter language)")
	cmd.ValidArgsFunction = completeScenarios
}

// cases returns the cases that the arguments name and the label filter lets
// through; one at least.
func (s *selection) cases(args []string) ([]*scenarios.Case, error) {
	match, err := parseFilter(s.label)
	if err != nil {
		return nil, err
	}
	files, err := scenarios.Find(args)
	if err != nil {
		return nil, err
	}
	all := casesOf(files)
	some := slices.DeleteFunc(slices.Clone(all), func(c *scenarios.Case) bool { return !match(c.Scenario.Labels) })
	if len(some) == 0 {
		return nil, usage("no scenario matches --label %q; the labels here are %s", s.label, labelsOf(all))
	}
	return some, nil
}

func casesOf(files []*scenarios.File) []*scenarios.Case {
	var all []*scenarios.Case
	for _, f := range files {
		all = append(all, f.Cases()...)
	}
	return all
}

func labelsOf(cases []*scenarios.Case) string {
	labels := map[string]bool{}
	for _, c := range cases {
		for _, l := range c.Scenario.Labels {
			labels[l] = true
		}
	}
	if len(labels) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(maps.Keys(labels)), ", ")
}

// parseFilter reads a label filter. Ginkgo's own message is coloured and has
// several lines; its last line is the reason.
func parseFilter(expr string) (types.LabelFilter, error) {
	match, err := types.ParseLabelFilter(expr)
	var bad types.GinkgoError
	switch {
	case errors.As(err, &bad):
		lines := strings.Split(strings.TrimSpace(bad.Message), "\n")
		return nil, usage("--label %q: %s", expr, lines[len(lines)-1])
	case err != nil:
		return nil, usage("--label %q: %w", expr, err)
	}
	return match, nil
}

// prepare works out the checks of cases, or returns all that is wrong with them.
func prepare(cases []*scenarios.Case, seed uint64) ([]*run.Prepared, error) {
	var all []*run.Prepared
	var errs scenarios.Errors
	for _, c := range cases {
		p, err := run.Prepare(c, seed)
		var bad scenarios.Errors
		switch {
		case errors.As(err, &bad):
			errs = append(errs, bad...)
		case err != nil:
			errs = append(errs, &scenarios.Error{File: c.File, Text: err.Error()})
		default:
			all = append(all, p)
		}
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return all, nil
}
