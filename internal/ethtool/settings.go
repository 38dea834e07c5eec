package ethtool

import (
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sys/unix"
)

// Group is a struct of settings, read and written as a whole.
type Group string

// The groups.
const (
	Rings      Group = "ring"     // struct ethtool_ringparam: descriptors
	Channels   Group = "channels" // struct ethtool_channels: queues
	Coalescing Group = "coalesce" // struct ethtool_coalesce: microseconds and frames
	Pause      Group = "pause"    // struct ethtool_pauseparam: 0 or 1
	Wake       Group = "wake"     // struct ethtool_wolinfo: bits WAKE_*; its password is nobody's business
)

// Groups returns all groups in an order in which they can be set.
func Groups() []Group { return []Group{Channels, Rings, Coalescing, Pause, Wake} }

// layout is how a group is read and written: its commands, and its words' names, ""
// of those that are passed over.
type layout struct {
	get, set uint32
	words    []string
}

func layouts() map[Group]layout {
	return map[Group]layout{
		Rings: {unix.ETHTOOL_GRINGPARAM, unix.ETHTOOL_SRINGPARAM, []string{
			"rx-max", "rx-mini-max", "rx-jumbo-max", "tx-max", "rx", "rx-mini", "rx-jumbo", "tx",
		}},
		Channels: {unix.ETHTOOL_GCHANNELS, unix.ETHTOOL_SCHANNELS, []string{
			"rx-max", "tx-max", "other-max", "combined-max", "rx", "tx", "other", "combined",
		}},
		Coalescing: {unix.ETHTOOL_GCOALESCE, unix.ETHTOOL_SCOALESCE, []string{
			"rx-usecs", "rx-frames", "rx-usecs-irq", "rx-frames-irq", "tx-usecs", "tx-frames", "tx-usecs-irq", "tx-frames-irq",
			"stats-block-usecs", "adaptive-rx", "adaptive-tx", "pkt-rate-low", "rx-usecs-low", "rx-frames-low", "tx-usecs-low",
			"tx-frames-low", "pkt-rate-high", "rx-usecs-high", "rx-frames-high", "tx-usecs-high", "tx-frames-high", "sample-interval",
		}},
		Pause: {unix.ETHTOOL_GPAUSEPARAM, unix.ETHTOOL_SPAUSEPARAM, []string{"autoneg", "rx", "tx"}},
		Wake:  {unix.ETHTOOL_GWOL, unix.ETHTOOL_SWOL, []string{"supported", "on", "", ""}},
	}
}

// Settings returns the settings of a group by their names.
func (c *Conn) Settings(name string, g Group) (map[string]uint32, error) {
	l := layouts()[g]
	words, err := c.words(name, l.get, len(l.words))
	if err != nil {
		return nil, fmt.Errorf("ask %s for its %s settings: %w", name, g, err)
	}
	all := map[string]uint32{}
	for i, w := range words {
		if l.words[i] != "" {
			all[l.words[i]] = w
		}
	}
	return all, nil
}

// SetSettings changes those settings of a group that are named; the others stay.
func (c *Conn) SetSettings(name string, g Group, change map[string]uint32) error {
	l := layouts()[g]
	words, err := c.words(name, l.get, len(l.words))
	if err != nil {
		return fmt.Errorf("ask %s for its %s settings: %w", name, g, err)
	}
	for key, v := range change {
		at := slices.Index(l.words, key)
		if at < 0 || key == "" {
			return fmt.Errorf("change the %s settings of %s: there is none called %q", g, name, key)
		}
		words[at] = v
	}
	if err := c.send(name, l.set, words); err != nil {
		return fmt.Errorf("change the %s settings of %s: %w", g, name, err)
	}
	return nil
}

// Feature is the state of one feature.
type Feature struct {
	On bool `json:"on"`
	// Wanted is whether it was asked for; it may be off all the same, for want of
	// another feature that it needs.
	Wanted bool `json:"wanted"`
	// Fixed ones cannot be changed.
	Fixed bool `json:"fixed,omitempty"`
}

