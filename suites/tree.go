package suites

import (
	"slices"
	"strings"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"

	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/scenarios"
)

// part is the specs of all cases on one kernel.
type part struct {
	kernel    string // when there are several
	cases     []*run.Prepared
	execution *execution
}

// register adds the part's specs to Ginkgo's tree. They stand in one Ordered
// container, which keeps them in one process under ginkgo -p and with that in one
// run; it spreads its cases over the CPUs by itself.
func (p *part) register() {
	ginkgo.Describe(p.kernel, p.labels(), ginkgo.Ordered, ginkgo.ContinueOnFailure, location(p.cases[0], scenarios.Position{Line: 1}), func() {
		for _, c := range p.cases {
			ginkgo.Describe(c.Case.Name, labels(c), location(c, scenarios.Position{Line: 1}), func() {
				for _, check := range c.Checks() {
					ginkgo.It(check.ID, location(c, check.At), func(ctx ginkgo.SpecContext) { p.report(ctx, c, &check) })
				}
			})
		}
	})
}

// specs is how many the part has.
func (p *part) specs() int {
	n := 0
	for _, c := range p.cases {
		n += len(c.Checks())
	}
	return n
}

// choose puts the cases that have a spec to run on the execution's list.
func (p *part) choose(preview *types.Report) {
	chosen := map[string]bool{}
	for i := range preview.SpecReports {
		s := &preview.SpecReports[i]
		if s.State.Is(types.SpecStatePassed) && len(s.ContainerHierarchyTexts) == 2 && s.ContainerHierarchyTexts[0] == p.kernel {
			chosen[s.ContainerHierarchyTexts[1]] = true
		}
	}
	for _, c := range p.cases {
		if chosen[c.Case.Name] {
			p.execution.add(c)
		}
	}
}

// location is a place in a case's file, in the form in which tools find it.
func location(c *run.Prepared, at scenarios.Position) types.CodeLocation {
	return types.CodeLocation{FileName: c.Case.File, LineNumber: max(at.Line, 1)}
}

// labels are the file's, the scenario's name, the variables as name:value, and
// the kernel features that the case takes as needs:feature.
func labels(c *run.Prepared) ginkgo.Labels {
	all := append(slices.Clone(c.Case.Scenario.Labels), c.Case.Scenario.Name)
	for _, v := range c.Case.Vars {
		all = append(all, v.Name+":"+v.Value)
	}
	for _, n := range c.Needs {
		all = append(all, "needs:"+n)
	}
	return clean(all)
}

func (p *part) labels() ginkgo.Labels {
	if p.kernel == "" {
		return nil
	}
	return clean([]string{"kernel:" + strings.ReplaceAll(p.kernel, ":", "-")})
}

// clean makes labels of texts: Ginkgo's filter language has a meaning for some
// characters.
func clean(texts []string) ginkgo.Labels {
	var all ginkgo.Labels
	for _, text := range texts {
		label := strings.Map(func(r rune) rune {
			if strings.ContainsRune("&|!,()/{}", r) {
				return '-'
			}
			return r
		}, text)
		if label = strings.Trim(label, ": "); label != "" && !slices.Contains(all, label) {
			all = append(all, label)
		}
	}
	return all
}

// report is a spec: it says what became of a check.
func (p *part) report(ctx ginkgo.SpecContext, c *run.Prepared, check *run.Check) {
	result, err := p.execution.await(ctx, c.Case.Name)
	if err != nil {
		ginkgo.Fail(notFound(c.Location(check.At), &reports.Case{Reason: err.Error()}))
	}
	o := opinionOf(&result, c, check)
	entries(&result, o.check, location(c, check.At))
	switch o.verdict {
	case reports.Pass:
	case reports.Skip:
		ginkgo.Skip(o.text)
	default:
		ginkgo.Fail(o.text)
	}
}

// entries puts into Ginkgo's reports what a spec's text does not say.
func entries(c *reports.Case, check *reports.Check, at types.CodeLocation) {
	add := func(name string, value any) {
		ginkgo.AddReportEntry(name, value, at, ginkgo.ReportEntryVisibilityFailureOrVerbose)
	}
	add("ground", strings.TrimSpace(c.Ground+" "+c.Kernel))
	if c.Placement != "" {
		add("placement", c.Placement)
	}
	if c.Capture != "" {
		add("capture", c.Capture)
	}
	if check == nil {
		return
	}
	add("check", check.Title)
	add("proof", string(check.Proof))
	if len(check.Claims) > 0 {
		add("claims", strings.Join(check.Claims, " "))
	}
	if len(check.Refutes) > 0 {
		add("refutes", strings.Join(check.Refutes, " "))
	}
}
