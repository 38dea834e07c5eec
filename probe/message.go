package probe

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/lanproof/lanproof/capture"
	"github.com/lanproof/lanproof/probe/mark"
)

// Tag is one VLAN tag to be put into a frame.
type Tag = capture.Tag

// header is what a crafted frame needs around its payload.
type header struct {
	src, dst net.HardwareAddr
	tags     []Tag
}

// rawFrame builds a frame of our own EtherType.
func rawFrame(h header, payload []byte) []byte {
	b := make([]byte, 0, 14+4*len(h.tags)+len(payload))
	b = append(append(b, h.dst...), h.src...)
	for _, t := range h.tags {
		b = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, t.TPID), t.TCI())
	}
	return append(binary.BigEndian.AppendUint16(b, EtherType), payload...)
}

// udpFrame builds a datagram for UDPPort in an IP packet in a frame.
func udpFrame(h header, from, to netip.Addr, payload []byte) ([]byte, error) {
	udp := &layers.UDP{SrcPort: UDPPort, DstPort: UDPPort}
	if to.Is4() {
		ip := &layers.IPv4{Version: 4, IHL: 5, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: from.AsSlice(), DstIP: to.AsSlice()}
		if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
			return nil, err
		}
		return h.serialize(uint16(layers.EthernetTypeIPv4), ip, udp, gopacket.Payload(payload))
	}
	ip := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolUDP, SrcIP: from.AsSlice(), DstIP: to.AsSlice()}
	if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
		return nil, err
	}
	return h.serialize(uint16(layers.EthernetTypeIPv6), ip, udp, gopacket.Payload(payload))
}

// echoFrame builds an ICMP echo request in an IP packet in a frame.
func echoFrame(h header, from, to netip.Addr, id, seq uint16, payload []byte) ([]byte, error) {
	if to.Is4() {
		ip := &layers.IPv4{Version: 4, IHL: 5, TTL: 64, Protocol: layers.IPProtocolICMPv4, SrcIP: from.AsSlice(), DstIP: to.AsSlice()}
		icmp := &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(layers.ICMPv4TypeEchoRequest, 0), Id: id, Seq: seq}
		return h.serialize(uint16(layers.EthernetTypeIPv4), ip, icmp, gopacket.Payload(payload))
	}
	ip := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolICMPv6, SrcIP: from.AsSlice(), DstIP: to.AsSlice()}
	icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(layers.ICMPv6TypeEchoRequest, 0)}
	if err := icmp.SetNetworkLayerForChecksum(ip); err != nil {
		return nil, err
	}
	echo := &layers.ICMPv6Echo{Identifier: id, SeqNumber: seq}
	return h.serialize(uint16(layers.EthernetTypeIPv6), ip, icmp, echo, gopacket.Payload(payload))
}

// arpFrame builds an ARP request (RFC 826).
func arpFrame(h header, from, to netip.Addr) ([]byte, error) {
	return h.serialize(uint16(layers.EthernetTypeARP), &layers.ARP{
		AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4,
		Operation:         layers.ARPRequest,
		SourceHwAddress:   h.src,
		SourceProtAddress: from.AsSlice(),
		DstHwAddress:      make([]byte, 6),
		DstProtAddress:    to.AsSlice(),
	})
}

// numbered is the option that a mark stands in: a bridge cuts off what is behind
// an IPv6 packet.
func numbered(payload []byte) layers.ICMPv6Options {
	// With type and length it is a multiple of 8 bytes (RFC 4861 section 4.6).
	data := make([]byte, (len(payload)+2+7)/8*8-2)
	copy(data, payload)
	return layers.ICMPv6Options{{Type: mark.Option, Data: data}}
}

// solicitationFrame builds a neighbour solicitation (RFC 4861 section 4.3) to
// the target's solicited-node group (RFC 4291 section 2.7.1).
func solicitationFrame(h header, from, to netip.Addr) ([]byte, error) {
	return solicitationWith(h, from, to, nil)
}

// solicitationWith builds one with further options.
func solicitationWith(h header, from, to netip.Addr, more layers.ICMPv6Options) ([]byte, error) {
	t := to.As16()
	group := net.IP{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, t[13], t[14], t[15]}
	h.dst = net.HardwareAddr{0x33, 0x33, 0xff, t[13], t[14], t[15]}
	if !from.IsValid() {
		from = netip.IPv6Unspecified()
	}
	ip := &layers.IPv6{Version: 6, HopLimit: 255, NextHeader: layers.IPProtocolICMPv6, SrcIP: from.AsSlice(), DstIP: group}
	icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(layers.ICMPv6TypeNeighborSolicitation, 0)}
	if err := icmp.SetNetworkLayerForChecksum(ip); err != nil {
		return nil, err
	}
	ns := &layers.ICMPv6NeighborSolicitation{TargetAddress: to.AsSlice()}
	if !from.IsUnspecified() { // RFC 4861 section 4.3
		ns.Options = append(ns.Options, layers.ICMPv6Option{Type: layers.ICMPv6OptSourceAddress, Data: h.src})
	}
	ns.Options = append(ns.Options, more...)
	return h.serialize(uint16(layers.EthernetTypeIPv6), ip, icmp, ns)
}

// echoRequest builds an ICMP echo request for a raw socket; the kernel adds
// ICMPv6's checksum (RFC 3542 section 3.1).
func echoRequest(v6 bool, id, seq uint16, payload []byte) ([]byte, error) {
	if v6 {
		return serialize(&layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(layers.ICMPv6TypeEchoRequest, 0)},
			&layers.ICMPv6Echo{Identifier: id, SeqNumber: seq}, gopacket.Payload(payload))
	}
	return serialize(&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(layers.ICMPv4TypeEchoRequest, 0), Id: id, Seq: seq}, gopacket.Payload(payload))
}

// serialize builds the frame: addresses, tags, then the layers.
func (h header) serialize(etherType uint16, inner ...gopacket.SerializableLayer) ([]byte, error) {
	types := make([]layers.EthernetType, 0, len(h.tags)+1)
	for _, t := range h.tags {
		types = append(types, layers.EthernetType(t.TPID))
	}
	types = append(types, layers.EthernetType(etherType))
	all := []gopacket.SerializableLayer{&layers.Ethernet{SrcMAC: h.src, DstMAC: h.dst, EthernetType: types[0]}}
	for i, t := range h.tags {
		all = append(all, &layers.Dot1Q{Priority: t.PCP, DropEligible: t.DEI, VLANIdentifier: t.VID, Type: types[i+1]})
	}
	return serialize(append(all, inner...)...)
}

func serialize(all ...gopacket.SerializableLayer) ([]byte, error) {
	buf := gopacket.NewSerializeBuffer()
	// ICMPv6 in a raw socket has no addresses to sum yet.
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if _, ok := all[0].(*layers.ICMPv6); ok {
		options.ComputeChecksums = false
	}
	if err := gopacket.SerializeLayers(buf, options, all...); err != nil {
		return nil, fmt.Errorf("build a frame: %w", err)
	}
	return buf.Bytes(), nil
}

// outerType is the EtherType right behind the addresses, which the kernel
// wants to know beside the frame.
func outerType(tags []Tag, etherType uint16) uint16 {
	if len(tags) > 0 {
		return tags[0].TPID
	}
	return etherType
}
