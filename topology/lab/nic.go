package lab

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/topology"
)

// borrowed is a real port that must go back as it came.
type borrowed struct {
	node  *Node
	index int
	was   *rtnl.State
}

// borrow moves a real port into its node. There it has the plan's ifindex, and
// the address and MTU that the plan asks for. What it loses for good are its IP
// addresses and routes (net/core/dev.c:__dev_change_net_namespace).
func (l *Lab) borrow(d *topology.Device, port string) error {
	if port == "" {
		return fmt.Errorf("device %s needs a real port, and none was named for it", d.Ref)
	}
	was, err := l.home.LinkByName(port)
	if err != nil {
		return fmt.Errorf("find port %s: %w", port, err)
	}
	n := l.nodes[d.Node]
	// A port that cannot be moved stays up (net/core/rtnetlink.c:do_setlink
	// moves before it changes anything else).
	if err := l.home.SetLink(was.Index, &rtnl.Change{NS: n.NS.FD(), Name: d.Link, Index: d.Index}); err != nil {
		return fmt.Errorf("move port %s: %w", port, err)
	}
	l.ports = append(l.ports, borrowed{node: n, index: d.Index, was: was})
	ch := &rtnl.Change{MTU: d.MTU, Master: l.index[d.Master]}
	if d.OwnMAC {
		ch.MAC = d.MAC
	}
	if d.Promisc {
		ch.Promisc = &d.Promisc
	}
	// The move has brought it down, and not all drivers take an address later.
	if err := n.Conn.SetLink(d.Index, ch); err != nil {
		return fmt.Errorf("set up port %s: %w", port, err)
	}
	if !d.Up {
		return nil
	}
	if err := n.Conn.SetLink(d.Index, &rtnl.Change{Up: &d.Up}); err != nil {
		return fmt.Errorf("bring up port %s: %w", port, err)
	}
	if was.Up() && !was.Carrier {
		return nil // nothing is plugged in
	}
	err = n.waitFor(settleLimit, func() (bool, error) {
		s, err := n.Conn.Link(d.Index)
		return err == nil && s.Carrier, err
	})
	if err != nil {
		return fmt.Errorf("wait for the carrier of port %s: %w", port, err)
	}
	return nil
}

// giveBack returns every real port, without what was built on it.
func (l *Lab) giveBack() error {
	var errs []error
	for _, p := range l.ports {
		if err := l.giveBackOne(p); err != nil {
			errs = append(errs, fmt.Errorf("give port %s back: %w", p.was.Name, err))
		}
	}
	l.ports = nil
	return errors.Join(errs...)
}

func (l *Lab) giveBackOne(p borrowed) error {
	if err := l.clear(p.index); err != nil {
		return err
	}
	down := false
	ch := &rtnl.Change{Up: &down, NS: l.back.FD(), Name: p.was.Name, Index: p.was.Index}
	err := p.node.Conn.SetLink(p.index, ch)
	if errors.Is(err, unix.EEXIST) || errors.Is(err, unix.EBUSY) {
		ch.Index = 0 // another device has its index by now
		err = p.node.Conn.SetLink(p.index, ch)
	}
	if err != nil {
		return err
	}
	s, err := l.home.LinkByName(p.was.Name)
	if err != nil {
		return err
	}
	up, promisc := p.was.Up(), p.was.Flags&unix.IFF_PROMISC != 0
	return errors.Join(
		l.home.SetLink(s.Index, &rtnl.Change{MAC: p.was.MAC, MTU: p.was.MTU, Promisc: &promisc}),
		l.home.SetLink(s.Index, &rtnl.Change{Up: &up}))
}

// clear deletes what sits on a port: a child that has changed its parent's
// address or promiscuity takes that back when it goes.
func (l *Lab) clear(index int) error {
	for _, n := range l.Nodes() {
		all, err := n.Conn.Links()
		if err != nil {
			return err
		}
		for _, s := range all {
			if s.Parent != index || s.Kind != "macvlan" && s.Kind != "ipvlan" && s.Kind != "vlan" {
				continue
			}
			if err := n.Conn.DeleteLink(s.Index); err != nil && !errors.Is(err, unix.ENODEV) {
				return fmt.Errorf("delete %s, which sits on it: %w", s.Name, err)
			}
		}
	}
	return nil
}
