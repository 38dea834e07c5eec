package drops

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/netns"
)

// open opens a tracer, or skips where the kernel or the user's rights do not allow it.
func open(t *testing.T) *Tracer {
	t.Helper()
	tracer, err := Open()
	if errors.Is(err, unix.EPERM) || errors.Is(err, ebpf.ErrNotSupported) || errors.Is(err, fs.ErrNotExist) {
		t.Skip(err)
	}
	if err != nil {
		var v *ebpf.VerifierError
		if errors.As(err, &v) {
			t.Fatalf("%+v", v)
		}
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tracer.Close(); err != nil {
			t.Error(err)
		}
	})
	return tracer
}

// inode is a namespace's number.
func inode(t *testing.T, ns *netns.NS) uint32 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Fstat(ns.FD(), &st); err != nil {
		t.Fatal(err)
	}
	return uint32(st.Ino)
}

// unspoken is IEEE 802's second EtherType for local experiments.
const unspoken = 0x88b6

// sendUnspoken sends n frames that no protocol takes.
func sendUnspoken(n int, tags ...byte) ([]byte, error) {
	frame := slices.Insert(frameOfType(unspoken), 12, tags...)
	return frame, sendUnwanted(frame, n)
}

func TestUnwanted(t *testing.T) {
	tracer := open(t)
	d, err := tracer.Unwanted(unspoken)
	if err != nil || d.Reason != "UNHANDLED_PROTO" || d.Function != "__netif_receive_skb_core" {
		t.Errorf("%+v, %v", d, err)
	}
	// A frame that a protocol takes does not die so.
	if d, err := tracer.Unwanted(unix.ETH_P_IP); err == nil && d.Reason == "UNHANDLED_PROTO" {
		t.Errorf("an IP packet: %+v", d)
	}
}

func TestDropIsTold(t *testing.T) {
	tracer := open(t)
	for _, tags := range [][]byte{nil, {0x81, 0, 0, 7}, {0x88, 0xa8, 0, 7, 0x81, 0, 0x20, 8}} {
		// The kernel takes a VLAN's tag off before it finds that nobody wants the frame
		// (net/core/dev.c:__netif_receive_skb_core).
		gone := min(4, len(tags))
		ns, err := netns.New()
		if err != nil {
			t.Fatal(err)
		}
		defer ns.Close()
		w, err := tracer.Watch(inode(t, ns))
		if err != nil {
			t.Fatal(err)
		}
		before, err := Now()
		if err != nil {
			t.Fatal(err)
		}
		var sent []byte
		if err := ns.Do(func() error { sent, err = sendUnspoken(1, tags...); return err }); err != nil {
			t.Fatal(err)
		}
		all, err := w.Drops()
		if err != nil {
			t.Fatal(err)
		}
		if len(all) != 1 {
			t.Fatalf("%d drops were told of, want 1: %+v", len(all), all)
		}
		d := all[0]
		if d.Netns != inode(t, ns) || d.Index != loopback || d.Time < before {
			t.Errorf("the drop was in namespace %d at device %d at %v", d.Netns, d.Index, d.Time)
		}
		if d.Reason != "UNHANDLED_PROTO" || d.Function != "__netif_receive_skb_core" {
			t.Errorf("it was for %s in %s", d.Reason, d.Function)
		}
		if want := slices.Delete(sent, 12, 12+gone); string(d.Frame) != string(want) {
			t.Errorf("the frame was\n%x, want\n%x", d.Frame, want)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		// Nothing is told of what nobody watches.
		if err := ns.Do(func() error { _, err := sendUnspoken(1); return err }); err != nil {
			t.Fatal(err)
		}
		if all, err := w.Drops(); err != nil || len(all) != 0 {
			t.Errorf("after the watch: %v, %v", all, err)
		}
	}
}

func TestOnlyWatchedNamespaces(t *testing.T) {
	tracer := open(t)
	var both []*netns.NS
	var watches []*Watch
	for range 2 {
		ns, err := netns.New()
		if err != nil {
			t.Fatal(err)
		}
		defer ns.Close()
		w, err := tracer.Watch(inode(t, ns))
		if err != nil {
			t.Fatal(err)
		}
		both, watches = append(both, ns), append(watches, w)
	}
	if err := both[1].Do(func() error { _, err := sendUnspoken(3); return err }); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{0, 3} {
		all, err := watches[i].Drops()
		if err != nil || len(all) != want {
			t.Errorf("namespace %d: %d drops, %v, want %d", i, len(all), err, want)
		}
	}
}

// With more drops than the ring buffer has room for, what is lost is told.
func TestLostDropsAreTold(t *testing.T) {
	tracer := open(t)
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	w, err := tracer.Watch(inode(t, ns))
	if err != nil {
		t.Fatal(err)
	}
	const many = ringSize/recordSize + 100
	err = ns.Do(func() error { _, err := sendUnspoken(many); return err })
	if err != nil {
		t.Fatal(err)
	}
	all, err := w.Drops()
	if !errors.Is(err, ErrLost) || len(all) == 0 || len(all) >= many {
		t.Errorf("%d drops of %d and error %v", len(all), many, err)
	}
	if _, err := w.Drops(); err != nil {
		t.Errorf("lost ones are told twice: %v", err)
	}
}

// Without the rights, the error says so.
func TestNoRight(t *testing.T) {
	open(t) // skips where it could not work with the rights either
	done := make(chan error, 1)
	go func() {
		// The thread loses its rights, and ends with the goroutine.
		done <- withoutRights(func() error {
			tracer, err := Open()
			if err == nil {
				return errors.Join(errors.New("a program was loaded without the right to"), tracer.Close())
			}
			if !errors.Is(err, unix.EPERM) {
				return fmt.Errorf("the error is not EPERM: %w", err)
			}
			return nil
		})
	}()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
