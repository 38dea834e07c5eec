package run

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/scenarios"
	"github.com/lanproof/lanproof/topology"
)

// neighbourQuestion asks what a node knows of another's address.
type neighbourQuestion struct {
	want *scenarios.Neighbour
	ip   netip.Addr
	mac  net.HardwareAddr // the one that is written, if one is
	of   topology.Ref     // the device whose address is meant, if one is
}

func (e *expansion) neighbour(c *scenarios.Check) question {
	w := c.Neighbour
	q := &neighbourQuestion{want: w}
	var err error
	if q.ip, err = netip.ParseAddr(w.Address); err != nil {
		e.fail(c.At, "%q is not an IP address", w.Address)
		return nil
	}
	switch {
	case w.MAC != "":
		if q.mac, err = net.ParseMAC(w.MAC); err != nil {
			e.fail(c.At, "%q is not a MAC address", w.MAC)
			return nil
		}
	case w.MACOf != "":
		d, _ := e.device(w.MACOf)
		if d == nil {
			e.fail(c.At, "there is no device %q", w.MACOf)
			return nil
		}
		q.of = d.Ref
	}
	return q
}

func (q *neighbourQuestion) exists() bool { return q.want.Exists == nil || *q.want.Exists }

func (q *neighbourQuestion) describe() (id, title, expected string) {
	id = "neighbour-" + q.want.Node + "-" + q.want.Address
	switch {
	case !q.exists():
		return id + "-none", fmt.Sprintf("%s does not know %s", q.want.Node, q.ip), "no entry"
	case q.of.Link != "":
		return id, fmt.Sprintf("%s knows %s", q.want.Node, q.ip), fmt.Sprintf("%s is at the address of %s", q.ip, q.of)
	case q.mac == nil:
		return id, fmt.Sprintf("%s knows %s", q.want.Node, q.ip), "an entry"
	}
	return id, fmt.Sprintf("%s knows %s", q.want.Node, q.ip), fmt.Sprintf("%s is at %s", q.ip, q.mac)
}

func (q *neighbourQuestion) ask(ctx context.Context, b *bench) answer {
	n := b.lab.Node(q.want.Node)
	if n == nil {
		return trouble(fmt.Errorf("there is no node %s", q.want.Node))
	}
	mac := q.mac
	if q.of.Link != "" {
		// What an engine gives a device is known when it is there.
		c, err := b.conn(q.of)
		if err != nil {
			return trouble(err)
		}
		d, err := c.LinkByName(q.of.Link)
		if err != nil {
			return trouble(fmt.Errorf("ask for %s: %w", q.of, err))
		}
		mac = d.MAC
	}
	// What was sent a moment ago may still be on its way to the table.
	if err := b.field.Calm(ctx); err != nil {
		return trouble(err)
	}
	all, err := n.Conn.Neighbours()
	if err != nil {
		return trouble(fmt.Errorf("ask for what %s knows: %w", q.want.Node, err))
	}
	i := slices.IndexFunc(all, func(e rtnl.Neighbour) bool { return e.IP == q.ip && e.MAC != nil })
	if i < 0 {
		return answer{Finding: state(!q.exists(), "no entry")}
	}
	held := q.exists() && (mac == nil || slices.Equal(mac, all[i].MAC))
	return answer{Finding: state(held, fmt.Sprintf("%s is at %s", q.ip, all[i].MAC))}
}
