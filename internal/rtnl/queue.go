package rtnl

import (
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Attributes of a queueing discipline's statistics (include/uapi/linux/gen_stats.h).
const (
	statsQueue = 3
	// dropsAt is where struct gnet_stats_queue has its drops: behind qlen and backlog.
	dropsAt = 8
)

// QueueDrops returns how many frames the queueing disciplines of each device have
// dropped, by ifindex (RTM_GETQDISC).
func (c *Conn) QueueDrops() (map[int]uint64, error) {
	msgs, err := c.dump(unix.RTM_GETQDISC, &nl.TcMsg{Family: unix.AF_UNSPEC}, unix.RTM_NEWQDISC)
	if err != nil {
		return nil, err
	}
	all := map[int]uint64{}
	for _, m := range msgs {
		index, n, err := parseQueue(m)
		if err != nil {
			return nil, err
		}
		all[index] += n
	}
	return all, nil
}

// parseQueue reads the drops of one queueing discipline.
func parseQueue(m []byte) (index int, drops uint64, err error) {
	if len(m) < nl.SizeofTcMsg {
		return 0, 0, fmt.Errorf("a queue message of %d bytes is too short", len(m))
	}
	attrs, err := parseAttrs(m[nl.SizeofTcMsg:])
	if err != nil {
		return 0, 0, fmt.Errorf("read a queue message: %w", err)
	}
	for _, a := range attrs {
		if a.Attr.Type&^unix.NLA_F_NESTED != nl.TCA_STATS2 {
			continue
		}
		stats, err := parseAttrs(a.Value)
		if err != nil {
			return 0, 0, fmt.Errorf("read a queue's statistics: %w", err)
		}
		for _, s := range stats {
			if s.Attr.Type == statsQueue && len(s.Value) >= dropsAt+4 {
				drops = uint64(u32(s.Value[dropsAt:]))
			}
		}
	}
	return int(int32(native.Uint32(m[4:]))), drops, nil
}
