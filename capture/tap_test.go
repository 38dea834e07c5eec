package capture_test

import (
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/capture"
)

func TestFramesAreAsOnTheWire(t *testing.T) {
	a, b := newPair(t, 65535)
	sender := a.tap(t, capture.Config{SendOnly: true})
	out := a.tap(t, capture.Config{Index: a.index})
	in := b.tap(t, capture.Config{})
	const q, ad = capture.TPID8021Q, capture.TPID8021AD
	tests := []struct {
		name string
		data []byte
	}{
		{"smallest", frame(t, macB, 60)},
		{"full", frame(t, macB, 1514)},
		{"largest MTU", frame(t, macB, 65549)},
		{"largest MTU and a tag", frame(t, macB, 65553, dot1q{tpid: 0x8100, vid: 10})},
		{"802.1Q", frame(t, macB, 64, dot1q{tpid: 0x8100, vid: 10, pcp: 5})},
		{"802.1Q DEI and highest values", frame(t, macB, 64, dot1q{tpid: 0x8100, vid: 4095, pcp: 7, dei: true})},
		{"802.1Q full", frame(t, macB, 1518, dot1q{tpid: 0x8100, vid: 10})},
		{"priority tag with TCI 0", frame(t, macB, 64, dot1q{tpid: 0x8100})},
		{"802.1ad", frame(t, macB, 64, dot1q{tpid: 0x88a8, vid: 20, pcp: 3})},
		{"802.1ad with TCI 0", frame(t, macB, 64, dot1q{tpid: 0x88a8})},
		{"802.1ad and 802.1Q", frame(t, macB, 68, dot1q{tpid: 0x88a8, vid: 20}, dot1q{tpid: 0x8100, vid: 10, pcp: 5})},
		{"802.1Q twice", frame(t, macB, 68, dot1q{tpid: 0x8100, vid: 20}, dot1q{tpid: 0x8100, vid: 10})},
		{"three tags", frame(t, macB, 72, dot1q{tpid: 0x88a8, vid: 1}, dot1q{tpid: 0x88a8, vid: 2}, dot1q{tpid: 0x8100, vid: 3})},
		{"0x9100", frame(t, macB, 64, dot1q{tpid: 0x9100, vid: 30})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			send(t, sender, a.index, tt.data)
			now := time.Now()
			sent, got := next(t, out), next(t, in)
			for _, f := range []capture.Frame{sent, got} {
				if d := cmp.Diff(tt.data, f.Data); d != "" {
					t.Errorf("%s: bytes differ (-want +got):\n%.500s", f.Direction(), d)
				}
				if f.Length != len(tt.data) {
					t.Errorf("%s: length %d, want %d", f.Direction(), f.Length, len(tt.data))
				}
				if age := now.Sub(f.Time).Abs(); age > time.Hour {
					t.Errorf("%s: time stamp %v is not the frame's time %v", f.Direction(), f.Time, now)
				}
			}
			if sent.Type != capture.Outgoing || sent.Direction() != capture.Out || sent.Index != a.index {
				t.Errorf("sender's tap: %s %s on %d, want outgoing out on %d", sent.Type, sent.Direction(), sent.Index, a.index)
			}
			if got.Type != capture.Host || got.Direction() != capture.In || got.Index != b.index {
				t.Errorf("receiver's tap: %s %s on %d, want host in on %d", got.Type, got.Direction(), got.Index, b.index)
			}
		})
	}
	if tags := capture.Tags(tests[10].data); tags[0].TPID != ad || tags[1].TPID != q {
		t.Errorf("tags %v", tags)
	}
}

func TestPacketTypes(t *testing.T) {
	a, b := newPair(t, 1500)
	tapA := a.tap(t, capture.Config{})
	tapB := b.tap(t, capture.Config{})
	for _, tt := range []struct {
		want capture.PacketType
		dst  []byte
	}{
		{capture.Host, macB},
		{capture.Broadcast, broadcast},
		{capture.Multicast, group},
		{capture.OtherHost, stranger},
	} {
		t.Run(tt.want.String(), func(t *testing.T) {
			send(t, tapA, a.index, frame(t, tt.dst, 60))
			if f := next(t, tapB); f.Type != tt.want {
				t.Errorf("type %s, want %s", f.Type, tt.want)
			}
		})
	}
	none(t, tapA) // a socket does not get its own frames back
}

