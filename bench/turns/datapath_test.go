package turns

import (
	"testing"
	"time"
)

// TestDataPathInGuests has data paths that few machines have themselves measured on the
// oldest kernel. Frames come out of packet sockets, of which that kernel's ipvlan cannot
// tell the protocol by itself.
func TestDataPathInGuests(t *testing.T) {
	names := []string{
		"frames/ipvlan-l3/out/size=64", "frames/ipvlan-l2-vepa/side/size=1500", "throughput/vlan/size=512",
		"tcp/ipvlan-l3s/in", "udp/vlan-macvlan/in/gso=on", "udp/ipvlan-l3/out/gso=off", "rtt/vlan-macvlan/side",
		"tcp/vlan/family=ipv6", "udp/ipvlan-l3s/side/gso=on/family=ipv6", "udp/ipvlan-l2/in/gso=off/family=ipv6", "rtt/ipvlan-l3/out/family=ipv6",
	}
	o := guestOptions(t, names...)
	o.Targets[0].Kernel, o.Generator, o.Effort = "debian:6.1", "packet", 5*time.Millisecond
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Problems {
		t.Errorf("%s: %s", p.Benchmark, p.Reason)
	}
	for _, name := range names {
		if s := only(t, r, name); len(s.Samples) != 1 || s.Samples[0].Value <= 0 {
			t.Errorf("%s: %+v", name, s.Samples)
		}
	}
}
