package drops

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/netns"
)

// loopback is lo's ifindex in every namespace (net/core/net_namespace.c).
const loopback = 1

// Unwanted has a frame of an EtherType dropped that nobody wants, in a namespace of its
// own, and returns how it died there. It is what becomes of such frames wherever they
// come to the top of a stack and no packet socket takes them. Up to Linux 6.12 at least it fails
// while a program listens to every frame anywhere, such as tcpdump.
func (t *Tracer) Unwanted(etherType uint16) (Drop, error) {
	ns, err := netns.New()
	if err != nil {
		return Drop{}, fmt.Errorf("see how unwanted frames die: %w", err)
	}
	defer ns.Close()
	w, err := t.Watch(ns.Inode())
	if err != nil {
		return Drop{}, err
	}
	err = ns.Do(func() error { return sendUnwanted(frameOfType(etherType), 1) })
	all, readErr := w.Drops()
	if err = errors.Join(err, readErr, w.Close()); err != nil {
		return Drop{}, fmt.Errorf("see how unwanted frames die: %w", err)
	}
	if len(all) != 1 {
		return Drop{}, fmt.Errorf("see how unwanted frames die: %d drops were told of where one frame was sent", len(all))
	}
	return all[0], nil
}

// frameOfType is a frame of an EtherType without addresses, as on a loopback.
func frameOfType(etherType uint16) []byte {
	return append(binary.BigEndian.AppendUint16(make([]byte, 12), etherType), "unwanted"...)
}

// sendUnwanted brings the loopback up and sends a frame on it n times.
func sendUnwanted(frame []byte, n int) error {
	inet, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open a socket: %w", err)
	}
	defer unix.Close(inet)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(inet, unix.SIOCSIFFLAGS, lo); err != nil {
		return fmt.Errorf("bring lo up: %w", err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open a packet socket: %w", err)
	}
	defer unix.Close(fd)
	to := unix.SockaddrLinklayer{Ifindex: loopback, Protocol: binary.NativeEndian.Uint16(frame[12:])}
	for range n {
		if err := unix.Sendto(fd, frame, 0, &to); err != nil {
			return fmt.Errorf("send a frame: %w", err)
		}
	}
	return nil
}