func TestWhatATapLeavesOut(t *testing.T) {
	a, b := newPair(t, 1500)
	sender := a.tap(t, capture.Config{SendOnly: true})
	all := a.tap(t, capture.Config{})
	incoming := a.tap(t, capture.Config{IgnoreOutgoing: true})
	special := a.tap(t, capture.Config{Protocol: uint16(testType)})
	other := a.tap(t, capture.Config{Protocol: 0x88b6})
	elsewhere := a.tap(t, capture.Config{Index: 1}) // lo
	send(t, sender, a.index, frame(t, macB, 60))
	if f := next(t, all); f.Type != capture.Outgoing {
		t.Errorf("type %s, want outgoing", f.Type)
	}
	none(t, incoming)
	none(t, special)

	back := frame(t, macA, 60)
	send(t, b.tap(t, capture.Config{SendOnly: true}), b.index, back)
	for _, tap := range []*capture.Tap{all, incoming, special} {
		if f := next(t, tap); f.Type != capture.Host {
			t.Errorf("type %s, want host", f.Type)
		}
	}
	for _, tap := range []*capture.Tap{sender, other, elsewhere} {
		none(t, tap)
	}
}

// TestOutgoingTagBesideTheBytes lets a bridge forward a tagged frame: the kernel
// then holds the tag beside the bytes on the way out, unless the device cannot
// insert it. A filter that asks for such a tag shows which of the two it was.
func TestOutgoingTagBesideTheBytes(t *testing.T) {
	mid := newNS(t)
	a, in := veth(t, newNS(t), mid, "a0", "in", 1500)
	end, out := veth(t, newNS(t), mid, "d0", "out", 1500)
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "br0"
	if err := mid.nl.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}); errors.Is(err, unix.EOPNOTSUPP) {
		t.Skipf("needs bridges: %v", err)
	} else {
		check(t, err)
	}
	br := mid.at(t, "br0")
	for _, port := range []side{in, out} {
		port.waitUp(t)
		check(t, mid.nl.LinkSetMasterByIndex(port.link(t), br.index))
	}
	check(t, mid.nl.LinkSetUp(br.link(t))) // the ports are up, and forward from here on

	sender := a.tap(t, capture.Config{SendOnly: true})
	all := mid.tap(t, capture.Config{Index: out.index})
	beside := mid.tap(t, capture.Config{Index: out.index, Filter: assemble(t,
		bpf.LoadExtension{Num: bpf.ExtVLANTagPresent},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipTrue: 1},
		bpf.RetConstant{Val: 1 << 18},
		bpf.RetConstant{Val: 0},
	)})
	arrived := end.tap(t, capture.Config{Index: end.index})
	data := frame(t, broadcast, 68, dot1q{tpid: 0x8100, vid: 10, pcp: 5}, dot1q{tpid: 0x8100, vid: 7})
	for _, offload := range []bool{true, false} {
		setVLANOffload(t, out, offload)
		send(t, sender, a.index, data)
		for _, f := range []capture.Frame{next(t, all), next(t, arrived)} {
			if d := cmp.Diff(data, f.Data); d != "" || f.Length != len(data) {
				t.Errorf("offload %v, %s: length %d (-want +got):\n%s", offload, f.Type, f.Length, d)
			}
		}
		if _, ok, err := beside.Read(); ok != offload || err != nil {
			t.Errorf("offload %v: tag beside the bytes %v, %v", offload, ok, err)
		}
	}
}

