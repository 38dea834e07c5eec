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
