package reports

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// at is a frame as one device saw it, some microseconds into the check.
func at(us int, where, typ string, tags []string, contents ...string) Evidence {
	return Evidence{
		Kind: "frame", At: where, Text: typ + ": " + strings.Join(contents, ", "), Packet: us + 1,
		Time:  time.Date(2026, 11, 21, 8, 0, 0, us*1000, time.UTC),
		Frame: &Frame{Type: typ, Source: "02:42:0a:00:10:02", Dest: "ff:ff:ff:ff:ff:ff", Tags: tags, Layers: contents},
	}
}

// wayCheck is a request that a child on a VLAN sends, and that a router gets.
func wayCheck() Check {
	ask, tag := "ARP who has 10.0.10.1, tell 10.0.10.2", []string{"0x8100 VID 10 PCP 0"}
	return Check{
		ID: "way", Title: "a10 is not heard by the gateway", Verdict: Fail, Expected: "nothing arrives", Observed: "it arrived", Proof: ProofReceived,
		Location: "way.yaml:7", FramesLeft: 3,
		Evidence: []Evidence{
			at(0, "a10/eth0", "outgoing", nil, ask),
			at(2, "b10/eth0", "broadcast", nil, ask),
			at(3, "host/eth0.10", "outgoing", nil, ask),
			at(4, "host/eth0", "outgoing", tag, ask),
			at(5, "switch/p1", "broadcast", tag, ask),
			at(5, "switch/sw", "broadcast", tag, ask),
			at(6, "switch/p2", "outgoing", tag, ask),
			at(7, "gateway/eth0", "broadcast", tag, ask),
			at(7, "gateway/eth0.10", "broadcast", nil, ask),
			{Kind: "note", Text: "no frame"},
		},
		Drops: &Drops{How: Traced, Text: "b10 dropped it.", Ends: []End{{At: "b10/eth0", Reason: "OTHERHOST", Frame: "ARP request", Count: 1}}},
	}
}

func TestSequenceFollowsAFrame(t *testing.T) {
	k := wayCheck()
	s := newSequence(trunkPicture(), &k)
	want := strings.Join([]string{
		"The frames’ way", "ARP request at a10/eth0", "ARP request from a10/eth0 to b10/eth0", "ARP request from a10/eth0 to host/eth0.10",
		"ARP request from host/eth0.10 to host/eth0", "ARP request from host/eth0 to switch",
		"ARP request from switch to gateway/eth0", "ARP request from gateway/eth0 to gateway/eth0.10", "dropped at b10/eth0: OTHERHOST",
	}, "; ")
	if diff := cmp.Diff(want, s.sentence()); diff != "" {
		t.Errorf("the way (-want +got):\n%s", diff)
	}
	lanes := []string{"a10/eth0", "b10/eth0", "host/eth0.10", "host/eth0", "switch", "gateway/eth0", "gateway/eth0.10"}
	if diff := cmp.Diff(lanes, s.lanes); diff != "" {
		t.Errorf("the lanes (-want +got):\n%s", diff)
	}
	var changes []string
	for _, h := range s.hops {
		changes = append(changes, h.changes...)
	}
	if diff := cmp.Diff([]string{"tagged VID 10", "tag taken off"}, changes); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if s.left != 3 || len(s.packets) != 1 {
		t.Errorf("%d frames left out and %d packets, want 3 and 1", s.left, len(s.packets))
	}
}

// A routed packet is the same packet, though its addresses and its age are others.
func TestSequenceFollowsARouter(t *testing.T) {
	p := &Picture{Nodes: []PictureNode{
		{Name: "a", Links: []PictureLink{{Name: "eth0", Parent: "switch"}}},
		{Name: "r", Links: []PictureLink{{Name: "eth0", Parent: "switch"}, {Name: "eth1"}}},
	}}
	in, out := at(1, "r/eth0", "host", nil, "IPv4 10.0.0.1 > 10.1.0.1, TTL 64", "UDP port 9 > 9"), at(2, "r/eth1", "outgoing", nil, "IPv4 10.0.0.1 > 10.1.0.1, TTL 63", "UDP port 9 > 9")
	out.Frame.Source, out.Frame.Dest = "02:00:00:00:00:0e", "02:00:00:00:00:0f"
	s := newSequence(p, &Check{Evidence: []Evidence{at(0, "a/eth0", "outgoing", nil, in.Frame.Layers...), in, out}})
	if got, want := s.sentence(), "The frames’ way; UDP at a/eth0; UDP from a/eth0 to r/eth0; UDP from r/eth0 to r/eth1"; got != want {
		t.Errorf("the way is %q, want %q", got, want)
	}
	if got := strings.Join(s.hops[len(s.hops)-1].changes, ", "); got != "source now 02:00:00:00:00:0e, destination now 02:00:00:00:00:0f" {
		t.Errorf("changed: %q", got)
	}
}

func TestSequenceOfNothing(t *testing.T) {
	if s := newSequence(nil, &Check{Evidence: []Evidence{{Kind: "frame", Text: "as an older lanproof wrote it"}}}); s != nil {
		t.Errorf("a way of no frames: %+v", s)
	}
}

// Results may come from anywhere: whatever stands in them is drawn, and in bounds.
func FuzzSequence(f *testing.F) {
	f.Add("a/eth0", "outgoing", "ARP who has 10.0.0.1, tell 10.0.0.2", "switch", 3)
	f.Add(breakout, breakout, breakout, breakout, 200)
	f.Add("", "", "", "/", 1)
	f.Fuzz(func(t *testing.T, where, typ, content, parent string, n int) {
		k := Check{Drops: &Drops{Ends: []End{{At: parent, Reason: content}}}}
		for i := range min(max(n, 0), 300) {
			k.Evidence = append(k.Evidence, at(i, where+strings.Repeat("x", i%20), typ, []string{content}, content, typ))
		}
		p := &Picture{Nodes: []PictureNode{{Name: where, Links: []PictureLink{{Name: typ, Parent: parent}}}, {Name: parent, Links: []PictureLink{{Name: content, Parent: where}}}}}
		s := newSequence(p, &k)
		if s == nil {
			return
		}
		drawn := s.draw()
		if len(s.lanes) > maxLanes || len(drawn) > 1<<20 || strings.Contains(string(drawn), "\x00") {
			t.Errorf("%d lanes in %d bytes", len(s.lanes), len(drawn))
		}
		checkNesting(t, []byte(drawn))
	})
}
