package lab

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/topology"
)

// Apply carries one operation out. The error wraps the errno and the kernel's
// own words where it has any.
func (l *Lab) Apply(op topology.Op) error { return l.apply(op, nil) }

func (l *Lab) apply(op topology.Op, nics map[string]string) error {
	switch o := op.(type) {
	case topology.MakeNode:
		return nil // made all at once, before anything else
	case topology.MakeLink:
		return l.makeLink(o, nics)
	case topology.DeleteLink:
		return l.conn(o.Device).DeleteLink(o.Device.Index)
	case topology.ChangeLink:
		return l.changeLink(o)
	case topology.MoveDevice:
		to := l.nodes[o.To.Node]
		return l.conn(o.Device).SetLink(o.Device.Index, &rtnl.Change{NS: to.NS.FD(), Name: o.To.Link})
	case topology.AddAddress:
		return l.addAddress(o)
	case topology.RemoveAddress:
		return l.conn(o.Device).RemoveAddress(o.Device.Index, o.Prefix)
	case topology.AddRoute:
		index := 0
		if o.Device != nil {
			index = o.Device.Index
		}
		return l.nodes[o.Node].Conn.AddRoute(o.Prefix, o.Via, index)
	case topology.SetPort:
		return l.setPort(o)
	}
	return fmt.Errorf("no lab can carry out %T", op)
}

func (l *Lab) conn(d *topology.Device) *rtnl.Conn { return l.nodes[d.Node].Conn }

func (l *Lab) makeLink(o topology.MakeLink, nics map[string]string) error {
	d := o.Device
	if d.Kind == topology.KindNIC {
		return l.borrow(d, nics[d.Link])
	}
	link := l.linkOf(d)
	conn := l.conn(d)
	if d.Parent.Link != "" && d.Parent.Node != d.Node {
		// Made from the parent's namespace straight into its own: moving a
		// device afterwards costs two grace periods.
		conn = l.nodes[d.Parent.Node].Conn
		link.NS = l.nodes[d.Node].NS.FD()
	}
	if o.Peer == nil {
		return conn.NewLink(link)
	}
	return l.makePair(d, o.Peer, link)
}

// makePair makes a veth. The kernel can bring up neither end while it makes
// the pair (drivers/net/veth.c:veth_open wants a peer), so both come up after:
// a bridge's port first. The end that comes up first has no carrier yet, and
// drops what it should send until linkwatch has been there
// (net/sched/sch_generic.c:dev_activate); of a port that can be waited for,
// since only then the bridge lets it forward.
func (l *Lab) makePair(d, p *topology.Device, link *rtnl.Link) error {
	link.Up, link.Master = false, 0
	link.Peer = l.linkOf(p)
	link.Peer.NS, link.Peer.Master = l.nodes[p.Node].NS.FD(), 0
	if err := l.conn(d).NewLink(link); err != nil {
		return err
	}
	for _, end := range []*topology.Device{p, d} {
		ch := &rtnl.Change{Master: l.master(end)}
		if end.Up {
			ch.Up = &end.Up
		}
		if end.Promisc {
			ch.Promisc = &end.Promisc
		}
		if err := l.conn(end).SetLink(end.Index, ch); err != nil {
			return fmt.Errorf("bring up %s: %w", end.Ref, err)
		}
	}
	return nil
}

func (l *Lab) master(d *topology.Device) int {
	if m := l.plan.LAN.Device(d.Master); m != nil {
		return m.Index
	}
	return 0
}

func (l *Lab) linkOf(d *topology.Device) *rtnl.Link {
	link := &rtnl.Link{Name: d.Link, Kind: d.Kind, Index: d.Index, MTU: d.MTU, TxQLen: d.TxQueueLen, Up: d.Up, Promisc: d.Promisc, Master: l.master(d)}
	if d.OwnMAC {
		link.MAC = d.MAC
	}
	if p := l.plan.LAN.Device(d.Parent); p != nil {
		link.Parent = p.Index
	}
	if d.Parent.Link == "lo" {
		link.Parent = 1
	}
	switch d.Kind {
	case topology.KindMacvlan:
		var flags *uint16
		if d.NoPromisc || d.NoDst {
			flags = rtnl.MacvlanFlags(d.NoPromisc, d.NoDst)
		}
		link.Data = rtnl.Macvlan(d.Mode, flags, d.Sources, d.BCQueueLen, d.BCCutoff)
	case topology.KindIpvlan:
		link.Data = rtnl.Ipvlan(d.Mode, d.Flag)
	case topology.KindVLAN:
		link.Data = rtnl.VLAN(d.VID, d.TPID(), d.ReorderHdr, d.EgressQoS)
	case topology.KindBridge:
		link.Data = rtnl.BridgeData(d.VLANFiltering, d.FDBMaxLearned)
	}
	return link
}

