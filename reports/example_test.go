package reports_test

import (
	"fmt"
	"os"

	"github.com/lanproof/lanproof/reports"
)

// A run's results become every kind of report by one call each.
func Example() {
	r := &reports.Results{Cases: []reports.Case{{
		Scenario: "macvlan-bridge", Case: "macvlan-bridge", Ground: "host", Kernel: "6.18",
		Checks: []reports.Check{{ID: "siblings", Title: "a reaches b", Verdict: reports.Pass, Observed: "an answer"}},
	}}}
	r.Cases[0].Settle()
	r.Summarize()
	fmt.Println(r.Verdict(), r.Summary)
	if err := reports.WriteKTAP(os.Stdout, r); err != nil {
		fmt.Println(err)
	}
	// Output:
	// pass 1 passed, 0 failed, 0 error, 0 skipped
	// KTAP version 1
	// 1..1
	//   KTAP version 1
	//   1..1
	//   ok 1 siblings
	// ok 1 macvlan-bridge on host 6.18
}