func TestFilter(t *testing.T) {
	a, b := newPair(t, 1500)
	sender := a.tap(t, capture.Config{SendOnly: true})
	cut := b.tap(t, capture.Config{Filter: assemble(t,
		bpf.LoadAbsolute{Off: 12, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(testType), SkipFalse: 1},
		bpf.RetConstant{Val: 20},
		bpf.RetConstant{Val: 0},
	)})
	other := frame(t, macB, 60)
	other[13]++ // another EtherType
	plain, tagged := frame(t, macB, 100), frame(t, macB, 100, dot1q{tpid: 0x8100, vid: 10})
	for _, data := range [][]byte{other, plain, tagged} {
		send(t, sender, a.index, data)
	}
	for _, want := range [][]byte{plain[:20], tagged[:24]} {
		f := next(t, cut)
		if d := cmp.Diff(want, f.Data); d != "" || f.Length != 100 {
			t.Errorf("length %d, want 100; bytes (-want +got):\n%s", f.Length, d)
		}
	}
	none(t, cut)
	if s, err := cut.Stats(); err != nil || s.Received != 2 {
		t.Errorf("stats %+v, %v, want 2 received", s, err)
	}
}

func TestFramesAreTheReadersOwn(t *testing.T) {
	a, b := newPair(t, 1500)
	sender, tap := a.tap(t, capture.Config{SendOnly: true}), b.tap(t, capture.Config{})
	want := frame(t, macB, 60)
	send(t, sender, a.index, want)
	send(t, sender, a.index, frame(t, broadcast, 1514))
	first := next(t, tap)
	next(t, tap)
	if d := cmp.Diff(want, first.Data); d != "" {
		t.Errorf("the first frame after the second was read (-want +got):\n%s", d)
	}
}

// TestSendSaysTheProtocol asks the kernel what it took a frame for, which is
// what it was told and not what the bytes say.
func TestSendSaysTheProtocol(t *testing.T) {
	a, _ := newPair(t, 1500)
	sender := a.tap(t, capture.Config{SendOnly: true})
	told := a.tap(t, capture.Config{Filter: assemble(t,
		bpf.LoadExtension{Num: bpf.ExtProto},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x1234, SkipFalse: 1},
		bpf.RetConstant{Val: 1 << 18},
		bpf.RetConstant{Val: 0},
	)})
	check(t, sender.Send(a.index, uint16(testType), frame(t, macB, 60)))
	none(t, told)
	check(t, sender.Send(a.index, 0x1234, frame(t, macB, 60)))
	next(t, told)
}

func TestDrops(t *testing.T) {
	a, b := newPair(t, 1500)
	sender := a.tap(t, capture.Config{SendOnly: true})
	tiny := b.tap(t, capture.Config{Protocol: uint16(testType), Buffer: 1})
	large := b.tap(t, capture.Config{Protocol: uint16(testType)})
	const sent = 500
	for range sent {
		send(t, sender, a.index, frame(t, macB, 1514))
	}
	read := func(tap *capture.Tap) (n int) {
		for {
			_, ok, err := tap.Read()
			check(t, err)
			if !ok {
				return n
			}
			n++
		}
	}
	for range sent {
		next(t, large) // the last has come
	}
	if n, err := large.Drops(); n != 0 || err != nil {
		t.Errorf("large buffer: %d drops, %v", n, err)
	}
	got := read(tiny)
	drops, err := tiny.Drops()
	check(t, err)
	if drops == 0 || got+drops != sent {
		t.Errorf("tiny buffer: read %d, dropped %d of %d", got, drops, sent)
	}
	if again, err := tiny.Drops(); again != drops || err != nil {
		t.Errorf("drops asked again: %d, %v, want %d", again, err, drops)
	}
	send(t, sender, a.index, frame(t, macB, 60))
	next(t, tiny)
	want := capture.Stats{Received: sent + 1, Dropped: drops}
	if s, err := tiny.Stats(); s != want || err != nil {
		t.Errorf("stats %+v, %v, want %+v", s, err, want)
	}
	check(t, tiny.Close())
	if s, err := tiny.Stats(); s != want || err != nil {
		t.Errorf("stats after close %+v, %v, want %+v", s, err, want)
	}
}

