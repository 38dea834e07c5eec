package qualify

import (
	"net"
	"slices"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// overIP is TCP or UDP.
type overIP interface {
	gopacket.SerializableLayer
	SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
}

// segment is a finished frame of a stack.
func segment(t *testing.T, ip gopacket.NetworkLayer, over overIP, payload string) []byte {
	t.Helper()
	kind := layers.EthernetTypeIPv4
	if _, ok := ip.(*layers.IPv6); ok {
		kind = layers.EthernetTypeIPv6
	}
	if err := over.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	buf := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
		&layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, EthernetType: kind},
		ip.(gopacket.SerializableLayer), over, gopacket.Payload(payload))
	if err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// TestSound has every bit that a checksum or a length speaks of turned.
func TestSound(t *testing.T) {
	v4 := func(p layers.IPProtocol) *layers.IPv4 {
		return &layers.IPv4{Version: 4, TTL: 64, Protocol: p, SrcIP: net.IP{198, 18, 0, 1}, DstIP: net.IP{198, 18, 0, 2}}
	}
	v6 := func(p layers.IPProtocol) *layers.IPv6 {
		return &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: p, SrcIP: net.ParseIP("2001:db8::1"), DstIP: net.ParseIP("2001:db8::2")}
	}
	tcp := func() *layers.TCP { return &layers.TCP{SrcPort: 1000, DstPort: 2000, ACK: true, Window: 100} }
	udp := func() *layers.UDP { return &layers.UDP{SrcPort: 1000, DstPort: 2000} }
	for name, frame := range map[string][]byte{
		"TCP over IPv4":            segment(t, v4(layers.IPProtocolTCP), tcp(), "an odd number of them"),
		"TCP over IPv6":            segment(t, v6(layers.IPProtocolTCP), tcp(), "an even number of them"),
		"UDP over IPv4":            segment(t, v4(layers.IPProtocolUDP), udp(), "long enough that nothing has to be padded"),
		"UDP over IPv6":            segment(t, v6(layers.IPProtocolUDP), udp(), ""),
		"padded TCP over IPv4":     append(segment(t, v4(layers.IPProtocolTCP), tcp(), ""), 0, 0, 0, 0, 0, 0),
		"a whole datagram, tagged": tag(segment(t, v4(layers.IPProtocolUDP), udp(), "long enough that nothing has to be padded")),
	} {
		if known, right := sound(frame); !known || !right {
			t.Errorf("%s: known %v, right %v", name, known, right)
		}
		// The last byte of the payload or header, where there is no padding behind.
		if name == "padded TCP over IPv4" {
			continue
		}
		bad := slices.Clone(frame)
		bad[len(bad)-1] ^= 0x10
		if known, right := sound(bad); !known || right {
			t.Errorf("%s with a wrong byte: known %v, right %v", name, known, right)
		}
	}
	unfinished := segment(t, v6(layers.IPProtocolTCP), tcp(), "segment")
	unfinished[18], unfinished[19] = 0, 0
	if known, right := sound(unfinished); !known || right {
		t.Errorf("an IPv6 header without a length: known %v, right %v", known, right)
	}
	if known, _ := sound([]byte{1, 2, 3}); known {
		t.Error("three bytes are taken for a segment")
	}
}

func tag(frame []byte) []byte {
	return slices.Concat(frame[:12], []byte{0x81, 0, 0, 10}, frame[12:])
}

func FuzzSound(f *testing.F) {
	f.Add([]byte{})
	f.Fuzz(func(_ *testing.T, frame []byte) { sound(frame) })
}
