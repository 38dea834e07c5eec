package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/lanproof/lanproof/guest"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// cards brings the two cards with these MAC addresses up and sends a frame from each
// to the other.
func cards(macs []string, out guest.Emitter) error {
	done := make(chan struct{})
	defer close(done)
	updates := make(chan netlink.LinkUpdate, 64)
	if err := netlink.LinkSubscribeWithOptions(updates, done, netlink.LinkSubscribeOptions{ListExisting: true}); err != nil {
		return err
	}
	var ports []net.Interface
	for i, role := range []string{"dut", "peer"} {
		link, err := await(updates, func(l netlink.Link) bool { return l.Attrs().HardwareAddr.String() == macs[i] })
		if err != nil {
			return err
		}
		name := link.Attrs().Name
		driver, err := os.Readlink(filepath.Join("/sys/class/net", name, "device/driver"))
		if err != nil {
			return err
		}
		if err := out.Line([]byte(role + " " + filepath.Base(driver))); err != nil {
			return err
		}
		ports = append(ports, net.Interface{Index: link.Attrs().Index, Name: name, HardwareAddr: link.Attrs().HardwareAddr})
	}
	if ports[0].Index > ports[1].Index {
		return errors.New("the peer comes before the device under test")
	}
	for _, p := range ports {
		if err := carrier(updates, p); err != nil {
			return err
		}
	}
	if err := cross(ports[0], ports[1]); err != nil {
		return fmt.Errorf("dut to peer: %w", err)
	}
	if err := out.Line([]byte("dut to peer")); err != nil {
		return err
	}
	if err := cross(ports[1], ports[0]); err != nil {
		return fmt.Errorf("peer to dut: %w", err)
	}
	return out.Line([]byte("peer to dut"))
}

func await(updates <-chan netlink.LinkUpdate, want func(netlink.Link) bool) (netlink.Link, error) {
	for u := range updates {
		if want(u.Link) {
			return u.Link, nil
		}
	}
	return nil, errors.New("no more news of devices")
}

// carrier brings a port up and waits until it has found the wire.
func carrier(updates <-chan netlink.LinkUpdate, p net.Interface) error {
	if err := netlink.LinkSetUp(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: p.Index}}); err != nil {
		return fmt.Errorf("bring %s up: %w", p.Name, err)
	}
	_, err := await(updates, func(l netlink.Link) bool {
		return l.Attrs().Index == p.Index && l.Attrs().RawFlags&unix.IFF_LOWER_UP != 0
	})
	return err
}

// etherType is IEEE 802's local experimental one.
const etherType = 0x88b5

// cross sends one frame and waits for it at the other end.
func cross(from, to net.Interface) error {
	rx, err := packetSocket(to.Index)
	if err != nil {
		return err
	}
	defer unix.Close(rx)
	tx, err := packetSocket(from.Index)
	if err != nil {
		return err
	}
	defer unix.Close(tx)
	frame := append(append([]byte{}, to.HardwareAddr...), from.HardwareAddr...)
	frame = binary.BigEndian.AppendUint16(frame, etherType)
	frame = append(frame, bytes.Repeat([]byte("lanproof"), 10)...)
	if _, err := unix.Write(tx, frame); err != nil {
		return err
	}
	buf := make([]byte, 2048)
	n, err := unix.Read(rx, buf)
	if err == nil && !bytes.Equal(buf[:n], frame) {
		err = fmt.Errorf("sent %x, got %x", frame, buf[:n])
	}
	return err
}

// packetSocket hears the test's frames on a device.
func packetSocket(index int) (int, error) {
	proto := binary.NativeEndian.Uint16([]byte{etherType >> 8, etherType & 0xff})
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(proto))
	if err != nil {
		return -1, err
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: proto, Ifindex: index}); err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}
