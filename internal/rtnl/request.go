package rtnl

import (
	"fmt"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Request is a message that was written beforehand: sending it takes two system calls
// and no memory, so that whoever measures how long a kernel takes measures the kernel.
// It is for the Conn that made it, and can be sent again.
type Request struct {
	conn    *Conn
	message []byte
}

// PrepareNew is NewLink, to be done later.
func (c *Conn) PrepareNew(l *Link) *Request { return c.prepare(c.newLink(l)) }

// PrepareSet is SetLink, to be done later.
func (c *Conn) PrepareSet(index int, ch *Change) *Request { return c.prepare(c.setLink(index, ch)) }

// PrepareDelete is DeleteLink, to be done later.
func (c *Conn) PrepareDelete(index int) *Request { return c.prepare(c.deleteLink(index)) }

// PrepareDeleteGroup deletes all devices of a group (IFLA_GROUP), and what sits on
// them, at once (net/core/rtnetlink.c:rtnl_group_dellink).
func (c *Conn) PrepareDeleteGroup(group uint32) *Request {
	r := c.request(unix.RTM_DELLINK, 0)
	r.AddData((&Link{}).header())
	r.AddData(nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(group)))
	return c.prepare(r)
}

// PrepareList asks for all devices of the namespace, to be done by Count.
func (c *Conn) PrepareList() *Request {
	r := c.request(unix.RTM_GETLINK, unix.NLM_F_DUMP)
	r.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	return &Request{conn: c, message: r.Serialize()}
}

func (c *Conn) prepare(r *nl.NetlinkRequest) *Request {
	r.Flags |= unix.NLM_F_ACK
	return &Request{conn: c, message: r.Serialize()}
}

// Do sends the message and returns what the kernel says to it: an errno, with the
// kernel's own words where it has any.
func (r *Request) Do() error {
	_, err := r.Count()
	return err
}

// Count sends the message and returns how many messages the kernel answers with before
// it says that it is done. The kernel answers before sending returns, and goes on with
// each read (net/netlink/af_netlink.c:netlink_rcv_skb, netlink_recvmsg).
func (r *Request) Count() (n int, err error) {
	const size = 1 << 16
	fd := r.conn.sockets[unix.NETLINK_ROUTE].Socket.GetFd()
	if r.conn.answer == nil {
		r.conn.answer = make([]byte, size)
	}
	if _, err := unix.Write(fd, r.message); err != nil {
		return 0, fmt.Errorf("send a request: %w", err)
	}
	for {
		got, err := unix.Read(fd, r.conn.answer)
		if err != nil {
			return n, fmt.Errorf("read the answer: %w", err)
		}
		more, done, err := tally(r.conn.answer[:got])
		n += more
		if done || err != nil {
			return n, err
		}
	}
}

// tally counts the messages of an answer, and takes its end: what the kernel says.
func tally(b []byte) (n int, done bool, err error) {
	for len(b) > 0 {
		if len(b) < unix.NLMSG_HDRLEN {
			return n, true, fmt.Errorf("an answer with %d bytes at its end", len(b))
		}
		length, typ := int(native.Uint32(b)), native.Uint16(b[4:])
		if length < unix.NLMSG_HDRLEN || length > len(b) {
			return n, true, fmt.Errorf("an answer of %d bytes that says %d", len(b), length)
		}
		if typ == unix.NLMSG_ERROR || typ == unix.NLMSG_DONE {
			return n, true, verdict(native.Uint16(b[6:]), b[unix.NLMSG_HDRLEN:length])
		}
		n++
		b = b[min(len(b), (length+unix.NLMSG_ALIGNTO-1)&^(unix.NLMSG_ALIGNTO-1)):]
	}
	return n, false, nil
}

// verdict reads what the kernel says at the end of an answer (struct nlmsgerr).
func verdict(flags uint16, b []byte) error {
	if len(b) < 4 || int32(u32(b)) == 0 {
		return nil
	}
	errno := syscall.Errno(-int32(u32(b)))
	b = b[4:]
	if flags&unix.NLM_F_ACK_TLVS == 0 || len(b) < unix.NLMSG_HDRLEN {
		return errno
	}
	echo := (int64(u32(b)) + unix.NLMSG_ALIGNTO - 1) &^ (unix.NLMSG_ALIGNTO - 1)
	if flags&unix.NLM_F_CAPPED != 0 {
		echo = unix.NLMSG_HDRLEN
	}
	attrs, err := parseAttrs(b[min(int64(len(b)), echo):])
	if err != nil {
		return errno
	}
	for _, a := range attrs {
		if a.Attr.Type == nl.NLMSGERR_ATTR_MSG {
			return fmt.Errorf("%w: %s", errno, unix.ByteSliceToString(a.Value))
		}
	}
	return errno
}
