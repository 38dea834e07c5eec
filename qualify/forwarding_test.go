package qualify

import (
	"bytes"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/lanproof/lanproof/qualify/record"
)

// TestForwarding has the rig believe that a card takes macvlans over, which none does
// here, and sees that each fault of one that would is noticed.
func TestForwarding(t *testing.T) {
	child := func(m *mode, f []byte) bool { return to(f)[0] == 0x02 && !bytes.Equal(to(f), m.MAC) }
	for name, c := range map[string]struct {
		fault func(c *card, m *mode, on, was bool, f []byte) [][]byte
		shows string // "" when it passes
	}{
		"good": {func(_ *card, _ *mode, _, _ bool, f []byte) [][]byte { return pass(f, true) }, ""},
		"gives children their frames twice": {func(_ *card, m *mode, on, _ bool, f []byte) [][]byte {
			if on && child(m, f) {
				return [][]byte{f, f}
			}
			return pass(f, true)
		}, "l2-fwd-offload on: macvlan 1's address"},
		"gives a broadcast to each queue": {func(_ *card, _ *mode, on, _ bool, f []byte) [][]byte {
			if on && bytes.Equal(to(f), broadcast) {
				return [][]byte{f, f}
			}
			return pass(f, true)
		}, "l2-fwd-offload on: broadcast at"},
		"loses groups": {func(_ *card, _ *mode, on, _ bool, f []byte) [][]byte { return pass(f, !on || to(f)[0] != 1) }, "l2-fwd-offload on: joined group at"},
		"the port is left out": {func(_ *card, m *mode, on, _ bool, f []byte) [][]byte {
			return pass(f, !on || !bytes.Equal(to(f), m.MAC))
		}, "l2-fwd-offload on: the port's address"},
		"forgets whom it let go": {func(_ *card, m *mode, on, was bool, f []byte) [][]byte { return pass(f, on || !was || !child(m, f)) }, "l2-fwd-offload off: macvlan 1's address"},
		"gives strangers to a child": {func(_ *card, m *mode, on, _ bool, f []byte) [][]byte {
			if on && child(m, f) && !m.takesWithout(f) {
				copy(f, m.child())
			}
			return pass(f, true)
		}, "l2-fwd-offload on: unknown unicast at macvlan"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inMachine(t, func() {
				var on, was atomic.Bool
				d := newCard(t)
				d.fault = func(d *card, m *mode, f []byte, _ bool) [][]byte { return c.fault(d, m, on.Load(), was.Load(), f) }
				q, files, err := qualifyCard(t, d, Options{Only: []string{"l2-forwarding"}, measure: func(m *Measurement) error {
					return m.hand(func(now bool) error {
						was.Store(was.Load() || on.Load())
						on.Store(now)
						return nil
					}, []bool{true, false, true})
				}})
				if err != nil {
					t.Error(err)
					return
				}
				r := q.Results[0]
				if c.shows == "" && r.Status != record.Pass || c.shows != "" && (r.Status != record.Fail || !strings.Contains(r.Reason, c.shows)) {
					t.Errorf("%s is %s: %s %s", r.ID, r.Status, r.Observed, r.Reason)
				}
				verify(t, q, files)
			})
		})
	}
}

// takesWithout is the filter of a card that is not promiscuous.
func (m *mode) takesWithout(f []byte) bool {
	still := *m.State
	still.Promiscuity = 0
	return (&mode{&still, m.lists}).takes(f)
}

// child is the address of a macvlan on the port.
func (m *mode) child() []byte {
	for _, a := range m.lists {
		if a[0] == 0x02 {
			return a
		}
	}
	return m.MAC
}
