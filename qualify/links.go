package qualify

import (
	"errors"
	"fmt"
	"time"

	"github.com/lanproof/lanproof/capture/frames"
	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/probe/mark"
	"github.com/lanproof/lanproof/qualify/record"
)

// links is what survives when the port goes down, or its driver starts it anew.
func links() []Requirement {
	return []Requirement{
		{
			ID: "link-down-up", Title: "Down and up with children", Profile: record.Core,
			Expected:  "children follow the port down and up, and afterwards everybody gets what is theirs and no more than before",
			Source:    "drivers/net/macvlan.c:macvlan_device_event; net/8021q/vlan.c:vlan_device_event; net/core/dev.c:__dev_open calls dev_set_rx_mode",
			Reproduce: "ip link add link DUT name child type macvlan mode bridge\nip link set child up\nip link set DUT down\nip link set DUT up\ntcpdump -p -e -i child",
			Measure: func(m *Measurement) error {
				return survive(m, "down and up", func(children []*Device) error { return downUp(m, children) })
			},
		},
		{
			ID: "reset-mtu", Title: "Started anew in mid-traffic", Profile: record.Full,
			Expected:  "after changes of the MTU, for which drivers reset the port and set up their rings and filters again, everybody gets what is theirs",
			Source:    "the driver's ndo_change_mtu, such as e1000_change_mtu, which calls e1000e_reinit_locked",
			Reproduce: "ip link add link DUT name child type macvlan mode bridge\nip link set child up\nip link set DUT mtu 1400\nip link set DUT mtu 1500\ntcpdump -p -e -i child",
			Measure: func(m *Measurement) error {
				return survive(m, "other MTU and back", func([]*Device) error { return resize(m) })
			},
		},
	}
}

// survive sees that all is the same before and after something is done to the port.
func survive(m *Measurement, what string, do func(children []*Device) error) error {
	child, err := m.Macvlan(m.DUT.Device, m.DUT.Yard)
	if err != nil {
		return err
	}
	vlan, err := m.VLAN(m.DUT.Device, m.DUT.Yard, frames.TPID8021Q, 100)
	var none *Unsupported
	switch {
	case errors.As(err, &none):
		m.Measured("without a VLAN on it", "%v", none)
	case err != nil:
		return err
	}
	joined := m.Group()
	if err := m.Join(m.DUT.Device, joined); err != nil {
		return err
	}
	asks := func(when string) []Ask {
		all := []Ask{
			m.ask(when+": own address", m.DUT.MAC, m.DUT.Device, record.All),
			m.ask(when+": joined group", joined, m.DUT.Device, record.All),
			m.ask(when+": macvlan's address", child.MAC, child, record.All),
			m.ask(when+": unknown unicast at the macvlan", m.Address(), child, record.None),
		}
		if vlan != nil {
			all = append(all, m.ask(when+": VLAN 100", m.DUT.MAC, vlan, record.All))
		}
		return all
	}
	before, err := m.promiscuity()
	if err != nil {
		return err
	}
	if _, err := m.Try(asks("before")...); err != nil {
		return err
	}
	children := []*Device{child}
	if vlan != nil {
		children = append(children, vlan)
	}
	if err := do(children); err != nil {
		return err
	}
	after, err := m.promiscuity()
	if err != nil {
		return err
	}
	m.Fact("promiscuity after "+what, fmt.Sprint(before), fmt.Sprint(after))
	trials, err := m.Try(asks("after " + what)...)
	m.observe(trials)
	return err
}

func downUp(m *Measurement, children []*Device) error {
	if err := m.DUT.Set("down", rtnl.Change{Up: ptr(false)}); err != nil {
		return err
	}
	s, err := children[0].State()
	if err != nil {
		return err
	}
	port, err := m.DUT.State()
	if err != nil {
		return err
	}
	m.Fact("the macvlan's carrier while the port is down is the port's", fmt.Sprint(port.Carrier), fmt.Sprint(s.Carrier))
	// Frames go on to be sent to it; that a wire without a link takes none is no matter.
	first := m.seq + 1
	for range inFlight {
		_ = m.shoot(&Shot{From: m.Peer.Device, Dest: m.DUT.MAC}, m.numbers(1), mark.Probe)
	}
	if _, err := m.await(m.ctx, time.Now().Add(quietTime), func() bool { return false }); err != nil {
		return err
	}
	m.Fact("frames that come in while it is down", "0", fmt.Sprint(m.arrived(m.DUT.Device, first, m.seq)))
	if err := m.DUT.Set("up", rtnl.Change{Up: ptr(true)}); err != nil {
		return err
	}
	if err := m.DUT.awaitCarrier(m.ctx); err != nil {
		return err
	}
	for _, c := range children {
		// A vlan goes down with its port, and comes up with it (vlan_device_event).
		if err := c.awaitCarrier(m.ctx); err != nil {
			return err
		}
	}
	return nil
}

func resize(m *Measurement) error {
	s, err := m.DUT.State()
	if err != nil {
		return err
	}
	was := s.MTU
	m.Finally(func() error { return m.DUT.Set("MTU", rtnl.Change{MTU: was}) })
	for i, mtu := range []int{was - 100, was} {
		// Frames are under way while it changes; what becomes of those is its own affair.
		for range inFlight {
			if err := m.shoot(&Shot{From: m.Peer.Device, Dest: m.DUT.MAC}, m.numbers(1), mark.Probe); err != nil {
				return err
			}
		}
		err := m.DUT.Set("MTU", rtnl.Change{MTU: mtu})
		if i == 0 && err != nil {
			return unsupported("the port takes no MTU of %d while it is up: %v", mtu, err)
		}
		if err != nil {
			return err
		}
		if err := m.DUT.awaitCarrier(m.ctx); err != nil {
			return err
		}
		trials, err := m.Look(m.ask("with the other MTU", m.DUT.MAC, m.DUT.Device, record.All))
		if err != nil {
			return err
		}
		m.Measured(fmt.Sprintf("frames with MTU %d", mtu), "%d of %d", trials[0].Seen, trials[0].Sent())
	}
	return nil
}
