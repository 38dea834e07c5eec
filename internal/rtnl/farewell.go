package rtnl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Farewell is what a namespace is told when another one that it knows, or one of its own
// devices, goes away: one of the two is set.
type Farewell struct {
	// NSID is the id that the namespace was given by NameNS, from 1.
	NSID int
	// Index is the ifindex of the device.
	Index int
}

// NameNS gives the namespace that a descriptor holds an id in this one, from 1, so that
// this one is told when the other goes (net/core/net_namespace.c:rtnl_net_newid).
func (c *Conn) NameNS(fd, id int) error {
	r := c.request(unix.RTM_NEWNSID, 0)
	r.AddData(raw(make([]byte, 4) /* struct rtgenmsg, padded */))
	r.AddData(nl.NewRtAttr(unix.NETNSA_FD, nl.Uint32Attr(uint32(fd))))
	r.AddData(nl.NewRtAttr(unix.NETNSA_NSID, nl.Uint32Attr(uint32(id))))
	return c.do(r)
}

// Farewells listens for namespaces and devices that go away.
type Farewells struct {
	file *os.File
	buf  []byte
}

// WatchFarewellsHere listens in the calling thread's namespace.
func WatchFarewellsHere() (*Farewells, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open a netlink socket: %w", err)
	}
	groups := uint32(1<<(unix.RTNLGRP_LINK-1) | 1<<(unix.RTNLGRP_NSID-1))
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		return nil, errors.Join(fmt.Errorf("listen for farewells: %w", err), unix.Close(fd))
	}
	return &Farewells{file: os.NewFile(uintptr(fd), "farewells"), buf: make([]byte, 1<<16)}, nil
}

// Next waits for the next farewells. The error is the context's when that ends before,
// and ENOBUFS where so many came at once that some were lost.
func (f *Farewells) Next(ctx context.Context) ([]Farewell, error) {
	stop := context.AfterFunc(ctx, func() { _ = f.file.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for {
		n, err := f.file.Read(f.buf)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if errors.Is(err, os.ErrDeadlineExceeded) { // another context's, that ended before
			err = f.file.SetReadDeadline(time.Time{})
			if err == nil {
				continue
			}
		}
		if err != nil {
			return nil, fmt.Errorf("wait for farewells: %w", err)
		}
		all, err := parseFarewells(f.buf[:n])
		if err != nil || len(all) > 0 {
			return all, err
		}
	}
}

// Close stops listening.
func (f *Farewells) Close() error {
	if f == nil {
		return nil
	}
	return f.file.Close()
}

// parseFarewells reads what one datagram says.
func parseFarewells(b []byte) ([]Farewell, error) {
	msgs, err := syscall.ParseNetlinkMessage(b)
	if err != nil {
		return nil, fmt.Errorf("read farewells: %w", err)
	}
	var all []Farewell
	for _, m := range msgs {
		switch m.Header.Type {
		case unix.RTM_DELLINK:
			// A bridge says AF_BRIDGE of a port that leaves it.
			if len(m.Data) >= unix.SizeofIfInfomsg && m.Data[0] == unix.AF_UNSPEC {
				all = append(all, Farewell{Index: int(nl.DeserializeIfInfomsg(m.Data).Index)})
			}
		case unix.RTM_DELNSID:
			if id, ok := parseNSID(m.Data); ok {
				all = append(all, Farewell{NSID: id})
			}
		}
	}
	return all, nil
}

func parseNSID(b []byte) (id int, ok bool) {
	const header = 4 // struct rtgenmsg, padded
	if len(b) < header {
		return 0, false
	}
	attrs, err := parseAttrs(b[header:])
	if err != nil {
		return 0, false
	}
	for _, a := range attrs {
		if a.Attr.Type == unix.NETNSA_NSID && len(a.Value) >= 4 {
			id, ok = int(int32(u32(a.Value))), true
		}
	}
	return id, ok
}
