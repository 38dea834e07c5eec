package probe

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/probe/mark"
)

// drainSocket reads what an IP socket was given.
func (f *Field) drainSocket(n *Node, s *socket, by observer) error {
	for {
		size, from, err := unix.Recvfrom(s.fd, f.buf, 0)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case errors.Is(err, unix.EINTR):
			continue
		case isPendingError(err):
			continue // about an earlier packet, and read by reading it
		case err != nil:
			return fmt.Errorf("read a socket of %s: %w", n.Name, err)
		}
		f.received(n, by, s.v6, f.buf[:size], from)
	}
}

// isPendingError reports whether an error is the network's answer to a packet
// sent before (ip(7): errors of the network are passed to the user).
func isPendingError(err error) bool {
	for _, e := range []error{unix.EHOSTUNREACH, unix.ENETUNREACH, unix.ECONNREFUSED, unix.ENETDOWN, unix.EHOSTDOWN, unix.EPROTO, unix.EMSGSIZE, unix.EACCES} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// received takes in what a socket got: a mark by UDP, or an echo reply.
func (f *Field) received(n *Node, by observer, v6 bool, data []byte, from unix.Sockaddr) {
	if by == byICMP {
		var ok bool
		if data, ok = echoReplyPayload(data, v6); !ok {
			return
		}
	}
	m, ok := mark.Decode(data)
	if !ok || m.Run != f.run {
		return
	}
	at := place{node: n}
	if m.Role == mark.Fence {
		f.canaries[observed{at, by}]++
		for a := range f.pending {
			if a.socket && a.seq == m.Seq && a.node == n {
				f.arrived(a)
			}
		}
		return
	}
	c := content{kind: udpContent, msg: m, ours: true, src: addrOf(from)}
	if by == byICMP {
		c.kind = echoReplyContent
	}
	f.log = append(f.log, sighting{observed: observed{at, by}, content: c, handle: -1})
}

// echoReplyPayload returns the payload of an echo reply as a raw socket gives
// it: IPv4 with its IP header, IPv6 without (RFC 3542 section 3).
func echoReplyPayload(b []byte, v6 bool) ([]byte, bool) {
	const icmpHeader = 8
	reply := byte(0)
	if v6 {
		reply = 129
	} else {
		if len(b) < 20 || len(b) < int(b[0]&0x0f)*4 {
			return nil, false
		}
		b = b[int(b[0]&0x0f)*4:]
	}
	if len(b) < icmpHeader || b[0] != reply {
		return nil, false
	}
	return b[icmpHeader:], true
}

func addrOf(sa unix.Sockaddr) netip.Addr {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrFrom4(sa.Addr)
	case *unix.SockaddrInet6:
		return netip.AddrFrom16(sa.Addr)
	}
	return netip.Addr{}
}
