package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
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
// again and again. Real ports are given the time that they take to have a carrier.
func (l *Lab) Settle() error {
	if err := l.awaitCable(); err != nil {
		return err
	}
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
	v6 := l.v6Nodes()
	for _, n := range l.Nodes() {
		if !v6[n.Name] {
			continue
		}
		if err := n.awaitAddresses(); err != nil {
			return fmt.Errorf("wait for the addresses of %s: %w", n.Name, err)
		}
	}
	return nil
}

// addressLimit is how long the kernel may take to make an address ready.
const addressLimit = 5 * time.Second

// awaitAddresses waits until a node's IPv6 addresses can be asked for: a worker of
// the kernel makes their devices members of the groups that solicitations go to, and
// then tells that they are there (net/ipv6/addrconf.c:addrconf_dad_begin). Each is
// waited for once; whether it came is for the checks to find.
func (n *Node) awaitAddresses() error {
	addresses, err := n.addresses6()
	if err != nil {
		return err
	}
	fresh := slices.DeleteFunc(slices.Clone(addresses), func(a rtnl.Address) bool { return slices.Contains(n.awaited, a) })
	n.awaited = addresses
	ready := func() (bool, error) { return n.solicitable(fresh) }
	if ok, err := ready(); err != nil || ok {
		return err
	}
	if err := n.waitFor(addressLimit, ready); !errors.Is(err, unix.ETIMEDOUT) {
		return err
	}
	return nil
}

func (n *Node) addresses6() ([]rtnl.Address, error) {
	all, err := n.Conn.Addresses()
	if err != nil {
		return nil, fmt.Errorf("ask for the addresses: %w", err)
	}
	return slices.DeleteFunc(all, func(a rtnl.Address) bool { return a.Prefix.Addr().Is4() || a.Index == loopback }), nil
}

// solicitable reports whether addresses can be asked for, as far as their devices can
// be asked at all. Engines leave the kernel time to look for others that have them: those
// are not answered for before that is over.
func (n *Node) solicitable(addresses []rtnl.Address) (bool, error) {
	if len(addresses) == 0 {
		return true, nil
	}
	groups, err := n.Conn.Groups6()
	if err != nil {
		return false, fmt.Errorf("ask for the groups: %w", err)
	}
	var tentative []rtnl.Address
	if n.engines {
		if tentative, err = n.Conn.TentativeAddresses(); err != nil {
			return false, fmt.Errorf("ask for the addresses: %w", err)
		}
	}
	for _, a := range addresses {
		if slices.Contains(groups, rtnl.Group{Index: a.Index, IP: solicited(a.Prefix.Addr())}) && !slices.Contains(tentative, a) {
			continue
		}
		s, err := n.Conn.Link(a.Index)
		if err != nil {
			return false, fmt.Errorf("ask for device %d: %w", a.Index, err)
		}
		if s.Up() && s.Carrier && !s.NoARP() {
			return false, nil
		}
	}
	return true, nil
}

// solicited is the group that an address is asked for by (RFC 4291 2.7.1).
func solicited(a netip.Addr) netip.Addr {
	group, b := netip.MustParseAddr("ff02::1:ff00:0").As16(), a.As16()
	copy(group[13:], b[13:])
	return netip.AddrFrom16(group)
}

// settle waits for one node, and reports whether there was anything to wait for.
func (l *Lab) settle(n *Node) (waited bool, err error) {
	late, err := l.late(n)
	if err != nil || len(late) == 0 {
		return false, err
	}
	err = n.waitFor(settleLimit, func() (bool, error) {
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
func (n *Node) waitFor(limit time.Duration, done func() (bool, error)) error {
	var events *rtnl.Events
	if err := n.NS.Do(func() (err error) { events, err = rtnl.WatchLinksHere(); return err }); err != nil {
		return err
	}
	defer events.Close()
	for deadline := time.Now().Add(limit); ; {
		if ok, err := done(); err != nil || ok {
			return err
		}
		if err := events.Wait(time.Until(deadline)); err != nil {
			return err
		}
	}
}
