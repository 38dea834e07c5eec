package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

const (
	macsLen   = 12            // both addresses of an Ethernet header
	tagLen    = 4             // TPID and TCI
	maxFrame  = 0xffff + 14   // a device's largest MTU (ETH_MAX_MTU) and its header
	bufferLen = maxFrame + 64 // and tags that stay in the bytes
)

// errAncillary is what a kernel would have to answer that breaks its word.
var errAncillary = errors.New("malformed ancillary data")

// ancillary is what the kernel says beside the bytes of one frame.
type ancillary struct {
	time   time.Time
	length int // on the wire, without the tag kept beside the bytes; 0 when unknown
	tagged bool
	tpid   uint16
	tci    uint16
}

// parseAncillary reads the control messages of one recvmsg(2).
func parseAncillary(oob []byte) (ancillary, error) {
	var a ancillary
	for len(oob) > 0 {
		hdr, data, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			return a, fmt.Errorf("%w: %w", errAncillary, err)
		}
		oob = rest
		switch {
		case hdr.Level == unix.SOL_SOCKET && hdr.Type == unix.SO_TIMESTAMPNS:
			err = a.setTime(data)
		case hdr.Level == unix.SOL_PACKET && hdr.Type == unix.PACKET_AUXDATA:
			err = a.setAuxdata(data)
		}
		if err != nil {
			return a, err
		}
	}
	return a, nil
}

// setTime reads a struct timespec of either word size.
func (a *ancillary) setTime(data []byte) error {
	switch {
	case len(data) >= 16:
		a.time = time.Unix(int64(binary.NativeEndian.Uint64(data)), int64(binary.NativeEndian.Uint64(data[8:]))).UTC()
	case len(data) == 8:
		a.time = time.Unix(int64(int32(binary.NativeEndian.Uint32(data))), int64(binary.NativeEndian.Uint32(data[4:]))).UTC()
	default:
		return fmt.Errorf("%w: time stamp of %d bytes", errAncillary, len(data))
	}
	return nil
}

// setAuxdata reads a struct tpacket_auxdata: status, len and snaplen of 32 bits,
// mac, net, vlan_tci and vlan_tpid of 16 (net/packet/af_packet.c:packet_recvmsg).
// A tag is there when its status bit is, whatever its value: TCI 0 is VID 0 PCP 0.
func (a *ancillary) setAuxdata(data []byte) error {
	if len(data) < 20 {
		return fmt.Errorf("%w: auxdata of %d bytes", errAncillary, len(data))
	}
	status := binary.NativeEndian.Uint32(data)
	a.length = int(binary.NativeEndian.Uint32(data[4:]))
	a.tagged = status&unix.TP_STATUS_VLAN_VALID != 0
	a.tci = binary.NativeEndian.Uint16(data[16:])
	a.tpid = TPID8021Q
	if status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
		a.tpid = binary.NativeEndian.Uint16(data[18:])
	}
	return nil
}

// frame puts a frame back together; data stays the caller's own. length is
// what recvmsg(2) says, which forgets what a filter cut off.
func (a *ancillary) frame(data []byte, length int) Frame {
	f := Frame{Time: a.time, Length: max(a.length, length)}
	if !a.tagged {
		f.Data = bytes.Clone(data)
		return f
	}
	f.Data = withTag(data, a.tpid, a.tci)
	f.Length += tagLen
	return f
}

// withTag is a copy of a frame with one more tag put in as its outermost. A
// frame that was cut before the tag's place is copied as it is.
func withTag(data []byte, tpid, tci uint16) []byte {
	if len(data) < macsLen {
		return bytes.Clone(data)
	}
	out := make([]byte, len(data)+tagLen)
	copy(out, data[:macsLen])
	binary.BigEndian.PutUint16(out[macsLen:], tpid)
	binary.BigEndian.PutUint16(out[macsLen+2:], tci)
	copy(out[macsLen+tagLen:], data[macsLen:])
	return out
}
