package explore_test

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/run/explore"
	"github.com/lanproof/lanproof/scenarios"
	"github.com/lanproof/lanproof/topology"
)

// broken stands for a kernel on which LANs with some devices disagree with the oracle,
// beside one on which none does.
func broken(is func(*topology.LAN) bool) explore.Measure {
	return func(_ context.Context, cases []*scenarios.Case) ([][]explore.Outcome, error) {
		all := make([][]explore.Outcome, len(cases))
		for i, c := range cases {
			p, err := run.Prepare(c, 0)
			if err != nil {
				return nil, err
			}
			all[i] = []explore.Outcome{{Ground: "guest", Kernel: "good", Verdict: reports.Pass}, {Ground: "guest", Kernel: "bad", Verdict: reports.Pass}}
			if is(p.Plan.LAN) {
				all[i][1].Verdict, all[i][1].Class = reports.Fail, "unicast"
				all[i][1].Observed = "a to b; seen: too much; rule wrong at a: when, then (source)"
			}
		}
		return all, nil
	}
}

// vepaBesidePrivate is what the bad kernel is wrong about.
func vepaBesidePrivate(lan *topology.LAN) bool {
	modes := map[topology.Ref]map[string]bool{}
	for _, d := range lan.Devices {
		if d.Kind == topology.KindMacvlan {
			if modes[d.Parent] == nil {
				modes[d.Parent] = map[string]bool{}
			}
			modes[d.Parent][d.Mode] = true
		}
	}
	for _, m := range modes {
		if m["vepa"] && m["private"] {
			return true
		}
	}
	return false
}

// TestExplore finds what a kernel is wrong about, and shrinks it to nothing else.
func TestExplore(t *testing.T) {
	var notes []string
	report, err := explore.Explore(t.Context(), explore.Options{
		Seed: 1, Budget: time.Minute, Most: 60, Out: t.TempDir(),
		Measure: broken(vepaBesidePrivate), Note: func(s string) { notes = append(notes, s) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if report.Tried != 60 || report.Next != 60 || report.Skipped != 0 || len(report.Trouble) != 0 || report.Interrupted {
		t.Errorf("the report is %+v, want 60 LANs tried", report)
	}
	if len(report.Found) != 1 || len(notes) != 1 {
		t.Fatalf("%d disagreements and notes %q, want one: they are all about one rule", len(report.Found), notes)
	}
	f := report.Found[0]
	if !f.Again || len(f.Also) == 0 || !strings.Contains(f.String(), "guest bad and the oracle disagree about frames of class unicast, guest good: pass") {
		t.Errorf("found %s, again %t, also in %v", f, f.Again, f.Also)
	}
	for _, s := range []string{"kind: macvlan", "mode: private", "oracle: unicast"} { // vepa is the default

		if !bytes.Contains(f.Text, []byte(s)) {
			t.Errorf("%q is missing in the smallest LAN", s)
		}
	}
	for _, s := range []string{"addresses", "steps", "switch", "stations", "promisc", "bridge"} {
		if bytes.Contains(f.Text, []byte(s)) {
			t.Errorf("%q is left in the smallest LAN:\n%s", s, f.Text)
		}
	}
	written, err := scenarios.LoadFile(f.File)
	if err != nil {
		t.Fatalf("the file that reproduces it: %v", err)
	}
	p, err := run.Prepare(written.Cases()[0], 0)
	if err != nil || !vepaBesidePrivate(p.Plan.LAN) {
		t.Errorf("the file does not show it (%v):\n%s", err, f.Text)
	}
	if text, err := os.ReadFile(f.File); err != nil || !bytes.Contains(text, []byte("# Seed 1, LAN ")) {
		t.Errorf("no seed in the file (%v):\n%s", err, text)
	}
}

// TestNotAgain has a disagreement that does not come again: it is told, and not shrunk.
func TestNotAgain(t *testing.T) {
	once := false
	report, err := explore.Explore(t.Context(), explore.Options{Budget: time.Minute, Most: 3, Out: t.TempDir(), Measure: broken(func(*topology.LAN) bool {
		was := once
		once = true
		return !was
	})})
	if err != nil {
		t.Fatal(err)
	}
	drawn, err := explore.Draw(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Found) != 1 || report.Found[0].Again || !bytes.Equal(report.Found[0].Text, drawn) {
		t.Fatalf("found %v, want LAN 0 whole and not again", report.Found)
	}
	if !strings.Contains(report.Found[0].String(), "did not come again") {
		t.Errorf("it is told as %q", report.Found[0])
	}
}

// TestInterrupted is broken off while it shrinks, and keeps what it found.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	is := broken(vepaBesidePrivate)
	report, err := explore.Explore(ctx, explore.Options{
		Seed: 1, Budget: time.Minute, Out: t.TempDir(),
		Measure: func(ctx context.Context, cases []*scenarios.Case) ([][]explore.Outcome, error) {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return is(ctx, cases)
		},
		Note: func(string) { cancel() },
	})
	if err != nil {
		t.Fatal(err)
	}
	if !report.Interrupted || len(report.Found) != 1 || report.Found[0].File == "" {
		t.Fatalf("the report is %+v, want an interrupted one with a file", report)
	}
	if _, err := scenarios.LoadFile(report.Found[0].File); err != nil {
		t.Error(err)
	}
}

// TestTrouble has a kernel of which nothing can be found out: it is told once, and no
// further LANs are drawn.
func TestTrouble(t *testing.T) {
	report, err := explore.Explore(t.Context(), explore.Options{
		Budget: time.Minute, Out: t.TempDir(),
		Measure: func(_ context.Context, cases []*scenarios.Case) ([][]explore.Outcome, error) {
			all := make([][]explore.Outcome, len(cases))
			for i := range all {
				all[i] = []explore.Outcome{{Ground: "guest", Kernel: "dead", Verdict: reports.Error, Observed: "it died"}}
			}
			return all, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Trouble) != 1 || len(report.Trouble[0].LANs) != int(report.Next) || report.Next > 16 || report.Trouble[0].Unjudged() {
		t.Errorf("the report is %+v, want one trouble of all LANs drawn", report)
	}
}

// TestThisKernel holds some LANs on this kernel against the oracle.
func TestThisKernel(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("namespaces take root")
	}
	report, err := explore.Explore(t.Context(), explore.Options{
		Seed: 3, Budget: time.Minute, Most: 8, Out: t.TempDir(), Measure: explore.On(run.Options{On: run.Host}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if report.Tried == 0 || report.Tried+report.Skipped != 8 {
		t.Errorf("%d LANs tried and %d skipped, want 8 with some tried", report.Tried, report.Skipped)
	}
	for _, f := range report.Found {
		t.Error(f)
	}
	for _, tr := range report.Trouble {
		t.Errorf("LANs %v: %s", tr.LANs, tr.Observed)
	}
}
