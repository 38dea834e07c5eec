package qualify

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/capture/frames"
	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/qualify/record"
)

// vlans is what becomes of tagged frames.
func vlans() []Requirement {
	const filter = "net/8021q/vlan_core.c:vlan_vid_add; the driver's ndo_vlan_rx_add_vid"
	return []Requirement{
		{
			ID: "vlan-filter", Title: "The VLAN filter does what it says", Profile: record.Core, Source: filter,
			Expected:  "frames of VLANs that there are, untagged ones and priority-tagged ones come in; those of others stay out where rx-vlan-filter is on, and come in where it is off",
			Reproduce: "ethtool -k DUT | grep rx-vlan-filter\nip link add link DUT name v type vlan id 100\ntcpdump -p -e -i DUT vlan",
			Measure:   vlanFilter,
		},
		{
			ID: "vlan-64", Title: "64 VLANs", Profile: record.Core, Source: filter,
			Expected:  "each of 64 VLANs gets its frames and no other's; when they are gone, their frames are treated as before",
			Reproduce: "for v in $(seq 2 65); do ip link add link DUT name v$v type vlan id $v; done",
			Measure:   func(m *Measurement) error { return manyVLANs(m, 64) },
		},
		{
			ID: "vlan-4094", Title: "All 4094 VLANs", Profile: record.Full, Source: filter + "; mlx5 en_fs.c: some vlans will be dropped",
			Expected:  "with all VLANs that there can be, each of a sample gets its frames and no other's",
			Reproduce: "for v in $(seq 1 4094); do ip link add link DUT name v$v type vlan id $v; done",
			Measure:   func(m *Measurement) error { return manyVLANs(m, 4094) },
		},
		{
			ID: "vlan-priority-tag", Title: "Priority tags", Profile: record.Core, Source: "IEEE 802.1Q-2022 9.6; net/8021q/vlan_core.c:vlan_do_receive",
			Expected:  "frames with VID 0 come in, to the port's own address and to all",
			Reproduce: "tcpdump -p -e -i DUT vlan 0",
			Measure:   func(m *Measurement) error { return priorityTags(m, 0) },
		},
		{
			ID: "vlan-pcp", Title: "Priorities are kept", Profile: record.Full, Source: "IEEE 802.1Q-2022 6.9.3; e1000_main.c masks with E1000_RXD_SPC_VLAN_MASK",
			Expected:  "frames with PCP 5 come in with PCP 5",
			Reproduce: "tcpdump -p -e -i DUT vlan",
			Measure:   func(m *Measurement) error { return priorityTags(m, 5) },
		},
		{
			ID: "vlan-qinq", Title: "802.1ad: a tag in a tag", Profile: record.Full, Source: "IEEE 802.1Q-2022 5.6; net/8021q/vlan_dev.c",
			Expected:  "a C-VLAN on an S-VLAN gets what has both of its tags, and nothing that has another one at either place; what it sends has both",
			Reproduce: "ip link add link DUT name s type vlan id 300 protocol 802.1ad\nip link add link s name c type vlan id 10\ntcpdump -p -e -i c",
			Measure:   func(m *Measurement) error { return doubleTags(m, frames.TPID8021AD) },
		},
		{
			ID: "vlan-in-vlan", Title: "802.1Q in 802.1Q", Profile: record.Full, Source: "net/8021q/vlan_dev.c; not of the standard, and in use",
			Expected:  "a VLAN on a VLAN gets what has both of its tags, and nothing that has another one at either place; what it sends has both",
			Reproduce: "ip link add link DUT name o type vlan id 300\nip link add link o name i type vlan id 10\ntcpdump -p -e -i i",
			Measure:   func(m *Measurement) error { return doubleTags(m, frames.TPID8021Q) },
		},
	}
}

const filterFeature = "rx-vlan-filter"