func TestDeviceGoesDownAndUp(t *testing.T) {
	a, b := newPair(t, 1500)
	sender := a.tap(t, capture.Config{SendOnly: true})
	tap := b.tap(t, capture.Config{Index: b.index})
	send(t, sender, a.index, frame(t, macB, 60))
	check(t, b.nl.LinkSetDown(b.link(t)))
	next(t, tap) // what was queued is still there
	if _, ok, err := tap.Read(); ok || err != nil {
		t.Errorf("read on a device that is down: %v, %v", ok, err)
	}
	wantErr(t, tap.Send(b.index, uint16(testType), frame(t, macA, 60)), unix.ENETDOWN)
	check(t, b.nl.LinkSetUp(b.link(t)))
	a.waitUp(t)
	send(t, sender, a.index, frame(t, macB, 60))
	next(t, tap)
}

// TestSendAfterNewsOfDown sends on a device that is up by a tap whose own
// device has gone down meanwhile: the news of it is not about this frame.
func TestSendAfterNewsOfDown(t *testing.T) {
	a, b := newPair(t, 1500)
	tap := a.tap(t, capture.Config{Index: 1}) // lo is down
	seen := b.tap(t, capture.Config{})
	send(t, tap, a.index, frame(t, macB, 60))
	next(t, seen)
	none(t, seen)
}

func TestSendErrors(t *testing.T) {
	a, _ := newPair(t, 1500)
	tap := a.tap(t, capture.Config{})
	proto := uint16(testType)
	wantErr(t, tap.Send(a.index, proto, frame(t, macB, 1515)), unix.EMSGSIZE)
	wantErr(t, tap.Send(a.index+100, proto, frame(t, macB, 60)), unix.ENXIO)
	wantErr(t, tap.Send(1, proto, frame(t, macB, 60)), unix.ENETDOWN)
	wantErr(t, tap.Send(a.index, proto, make([]byte, 10)), unix.EINVAL)
	wantErr(t, tap.Send(-1, proto, frame(t, macB, 60)), unix.EINVAL)
	check(t, tap.Send(a.index, capture.TPID8021Q, frame(t, macB, 1518, dot1q{tpid: 0x8100, vid: 1})))
	wantErr(t, tap.Send(a.index, capture.TPID8021AD, frame(t, macB, 1518, dot1q{tpid: 0x88a8, vid: 1})), unix.EMSGSIZE)
	check(t, tap.Close())
	wantErr(t, tap.Send(a.index, proto, frame(t, macB, 60)), os.ErrClosed)
}

// TestSendRefused sends what the other end of the pair does not take.
func TestSendRefused(t *testing.T) {
	a, b := newPair(t, 1500)
	check(t, b.nl.LinkSetMTU(b.link(t), 1000))
	tap := a.tap(t, capture.Config{SendOnly: true})
	err := tap.Send(a.index, uint16(testType), frame(t, macB, 1514))
	if err == nil {
		t.Skip("needs a kernel whose veth says that it dropped a frame")
	}
	wantErr(t, err, unix.ENOBUFS)
}

func TestJoin(t *testing.T) {
	_, b := newPair(t, 1500)
	tap := b.tap(t, capture.Config{Index: b.index})
	other := b.tap(t, capture.Config{SendOnly: true})
	expect := func(when string, want bool) {
		t.Helper()
		var list []byte
		check(t, b.ns.Do(func() (err error) {
			list, err = os.ReadFile("/proc/thread-self/net/dev_mcast")
			return err
		}))
		if got := strings.Contains(string(list), hex.EncodeToString(group)); got != want {
			t.Errorf("%s: group in the device's list: %v, want %v\n%s", when, got, want, list)
		}
	}
	expect("before", false)
	check(t, tap.Join(b.index, group))
	expect("joined", true)
	check(t, other.Join(b.index, group))
	check(t, tap.Leave(b.index, group))
	expect("still joined by another", true)
	check(t, tap.Leave(b.index, group))
	expect("left twice", true)
	check(t, other.Close())
	expect("the other closed", false)

	wantErr(t, tap.Join(b.index+100, group), unix.ENODEV)
	wantErr(t, tap.Join(b.index, make([]byte, 9)), unix.EINVAL)
	check(t, tap.Close())
	wantErr(t, tap.Join(b.index, group), os.ErrClosed)
}

