package lab

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net"
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
		return l.moveDevice(o)
	case topology.AddAddress:
		return l.addAddress(o)
	case topology.RemoveAddress:
		return l.conn(o.Device).RemoveAddress(o.Device.Index, o.Prefix)
	case topology.DeleteNode:
		return l.deleteNode(o.Node.Name)
	case topology.ChangeFilter:
		return l.conn(o.Device).SetFilter(o.Device.Index, o.MAC, !o.Remove)
	case topology.AddRoute:
		return l.nodes[o.Node].Conn.AddRoute(o.Prefix, o.Via, indexOf(o.Device))
	case topology.RemoveRoute:
		return l.nodes[o.Node].Conn.RemoveRoute(o.Prefix, o.Via, indexOf(o.Device))
	case topology.Announce:
		return l.announce(o.Device)
	case topology.SetPort:
		return l.setPort(o)
	}
	return fmt.Errorf("no lab can carry out %T", op)
}

// indexOf is a device's number, 0 for none.
func indexOf(d *topology.Device) int {
	if d == nil {
		return 0
	}
	return d.Index
}

func (l *Lab) conn(d *topology.Device) *rtnl.Conn { return l.nodes[d.Node].Conn }

// makeLink makes a device, and its other end. Where one that the kernel refuses
// would have been there may be another already, which stays findable.
func (l *Lab) makeLink(o topology.MakeLink, nics map[string]string) error {
	if err := l.makeDevice(o, nics); err != nil {
		return err
	}
	for _, end := range []*topology.Device{o.Device, o.Peer} {
		if end != nil {
			l.index[end.Ref] = end.Index
		}
	}
	return nil
}

