package run

import (
	"testing"

	"github.com/lanproof/lanproof/internal/netns"
)

// What the kernel tells of its neighbours does not go down when threads of this
// process end in other namespaces, its first one among them.
func TestNeighboursToldFromHere(t *testing.T) {
	before := neighboursTurnedAway()
	for range 20 {
		all, err := netns.NewEach(2, func(int, *netns.NS) error { return nil })
		if err != nil {
			t.Skipf("no namespaces here: %v", err)
		}
		for _, ns := range all {
			if err := ns.Close(); err != nil {
				t.Error(err)
			}
		}
		if after := neighboursTurnedAway(); after < before {
			t.Fatalf("%d became %d", before, after)
		}
	}
}
