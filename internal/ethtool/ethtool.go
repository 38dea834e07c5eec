// Package ethtool asks drivers for their settings and changes them, by the ioctl
// that ethtool(8) had first and that every driver answers (net/ethtool/ioctl.c,
// include/uapi/linux/ethtool.h).
//
// The known library (safchain/ethtool 0.7.0) is not used: it keeps pointers to Go's
// stacks as plain numbers across calls, which move, it hands the kernel a struct
// ifreq that is 16 bytes too short, and it prints to standard output.
package ethtool

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Conn is a socket that stays in the namespace it was opened in, whichever thread
// uses it. Errors of its methods wrap the errno: EOPNOTSUPP is of a driver that does
// not have what was asked for, ENODEV of a device that is not there.
type Conn struct {
	fd int
}

// OpenHere opens a Conn in the calling thread's namespace.
func OpenHere() (*Conn, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open a socket for ethtool: %w", err)
	}
	return &Conn{fd: fd}, nil
}

// Close closes the socket.
func (c *Conn) Close() error { return unix.Close(c.fd) }

// ifreq is struct ifreq with a pointer in its union (include/uapi/linux/if.h).
type ifreq struct {
	name [unix.IFNAMSIZ]byte
	data unsafe.Pointer
	_    [16]byte
}

// call sends a command with its data, whose first word is the command's place, and
// leaves the answer in it.
func (c *Conn) call(name string, cmd uint32, data []byte) error {
	if len(name) >= unix.IFNAMSIZ {
		return unix.ENODEV
	}
	binary.NativeEndian.PutUint32(data, cmd)
	r := ifreq{data: unsafe.Pointer(unsafe.SliceData(data))}
	copy(r.name[:], name)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(c.fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&r)))
	runtime.KeepAlive(data)
	if errno != 0 {
		return errno
	}
	return nil
}

// words sends a command whose answer is n 32 bit words behind the command.
func (c *Conn) words(name string, cmd uint32, n int) ([]uint32, error) {
	data := make([]byte, 4*(n+1))
	if err := c.call(name, cmd, data); err != nil {
		return nil, err
	}
	all := make([]uint32, n)
	for i := range all {
		all[i] = binary.NativeEndian.Uint32(data[4*(i+1):])
	}
	return all, nil
}

// send sends a command with words behind it.
func (c *Conn) send(name string, cmd uint32, words []uint32) error {
	data := make([]byte, 4, 4*(len(words)+1))
	for _, w := range words {
		data = binary.NativeEndian.AppendUint32(data, w)
	}
	return c.call(name, cmd, data)
}

// Driver is who drives a device, and where it sits.
type Driver struct {
	Name     string `json:"name"`
	Version  string `json:"version,omitempty"`
	Firmware string `json:"firmware,omitempty"`
	// Bus is its address on its bus, such as 0000:00:03.0.
	Bus string `json:"bus,omitempty"`
}

// Driver returns who drives a device.
func (c *Conn) Driver(name string) (Driver, error) {
	i, err := unix.IoctlGetEthtoolDrvinfo(c.fd, name)
	if err != nil {
		return Driver{}, fmt.Errorf("ask %s for its driver: %w", name, err)
	}
	return Driver{Name: text(i.Driver[:]), Version: text(i.Version[:]), Firmware: text(i.Fw_version[:]), Bus: text(i.Bus_info[:])}, nil
}

// resetDedicated is all that belongs to one device alone (ETH_RESET_DEDICATED).
const resetDedicated = 0xffff

// Reset has the driver start a device's own components anew, as ethtool --reset DEV
// dedicated does.
func (c *Conn) Reset(name string) error {
	if err := c.send(name, unix.ETHTOOL_RESET, []uint32{resetDedicated}); err != nil {
		return fmt.Errorf("reset %s: %w", name, err)
	}
	return nil
}

func text(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return string(b)
}

// Link is what a device says of its cable.
type Link struct {
	SpeedMbit int    `json:"speed_mbit,omitempty"` // 0 when unknown
	Duplex    string `json:"duplex,omitempty"`     // half, full, or empty
	Port      string `json:"port,omitempty"`       // tp, fibre, da, ... or empty
	Autoneg   bool   `json:"autoneg,omitempty"`
}

// Link returns what a device says of its cable (struct ethtool_cmd).
func (c *Conn) Link(name string) (Link, error) {
	data := make([]byte, 44)
	if err := c.call(name, unix.ETHTOOL_GSET, data); err != nil {
		return Link{}, fmt.Errorf("ask %s for its link: %w", name, err)
	}
	speed := uint32(binary.NativeEndian.Uint16(data[12:])) | uint32(binary.NativeEndian.Uint16(data[28:]))<<16
	l := Link{SpeedMbit: int(speed), Duplex: map[byte]string{0: "half", 1: "full"}[data[14]], Autoneg: data[18] == 1}
	if speed == 0xffffffff || speed == 0xffff { // SPEED_UNKNOWN, in the old field, too
		l.SpeedMbit = 0
	}
	l.Port = map[byte]string{0: "tp", 1: "aui", 2: "mii", 3: "fibre", 4: "bnc", 5: "da", 0xef: "none", 0xff: "other"}[data[15]]
	return l, nil
}
