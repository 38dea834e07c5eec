package qualify

import (
	"errors"
	"fmt"
	"net"
	"slices"
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

// family is children of the port, of each kind that this kernel makes, and a group
// that the port has joined.
type family struct {
	m           *Measurement
	child, vlan *Device // vlan is nil where there is none
	grandchild  *Device // a macvlan on the vlan
	joined      net.HardwareAddr
}

// family makes children of the port under test, and of these if wanted.
func (m *Measurement) family(grandchildren bool) (f *family, err error) {
	f = &family{m: m, joined: m.Group()}
	if f.child, err = m.Macvlan(m.DUT.Device, m.DUT.Yard); err != nil {
		return nil, err
	}
	f.vlan, err = m.VLAN(m.DUT.Device, m.DUT.Yard, frames.TPID8021Q, 100)
	var none *Unsupported
	switch {
	case errors.As(err, &none):
		m.Measured("without a VLAN on it", "%v", none)
		f.vlan = nil
	case err != nil:
		return nil, err
	}
	if f.vlan != nil && grandchildren {
		if f.grandchild, err = m.Macvlan(f.vlan, m.DUT.Yard); err != nil {
			return nil, err
		}
	}
	return f, m.Join(m.DUT.Device, f.joined)
}

// members are those that there are.
func (f *family) members() []*Device {
	return slices.DeleteFunc([]*Device{f.child, f.vlan, f.grandchild}, func(d *Device) bool { return d == nil })
}

// asks are what everybody of a family must get, and must not.
func (f *family) asks(when string) []Ask {
	m := f.m
	all := []Ask{
		m.ask(when+": own address", m.DUT.MAC, m.DUT.Device, record.All),
		m.ask(when+": joined group", f.joined, m.DUT.Device, record.All),
		m.ask(when+": macvlan's address", f.child.MAC, f.child, record.All),
		m.ask(when+": unknown unicast at the macvlan", m.Address(), f.child, record.None),
	}
	if f.vlan != nil {
		all = append(all, m.ask(when+": VLAN 100", m.DUT.MAC, f.vlan, record.All))
	}
	if f.grandchild != nil {
		all = append(all, m.ask(when+": macvlan in VLAN 100", f.grandchild.MAC, f.grandchild, record.All))
	}
	return all
}

// survive sees that all is the same before and after something is done to the port.
func survive(m *Measurement, what string, do func(children []*Device) error) error {
	f, err := m.family(false)
	if err != nil {
		return err
	}
	before, err := m.promiscuity()
	if err != nil {
		return err
	}
	if _, err := m.Try(f.asks("before")...); err != nil {
		return err
	}
	if err := do(f.members()); err != nil {
		return err
	}
	after, err := m.promiscuity()
	if err != nil {
		return err
	}
	m.Fact("promiscuity after "+what, fmt.Sprint(before), fmt.Sprint(after))
	trials, err := m.Try(f.asks("after " + what)...)
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
