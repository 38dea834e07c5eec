package probe_test

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/capture"
	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/probe"
)

// TestSweep sends more frames than fit into any queue at once, and misses none of
// their sights.
func TestSweep(t *testing.T) {
	for mode, want := range map[string]string{
		"bridge":  "a/eth0 outgoing, host/p0 otherhost, b/eth0 host, b took it",
		"private": "a/eth0 outgoing, host/p0 outgoing, wire/w0 otherhost",
	} {
		t.Run(mode, func(t *testing.T) {
			withLAN(t, mode, func(l *lan) {
				up, down := true, false
				const lo = 1
				must(t, l.conns["wire"].SetLink(lo, &rtnl.Change{Up: &up}))
				a, b := l.port("a"), l.port("b")
				shots := make([]probe.Shot, 3000)
				for i := range shots {
					shots[i] = probe.Shot{From: a, Source: a.MAC, Dest: b.MAC, Kind: probe.Raw, Record: i < 10}
				}
				for range 2 { // numbers go on
					landings, err := l.field.Sweep(t.Context(), shots, nil)
					must(t, err)
					for i := range landings {
						if got := sights(&landings[i]); got != want || landings[i].SendErr != nil {
							t.Fatalf("shot %d: %s, %v; want %s", i, got, landings[i].SendErr, want)
						}
					}
					l.field.Mark(&landings[len(landings)-1], "the last one")
				}
				got, taps := 0, 3
				for _, p := range l.field.Recorder().Trace().Packets {
					if capture.EtherType(p.Frame.Data) == probe.EtherType {
						got++
					}
				}
				if got != 2*11*taps {
					t.Errorf("%d frames are in the capture, want %d", got, 2*11*taps)
				}
				must(t, l.conns["a"].SetLink(childIndex, &rtnl.Change{Up: &down}))
				l.field.SetFences(nil)
				landings, err := l.field.Sweep(t.Context(), shots[:1], nil)
				must(t, err)
				if l := landings[0]; !errors.Is(l.SendErr, unix.ENETDOWN) || len(l.Sights) > 0 {
					t.Errorf("a device that is down sent: %v, %s", l.SendErr, sights(&l))
				}
			})
		})
	}
}

// sights are where a shot was seen, in the order of the wire: each namespace has a
// tap of its own, and which is read first says nothing.
func sights(l *probe.Landing) string {
	text := ""
	for _, node := range []string{"a", "host", "wire", "b"} {
		for _, taken := range []bool{false, true} {
			for _, s := range l.Sights {
				switch {
				case s.Node != node || s.Taken != taken:
				case taken:
					text += fmt.Sprintf(", %s took it", s.Node)
				default:
					text += fmt.Sprintf(", %s/%s %s", s.Node, s.Link, s.Type)
				}
			}
		}
	}
	return text[min(2, len(text)):]
}
