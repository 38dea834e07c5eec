package qualify

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/port"
	"github.com/lanproof/lanproof/internal/rtnl"
)

// functions are virtual functions of the port under test, which belong to one
// requirement. Each has its port in the yard, up, with an address that the host gave it.
type functions struct {
	*Measurement
	bus  string
	n    int
	host *netlink.Handle // in the namespace of the port under test
	all  []*Device
}

// functions makes n virtual functions. They are gone when the requirement has been
// measured.
func (m *Measurement) functions(n int) (*functions, error) {
	f, err := m.mayHave(n)
	if err != nil {
		return nil, err
	}
	return f, f.make()
}

// mayHave looks whether the port can have n virtual functions, and has none that
// somebody else may need.
func (m *Measurement) mayHave(n int) (*functions, error) {
	f := &functions{Measurement: m, bus: m.DUT.Driver.Bus, n: n}
	now, most := port.Functions(f.bus)
	switch {
	case most == 0:
		return nil, unsupported("the port has no SR-IOV: sriov_totalvfs of %q is 0 or not there", f.bus)
	case now > 0:
		return nil, unsupported("the port has %d virtual functions already, which somebody may use", now)
	case most < n:
		return nil, unsupported("the port can have %d virtual functions (sriov_totalvfs), and this takes %d", most, n)
	}
	err := m.DUT.Room.NS.Do(func() (err error) { f.host, err = netlink.NewHandle(unix.NETLINK_ROUTE); return err })
	if err != nil {
		return nil, fmt.Errorf("open a netlink socket: %w", err)
	}
	m.Finally(func() error { f.host.Close(); return nil })
	return f, nil
}

// make makes them, with addresses that the host gives them, and brings them up.
func (f *functions) make() error {
	f.Finally(f.remove)
	if err := port.SetFunctions(f.bus, f.n); err != nil {
		return unsupported("the port does not make what it can have: %v", err)
	}
	// Most drivers start the port anew for it, and answer no virtual function meanwhile.
	if err := f.DUT.awaitCarrier(f.ctx); err != nil {
		return err
	}
	for id := range f.n {
		if err := f.set("address", id, func(l netlink.Link) error { return f.host.LinkSetVfHardwareAddr(l, id, f.Address()) }); err != nil {
			return err
		}
		if err := f.take(id); err != nil {
			return err
		}
	}
	for _, d := range f.all {
		if err := d.awaitCarrier(f.ctx); err != nil {
			return err
		}
	}
	return nil
}

// take brings the port of a virtual function into the yard, and up.
func (f *functions) take(id int) error {
	yard := f.DUT.Yard
	index, err := port.TakeFunction(f.bus, id, yard.NS, fmt.Sprintf("vf%d", id))
	if errors.Is(err, port.ErrGone) {
		return unsupported("%v; is its module there, and sriov_drivers_autoprobe 1?", err)
	}
	if err != nil {
		return err
	}
	d, err := yard.Device(index)
	if err != nil {
		return err
	}
	f.all = append(f.all, d)
	return d.Set("bring up the virtual function", rtnl.Change{Up: ptr(true)})
}

// remove takes them all away.
func (f *functions) remove() error {
	for _, d := range f.all {
		delete(d.Room.devices, d.Index)
	}
	f.all = nil
	return errors.Join(port.SetFunctions(f.bus, 0), f.DUT.awaitCarrier(f.ctx))
}

// set has the host set something of a virtual function.
func (f *functions) set(what string, id int, how func(l netlink.Link) error) error {
	l, err := f.host.LinkByIndex(f.DUT.Index)
	if err != nil {
		return fmt.Errorf("look at %s: %w", f.DUT.Name, err)
	}
	err = how(l)
	if isAny(err, unix.EOPNOTSUPP, unix.ENOSYS) {
		return unsupported("the driver lets nobody set the %s of a virtual function: %v", what, err)
	}
	if err != nil {
		return fmt.Errorf("set the %s of virtual function %d: %w", what, id, err)
	}
	return nil
}

// info is what the driver tells the host of its virtual function id (IFLA_VFINFO_LIST).
func (f *functions) info(id int) (netlink.VfInfo, error) {
	l, err := f.host.LinkByIndex(f.DUT.Index)
	if err != nil {
		return netlink.VfInfo{}, fmt.Errorf("look at %s: %w", f.DUT.Name, err)
	}
	for _, v := range l.Attrs().Vfs {
		if v.ID == id {
			return v, nil
		}
	}
	return netlink.VfInfo{}, unsupported("the driver tells nothing of its virtual function %d", id)
}

// tell switches something on or off, and holds what the driver says of it against that.
func (f *functions) tell(what string, id int, on bool, how func(l netlink.Link) error, says func(netlink.VfInfo) bool) error {
	if err := f.set(what, id, how); err != nil {
		return err
	}
	v, err := f.info(id)
	if err != nil {
		return err
	}
	f.Fact(fmt.Sprintf("%s of virtual function %d, set %s", what, id, word(on)), word(on), word(says(v)))
	return nil
}

// trust has the host trust a virtual function, or not.
func (f *functions) trust(id int, on bool) error {
	return f.tell("trust", id, on, func(l netlink.Link) error { return f.host.LinkSetVfTrust(l, id, on) },
		func(v netlink.VfInfo) bool { return v.Trust == 1 })
}

// check has the host check source addresses of a virtual function, or not.
func (f *functions) check(id int, on bool) error {
	return f.tell("spoofchk", id, on, func(l netlink.Link) error { return f.host.LinkSetVfSpoofchk(l, id, on) },
		func(v netlink.VfInfo) bool { return v.Spoofchk })
}

// overhear makes the peer take in everything.
func (f *functions) overhear() error {
	return f.Change(f.Peer.Device, "promiscuous mode", rtnl.Change{Promisc: ptr(true)}, rtnl.Change{Promisc: ptr(false)})
}
