package rtnl_test

import (
	"bytes"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/rtnl"
)

func TestMacvlan(t *testing.T) {
	both := []net.HardwareAddr{mac(0x51), mac(0x52)}
	for _, c := range []struct {
		name     string
		mode     string
		flags    *uint16
		sources  []net.HardwareAddr
		queue    *int
		cutoff   *int
		reported []string
	}{
		{name: "private", mode: "private"},
		{name: "vepa", mode: "vepa"},
		{name: "bridge", mode: "bridge"},
		{name: "passthru", mode: "passthru"},
		{name: "passthru nopromisc", mode: "passthru", flags: rtnl.MacvlanFlags(true, false), reported: []string{"nopromisc"}},
		{name: "source", mode: "source", sources: both},
		{name: "source nodst", mode: "source", flags: rtnl.MacvlanFlags(false, true), sources: both[:1], reported: []string{"nodst"}},
		{name: "no queue", mode: "bridge", queue: pointer(0)},
		{name: "short queue", mode: "bridge", queue: pointer(7)},
		{name: "cutoff", mode: "bridge", cutoff: pointer(5)},
		{name: "all inline", mode: "bridge", cutoff: pointer(-1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, far := newPlace(t), newPlace(t)
			p.parent(far)
			l := &rtnl.Link{
				Name: "m0", Kind: "macvlan", Index: 20, Parent: 10, Up: true, MTU: 1300, TxQLen: pointer(33),
				Data: rtnl.Macvlan(c.mode, c.flags, c.sources, c.queue, c.cutoff),
			}
			if c.mode != "passthru" {
				l.MAC = mac(0xa0) // passthru has its parent's
			}
			p.must(p.conn.NewLink(l))
			s := p.state("m0")
			queue, cutoff := 1000, 1
			if c.queue != nil {
				queue = *c.queue
			}
			if c.cutoff != nil {
				cutoff = *c.cutoff
			}
			address := mac(0xa0)
			if c.mode == "passthru" {
				address = mac(1)
			}
			got := rtnl.State{
				Index: s.Index, Name: s.Name, Kind: s.Kind, Parent: s.Parent, ParentNSID: s.ParentNSID, MAC: s.MAC, MTU: s.MTU,
				TxQueueLen: s.TxQueueLen, Mode: s.Mode, MacvlanFlags: s.MacvlanFlags, BCQueueLen: s.BCQueueLen, BCQueueUsed: s.BCQueueUsed, BCCutoff: s.BCCutoff,
			}
			want := rtnl.State{
				Index: 20, Name: "m0", Kind: "macvlan", Parent: 10, ParentNSID: -1, MAC: address, MTU: 1300,
				TxQueueLen: 33, Mode: c.mode, MacvlanFlags: c.reported, BCQueueLen: queue, BCQueueUsed: queue, BCCutoff: cutoff,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("state (-want +got):\n%s", diff)
			}
			if !s.Up() || !s.Carrier || s.Promiscuity != 0 || s.NoARP() {
				t.Errorf("up %v, carrier %v, promiscuity %d, noarp %v", s.Up(), s.Carrier, s.Promiscuity, s.NoARP())
			}
			if !slices.Equal(macs(s.Sources), macs(c.sources)) {
				t.Errorf("sources %v, want %v", s.Sources, c.sources)
			}
			compare(t, p.ipLink("m0"), s)
		})
	}
}

// macs writes a list so that its order, which is the kernel's hash table's, does not matter.
func macs(all []net.HardwareAddr) []string {
	var out []string
	for _, m := range all {
		out = append(out, m.String())
	}
	return slices.Sorted(slices.Values(out))
}

// compare holds our reading against iproute2's.
func compare(t *testing.T, ip ipLink, s *rtnl.State) {
	t.Helper()
	type view struct {
		Name, Kind, MAC, Operstate, Mode string
		Index, MTU, TxQueueLen, Promisc  int
		Up                               bool
		Sources, Flags                   []string
	}
	theirs := view{
		Name: ip.Name, Kind: ip.Info.Kind, MAC: ip.Address, Operstate: strings.ToLower(ip.Operstate), Mode: ip.Info.Data.Mode,
		Index: ip.Index, MTU: ip.MTU, TxQueueLen: ip.TxQueueLen, Promisc: ip.Promiscuity, Up: slices.Contains(ip.Flags, "UP"),
	}
	theirs.Sources = slices.Sorted(slices.Values(ip.Info.Data.Sources))
	if ip.Info.Data.NoPromisc {
		theirs.Flags = append(theirs.Flags, "nopromisc")
	}
	if ip.Info.Data.NoDst {
		theirs.Flags = append(theirs.Flags, "nodst")
	}
	ours := view{
		Name: s.Name, Kind: s.Kind, MAC: s.MAC.String(), Operstate: s.Operstate, Mode: s.Mode,
		Index: s.Index, MTU: s.MTU, TxQueueLen: s.TxQueueLen, Promisc: s.Promiscuity, Up: s.Up(), Sources: macs(s.Sources), Flags: s.MacvlanFlags,
	}
	if diff := cmp.Diff(theirs, ours); diff != "" {
		t.Errorf("iproute2 says otherwise (-ip +ours):\n%s", diff)
	}
	for _, q := range []struct {
		name string
		ip   *int
		ours int
	}{{"bcqueuelen", ip.Info.Data.QueueLen, s.BCQueueLen}, {"usedbcqueuelen", ip.Info.Data.QueueUsed, s.BCQueueUsed}} {
		if s.Kind == "macvlan" && (q.ip == nil || *q.ip != q.ours) {
			t.Errorf("%s: ip says %v, we %d", q.name, q.ip, q.ours)
		}
	}
}