func (l *Lab) makeDevice(o topology.MakeLink, nics map[string]string) error {
	d := o.Device
	if d.Kind == topology.KindNIC {
		return l.borrow(d, nics[d.Link])
	}
	if d.Ref == l.laid && l.cable != nil {
		return l.layCable(d, o.Peer)
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
// a port of the switch first, so that the other end can send at once; of the
// port there is an event to wait for (see Settle).
func (l *Lab) makePair(d, p *topology.Device, link *rtnl.Link) error {
	link.Up, link.Promisc, link.AllMulti, link.Master = false, false, false, 0
	link.Peer = l.linkOf(p)
	link.Peer.NS, link.Peer.Master = l.nodes[p.Node].NS.FD(), 0
	if err := l.conn(d).NewLink(link); err != nil {
		return err
	}
	for _, end := range []*topology.Device{p, d} {
		ch := &rtnl.Change{Master: l.index[end.Master]}
		if end.Up {
			ch.Up = &end.Up
		}
		if end.Promisc {
			ch.Promisc = &end.Promisc
		}
		if end.AllMulti {
			ch.AllMulti = &end.AllMulti
		}
		if err := l.conn(end).SetLink(end.Index, ch); err != nil {
			return fmt.Errorf("bring up %s: %w", end.Ref, err)
		}
	}
	return nil
}

func (l *Lab) linkOf(d *topology.Device) *rtnl.Link {
	link := &rtnl.Link{
		Name: d.Link, Kind: d.Kind, Index: d.Index, MTU: d.MTU, TxQLen: d.TxQueueLen, Up: d.Up, Promisc: d.Promisc, AllMulti: d.AllMulti,
		Parent: l.index[d.Parent], Master: l.index[d.Master],
	}
	if d.OwnMAC {
		link.MAC = d.MAC
	}
	if d.Parent.Link == "lo" {
		link.Parent = loopback
	}
	mode, flag := "", ""
	if d.ModeAsked {
		mode = d.Mode
	}
	if d.FlagAsked {
		flag = flagName(d.Flag)
	}
	switch d.Kind {
	case topology.KindMacvlan:
		var flags *uint16
		if d.NoPromisc || d.NoDst {
			flags = rtnl.MacvlanFlags(d.NoPromisc, d.NoDst)
		}
		link.Data = rtnl.Macvlan(mode, flags, d.Sources, d.BCQueueLen, d.BCCutoff)
	case topology.KindIpvlan:
		link.Data = rtnl.Ipvlan(mode, flag)
	case topology.KindVLAN:
		link.Data = (&rtnl.VLANData{ID: &d.VID, Protocol: d.TPID(), Flags: vlanFlags(d), Ingress: d.IngressQoS, Egress: d.EgressQoS}).Attrs()
	case topology.KindBridge:
		link.Data = rtnl.BridgeData(d.VLANFiltering, d.FDBMaxLearned)
	}
	link.Data, link.Instead = instead(link.Data, d.Attributes)
	return link
}

// vlanFlags are the flags that a vlan is made with, as far as they were asked for.
func vlanFlags(d *topology.Device) map[string]bool {
	flags := maps.Clone(d.VLANFlags)
	if d.ReorderHdr != nil {
		if flags == nil {
			flags = map[string]bool{}
		}
		flags["reorder_hdr"] = *d.ReorderHdr
	}
	return flags
}

// instead puts attributes that are sent as they were written in the place of a
// kind's own; those of the device itself are returned beside.
func instead(data []rtnl.Attr, written []topology.Attribute) (kinds, devices []rtnl.Attr) {
	for _, a := range written {
		switch {
		case a.Name == topology.InfoData:
			data = nil
		case a.Kind == "":
			devices = append(devices, rtnl.Attr{Type: a.Type, Value: a.Value})
		default:
			data = slices.DeleteFunc(data, func(has rtnl.Attr) bool { return has.Type&^unix.NLA_F_NESTED == a.Type })
			if a.Value != nil {
				data = append(data, rtnl.Attr{Type: a.Type, Value: a.Value})
			}
		}
	}
	return data, devices
}

func (l *Lab) changeLink(o topology.ChangeLink) error {
	d := o.Device
	ch := &rtnl.Change{Up: o.Up, Promisc: o.Promisc, AllMulti: o.AllMulti, MAC: o.MAC, MTU: o.MTU}
	if o.Master != nil {
		ch.Master = o.Master.Index
	}
	switch d.Kind {
	case topology.KindMacvlan:
		ch.Data = macvlanChange(&o)
	case topology.KindIpvlan:
		ch.Data = rtnl.Ipvlan(o.Mode, o.Flag)
	case topology.KindVLAN:
		ch.Data = (&rtnl.VLANData{Flags: o.VLANFlags, Ingress: o.IngressQoS, Egress: o.EgressQoS}).Attrs()
	}
	ch.Data, ch.Instead = instead(ch.Data, o.Attributes)
	if len(ch.Data) > 0 {
		ch.Kind = d.Kind
	}
	return l.conn(d).SetLink(d.Index, ch)
}

// macvlanChange is what changes of a macvlan beside what all devices have.
func macvlanChange(o *topology.ChangeLink) []rtnl.Attr {
	var flags *uint16
	if o.NoPromisc != nil || o.NoDst != nil {
		flags = rtnl.MacvlanFlags(value(o.NoPromisc, o.Device.NoPromisc), value(o.NoDst, o.Device.NoDst))
	}
	data := rtnl.Macvlan(o.Mode, flags, o.Sources, o.BCQueueLen, o.BCCutoff)
	switch {
	case o.AddSource != nil:
		data = append(data, rtnl.MacvlanSource(rtnl.SourceAdd, o.AddSource)...)
	case o.RemoveSource != nil:
		data = append(data, rtnl.MacvlanSource(rtnl.SourceRemove, o.RemoveSource)...)
	case o.FlushSources:
		data = append(data, rtnl.MacvlanSource(rtnl.SourceFlush, nil)...)
	}
	return data
}

func (l *Lab) moveDevice(o topology.MoveDevice) error {
	to := l.nodes[o.To.Node]
	if err := l.conn(o.Device).SetLink(o.Device.Index, &rtnl.Change{NS: to.NS.FD(), Name: o.To.Link, Index: o.Device.Index}); err != nil {
		return err
	}
	l.index[o.To] = o.Device.Index
	for _, loan := range l.loans {
		if loan.Index() == o.Device.Index {
			loan.Moved(to.NS, o.Device.Index)
		}
	}
	return nil
}

// deleteNode lets a namespace go, and waits until the kernel has taken its devices
// away, which it does in its own time. A veth that is made into it for that tells:
// its other end goes together with all that is in the namespace
// (net/core/dev.c:default_device_exit_batch).
func (l *Lab) deleteNode(name string) error {
	const tether = 1 << 20 // far behind all ifindexes of a plan
	n := l.nodes[name]
	var home *Node
	for _, other := range l.Nodes() {
		if other != n {
			home = other
		}
	}
	if home == nil {
		return fmt.Errorf("%s is the last node: nobody would be left", name)
	}
	link := &rtnl.Link{Name: "tether", Kind: "veth", Index: tether, Peer: &rtnl.Link{Name: "tether", Index: tether, NS: n.NS.FD()}}
	if err := home.Conn.NewLink(link); err != nil {
		return fmt.Errorf("tie %s to %s: %w", name, home.Name, err)
	}
	delete(l.nodes, name)
	if l.built != nil && n.Role == topology.RoleEndpoint {
		if err := l.built.engine.RemoveEndpoint(l.built.ctx, name); err != nil {
			return err
		}
	}
	n.Conn.Close()
	if err := n.NS.Close(); err != nil {
		return fmt.Errorf("let node %s go: %w", name, err)
	}
	return home.waitFor(settleLimit, func() (bool, error) {
		_, err := home.Conn.Link(tether)
		if errors.Is(err, unix.ENODEV) {
			return true, nil
		}
		return false, err
	})
}

// flagName is an ipvlan's flag as it is asked for; a Device has none for bridge.
func flagName(flag string) string {
	if flag == "" {
		return "bridge"
	}
	return flag
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
		if err := n.NS.Do(func() error { return allowV6(o.Device.Link) }); err != nil {
			return err
		}
		return n.Conn.AddAddress(o.Device.Index, o.Prefix)
	}
	return err
}

// announce has the kernel tell a device's addresses to the LAN, which it does when the
// device is given a hardware address, even the one that it has (net/ipv4/devinet.c:
// inetdev_event, net/ipv6/ndisc.c:ndisc_netdev_event), if it is told to.
func (l *Lab) announce(d *topology.Device) error {
	n := l.nodes[d.Node]
	notify := func(value string) error {
		return n.NS.Do(func() error {
			return errors.Join(sysctl("ipv4/conf/"+d.Link+"/arp_notify", value), sysctl("ipv6/conf/"+d.Link+"/ndisc_notify", value))
		})
	}
	if err := notify("1"); err != nil {
		return err
	}
	return errors.Join(n.Conn.SetLink(d.Index, &rtnl.Change{MAC: d.MAC}), notify("0"))
}

// setPort brings a port of the switch from what it was to what it is to be.
func (l *Lab) setPort(o topology.SetPort) error {
	c, p := l.nodes[topology.SwitchNode].Conn, o.Port
	index := l.index[topology.Ref{Node: topology.SwitchNode, Link: p.Name}]
	if index == 0 {
		return fmt.Errorf("the switch has no port %s", p.Name)
	}
	// What was learned before a lock would stay admitted.
	if len(p.Allow) > 0 || !p.Learning {
		if err := c.FlushPort(index); err != nil {
			return fmt.Errorf("forget what port %s has learned: %w", p.Name, err)
		}
	}
	settings := rtnl.PortSettings{Hairpin: p.Hairpin, Learning: p.Learning, Flood: p.Flood, Isolated: p.Isolated, Locked: len(p.Allow) > 0}
	if err := c.SetBridgePort(index, settings); err != nil {
		return err
	}
	if err := setAllowed(c, index, o.Was.Allow, p.Allow); err != nil {
		return err
	}
	if err := setVLANs(c, index, &o.Was, &p); err != nil {
		return err
	}
	if p.NoCarrier == o.Was.NoCarrier {
		return nil
	}
	up := !p.NoCarrier
	return c.SetLink(index, &rtnl.Change{Up: &up})
}

// setAllowed pins the addresses that a locked port admits.
func setAllowed(c *rtnl.Conn, index int, was, now []net.HardwareAddr) error {
	has := func(list []net.HardwareAddr, m net.HardwareAddr) bool {
		return slices.ContainsFunc(list, func(x net.HardwareAddr) bool { return bytes.Equal(x, m) })
	}
	for _, m := range was {
		if has(now, m) {
			continue
		}
		if err := c.RemoveFDB(index, m); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("admit %s no more: %w", m, err)
		}
	}
	for _, m := range now {
		if err := c.AddFDB(index, m); err != nil {
			return fmt.Errorf("admit %s: %w", m, err)
		}
	}
	return nil
}

// setVLANs takes the VLANs away that a port is in no more, and adds those that
// it is in, its own first.
func setVLANs(c *rtnl.Conn, index int, was, now *topology.Port) error {
	for _, vid := range was.VIDs() {
		if slices.Contains(now.VIDs(), vid) {
			continue
		}
		if err := c.SetBridgeVLAN(index, vid, false, false); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("leave VLAN %d: %w", vid, err)
		}
	}
	if now.Access != was.Access {
		if err := c.SetBridgeVLAN(index, now.VIDs()[0], true, true); err != nil {
			return fmt.Errorf("make VLAN %d the port's own: %w", now.VIDs()[0], err)
		}
	}
	for _, vid := range now.Trunk {
		if slices.Contains(was.Trunk, vid) {
			continue
		}
		if err := c.SetBridgeVLAN(index, vid, false, true); err != nil {
			return fmt.Errorf("join VLAN %d: %w", vid, err)
		}
	}
	return nil
}
