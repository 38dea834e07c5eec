package port

import (
	"slices"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/rtnl"
)

// lastingRoutes returns the routes without those that routers advertise, as long as
// it is the kernel that listens to them: it asks for them again when the port comes
// up. Somebody else's, a network manager's, do last.
func (s *State) lastingRoutes() []Entry {
	listens := s.Sysctls["ipv6/conf/accept_ra"]
	if listens == "" || listens == "0" {
		return s.Routes
	}
	return slices.DeleteFunc(slices.Clone(s.Routes), func(e Entry) bool {
		m, err := rtnl.ParseMessage(e.Message, routeHeader)
		return err == nil && m.Header[0] == unix.AF_INET6 && m.Header[5] == unix.RTPROT_RA
	})
}

// restorable returns the routes to be added, in an order in which the kernel takes
// them: those without a gateway first, since gateways are reached by them. Those that
// the kernel makes of addresses come with them.
func (s *State) restorable() []Entry {
	var direct, via []Entry
	for _, e := range s.lastingRoutes() {
		m, err := rtnl.ParseMessage(e.Message, routeHeader)
		switch {
		case err != nil:
		case m.Get(unix.RTA_GATEWAY) == nil && m.Get(unix.RTA_VIA) == nil && m.Get(unix.RTA_MULTIPATH) == nil:
			direct = append(direct, e)
		default:
			via = append(via, e)
		}
	}
	return append(direct, via...)
}

// aim puts the port's ifindex into a route, in place of 0.
func aim(message []byte, index int) ([]byte, error) {
	m, err := rtnl.ParseMessage(message, routeHeader)
	if err != nil {
		return nil, err
	}
	if v := m.Get(unix.RTA_OIF); len(v) >= 4 && native.Uint32(v) == 0 {
		native.PutUint32(v, uint32(index))
	}
	hops(m.Get(unix.RTA_MULTIPATH), func(hop []byte) {
		if native.Uint32(hop[4:]) == 0 {
			native.PutUint32(hop[4:], uint32(index))
		}
	})
	return m.Bytes(), nil
}
