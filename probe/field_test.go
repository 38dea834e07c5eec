package probe_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/probe"
	"github.com/lanproof/lanproof/reports"
)

// lan is a parent p0 in "host" with macvlans in "a" and "b", and the parent's
// peer in "wire": the smallest place where frames can go astray.
type lan struct {
	ns    map[string]*netns.NS
	conns map[string]*rtnl.Conn
	nodes map[string]*probe.Node
	field *probe.Field
	// passthru is set where the child has its parent's address.
	passthru bool
}

const (
	parentIndex = 10
	wireIndex   = 11
	childIndex  = 20 // a's; b's is the next
)

func mac(last byte) net.HardwareAddr { return net.HardwareAddr{0x02, 0, 0, 0, 0, last} }

// withLAN runs a test in a LAN whose children are in the given mode.
func withLAN(t *testing.T, mode string, test func(l *lan)) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("making network namespaces needs root")
	}
	err := probe.Locked(func() error {
		l := &lan{ns: map[string]*netns.NS{}, conns: map[string]*rtnl.Conn{}, nodes: map[string]*probe.Node{}}
		defer l.close()
		l.build(t, mode)
		test(l)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func (l *lan) build(t *testing.T, mode string) {
	t.Helper()
	names := []string{"wire", "host", "a", "b"}
	var mu sync.Mutex
	_, err := netns.NewEach(len(names), func(i int, ns *netns.NS) error {
		c, err := rtnl.OpenHere()
		if err != nil {
			return err
		}
		n, err := probe.OpenHere(names[i], c, names[i] != "wire")
		mu.Lock()
		defer mu.Unlock()
		l.ns[names[i]], l.conns[names[i]], l.nodes[names[i]] = ns, c, n
		return err
	})
	must(t, err)
	host := l.conns["host"]
	must(t, host.NewLink(&rtnl.Link{Name: "p0", Kind: "veth", Index: parentIndex, MAC: mac(1), Peer: &rtnl.Link{
		Name: "w0", Index: wireIndex, NS: l.ns["wire"].FD(), MAC: mac(2),
	}}))
	up := true
	must(t, host.SetLink(parentIndex, &rtnl.Change{Up: &up}))
	must(t, l.conns["wire"].SetLink(wireIndex, &rtnl.Change{Up: &up}))
	l.waitUp(t, host, parentIndex)
	l.passthru = mode == "passthru"
	for i, name := range []string{"a", "b"} {
		if l.passthru && name == "b" {
			continue // it suffers no other
		}
		child := &rtnl.Link{Name: "eth0", Kind: "macvlan", Index: childIndex + i, Parent: parentIndex, NS: l.ns[name].FD(), Up: true}
		var sources []net.HardwareAddr
		if mode == "source" && name == "a" {
			sources = []net.HardwareAddr{mac(2)}
		}
		child.Data = rtnl.Macvlan(mode, nil, sources, nil, nil)
		if !l.passthru {
			child.MAC = mac(byte(0xa0 + i))
		}
		must(t, host.NewLink(child))
		l.addresses(t, name, childIndex+i)
	}
	l.addresses(t, "host", parentIndex)
	l.field, err = probe.NewField(uint64(time.Now().UnixNano()), []*probe.Node{l.nodes["wire"], l.nodes["host"], l.nodes["a"], l.nodes["b"]},
		func(node string, index int) string {
			return map[int]string{parentIndex: "p0", wireIndex: "w0"}[index] + map[int]string{childIndex: "eth0", childIndex + 1: "eth0"}[index]
		})
	must(t, err)
	l.field.SetFences(l.fences(mode))
}

// fences are those that each mode allows.
func (l *lan) fences(mode string) []probe.Fence {
	switch mode {
	case "passthru":
		return []probe.Fence{{At: l.port("wire"), Reaches: []probe.Port{l.port("host"), l.port("a")}}}
	case "source":
		return []probe.Fence{
			{At: l.port("wire"), Reaches: []probe.Port{l.port("host")}},
			{At: l.port("wire"), Source: mac(2), Dest: mac(0xa0), Reaches: []probe.Port{l.port("a")}},
		}
	}
	return []probe.Fence{{At: l.port("wire"), Reaches: []probe.Port{l.port("host"), l.port("a"), l.port("b")}}}
}

func (l *lan) addresses(t *testing.T, name string, index int) {
	t.Helper()
	must(t, l.conns[name].AddAddress(index, netip.PrefixFrom(l.address(name), 24)))
	must(t, l.conns[name].AddAddress(index, netip.PrefixFrom(l.address6(name), 64)))
}

// waitUp waits for linkwatch to have activated the end that came up first.
func (l *lan) waitUp(t *testing.T, c *rtnl.Conn, index int) {
	t.Helper()
	var events *rtnl.Events
	must(t, l.ns["host"].Do(func() (err error) { events, err = rtnl.WatchLinksHere(); return err }))
	defer events.Close()
	for {
		s, err := c.Link(index)
		must(t, err)
		if s.Operstate == "up" {
			return
		}
		must(t, events.Wait(10*time.Second))
	}
}

func (l *lan) address(name string) netip.Addr {
	return netip.MustParseAddr(map[string]string{"host": "192.168.7.1", "a": "192.168.7.2", "b": "192.168.7.3"}[name])
}

func (l *lan) address6(name string) netip.Addr {
	return netip.MustParseAddr(map[string]string{"host": "fd00:7::1", "a": "fd00:7::2", "b": "fd00:7::3"}[name])
}

func (l *lan) port(name string) probe.Port {
	p := map[string]probe.Port{
		"wire": {Index: wireIndex, Name: "w0", MAC: mac(2)},
		"host": {Index: parentIndex, Name: "p0", MAC: mac(1)},
		"a":    {Index: childIndex, Name: "eth0", MAC: mac(0xa0)},
		"b":    {Index: childIndex + 1, Name: "eth0", MAC: mac(0xa1)},
	}[name]
	p.Node = l.nodes[name]
	if l.passthru && name == "a" {
		p.MAC = mac(1)
	}
	return p
}

func (l *lan) close() {
	var nodes []*probe.Node
	for _, n := range l.nodes {
		if n != nil {
			nodes = append(nodes, n)
		}
	}
	_ = probe.CloseAll(nodes...)
	for name, c := range l.conns {
		c.Close()
		_ = l.ns[name].Close()
	}
	if l.field != nil {
		_ = l.field.Close()
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (l *lan) flow(kind probe.Kind, cast probe.Cast, from, to string) *probe.Flow {
	f := &probe.Flow{Kind: kind, Cast: cast, From: l.port(from), To: l.port(to)}
	if kind != probe.Raw {
		f.Source, f.Target = l.address(from), l.address(to)
	}
	return f
}

// TestModes walks the table of what macvlan does with frames between two
// children, their host, and the wire (drivers/net/macvlan.c:macvlan_queue_xmit,
// macvlan_handle_frame).
func TestModes(t *testing.T) {
	for _, mode := range []string{"private", "vepa", "bridge"} {
		t.Run(mode, func(t *testing.T) {
			withLAN(t, mode, func(l *lan) {
				bridge := mode == "bridge"
				for _, c := range []struct {
					kind     probe.Kind
					cast     probe.Cast
					from, to string
					want     bool
				}{
					{probe.Raw, probe.Unicast, "a", "b", bridge},
					{probe.Raw, probe.Broadcast, "a", "b", bridge},
					{probe.Raw, probe.Multicast, "a", "b", bridge},
					{probe.Raw, probe.Unsubscribed, "a", "b", false},
					{probe.Raw, probe.Unknown, "a", "b", false},
					{probe.ICMP, probe.Unicast, "a", "b", bridge},
					{probe.UDP, probe.Unicast, "a", "b", bridge},
					{probe.UDP, probe.Broadcast, "a", "b", bridge},
					{probe.UDP, probe.Multicast, "a", "b", bridge},
					{probe.ARP, probe.Unicast, "a", "b", bridge},
					{probe.Raw, probe.Unicast, "a", "host", false},
					{probe.Raw, probe.Broadcast, "a", "host", false},
					{probe.ICMP, probe.Unicast, "a", "host", false},
					{probe.Raw, probe.Unicast, "host", "a", false},
					{probe.Raw, probe.Broadcast, "host", "a", false},
					{probe.UDP, probe.Unicast, "host", "a", false},
					{probe.Raw, probe.Unicast, "wire", "a", true},
					{probe.Raw, probe.Broadcast, "wire", "a", true},
					{probe.Raw, probe.Broadcast, "wire", "host", true},
					{probe.Raw, probe.Unicast, "wire", "host", true},
					{probe.Raw, probe.Unknown, "wire", "a", false},
				} {
					o := l.field.Probe(context.Background(), l.flow(c.kind, c.cast, c.from, c.to))
					f := o.Find(c.want, 0)
					name := fmt.Sprintf("%s %s %s to %s", c.kind, c.cast, c.from, c.to)
					if v := probe.Judge(f); v != reports.Pass {
						t.Errorf("%s: %s, %s", name, v, f.Observed)
					}
					if !c.want && f.Proof != reports.ProofFence {
						t.Errorf("%s: absence proven by %q, want %q", name, f.Proof, reports.ProofFence)
					}
					// The opposite expectation must turn the verdict red.
					if v := probe.Judge(o.Find(!c.want, 0)); v != reports.Fail {
						t.Errorf("%s: expecting the opposite gives %s, want %s", name, v, reports.Fail)
					}
				}
			})
		})
	}
}

// TestStaticNeighbours shows that a static flow needs no ARP.
func TestStaticNeighbours(t *testing.T) {
	withLAN(t, "bridge", func(l *lan) {
		flow := l.flow(probe.ICMP, probe.Unicast, "a", "b")
		flow.Static = true
		o := l.field.Probe(context.Background(), flow)
		if !o.Replied {
			t.Errorf("no reply: %+v", o.Find(true, 0))
		}
		for _, s := range o.Sightings {
			// The kernels' own IPv6 may still be making its addresses.
			if strings.Contains(s.Text(), "ARP") {
				t.Errorf("%s saw %s, though neighbours were known", s.At(), s.Text())
			}
		}
	})
}

// TestSendRefused shows that the kernel's refusal is an answer, not trouble.
func TestSendRefused(t *testing.T) {
	withLAN(t, "bridge", func(l *lan) {
		down := false
		must(t, l.conns["a"].SetLink(childIndex, &rtnl.Change{Up: &down}))
		l.field.SetFences([]probe.Fence{{At: l.port("wire"), Reaches: []probe.Port{l.port("host"), l.port("b")}}})
		o := l.field.Probe(context.Background(), l.flow(probe.Raw, probe.Unicast, "a", "b"))
		f := o.Find(false, unix.ENETDOWN)
		if probe.Judge(f) != reports.Pass || f.Proof != reports.ProofErrno {
			t.Errorf("sending by a device that is down: %+v", f)
		}
		if f := o.Find(false, unix.ENOBUFS); probe.Judge(f) != reports.Fail {
			t.Errorf("another errno than the expected one is no failure: %+v", f)
		}
	})
}

// TestLostFenceIsNoProof shows that silence proves nothing when the fence is
// lost, too.
func TestLostFenceIsNoProof(t *testing.T) {
	withLAN(t, "private", func(l *lan) {
		l.field.Deadline = 50 * time.Millisecond
		// A fence that enters at a's own wire never comes out at b.
		l.field.SetFences([]probe.Fence{{At: l.port("a"), Reaches: []probe.Port{l.port("b")}}})
		o := l.field.Probe(context.Background(), l.flow(probe.Raw, probe.Unicast, "a", "b"))
		if f := o.Find(false, 0); probe.Judge(f) != reports.Error {
			t.Errorf("a negative without its fence: %s, %s", probe.Judge(f), f.Observed)
		}
		if f := o.Find(true, 0); probe.Judge(f) != reports.Fail {
			t.Errorf("a positive that did not arrive: %s, %s", probe.Judge(f), f.Observed)
		}
	})
}

// TestDeadAddressIsNoProof asks for an address that nobody has: that no answer
// comes says nothing, since none could.
func TestDeadAddressIsNoProof(t *testing.T) {
	withLAN(t, "bridge", func(l *lan) {
		l.field.Deadline = 200 * time.Millisecond
		flow := l.flow(probe.ARP, probe.Unicast, "b", "a")
		flow.Target = netip.MustParseAddr("192.0.2.250")
		flow6 := l.flow6(probe.ND, probe.Unicast, "b", "a")
		flow6.Target = netip.MustParseAddr("2001:db8::250")
		for _, flow := range []*probe.Flow{flow, flow6} {
			o := l.field.Probe(context.Background(), flow)
			if f := o.Find(false, 0); probe.Judge(f) != reports.Error {
				t.Errorf("%s: %s: %s, want an error", flow.Kind, probe.Judge(f), f.Observed)
			}
		}
	})
}

// TestNoFenceIsQuiet shows the proof where no fence can exist.
func TestNoFenceIsQuiet(t *testing.T) {
	withLAN(t, "private", func(l *lan) {
		l.field.SetFences(nil)
		l.field.QuietWindow = 10 * time.Millisecond
		o := l.field.Probe(context.Background(), l.flow(probe.Raw, probe.Unicast, "a", "b"))
		if f := o.Find(false, 0); probe.Judge(f) != reports.Pass || f.Proof != reports.ProofQuiet {
			t.Errorf("got %s by %q: %s", probe.Judge(f), f.Proof, f.Observed)
		}
	})
}

// TestCapture shows that a probe's frames are in the capture with comments.
func TestCapture(t *testing.T) {
	withLAN(t, "bridge", func(l *lan) {
		o := l.field.Probe(context.Background(), l.flow(probe.ICMP, probe.Unicast, "a", "b"))
		l.field.Annotate(o, "check x: pass")
		if len(o.Sightings) == 0 {
			t.Fatal("nothing was seen")
		}
		trace := l.field.Recorder().Trace()
		for _, s := range o.Sightings {
			n := l.field.Packet(s)
			if n == 0 || len(trace.Packets[n-1].Comments) == 0 {
				t.Errorf("the frame seen at %s (%s) is packet %d, without a comment", s.At(), s.Text(), n)
			}
		}
	})
}

func BenchmarkNegativeByFence(b *testing.B) {
	t := &testing.T{}
	withLAN(t, "private", func(l *lan) {
		flow := l.flow(probe.Raw, probe.Unicast, "a", "b")
		for b.Loop() {
			o := l.field.Probe(context.Background(), flow)
			if f := o.Find(false, 0); probe.Judge(f) != reports.Pass {
				b.Fatal(f.Observed)
			}
		}
	})
}