// String is how ethtool -k says it.
func (f Feature) String() string {
	s := "off"
	if f.On {
		s = "on"
	}
	switch {
	case f.Fixed:
		s += " [fixed]"
	case f.Wanted && !f.On:
		s += " [requested on]"
	case !f.Wanted && f.On:
		s += " [requested off]"
	}
	return s
}

// Features returns a device's features by the kernel's names, such as rx-vlan-filter.
func (c *Conn) Features(name string) (map[string]Feature, error) {
	names, err := c.strings(name, setFeatures)
	if err != nil {
		return nil, fmt.Errorf("ask %s for its features: %w", name, err)
	}
	// struct ethtool_gfeatures: a count of blocks, each of four words of 32 bits.
	blocks := (len(names) + 31) / 32
	data := make([]byte, 8+16*blocks)
	putUint32(data[4:], uint32(blocks))
	if err := c.call(name, unix.ETHTOOL_GFEATURES, data); err != nil {
		return nil, fmt.Errorf("ask %s for its features: %w", name, err)
	}
	all := map[string]Feature{}
	for i, n := range names {
		if n == "" {
			continue
		}
		block := data[8+16*(i/32):]
		bit := func(word int) bool { return getUint32(block[4*word:])&(1<<(i%32)) != 0 }
		all[n] = Feature{Fixed: !bit(0) || bit(3), Wanted: bit(1), On: bit(2)}
	}
	return all, nil
}

// SetFeatures asks for features to be on or off. The kernel may grant less, without
// an error, and may change others along with them: ask for the features afterwards.
func (c *Conn) SetFeatures(name string, change map[string]bool) error {
	names, err := c.strings(name, setFeatures)
	if err != nil {
		return fmt.Errorf("change the features of %s: %w", name, err)
	}
	blocks := (len(names) + 31) / 32
	data := make([]byte, 8+8*blocks) // struct ethtool_sfeatures: valid, requested
	putUint32(data[4:], uint32(blocks))
	for _, key := range slices.Sorted(maps.Keys(change)) {
		at := slices.Index(names, key)
		if at < 0 {
			return fmt.Errorf("change the features of %s: there is none called %q", name, key)
		}
		valid := data[8+8*(at/32):]
		putUint32(valid, getUint32(valid)|1<<(at%32))
		if change[key] {
			putUint32(valid[4:], getUint32(valid[4:])|1<<(at%32))
		}
	}
	if err := c.call(name, unix.ETHTOOL_SFEATURES, data); err != nil {
		return fmt.Errorf("change the features of %s: %w", name, err)
	}
	return nil
}

// PrivateFlags returns the flags that only this driver has.
func (c *Conn) PrivateFlags(name string) (map[string]bool, error) {
	names, bits, err := c.privateFlags(name)
	if err != nil {
		return nil, fmt.Errorf("ask %s for its private flags: %w", name, err)
	}
	all := map[string]bool{}
	for i, n := range names {
		if n != "" && i < 32 {
			all[n] = bits&(1<<i) != 0
		}
	}
	return all, nil
}

func (c *Conn) privateFlags(name string) (names []string, bits uint32, err error) {
	if names, err = c.strings(name, setPrivateFlags); err != nil || len(names) == 0 {
		return nil, 0, err
	}
	words, err := c.words(name, unix.ETHTOOL_GPFLAGS, 1)
	if err != nil {
		return nil, 0, err
	}
	return names, words[0], nil
}

// SetPrivateFlags changes the flags that are named.
func (c *Conn) SetPrivateFlags(name string, change map[string]bool) error {
	names, bits, err := c.privateFlags(name)
	if err != nil {
		return fmt.Errorf("change the private flags of %s: %w", name, err)
	}
	for key, on := range change {
		at := slices.Index(names, key)
		if at < 0 || at > 31 {
			return fmt.Errorf("change the private flags of %s: there is none called %q", name, key)
		}
		bits &^= 1 << at
		if on {
			bits |= 1 << at
		}
	}
	if err := c.send(name, unix.ETHTOOL_SPFLAGS, []uint32{bits}); err != nil {
		return fmt.Errorf("change the private flags of %s: %w", name, err)
	}
	return nil
}
