package recount

import (
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/lanproof/lanproof/capture/frames"
	"github.com/lanproof/lanproof/probe/mark"
	"github.com/lanproof/lanproof/reports"
)

var (
	macA = []byte{2, 0, 0, 0, 0, 1}
	macB = []byte{2, 0, 0, 0, 0, 2}
)

// frame builds a frame whose mark is behind the layers.
func frame(t *testing.T, role mark.Role, seq uint32, typ layers.EthernetType, above ...gopacket.SerializableLayer) []byte {
	t.Helper()
	all := append([]gopacket.SerializableLayer{&layers.Ethernet{SrcMAC: macA, DstMAC: macB, EthernetType: typ}}, above...)
	if seq > 0 {
		all = append(all, gopacket.Payload(mark.Mark{Run: 1, Seq: seq, Role: role}.Encode(0)))
	}
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true}, all...); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func ip4(p layers.IPProtocol) *layers.IPv4 {
	return &layers.IPv4{Version: 4, IHL: 5, TTL: 64, Protocol: p, SrcIP: []byte{10, 0, 0, 1}, DstIP: []byte{10, 0, 0, 2}}
}

func TestHappened(t *testing.T) {
	raw := func(seq uint32) []byte { return frame(t, mark.Probe, seq, mark.EtherType) }
	udp := frame(t, mark.Probe, 1, layers.EthernetTypeIPv4, ip4(layers.IPProtocolUDP), &layers.UDP{SrcPort: 7, DstPort: 7})
	echo := func(typ uint8) []byte {
		return frame(t, mark.Probe, 1, layers.EthernetTypeIPv4, ip4(layers.IPProtocolICMPv4), &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(typ, 0)})
	}
	reply, request := echo(layers.ICMPv4TypeEchoReply), echo(layers.ICMPv4TypeEchoRequest)
	arp := func(op uint16) []byte {
		return frame(t, 0, 0, layers.EthernetTypeARP, &layers.ARP{AddrType: 1, Protocol: 0x800, HwAddressSize: 6, ProtAddressSize: 4, Operation: op, SourceHwAddress: macA, SourceProtAddress: []byte{10, 0, 0, 2}, DstHwAddress: macB, DstProtAddress: []byte{10, 0, 0, 1}})
	}
	type seen struct {
		device string
		kind   frames.PacketType
		data   []byte
	}
	flow := func(kind string, change func(*reports.Flow)) reports.Flow {
		f := reports.Flow{Kind: kind, From: "a/eth0", To: "b/eth0", First: 1, Last: 1, Needed: 1}
		if change != nil {
			change(&f)
		}
		return f
	}
	for name, c := range map[string]struct {
		flow reports.Flow
		seen []seen
		want bool
	}{
		"nothing":                 {flow: flow("raw", nil)},
		"raw, came":               {flow("raw", nil), []seen{{"a/eth0", frames.Outgoing, raw(1)}, {"b/eth0", frames.Host, raw(1)}}, true},
		"raw, another":            {flow("raw", nil), []seen{{"b/eth0", frames.Host, raw(2)}}, false},
		"raw, a fence":            {flow("raw", nil), []seen{{"b/eth0", frames.Host, frame(t, mark.Fence, 1, mark.EtherType)}}, false},
		"raw, on its way out":     {flow("raw", nil), []seen{{"b/eth0", frames.Outgoing, raw(1)}}, false},
		"raw, elsewhere":          {flow("raw", nil), []seen{{"b/eth1", frames.Host, raw(1)}}, false},
		"raw, for others":         {flow("raw", nil), []seen{{"b/eth0", frames.OtherHost, raw(1)}}, false},
		"raw, for others, wanted": {flow("raw", func(f *reports.Flow) { f.Overheard = true }), []seen{{"b/eth0", frames.OtherHost, raw(1)}}, true},
		"raw, too few":            {flow("raw", func(f *reports.Flow) { f.Last, f.Needed = 7, 2 }), []seen{{"b/eth0", frames.Host, raw(1)}, {"b/eth0", frames.Host, raw(1)}}, false},
		"raw, enough":             {flow("raw", func(f *reports.Flow) { f.Last, f.Needed = 7, 2 }), []seen{{"b/eth0", frames.Host, raw(1)}, {"b/eth0", frames.Host, raw(7)}}, true},
		"udp, by another device":  {flow("udp", nil), []seen{{"b/eth1", frames.Host, udp}}, true},
		"udp, another node":       {flow("udp", nil), []seen{{"c/eth0", frames.Host, udp}}, false},
		"echo, answered":          {flow("icmp", nil), []seen{{"b/eth0", frames.Host, request}, {"a/eth0", frames.Host, reply}}, true},
		"echo, not answered":      {flow("icmp", nil), []seen{{"b/eth0", frames.Host, request}, {"a/eth0", frames.Host, request}}, false},
		"echo, lost on its way":   {flow("icmp", nil), []seen{{"b/eth0", frames.Outgoing, reply}, {"a/eth0", frames.OtherHost, reply}}, false},
		"arp, answered":           {flow("arp", nil), []seen{{"a/eth0", frames.Host, arp(layers.ARPReply)}}, true},
		"arp, not answered":       {flow("arp", nil), []seen{{"a/eth0", frames.Broadcast, arp(layers.ARPRequest)}, {"b/eth0", frames.Host, arp(layers.ARPReply)}}, false},
	} {
		var r frames.Recorder
		for i, s := range c.seen {
			h := r.Add(r.Interface(s.device, ""), frames.Frame{Time: time.Unix(int64(i), 0), Type: s.kind, Data: s.data})
			r.Comment(h, "lost; "+Comment("x: y", reports.Fail))
		}
		got := New(r.Trace())
		if h := got.Happened(&reports.Check{ID: "x: y", Flow: &c.flow}); h != c.want {
			t.Errorf("%s: happened is %v", name, h)
		}
		if len(got.Packets("x: y")) != len(c.seen) {
			t.Errorf("%s: %d of %d packets belong to the check", name, len(got.Packets("x: y")), len(c.seen))
		}
	}
	if New(&frames.Trace{}).Happened(&reports.Check{}) {
		t.Error("what sends nothing has happened")
	}
}

func TestFenced(t *testing.T) {
	var r frames.Recorder
	at := r.Interface("b/eth0", "")
	r.Comment(r.Add(at, frames.Frame{Data: frame(t, mark.Fence, 9, mark.EtherType)}), "fence: past; "+Comment("x", reports.Pass))
	r.Comment(r.Add(at, frames.Frame{Data: frame(t, mark.Probe, 8, mark.EtherType)}), Comment("y", reports.Pass))
	c := New(r.Trace())
	if !c.Fenced(&reports.Check{ID: "x"}) || c.Fenced(&reports.Check{ID: "y"}) {
		t.Error("a fence is not told from another frame")
	}
}

func TestCheckOf(t *testing.T) {
	for comment, want := range map[string]string{
		"": "", "check x": "", "fence: past": "", Comment("a", "pass"): "a=pass", "fence: past; " + Comment("s1.b: c", "fail"): "s1.b: c=fail",
	} {
		id, v, ok := CheckOf(comment)
		if got := id + "=" + string(v); ok != (want != "") || ok && got != want {
			t.Errorf("%q is about %s, %v", comment, got, ok)
		}
	}
}
