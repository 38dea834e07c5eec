package qualify

import (
	"fmt"

	"github.com/lanproof/lanproof/capture/frames"
	"github.com/lanproof/lanproof/qualify/record"
)

// integrity is that frames come as they were sent: all, once, in order, unaltered.
func integrity() []Requirement {
	const (
		expected  = "frames of all sizes, some under way at a time, come all, once, in their order, without an altered byte"
		source    = "IEEE 802.1AC-2016 6.4 (loss, misordering, duplication); IEEE 802.3-2022 4A.2"
		reproduce = "ping -f -c 1000 -s SIZE ADDRESS"
	)
	few, many := 16, 256
	return []Requirement{
		{
			ID: "integrity", Title: "Nothing lost, doubled, reordered or altered", Profile: record.Core,
			Expected: expected, Source: source, Reproduce: reproduce,
			Measure: func(m *Measurement) error { return m.integrity(few) },
		},
		{
			ID: "integrity-vlan", Title: "The same in a VLAN", Profile: record.Core,
			Expected: expected, Source: source, Reproduce: "ip link add link DUT name child type vlan id 10\n" + reproduce,
			Measure: func(m *Measurement) error { return m.integrityTagged(few) },
		},
		{
			ID: "integrity-bulk", Title: "Nothing lost, doubled, reordered or altered of many", Profile: record.Full,
			Expected: expected, Source: source, Reproduce: reproduce,
			Measure: func(m *Measurement) error { return m.integrity(many) },
		},
		{
			ID: "integrity-vlan-bulk", Title: "The same of many in a VLAN", Profile: record.Full,
			Expected: expected, Source: source, Reproduce: "ip link add link DUT name child type vlan id 10\n" + reproduce,
			Measure: func(m *Measurement) error { return m.integrityTagged(many) },
		},
	}
}

// integrity is measured through the port and through a macvlan.
func (m *Measurement) integrity(count int) error {
	child, err := m.Macvlan(m.DUT.Device, m.DUT.Yard)
	if err != nil {
		return err
	}
	return m.trySizes(append(ofAllSizes("port", m.DUT.Device, m.Peer.Device), ofAllSizes("macvlan", child, m.Peer.Device)...), count)
}

// integrityTagged is measured through a vlan.
func (m *Measurement) integrityTagged(count int) error {
	d, p, err := m.vlans(m.DUT.Device, m.Peer.Device, frames.TPID8021Q, 10)
	if err != nil {
		return err
	}
	return m.trySizes(ofAllSizes("VLAN", d, p), count)
}

// ofAllSizes are frames both ways: the shortest, around powers of two, the longest.
func ofAllSizes(name string, dut, peer *Device) (asks []Ask) {
	for _, size := range []int{leastSize, leastSize + 1, 255, 256, 1023, fullSize - 1, fullSize} {
		asks = append(asks, bothWays(fmt.Sprintf("%s, %d bytes", name, size), dut, peer, size)...)
	}
	return asks
}

// trySizes sends count frames for each ask.
func (m *Measurement) trySizes(asks []Ask, count int) error {
	for i := range asks {
		asks[i].Count = count
	}
	trials, err := m.TryOnce(asks...)
	m.tally(trials)
	return err
}

// tally sums trials up of which each frame had to come.
func (m *Measurement) tally(trials []record.Trial) {
	var sent, lost, doubled, reordered, altered int
	for i := range trials {
		t := &trials[i]
		sent += t.Sent()
		lost += t.Sent() - t.Seen
		doubled += t.Duplicates
		reordered += t.Reordered
		altered += t.Altered
	}
	m.Observed("%d frames sent: %d lost, %d doubled, %d reordered, %d altered", sent, lost, doubled, reordered, altered)
}