func TestVethIntoAnotherNamespace(t *testing.T) {
	p, far := newPlace(t), newPlace(t)
	p.parent(far)
	s, w := p.state("p0"), far.state("w0")
	if s.Index != 10 || w.Index != 11 || s.Parent != 11 || w.Parent != 10 {
		t.Errorf("indexes %d and %d, peers %d and %d; want 10, 11, 11, 10", s.Index, w.Index, s.Parent, w.Parent)
	}
	if s.ParentNSID < 0 || w.ParentNSID < 0 {
		t.Errorf("the peers are said to be in the same namespace: %d, %d", s.ParentNSID, w.ParentNSID)
	}
	if w.MTU != 1400 || !bytes.Equal(w.MAC, mac(2)) || s.MTU != 1500 || !bytes.Equal(s.MAC, mac(1)) {
		t.Errorf("the far end has MTU %d and %s, the near one %d and %s", w.MTU, w.MAC, s.MTU, s.MAC)
	}
	compare(t, p.ipLink("p0"), s)
	compare(t, far.ipLink("w0"), w)
}

func TestBridge(t *testing.T) {
	p, far := newPlace(t), newPlace(t)
	p.must(p.conn.NewLink(&rtnl.Link{Name: "br", Kind: "bridge", Index: 30, MAC: mac(9), Up: true, Data: rtnl.BridgeData(false, 0)}))
	p.parent(far)
	p.must(p.conn.SetLink(10, &rtnl.Change{Master: 30}))
	br := p.ipLink("br")
	if d := br.Info.Data; d.STP != 0 || d.Snooping != 0 || d.Filtering != 0 {
		t.Errorf("spanning tree %d, snooping %d, filtering %d; want none of them", d.STP, d.Snooping, d.Filtering)
	}
	compare(t, br, p.state("br"))
	if s := p.state("p0"); s.Master != 30 {
		t.Errorf("master %d, want 30", s.Master)
	}
	for _, want := range []rtnl.PortSettings{
		{Hairpin: true, Learning: true, Flood: true, Isolated: true, Locked: true},
		{Learning: true, Flood: true},
		{},
		{Locked: true, Isolated: true},
	} {
		p.must(p.conn.SetBridgePort(10, want))
		d := p.ipLink("p0").Info.PortData
		if got := (rtnl.PortSettings{Hairpin: d.Hairpin, Learning: d.Learning, Flood: d.Flood, Isolated: d.Isolated, Locked: d.Locked}); got != want {
			t.Errorf("port is %+v, want %+v", got, want)
		}
	}
}

func TestPinnedAddresses(t *testing.T) {
	p, far := newPlace(t), newPlace(t)
	p.must(p.conn.NewLink(&rtnl.Link{Name: "br", Kind: "bridge", Index: 30, Up: true, Data: rtnl.BridgeData(false, 0)}))
	p.parent(far)
	p.must(p.conn.SetLink(10, &rtnl.Change{Master: 30}))
	pinned := func() bool {
		var all []struct {
			MAC   string `json:"mac"`
			State string `json:"state"`
		}
		p.ip(&all, "bridge", "fdb", "show", "dev", "p0")
		for _, e := range all {
			if e.MAC == "02:00:00:00:00:77" && e.State == "static" {
				return true
			}
		}
		return false
	}
	p.must(p.conn.AddFDB(10, mac(0x77)))
	p.must(p.conn.AddFDB(10, mac(0x77))) // again is no error
	if !pinned() {
		t.Error("the address is not pinned to the port")
	}
	p.must(p.conn.FlushPort(10))
	if !pinned() {
		t.Error("flushing what was learned took a pinned address away")
	}
	p.must(p.conn.RemoveFDB(10, mac(0x77)))
	if pinned() {
		t.Error("the address is still pinned to the port")
	}
}

