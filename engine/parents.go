package engine

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/rtnl"
)

// Parents are the VLAN devices of a host that an engine wants to be there and does not
// make itself: what its users make by hand, as Docker makes it for a dotted name. They
// go with the last network that they were made for.
type Parents struct {
	Host *netns.NS

	users map[string]int
}

// The limits of the names that Parents takes for those of VLAN devices: IFNAMSIZ - 1, and
// IEEE 802.1Q table 9-2, where 4095 is reserved.
const (
	maxName = 15
	maxVID  = 4094
)

// Take makes the VLAN device that a name such as eth0.50 asks for, where the host has none
// of that name and has what is before the dot. What is no such name is left for the
// engine to refuse.
func (p *Parents) Take(name string) error {
	if p.users[name] > 0 {
		p.users[name]++
		return nil
	}
	base, id, dotted := strings.Cut(name, ".")
	vid, err := strconv.Atoi(id)
	if !dotted || err != nil || vid < 1 || vid > maxVID || len(name) > maxName {
		return nil
	}
	err = p.do(func(c *rtnl.Conn) error {
		if _, err := c.LinkByName(name); !errors.Is(err, unix.ENODEV) {
			return err
		}
		lower, err := c.LinkByName(base)
		if errors.Is(err, unix.ENODEV) {
			return nil
		}
		if err != nil {
			return err
		}
		data := (&rtnl.VLANData{ID: &vid, Protocol: unix.ETH_P_8021Q}).Attrs()
		if err := c.NewLink(&rtnl.Link{Name: name, Kind: "vlan", Parent: lower.Index, Up: true, Data: data}); err != nil {
			return err
		}
		if p.users == nil {
			p.users = map[string]int{}
		}
		p.users[name] = 1
		return nil
	})
	if err != nil {
		return fmt.Errorf("make the parent %s: %w", name, err)
	}
	return nil
}

// Give is the end of one network's use of a parent. One that was not made by Take, or is
// gone, is none of its business.
func (p *Parents) Give(name string) error {
	if p.users[name] == 0 {
		return nil
	}
	if p.users[name]--; p.users[name] > 0 {
		return nil
	}
	err := p.do(func(c *rtnl.Conn) error {
		link, err := c.LinkByName(name)
		if errors.Is(err, unix.ENODEV) {
			return nil
		}
		if err != nil {
			return err
		}
		return c.DeleteLink(link.Index)
	})
	if err != nil {
		return fmt.Errorf("remove the parent %s: %w", name, err)
	}
	return nil
}

func (p *Parents) do(fn func(c *rtnl.Conn) error) error {
	return p.Host.Do(func() error {
		c, err := rtnl.OpenHere()
		if err != nil {
			return err
		}
		defer c.Close()
		return fn(c)
	})
}
