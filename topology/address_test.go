package topology

import (
	"net/netip"
	"slices"
	"testing"
)

func TestWithoutAddress(t *testing.T) {
	p := netip.MustParsePrefix
	all := []netip.Prefix{p("10.0.0.1/24"), p("10.0.0.2/24"), p("10.0.0.3/25"), p("10.0.1.1/24"), p("fd00::1/64"), p("fd00::2/64")}
	for gone, left := range map[string][]int{
		"10.0.0.1/24": {2, 3, 4, 5}, // the first takes the second along
		"10.0.0.2/24": {0, 2, 3, 4, 5},
		"10.0.0.3/25": {0, 1, 3, 4, 5},
		"fd00::1/64":  {0, 1, 2, 3, 5}, // IPv6 knows no first
		"10.9.9.9/24": {0, 1, 2, 3, 4, 5},
	} {
		var want []netip.Prefix
		for _, i := range left {
			want = append(want, all[i])
		}
		if got := withoutAddress(all, p(gone)); !slices.Equal(got, want) {
			t.Errorf("without %s: %v, want %v", gone, got, want)
		}
	}
	if got := withoutAddress(nil, all[0]); len(got) != 0 {
		t.Errorf("of nothing %v is left", got)
	}
}

// TestUntold shows who keeps a carrier that its parent has lost by going down.
func TestUntold(t *testing.T) {
	for _, c := range []struct {
		kernel Kernel
		kind   string
		loose  bool
		want   bool
	}{
		{Kernel{}, KindIpvlan, false, false},
		{Kernel{6, 12}, KindIpvlan, false, false},
		{Kernel{6, 1}, KindIpvlan, false, true},
		{Kernel{6, 1}, KindMacvlan, false, false},
		{Kernel{}, KindVLAN, true, true},
	} {
		parent := &Device{Ref: Ref{"h", "d0"}, Kind: KindVeth, Peer: Ref{SwitchNode, "p1"}, Up: true}
		port := &Device{Ref: parent.Peer, Kind: KindVeth, Peer: parent.Ref, Up: true}
		child := &Device{Ref: Ref{"h", "c"}, Kind: c.kind, Parent: parent.Ref, Up: true, VLANFlags: map[string]bool{looseBinding: c.loose}}
		lan := &LAN{Kernel: c.kernel, Devices: []*Device{parent, port, child}}
		if !lan.Carrier(child) {
			t.Errorf("%+v: no carrier while the parent is up", c)
		}
		lan.setUp(parent, false)
		if got := lan.Carrier(child) && child.Up; got != c.want {
			t.Errorf("%+v: carrier %t once the parent is down", c, got)
		}
		lan.setUp(parent, true)
		if !lan.Carrier(child) {
			t.Errorf("%+v: no carrier when the parent is up again", c)
		}
	}
}
