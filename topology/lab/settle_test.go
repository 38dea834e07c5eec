package lab_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/capture"
	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/topology"
	"github.com/lanproof/lanproof/topology/lab"
)

// noise takes the kernel's big lock again and again, as cases that run beside
// this one do. It ends with the test.
func noise(t *testing.T) {
	t.Helper()
	needRoot(t)
	var c *rtnl.Conn
	all, err := netns.NewEach(1, func(int, *netns.NS) (err error) { c, err = rtnl.OpenHere(); return err })
	must(t, err)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := c.NewLink(&rtnl.Link{Name: "x", Kind: "veth", Index: 10, Peer: &rtnl.Link{Name: "y", Index: 11}}); err != nil {
				t.Error(err)
				return
			}
			if err := c.DeleteLink(10); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-done
		c.Close()
		must(t, all[0].Close())
	})
}

// wires is a lab with a tap in every node.
type wires struct {
	*lab.Lab
	taps map[string]*capture.Tap
}

func openWires(t *testing.T, plan *topology.Plan) *wires {
	t.Helper()
	w := &wires{taps: map[string]*capture.Tap{}}
	var mu sync.Mutex
	var err error
	w.Lab, err = lab.Open(plan, lab.Options{Inside: func(n *lab.Node) error {
		tap, err := capture.OpenHere(capture.Config{IgnoreOutgoing: true})
		mu.Lock()
		defer mu.Unlock()
		w.taps[n.Name] = tap
		return err
	}})
	must(t, err)
	return w
}

func (w *wires) close(t *testing.T) {
	t.Helper()
	var taps []*capture.Tap
	for _, tap := range w.taps {
		taps = append(taps, tap)
	}
	must(t, capture.CloseAll(taps...))
	must(t, w.Close())
}

// sends sends one frame from a device, once, and says whether it arrived at another.
func (w *wires) sends(t *testing.T, plan *topology.Plan, from, to string) bool {
	t.Helper()
	f, d := plan.LAN.Device(topology.ParseRef(from, "")), plan.LAN.Device(topology.ParseRef(to, ""))
	frame := append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, f.MAC...)
	frame = append(frame, 0x88, 0xb5, 'x')
	if err := w.taps[f.Node].Send(f.Index, 0x88b5, frame); err != nil {
		t.Logf("send from %s: %v", from, err)
		return false
	}
	tap := w.taps[d.Node]
	for deadline := time.Now().Add(2 * time.Second); ; {
		for {
			got, ok, err := tap.Read()
			must(t, err)
			if !ok {
				break
			}
			if got.Index == d.Index && capture.EtherType(got.Data) == 0x88b5 {
				return true
			}
		}
		ready, err := capture.Wait(context.Background(), deadline, tap)
		must(t, err)
		if !ready {
			return false
		}
	}
}

// TestFirstFrames opens labs while the kernel's lock is fought for, and sends
// the very first frame of every port and of every parent: none may be lost.
func TestFirstFrames(t *testing.T) {
	noise(t)
	labs := 50
	if testing.Short() {
		labs = 5
	}
	for i := range labs {
		plan := compile(t, small())
		w := openWires(t, plan)
		for _, d := range plan.LAN.DevicesOf(topology.SwitchNode) {
			if d.Kind != topology.KindVeth {
				continue
			}
			if !w.sends(t, plan, d.String(), d.Peer.String()) {
				t.Errorf("lab %d: the first frame from %s to %s was lost", i, d, d.Peer)
			}
			if !w.sends(t, plan, d.Peer.String(), d.String()) {
				t.Errorf("lab %d: the first frame from %s to %s was lost", i, d.Peer, d)
			}
		}
		if !w.sends(t, plan, "a/eth0", "pc/eth0") {
			t.Errorf("lab %d: the first frame over the switch was lost", i)
		}
		w.close(t)
	}
}

