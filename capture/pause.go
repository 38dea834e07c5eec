package capture

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// noProtocol is an EtherType that no frame has (RFC 1701). Binding to 0 would leave a
// socket as it is (net/packet/af_packet.c:packet_do_bind).
const noProtocol = 0xffff

// Pause makes a tap see nothing until Resume. What it has seen before can be read
// still, it can send, and it stays a member of its groups.
//
// An open tap is a taker of frames like any other: one that nobody else wants is
// dropped without it, and consumed with it (net/core/dev.c:__netif_receive_skb_core).
// Whoever wants to know how frames die must not look.
//
// Both wait for a grace period as closing does; PauseAll and ResumeAll wait once for
// many.
func (t *Tap) Pause() error {
	if t == nil || !t.open {
		return fmt.Errorf("pause tap: %w", os.ErrClosed)
	}
	if err := unix.Bind(t.fd, &unix.SockaddrLinklayer{Protocol: networkOrder(noProtocol), Ifindex: t.bound.Ifindex}); err != nil {
		return fmt.Errorf("pause tap: %w", err)
	}
	return nil
}

// Resume ends what Pause began.
func (t *Tap) Resume() error {
	if t == nil || !t.open {
		return fmt.Errorf("resume tap: %w", os.ErrClosed)
	}
	if err := unix.Bind(t.fd, &t.bound); err != nil {
		return fmt.Errorf("resume tap: %w", err)
	}
	return nil
}

// PauseAll pauses taps in parallel. Where it fails some may be paused.
func PauseAll(taps ...*Tap) error { return forAll(taps, (*Tap).Pause) }

// ResumeAll resumes taps in parallel.
func ResumeAll(taps ...*Tap) error { return forAll(taps, (*Tap).Resume) }
