package qualify

import (
	"fmt"
	"net"

	"github.com/lanproof/lanproof/qualify/record"
)

// filters is how many addresses a port can tell from others.
func filters() []Requirement {
	return []Requirement{
		{
			ID: "unicast-filter", Title: "A second unicast address", Profile: record.Core,
			Expected:  "with a macvlan on it, the port either leaves out what is for nobody, or declares itself promiscuous; without it, all is as before",
			Source:    "net/core/dev.c:__dev_set_rx_mode (IFF_UNICAST_FLT)",
			Reproduce: "ip link add link DUT name child type macvlan mode bridge\nip link set child up\nip -d link show DUT  # promiscuity\ntcpdump -p -e -i DUT",
			Measure:   secondAddress,
		},
		{
			ID: "unicast-capacity", Title: "As many unicast addresses as fit, and one more", Profile: record.Core,
			Expected:  "every address that the port was given gets its frames, beyond the filter's capacity as well, or is refused with an error; afterwards the filter is as before",
			Source:    "the driver's ndo_set_rx_mode: promiscuous on overflow (e1000e_set_rx_mode), or addresses dropped (mlx5 en_fs.c)",
			Reproduce: "bridge fdb add 02:6c:70:41:82:83 dev DUT self  # with 1, 2, 4... addresses\ntcpdump -p -e -i DUT",
			Measure:   unicastCapacity,
		},
		{
			ID: "multicast-capacity", Title: "Many groups", Profile: record.Full,
			Expected:  "every group that was joined gets its frames, with 1, 8 and 64 of them; when they are left, reception is as before",
			Source:    "net/core/dev_addr_lists.c:dev_mc_add; the driver's ndo_set_rx_mode",
			Reproduce: "ip maddr add 01:00:5e:6c:82:83 dev DUT  # 1, 8, 64 of them\ntcpdump -p -e -i DUT",
			Measure:   manyGroups,
		},
	}
}

// promiscuity is how many users of promiscuous mode the port under test has.
func (m *Measurement) promiscuity() (int, error) {
	s, err := m.DUT.State()
	if err != nil {
		return 0, err
	}
	return s.Promiscuity, nil
}

func secondAddress(m *Measurement) error {
	before, err := m.promiscuity()
	if err != nil {
		return err
	}
	child, err := m.Macvlan(m.DUT.Device, m.DUT.Yard)
	if err != nil {
		return err
	}
	during, err := m.promiscuity()
	if err != nil {
		return err
	}
	want := record.Any
	if during == before {
		want = record.None
	}
	trials, err := m.Try(
		m.ask("macvlan's address", child.MAC, child, record.All),
		m.ask("own address", m.DUT.MAC, m.DUT.Device, record.All),
		m.ask("unknown unicast at the port", m.Address(), m.DUT.Device, want),
	)
	if err != nil {
		return err
	}
	class := "filter: it leaves out unknown unicast"
	switch {
	case during > before:
		class = "no filter: promiscuous with the first address beside its own, and declared"
	case trials[2].Seen > 0:
		class = "flood: unknown unicast comes in, and the port declares itself not promiscuous"
	}
	m.Measured("class", "%s", class)
	m.Observed("%s", class)
	if err := m.Remove(child); err != nil {
		return err
	}
	after, err := m.promiscuity()
	if err != nil {
		return err
	}
	m.Fact("promiscuity afterwards", fmt.Sprint(before), fmt.Sprint(after))
	_, err = m.Try(m.ask("unknown unicast when the macvlan is gone", m.Address(), m.DUT.Device, m.DUT.unknown()))
	return err
}

// mostAddresses is where the search for a filter's capacity ends. virtio_net has 64.
const mostAddresses = 256

// pool is the addresses that a port was given, and how it bears them.
type pool struct {
	*Measurement
	all []net.HardwareAddr
	has int // how many of them the port has
}

// load is how a port bears some addresses.
type load struct {
	leaks   bool
	deaf    []net.HardwareAddr
	refused error
}

func (l *load) good() bool { return !l.leaks && len(l.deaf) == 0 && l.refused == nil }

// give lets the port have n addresses.
func (p *pool) give(n int) error {
	for len(p.all) < n {
		p.all = append(p.all, p.Address())
	}
	for p.has < n {
		if err := p.DUT.Room.Conn.SetFilter(p.DUT.Index, p.all[p.has], true); err != nil {
			return err
		}
		p.has++
	}
	for p.has > n {
		p.has--
		if err := p.DUT.Room.Conn.SetFilter(p.DUT.Index, p.all[p.has], false); err != nil {
			return err
		}
	}
	return nil
}

// bears finds out how the port bears n addresses.
func (p *pool) bears(n int) (load, error) {
	if err := p.give(n); err != nil {
		return load{refused: err}, nil
	}
	trials, err := p.Look(p.asks(n)...)
	if err != nil {
		return load{}, err
	}
	var l load
	for i := range trials[:n] {
		if trials[i].Seen < trials[i].Sent() {
			l.deaf = append(l.deaf, p.all[i])
		}
	}
	l.leaks = trials[n].Seen > 0
	return l, nil
}

