package topology

import (
	"slices"
	"testing"
)

// follow holds what is found by name against a search of the whole LAN.
func follow(t *testing.T, what string, l *LAN, gone ...Ref) {
	t.Helper()
	for i, n := range l.Nodes {
		if got, ok := l.Node(n.Name); !ok || got != n {
			t.Errorf("%s: node %d is %v, %v", what, i, got, ok)
		}
		var want []*Device
		for _, d := range l.Devices {
			if d.Node == n.Name {
				want = append(want, d)
			}
			if d.Node == n.Name && l.Device(d.Ref) != d {
				t.Errorf("%s: %s is %v", what, d.Ref, l.Device(d.Ref))
			}
		}
		if got := l.DevicesOf(n.Name); !slices.Equal(got, want) {
			t.Errorf("%s: %s has %v, want %v", what, n.Name, got, want)
		}
	}
	for _, r := range gone {
		if d := l.Device(r); d != nil {
			t.Errorf("%s: %s is still there", what, r)
		}
	}
}

func TestNames(t *testing.T) {
	l := &LAN{}
	follow(t, "empty", l, Ref{"a", "eth0"})
	l.addNode(Node{Name: "a"})
	l.addNode(Node{Name: "b"})
	lower := &Device{Ref: Ref{"a", "eth0"}}
	l.addDevice(lower)
	l.addDevice(&Device{Ref: Ref{"b", "eth0"}, Parent: lower.Ref})
	l.addDevice(&Device{Ref: Ref{"a", "eth1"}})
	follow(t, "built", l)

	other := l.clone()
	other.rename(other.Devices[0], Ref{"b", "eth7"})
	follow(t, "renamed in a copy", other, Ref{"a", "eth0"})
	follow(t, "the copy's original", l, Ref{"b", "eth7"})

	l.Devices = append(l.Devices, &Device{Ref: Ref{"b", "eth9"}})
	follow(t, "added by hand", l)
	l.addDevice(&Device{Ref: Ref{"b", "eth10"}})
	follow(t, "added behind that", l)
	l.remove(lower.Ref)
	follow(t, "removed", l, lower.Ref, Ref{"b", "eth0"})
	l.Nodes = l.Nodes[1:]
	follow(t, "a node less", l)
}
