package qualify

import (
	"cmp"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/capture/frames"
	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/qualify/record"
)

// sizes is how long and how short frames may be.
func sizes() []Requirement {
	return []Requirement{
		{
			ID: "full-size", Title: "Frames of full size", Profile: record.Core,
			Expected:  "frames with 1500 bytes behind the header come and go whole",
			Source:    "IEEE 802.3-2022 3.2.7 (basic frames)",
			Reproduce: "ping -M do -s 1472 ADDRESS",
			Measure:   measureFullSize,
		},
		{
			ID: "full-size-vlan", Title: "Frames of full size with a tag", Profile: record.Core,
			Expected:  "frames with 1500 bytes behind the tag come and go whole, though the tag makes them 4 bytes longer",
			Source:    "IEEE 802.3-2022 3.2.7 (Q-tagged frames); net/8021q/vlan_dev.c:vlan_dev_change_mtu",
			Reproduce: "ip link add link DUT name child type vlan id 10\nping -M do -s 1472 -I child ADDRESS",
			Measure:   measureFullSizeTagged,
		},
		{
			ID: "baby-giants", Title: "Frames of full size with two tags", Profile: record.Full,
			Expected:  "frames with 1500 bytes behind two tags come and go whole",
			Source:    "IEEE 802.1Q-2022 G.2.3; IEEE 802.3-2022 3.2.7 (2000 bytes at the most)",
			Reproduce: "ip link add link DUT name outer type vlan id 10 proto 802.1ad\nip link add link outer name inner type vlan id 20\nping -M do -s 1472 -I inner ADDRESS",
			Measure:   measureBabyGiants,
		},
		{
			ID: "mtu", Title: "Every MTU that the driver takes", Profile: record.Full,
			Expected:  "an MTU that the driver takes is one with which frames of that size come and go whole, and it takes each up to the largest that it names",
			Source:    "include/linux/netdevice.h:max_mtu; net/core/dev.c:dev_validate_mtu",
			Reproduce: "ip link set DUT mtu MTU\nping -M do -s $((MTU - 28)) ADDRESS",
			Measure:   measureMTU,
		},
	}
}

// bothWays are frames of one size in both directions between two devices.
func bothWays(name string, dut, peer *Device, size int) []Ask {
	return []Ask{
		{Name: name + ", in", Shot: Shot{From: peer, Dest: dut.MAC, Tags: dut.tagsFrom(peer), Size: size}, At: dut, Want: record.All},
		{Name: name + ", out", Shot: Shot{From: dut, Dest: peer.MAC, Tags: peer.tagsFrom(dut), Size: size}, At: peer, Want: record.All},
	}
}

// vlans puts a vlan on each of two devices, in their own rooms.
func (m *Measurement) vlans(dut, peer *Device, tpid uint16, vid int) (d, p *Device, err error) {
	if d, err = m.VLAN(dut, dut.Room, tpid, vid); err != nil {
		return nil, nil, err
	}
	p, err = m.VLAN(peer, peer.Room, tpid, vid)
	return d, p, err
}

func measureFullSize(m *Measurement) error {
	trials, err := m.Try(bothWays("untagged", m.DUT.Device, m.Peer.Device, fullSize)...)
	m.observe(trials)
	return err
}

func measureFullSizeTagged(m *Measurement) error {
	d, p, err := m.vlans(m.DUT.Device, m.Peer.Device, frames.TPID8021Q, 10)
	if err != nil {
		return err
	}
	trials, err := m.Try(bothWays("in VLAN 10", d, p, fullSize)...)
	m.observe(trials)
	return err
}

