package generator

import (
	"net"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// TestIPv6Frame holds frames of IPv6 against those that gopacket makes, checksum included.
func TestIPv6Frame(t *testing.T) {
	a := Address{MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, IP: netip.MustParseAddr("fd00:64::1")}
	b := Address{MAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, IP: netip.MustParseAddr("fd00:64::2")}
	for _, size := range []int{70, 71, 80, 1514} {
		f, err := Frame{Size: size, From: a, To: b}.withDefaults()
		if err != nil {
			t.Fatal(err)
		}
		got := f.build(nil, f.wire()-f.header())
		for _, number := range []uint32{1, 0xffffffff} {
			setMark(got[f.header():], dataMagic, number)
			f.seal(got)
			ip := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolUDP, SrcIP: a.IP.AsSlice(), DstIP: b.IP.AsSlice()}
			udp := &layers.UDP{SrcPort: 9, DstPort: 9}
			if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
				t.Fatal(err)
			}
			want := gopacket.NewSerializeBuffer()
			err := gopacket.SerializeLayers(want, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
				&layers.Ethernet{SrcMAC: a.MAC, DstMAC: b.MAC, EthernetType: layers.EthernetTypeIPv6}, ip, udp, gopacket.Payload(got[f.header():]))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want.Bytes(), got); diff != "" {
				t.Errorf("%d bytes, number %d: %s", size, number, diff)
			}
		}
	}
}

// TestIPv6FrameRefused holds what is too small for a number, and addresses of two families.
func TestIPv6FrameRefused(t *testing.T) {
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 1}
	six, four := Address{MAC: mac, IP: netip.MustParseAddr("fd00::1")}, Address{MAC: mac, IP: netip.MustParseAddr("10.0.0.1")}
	for name, f := range map[string]Frame{
		"small":      {Size: 69, From: six, To: six},
		"6 to 4":     {Size: 80, From: six, To: four},
		"4 to 6":     {Size: 80, From: four, To: six},
		"no address": {From: Address{MAC: mac}, To: four},
	} {
		if _, err := f.withDefaults(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
