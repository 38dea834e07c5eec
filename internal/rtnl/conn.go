// Package rtnl speaks rtnetlink in one namespace: it makes devices in one
// message with their final place and settings, and reads back what the kernel
// says of them, including attributes that vishvananda/netlink does not know.
// Messages are built with that library's nl package.
package rtnl

import (
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Conn is a netlink socket that stays in the namespace it was opened in,
// whichever thread uses it. It is not for concurrent use.
type Conn struct {
	sockets map[int]*nl.SocketHandle
	answer  []byte // to a Request, where one was sent
}

// replyTimeout is how long a request may go unanswered. Only a kernel in
// trouble takes longer, for requests are answered in the sender's own context.
var replyTimeout = unix.Timeval{Sec: 20}

// OpenHere opens a Conn in the calling thread's namespace.
func OpenHere() (*Conn, error) {
	s, err := nl.GetNetlinkSocketAt(netns.None(), netns.None(), unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open a netlink socket: %w", err)
	}
	timeout := replyTimeout
	err = errors.Join(s.SetExtAck(true), s.SetReceiveTimeout(&timeout))
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("set up a netlink socket: %w", err)
	}
	return &Conn{sockets: map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: {Socket: s}}}, nil
}

// Close closes the socket. It is safe to call more than once.
func (c *Conn) Close() {
	for proto, s := range c.sockets {
		s.Close()
		delete(c.sockets, proto)
	}
}

// request starts a message on this socket.
func (c *Conn) request(typ, flags int) *nl.NetlinkRequest {
	r := nl.NewNetlinkRequest(typ, flags)
	r.Sockets = c.sockets
	return r
}

// do sends a request that is answered by an acknowledgement alone. The error
// wraps the errno and carries the kernel's own words where it has any.
func (c *Conn) do(r *nl.NetlinkRequest) error {
	r.Flags |= unix.NLM_F_ACK
	_, err := r.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

// dump sends a request that is answered by many messages. The kernel says when
// a dump was torn by a change; it is then asked again.
func (c *Conn) dump(typ int, header nl.NetlinkRequestData, reply uint16) ([][]byte, error) {
	const attempts = 10
	for try := 1; ; try++ {
		r := c.request(typ, unix.NLM_F_DUMP)
		r.AddData(header)
		msgs, err := r.Execute(unix.NETLINK_ROUTE, reply)
		if !errors.Is(err, netlink.ErrDumpInterrupted) || try == attempts {
			return msgs, err
		}
	}
}

// parseAttrs reads a list of attributes. The library reads past the end of one
// whose last attribute is not padded, which no kernel sends.
func parseAttrs(b []byte) ([]syscall.NetlinkRouteAttr, error) {
	if n := len(b) % unix.RTA_ALIGNTO; n != 0 {
		b = append(slices.Clone(b), make([]byte, unix.RTA_ALIGNTO-n)...)
	}
	return nl.ParseRouteAttr(b)
}
