package run

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/lanproof/lanproof/internal/netns"
)

// TestAuditFindsALeak holds one namespace too long on purpose.
func TestAuditFindsALeak(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("making network namespaces needs root")
	}
	all, err := netns.NewEach(2, func(int, *netns.NS) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	var ids []namespace
	for _, ns := range all {
		id, err := namespaceAt(ns.FD())
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	leaked := all[0].FD()
	if err := all[1].Close(); err != nil {
		t.Fatal(err)
	}
	err = audit(ids)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("descriptor %d still holds namespace %s", leaked, ids[0])) || strings.Contains(err.Error(), ids[1].String()) {
		t.Errorf("audit says %v of a leak of descriptor %d", err, leaked)
	}
	// What has the same number, and is younger, is another one.
	older := ids[0]
	older.born.Sec--
	if err := audit([]namespace{older}); err != nil {
		t.Errorf("audit takes %s for one that is gone: %v", ids[0], err)
	}
	if err := all[0].Close(); err != nil {
		t.Fatal(err)
	}
	if err := audit(ids); err != nil {
		t.Errorf("with nothing held audit says %v", err)
	}
}
