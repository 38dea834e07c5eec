package port

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/rtnl"
)

// Refusal says in one sentence why a port is not borrowed. Nothing has been touched.
type Refusal struct {
	Port   string
	Reason string
	// Usage is of a mistake in what was asked for; the rest is in the machine's way.
	Usage bool
}

// Error says which port is refused, and why.
func (r *Refusal) Error() string { return fmt.Sprintf("port %s %s", r.Port, r.Reason) }

// Check looks at all ports that are to be borrowed together, of the calling thread's
// namespace, before anything is touched. A port that carries the default route or an
// established connection must be named in really as well. dir is the folder of the
// journals, [StateDir] when empty. The error wraps a *[Refusal].
func Check(names, really []string, dir string) error {
	if len(names) == 0 {
		return nil
	}
	if dir == "" {
		var err error
		if dir, err = StateDir(); err != nil {
			return err
		}
	}
	home, err := netns.Current()
	if err != nil {
		return err
	}
	err = onThisThread(func(p *place) error {
		seen := map[int]string{}
		for _, name := range names {
			s, err := p.check(home, name, slices.Contains(really, name), dir)
			if err != nil {
				return err
			}
			if other, ok := seen[s.Index]; ok {
				return &Refusal{Port: name, Reason: "is the same port as " + other + ": two ports are needed, joined by a cable", Usage: true}
			}
			seen[s.Index] = name
		}
		return nil
	})
	return errors.Join(err, home.Close())
}

// check looks at one port.
func (p *place) check(home *netns.NS, name string, really bool, dir string) (*State, error) {
	l, err := p.find(name)
	if errors.Is(err, unix.ENODEV) {
		if refusal := lent(dir, home, name); refusal != nil {
			return nil, refusal
		}
		return nil, &Refusal{Port: name, Reason: "does not exist", Usage: true}
	}
	if err != nil {
		return nil, err
	}
	if err := p.allowed(name); err != nil {
		return nil, err
	}
	s, err := p.snapshot(l.Attrs().Name)
	if err != nil {
		return nil, err
	}
	if refusal := lent(dir, home, s.Name); refusal != nil {
		return nil, refusal
	}
	for _, look := range []func(*State) string{p.immovable, p.used, cable} {
		if reason := look(s); reason != "" {
			return nil, &Refusal{Port: name, Reason: reason}
		}
	}
	if child := usedElsewhere(home, s.Index); child != "" {
		return nil, &Refusal{Port: name, Reason: child}
	}
	if reason := lifeline(s); reason != "" && !really {
		return nil, &Refusal{Port: name, Reason: reason + "; it would be cut off. If that is meant, say so with --yes-really " + name}
	}
	return s, writable(dir)
}

// allowed asks the kernel whether this process may change devices here: it looks at
// the rights before it finds that there is no such device (net/core/rtnetlink.c:
// rtnetlink_rcv_msg).
func (p *place) allowed(name string) error {
	const nobody = 1<<31 - 1
	err := p.conn.SetLink(nobody, &rtnl.Change{MTU: 1500})
	if errors.Is(err, unix.EPERM) {
		return &Refusal{Port: name, Reason: "can only be borrowed with CAP_NET_ADMIN over the network namespace that it is in: run lanproof as root"}
	}
	return nil
}

// immovable says why a device cannot change its namespace, if so
// (net/core/dev.c:__dev_change_net_namespace).
func (p *place) immovable(s *State) string {
	l, err := p.find(s.Name)
	if err != nil {
		return ""
	}
	switch {
	case l.Attrs().RawFlags&unix.IFF_LOOPBACK != 0:
		return "is the loopback device, which cannot be moved"
	case slices.Contains([]string{"bridge", "bond", "team", "macvlan", "ipvlan", "vlan", "macvtap", "ipvtap"}, s.Kind):
		return fmt.Sprintf("is a %s device: name the port that it sits on, or that is in it", s.Kind)
	case s.Features["netns-local"].On:
		return "is a virtual device that its driver keeps in its namespace"
	}
	return ""
}

