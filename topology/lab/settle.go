package lab

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/rtnl"
)

// settleLimit is how long the kernel may take to settle. Linkwatch is allowed a
// second between events (net/core/link_watch.c), an emulated machine takes
// several, and a real port negotiates.
const settleLimit = 20 * time.Second

// ErrUnsettled is wrapped by Settle's error where a kernel left a device's
// operstate behind its carrier.
var ErrUnsettled = errors.New("the operstate did not follow the carrier")

// Settle waits until the kernel has caught up with what was changed. A device
// whose carrier came or went begins to send, or stops, only when linkwatch has
// been there, which wants the kernel's one big lock and so may come late
// (net/core/link_watch.c:linkwatch_do_dev); the operstate tells. From parent to
// child the news travels in the same way. The kernel is listened to, not asked
// again and again.
func (l *Lab) Settle() error {
	for late := true; late; {
		late = false
		for _, n := range l.Nodes() {
			waited, err := l.settle(n)
			if err != nil {
				return fmt.Errorf("wait for the devices of %s: %w", n.Name, err)
			}
			late = late || waited
		}
	}
	return nil
}

// settle waits for one node, and reports whether there was anything to wait for.
func (l *Lab) settle(n *Node) (waited bool, err error) {
	late, err := l.late(n)
	if err != nil || len(late) == 0 {
		return false, err
	}
	err = n.waitFor(func() (bool, error) {
		late, err = l.late(n)
		return len(late) == 0, err
	})
	if errors.Is(err, unix.ETIMEDOUT) {
		err = fmt.Errorf("%w: %v: %w", ErrUnsettled, late, err)
	}
	return true, err
}

// late are the devices of a node whose operstate does not fit their carrier.
func (l *Lab) late(n *Node) ([]string, error) {
	var late []string
	for _, d := range l.plan.LAN.DevicesOf(n.Name) {
		// Asked for one by one: only then the kernel looks for news first, and
		// holds the lock, so that what it says is no moment in between
		// (net/core/rtnetlink.c:rtnl_getlink).
		s, err := n.Conn.Link(d.Index)
		if errors.Is(err, unix.ENODEV) {
			continue // it went with another, and is for the checks to find
		}
		if err != nil {
			return nil, fmt.Errorf("ask for %s: %w", d.Ref, err)
		}
		// Devices that never tell are "unknown", and others may be "dormant".
		down := s.Operstate == "down" || s.Operstate == "lowerlayerdown"
		if s.Up() && (s.Carrier && down || !s.Carrier && s.Operstate == "up") {
			late = append(late, d.Link)
		}
	}
	return late, nil
}

// waitFor waits for done, which is asked again whenever a link of the node has
// changed. The error is ETIMEDOUT when that takes too long.
func (n *Node) waitFor(done func() (bool, error)) error {
	var events *rtnl.Events
	if err := n.NS.Do(func() (err error) { events, err = rtnl.WatchLinksHere(); return err }); err != nil {
		return err
	}
	defer events.Close()
	for deadline := time.Now().Add(settleLimit); ; {
		if ok, err := done(); err != nil || ok {
			return err
		}
		if err := events.Wait(time.Until(deadline)); err != nil {
			return err
		}
	}
}