// asks are a frame to each of n addresses, and some to nobody.
func (p *pool) asks(n int) []Ask {
	asks := make([]Ask, 0, n+1)
	for i, a := range p.all[:n] {
		ask := p.ask(fmt.Sprintf("address %d of %d", i+1, n), a, p.DUT.Device, record.All)
		ask.Count = 1
		asks = append(asks, ask)
	}
	return append(asks, p.ask(fmt.Sprintf("unknown unicast, %d addresses", n), p.Address(), p.DUT.Device, record.Any))
}

// search finds the most addresses that are borne well: by doubling, then by halves
// what is between the last good and the first bad one. It returns limit where all is
// well up to there.
func search(limit int, bears func(n int) (load, error)) (good int, beyond load, err error) {
	bad := 0
	for n := 1; bad == 0; n = min(2*n, limit) {
		l, err := bears(n)
		switch {
		case err != nil:
			return good, l, err
		case !l.good():
			bad, beyond = n, l
		case n == limit:
			return n, load{}, nil
		default:
			good = n
		}
	}
	for bad-good > 1 {
		n := (good + bad) / 2
		l, err := bears(n)
		switch {
		case err != nil:
			return good, l, err
		case l.good():
			good = n
		default:
			bad, beyond = n, l
		}
	}
	return good, beyond, nil
}

func unicastCapacity(m *Measurement) error {
	before, err := m.promiscuity()
	if err != nil {
		return err
	}
	p := &pool{Measurement: m}
	m.Finally(func() error { return p.give(0) })
	l, err := p.bears(1)
	if err != nil {
		return err
	}
	during, err := m.promiscuity()
	if err != nil {
		return err
	}
	good, class, few := 0, "promiscuous with the first one, and declared", 2*inFlight
	if during == before {
		if good, l, err = search(mostAddresses, p.bears); err != nil {
			return err
		}
		class, few = l.class(good), good+1
	}
	m.Measured("capacity", "%d", good)
	m.Measured("beyond it", "%s", class)
	m.Observed("%d addresses beside its own; beyond them: %s", good, class)
	if err := p.prove(good, few, l.refused); err != nil {
		return err
	}
	if err := p.give(0); err != nil {
		return err
	}
	after, err := m.promiscuity()
	if err != nil {
		return err
	}
	m.Fact("promiscuity afterwards", fmt.Sprint(before), fmt.Sprint(after))
	_, err = m.Try(m.ask("unknown unicast when all are gone", m.Address(), m.DUT.Device, m.DUT.unknown()))
	return err
}

// prove makes the trials that are judged: at the capacity nothing unknown comes in,
// and beyond it every address still gets its frames.
func (p *pool) prove(good, beyond int, refused error) error {
	if good > 0 {
		if err := p.give(good); err != nil {
			return err
		}
		asks := p.asks(good)
		asks[good].Want = record.None
		if _, err := p.Try(asks...); err != nil {
			return err
		}
	}
	if refused != nil || good >= mostAddresses {
		return nil
	}
	if err := p.give(beyond); err != nil {
		return err
	}
	_, err := p.Try(p.asks(beyond)...)
	return err
}

// class says how a port bears more addresses than it has room for.
func (l *load) class(good int) string {
	switch {
	case good >= mostAddresses:
		return "not reached"
	case l.refused != nil:
		return fmt.Sprintf("refused: %v", l.refused)
	case len(l.deaf) > 0:
		return fmt.Sprintf("dropped: %d addresses get nothing", len(l.deaf))
	}
	return "promiscuous, and not declared"
}

// strangers are groups that nobody has joined.
const strangers = 16

func manyGroups(m *Measurement) error {
	var groups []net.HardwareAddr
	leave := func() error {
		for _, g := range groups {
			if err := m.DUT.Room.send.Leave(m.DUT.Index, g); err != nil {
				return err
			}
		}
		groups = nil
		return nil
	}
	m.Finally(leave)
	text := ""
	for _, n := range []int{1, 8, 64} {
		for len(groups) < n {
			groups = append(groups, m.Group())
			if err := m.DUT.Room.send.Join(m.DUT.Index, groups[len(groups)-1]); err != nil {
				return err
			}
		}
		var asks []Ask
		for i, g := range groups {
			ask := m.ask(fmt.Sprintf("group %d of %d", i+1, n), g, m.DUT.Device, record.All)
			ask.Count = 1
			asks = append(asks, ask)
		}
		for range strangers {
			ask := m.ask(fmt.Sprintf("unknown group, %d joined", n), m.Group(), m.DUT.Device, record.Any)
			ask.Count = 1
			asks = append(asks, ask)
		}
		trials, err := m.Try(asks...)
		if err != nil {
			return err
		}
		leaked := 0
		for _, t := range trials[n:] {
			leaked += t.Seen
		}
		m.Measured(fmt.Sprintf("unknown groups that come in, %d joined", n), "%d of %d", leaked, strangers)
		text += fmt.Sprintf("%d joined: %d of %d unknown ones come in; ", n, leaked, strangers)
	}
	if err := leave(); err != nil {
		return err
	}
	trials, err := m.Try(
		m.ask("broadcast when all are left", broadcast, m.DUT.Device, record.All),
		m.ask("unknown group when all are left", m.Group(), m.DUT.Device, record.Any),
	)
	m.Observed("%sall left: %d of %d", text, trials[1].Seen, trials[1].Sent())
	return err
}
