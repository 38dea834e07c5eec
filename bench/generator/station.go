package generator

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/capture"
)

// station sends and receives at one end of a path, with stamps.
type station struct {
	fd      int
	kind    Frame
	frame   []byte
	header  int
	sent    uint32 // the kernel's number of the next frame (SOF_TIMESTAMPING_OPT_ID)
	which   int    // of the three stamps of struct scm_timestamping
	waiter  *capture.Waiter
	restore func() error // sets the card back
	data    [256]byte
	oob     [256]byte
}

// The stamps in struct scm_timestamping (include/uapi/linux/errqueue.h).
const (
	stampSoftware = 0
	stampHardware = 2
)

// FD makes a station a source to wait for.
func (s *station) FD() int { return s.fd }

func openStation(own, other End, o TripOptions) (*station, error) {
	f := o.Frame
	f.From, f.To = own.Address, other.Address
	f, err := f.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &station{fd: -1, kind: f, header: f.header(), restore: func() error { return nil }}
	s.frame = f.build(nil, f.wire()-f.header())
	if err := own.NS.Do(func() error { return s.open(own.Index, o.Hardware) }); err != nil {
		return nil, errors.Join(fmt.Errorf("interface %d: %w", own.Index, err), s.close())
	}
	return s, nil
}

// open opens the socket in the calling thread's namespace.
func (s *station) open(index int, hardware bool) (err error) {
	if s.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
		return fmt.Errorf("open a packet socket: %w", err)
	}
	flags := unix.SOF_TIMESTAMPING_OPT_ID | unix.SOF_TIMESTAMPING_OPT_TSONLY
	if hardware {
		flags |= unix.SOF_TIMESTAMPING_TX_HARDWARE | unix.SOF_TIMESTAMPING_RX_HARDWARE | unix.SOF_TIMESTAMPING_RAW_HARDWARE
		s.which = stampHardware
		if err := s.stampInHardware(index); err != nil {
			return err
		}
	} else {
		flags |= unix.SOF_TIMESTAMPING_TX_SCHED | unix.SOF_TIMESTAMPING_RX_SOFTWARE | unix.SOF_TIMESTAMPING_SOFTWARE
	}
	if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPING, flags); err != nil {
		return fmt.Errorf("ask for time stamps: %w", err)
	}
	if err := unix.SetsockoptInt(s.fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
		return fmt.Errorf("leave out outgoing frames: %w", err)
	}
	protocol := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL))
	if err := unix.Bind(s.fd, &unix.SockaddrLinklayer{Protocol: protocol, Ifindex: index}); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	s.waiter, err = capture.NewWaiter(s)
	return err
}

// stampInHardware has the card stamp all frames (Documentation/networking/timestamping.rst
// 3.1), and keeps what it was set to.
func (s *station) stampInHardware(index int) error {
	device, err := net.InterfaceByIndex(index)
	if err != nil {
		return fmt.Errorf("%w: %w", unix.ENODEV, err)
	}
	was, err := unix.IoctlGetHwTstamp(s.fd, device.Name)
	if err == nil {
		err = unix.IoctlSetHwTstamp(s.fd, device.Name, &unix.HwTstampConfig{Tx_type: unix.HWTSTAMP_TX_ON, Rx_filter: unix.HWTSTAMP_FILTER_ALL})
	}
	if err != nil {
		return fmt.Errorf("have %s stamp frames in hardware: %w", device.Name, err)
	}
	s.restore = func() error {
		if err := unix.IoctlSetHwTstamp(s.fd, device.Name, was); err != nil && !errors.Is(err, unix.ENODEV) {
			return fmt.Errorf("set the stamps of %s back: %w", device.Name, err)
		}
		return nil
	}
	return nil
}

func (s *station) close() (err error) {
	if s.fd >= 0 {
		err = errors.Join(s.restore(), s.waiter.Close(), os.NewSyscallError("close", unix.Close(s.fd)))
	}
	return err
}

