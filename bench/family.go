package bench

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// family is the one of a measurement's addresses. Where a benchmark's name does not say
// which, it is IPv4.
type family int

const (
	ipv4 family = unix.AF_INET
	ipv6 family = unix.AF_INET6
)

// header is how long an IP header without options is, in bytes (RFC 791 3.1, RFC 8200 3).
func (f family) header() int {
	if f == ipv6 {
		return 40
	}
	return 20
}

// datagram is what a datagram holds that fills a frame of 1514 bytes.
func (f family) datagram() int { return 1500 - f.header() - udpHeader }

// udpHeader is how long UDP's is, in bytes (RFC 768).
const udpHeader = 8

// variant is a benchmark's last word for a family, none for IPv4: names of before there
// was a choice stay what they were.
func (f family) variant() string {
	if f == ipv6 {
		return "family=ipv6"
	}
	return ""
}

// about is what a benchmark's sentence says of it.
func (f family) about() string {
	if f == ipv6 {
		return " over IPv6"
	}
	return ""
}

// address is that of an end.
func (e *End) address(f family) netip.Addr {
	if f == ipv6 {
		return e.IPv6
	}
	return e.IPv4
}

// sockaddr is an address as the kernel takes it.
func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

// boundTo is what a socket is bound to.
func boundTo(fd int) (netip.AddrPort, error) {
	name, err := unix.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("ask a socket for its address: %w", err)
	}
	switch at := name.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(at.Addr), uint16(at.Port)), nil
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(at.Addr), uint16(at.Port)), nil
	}
	return netip.AddrPort{}, fmt.Errorf("a socket of IP has the address %v", name)
}
