package qualify

import (
	"fmt"
	"net"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/qualify/record"
)

// addresses is what becomes of a port's address.
func addresses() []Requirement {
	return []Requirement{
		{
			ID: "mac-change", Title: "A new address", Profile: record.Core,
			Expected:  "after a change of its address the port gets what is sent to the new one, and a card with a bus no more of what is sent to the old one",
			Source:    "net/core/dev.c:dev_set_mac_address; the driver's ndo_set_mac_address",
			Reproduce: "ip link set DUT address 02:6c:70:41:82:83\ntcpdump -p -e -i DUT",
			Measure:   func(m *Measurement) error { return changeAddress(m, false) },
		},
		{
			ID: "mac-change-children", Title: "A new address of the parent under its children", Profile: record.Core,
			Expected:  "children keep their addresses and get their frames while the parent's address changes and changes back",
			Source:    "drivers/net/macvlan.c:macvlan_device_event (NETDEV_CHANGEADDR is of passthru alone)",
			Reproduce: "ip link add link DUT name child type macvlan mode bridge\nip link set DUT address 02:6c:70:41:82:83\ntcpdump -p -e -i child",
			Measure:   func(m *Measurement) error { return changeAddress(m, true) },
		},
		{
			ID: "mac-change-down", Title: "A new address while the port is down", Profile: record.Full,
			Expected:  "an address that the port is given while it is down is its own when it is up: it gets what is sent to the new one",
			Source:    "net/core/dev.c:dev_set_mac_address; the driver's ndo_open, which programs dev_addr",
			Reproduce: "ip link set DUT down\nip link set DUT address 02:6c:70:41:82:83\nip link set DUT up\ntcpdump -p -e -i DUT",
			Measure:   changeAddressWhileDown,
		},
	}
}

// changes are how many frames go to the old and the new address each.
const changes = 40

func changeAddress(m *Measurement, children bool) error {
	var asks []Ask
	if children {
		child, err := m.Macvlan(m.DUT.Device, m.DUT.Yard)
		if err != nil {
			return err
		}
		asks = append(asks,
			m.ask("macvlan's address", child.MAC, child, record.All),
			m.ask("unknown unicast at the macvlan", m.Address(), child, record.None))
	}
	old := slices.Clone(m.DUT.MAC)
	m.Finally(func() error { _, err := m.readdress(old); return err })
	var all []record.Trial
	for _, step := range []struct {
		name string
		to   net.HardwareAddr
	}{{"changed", m.Address()}, {"changed back", old}} {
		left := slices.Clone(m.DUT.MAC)
		live, err := m.readdress(step.to)
		if err != nil {
			return err
		}
		m.Measured("changed while up", "%t", live)
		some := []Ask{
			m.ask(step.name+": new address", step.to, m.DUT.Device, record.All),
			m.ask(step.name+": old address", left, m.DUT.Device, m.DUT.oldAddress(children)),
		}
		some[0].Count, some[1].Count = changes, changes
		for _, a := range asks {
			a.Name = step.name + ": " + a.Name
			some = append(some, a)
		}
		trials, err := m.Try(some...)
		if err != nil {
			return err
		}
		all = append(all, trials...)
	}
	m.observe(all)
	return nil
}

// oldAddress is what is wanted of frames to an address that a port had: under a child
// it may be promiscuous.
func (s *Side) oldAddress(children bool) record.Want {
	if children {
		return record.Any
	}
	return s.unknown()
}

func changeAddressWhileDown(m *Measurement) error {
	old := slices.Clone(m.DUT.MAC)
	m.Finally(func() error { return m.readdressDown(old) })
	if err := m.readdressDown(m.Address()); err != nil {
		return err
	}
	trials, err := m.Try(
		m.ask("new address", m.DUT.MAC, m.DUT.Device, record.All),
		m.ask("old address", old, m.DUT.Device, m.DUT.unknown()),
	)
	m.observe(trials)
	return err
}

// readdress gives the port under test another address; where its driver takes none
// while it is up, it goes down for it.
func (m *Measurement) readdress(to net.HardwareAddr) (live bool, err error) {
	err = m.DUT.Set("address", rtnl.Change{MAC: to})
	if !isAny(err, unix.EBUSY) {
		return err == nil, err
	}
	return false, m.readdressDown(to)
}

// readdressDown takes the port under test down to give it another address.
func (m *Measurement) readdressDown(to net.HardwareAddr) error {
	if err := m.DUT.Set("down", rtnl.Change{Up: ptr(false)}); err != nil {
		return err
	}
	if err := m.DUT.Set("address", rtnl.Change{MAC: to}); err != nil {
		return fmt.Errorf("the port takes no other address while it is down: %w", err)
	}
	if err := m.DUT.Set("up", rtnl.Change{Up: ptr(true)}); err != nil {
		return err
	}
	return m.DUT.awaitCarrier(m.ctx)
}
