package qualify_test

import (
	"os"
	"testing"
	"time"

	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/qualify"
	"github.com/lanproof/lanproof/qualify/record"
)

// inMachine runs fn in a namespace that plays a machine with two ports, eth1 and eth2.
func inMachine(t *testing.T, fn func()) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("making network namespaces needs root")
	}
	home, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	err = home.Do(func() error {
		c, err := rtnl.OpenHere()
		if err != nil {
			return err
		}
		defer c.Close()
		err = c.NewLink(&rtnl.Link{Name: "eth1", Kind: "veth", MAC: []byte{2, 0, 0, 0, 0, 0x41}, Peer: &rtnl.Link{Name: "eth2", MAC: []byte{2, 0, 0, 0, 0, 0x42}}})
		if err != nil {
			return err
		}
		fn()
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if err := home.Close(); err != nil {
		t.Error(err)
	}
}

func TestVeth(t *testing.T) {
	inMachine(t, func() {
		q, files, err := qualify.Run(t.Context(), qualify.Options{
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
		if !q.Restored || len(q.Differences) > 0 {
			t.Errorf("not restored: %q", q.Differences)
		}
		verify(t, q, files)
		t.Log(q.Duration, q.Summary)
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
