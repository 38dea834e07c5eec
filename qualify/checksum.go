package qualify

import (
	"encoding/binary"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// sound holds a frame's lengths and checksums of IP, TCP and UDP against its bytes.
// Known is false for a frame that has none.
func sound(frame []byte) (known, right bool) {
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.DecodeOptions{NoCopy: true})
	switch ip := p.NetworkLayer().(type) {
	case *layers.IPv4:
		if sum(0, ip.Contents) != 0xffff || int(ip.Length) != len(ip.Contents)+len(ip.Payload) {
			return true, false
		}
		if ip.Flags&layers.IPv4MoreFragments != 0 || ip.FragOffset != 0 {
			return true, true
		}
		return transport(ip.Protocol, ip.SrcIP.To4(), ip.DstIP.To4(), ip.Payload)
	case *layers.IPv6:
		if ip.Length == 0 { // a jumbogram, or a header that nobody has finished
			return true, false
		}
		return transport(ip.NextHeader, ip.SrcIP, ip.DstIP, ip.Payload)
	}
	return false, false
}

// transport holds a segment's checksum against its pseudo header and bytes (RFC 9293
// 3.1, RFC 768, RFC 8200 8.1).
func transport(protocol layers.IPProtocol, from, to, segment []byte) (known, right bool) {
	if protocol == layers.IPProtocolUDP && len(segment) >= 8 && binary.BigEndian.Uint16(segment[6:]) == 0 && len(from) == 4 {
		return true, true // none, as IPv4 allows
	}
	if protocol != layers.IPProtocolTCP && protocol != layers.IPProtocolUDP {
		return false, false
	}
	pseudo := sum(sum(sum(0, from), to), binary.BigEndian.AppendUint32(nil, uint32(len(segment))))
	pseudo = sum(pseudo, []byte{0, byte(protocol)})
	return true, sum(pseudo, segment) == 0xffff
}

// sum goes on with a sum in one's complement (RFC 1071).
func sum(s uint16, b []byte) uint16 {
	total := uint64(s)
	for ; len(b) > 1; b = b[2:] {
		total += uint64(binary.BigEndian.Uint16(b))
	}
	if len(b) > 0 {
		total += uint64(b[0]) << 8
	}
	for total > 0xffff {
		total = total>>16 + total&0xffff
	}
	return uint16(total)
}
