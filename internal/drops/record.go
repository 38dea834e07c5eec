package drops

import (
	"bytes"
	"encoding/binary"
	"time"
)

// record is what the program wrote.
type record struct {
	time     time.Duration
	reason   uint32
	netns    uint32
	index    int
	function string
	frame    []byte
}

var native = binary.NativeEndian

// parseRecord reads a record; false for one that is none.
func parseRecord(b []byte) (record, bool) {
	if len(b) < recordSize {
		return record{}, false
	}
	function, _, _ := bytes.Cut(b[atFunction:atFrame], []byte{0})
	// A function of a module is followed by its name.
	function, _, _ = bytes.Cut(function, []byte(" ["))
	return record{
		time: time.Duration(native.Uint64(b[atTime:])), reason: native.Uint32(b[atReason:]), netns: native.Uint32(b[atNetns:]),
		index: int(int32(native.Uint32(b[atIndex:]))), function: plain(function), frame: frameOf(b),
	}, true
}

// plain is a function's name without what compilers add to those that they have
// split or specialised, such as .constprop.0; empty when it is an address only.
func plain(function []byte) string {
	name, _, _ := bytes.Cut(function, []byte{'.'})
	if bytes.HasPrefix(name, []byte("0x")) {
		return ""
	}
	return string(name)
}

// frameOf puts the frame of a record together: with addresses, and with the tag that
// the kernel keeps beside the bytes.
func frameOf(b []byte) []byte {
	const addresses = 12
	mac := uint64(native.Uint16(b[atMAC:]))
	at := native.Uint64(b[atData:]) - native.Uint64(b[atHead:]) // in the buffer
	length := uint64(native.Uint32(b[atLength:]))
	data := b[atFrame : atFrame+frameSize]
	frame := make([]byte, addresses, addresses+6+len(data))
	if mac == noMAC {
		frame = appendTag(frame, b)
		frame = append(frame, b[atProtocol:atProtocol+2]...)
		return append(frame, data[:min(length, frameSize)]...)
	}
	if at >= mac { // what the kernel has passed is still there
		length = min(length, frameSize) + min(at-mac, frameSize)
	}
	data = data[:min(length, frameSize)]
	if len(data) < addresses {
		return append(frame[:0], data...)
	}
	copy(frame, data)
	frame = appendTag(frame, b)
	return append(frame, data[addresses:]...)
}

// appendTag adds the tag that the kernel keeps beside the bytes, if any.
func appendTag(frame, b []byte) []byte {
	tpid, tci := b[atTPID:atTPID+2], native.Uint16(b[atTCI:])
	if b[atTagged] == 0 || tpid[0] == 0 && tpid[1] == 0 && tci == 0 {
		return frame
	}
	return binary.BigEndian.AppendUint16(append(frame, tpid...), tci)
}
