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

// waitForPorts waits until every port that has a carrier forwards. Mostly they
// do so at once; else the kernel is listened to, not asked again and again.
func (l *Lab) waitForPorts() error {
	sw := l.nodes[topology.SwitchNode]
	waiting, err := l.closedPorts(sw)
	if err != nil || len(waiting) == 0 {
		return err
	}
	var events *rtnl.Events
	if err := sw.NS.Do(func() (err error) { events, err = rtnl.WatchLinksHere(); return err }); err != nil {
		return err
	}
	defer events.Close()
	for deadline := time.Now().Add(portLimit); ; {
		if waiting, err = l.closedPorts(sw); err != nil || len(waiting) == 0 {
			return err
		}
		if err := events.Wait(time.Until(deadline)); err != nil {
			if errors.Is(err, unix.ETIMEDOUT) {
				return fmt.Errorf("ports %v of the switch did not open within %v", waiting, portLimit)
			}
			return err
		}
	}
}

// closedPorts are the ports that should forward and do not yet.
func (l *Lab) closedPorts(sw *Node) ([]string, error) {
	states, err := sw.Conn.BridgePorts()
	if err != nil {
		return nil, fmt.Errorf("ask for the states of the switch's ports: %w", err)
	}
	var closed []string
	for _, d := range l.plan.LAN.Devices {
		if d.Port == nil || d.Port.NoCarrier || !d.Up {
			continue
		}
		if end := l.plan.LAN.Device(d.Peer); end != nil && states[end.Index] != rtnl.Forwarding {
			closed = append(closed, end.Link)
		}
	}
	return closed, nil
}
