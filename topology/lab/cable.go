package lab

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/port"
	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/topology"
)

// Cable names two real ports that are joined by a cable.
type Cable struct {
	// DUT is the port under test, Peer the one that the switch gets.
	DUT, Peer string
	// Home is the namespace that they are in; nil for the calling thread's.
	Home *netns.NS
}

// layCable moves two real ports to where the plan has the ends of a veth, which they
// then are.
func (l *Lab) layCable(d, p *topology.Device) error {
	ends := []struct {
		*topology.Device
		port string
	}{{p, l.cable.Peer}, {d, l.cable.DUT}}
	for _, end := range ends {
		if err := l.fetch(end.Device, end.port); err != nil {
			return err
		}
		ch := &rtnl.Change{Master: l.index[end.Master]}
		// The switch sends on whatever comes, so its port is to hold nothing back.
		promisc := end.Promisc || end.Device == p
		if promisc {
			ch.Promisc = &promisc
		}
		if end.AllMulti {
			ch.AllMulti = &end.AllMulti
		}
		if end.Up {
			ch.Up = &end.Up
		}
		if err := l.conn(end.Device).SetLink(end.Index, ch); err != nil {
			return fmt.Errorf("bring up port %s: %w", end.port, err)
		}
	}
	return l.awaitCable()
}

// awaitCable waits until the ends of a cable have a carrier that are to have one.
func (l *Lab) awaitCable() error {
	for _, d := range l.plan.LAN.Devices {
		n := l.nodes[d.Node]
		if d.Cable == nil || n == nil || !l.plan.LAN.Carrier(d) {
			continue
		}
		if _, err := n.AwaitCarrier(d.Index, true, settleLimit); err != nil {
			return fmt.Errorf("wait for the carrier of %s: %w", d.Ref, err)
		}
	}
	return nil
}

// fetch moves a port into its node, and sets what not all drivers change while they
// are up.
func (l *Lab) fetch(d *topology.Device, name string) error {
	n := l.nodes[d.Node]
	var loan *port.Loan
	borrow := func() (err error) {
		loan, err = port.Borrow(name, n.NS, port.Options{Name: d.Link, Index: d.Index})
		return err
	}
	var err error
	if home := l.cable.Home; home != nil {
		err = home.Do(borrow)
	} else {
		err = borrow()
	}
	if err != nil {
		return fmt.Errorf("borrow port %s: %w", name, err)
	}
	l.loans = append(l.loans, loan)
	ch := &rtnl.Change{MTU: d.MTU, Instead: queueLength(d.TxQueueLen)}
	if ch.MTU == 0 {
		ch.MTU = plainMTU
	}
	if d.OwnMAC {
		ch.MAC = d.MAC
	}
	if err := n.Conn.SetLink(d.Index, ch); err != nil {
		return fmt.Errorf("set up port %s: %w", name, err)
	}
	return nil
}

// plainMTU is what an Ethernet device has that is told no other (IEEE 802.3 1.4.394).
const plainMTU = 1500

// queueLength changes the length of a device's queue, if it is given.
func queueLength(n *int) []rtnl.Attr {
	if n == nil {
		return nil
	}
	return []rtnl.Attr{rtnl.U32(unix.IFLA_TXQLEN, uint32(*n))}
}

// ErrCarrier is wrapped where a real port's carrier did not come or go in time.
var ErrCarrier = errors.New("the carrier has not changed")

// AwaitCarrier waits until a device of the node has a carrier, or has none, and reports
// whether it did. The error wraps ErrCarrier when that takes too long.
func (n *Node) AwaitCarrier(index int, want bool, limit time.Duration) (bool, error) {
	err := n.waitFor(limit, func() (bool, error) {
		s, err := n.Conn.Link(index)
		return err == nil && s.Carrier == want, err
	})
	if errors.Is(err, unix.ETIMEDOUT) {
		err = fmt.Errorf("%w within %v", ErrCarrier, limit)
	}
	return err == nil, err
}
