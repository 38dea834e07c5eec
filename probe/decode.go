package probe

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/lanproof/lanproof/capture"
	"github.com/lanproof/lanproof/probe/mark"
)

// content is what a frame carries, as far as probes care.
type content struct {
	kind     contentKind
	src, dst netip.Addr // addresses of IP; sender and target of ARP; target of ND in dst
	msg      mark.Mark
	ours     bool // msg was found
}

// contentKind tells frames apart.
type contentKind uint8

const (
	otherContent contentKind = iota
	rawContent
	udpContent
	echoRequestContent
	echoReplyContent
	arpRequestContent
	arpReplyContent
	solicitContent
	advertiseContent
)

// decoder decodes frames with gopacket, without allocating for each.
type decoder struct {
	ip4   layers.IPv4
	ip6   layers.IPv6
	udp   layers.UDP
	icmp4 layers.ICMPv4
	icmp6 layers.ICMPv6
	ns    layers.ICMPv6NeighborSolicitation
	na    layers.ICMPv6NeighborAdvertisement
	arp   layers.ARP
	load  gopacket.Payload

	v4, v6, res *gopacket.DecodingLayerParser
	found       []gopacket.LayerType
}

func newDecoder() *decoder {
	d := &decoder{}
	d.v4 = gopacket.NewDecodingLayerParser(layers.LayerTypeIPv4, &d.ip4, &d.udp, &d.icmp4, &d.load)
	d.v6 = gopacket.NewDecodingLayerParser(layers.LayerTypeIPv6, &d.ip6, &d.udp, &d.icmp6, &d.ns, &d.na, &d.load)
	d.res = gopacket.NewDecodingLayerParser(layers.LayerTypeARP, &d.arp)
	for _, p := range []*gopacket.DecodingLayerParser{d.v4, d.v6, d.res} {
		p.IgnoreUnsupported = true
	}
	return d
}

// decode reads a frame. What it cannot read is otherContent.
func (d *decoder) decode(frame []byte) content {
	payload := capture.Payload(frame)
	switch capture.EtherType(frame) {
	case EtherType:
		m, ok := mark.Decode(payload)
		return content{kind: rawContent, msg: m, ours: ok}
	case uint16(layers.EthernetTypeIPv4):
		return d.decodeIP(d.v4, payload)
	case uint16(layers.EthernetTypeIPv6):
		return d.decodeIP(d.v6, payload)
	case uint16(layers.EthernetTypeARP):
		return d.decodeARP(payload)
	}
	return content{}
}

func (d *decoder) decodeARP(payload []byte) content {
	if err := d.res.DecodeLayers(payload, &d.found); err != nil || len(d.found) == 0 {
		return content{}
	}
	c := content{kind: arpRequestContent, src: addr(d.arp.SourceProtAddress), dst: addr(d.arp.DstProtAddress)}
	if d.arp.Operation == layers.ARPReply {
		c.kind = arpReplyContent
	}
	c.msg, c.ours = mark.Behind(d.arp.Payload)
	return c
}

func (d *decoder) decodeIP(p *gopacket.DecodingLayerParser, payload []byte) content {
	d.load = nil
	if err := p.DecodeLayers(payload, &d.found); err != nil {
		return content{}
	}
	var c content
	for _, l := range d.found {
		switch l {
		case layers.LayerTypeIPv4:
			c.src, c.dst = addr(d.ip4.SrcIP), addr(d.ip4.DstIP)
		case layers.LayerTypeIPv6:
			c.src, c.dst = addr(d.ip6.SrcIP), addr(d.ip6.DstIP)
		case layers.LayerTypeUDP:
			c.kind = udpContent
			c.msg, c.ours = mark.Decode(d.udp.Payload)
		case layers.LayerTypeICMPv4:
			c.kind = echoKind(d.icmp4.TypeCode.Type(), layers.ICMPv4TypeEchoRequest, layers.ICMPv4TypeEchoReply)
			if c.kind != otherContent {
				c.msg, c.ours = mark.Decode(d.icmp4.Payload)
			}
		case layers.LayerTypeICMPv6:
			c.kind = echoKind(d.icmp6.TypeCode.Type(), layers.ICMPv6TypeEchoRequest, layers.ICMPv6TypeEchoReply)
			// gopacket's echo layer keeps no payload: it is behind identifier and sequence number.
			if p := d.icmp6.Payload; c.kind != otherContent && len(p) >= 4 {
				c.msg, c.ours = mark.Decode(p[4:])
			}
		case layers.LayerTypeICMPv6NeighborSolicitation:
			c.kind, c.dst = solicitContent, addr(d.ns.TargetAddress)
			for _, o := range d.ns.Options {
				if o.Type == mark.Option {
					c.msg, c.ours = mark.Decode(o.Data)
				}
			}
		case layers.LayerTypeICMPv6NeighborAdvertisement:
			c.kind, c.dst = advertiseContent, addr(d.na.TargetAddress)
		}
	}
	return c
}

func echoKind(typ, request, reply uint8) contentKind {
	switch typ {
	case request:
		return echoRequestContent
	case reply:
		return echoReplyContent
	}
	return otherContent
}

func addr(b []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(b)
	return a.Unmap()
}

// describe says in a few words what a frame is, and whose.
func describe(frame []byte, c content) string {
	if len(frame) < 14 {
		return fmt.Sprintf("%d bytes that are no frame", len(frame))
	}
	head := fmt.Sprintf("%s > %s", net.HardwareAddr(frame[6:12]), net.HardwareAddr(frame[:6]))
	for _, t := range capture.Tags(frame) {
		head += ", " + t.String()
	}
	return head + ": " + what(frame, c)
}

// what says in a few words what a frame carries.
func what(frame []byte, c content) string {
	text := fmt.Sprintf("EtherType 0x%04x", capture.EtherType(frame))
	switch c.kind {
	case rawContent:
	case udpContent:
		text = fmt.Sprintf("UDP %s > %s", c.src, c.dst)
	case echoRequestContent:
		text = fmt.Sprintf("ICMP echo request %s > %s", c.src, c.dst)
	case echoReplyContent:
		text = fmt.Sprintf("ICMP echo reply %s > %s", c.src, c.dst)
	case arpRequestContent:
		text = fmt.Sprintf("ARP who has %s, tell %s", c.dst, c.src)
	case arpReplyContent:
		text = fmt.Sprintf("ARP %s is at %s", c.src, net.HardwareAddr(frame[6:12]))
	case solicitContent:
		text = fmt.Sprintf("neighbour solicitation for %s", c.dst)
	case advertiseContent:
		text = fmt.Sprintf("neighbour advertisement of %s", c.dst)
	case otherContent:
		if c.src.IsValid() {
			text = fmt.Sprintf("IP %s > %s", c.src, c.dst)
		}
	}
	return text
}