// send sends a frame and returns its stamp.
func (s *station) send(ctx context.Context, number uint32) (int64, error) {
	setMark(s.frame[s.header:], dataMagic, number)
	s.kind.seal(s.frame)
	if err := unix.Send(s.fd, s.frame, 0); errors.Is(err, unix.ENOBUFS) {
		return 0, errLost // in the sender's own queue
	} else if err != nil {
		return 0, fmt.Errorf("send: %w", err)
	}
	id := s.sent
	s.sent++
	return s.poll(ctx, func() (int64, error) { return s.sentAt(id) })
}

// await waits for a frame and returns its stamp.
func (s *station) await(ctx context.Context, number uint32) (int64, error) {
	return s.poll(ctx, func() (int64, error) {
		stamp, err := s.arrivedAt(number)
		if errors.Is(err, unix.EAGAIN) {
			// What is left of stamps would have each wait return at once.
			for left := error(nil); left == nil; {
				_, _, left = s.receive(unix.MSG_ERRQUEUE)
			}
		}
		return stamp, err
	})
}

// poll asks until there is more than EAGAIN.
func (s *station) poll(ctx context.Context, ask func() (int64, error)) (int64, error) {
	until := time.Now().Add(tripLimit)
	for {
		stamp, err := ask()
		if !errors.Is(err, unix.EAGAIN) {
			return stamp, err
		}
		ready, err := s.waiter.Wait(ctx, until)
		if err != nil {
			return 0, err
		}
		if !ready {
			return 0, errLost
		}
	}
}

// sentAt reads stamps of frames that were sent until the one of a frame comes.
func (s *station) sentAt(id uint32) (int64, error) {
	for {
		_, oob, err := s.receive(unix.MSG_ERRQUEUE)
		if err != nil {
			return 0, err
		}
		stamp, got, err := parseStamp(oob, s.which)
		if err != nil {
			return 0, err
		}
		if got == id && stamp != 0 {
			return stamp, nil
		}
	}
}

// arrivedAt reads frames until the one with a number comes.
func (s *station) arrivedAt(number uint32) (int64, error) {
	var want [markLen]byte
	setMark(want[:], dataMagic, number)
	for {
		data, oob, err := s.receive(0)
		if err != nil {
			return 0, err
		}
		if !bytes.Contains(data, want[:]) {
			continue
		}
		stamp, _, err := parseStamp(oob, s.which)
		if err == nil && stamp == 0 {
			err = errBare
		}
		return stamp, err
	}
}

// receive takes one message.
func (s *station) receive(flags int) (data, oob []byte, err error) {
	for {
		n, oobn, _, _, err := unix.Recvmsg(s.fd, s.data[:], s.oob[:], flags)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return nil, nil, unix.EAGAIN
		case err != nil:
			return nil, nil, fmt.Errorf("receive: %w", err)
		}
		return s.data[:n], s.oob[:oobn], nil
	}
}

// parseStamp reads what the kernel says beside a frame or in the place of one that was
// sent: the stamp, 0 if there is none, and the number of the frame that was sent (struct
// sock_extended_err, include/uapi/linux/errqueue.h).
func parseStamp(oob []byte, which int) (stamp int64, id uint32, err error) {
	all, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return 0, 0, fmt.Errorf("read a time stamp: %w", err)
	}
	for _, m := range all {
		switch {
		case m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPING && len(m.Data) >= 16*(which+1):
			b := m.Data[16*which:] // struct timespec of 64 bits
			stamp = int64(binary.NativeEndian.Uint64(b))*1e9 + int64(binary.NativeEndian.Uint64(b[8:]))
		case m.Header.Level == unix.SOL_PACKET && m.Header.Type == unix.PACKET_TX_TIMESTAMP && len(m.Data) >= 16:
			id = binary.NativeEndian.Uint32(m.Data[12:]) // ee_data
		}
	}
	return stamp, id, nil
}
