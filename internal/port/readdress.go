package port

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/rtnl"
)

// ownLimit is how long the kernel may take to give a port with a carrier its own
// link-local address.
const ownLimit = 2 * time.Second

// until waits for done, which is asked again whenever links or IPv6 addresses have
// changed. That it did not come is no error: what is missing is a difference.
func (p *place) until(limit time.Duration, done func() (bool, error)) error {
	for deadline := time.Now().Add(limit); ; {
		if ok, err := done(); err != nil || ok {
			return err
		}
		if err := p.events.Wait(time.Until(deadline)); errors.Is(err, unix.ETIMEDOUT) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// awaitLink waits until the port has the carrier that it had, and the link-local
// address that the kernel makes for itself.
func (p *place) awaitLink(was *State, index int) error {
	if !was.Carrier || !was.Up() {
		return nil
	}
	err := p.until(settleLimit, func() (bool, error) {
		s, err := p.conn.Link(index)
		if err != nil {
			return false, fmt.Errorf("wait for the carrier of port %s: %w", was.Name, err)
		}
		return s.Carrier && s.Operstate != "down" && s.Operstate != "lowerlayerdown", nil
	})
	if err != nil {
		return err
	}
	var own []Entry
	for _, e := range was.Addresses {
		if was.makes(e) {
			own = append(own, e)
		}
	}
	return p.until(ownLimit, func() (bool, error) {
		now, err := p.addressesOf(index)
		return len(missing(own, now)) == 0, err
	})
}

// makes reports whether the kernel makes an address of the port by itself: the
// link-local one, after its MAC address (net/ipv6/addrconf.c:addrconf_addr_gen,
// IN6_ADDR_GEN_MODE_EUI64, RFC 4291 appendix A).
func (s *State) makes(e Entry) bool {
	m, err := rtnl.ParseMessage(e.Message, addressHeader)
	if err != nil || s.Sysctls["ipv6/conf/addr_gen_mode"] != "0" {
		return false
	}
	mac, got := hardware(s.MAC), m.Get(unix.IFA_ADDRESS)
	return len(mac) == 6 && string(got) == string(linkLocal(mac))
}

// linkLocal is the link-local address after a MAC address.
func linkLocal(mac net.HardwareAddr) []byte {
	return []byte{0xfe, 0x80, 0, 0, 0, 0, 0, 0, mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]}
}

func (p *place) addressesOf(index int) ([]Entry, error) {
	l, err := p.link.LinkByIndex(index)
	if err != nil {
		return nil, err
	}
	s := &State{}
	err = p.addresses(s, l)
	return s.Addresses, err
}

// restoreAddresses adds the addresses that are missing, in their order, which decides
// which are secondary, and takes away link-local ones that the port did not have.
func (p *place) restoreAddresses(was *State, index int) error {
	now, err := p.addressesOf(index)
	if err != nil {
		return fmt.Errorf("restore the addresses of port %s: %w", was.Name, err)
	}
	var errs []error
	for _, e := range missing(now, was.Addresses) {
		m, err := rtnl.ParseMessage(e.Message, addressHeader)
		if err != nil {
			continue
		}
		if ip, ok := netip.AddrFromSlice(m.Get(unix.IFA_ADDRESS)); ok && ip.Is6() && ip.IsLinkLocalUnicast() {
			native.PutUint32(m.Header[indexAt:], uint32(index))
			errs = append(errs, p.conn.Send(unix.RTM_DELADDR, 0, m.Bytes()))
		}
	}
	for _, e := range missing(was.Addresses, now) {
		if err := p.addAddress(was, e, index); err != nil {
			errs = append(errs, fmt.Errorf("give port %s its address %s again: %w", was.Name, e.Text, err))
		}
	}
	return errors.Join(errs...)
}

// addAddress adds an address with what is left of its lifetime. One whose time is up
// is not added.
func (p *place) addAddress(was *State, e Entry, index int) error {
	m, err := rtnl.ParseMessage(e.Message, addressHeader)
	if err != nil {
		return err
	}
	native.PutUint32(m.Header[indexAt:], uint32(index))
	if e.Valid > 0 {
		passed := uint32(max(0, time.Since(was.Taken)/time.Second))
		if passed >= e.Valid {
			return nil
		}
		left := make([]byte, 16) // struct ifa_cacheinfo: preferred, valid, two times
		native.PutUint32(left, max(e.Preferred, passed)-passed)
		if e.Preferred == forever {
			native.PutUint32(left, forever)
		}
		native.PutUint32(left[4:], e.Valid-passed)
		m.Attrs = append(m.Attrs, rtnl.RawAttr{Type: unix.IFA_CACHEINFO, Value: left})
	}
	err = p.conn.Send(unix.RTM_NEWADDR, unix.NLM_F_CREATE, m.Bytes())
	if errors.Is(err, unix.EEXIST) {
		return nil
	}
	return err
}

func (p *place) restoreNeighbours(was *State, index int) error {
	var errs []error
	for _, e := range was.Neighbours {
		m, err := rtnl.ParseMessage(e.Message, neighbourHeader)
		if err != nil {
			continue
		}
		native.PutUint32(m.Header[indexAt:], uint32(index))
		if err := p.conn.Send(unix.RTM_NEWNEIGH, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, m.Bytes()); err != nil {
			errs = append(errs, fmt.Errorf("give port %s its neighbour %s again: %w", was.Name, e.Text, err))
		}
	}
	return errors.Join(errs...)
}

// restoreRoutes adds the routes that are missing. One whose source is an IPv6 address
// can be added only when no duplicate of that was found, which takes a second; such
// are tried again when an address becomes usable.
func (p *place) restoreRoutes(was *State, index int) error {
	l, err := p.link.LinkByIndex(index)
	if err != nil {
		return err
	}
	now := &State{}
	if err := p.routes(now, l); err != nil {
		return err
	}
	left := missing(was.restorable(), now.Routes) // adding one again would take its expiry away
	var last error
	err = p.until(settleLimit, func() (bool, error) {
		left = slices.DeleteFunc(left, func(e Entry) bool {
			b, err := aim(e.Message, index)
			if err == nil {
				err = p.conn.Send(unix.RTM_NEWROUTE, unix.NLM_F_CREATE, b)
			}
			if err != nil && !errors.Is(err, unix.EEXIST) {
				last = fmt.Errorf("give port %s its route %s again: %w", was.Name, e.Text, err)
				return false
			}
			return true
		})
		return !slices.ContainsFunc(left, waits), nil
	})
	if len(left) == 0 {
		return err
	}
	return errors.Join(err, last)
}

// waits reports whether a route may have to wait for its source.
func waits(e Entry) bool {
	m, err := rtnl.ParseMessage(e.Message, routeHeader)
	return err == nil && m.Header[0] == unix.AF_INET6 && m.Get(unix.RTA_PREFSRC) != nil
}

// restoreQueues puts back the queueing discipline at the root.
func (p *place) restoreQueues(was *State, index int) error {
	for _, e := range was.Queues {
		m, err := rtnl.ParseMessage(e.Message, queueHeader)
		if err != nil || native.Uint32(m.Header[12:]) != tcRoot {
			continue
		}
		native.PutUint32(m.Header[indexAt:], uint32(index))
		if err := p.conn.Send(unix.RTM_NEWQDISC, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, m.Bytes()); err != nil {
			return fmt.Errorf("give port %s its queueing discipline %s again: %w", was.Name, e.Text, err)
		}
	}
	return nil
}
