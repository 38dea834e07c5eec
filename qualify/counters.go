package qualify

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/qualify/record"
)

// counters is what a port says of its own traffic.
func counters() []Requirement {
	return []Requirement{{
		ID: "counters", Title: "Counters count", Profile: record.Core,
		Expected:  "the port's counters of frames rise by what came in and went out, no less, and none of errors rises",
		Source:    "include/uapi/linux/if_link.h:struct rtnl_link_stats64; Documentation/networking/statistics.rst",
		Reproduce: "ip -s link show DUT\nethtool -S DUT",
		Measure:   countersCount,
	}}
}

// counted is how many frames go each way.
const counted = 100

// countersLimit is how long a driver may take to show what it has counted; some ask
// their card only every 2 s.
const countersLimit = 5 * time.Second

// tally is counters by their names.
type tally map[string]uint64

// perFrame are counters of all frames, in the words of the kernel and of many drivers.
var perFrame = [...]string{"rx_packets", "tx_packets"}

// tally reads the device's counters.
func (d *Device) tally() (tally, error) {
	s, err := d.State()
	if err != nil {
		return nil, err
	}
	t := tally{}
	for _, name := range append(perFrame[:], "rx_errors", "tx_errors") {
		t["ip -s link: "+name] = s.Counters[name]
	}
	own, err := d.Room.Tool.Statistics(d.Link)
	if err != nil && !isAny(err, unix.EOPNOTSUPP) {
		return nil, err
	}
	for _, name := range perFrame {
		if n, ok := own[name]; ok {
			t["ethtool -S: "+name] = n
		}
	}
	return t, nil
}

// expected is what the counters must be by what the tap has seen.
func (d *Device) expected() tally {
	t := tally{}
	for name, n := range d.begun {
		switch {
		case strings.HasSuffix(name, "rx_packets"):
			n += d.in
		case strings.HasSuffix(name, "tx_packets"):
			n += d.out
		}
		t[name] = n
	}
	return t
}

func countersCount(m *Measurement) error {
	to := m.ask("to the port", m.DUT.MAC, m.DUT.Device, record.All)
	from := Ask{Name: "from the port", Shot: Shot{From: m.DUT.Device, Dest: m.Peer.MAC}, At: m.Peer.Device, Want: record.All}
	to.Count, from.Count = counted, counted
	if _, err := m.Try(to, from); err != nil {
		return err
	}
	var now, want tally
	for end, wait := time.Now().Add(countersLimit), firstWait; ; wait *= 2 {
		var err error
		if now, err = m.DUT.tally(); err != nil {
			return err
		}
		// No event tells of a counter; frames that come meanwhile count as well.
		if want = m.DUT.expected(); maps.Equal(now, want) || time.Now().After(end) {
			break
		}
		if _, err := m.await(m.ctx, time.Now().Add(wait), func() bool { return false }); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		begun := m.DUT.begun[name]
		m.Fact(name+" has risen by", fmt.Sprint(want[name]-begun), fmt.Sprint(now[name]-begun))
	}
	m.Observed("%d frames came in and %d went out, and %d counters were compared", m.DUT.in, m.DUT.out, len(want))
	return nil
}
