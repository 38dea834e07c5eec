package qualify

import (
	"fmt"
	"net"

	"github.com/lanproof/lanproof/qualify/record"
)

// identity is who a port says that it is.
func identity() []Requirement {
	return []Requirement{{
		ID: "identity", Title: "The port says who it is", Profile: record.Core,
		Expected:  "driver, address and MTU are told, make sense, and stay the same",
		Source:    "net/ethtool/ioctl.c:ethtool_get_drvinfo; IEEE 802-2014 8.2",
		Reproduce: "ethtool -i DUT\nip -d link show DUT",
		Measure:   whoIsIt,
	}}
}

func whoIsIt(m *Measurement) error {
	s, err := m.DUT.State()
	if err != nil {
		return err
	}
	again, err := m.DUT.Room.Tool.Driver(m.DUT.Link)
	if err != nil {
		return err
	}
	m.Fact("the driver's name", "told", told(again.Name))
	m.Fact("driver, version, firmware and bus, asked twice", fmt.Sprint(m.DUT.Driver), fmt.Sprint(again))
	m.Fact("the address", "of a single station", kindOf(s.MAC))
	m.Fact("carrier", "true", fmt.Sprint(s.Carrier))
	m.Fact("the MTU is within what the driver allows", "true", fmt.Sprint(s.MTU >= s.MinMTU && (s.MaxMTU == 0 || s.MTU <= s.MaxMTU)))
	m.Observed("driver %s, address %s, MTU %d of %d to %d", again.Name, s.MAC, s.MTU, s.MinMTU, s.MaxMTU)
	return nil
}

func told(s string) string {
	if s == "" {
		return "not told"
	}
	return "told"
}

// kindOf says in words what kind of address one is.
func kindOf(a net.HardwareAddr) string {
	switch {
	case len(a) != 6:
		return fmt.Sprintf("of %d bytes", len(a))
	case a.String() == "00:00:00:00:00:00":
		return "nobody's"
	case a[0]&1 != 0:
		return "of a group"
	}
	return "of a single station"
}
