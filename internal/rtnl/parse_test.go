package rtnl

import (
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// seeds are messages as the kernel might send them, and cut ones.
func seeds(f *testing.F, header int, attrs ...*nl.RtAttr) {
	m := make([]byte, header)
	for _, a := range attrs {
		m = append(m, a.Serialize()...)
	}
	for _, n := range []int{0, header - 1, header, header + 3, len(m) - 1, len(m)} {
		f.Add(m[:max(0, min(n, len(m)))])
	}
}

func FuzzParseState(f *testing.F) {
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, []byte("macvlan"))
	data := info.AddRtAttr(nl.IFLA_INFO_DATA, nil)
	for _, a := range Macvlan("source", MacvlanFlags(true, true), nil, nil, nil) {
		a.add(data)
	}
	data.AddRtAttr(macvlanMACAddrData, nil).AddRtAttr(macvlanMACAddr, []byte{2, 0, 0, 0, 0, 1})
	seeds(f, unix.SizeofIfInfomsg, nl.NewRtAttr(unix.IFLA_IFNAME, []byte("eth0\x00")), nl.NewRtAttr(unix.IFLA_MTU, []byte{1}),
		nl.NewRtAttr(unix.IFLA_OPERSTATE, []byte{200}), nl.NewRtAttr(unix.IFLA_STATS64, make([]byte, 9)), info)
	f.Fuzz(func(t *testing.T, m []byte) {
		s, err := parseState(m)
		if (s == nil) == (err == nil) {
			t.Errorf("state %v and error %v", s, err)
		}
	})
}

func FuzzParseRoute(f *testing.F) {
	seeds(f, unix.SizeofRtMsg, nl.NewRtAttr(unix.RTA_DST, []byte{192, 0, 2, 0}), nl.NewRtAttr(unix.RTA_OIF, []byte{1, 0, 0, 0}))
	f.Fuzz(func(t *testing.T, m []byte) {
		if e, ok := parseRoute(m); ok && e.Scope == "" {
			t.Errorf("a route without scope: %+v", e)
		}
	})
}

func FuzzParseAddress(f *testing.F) {
	seeds(f, unix.SizeofIfAddrmsg, nl.NewRtAttr(unix.IFA_ADDRESS, []byte{192, 0, 2, 1}), nl.NewRtAttr(unix.IFA_LOCAL, make([]byte, 16)))
	f.Fuzz(func(t *testing.T, m []byte) {
		if a, err := parseAddress(m); err == nil && len(m) < unix.SizeofIfAddrmsg {
			t.Errorf("%d bytes are an address: %v", len(m), a)
		}
	})
}

func FuzzParseNeighbour(f *testing.F) {
	seeds(f, sizeofNeighbour, nl.NewRtAttr(unix.NDA_DST, []byte{192, 0, 2, 1}), nl.NewRtAttr(unix.NDA_LLADDR, make([]byte, 6)))
	f.Fuzz(func(t *testing.T, m []byte) {
		n, _, err := parseNeighbour(m)
		if err == nil && n.IP.IsValid() && familyOf(n.IP) != int(m[0]) {
			t.Errorf("an address of another family than the message: %v", n)
		}
	})
}

func FuzzParseQueue(f *testing.F) {
	stats := nl.NewRtAttr(nl.TCA_STATS2|unix.NLA_F_NESTED, nil)
	stats.AddRtAttr(statsQueue, []byte{0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0})
	stats.AddRtAttr(statsQueue, []byte{1})
	seeds(f, nl.SizeofTcMsg, nl.NewRtAttr(nl.TCA_KIND, []byte("pfifo\x00")), stats)
	f.Fuzz(func(t *testing.T, m []byte) {
		if _, _, err := parseQueue(m); err == nil && len(m) < nl.SizeofTcMsg {
			t.Errorf("%d bytes are a queue", len(m))
		}
	})
}

func FuzzParseFarewells(f *testing.F) {
	message := func(typ uint16, header int, attrs ...*nl.RtAttr) []byte {
		m := &Message{Header: make([]byte, header)}
		for _, a := range attrs {
			m.Attrs = append(m.Attrs, RawAttr{Type: a.Type, Value: a.Data})
		}
		r := nl.NewNetlinkRequest(int(typ), 0)
		r.AddData(raw(m.Bytes()))
		return r.Serialize()
	}
	gone := message(unix.RTM_DELNSID, 4, nl.NewRtAttr(unix.NETNSA_NSID, nl.Uint32Attr(7)))
	f.Add(gone)
	f.Add(gone[:len(gone)-3])
	f.Add(message(unix.RTM_DELNSID, 1))
	f.Add(message(unix.RTM_DELLINK, 3))
	f.Add(message(unix.RTM_DELLINK, unix.SizeofIfInfomsg))
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := parseFarewells(b)
		if err != nil && len(all) > 0 {
			t.Errorf("farewells %v and error %v", all, err)
		}
	})
}

func FuzzTally(f *testing.F) {
	refused := func(flags int, rest []byte) []byte {
		r := nl.NewNetlinkRequest(unix.NLMSG_ERROR, flags)
		r.AddData(raw(append([]byte{0xfe, 0xff, 0xff, 0xff}, rest...)))
		return r.Serialize()
	}
	echo := nl.NewNetlinkRequest(unix.RTM_NEWLINK, 0).Serialize()
	words := nl.NewRtAttr(nl.NLMSGERR_ATTR_MSG, nl.ZeroTerminated("no")).Serialize()
	f.Add(refused(0, nil))
	f.Add(refused(unix.NLM_F_ACK_TLVS, append(echo, words...)))
	f.Add(refused(unix.NLM_F_ACK_TLVS|unix.NLM_F_CAPPED, append(echo, words...)))
	f.Add(refused(unix.NLM_F_ACK_TLVS, []byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}))
	f.Add(append(echo, refused(0, nil)...))
	f.Add([]byte{3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		if n, done, err := tally(b); n > len(b)/unix.NLMSG_HDRLEN || err != nil && !done {
			t.Errorf("%d messages in %d bytes, done %v, %v", n, len(b), done, err)
		}
	})
}
