package probe_test

import (
	"context"
	"net"
	"slices"
	"testing"

	"github.com/lanproof/lanproof/probe"
	"github.com/lanproof/lanproof/reports"
)

// expect sends a flow and wants both its verdict and the opposite one's. It
// returns what was seen.
func (l *lan) expect(t *testing.T, name string, flow *probe.Flow, want bool) *probe.Observation {
	t.Helper()
	o := l.field.Probe(context.Background(), flow)
	f := o.Find(want, 0)
	if v := probe.Judge(f); v != reports.Pass {
		t.Errorf("%s: %s, %s", name, v, f.Observed)
	}
	if !want && f.Proof != reports.ProofFence {
		t.Errorf("%s: absence proven by %q, want %q", name, f.Proof, reports.ProofFence)
	}
	if v := probe.Judge(o.Find(!want, 0)); v != reports.Fail {
		t.Errorf("%s: expecting the opposite gives %s, want %s", name, v, reports.Fail)
	}
	return o
}

func (l *lan) flow6(kind probe.Kind, cast probe.Cast, from, to string) *probe.Flow {
	f := l.flow(kind, cast, from, to)
	f.Source, f.Target = l.address6(from), l.address6(to)
	return f
}

func TestIPv6(t *testing.T) {
	for _, mode := range []string{"private", "bridge"} {
		t.Run(mode, func(t *testing.T) {
			withLAN(t, mode, func(l *lan) {
				bridge := mode == "bridge"
				for _, c := range []struct {
					kind     probe.Kind
					cast     probe.Cast
					from, to string
					want     bool
				}{
					{probe.ICMP, probe.Unicast, "a", "b", bridge},
					{probe.UDP, probe.Unicast, "a", "b", bridge},
					{probe.UDP, probe.Broadcast, "a", "b", bridge}, // all nodes
					{probe.UDP, probe.Multicast, "a", "b", bridge},
					{probe.UDP, probe.Unsubscribed, "a", "b", false},
					{probe.ND, probe.Unicast, "a", "b", bridge},
					{probe.ICMP, probe.Unicast, "a", "host", false},
					{probe.ND, probe.Unicast, "a", "host", false},
					{probe.ICMP, probe.Unicast, "host", "a", false},
				} {
					l.expect(t, string(c.kind)+" "+string(c.cast)+" "+c.from+" to "+c.to, l.flow6(c.kind, c.cast, c.from, c.to), c.want)
				}
				flow := l.flow6(probe.UDP, probe.Unicast, "a", "b")
				flow.Static, flow.Bind = true, true
				l.expect(t, "bound to the device, neighbours known", flow, bridge)
			})
		})
	}
}

// TestTagged sends tagged frames to a child that has no VLAN device: its taps
// see them, tag and all, and its stack does not want them
// (net/core/dev.c:__netif_receive_skb_core).
func TestTagged(t *testing.T) {
	withLAN(t, "bridge", func(l *lan) {
		for _, tags := range [][]probe.Tag{
			{{TPID: 0x8100, VID: 10, PCP: 5}},
			{{TPID: 0x88a8, VID: 20}},
			{{TPID: 0x88a8, VID: 20}, {TPID: 0x8100, VID: 10, PCP: 1}},
		} {
			for _, from := range []string{"wire", "b"} {
				flow := l.flow(probe.Raw, probe.Unicast, from, "a")
				flow.Tags = tags
				l.expect(t, "accepted from "+from, flow, false)
				flow = l.flow(probe.Raw, probe.Unicast, from, "a")
				flow.Tags, flow.DestMAC = tags, mac(0xa0)
				o := l.expect(t, "seen from "+from, flow, true)
				seen := false
				for _, s := range o.Sightings {
					if s.Node == "a" && s.Ours {
						seen = true
						if !slices.Equal(s.Tags, tags) {
							t.Errorf("from %s: %s saw the tags %v, want %v", from, s.At(), s.Tags, tags)
						}
					}
				}
				if !seen {
					t.Errorf("from %s: no sighting at the target", from)
				}
			}
		}
		flow := l.flow(probe.Raw, probe.Unicast, "wire", "a")
		flow.Tags = []probe.Tag{{TPID: 0x8100, VID: 0, PCP: 7}}
		l.expect(t, "a priority tag is no VLAN", flow, true)
	})
}

func TestPassthru(t *testing.T) {
	withLAN(t, "passthru", func(l *lan) {
		for _, c := range []struct {
			cast     probe.Cast
			from, to string
			want     bool
		}{
			{probe.Unicast, "wire", "a", true},
			{probe.Unicast, "wire", "host", false}, // the child takes what is the host's
			{probe.Broadcast, "wire", "host", true},
			{probe.Unknown, "wire", "a", true},
			{probe.Broadcast, "a", "host", false},
			{probe.Broadcast, "a", "wire", true},
			{probe.Unicast, "host", "a", false},
		} {
			l.expect(t, string(c.cast)+" "+c.from+" to "+c.to, l.flow(probe.Raw, c.cast, c.from, c.to), c.want)
		}
	})
}

// TestSource is about whom a frame comes from, not whom it goes to
// (macvlan.c:macvlan_forward_source).
func TestSource(t *testing.T) {
	withLAN(t, "source", func(l *lan) {
		for _, c := range []struct {
			name string
			cast probe.Cast
			to   string
			from net.HardwareAddr
			dest net.HardwareAddr
			want bool
		}{
			{"listed to the child", probe.Unicast, "a", mac(2), nil, true},
			{"listed to everybody", probe.Broadcast, "a", mac(2), nil, true},
			{"listed to the host is overheard", probe.Unicast, "a", mac(2), mac(1), true},
			{"listed to the host", probe.Unicast, "host", mac(2), nil, true},
			{"not listed to the child", probe.Unicast, "a", mac(0x66), nil, false},
			{"not listed to everybody", probe.Broadcast, "a", mac(0x66), nil, false},
			{"not listed to the host", probe.Broadcast, "host", mac(0x66), nil, true},
		} {
			flow := l.flow(probe.Raw, c.cast, "wire", c.to)
			flow.SourceMAC, flow.DestMAC = c.from, c.dest
			l.expect(t, c.name, flow, c.want)
		}
	})
}

// TestReflected sends frames back to where they came from, as a switch with
// hairpin does: unicast gets to private children, too, broadcast only to the
// one that sent it (macvlan.c:macvlan_handle_frame).
func TestReflected(t *testing.T) {
	for mode, others := range map[string]bool{"private": false, "vepa": true} {
		withLAN(t, mode, func(l *lan) {
			reflect := func(cast probe.Cast, to string) *probe.Flow {
				flow := l.flow(probe.Raw, cast, "wire", to)
				flow.SourceMAC = mac(0xa0)
				return flow
			}
			l.expect(t, mode+": unicast to the sibling", reflect(probe.Unicast, "b"), true)
			l.expect(t, mode+": broadcast to the sibling", reflect(probe.Broadcast, "b"), others)
			l.expect(t, mode+": broadcast to the host", reflect(probe.Broadcast, "host"), others)
			l.expect(t, mode+": broadcast to the sender", reflect(probe.Broadcast, "a"), !others)
		})
	}
}
