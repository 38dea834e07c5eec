package port

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/rtnl"
)

// ErrGone is wrapped by errors that say that a port is nowhere to be found.
var ErrGone = errors.New("it has vanished: it is in no namespace that can be looked into")

// candidate is a device that may be the port.
type candidate struct {
	ns    *netns.NS
	index int
	ours  bool // ns was opened for it
}

func (c *candidate) close() {
	if c.ours {
		_ = c.ns.Close()
	}
}

// is reports whether the candidate is there and can be the port. Of a virtual device
// nothing but its place can tell: the address may have been changed by users.
func (c *candidate) is(was *State) bool {
	found := false
	_ = at(c.ns, func(p *place) error {
		l, err := p.link.LinkByIndex(c.index)
		if err != nil {
			return err
		}
		s, err := p.conn.Link(c.index)
		found = err == nil && s.Kind == was.Kind && (was.PermanentMAC == "" || p.same(was, l, l.Attrs().Name))
		return err
	})
	return found
}

// same reports whether a device is the port: by the address that it was made with,
// and by its place on its bus where it has one. A virtual device has neither; then
// its kind, its address and one of its names must fit.
func (p *place) same(was *State, l netlink.Link, awayName string) bool {
	a := l.Attrs()
	s, err := p.conn.Link(a.Index)
	if err != nil || s.Kind != was.Kind {
		return false
	}
	bus := ""
	if d, err := p.eth.Driver(a.Name); err == nil {
		bus = d.Bus
	}
	switch {
	case was.PermanentMAC != "":
		return a.PermHWAddr.String() == was.PermanentMAC && (was.Driver.Bus == "" || bus == was.Driver.Bus)
	case was.Kind == "" && was.Driver.Bus != "":
		return bus == was.Driver.Bus
	}
	return a.HardwareAddr.String() == was.MAC && (a.Name == was.Name || a.Name == awayName && awayName != "")
}

// onBus reports whether a device is a physical one at that place of its bus.
func (p *place) onBus(l netlink.Link, bus string) bool {
	s, err := p.conn.Link(l.Attrs().Index)
	if err != nil || s.Kind != "" {
		return false
	}
	d, err := p.eth.Driver(l.Attrs().Name)
	return err == nil && bus != "" && d.Bus == bus
}

// search looks for a port: where it was last, at home, and in the machine's first
// namespace, into which ports of a dead one fall. The candidate is to be closed.
func search(was *State, home *netns.NS, awayName string, away *netns.NS) (*candidate, error) {
	c, err := searchBy(was, home, away, func(p *place, l netlink.Link) bool { return p.same(was, l, awayName) })
	if errors.Is(err, ErrGone) && was.AloneOnBus {
		// A card may have forgotten its permanent address. Its place on its bus is left.
		c, err = searchBy(was, home, away, func(p *place, l netlink.Link) bool { return p.onBus(l, was.Driver.Bus) })
	}
	return c, err
}

// searchBy looks in all places for a device that is the one.
func searchBy(was *State, home, away *netns.NS, is func(*place, netlink.Link) bool) (*candidate, error) {
	for _, ns := range []*netns.NS{away, home} {
		if ns == nil || ns.FD() < 0 {
			continue
		}
		index, err := look(was, ns, is)
		if err != nil {
			return nil, err
		}
		if index > 0 {
			return &candidate{ns: ns, index: index}, nil
		}
	}
	first, err := netns.Open(firstNetwork)
	if err != nil {
		return nil, ErrGone // an ordinary user may not look there
	}
	if index, err := look(was, first, is); err == nil && index > 0 {
		return &candidate{ns: first, index: index, ours: true}, nil
	}
	return nil, errors.Join(ErrGone, first.Close())
}

