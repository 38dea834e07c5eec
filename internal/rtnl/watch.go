package rtnl

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Events tells that something about the links of a namespace has changed, or that
// one of its IPv6 addresses is ready.
type Events struct {
	fd int
}

// WatchLinksHere listens in the calling thread's namespace.
func WatchLinksHere() (*Events, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open a netlink socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1<<(unix.RTNLGRP_LINK-1) | 1<<(unix.RTNLGRP_IPV6_IFADDR-1)}); err != nil {
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
