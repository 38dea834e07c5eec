package rtnl

import (
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Forwarding is the state of a bridge's port that takes and gives frames
// (include/uapi/linux/if_bridge.h:BR_STATE_FORWARDING).
const Forwarding = 3

// BridgePorts returns the state of every bridge port of the namespace by ifindex.
func (c *Conn) BridgePorts() (map[int]int, error) {
	msgs, err := c.dump(unix.RTM_GETLINK, nl.NewIfInfomsg(unix.AF_BRIDGE), unix.RTM_NEWLINK)
	if err != nil {
		return nil, err
	}
	states := map[int]int{}
	for _, m := range msgs {
		if len(m) < unix.SizeofIfInfomsg {
			continue
		}
		attrs, err := nl.ParseRouteAttr(m[unix.SizeofIfInfomsg:])
		if err != nil {
			return nil, fmt.Errorf("read a port message: %w", err)
		}
		for _, a := range attrs {
			if a.Attr.Type&^unix.NLA_F_NESTED != unix.IFLA_PROTINFO {
				continue
			}
			info, err := nl.ParseRouteAttr(a.Value)
			if err != nil {
				return nil, fmt.Errorf("read a port's settings: %w", err)
			}
			for _, i := range info {
				if i.Attr.Type == nl.IFLA_BRPORT_STATE && len(i.Value) > 0 {
					states[int(nl.DeserializeIfInfomsg(m).Index)] = int(i.Value[0])
				}
			}
		}
	}
	return states, nil
}

// Events tells that something about the links of a namespace has changed.
type Events struct {
	fd int
}

// WatchLinksHere listens in the calling thread's namespace.
func WatchLinksHere() (*Events, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open a netlink socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1 << (unix.RTNLGRP_LINK - 1)}); err != nil {
		return nil, errors.Join(fmt.Errorf("listen for link events: %w", err), unix.Close(fd))
	}
	return &Events{fd: fd}, nil
}

// Wait returns after at least one event has come. What has come by then is
// swallowed: the caller asks for the state itself. The error is ETIMEDOUT when
// nothing came in time.
func (e *Events) Wait(limit time.Duration) error {
	fds := []unix.PollFd{{Fd: int32(e.fd), Events: unix.POLLIN}}
	for deadline := time.Now().Add(limit); ; {
		left := time.Until(deadline)
		if left <= 0 {
			return unix.ETIMEDOUT
		}
		n, err := unix.Poll(fds, int(left.Milliseconds())+1)
		if errors.Is(err, unix.EINTR) || (err == nil && n == 0) {
			continue
		}
		if err != nil {
			return fmt.Errorf("wait for link events: %w", err)
		}
		return e.drain()
	}
}

func (e *Events) drain() error {
	buf := make([]byte, 1<<16)
	for {
		_, _, err := unix.Recvfrom(e.fd, buf, 0)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.EINTR):
			// Events were lost; that something happened is all we need.
		case err != nil:
			return fmt.Errorf("read link events: %w", err)
		}
	}
}

// Close stops listening.
func (e *Events) Close() error { return unix.Close(e.fd) }
