package qualify

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/ethtool"
	"github.com/lanproof/lanproof/internal/port"
	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/qualify/record"
)

// reloads is what survives when the port's hardware or its driver starts anew.
func reloads() []Requirement {
	return []Requirement{
		{
			ID: "reset", Title: "Reset in mid-traffic", Profile: record.Full,
			Expected: "after a reset of the device, by its driver or by its bus, while a stream runs over a child, the port has its carrier again, " +
				"the stream goes on, and everybody gets what is theirs",
			Source:    "the driver's ethtool_ops.reset; include/linux/pci.h:pci_error_handlers.reset_prepare, reset_done",
			Reproduce: "ip link add link DUT name child type macvlan mode bridge\nip link set child up\nethtool --reset DUT dedicated\necho 1 > /sys/class/net/DUT/device/reset\ntcpdump -p -e -i child",
			Measure:   reset,
		},
		{
			ID: "rebind", Title: "Driver taken away and given back in mid-traffic", Profile: record.Full,
			Expected: "when the driver lets go of the port while a stream runs over a child, all that sits on the port is gone with it; " +
				"when it has the port again, it is the same port, with the same features, and everybody on new children gets what is theirs, once",
			Source:    "net/core/dev.c:unregister_netdevice_many_notify; drivers/net/macvlan.c:macvlan_device_event (NETDEV_UNREGISTER); drivers/base/bus.c:unbind_store, bind_store",
			Reproduce: "ip link add link DUT name child type macvlan mode bridge\nreadlink -f /sys/class/net/DUT/device /sys/class/net/DUT/device/driver\necho NAME > DRIVER/unbind\nip link\necho NAME > DRIVER/bind\nip link",
			Measure:   rebind,
		},
	}
}

// lent is a port whose driver can be taken away; a *[port.Loan] is one.
type lent interface {
	Reloadable() error
	Unbind() error
	Bind() (index int, err error)
	Resets() []port.Reset
}

// answerLimit is how long the kernel may take to let go of a port, to have it again or
// to reset it. One that waits for a reference that nobody gives back waits for ever
// (net/core/dev.c:netdev_wait_allrefs_any).
const answerLimit = 60 * time.Second

// resumeLimit is how long a stream may stand still after a reset. TCP waits twice as
// long each time until it sends again: 0.2, 0.6, 1.4, 3, 6.2, 12.6, 25.4 s after the
// first loss (RFC 6298 5.5).
const resumeLimit = 30 * time.Second

// errNoAnswer is of a kernel that has not answered by then.
var errNoAnswer = fmt.Errorf("the kernel has not answered in %v", answerLimit)

func within(fn func() error) error {
	done := make(chan error, 1)
	go func() { done <- fn() }()
	select {
	case err := <-done:
		return err
	case <-time.After(answerLimit):
		return errNoAnswer
	}
}

// whereabouts is what must be the same of a port whose driver was loaded anew, with
// the same children on it: a macvlan switches its port's LRO off, for good
// (net/core/dev.c:netdev_sync_lower_features).
type whereabouts struct {
	Driver, Bus, MAC, MTU, Promiscuity, Features string
}

func (s *Side) whereabouts() (whereabouts, error) {
	state, err := s.State()
	if err != nil {
		return whereabouts{}, err
	}
	w := whereabouts{MAC: state.MAC.String(), MTU: fmt.Sprint(state.MTU), Promiscuity: fmt.Sprint(state.Promiscuity)}
	driver, err := s.Room.Tool.Driver(s.Link)
	if err != nil && !isAny(err, unix.EOPNOTSUPP) {
		return w, err
	}
	w.Driver, w.Bus = strings.TrimSpace(driver.Name+" "+driver.Version+" "+driver.Firmware), driver.Bus
	features, err := s.features()
	w.Features = switchedOn(features)
	return w, err
}

// switchedOn are the features that are on.
func switchedOn(all map[string]ethtool.Feature) string {
	var on []string
	for name, f := range all {
		if f.On {
			on = append(on, name)
		}
	}
	slices.Sort(on)
	return strings.Join(on, " ")
}

func (m *Measurement) same(was, now whereabouts) {
	for _, f := range [][3]string{
		{"driver", was.Driver, now.Driver},
		{"bus address", was.Bus, now.Bus},
		{"MAC address", was.MAC, now.MAC},
		{"MTU", was.MTU, now.MTU},
		{"promiscuity", was.Promiscuity, now.Promiscuity},
		{"features that are on", was.Features, now.Features},
	} {
		m.Fact(f[0]+" with its driver again", f[1], f[2])
	}
}

// inRooms are the names of all devices in the rooms of the port under test.
func (m *Measurement) inRooms() ([]string, error) {
	var all []string
	for _, r := range []*Room{m.DUT.Room, m.DUT.Yard} {
		links, err := r.Conn.Links()
		if err != nil {
			return nil, fmt.Errorf("look at the devices in a room of %s: %w", r.name, err)
		}
		for _, s := range links {
			if r != m.DUT.Room || s.Index != m.DUT.Index {
				all = append(all, s.Name)
			}
		}
	}
	return all, nil
}

func rebind(m *Measurement) error {
	if err := m.reloadable(); err != nil {
		return err
	}
	others, err := m.inRooms()
	if err != nil {
		return err
	}
	f, err := m.family(true)
	if err != nil {
		return err
	}
	was, err := m.DUT.whereabouts()
	if err != nil {
		return err
	}
	if _, err := m.Try(f.asks("before")...); err != nil {
		return err
	}
	gone, err := m.unload(f, others)
	if err != nil || !gone {
		return err
	}
	if back, err := m.load(); err != nil || !back {
		return err
	}
	return m.anew(was)
}

