package suites

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/extensions/globals"
	"github.com/onsi/ginkgo/v2/reporters"
	"github.com/onsi/ginkgo/v2/types"
	"github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"

	"github.com/lanproof/lanproof/guest"
	"github.com/lanproof/lanproof/internal/rootless"
	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/scenarios"
)

// Main is what TestMain calls. It lets the test binary be /init of a guest, and an
// ordinary user make network namespaces. Then it runs the tests and ends the process.
func Main(m *testing.M) {
	if guest.IsInit() {
		// It does not return: the machine ends with it.
		guest.Init(run.InGuest)
	}
	status, done, err := rootless.Enter()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "lanproof:", err)
		os.Exit(1)
	case done:
		os.Exit(status)
	default:
		os.Exit(m.Run())
	}
}

// Run makes a spec of every check in the scenario files of all folders in files,
// and runs Ginkgo's suite with them and with whatever specs the program has
// besides. It stands in for ginkgo.RunSpecs.
//
// Files with anything wrong in them fail the test with file:line:column of all of
// it, and no spec runs. So does a filter that leaves no spec.
func Run(t *testing.T, files fs.FS, o Options) {
	t.Helper()
	if err := o.check(); err != nil {
		t.Fatal(err)
	}
	prepared, err := load(files, &o)
	var wrong scenarios.Errors
	if errors.As(err, &wrong) {
		t.Fatalf("%d error(s) in scenario files, and nothing was run:\n%v", len(wrong), wrong)
	}
	if err != nil {
		t.Fatal(err)
	}
	o.complete(t)
	before := gleak.Goroutines()
	for _, p := range runSpecs(t, prepared, &o) {
		if err := p.execution.end(); err != nil {
			t.Errorf("lanproof could not do all of its work: %v", err)
		}
	}
	g := gomega.NewWithT(t)
	g.Eventually(gleak.Goroutines).ShouldNot(gleak.HaveLeaked(before, gomega.Not(gleak.IgnoringInBacktrace(module))))
}

// runSpecs builds Ginkgo's tree and runs it.
func runSpecs(t *testing.T, prepared []*run.Prepared, o *Options) []*part {
	t.Helper()
	suite, reporter := ginkgo.GinkgoConfiguration()
	var parts []*part
	own := 0
	for _, kernel := range o.kernels() {
		p := &part{kernel: kernel, cases: prepared, execution: newExecution(o.run(kernel))}
		p.register()
		parts = append(parts, p)
		own += p.specs()
	}
	// Which cases have a spec to run is Ginkgo's to say, by all of its filters.
	count := again()
	defer count.restore()
	preview := ginkgo.PreviewSpecs(o.Name, o.Ginkgo...)
	for _, p := range parts {
		p.choose(&preview)
	}
	if preview.PreRunStats.TotalSpecs > own {
		// Other specs than ours are registered once and would be gone the next time.
		count.restore()
	} else {
		defer globals.Reset()
	}
	suite.FailOnEmpty = true
	if reporter.JUnitReport != "" {
		junit(reporter.JUnitReport, prepared)
		reporter.JUnitReport = ""
	}
	ginkgo.RunSpecs(t, o.Name, append([]any{suite, reporter}, o.Ginkgo...)...)
	return parts
}

// repetition is go test -count, which Ginkgo refuses, because it builds its tree
// once in a process. Here the tree is built by every test anew, so that nothing
// speaks against it, and Ginkgo is not shown the flag.
type repetition struct {
	flag  *flag.Flag
	value string
}

func again() *repetition {
	r := &repetition{flag: flag.Lookup("test.count")}
	if r.flag != nil {
		r.value = r.flag.Value.String()
		_ = r.flag.Value.Set("1") // it is a number
	}
	return r
}

func (r *repetition) restore() {
	if r.flag != nil {
		_ = r.flag.Value.Set(r.value) // it has been its value before
	}
}

// junit writes Ginkgo's JUnit report with two changes: names hold no labels, lest a
// test gets another name and loses its history with every label, and failures
// stand where the scenario file has the check.
func junit(name string, prepared []*run.Prepared) {
	ours := map[string]bool{}
	for _, p := range prepared {
		ours[p.Case.File] = true
	}
	ginkgo.ReportAfterSuite("JUnit report", func(r ginkgo.Report) {
		r.SpecReports = slices.Clone(r.SpecReports)
		for i := range r.SpecReports {
			s := &r.SpecReports[i]
			if s.Failed() && ours[s.LeafNodeLocation.FileName] {
				s.Failure.Location = s.LeafNodeLocation
			}
		}
		config := reporters.JunitReportConfig{OmitSpecLabels: true, OmitSpecSemVerConstraints: true}
		if err := reporters.GenerateJUnitReportWithConfig(r, name, config); err != nil {
			ginkgo.Fail(fmt.Sprintf("write the JUnit report: %v", err))
		}
	}, types.NewCustomCodeLocation(strings.TrimPrefix(module, "github.com/")))
}
