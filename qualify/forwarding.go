package qualify

import (
	"bytes"
	"fmt"
	"net"
	"slices"

	"github.com/lanproof/lanproof/qualify/record"
)

// forwarding is what a card does that takes over the work of macvlans.
func forwarding() []Requirement {
	return []Requirement{{
		ID: "l2-forwarding", Title: "Macvlans handed to the card", Profile: record.Full,
		Expected: "with l2-fwd-offload on, off under living children, and on again, children and the port get what is theirs exactly once, " +
			"from the wire and from each other, and nobody gets what is addressed to nobody",
		Source: "drivers/net/macvlan.c:macvlan_open (ndo_dfwd_add_station), macvlan_queue_xmit; the driver's ndo_set_features, " +
			"which releases stations (ixgbe_main.c:ixgbe_reset_l2fw_offload)",
		Reproduce: "ethtool -K DUT l2-fwd-offload on\nip link add link DUT name child type macvlan mode bridge\nip link set child up\n" +
			"bridge fdb show dev DUT  # without the child's address, the card has it\ntcpdump -p -e -i child\nethtool -K DUT l2-fwd-offload off",
		Measure: l2Forwarding,
	}}
}

// l2Offload is the feature's name (net/ethtool/common.c:netdev_features_strings).
const l2Offload = "l2-fwd-offload"

func l2Forwarding(m *Measurement) error {
	was, err := m.DUT.features()
	if err != nil {
		return err
	}
	f, has := was[l2Offload]
	switch {
	case !has:
		return unsupported("ethtool -k tells of no %s", l2Offload)
	case f.Fixed && !f.On:
		return unsupported("ethtool -k says that %s is %s", l2Offload, f)
	case f.Fixed:
		return m.hand(func(bool) error { return nil }, []bool{true})
	}
	m.Finally(func() error { return m.DUT.setFeatures(wanted(was)) })
	return m.hand(m.switchForwarding, []bool{true, false, true})
}

// switchForwarding switches the feature, and tells what came of it.
func (m *Measurement) switchForwarding(on bool) error {
	if err := m.DUT.setFeatures(map[string]bool{l2Offload: on}); err != nil {
		return fmt.Errorf("switch %s %s: %w", l2Offload, word(on), err)
	}
	now, err := m.DUT.features()
	if err != nil {
		return err
	}
	m.Result.Features = append(m.Result.Features, record.Feature{
		Name: l2Offload, Says: now[l2Offload].String(), Observed: "asked to be " + word(on), Agrees: now[l2Offload].On == on,
	})
	return m.DUT.awaitCarrier(m.ctx)
}

// hand makes two macvlans when forwarding has been switched the first time, for drivers
// are told of them when they come up, and sees who gets what each time.
func (m *Measurement) hand(set func(on bool) error, states []bool) error {
	l := &siblings{m: m}
	for i, on := range states {
		if err := set(on); err != nil {
			return err
		}
		if i == 0 {
			if err := l.make(); err != nil {
				return err
			}
		}
		state := l2Offload + " " + word(on)
		if i > 1 {
			state += " again"
		}
		handed, err := l.handed()
		if err != nil {
			return err
		}
		m.Measured(state+": macvlans that the card has taken", "%d of %d", handed, len(l.all))
		trials, err := m.Try(l.asks(state)...)
		if err != nil {
			return err
		}
		m.observe(trials[:len(l.all)+1])
	}
	return nil
}

// siblings are macvlans of one port.
type siblings struct {
	m           *Measurement
	all         []*Device
	joined      net.HardwareAddr
	promiscuity int // of the port, before
}

func (l *siblings) make() (err error) {
	if l.promiscuity, err = l.m.promiscuity(); err != nil {
		return err
	}
	l.joined = l.m.Group()
	for range 2 {
		d, err := l.m.Macvlan(l.m.DUT.Device, l.m.DUT.Yard)
		if err != nil {
			return err
		}
		l.all = append(l.all, d)
	}
	for _, d := range append([]*Device{l.m.DUT.Device}, l.all...) {
		if err := l.m.Join(d, l.joined); err != nil {
			return err
		}
	}
	return nil
}

// handed is how many of them the card has taken: of the others, the port has the
// addresses in its filter (drivers/net/macvlan.c:macvlan_open).
func (l *siblings) handed() (n int, err error) {
	filter, err := l.m.DUT.Room.Conn.Filter(l.m.DUT.Index)
	if err != nil {
		return 0, fmt.Errorf("look at the filter of %s: %w", l.m.DUT.Name, err)
	}
	for _, d := range l.all {
		if !slices.ContainsFunc(filter, func(a net.HardwareAddr) bool { return bytes.Equal(a, d.MAC) }) {
			n++
		}
	}
	return n, nil
}

// asks are who must get what, and who must not. The first are what is addressed to one.
func (l *siblings) asks(state string) []Ask {
	m := l.m
	asks := []Ask{m.ask(state+": the port's address", m.DUT.MAC, m.DUT.Device, record.All)}
	for i, d := range l.all {
		asks = append(asks, m.ask(fmt.Sprintf("%s: macvlan %d's address", state, i+1), d.MAC, d, record.All))
	}
	for i, d := range append([]*Device{m.DUT.Device}, l.all...) {
		who := "the port"
		if i > 0 {
			who = fmt.Sprintf("macvlan %d", i)
		}
		asks = append(asks,
			m.ask(state+": broadcast at "+who, broadcast, d, record.All),
			m.ask(state+": joined group at "+who, l.joined, d, record.All),
		)
	}
	for i, from := range l.all {
		to := l.all[(i+1)%len(l.all)]
		from := func(what string, dest net.HardwareAddr, at *Device) Ask {
			return Ask{Name: fmt.Sprintf("%s: %s macvlan %d", state, what, i+1), Shot: Shot{From: from, Dest: dest}, At: at, Want: record.All}
		}
		asks = append(asks,
			from("to its sibling from", to.MAC, to),
			from("broadcast to its sibling from", broadcast, to),
			from("to the peer from", m.Peer.MAC, m.Peer.Device),
			from("broadcast to the peer from", broadcast, m.Peer.Device),
		)
	}
	nobody := m.Address()
	for i, d := range l.all {
		asks = append(asks, m.ask(fmt.Sprintf("%s: unknown unicast at macvlan %d", state, i+1), nobody, d, record.None))
	}
	return append(asks, m.ask(state+": unknown unicast at the port", nobody, m.DUT.Device, l.unknown()))
}

// unknown is what is wanted of frames to nobody at the port.
func (l *siblings) unknown() record.Want {
	if now, err := l.m.promiscuity(); err != nil || now > l.promiscuity {
		return record.Any
	}
	return l.m.DUT.unknown()
}
