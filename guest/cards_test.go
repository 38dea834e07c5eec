package guest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lanproof/lanproof/guest"
	"github.com/lanproof/lanproof/guest/cards"
	"github.com/lanproof/lanproof/guest/qemu"
)

// TestCards boots every card that this QEMU has with its driver, beside its peer: both
// must appear with the MAC addresses that they were given, in the order of their slots,
// and a frame must cross in both directions.
func TestCards(t *testing.T) {
	devices, err := qemu.Devices(t.Context())
	if err != nil {
		t.Skip(err)
	}
	for _, c := range cards.Cards() {
		t.Run(c.Model, func(t *testing.T) {
			if !devices[c.Model] {
				t.Skip("this QEMU has no", c.Model)
			}
			noGuestLeft(t)
			o := cardOptions(t, "debian:6.12-amd64", c)
			start := time.Now()
			got := run(t.Context(), fmt.Sprintf("cards %s %s", o.NICs[0].MAC, o.NICs[1].MAC), o)
			if got.err != nil {
				t.Fatal(got.err, got.lines)
			}
			t.Log(time.Since(start).Round(10*time.Millisecond), strings.Join(got.lines, "; "))
			want := []string{"dut " + c.Driver, "peer virtio_net", "dut to peer", "peer to dut"}
			if !slices.Equal(got.lines, want) {
				t.Errorf("lines %q, want %q", got.lines, want)
			}
		})
	}
}

// cardOptions is a guest with a card and its peer on one hub.
func cardOptions(tb testing.TB, spec string, c cards.Card) guest.Options {
	tb.Helper()
	peer, ok := cards.Find(cards.Peer)
	if !ok {
		tb.Fatal("the peer is not in the table")
	}
	o := options(tb, spec, append(c.Modules, peer.Modules...)...)
	for i, model := range []string{c.Model, peer.Model} {
		o.NICs = append(o.NICs, guest.NIC{Model: model, MAC: cards.MAC(i)})
	}
	return o
}
