package run_test

import (
	"testing"

	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/scenarios"
)

// TestRepeat shows that a case which changes its LAN can be run again, and
// beside itself: what one run changes is nothing to the next.
func TestRepeat(t *testing.T) {
	src := []byte(`name: again
title: A child comes and goes
labels: [macvlan]
hosts: {host: {parents: {eth0: {}}}}
networks: {net: {driver: macvlan, parent: eth0, subnets: [{subnet: 192.168.9.0/24}]}}
endpoints: {a: {network: net}, b: {}}
checks:
  - link: {link: b/eth0, exists: false}
steps:
  - name: b joins
    do: [{attach: {endpoint: b, network: net}}]
    checks:
      - reach: {from: a, to: b}
`)
	f, err := scenarios.Load("again.yaml", src)
	if err != nil {
		t.Fatal(err)
	}
	results, err := run.Run(t.Context(), f.Cases(), run.Options{On: run.Host, Repeat: 6, Parallel: 3})
	if err != nil {
		t.Fatal(err)
	}
	if len(results.Cases) != 6 {
		t.Fatalf("%d cases, want 6", len(results.Cases))
	}
	for _, c := range results.Cases {
		if c.Verdict == reports.Skip {
			t.Skip(c.Reason)
		}
		if c.Verdict != reports.Pass || len(c.Checks) != 2 {
			t.Errorf("repeat %d: %s %s, %d checks", c.Repeat, c.Verdict, c.Reason, len(c.Checks))
		}
		// What passes again says nothing new.
		if whole := c.Picture != nil && len(c.Checks[1].Evidence) > 0; whole != (c.Repeat == 1) {
			t.Errorf("repeat %d has a picture and evidence: %t", c.Repeat, whole)
		}
	}
}
