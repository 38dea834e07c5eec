package bench

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/rtnl"
)

// crowd are many children on one parent, all of them up.
type crowd struct {
	site *site
	kind kind
	// parent is what they stand on.
	parent int
	tops   []int // their ifindexes
	tag    *int  // the VLAN of all
	// floods tells that a frame to everybody comes to all of them.
	floods bool
	// fenceType is the EtherType of a frame to one that is waited for.
	fenceType uint16
}

// hostMAC is the address of the parent.
func hostMAC() net.HardwareAddr { return mac(1<<23 - 2) }

// addressOf is that of the n-th child of a kind that tells them apart by addresses.
func addressOf(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 77, byte(n >> 8), byte(n)}) }

// crowd makes the parent ready for children of a kind.
func (s *site) crowd(name string) (*crowd, error) {
	c := &crowd{site: s, kind: kindOf(name), parent: s.parent, floods: true, fenceType: fenceType}
	if err := s.conn.SetLink(s.parent, &rtnl.Change{MAC: hostMAC()}); err != nil {
		return nil, fmt.Errorf("set the parent's address: %w", err)
	}
	switch name {
	case "ipvlan-l2", "ipvlan-l3":
		c.fenceType, c.floods = unix.ETH_P_ARP, name == "ipvlan-l2"
	case "vlan", "macvlan-source":
		c.floods = false
	case "vlan-macvlan":
		id := vidOf(0)
		lower := vlan(s, s.parent, 0)
		lower[0].Up = true
		c.kind, c.parent, c.tag = kindOf("macvlan-bridge"), lower[0].Index, &id
		return c, s.make(lower)
	case "bridge":
		l := s.link("bridge", 0, rtnl.BridgeData(false, 0)...)
		l.Up = true
		c.kind, c.parent = kind{name: name}, l.Index
		if err := s.make([]*rtnl.Link{l}); err != nil {
			return nil, err
		}
		if err := s.conn.SetLink(s.parent, &rtnl.Change{Master: l.Index}); err != nil {
			return nil, fmt.Errorf("make the parent a port: %w", err)
		}
	}
	return c, nil
}

// add makes one more child and brings it up.
func (c *crowd) add() error {
	n := len(c.tops)
	if c.kind.name == "bridge" {
		return c.addPort(n)
	}
	links := c.kind.links(c.site, c.parent, n)
	for _, l := range links {
		l.Up = true
	}
	if err := c.site.make(links); err != nil {
		return err
	}
	top := links[len(links)-1].Index
	c.tops = append(c.tops, top)
	if c.fenceType != unix.ETH_P_ARP {
		return nil
	}
	ip := addressOf(n)
	if err := c.site.conn.AddAddress(top, netip.PrefixFrom(ip, ip.BitLen())); err != nil {
		return fmt.Errorf("give child %d its address: %w", n, err)
	}
	return nil
}

// addPort adds a veth to the bridge, whose other end is the child.
func (c *crowd) addPort(n int) error {
	port, child := c.site.index(), c.site.index()
	l := &rtnl.Link{Name: name(port), Kind: "veth", Index: port, Master: c.parent}
	l.Peer = &rtnl.Link{Name: name(child), Index: child, MAC: mac(n)}
	if err := c.site.make([]*rtnl.Link{l}); err != nil {
		return err
	}
	// The port last: it has its carrier then as soon as it is up.
	for _, i := range []int{child, port} {
		if err := c.site.conn.PrepareSet(i, &rtnl.Change{Up: up()}).Do(); err != nil {
			return fmt.Errorf("bring child %d up: %w", n, err)
		}
	}
	c.tops = append(c.tops, child)
	if err := c.site.conn.AddFDB(port, mac(n)); err != nil {
		return fmt.Errorf("tell the bridge of child %d: %w", n, err)
	}
	return nil
}

func everybody() net.HardwareAddr { return net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff} }

// toOne is a frame to the n-th child; a fence comes to taps for fences alone.
func (c *crowd) toOne(n int, fence bool) []byte {
	to, tag, typ := mac(n), c.tag, uint16(probeType)
	if fence {
		typ = c.fenceType
	}
	switch {
	case c.kind.name == "vlan":
		id := vidOf(n)
		to, tag = hostMAC(), &id
	case c.fenceType == unix.ETH_P_ARP && fence:
		return frameTo(hostMAC(), nil, typ, arpReply(addressOf(n)))
	case c.fenceType == unix.ETH_P_ARP:
		return frameTo(hostMAC(), nil, unix.ETH_P_IP, badIPv4(addressOf(n)))
	}
	f := frameTo(to, tag, typ, nil)
	if c.kind.name == "macvlan-source" {
		copy(f[len(to):], sourceOf(n))
	}
	return f
}

// frameTo is a frame of 60 bytes from the station, a tag not counted.
func frameTo(to net.HardwareAddr, vid *int, typ uint16, payload []byte) []byte {
	const least = 60 - 14
	f := append(append(make([]byte, 0, 64), to...), stationMAC()...)
	if vid != nil {
		f = binary.BigEndian.AppendUint16(f, unix.ETH_P_8021Q)
		f = binary.BigEndian.AppendUint16(f, uint16(*vid))
	}
	f = binary.BigEndian.AppendUint16(f, typ)
	return append(append(f, payload...), make([]byte, max(0, least-len(payload)))...)
}

// badIPv4 is a packet to an address whose checksum is wrong: an ipvlan finds the child
// by it, whose stack throws it away and answers nothing (net/ipv4/ip_input.c:ip_rcv_core).
func badIPv4(to netip.Addr) []byte {
	p := make([]byte, 20) // RFC 791 3.1
	p[0], p[3], p[8], p[9] = 0x45, 46, 64, 253
	p[10], p[11] = 0xde, 0xad
	from := addressOf(1<<16 - 2).As4()
	copy(p[12:], from[:])
	ip := to.As4()
	copy(p[16:], ip[:])
	return p
}

// arpReply is an ARP reply that nobody has asked for (RFC 826), for an ipvlan to find
// the child by.
func arpReply(to netip.Addr) []byte {
	p := []byte{0, 1, 8, 0, 6, 4, 0, 2}
	from, ip := addressOf(1<<16-2).As4(), to.As4()
	p = append(append(p, stationMAC()...), from[:]...)
	return append(append(p, hostMAC()...), ip[:]...)
}