// TestFirstFramesAfterAChange takes carriers away and brings them back.
func TestFirstFramesAfterAChange(t *testing.T) {
	noise(t)
	plan := compile(t, small())
	needRoot(t)
	w := openWires(t, plan)
	defer w.close(t)
	port := func(carrier bool) topology.Change {
		return topology.Change{Switch: &topology.SetSwitch{Port: "host/eth0", SwitchPort: topology.SwitchPort{Carrier: &carrier}}}
	}
	parent := func(up bool) topology.Change {
		return topology.Change{Set: &topology.SetLink{Link: "host/eth0", Up: &up}}
	}
	rounds := 20
	if testing.Short() {
		rounds = 2
	}
	for i := range rounds {
		for _, both := range [][2]topology.Change{{port(false), port(true)}, {parent(false), parent(true)}} {
			change(t, w.Lab, plan, both[0])
			if w.passes(t, plan, "a/eth0") {
				t.Errorf("round %d: a frame passes a link that is down", i)
			}
			change(t, w.Lab, plan, both[1])
			if !w.sends(t, plan, "a/eth0", "pc/eth0") {
				t.Errorf("round %d: the first frame to the switch was lost", i)
			}
			if !w.sends(t, plan, plan.LAN.Device(topology.ParseRef("host/eth0", "")).Peer.String(), "a/eth0") {
				t.Errorf("round %d: the first frame from the switch was lost", i)
			}
		}
	}
}

// passes says whether a frame has got to the station over the switch by the time
// that sending it returns: one CPU does it all (drivers/net/veth.c:veth_xmit,
// net/bridge/br_forward.c).
func (w *wires) passes(t *testing.T, plan *topology.Plan, from string) bool {
	t.Helper()
	d := plan.LAN.Device(topology.ParseRef(from, ""))
	frame := append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, d.MAC...)
	if err := w.taps[d.Node].Send(d.Index, 0x88b6, append(frame, 0x88, 0xb6, 'x')); err != nil && !errors.Is(err, unix.ENETDOWN) {
		t.Logf("send: %v", err)
	}
	for {
		got, ok, err := w.taps["pc"].Read()
		must(t, err)
		if !ok {
			return false
		}
		if capture.EtherType(got.Data) == 0x88b6 {
			return true
		}
	}
}

// TestAllowedAddresses changes whom a locked port admits.
func TestAllowedAddresses(t *testing.T) {
	needRoot(t)
	plan := compile(t, small())
	w := openWires(t, plan)
	defer w.close(t)
	for _, c := range []struct {
		allow       []string
		child, host bool // whose frames pass
	}{
		{allow: []string{"a/eth0"}, child: true},
		{allow: []string{"host/eth0"}, host: true},
		{allow: []string{"host/eth0", "a/eth0"}, child: true, host: true},
		{allow: []string{}, child: true, host: true},
	} {
		change(t, w.Lab, plan, topology.Change{Switch: &topology.SetSwitch{Port: "host/eth0", SwitchPort: topology.SwitchPort{Allow: c.allow}}})
		for from, want := range map[string]bool{"a/eth0": c.child, "host/eth0": c.host} {
			if got := want && w.sends(t, plan, from, "pc/eth0") || w.passes(t, plan, from); got != want {
				t.Errorf("allow %v: frames from %s pass: %v, want %v", c.allow, from, got, want)
			}
		}
	}
}

// TestAddressesAreReady asks, as soon as a LAN stands, whether its IPv6 addresses can
// be solicited, while the kernel's workers have to wait for others.
func TestAddressesAreReady(t *testing.T) {
	noise(t)
	spec := small()
	spec.Stations[0].Value.Addresses = append(spec.Stations[0].Value.Addresses, "fd00::42:4242/64")
	plan := compile(t, spec)
	for range 20 {
		l, err := lab.Open(plan, lab.Options{})
		must(t, err)
		groups, err := l.Node("pc").Conn.Groups6()
		must(t, err)
		d := plan.LAN.Device(topology.ParseRef("pc/eth0", ""))
		if want := (rtnl.Group{Index: d.Index, IP: netip.MustParseAddr("ff02::1:ff42:4242")}); !slices.Contains(groups, want) {
			t.Errorf("pc/eth0 is a member of %v, and not yet of %s", groups, want.IP)
		}
		must(t, l.Close())
	}
}