// reloadable is [Unsupported] where the driver cannot be taken away.
func (m *Measurement) reloadable() error {
	if m.DUT.lent == nil {
		return unsupported("it was not borrowed")
	}
	if err := m.DUT.lent.Reloadable(); err != nil {
		return unsupported("%v", err)
	}
	return nil
}

// unload takes the driver away while a stream runs, and sees that nothing is left.
func (m *Measurement) unload(f *family, others []string) (gone bool, err error) {
	t, err := m.traffic(f.child)
	if err != nil {
		return false, err
	}
	goes := t.goes(streamLimit)
	unbound := within(m.DUT.lent.Unbind)
	if err := errors.Join(t.stop(), m.forgive()); err != nil {
		return false, errors.Join(unbound, err)
	}
	m.Fact("a stream runs over the macvlan", "true", fmt.Sprint(goes))
	m.Measured("bytes of it that had come", "%d", t.bytes.Load())
	if errors.Is(unbound, errNoAnswer) {
		m.Fact("the port goes", "true", fmt.Sprint("false: ", unbound))
		return false, nil
	}
	if unbound != nil {
		return false, unbound
	}
	m.Fact("the port goes", "true", "true")
	left, err := m.inRooms()
	if err != nil {
		return false, err
	}
	left = slices.DeleteFunc(left, func(name string) bool { return slices.Contains(others, name) })
	m.Fact("devices left of the port and its children", "[]", fmt.Sprintf("%q", left))
	for _, d := range f.members() {
		delete(d.Room.devices, d.Index)
	}
	return true, nil
}

// load gives the port back to its driver, and makes it known to the rig again.
func (m *Measurement) load() (back bool, err error) {
	index := 0
	err = within(func() (err error) { index, err = m.DUT.lent.Bind(); return err })
	if err != nil { // such as a driver that does not find its way into the card again
		m.Fact("the port comes back", "true", fmt.Sprint("false: ", err))
		return false, nil
	}
	m.Fact("the port comes back", "true", "true")
	if err := m.DUT.again(index); err != nil {
		return false, err
	}
	if err := m.DUT.Set("bring up the port", rtnl.Change{Up: ptr(true)}); err != nil {
		return false, err
	}
	return m.carrier("with its driver again"), nil
}

// again makes the device one with another number, whose counters begin anew.
func (d *Device) again(index int) (err error) {
	delete(d.Room.devices, d.Index)
	d.Index, d.in, d.out = index, 0, 0
	d.Room.devices[index] = d
	s, err := d.State()
	if err != nil {
		return err
	}
	d.Link, d.MAC = s.Name, s.MAC
	d.begun, err = d.tally()
	return err
}

// carrier states whether the port gets its carrier.
func (m *Measurement) carrier(when string) bool {
	err := m.DUT.awaitCarrier(m.ctx)
	got := "true"
	if err != nil {
		got = fmt.Sprint("false: ", err)
	}
	m.Fact("carrier "+when, "true", got)
	return err == nil
}

// anew puts new children on the port, and sees that all is as it was with the first.
func (m *Measurement) anew(was whereabouts) error {
	f, err := m.family(true)
	if err != nil {
		return err
	}
	now, err := m.DUT.whereabouts()
	if err != nil {
		return err
	}
	m.same(was, now)
	trials, err := m.Try(f.asks("with its driver again")...)
	if err != nil {
		return err
	}
	m.observe(trials)
	if err := m.address(f.child, 3); err != nil {
		return err
	}
	got, err := transferTCP(f.child, m.Peer.Device, streamNet(1)[0].Addr())
	text := fmt.Sprint(got)
	if err != nil {
		text += ": " + err.Error()
	}
	m.Fact("TCP over a new macvlan: bytes that came whole", fmt.Sprint(streamSize), text)
	return m.forgive()
}

func reset(m *Measurement) error {
	if m.DUT.lent == nil {
		return unsupported("it was not borrowed")
	}
	var refused []string
	done := 0
	err := survive(m, "reset", func(children []*Device) error {
		for _, way := range m.DUT.lent.Resets() {
			err := m.resetBy(way, children[0])
			switch {
			case errors.Is(err, errors.ErrUnsupported):
				refused = append(refused, fmt.Sprintf("%s: %v", way.Name, err))
			case err != nil:
				return fmt.Errorf("%s: %w", way.Name, err)
			default:
				done++
			}
		}
		if done == 0 {
			return unsupported("%s", strings.Join(refused, "; "))
		}
		return nil
	})
	if len(refused) > 0 && done > 0 {
		m.Measured("not tried", "%s", strings.Join(refused, "; "))
	}
	return err
}

// resetBy resets the port while a stream runs over a child, and sees that it goes on.
func (m *Measurement) resetBy(way port.Reset, child *Device) error {
	t, err := m.traffic(child)
	if err != nil {
		return err
	}
	t.goes(streamLimit)
	err = within(way.Do)
	if err == nil {
		m.Finally(m.revive)
		if m.carrier("after " + way.Name) {
			begin := time.Now()
			m.Fact("the stream goes on after "+way.Name, "true", fmt.Sprint(t.goes(resumeLimit)))
			m.Measured("the stream goes on after", "%v", time.Since(begin).Round(time.Millisecond))
		}
	}
	return errors.Join(err, t.stop(), m.forgive())
}

// revive takes a port down and up, which has its driver set it up again, whatever a
// reset may have left of it. That it does not come up is told by what follows.
func (m *Measurement) revive() error {
	for _, up := range []bool{false, true} {
		if err := m.DUT.Set("take it down and up", rtnl.Change{Up: ptr(up)}); err != nil {
			return err
		}
	}
	if err := m.DUT.awaitCarrier(m.ctx); err != nil && !errors.Is(err, errNoCarrier) {
		return err
	}
	return nil
}