// look returns the ifindex of a port in a namespace, 0 when it is not there.
func look(was *State, ns *netns.NS, is func(*place, netlink.Link) bool) (index int, err error) {
	err = at(ns, func(p *place) error {
		all, err := p.link.LinkList()
		for _, l := range all {
			if is(p, l) {
				index = l.Attrs().Index
			}
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("look for port %s: %w", was.Name, err)
	}
	return index, nil
}

// carry moves the device home, without what sits on it, and returns its ifindex there.
func (c *candidate) carry(home *netns.NS, was *State) (index int, err error) {
	if c.ns.Inode() == home.Inode() {
		return c.renumber(home, was)
	}
	if err := at(c.ns, func(p *place) error { return p.clear(c.index) }); err != nil {
		return 0, err
	}
	return c.send(home, was)
}

// renumber gives a device that is at home, but is another for the kernel, the ifindex
// that the port had: routes of others may name it. Only by a move can one be chosen.
func (c *candidate) renumber(home *netns.NS, was *State) (index int, err error) {
	stays := c.index == was.Index
	err = at(home, func(p *place) error {
		s, err := p.conn.Link(c.index)
		if err != nil {
			return err
		}
		_, taken := p.conn.Link(was.Index)
		now := &State{Index: c.index}
		if s.Master != 0 {
			now.Master = "another device"
		}
		stays = stays || taken == nil || p.used(now) != ""
		return nil
	})
	if err != nil || stays {
		return c.index, err
	}
	scratch, err := netns.New()
	if err != nil {
		return c.index, nil // an ordinary user's: the number is a difference
	}
	index, err = transfer(home, scratch, c.index, rtnl.Change{})
	if index > 0 {
		index, err = (&candidate{ns: scratch, index: index}).send(home, was)
	}
	return index, errors.Join(err, scratch.Close())
}

// send moves the device home.
func (c *candidate) send(home *netns.NS, was *State) (index int, err error) {
	// Its number and its name may have been given to others meanwhile.
	for _, ch := range []rtnl.Change{{Name: was.Name, Index: was.Index}, {Name: was.Name}, {Name: "port%d"}} {
		index, err = transfer(c.ns, home, c.index, ch)
		if index > 0 || !errors.Is(err, unix.EEXIST) && !errors.Is(err, unix.EBUSY) {
			break
		}
	}
	if index > 0 {
		return index, nil // a name that it did not get is a difference
	}
	return 0, fmt.Errorf("move it home: %w", err)
}

// transfer moves a device, down, and returns its ifindex where it has come to. A
// kernel may move it and then refuse the name: then there is an ifindex and an error.
func transfer(from, to *netns.NS, index int, ch rtnl.Change) (arrived int, err error) {
	err = at(to, func(p *place) error {
		before, err := p.conn.Links()
		if err != nil {
			return err
		}
		down := false
		ch.Up, ch.NS = &down, to.FD()
		var mac string
		moved := at(from, func(p *place) error {
			s, err := p.conn.Link(index)
			if err != nil {
				return err
			}
			mac = s.MAC.String()
			return p.conn.SetLink(index, &ch)
		})
		after, err := p.conn.Links()
		for _, s := range after {
			was := func(b *rtnl.State) bool { return b.Index == s.Index }
			if !slices.ContainsFunc(before, was) && s.MAC.String() == mac {
				arrived = s.Index
			}
		}
		return errors.Join(moved, err)
	})
	if err == nil && arrived == 0 {
		err = unix.ENODEV // it has vanished on its way
	}
	return arrived, err
}

// namespaces returns paths under which namespaces can be opened: those of processes
// and those with a name.
func namespaces() []string {
	var all []string
	for _, pattern := range []string{"/proc/self/ns/net", "/proc/[0-9]*/ns/net", "/run/netns/*", "/run/docker/netns/*"} {
		if paths, err := filepath.Glob(pattern); err == nil {
			all = append(all, paths...)
		}
	}
	return all
}

// openInode opens the namespace with a number, nil when nobody is in it and it has no
// name.
func openInode(inode uint32) *netns.NS {
	for _, path := range namespaces() {
		ns, err := netns.Open(path)
		if err != nil {
			continue
		}
		if ns.Inode() == inode {
			return ns
		}
		_ = ns.Close()
	}
	return nil
}
