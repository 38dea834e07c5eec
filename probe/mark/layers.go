package mark

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/lanproof/lanproof/capture/frames"
	"github.com/lanproof/lanproof/reports"
)

// Layers says in a few words each what an Ethernet frame carries behind its header
// and its VLAN tags, from the outside in; down to lanproof's own number and the role
// of the frame. What cannot be read is told by its length.
func Layers(frame []byte) []string {
	payload := frames.Payload(frame)
	typ := frames.EtherType(frame)
	if typ == EtherType {
		return append([]string{fmt.Sprintf("EtherType %#04x", typ)}, loadText(payload)...)
	}
	next := layers.EthernetType(typ)
	if next != layers.EthernetTypeARP && next != layers.EthernetTypeIPv4 && next != layers.EthernetTypeIPv6 {
		return []string{fmt.Sprintf("EtherType %#04x, %d bytes", typ, len(payload))}
	}
	var all []string
	for _, l := range gopacket.NewPacket(payload, next.LayerType(), gopacket.NoCopy).Layers() {
		all = append(all, layerText(l)...)
	}
	if len(all) == 0 {
		return []string{fmt.Sprintf("%s, of %d bytes and nothing else", next, len(payload))}
	}
	return all
}

// layerText describes one layer; nothing where it says nothing of its own.
func layerText(l gopacket.Layer) []string {
	switch l := l.(type) {
	case *layers.ARP:
		return arpText(l)
	case *layers.IPv4:
		if len(l.SrcIP) == 0 { // it was cut in its header
			return nil
		}
		return []string{fmt.Sprintf("IPv4 %s > %s, TTL %d", l.SrcIP, l.DstIP, l.TTL)}
	case *layers.IPv6:
		if len(l.SrcIP) == 0 {
			return nil
		}
		return []string{fmt.Sprintf("IPv6 %s > %s, hop limit %d", l.SrcIP, l.DstIP, l.HopLimit)}
	case *layers.UDP:
		return []string{fmt.Sprintf("UDP port %d > %d", uint16(l.SrcPort), uint16(l.DstPort))}
	case *layers.ICMPv4:
		return []string{fmt.Sprintf("ICMP %s, id %d, sequence %d", l.TypeCode, l.Id, l.Seq)}
	case *layers.ICMPv6:
		text := []string{"ICMPv6 " + l.TypeCode.String()}
		// gopacket's echo layer keeps no payload: it is behind identifier and sequence number.
		if b, t := l.Payload, l.TypeCode.Type(); len(b) >= 4 && (t == layers.ICMPv6TypeEchoRequest || t == layers.ICMPv6TypeEchoReply) {
			text[0] += fmt.Sprintf(", id %d, sequence %d", binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:]))
			text = append(text, loadText(b[4:])...)
		}
		return text
	case *layers.ICMPv6Echo:
		return nil
	case *layers.ICMPv6NeighborSolicitation:
		return append([]string{"who has " + l.TargetAddress.String()}, optionText(l.Options)...)
	case *layers.ICMPv6NeighborAdvertisement:
		return append([]string{l.TargetAddress.String() + " is here"}, optionText(l.Options)...)
	case gopacket.ErrorLayer:
		return []string{"cannot be read to its end"}
	case *gopacket.Payload:
		return loadText(l.Payload())
	}
	return []string{l.LayerType().String()}
}

func arpText(l *layers.ARP) []string {
	from, to := addrOf(l.SourceProtAddress), addrOf(l.DstProtAddress)
	if l.Operation == layers.ARPReply {
		return []string{fmt.Sprintf("ARP %s is at %s, to %s", from, net.HardwareAddr(l.SourceHwAddress), to)}
	}
	return []string{fmt.Sprintf("ARP who has %s, tell %s", to, from)}
}

func optionText(options layers.ICMPv6Options) []string {
	for _, o := range options {
		if m, ok := Decode(o.Data); ok && o.Type == Option {
			return []string{m.String()}
		}
	}
	return nil
}

// loadText tells lanproof's mark, which may stand behind padding, or how much else
// there is.
func loadText(b []byte) []string {
	if m, ok := Decode(b); ok {
		return []string{m.String()}
	}
	if m, ok := Behind(b); ok {
		return []string{m.String()}
	}
	if len(bytes.TrimLeft(b, "\x00")) == 0 { // padding
		return nil
	}
	return []string{fmt.Sprintf("%d bytes", len(b))}
}

// FrameOf is a frame of at least 14 bytes as results tell of it.
func FrameOf(t frames.PacketType, data []byte) *reports.Frame {
	f := &reports.Frame{Type: t.String(), Dest: net.HardwareAddr(data[:6]).String(), Source: net.HardwareAddr(data[6:12]).String(), Layers: Layers(data)}
	for _, tag := range frames.Tags(data) {
		f.Tags = append(f.Tags, tag.String())
	}
	return f
}

func addrOf(b []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(b)
	return a.Unmap()
}
