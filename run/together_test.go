package run_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/scenarios"
)

// Pings that share a window say the same as pings that have one each.
func TestTogetherSaysTheSame(t *testing.T) {
	needRoot(t)
	files, err := scenarios.Find([]string{"host-unreachable", "switch-one-mac", "macvlan-private", "macvlan-vepa", "host-remedy-bridge", "docker-macvlan-dual-stack", "docker-macvlan-no-gateway"})
	if err != nil {
		t.Fatal(err)
	}
	var cases []*scenarios.Case
	for _, f := range files {
		cases = append(cases, f.Cases()...)
	}
	verdicts := func(together bool) map[string]string {
		results, err := run.Run(t.Context(), cases, run.Options{On: run.Host, Together: together})
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]string{}
		for _, c := range results.Cases {
			for _, k := range c.Checks {
				if k.Flow != nil {
					all[c.Case+"/"+k.ID] = string(k.Verdict) + " by " + string(k.Proof)
				}
				if together && k.Verdict == reports.Pass && k.Flow != nil && len(k.Evidence) == 0 && k.Proof != reports.ProofErrno {
					t.Errorf("%s/%s has no evidence", c.Case, k.ID)
				}
			}
		}
		return all
	}
	one := verdicts(false)
	if len(one) < 100 {
		t.Errorf("only %d flows were compared", len(one))
	}
	if diff := cmp.Diff(one, verdicts(true)); diff != "" {
		t.Errorf("one by one and together are not alike (-one +together):\n%s", diff)
	}
}