func (l *Lab) changeLink(o topology.ChangeLink) error {
	d := o.Device
	ch := &rtnl.Change{Up: o.Up, Promisc: o.Promisc, MAC: o.MAC, MTU: o.MTU}
	if o.Master != nil {
		ch.Master = o.Master.Index
	}
	switch {
	case d.Kind == topology.KindMacvlan && (o.Mode != "" || o.NoPromisc != nil || o.NoDst != nil || o.Sources != nil):
		var flags *uint16
		if o.NoPromisc != nil || o.NoDst != nil {
			flags = rtnl.MacvlanFlags(value(o.NoPromisc, d.NoPromisc), value(o.NoDst, d.NoDst))
		}
		ch.Kind, ch.Data = d.Kind, rtnl.Macvlan(o.Mode, flags, o.Sources, nil, nil)
	case d.Kind == topology.KindIpvlan && (o.Mode != "" || o.Flag != ""):
		ch.Kind, ch.Data = d.Kind, rtnl.Ipvlan(o.Mode, o.Flag)
	}
	return l.conn(d).SetLink(d.Index, ch)
}

func value(b *bool, otherwise bool) bool {
	if b != nil {
		return *b
	}
	return otherwise
}

func (l *Lab) addAddress(o topology.AddAddress) error {
	n := l.nodes[o.Device.Node]
	err := n.Conn.AddAddress(o.Device.Index, o.Prefix)
	if o.Prefix.Addr().Is6() && (errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM)) {
		// The device was made in a node without IPv6.
		if err := n.NS.Do(func() error { return sysctl("ipv6/conf/"+o.Device.Link+"/disable_ipv6", "0") }); err != nil {
			return err
		}
		return n.Conn.AddAddress(o.Device.Index, o.Prefix)
	}
	return err
}

// setPort sets a port of the switch as a whole.
func (l *Lab) setPort(o topology.SetPort) error {
	sw := l.nodes[topology.SwitchNode]
	port := l.plan.LAN.Device(topology.Ref{Node: topology.SwitchNode, Link: o.Port.Name})
	if port == nil {
		return fmt.Errorf("the switch has no port %s", o.Port.Name)
	}
	p := o.Port
	// What was learned before a lock would stay admitted.
	if len(p.Allow) > 0 || !p.Learning {
		if err := sw.Conn.FlushPort(port.Index); err != nil {
			return err
		}
	}
	settings := rtnl.PortSettings{Hairpin: p.Hairpin, Learning: p.Learning, Flood: p.Flood, Isolated: p.Isolated, Locked: len(p.Allow) > 0}
	if err := sw.Conn.SetBridgePort(port.Index, settings); err != nil {
		return err
	}
	for _, m := range p.Allow {
		if err := sw.Conn.AddFDB(port.Index, m); err != nil {
			return err
		}
	}
	if err := setVLANs(sw.Conn, port.Index, p); err != nil {
		return err
	}
	up := !p.NoCarrier
	return sw.Conn.SetLink(port.Index, &rtnl.Change{Up: &up})
}

func setVLANs(c *rtnl.Conn, index int, p topology.Port) error {
	const native = 1 // a bridge's ports start in VLAN 1
	if p.Access != 0 && p.Access != native {
		if err := c.SetBridgeVLAN(index, native, false, false); err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	if p.Access != 0 {
		if err := c.SetBridgeVLAN(index, p.Access, true, true); err != nil {
			return err
		}
	}
	for _, vid := range slices.Sorted(slices.Values(p.Trunk)) {
		if err := c.SetBridgeVLAN(index, vid, false, true); err != nil {
			return err
		}
	}
	return nil
}

// borrow moves a real port into its node.
func (l *Lab) borrow(d *topology.Device, port string) error {
	if port == "" {
		return fmt.Errorf("device %s needs a real port, and none was named for it", d.Ref)
	}
	s, err := l.home.LinkByName(port)
	if err != nil {
		return fmt.Errorf("find port %s: %w", port, err)
	}
	n := l.nodes[d.Node]
	down := false
	if err := l.home.SetLink(s.Index, &rtnl.Change{Up: &down, NS: n.NS.FD(), Name: d.Link}); err != nil {
		return fmt.Errorf("move port %s: %w", port, err)
	}
	moved, err := n.Conn.LinkByName(d.Link)
	if err != nil {
		return fmt.Errorf("find port %s after moving it: %w", port, err)
	}
	l.ports = append(l.ports, borrowed{node: n, index: moved.Index, name: port, up: s.Up()})
	// A port keeps its own address, and mostly its index.
	if live := l.plan.LAN.Device(d.Ref); live != nil {
		live.Index, live.MAC = moved.Index, moved.MAC
	}
	if !d.Up {
		return nil
	}
	return n.Conn.SetLink(moved.Index, &rtnl.Change{Up: &d.Up})
}
