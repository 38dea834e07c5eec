package qualify

import (
	"testing"
	"time"

	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/qualify/record"
)

func TestVeth(t *testing.T) {
	inMachine(t, func() {
		if err := plugVeth(); err != nil {
			t.Error(err)
			return
		}
		q, files, err := Run(t.Context(), Options{
			DUT: "eth1", Peer: "eth2", Profile: record.Full, StateDir: t.TempDir(),
			Each: func(r record.Result) {
				t.Logf("%-30s %-12s %v %s %s", r.ID, r.Status, r.Duration, r.Observed, r.Reason)
			},
		})
		if err != nil {
			t.Error(err)
			return
		}
		q.Finish(nil)
		good(t, q)
		verify(t, q, files)
		t.Log(q.Duration, q.Summary)
	})
}

// TestCases runs the core's cases over two ports, after a requirement.
func TestCases(t *testing.T) {
	inMachine(t, func() {
		if err := plugVeth(); err != nil {
			t.Error(err)
			return
		}
		cases, err := Cases(record.Core)
		if err != nil || len(cases) != len(coreCases) {
			t.Errorf("%d cases, %v", len(cases), err)
			return
		}
		t.Setenv("LANPROOF_STATE", t.TempDir())
		q, files, err := Run(t.Context(), Options{DUT: "eth1", Peer: "eth2", Only: []string{"rx-plain"}, Cases: cases})
		if err != nil {
			t.Error(err)
			return
		}
		q.Finish(nil)
		good(t, q)
		verify(t, q, files)
		passed := 0
		for _, c := range q.Cases {
			switch c.Verdict {
			case "pass":
				passed++
			case "skip":
			default:
				t.Errorf("%s: %s %s", c.Case, c.Verdict, c.Reason)
			}
		}
		if passed == 0 || len(q.Cases) != len(cases) || files.Results == nil {
			t.Errorf("%d of %d cases passed", passed, len(q.Cases))
		}
	})
}

// plugVeth makes two ports out of a veth.
func plugVeth() error {
	c, err := rtnl.OpenHere()
	if err != nil {
		return err
	}
	defer c.Close()
	return c.NewLink(&rtnl.Link{
		Name: "eth1", Kind: "veth", MAC: []byte{2, 0, 0, 0, 0, 0x41},
		Peer: &rtnl.Link{Name: "eth2", MAC: []byte{2, 0, 0, 0, 0, 0x42}},
	})
}

// verify writes a bundle and verifies it.
func verify(t *testing.T, q *record.Qualification, files record.Contents) {
	t.Helper()
	dir := t.TempDir()
	if err := record.WriteBundle(dir, q, files); err != nil {
		t.Error(err)
		return
	}
	b, err := record.OpenBundle(dir)
	if err != nil {
		t.Error(err)
		return
	}
	defer b.Close()
	v, err := record.Verify(b, record.Asked{Now: time.Now()})
	if err != nil {
		t.Error(err)
		return
	}
	for _, p := range v.Problems {
		t.Errorf("verify: %s: %s", p.Where, p.Text)
	}
}
