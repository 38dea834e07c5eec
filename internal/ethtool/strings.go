package ethtool

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// The sets of names that a device has (enum ethtool_stringset).
const (
	setStatistics   = 1
	setPrivateFlags = 2
	setFeatures     = 4
)

const (
	nameLen = 32 // ETH_GSTRING_LEN
	// maxNames bounds what a driver may claim; those with many queues have some
	// thousand counters.
	maxNames = 1 << 16
	// slack is room for what a driver has grown by since it was counted: the kernel
	// writes as much as there is by then.
	slack = 256
)

func getUint32(b []byte) uint32    { return binary.NativeEndian.Uint32(b) }
func putUint32(b []byte, v uint32) { binary.NativeEndian.PutUint32(b, v) }

// count asks how many names a set has: struct ethtool_sset_info.
func (c *Conn) count(name string, set int) (int, error) {
	data := make([]byte, 20)
	binary.NativeEndian.PutUint64(data[8:], 1<<set)
	if err := c.call(name, unix.ETHTOOL_GSSET_INFO, data); err != nil {
		return 0, err
	}
	if binary.NativeEndian.Uint64(data[8:]) == 0 {
		return 0, nil // the driver has no such set
	}
	n := getUint32(data[16:])
	if n > maxNames {
		return 0, fmt.Errorf("a driver with %d names: %w", n, unix.E2BIG)
	}
	return int(n), nil
}

// strings returns the names of a set in the order of their bits: struct
// ethtool_gstrings. Some may be empty.
func (c *Conn) strings(name string, set int) ([]string, error) {
	n, err := c.count(name, set)
	if err != nil || n == 0 {
		return nil, err
	}
	data := make([]byte, 12+nameLen*(n+slack))
	putUint32(data[4:], uint32(set))
	putUint32(data[8:], uint32(n))
	if err := c.call(name, unix.ETHTOOL_GSTRINGS, data); err != nil {
		return nil, err
	}
	all := make([]string, min(n, int(getUint32(data[8:]))))
	for i := range all {
		all[i] = text(data[12+nameLen*i:][:nameLen])
	}
	return all, nil
}

// Statistics returns the driver's own counters, as ethtool -S shows them. Where a
// driver has a name twice, the last is told.
func (c *Conn) Statistics(name string) (map[string]uint64, error) {
	names, err := c.strings(name, setStatistics)
	if err != nil {
		return nil, fmt.Errorf("ask %s for its statistics: %w", name, err)
	}
	data := make([]byte, 8+8*(len(names)+slack)) // struct ethtool_stats
	putUint32(data[4:], uint32(len(names)))
	if len(names) > 0 {
		if err := c.call(name, unix.ETHTOOL_GSTATS, data); err != nil {
			return nil, fmt.Errorf("ask %s for its statistics: %w", name, err)
		}
	}
	all := map[string]uint64{}
	for i, n := range names {
		all[n] = binary.NativeEndian.Uint64(data[8+8*i:])
	}
	return all, nil
}
