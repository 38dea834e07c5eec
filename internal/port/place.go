package port

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/ethtool"
	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/rtnl"
)

// place holds the sockets of one namespace. It is used on a thread that is there,
// because /proc/sys/net shows the settings of the thread's namespace.
type place struct {
	conn   *rtnl.Conn
	link   *netlink.Handle
	eth    *ethtool.Conn
	events *rtnl.Events
}

// here opens the sockets in the calling thread's namespace.
func here() (p *place, err error) {
	p = &place{}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	if p.conn, err = rtnl.OpenHere(); err != nil {
		return p, err
	}
	if p.link, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		return p, fmt.Errorf("open a netlink socket: %w", err)
	}
	if p.eth, err = ethtool.OpenHere(); err != nil {
		return p, err
	}
	p.events, err = rtnl.WatchLinksHere()
	return p, err
}

func (p *place) close() error {
	var errs []error
	if p.conn != nil {
		p.conn.Close()
	}
	if p.link != nil {
		p.link.Close()
	}
	if p.eth != nil {
		errs = append(errs, p.eth.Close())
	}
	if p.events != nil {
		errs = append(errs, p.events.Close())
	}
	return errors.Join(errs...)
}

// at calls fn with the sockets of a namespace, on a thread that is there.
func at(ns *netns.NS, fn func(p *place) error) error {
	return ns.Do(func() error { return onThisThread(fn) })
}

// onThisThread calls fn with the sockets of the calling thread's namespace.
func onThisThread(fn func(p *place) error) error {
	p, err := here()
	if err != nil {
		return err
	}
	return errors.Join(fn(p), p.close())
}