// measureBabyGiants has the card put the outer tag in, and the kernel, where both can.
func measureBabyGiants(m *Measurement) error {
	// A filter would hide a frame of which the outer tag was lost.
	if err := m.Change(m.Peer.Device, "promiscuous mode", rtnl.Change{Promisc: ptr(true)}, rtnl.Change{Promisc: ptr(false)}); err != nil {
		return err
	}
	var stacks [][2]*Device
	for i, outer := range []uint16{frames.TPID8021AD, frames.TPID8021Q} {
		d, p, err := m.vlans(m.DUT.Device, m.Peer.Device, outer, 10+i)
		if err == nil {
			d, p, err = m.vlans(d, p, frames.TPID8021Q, 20)
		}
		if err != nil {
			return err
		}
		stacks = append(stacks, [2]*Device{d, p})
	}
	tried := map[bool]bool{}
	for _, state := range combinations(featureStrip, featureInsert) {
		features, err := m.setFeatures(state)
		if err != nil {
			return err
		}
		inserts := features[featureInsert].On
		if tried[inserts] {
			continue
		}
		tried[inserts] = true
		var asks []Ask
		for _, s := range stacks {
			asks = append(asks, m.doubleTagged("insert "+word(inserts), s[0], s[1])...)
		}
		if _, err := m.Try(asks...); err != nil {
			return err
		}
	}
	m.tally(m.Result.Trials)
	return nil
}

// doubleTagged are frames of two stacked vlans. A small one beside the full one shows
// whether it is the size.
func (m *Measurement) doubleTagged(state string, d, p *Device) (asks []Ask) {
	for _, size := range []int{leastSize, fullSize} {
		name := fmt.Sprintf("%s, %s, %d bytes", state, record.TagText(d.Tags), size)
		both := bothWays(name, d, p, size)
		wire := both[1]
		wire.Name, wire.At, wire.Tagged = name+", on the wire", m.Peer.Device, record.TagText(p.Tags)
		asks = append(append(asks, both...), wire)
	}
	return asks
}

// measureMTU goes up through some sizes to the largest that both ports name.
func measureMTU(m *Measurement) error {
	dut, err := m.DUT.State()
	if err != nil {
		return err
	}
	peer, err := m.Peer.State()
	if err != nil {
		return err
	}
	largest := cmp.Or(dut.MaxMTU, fullSize)
	m.Measured("largest MTU of the driver", "%d", largest)
	if n := cmp.Or(peer.MaxMTU, fullSize); n < largest {
		m.Measured("largest MTU of the peer's driver", "%d", n)
		largest = n
	}
	// Larger ones are of devices without a wire; a tap takes 64 KiB.
	largest = min(largest, mostMTU)
	steps := slices.DeleteFunc([]int{1280, 1504, 2000, 4096, 9000, largest}, func(n int) bool { return n > largest })
	for _, mtu := range slices.Compact(steps) {
		if err := m.tryMTU(mtu, dut.MTU, peer.MTU); err != nil {
			return err
		}
	}
	m.tally(m.Result.Trials)
	return nil
}

const mostMTU = 16000

// tryMTU sets an MTU, the peer's first, and sends frames of that size.
func (m *Measurement) tryMTU(mtu, dutWas, peerWas int) error {
	if err := m.Change(m.Peer.Device, "MTU", rtnl.Change{MTU: mtu}, rtnl.Change{MTU: peerWas}); err != nil {
		return err
	}
	err := m.Change(m.DUT.Device, "MTU", rtnl.Change{MTU: mtu}, rtnl.Change{MTU: dutWas})
	taken := "yes"
	if err != nil {
		if !isAny(err, unix.EINVAL, unix.ERANGE, unix.EOPNOTSUPP, unix.EBUSY) {
			return err
		}
		taken = "no: " + err.Error()
	}
	m.Fact(fmt.Sprintf("MTU %d taken", mtu), "yes", taken)
	if taken != "yes" {
		return nil
	}
	for _, d := range []*Device{m.DUT.Device, m.Peer.Device} {
		if err := d.awaitCarrier(m.ctx); err != nil { // some drivers start anew
			return err
		}
	}
	_, err = m.Try(bothWays(fmt.Sprintf("MTU %d", mtu), m.DUT.Device, m.Peer.Device, mtu)...)
	return err
}
