package qualify

import (
	"fmt"
	"net"

	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/qualify/record"
)

// reception is what comes in, in the modes that a port has.
func reception() []Requirement {
	const source = "net/core/dev.c:__dev_set_rx_mode; IEEE 802.3-2022 4A.2.9"
	return []Requirement{
		{
			ID: "rx-plain", Title: "Reception by address", Profile: record.Core, Source: source,
			Expected:  "own address, broadcast and joined groups come in whole; a card with a bus takes in no unknown unicast",
			Reproduce: "tcpdump -p -e -i DUT",
			Measure:   func(m *Measurement) error { return m.receive("plain", rtnl.Change{}, rtnl.Change{}) },
		},
		{
			ID: "rx-allmulti", Title: "Reception of all groups", Profile: record.Core, Source: source,
			Expected:  "with allmulticast on, every group comes in as well, and no more unicast than before",
			Reproduce: "ip link set DUT allmulticast on\ntcpdump -p -e -i DUT",
			Measure: func(m *Measurement) error {
				return m.receive("allmulti", rtnl.Change{AllMulti: ptr(true)}, rtnl.Change{AllMulti: ptr(false)})
			},
		},
		{
			ID: "rx-promisc", Title: "Promiscuous reception", Profile: record.Core, Source: source,
			Expected:  "with promiscuous mode on, every frame comes in, and promiscuity says so",
			Reproduce: "ip link set DUT promisc on\ntcpdump -p -e -i DUT",
			Measure:   receivePromiscuously,
		},
		{
			ID: "rx-child", Title: "Reception with a macvlan on the port", Profile: record.Core,
			Expected:  "parent and macvlan each get what is theirs, in plain, allmulticast and promiscuous mode of the parent",
			Source:    "drivers/net/macvlan.c:macvlan_handle_frame, macvlan_open",
			Reproduce: "ip link add link DUT name child type macvlan mode bridge\ntcpdump -p -e -i child",
			Measure:   receiveWithChild,
		},
		{
			ID: "rx-hash-alias", Title: "Unicast that looks like a joined group", Profile: record.Full,
			Expected:  "a card with a bus takes in no unknown unicast address that ends like a joined group",
			Source:    "IEEE 802.3-2022 4A.2.9; a hash of groups must not be held against single addresses",
			Reproduce: "ip maddr add 01:00:5e:6c:01:02 dev DUT\ntcpdump -p -e -i DUT",
			Measure:   receiveAlias,
		},
	}
}

// filters reports whether a port must leave out unicast frames to others when it is
// not promiscuous. A card must, since a full wire would else keep the machine busy; a
// virtual device on no bus, such as a veth, hands over whatever it is given.
func (s *Side) filters() bool { return s.Driver.Bus != "" }

// unknown is what is wanted of unicast frames to nobody at the port.
func (s *Side) unknown() record.Want {
	if s.filters() {
		return record.None
	}
	return record.Any
}

// ask is a trial from the peer to a place.
func (m *Measurement) ask(name string, dest net.HardwareAddr, at *Device, want record.Want) Ask {
	return Ask{Name: name, Shot: Shot{From: m.Peer.Device, Dest: dest, Tags: at.Tags}, At: at, Want: want}
}

// kinds are the five kinds of addresses, as they are expected at the port.
func (m *Measurement) kinds(mode string, unknown, groups record.Want) ([]Ask, error) {
	joined := m.Group()
	if err := m.Join(m.DUT.Device, joined); err != nil {
		return nil, err
	}
	at := m.DUT.Device
	return []Ask{
		m.ask(mode+": own address", at.MAC, at, record.All),
		m.ask(mode+": broadcast", broadcast, at, record.All),
		m.ask(mode+": unknown unicast", m.Address(), at, unknown),
		m.ask(mode+": joined group", joined, at, record.All),
		m.ask(mode+": unknown group", m.Group(), at, groups),
	}, nil
}

func (m *Measurement) receive(mode string, to, back rtnl.Change) error {
	groups := record.Any
	if to.AllMulti != nil {
		groups = record.All
	}
	if to.AllMulti != nil {
		if err := m.Change(m.DUT.Device, mode, to, back); err != nil {
			return err
		}
	}
	asks, err := m.kinds(mode, m.DUT.unknown(), groups)
	if err != nil {
		return err
	}
	trials, err := m.Try(asks...)
	m.observe(trials)
	return err
}

