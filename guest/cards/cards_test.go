package cards_test

import (
	"testing"

	"github.com/lanproof/lanproof/guest/cards"
)

// TestQuirks has every quirk name cards that are there, and say everything.
func TestQuirks(t *testing.T) {
	seen := map[string]bool{}
	for _, q := range cards.Quirks() {
		if seen[q.ID] {
			t.Errorf("%s is there twice", q.ID)
		}
		seen[q.ID] = true
		if q.Fault == "" || q.Seen == "" || q.Versions == "" || q.Source == "" || len(q.Models) == 0 {
			t.Errorf("%s says too little: %+v", q.ID, q)
		}
		for _, m := range q.Models {
			if _, ok := cards.Find(m); !ok {
				t.Errorf("%s is of %s, which is no card", q.ID, m)
			}
		}
	}
}

func TestFind(t *testing.T) {
	if c, ok := cards.Find("virtio-net"); !ok || c.Driver != "virtio_net" {
		t.Errorf("virtio-net is %+v, %t", c, ok)
	}
	if c, ok := cards.Find("e1001"); ok {
		t.Errorf("e1001 is %+v", c)
	}
	if _, ok := cards.Find(cards.Peer); !ok {
		t.Error("the peer is no card")
	}
}

// TestMAC wants addresses that stay what they are when the bytes of each word are
// swapped, differ, and belong to one station.
func TestMAC(t *testing.T) {
	seen := map[string]bool{}
	for n := range 16 {
		m := cards.MAC(n)
		if m[0] != m[1] || m[2] != m[3] || m[4] != m[5] || m[0]&3 != 2 || seen[m.String()] {
			t.Errorf("card %d: %s", n, m)
		}
		seen[m.String()] = true
	}
}
