package lab

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/port"
	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/topology"
)

// borrow moves a real port into its node. There it has the plan's ifindex, and
// the address and MTU that the plan asks for.
func (l *Lab) borrow(d *topology.Device, name string) error {
	if name == "" {
		return fmt.Errorf("device %s needs a real port, and none was named for it", d.Ref)
	}
	n := l.nodes[d.Node]
	loan, err := port.Borrow(name, n.NS, port.Options{Name: d.Link, Index: d.Index})
	if err != nil {
		return fmt.Errorf("borrow port %s: %w", name, err)
	}
	l.loans = append(l.loans, loan)
	ch := &rtnl.Change{MTU: d.MTU, Master: l.index[d.Master]}
	if d.OwnMAC {
		ch.MAC = d.MAC
	}
	if d.Promisc {
		ch.Promisc = &d.Promisc
	}
	// The move has brought it down, and not all drivers take an address later.
	if err := n.Conn.SetLink(d.Index, ch); err != nil {
		return fmt.Errorf("set up port %s: %w", name, err)
	}
	if !d.Up {
		return nil
	}
	if err := n.Conn.SetLink(d.Index, &rtnl.Change{Up: &d.Up}); err != nil {
		return fmt.Errorf("bring up port %s: %w", name, err)
	}
	if loan.Was.Up() && !loan.Was.Carrier {
		return nil // nothing is plugged in
	}
	if _, err := n.AwaitCarrier(d.Index, true, settleLimit); err != nil {
		return fmt.Errorf("wait for the carrier of port %s: %w", name, err)
	}
	return nil
}

// giveBack returns every real port, without what was built on it. That one is not as
// it was is an error.
func (l *Lab) giveBack() error {
	var errs []error
	for _, loan := range l.loans {
		if err := l.clear(loan.Index()); err != nil {
			errs = append(errs, fmt.Errorf("give port %s back: %w", loan.Was.Name, err))
		}
	}
	differences, err := port.ReturnAll(l.loans...)
	if len(differences) > 0 {
		errs = append(errs, errors.New(strings.Join(differences, "; ")))
	}
	l.loans = nil
	return errors.Join(append(errs, err)...)
}

// clear deletes what sits on a port, in whichever node it is.
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
