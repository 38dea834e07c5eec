package capture_test

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/vishvananda/netlink"
	vishns "github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/capture"
	"github.com/lanproof/lanproof/internal/netns"
)

// testType is IEEE 802's local experimental EtherType 1: no stack speaks it.
const testType = layers.EthernetType(0x88b5)

var (
	macA      = net.HardwareAddr{2, 0, 0, 0, 0, 0xa}
	macB      = net.HardwareAddr{2, 0, 0, 0, 0, 0xb}
	broadcast = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	group     = net.HardwareAddr{1, 0, 0x5e, 0x1b, 0x2c, 0x3d}
	stranger  = net.HardwareAddr{2, 0, 0, 0, 0, 0xcc}
)

// side is one end of a veth pair, alone in its namespace.
type side struct {
	ns    *netns.NS
	nl    *netlink.Handle
	index int
	name  string
}

// newNS makes a namespace without IPv6, whose frames of its own would mix with
// the tests', and a netlink handle in it.
func newNS(tb testing.TB) side {
	tb.Helper()
	ns, err := netns.New()
	if errors.Is(err, unix.EPERM) {
		tb.Skipf("needs root: %v", err)
	}
	check(tb, err)
	s := side{ns: ns}
	check(tb, ns.Do(func() (err error) {
		for _, which := range []string{"all", "default"} {
			path := "/proc/sys/net/ipv6/conf/" + which + "/disable_ipv6"
			if err := os.WriteFile(path, []byte("1"), 0); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
		s.nl, err = netlink.NewHandle(unix.NETLINK_ROUTE)
		return err
	}))
	tb.Cleanup(func() {
		s.nl.Close()
		check(tb, ns.Close())
	})
	return s
}

// veth puts a veth pair between two namespaces and waits until frames pass.
func veth(tb testing.TB, a, b side, nameA, nameB string, mtu int) (side, side) {
	tb.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU, attrs.HardwareAddr = nameA, mtu, macA
	check(tb, a.nl.LinkAdd(&netlink.Veth{
		LinkAttrs: attrs, PeerName: nameB, PeerHardwareAddr: macB, PeerNamespace: netlink.NsFd(b.ns.FD()),
	}))
	a, b = a.at(tb, nameA), b.at(tb, nameB)
	check(tb, b.nl.LinkSetMTU(b.link(tb), mtu))
	check(tb, a.nl.LinkSetUp(a.link(tb)))
	check(tb, b.nl.LinkSetUp(b.link(tb)))
	a.waitUp(tb) // without a carrier when it was set up, its queue opens later, in linkwatch
	tb.Cleanup(func() {
		if l, err := a.nl.LinkByIndex(a.index); err == nil {
			check(tb, a.nl.LinkDel(l))
		}
	})
	return a, b
}

// newPair is a veth pair between two fresh namespaces.
func newPair(tb testing.TB, mtu int) (a, b side) {
	tb.Helper()
	return veth(tb, newNS(tb), newNS(tb), "a0", "b0", mtu)
}

// at is the same namespace with another device in view.
func (s side) at(tb testing.TB, name string) side {
	tb.Helper()
	l, err := s.nl.LinkByName(name)
	check(tb, err)
	s.index, s.name = l.Attrs().Index, name
	return s
}

func (s side) link(tb testing.TB) netlink.Link {
	tb.Helper()
	l, err := s.nl.LinkByIndex(s.index)
	check(tb, err)
	return l
}

// waitUp waits for the kernel's news that the device is operational.
func (s side) waitUp(tb testing.TB) {
	tb.Helper()
	news, done := make(chan netlink.LinkUpdate, 64), make(chan struct{})
	ns := vishns.NsHandle(s.ns.FD())
	check(tb, netlink.LinkSubscribeWithOptions(news, done, netlink.LinkSubscribeOptions{
		Namespace: &ns, ListExisting: true, ErrorCallback: func(error) {},
	}))
	defer func() {
		close(done)
		for range news { // the subscription's goroutine ends when it could send the last
		}
	}()
	limit := time.After(10 * time.Second)
	for {
		select {
		case n, ok := <-news:
			if !ok {
				tb.Fatal("news of links ended")
			}
			if a := n.Attrs(); a.Index == s.index && a.OperState == netlink.OperUp {
				return
			}
		case <-limit:
			tb.Fatalf("%s does not come up", s.name)
		}
	}
}

// tap opens a tap that the test closes.
func (s side) tap(tb testing.TB, cfg capture.Config) *capture.Tap {
	tb.Helper()
	t, err := capture.Open(s.ns, cfg)
	check(tb, err)
	tb.Cleanup(func() { check(tb, t.Close()) })
	return t
}

// next waits for the next frame of testType.
func next(tb testing.TB, t *capture.Tap) capture.Frame {
	tb.Helper()
	for {
		f, ok, err := t.Read()
		check(tb, err)
		if ok && capture.EtherType(f.Data) == uint16(testType) {
			return f
		}
		if ok {
			continue
		}
		ready, err := capture.Wait(context.Background(), time.Now().Add(10*time.Second), t)
		check(tb, err)
		if !ready {
			tb.Fatal("no frame came")
		}
	}
}

// none checks that no frame of testType is queued.
func none(tb testing.TB, t *capture.Tap) {
	tb.Helper()
	for {
		f, ok, err := t.Read()
		check(tb, err)
		if !ok {
			return
		}
		if capture.EtherType(f.Data) == uint16(testType) {
			tb.Errorf("unexpected frame %s %x", f.Type, f.Data[:20])
		}
	}
}

// dot1q is one tag for frame.
type dot1q struct {
	tpid layers.EthernetType
	vid  uint16
	pcp  uint8
	dei  bool
}

// frame builds a frame of exactly size bytes, at least 60, with gopacket.
func frame(tb testing.TB, dst net.HardwareAddr, size int, tags ...dot1q) []byte {
	tb.Helper()
	eth := &layers.Ethernet{SrcMAC: macA, DstMAC: dst, EthernetType: testType}
	all := []gopacket.SerializableLayer{eth}
	last := &eth.EthernetType
	for _, t := range tags {
		*last = t.tpid
		q := &layers.Dot1Q{Priority: t.pcp, DropEligible: t.dei, VLANIdentifier: t.vid, Type: testType}
		all, last = append(all, q), &q.Type
	}
	payload := make([]byte, size-14-4*len(tags))
	for i := range payload {
		payload[i] = byte(i % 251)
	}
	buf := gopacket.NewSerializeBuffer()
	check(tb, gopacket.SerializeLayers(buf, gopacket.SerializeOptions{}, append(all, gopacket.Payload(payload))...))
	return buf.Bytes()
}

// send sends a frame with the protocol that stands in it.
func send(tb testing.TB, t *capture.Tap, index int, data []byte) {
	tb.Helper()
	check(tb, t.Send(index, uint16(data[12])<<8|uint16(data[13]), data))
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func wantErr(tb testing.TB, err, want error) {
	tb.Helper()
	if !errors.Is(err, want) {
		tb.Errorf("error %v, want %v", err, want)
	}
}