func TestPortVLANs(t *testing.T) {
	p, far := newPlace(t), newPlace(t)
	err := p.conn.NewLink(&rtnl.Link{Name: "br", Kind: "bridge", Index: 30, Up: true, Data: rtnl.BridgeData(true, 0)})
	if isErrno(err, unix.EOPNOTSUPP) {
		t.Skipf("this kernel's bridges tell no VLANs apart: %v", err)
	}
	p.must(err)
	p.parent(far)
	p.must(p.conn.SetLink(10, &rtnl.Change{Master: 30}))
	p.must(p.conn.SetBridgeVLAN(10, 1, false, false))
	p.must(p.conn.SetBridgeVLAN(10, 10, true, true))
	p.must(p.conn.SetBridgeVLAN(10, 20, false, true))
	var ports []struct {
		Name  string `json:"ifname"`
		VLANs []struct {
			VID   int      `json:"vlan"`
			Flags []string `json:"flags"`
		} `json:"vlans"`
	}
	p.ip(&ports, "bridge", "vlan", "show", "dev", "p0")
	if len(ports) != 1 || len(ports[0].VLANs) != 2 || ports[0].VLANs[0].VID != 10 || len(ports[0].VLANs[0].Flags) != 2 || ports[0].VLANs[1].VID != 20 || len(ports[0].VLANs[1].Flags) != 0 {
		t.Errorf("VLANs of the port: %+v; want 10 as its own and 20 tagged", ports)
	}
}

func TestBridgeLearnsAtMost(t *testing.T) {
	p := newPlace(t)
	p.must(p.conn.NewLink(&rtnl.Link{Name: "br", Kind: "bridge", Data: rtnl.BridgeData(false, 3)}))
	switch s := p.state("br"); s.FDBMaxLearned {
	case -1:
		t.Skip("this kernel bounds no bridge's table (Linux 6.7)")
	case 3:
	default:
		t.Errorf("learns %d at most, want 3", s.FDBMaxLearned)
	}
}

func TestSetLink(t *testing.T) {
	p, far := newPlace(t), newPlace(t)
	p.parent(far)
	p.must(p.conn.NewLink(&rtnl.Link{Name: "m0", Kind: "macvlan", Index: 20, Parent: 10, MAC: mac(0xa0), Up: true, Data: rtnl.Macvlan("bridge", nil, nil, nil, nil)}))
	off := false
	p.must(p.conn.SetLink(20, &rtnl.Change{Kind: "macvlan", Data: rtnl.Macvlan("source", nil, []net.HardwareAddr{mac(5)}, nil, nil)}))
	p.must(p.conn.SetLink(20, &rtnl.Change{MAC: mac(0xa1), MTU: 1280, Promisc: pointer(true)}))
	s := p.state("m0")
	if s.Mode != "source" || len(s.Sources) != 1 || !bytes.Equal(s.MAC, mac(0xa1)) || s.MTU != 1280 || s.Promiscuity != 1 || !s.Up() {
		t.Errorf("after the change: %+v", s)
	}
	p.must(p.conn.SetLink(20, &rtnl.Change{Kind: "macvlan", Data: rtnl.Macvlan("", nil, []net.HardwareAddr{}, nil, nil)}))
	if s = p.state("m0"); len(s.Sources) != 0 {
		t.Errorf("an empty list left the sources %v", s.Sources)
	}
	p.must(p.conn.SetLink(20, &rtnl.Change{Up: &off, Promisc: &off, NS: far.ns.FD(), Name: "moved", Index: 77}))
	s = far.state("moved")
	if s.Index != 77 || s.Up() || s.Parent != 10 || s.ParentNSID < 0 {
		t.Errorf("after the move: %+v", s)
	}
	if _, err := p.conn.Link(20); !isErrno(err, unix.ENODEV) {
		t.Errorf("asking for a device that moved away gives %v, want ENODEV", err)
	}
	p.must(far.conn.DeleteLink(77))
	if _, err := far.conn.LinkByName("moved"); !isErrno(err, unix.ENODEV) {
		t.Errorf("asking for a device that is gone gives %v, want ENODEV", err)
	}
}

func TestLinksListsAll(t *testing.T) {
	p, far := newPlace(t), newPlace(t)
	p.parent(far)
	all, err := p.conn.Links()
	p.must(err)
	var names []string
	for _, s := range all {
		names = append(names, s.Name)
		if s.Name == "p0" && len(s.Counters) < 24 {
			t.Errorf("only %d counters: %v", len(s.Counters), s.Counters)
		}
	}
	if !slices.Contains(names, "lo") || !slices.Contains(names, "p0") || slices.Contains(names, "w0") {
		t.Errorf("devices %v, want lo and p0 and not what is elsewhere", names)
	}
}