// observe tells how many came of each trial.
func (m *Measurement) observe(trials []record.Trial) {
	text := ""
	for i := range trials {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%s %d of %d", trials[i].Name, trials[i].Seen, trials[i].Sent())
	}
	m.Observed("%s", text)
}

func receivePromiscuously(m *Measurement) error {
	before, err := m.DUT.State()
	if err != nil {
		return err
	}
	if err := m.Change(m.DUT.Device, "promiscuous mode", rtnl.Change{Promisc: ptr(true)}, rtnl.Change{Promisc: ptr(false)}); err != nil {
		return err
	}
	during, err := m.DUT.State()
	if err != nil {
		return err
	}
	m.Fact("promiscuity, risen by", "1", fmt.Sprint(during.Promiscuity-before.Promiscuity))
	asks, err := m.kinds("promisc", record.All, record.All)
	if err != nil {
		return err
	}
	trials, err := m.Try(asks...)
	if err != nil {
		return err
	}
	m.observe(trials)
	// And off again: what nobody wants must stay out.
	if err := m.DUT.Set("promiscuous mode", rtnl.Change{Promisc: ptr(false)}); err != nil {
		return err
	}
	after, err := m.DUT.State()
	if err != nil {
		return err
	}
	m.Fact("promiscuity afterwards", fmt.Sprint(before.Promiscuity), fmt.Sprint(after.Promiscuity))
	_, err = m.Try(m.ask("promisc off again: unknown unicast", m.Address(), m.DUT.Device, m.DUT.unknown()))
	return err
}

func receiveWithChild(m *Measurement) error {
	child, err := m.Macvlan(m.DUT.Device, m.DUT.Yard)
	if err != nil {
		return err
	}
	joined := m.Group()
	if err := m.Join(child, joined); err != nil {
		return err
	}
	var all []record.Trial
	for _, mode := range []struct {
		name     string
		to, back rtnl.Change
	}{
		{"plain", rtnl.Change{AllMulti: ptr(false)}, rtnl.Change{AllMulti: ptr(false)}},
		{"allmulti", rtnl.Change{AllMulti: ptr(true)}, rtnl.Change{AllMulti: ptr(false)}},
		{"promisc", rtnl.Change{Promisc: ptr(true)}, rtnl.Change{Promisc: ptr(false)}},
	} {
		if err := m.Change(m.DUT.Device, mode.name, mode.to, mode.back); err != nil {
			return err
		}
		trials, err := m.Try(
			m.ask(mode.name+": macvlan's address", child.MAC, child, record.All),
			m.ask(mode.name+": parent's address at the macvlan", m.DUT.MAC, child, record.None),
			m.ask(mode.name+": unknown unicast at the macvlan", m.Address(), child, record.None),
			m.ask(mode.name+": broadcast at the macvlan", broadcast, child, record.All),
			m.ask(mode.name+": group that the macvlan has joined", joined, child, record.All),
			m.ask(mode.name+": parent's address", m.DUT.MAC, m.DUT.Device, record.All),
		)
		if err != nil {
			return err
		}
		all = append(all, trials[:3]...)
		if err := m.DUT.Set(mode.name, mode.back); err != nil {
			return err
		}
	}
	m.observe(all)
	return nil
}

func receiveAlias(m *Measurement) error {
	joined := m.Group()
	if err := m.Join(m.DUT.Device, joined); err != nil {
		return err
	}
	alias := net.HardwareAddr{0x02, joined[1], joined[2], joined[3], joined[4], joined[5]}
	ends := net.HardwareAddr{0x02, 0x6c, 0x70, 0x41, joined[4], joined[5]}
	trials, err := m.Try(
		m.ask("joined group", joined, m.DUT.Device, record.All),
		m.ask("unicast with the group's last five bytes", alias, m.DUT.Device, m.DUT.unknown()),
		m.ask("unicast with the group's last two bytes", ends, m.DUT.Device, m.DUT.unknown()),
	)
	m.observe(trials)
	return err
}
