package run_test

import (
	"context"
	"os"
	"testing"

	"github.com/lanproof/lanproof/guest"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/scenarios"
)

func TestMain(m *testing.M) {
	if guest.IsInit() {
		guest.Init(run.InGuest)
	}
	os.Exit(m.Run())
}

type tell struct{ t *testing.T }

func (e tell) Started(c, g string) { e.t.Logf("started %s %s", c, g) }
func (e tell) Finished(c reports.Case) {
	e.t.Logf("finished %s %s %s %s", c.Case, c.Verdict, c.Reason, c.Console)
}
func (e tell) Note(s string) { e.t.Log(s) }

func TestGuestSmoke(t *testing.T) {
	f, err := scenarios.LoadFile("/tmp/gdd/gd.yaml")
	if err != nil {
		t.Fatal(err)
	}
	res, err := run.Run(context.Background(), f.Cases(), run.Options{Events: tell{t}, Out: "/tmp/gdout"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range res.Cases {
		t.Logf("%s %s %s %v %s", c.Case, c.Kernel, c.Verdict, c.Duration, c.Capture)
		for _, ch := range c.Checks {
			t.Logf("   %-5s %-40s %-9s %s (%v)", ch.Verdict, ch.ID, ch.Proof, ch.Observed, ch.Duration)
		}
	}
}
