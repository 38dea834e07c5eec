package ethtool

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// Spread is how a device spreads what it receives over its queues (RSS).
type Spread struct {
	// Function is a bit of those of enum ethtool_rxfh_hash: 1 Toeplitz, 2 XOR, 4 CRC32;
	// 0 where the driver does not tell.
	Function uint8 `json:"function,omitempty"`
	// Table holds the queue of each value that the hash can have.
	Table []uint32 `json:"table,omitempty"`
	// Key is that of the hash.
	Key []byte `json:"key,omitempty"`
}

// Equal reports whether both spread alike.
func (s *Spread) Equal(t *Spread) bool {
	return s.Function == t.Function && slices.Equal(s.Table, t.Table) && slices.Equal(s.Key, t.Key)
}

// struct ethtool_rxfh: command, context, sizes of the table and of the key, function,
// transformation, three that are reserved; then the table, then the key.
const (
	spreadTable, spreadKey, spreadFunction = 8, 12, 16

	spreadHeader = 24
	// maxSpread bounds what a driver may claim of either.
	maxSpread = 1 << 16
)

// Spread returns how a device spreads what it receives.
func (c *Conn) Spread(name string) (*Spread, error) {
	data, err := c.spread(name)
	if err != nil {
		return nil, fmt.Errorf("ask %s how it spreads what it receives: %w", name, err)
	}
	s, err := parseSpread(data)
	if err != nil {
		return nil, fmt.Errorf("read how %s spreads what it receives: %w", name, err)
	}
	return s, nil
}

// spread asks for the sizes first, and then for all.
func (c *Conn) spread(name string) ([]byte, error) {
	head := make([]byte, spreadHeader)
	if err := c.call(name, unix.ETHTOOL_GRSSH, head); err != nil {
		return nil, err
	}
	table, key := getUint32(head[spreadTable:]), getUint32(head[spreadKey:])
	if table > maxSpread || key > maxSpread {
		return nil, fmt.Errorf("a table of %d and a key of %d: %w", table, key, unix.E2BIG)
	}
	data := make([]byte, spreadHeader+4*table+key)
	putUint32(data[spreadTable:], table)
	putUint32(data[spreadKey:], key)
	return data, c.call(name, unix.ETHTOOL_GRSSH, data)
}

func parseSpread(data []byte) (*Spread, error) {
	if len(data) < spreadHeader {
		return nil, errors.New("it is too short")
	}
	table, key := int(getUint32(data[spreadTable:])), int(getUint32(data[spreadKey:]))
	if table > maxSpread || key > maxSpread || len(data) < spreadHeader+4*table+key {
		return nil, fmt.Errorf("a table of %d and a key of %d are not in %d bytes", table, key, len(data))
	}
	s := &Spread{Function: data[spreadFunction]}
	for i := range table {
		s.Table = append(s.Table, getUint32(data[spreadHeader+4*i:]))
	}
	if key > 0 {
		s.Key = slices.Clone(data[spreadHeader+4*table:][:key])
	}
	return s, nil
}

// SetSpread has a device spread as it did. The table and the key must be as long as
// the device's are now, else the error wraps EINVAL.
func (c *Conn) SetSpread(name string, s *Spread) error {
	data, err := c.spread(name)
	if err != nil {
		return fmt.Errorf("change how %s spreads what it receives: %w", name, err)
	}
	if len(data) != spreadHeader+4*len(s.Table)+len(s.Key) || int(getUint32(data[spreadTable:])) != len(s.Table) {
		return fmt.Errorf("change how %s spreads what it receives: its table or its key has another length by now: %w", name, unix.EINVAL)
	}
	if len(s.Table) == 0 {
		putUint32(data[spreadTable:], 0xffffffff) // ETH_RXFH_INDIR_NO_CHANGE
	}
	data[spreadFunction] = s.Function
	for i, queue := range s.Table {
		putUint32(data[spreadHeader+4*i:], queue)
	}
	copy(data[spreadHeader+4*len(s.Table):], s.Key)
	if err := c.call(name, unix.ETHTOOL_SRSSH, data); err != nil {
		return fmt.Errorf("change how %s spreads what it receives: %w", name, err)
	}
	return nil
}