// used says what uses the port in its own namespace.
func (p *place) used(s *State) string {
	if s.Master != "" {
		return "is in use by " + s.Master + ": take it out first"
	}
	all, err := p.conn.Links()
	if err != nil {
		return ""
	}
	for _, c := range all {
		if sitsOn(c, s.Index) {
			return fmt.Sprintf("is in use: the %s device %s sits on it", c.Kind, c.Name)
		}
	}
	return ""
}

// usedElsewhere says what sits on the port in the namespaces of other processes, such
// as a container with a macvlan network.
func usedElsewhere(home *netns.NS, index int) string {
	seen := map[uint32]bool{home.Inode(): true}
	for _, path := range namespaces() {
		ns, err := netns.Open(path)
		if err != nil {
			continue
		}
		child := ""
		if !seen[ns.Inode()] {
			child = childIn(ns, home, index)
		}
		seen[ns.Inode()] = true
		_ = ns.Close()
		if child != "" {
			return child
		}
	}
	return ""
}

// childIn looks for children of a port in one other namespace. One that may not be
// looked into has none that we could find.
func childIn(ns, home *netns.NS, index int) (reason string) {
	_ = at(ns, func(p *place) error {
		all, err := p.conn.Links()
		if err != nil {
			return err
		}
		id, err := p.link.GetNetNsIdByFd(home.FD())
		for _, c := range all {
			if err == nil && id >= 0 && c.Parent == index && c.ParentNSID == id && c.Kind != "veth" {
				reason = fmt.Sprintf("is in use: the %s device %s of another network namespace sits on it", c.Kind, c.Name)
			}
		}
		return err
	})
	return reason
}

// cable says whether nothing is plugged in. Of a port that is down nobody knows.
func cable(s *State) string {
	if s.Up() && !s.Carrier {
		return "has no carrier: nothing is plugged in, or its other end is down"
	}
	return ""
}

// lifeline says what people would lose with the port.
func lifeline(s *State) string {
	for _, e := range s.Routes {
		m, err := rtnl.ParseMessage(e.Message, routeHeader)
		if err == nil && m.Header[1] == 0 && m.Header[7] == unix.RTN_UNICAST {
			return "carries a default route (" + e.Text + ")"
		}
	}
	var own []netip.Addr
	for _, e := range s.Addresses {
		m, err := rtnl.ParseMessage(e.Message, addressHeader)
		if err != nil {
			continue
		}
		for _, typ := range []uint16{unix.IFA_LOCAL, unix.IFA_ADDRESS} {
			if ip, ok := netip.AddrFromSlice(m.Get(typ)); ok {
				own = append(own, ip)
				break
			}
		}
	}
	for _, c := range append(connections(), sshConnection()...) {
		if slices.Contains(own, c.local.Addr()) {
			return fmt.Sprintf("carries a connection (%v, from %v)", c.local, c.remote)
		}
	}
	return ""
}

// writable makes sure that a journal can be written, before anything is touched.
func writable(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the folder for the journals of borrowed ports: %w", err)
	}
	f, err := os.CreateTemp(dir, "new-*")
	if err != nil {
		return fmt.Errorf("write into the folder for the journals of borrowed ports: %w", err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// lent says who has the port of that name, nil when nobody.
func lent(dir string, home *netns.NS, name string) error {
	path := journalPath(dir, home.Inode(), name)
	j, w, err := read(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case errors.Is(err, errLiving):
		return &Refusal{Port: name, Reason: fmt.Sprintf("is borrowed by another lanproof, process %d", j.PID)}
	case err != nil:
		return &Refusal{Port: name, Reason: fmt.Sprintf("has a journal that cannot be read (%v): see %s", err, filepath.Base(path))}
	}
	_ = w.f.Close()
	return &Refusal{Port: name, Reason: "was left behind by a lanproof that was killed: lanproof clean brings it back"}
}

// sshConnection is the session that this process belongs to.
func sshConnection() []connection {
	f := strings.Fields(os.Getenv("SSH_CONNECTION")) // client, its port, server, its port
	if len(f) != 4 {
		return nil
	}
	remote, err1 := netip.ParseAddrPort(net.JoinHostPort(f[0], f[1]))
	local, err2 := netip.ParseAddrPort(net.JoinHostPort(f[2], f[3]))
	if err1 != nil || err2 != nil {
		return nil
	}
	return []connection{{local, remote}}
}