// asTagged is a trial whose frames lanproof tags.
func (m *Measurement) asTagged(name string, vid int, at *Device, want record.Want) Ask {
	a := m.ask(name, m.DUT.MAC, at, want)
	a.Tags = tagged(frames.TPID8021Q, vid)
	return a
}

func vlanFilter(m *Measurement) error {
	features, err := m.DUT.Room.Tool.Features(m.DUT.Link)
	if err != nil {
		return err
	}
	f := features[filterFeature]
	if err := m.vlanFilterWhile(f.On, f.String()); err != nil || f.Fixed {
		return err
	}
	m.Finally(func() error {
		return m.DUT.Room.Tool.SetFeatures(m.DUT.Link, map[string]bool{filterFeature: f.On})
	})
	if err := m.DUT.Room.Tool.SetFeatures(m.DUT.Link, map[string]bool{filterFeature: !f.On}); err != nil {
		return fmt.Errorf("set %s: %w", filterFeature, err)
	}
	if features, err = m.DUT.Room.Tool.Features(m.DUT.Link); err != nil {
		return err
	}
	now := features[filterFeature]
	m.Fact(filterFeature+" when asked to be "+word(!f.On), word(!f.On), word(now.On))
	return m.vlanFilterWhile(now.On, now.String())
}

func word(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// vlanFilterWhile looks at the filter while it says that it is on or off.
func (m *Measurement) vlanFilterWhile(on bool, says string) error {
	foreign, name := record.All, "filter "+word(on)
	if on {
		foreign = record.None
	}
	at := m.DUT.Device
	// Without any VLAN some drivers filter nothing, and say so by nothing.
	none, err := m.Try(
		m.ask(name+", no VLAN: untagged", at.MAC, at, record.All),
		m.asTagged(name+", no VLAN: VID 0", 0, at, record.All),
		m.asTagged(name+", no VLAN: VID 200", 200, at, record.Any),
	)
	if err != nil {
		return err
	}
	vlan, err := m.VLAN(at, m.DUT.Yard, frames.TPID8021Q, 100)
	if err != nil {
		return err
	}
	own := m.asTagged(name+", VLAN 100: VID 100 at the VLAN", 100, vlan, record.All)
	own.Tagged = record.Untagged
	one, err := m.Try(
		m.ask(name+", VLAN 100: untagged", at.MAC, at, record.All), own,
		m.asTagged(name+", VLAN 100: VID 0", 0, at, record.All),
		m.asTagged(name+", VLAN 100: VID 200", 200, at, foreign),
	)
	if err != nil {
		return err
	}
	m.feature(says, on, one[3].Seen, one[3].Sent())
	m.Measured(name+", without any VLAN", "VID 200: %d of %d come in", none[2].Seen, none[2].Sent())
	m.Observed("%s: of a VLAN that is not there %d of %d come in", filterFeature+" "+says, one[3].Seen, one[3].Sent())
	if err := m.Remove(vlan); err != nil {
		return err
	}
	_, err = m.Try(m.ask(name+", VLAN 100 is gone: untagged", at.MAC, at, record.All),
		m.asTagged(name+", VLAN 100 is gone: VID 100", 100, at, record.Any))
	return err
}

// feature puts what the port says of its VLAN filter beside what frames do.
func (m *Measurement) feature(says string, on bool, seen, sent int) {
	observed, agrees := "neither on nor off", false
	switch seen {
	case 0:
		observed, agrees = "on", on
	case sent:
		observed, agrees = "off", !on
	}
	m.Result.Features = append(m.Result.Features, record.Feature{Name: filterFeature, Says: says, Observed: observed, Agrees: agrees})
}

// sampled is how many of many VLANs get frames.
const sampled = 64

func manyVLANs(m *Measurement, n int) error {
	vids := make([]int, n)
	for i := range vids {
		vids[i] = i + 1
		if n < 4094 {
			vids[i] += 1000
		}
	}
	all := make([]*Device, n)
	for i, vid := range vids {
		d, err := m.VLAN(m.DUT.Device, m.DUT.Yard, frames.TPID8021Q, vid)
		var none *Unsupported
		if i > 0 && err != nil && !errors.As(err, &none) && isAny(err, unix.ENOSPC, unix.ENOMEM, unix.EINVAL, unix.EBUSY) {
			m.Measured("capacity", "%d, then refused: %v", i, err)
			all = all[:i]
			break
		}
		if err != nil {
			return err
		}
		all[i] = d
	}
	var asks []Ask
	step := max(1, len(all)/sampled)
	for i := 0; i < len(all); i += step {
		d, other := all[i], all[(i+step)%len(all)]
		a := m.ask(fmt.Sprintf("VID %d of %d VLANs", d.Tags[0].VID, len(all)), m.DUT.MAC, d, record.All)
		a.Count, a.Tagged = 2, record.Untagged
		b := m.ask(fmt.Sprintf("VID %d at VLAN %d", other.Tags[0].VID, d.Tags[0].VID), m.DUT.MAC, d, record.None)
		b.Count, b.Tags = 1, other.Tags
		asks = append(asks, a)
		if i%(8*step) == 0 && other != d {
			asks = append(asks, b)
		}
	}
	trials, err := m.Try(asks...)
	if err != nil {
		return err
	}
	bad := 0
	for _, t := range trials {
		if t.Want == record.All && t.Seen < t.Sent() {
			bad++
		}
	}
	m.Observed("%d VLANs, %d trials of a sample of them: %d get not all that is theirs", len(all), len(trials), bad)
	if err := m.DUT.Yard.clear(); err != nil {
		return err
	}
	_, err = m.Try(m.ask("untagged when all are gone", m.DUT.MAC, m.DUT.Device, record.All))
	return err
}

func priorityTags(m *Measurement, pcp uint8) error {
	tag := []frames.Tag{{TPID: frames.TPID8021Q, PCP: pcp}}
	own := m.ask("VID 0 to the port's address", m.DUT.MAC, m.DUT.Device, record.All)
	all := m.ask("VID 0 to all", broadcast, m.DUT.Device, record.All)
	own.Tags, all.Tags = tag, tag
	if pcp > 0 {
		own.Tagged, all.Tagged = record.TagText(tag), record.TagText(tag)
	}
	trials, err := m.Try(own, all)
	m.observe(trials)
	return err
}

// fullSize is the largest payload of a frame without tags (IEEE 802.3-2022 3.2.7).
const fullSize = 1500

func doubleTags(m *Measurement, outer uint16) error {
	first, err := m.VLAN(m.DUT.Device, m.DUT.Yard, outer, 300)
	if err != nil {
		return err
	}
	inner, err := m.VLAN(first, m.DUT.Yard, frames.TPID8021Q, 10)
	if err != nil {
		return err
	}
	ask := func(name string, o, i int, want record.Want) Ask {
		a := m.ask(name, m.DUT.MAC, inner, want)
		a.Tags = slices.Concat(tagged(outer, o), tagged(frames.TPID8021Q, i))
		return a
	}
	right := ask("both tags", 300, 10, record.All)
	right.Tagged = record.Untagged
	full := ask("both tags, full size", 300, 10, record.All)
	full.Size = fullSize - 2*4
	// The peer's own filter must not eat what comes out.
	if err := m.Change(m.Peer.Device, "promiscuous mode", rtnl.Change{Promisc: ptr(true)}, rtnl.Change{Promisc: ptr(false)}); err != nil {
		return err
	}
	out := Ask{
		Name: "both tags, out", Shot: Shot{From: inner, Dest: m.Peer.MAC}, At: m.Peer.Device, Want: record.All,
		Tagged: record.TagText(right.Tags),
	}
	trials, err := m.Try(right, full, out,
		ask("another inner tag", 300, 11, record.None),
		ask("another outer tag", 301, 10, record.None),
		m.asTagged("the inner tag alone", 10, inner, record.None),
	)
	m.observe(trials)
	return err
}
