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
	var ids []string
	for _, ns := range all {
		id, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", ns.FD()))
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
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("descriptor %d still holds namespace %s", leaked, ids[0])) || strings.Contains(err.Error(), ids[1]) {
		t.Errorf("audit says %v of a leak of descriptor %d", err, leaked)
	}
	if err := all[0].Close(); err != nil {
		t.Fatal(err)
	}
	if err := audit(ids); err != nil {
		t.Errorf("with nothing held audit says %v", err)
	}
}