func TestPromiscuous(t *testing.T) {
	_, b := newPair(t, 1500)
	tap := b.tap(t, capture.Config{Index: b.index})
	expect := func(when string, want int) {
		t.Helper()
		if got := b.link(t).Attrs().Promisc; got != want {
			t.Errorf("%s: promiscuity %d, want %d", when, got, want)
		}
	}
	expect("before", 0)
	check(t, tap.Promiscuous(b.index, true))
	expect("on", 1)
	check(t, tap.Promiscuous(b.index, false))
	expect("off", 0)
	check(t, tap.Promiscuous(b.index, true))
	check(t, tap.Close())
	expect("closed", 0)
}

func TestOpenErrors(t *testing.T) {
	a, _ := newPair(t, 1500)
	_, err := capture.Open(a.ns, capture.Config{Index: a.index + 100})
	wantErr(t, err, unix.ENODEV)
	_, err = capture.Open(a.ns, capture.Config{Filter: make([]bpf.RawInstruction, 1<<16+1)})
	wantErr(t, err, unix.EINVAL)
	_, err = capture.Open(a.ns, capture.Config{Filter: []bpf.RawInstruction{{Op: 0xffff}}})
	wantErr(t, err, unix.EINVAL)
}

func TestClose(t *testing.T) {
	s := newNS(t)
	taps := make([]*capture.Tap, 16)
	check(t, s.ns.Do(func() (err error) {
		for i := range taps {
			if taps[i], err = capture.OpenHere(capture.Config{}); err != nil {
				return err
			}
		}
		return nil
	}))
	check(t, taps[3].Close())
	check(t, capture.CloseAll(append(taps, nil, taps[0], &capture.Tap{})...))
	for _, tap := range taps {
		if tap.FD() != -1 {
			t.Errorf("descriptor %d after close", tap.FD())
		}
		_, ok, err := tap.Read()
		wantErr(t, err, os.ErrClosed)
		if ok {
			t.Error("frame from a closed tap")
		}
		check(t, tap.Close())
	}
	check(t, (*capture.Tap)(nil).Close())
}

// TestOrdinaryUser opens a tap in a user namespace, where root may not go
// beyond the system's limits.
func TestOrdinaryUser(t *testing.T) {
	const inside = "CAPTURE_TEST_INSIDE"
	if os.Getenv(inside) != "" {
		tap, err := capture.OpenHere(capture.Config{Buffer: 64 << 20})
		check(t, err)
		size, err := unix.GetsockoptInt(tap.FD(), unix.SOL_SOCKET, unix.SO_RCVBUF)
		check(t, err)
		if size >= 64<<20 {
			t.Skip("the system's limit is too high to see a difference")
		}
		check(t, tap.Close())
		return
	}
	exe, err := os.Executable()
	check(t, err)
	cmd := exec.Command(exe, "-test.run=^TestOrdinaryUser$", "-test.v")
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC) {
		t.Skipf("needs user namespaces: %v", err)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func assemble(tb testing.TB, program ...bpf.Instruction) []bpf.RawInstruction {
	tb.Helper()
	raw, err := bpf.Assemble(program)
	check(tb, err)
	return raw
}

// setVLANOffload says whether a device inserts VLAN tags itself, as
// "ethtool -K DEVICE txvlan on|off" does.
func setVLANOffload(tb testing.TB, s side, on bool) {
	tb.Helper()
	const txVLAN = 1 << 7 // ETH_FLAG_TXVLAN
	check(tb, s.ns.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		flags, err := ethtoolFlags(fd, s.name, unix.ETHTOOL_GFLAGS, 0)
		if err != nil {
			return err
		}
		flags &^= txVLAN
		if on {
			flags |= txVLAN
		}
		_, err = ethtoolFlags(fd, s.name, unix.ETHTOOL_SFLAGS, flags)
		return err
	}))
}
