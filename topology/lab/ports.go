package lab

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/topology"
)

// portLimit is how long the kernel may take to open a port of the switch.
// Linkwatch is allowed a second (net/core/link_watch.c); an emulated machine
// takes several.
const portLimit = 20 * time.Second

// waitForPorts waits until every bridge's port that has a carrier sends, too:
// a device that came up before its peer drops what it should send until
// linkwatch has been there (net/sched/sch_generic.c:dev_activate), and only the
// operstate tells. The kernel is listened to, not asked again and again.
func (l *Lab) waitForPorts() error {
	for _, n := range l.Nodes() {
		if err := l.waitIn(n); err != nil {
			return fmt.Errorf("wait for the ports in %s: %w", n.Name, err)
		}
	}
	return nil
}

func (l *Lab) waitIn(n *Node) error {
	waiting, err := l.closedPorts(n)
	if err != nil || len(waiting) == 0 {
		return err
	}
	var events *rtnl.Events
	if err := n.NS.Do(func() (err error) { events, err = rtnl.WatchLinksHere(); return err }); err != nil {
		return err
	}
	defer events.Close()
	for deadline := time.Now().Add(portLimit); ; {
		if waiting, err = l.closedPorts(n); err != nil || len(waiting) == 0 {
			return err
		}
		if err := events.Wait(time.Until(deadline)); err != nil {
			if errors.Is(err, unix.ETIMEDOUT) {
				return fmt.Errorf("%v did not open within %v", waiting, portLimit)
			}
			return err
		}
	}
}

// closedPorts are the ports that should forward and do not yet.
func (l *Lab) closedPorts(n *Node) ([]string, error) {
	var ports []*topology.Device
	for _, d := range l.plan.LAN.DevicesOf(n.Name) {
		if far := l.plan.LAN.Device(d.Peer); d.Master.Link != "" && d.Up && far != nil && far.Up && (far.Port == nil || !far.Port.NoCarrier) {
			ports = append(ports, d)
		}
	}
	if len(ports) == 0 {
		return nil, nil
	}
	var closed []string
	for _, d := range ports {
		s, err := n.Conn.Link(d.Index)
		if err != nil {
			return nil, fmt.Errorf("ask for port %s: %w", d.Ref, err)
		}
		if s.Operstate != "up" {
			closed = append(closed, d.Link)
		}
	}
	return closed, nil
}
