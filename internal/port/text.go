package port

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/rtnl"
)

// addressText says an address as ip address add would take it.
func addressText(m *rtnl.Message) string {
	local, other := m.Get(unix.IFA_LOCAL), m.Get(unix.IFA_ADDRESS)
	if local == nil {
		local = other
	}
	var b strings.Builder
	if string(local) != string(other) {
		fmt.Fprintf(&b, "%v peer %v", prefix(local, 0).Addr(), prefix(other, m.Header[1]))
	} else {
		fmt.Fprint(&b, prefix(local, m.Header[1]))
	}
	if v := m.Get(unix.IFA_BROADCAST); v != nil {
		fmt.Fprintf(&b, " brd %v", prefix(v, 0).Addr())
	}
	if scope := m.Header[3]; scope != unix.RT_SCOPE_UNIVERSE {
		fmt.Fprintf(&b, " scope %s", scopeName(scope))
	}
	return b.String()
}

func scopeName(scope byte) string {
	switch scope {
	case unix.RT_SCOPE_UNIVERSE:
		return "global"
	case unix.RT_SCOPE_LINK:
		return "link"
	case unix.RT_SCOPE_HOST:
		return "host"
	}
	return fmt.Sprint(scope)
}

// routeText says a route as ip route add would take it.
func routeText(m *rtnl.Message) string {
	var b strings.Builder
	if kind := m.Header[7]; kind != unix.RTN_UNICAST {
		fmt.Fprintf(&b, "%s ", routeKind(kind))
	}
	if m.Header[1] == 0 {
		b.WriteString("default")
	} else {
		fmt.Fprint(&b, prefix(m.Get(unix.RTA_DST), m.Header[1]))
	}
	if m.Header[0] == unix.AF_INET6 && m.Header[1] == 0 {
		b.WriteString(" of IPv6")
	}
	if v := m.Get(unix.RTA_GATEWAY); v != nil {
		fmt.Fprintf(&b, " via %v", prefix(v, 0).Addr())
	}
	hops(m.Get(unix.RTA_MULTIPATH), func(hop []byte) {
		inner, err := rtnl.ParseMessage(hop, 8)
		if err == nil && inner.Get(unix.RTA_GATEWAY) != nil {
			fmt.Fprintf(&b, " nexthop via %v", prefix(inner.Get(unix.RTA_GATEWAY), 0).Addr())
		} else {
			b.WriteString(" nexthop")
		}
	})
	if v := m.Get(unix.RTA_PREFSRC); v != nil {
		fmt.Fprintf(&b, " src %v", prefix(v, 0).Addr())
	}
	if table := routeTable(m); table != unix.RT_TABLE_MAIN {
		fmt.Fprintf(&b, " table %d", table)
	}
	if v := m.Get(unix.RTA_PRIORITY); len(v) >= 4 {
		fmt.Fprintf(&b, " metric %d", native.Uint32(v))
	}
	if m.Header[8]&unix.RTNH_F_ONLINK != 0 {
		b.WriteString(" onlink")
	}
	return b.String()
}

func routeKind(kind byte) string {
	names := map[byte]string{
		unix.RTN_LOCAL: "local", unix.RTN_BROADCAST: "broadcast", unix.RTN_ANYCAST: "anycast", unix.RTN_MULTICAST: "multicast",
		unix.RTN_BLACKHOLE: "blackhole", unix.RTN_UNREACHABLE: "unreachable", unix.RTN_PROHIBIT: "prohibit", unix.RTN_THROW: "throw",
	}
	if name := names[kind]; name != "" {
		return name
	}
	return fmt.Sprintf("type %d", kind)
}

func routeTable(m *rtnl.Message) uint32 {
	if v := m.Get(unix.RTA_TABLE); len(v) >= 4 {
		return native.Uint32(v)
	}
	return uint32(m.Header[4])
}

// neighbourText says a neighbour as ip neighbour add would take it.
func neighbourText(m *rtnl.Message) string {
	ip, _ := netip.AddrFromSlice(m.Get(unix.NDA_DST))
	if m.Header[10]&unix.NTF_PROXY != 0 {
		return fmt.Sprintf("proxy %v", ip)
	}
	return fmt.Sprintf("%v lladdr %v", ip, net.HardwareAddr(m.Get(unix.NDA_LLADDR)))
}

// queueText says a queueing discipline and its place.
func queueText(m *rtnl.Message) string {
	kind := strings.TrimRight(string(m.Get(tcaKind)), "\x00")
	switch parent := native.Uint32(m.Header[12:]); parent {
	case tcRoot:
		return kind + " at the root"
	case tcIngress:
		return kind + " at the ingress"
	default:
		return fmt.Sprintf("%s at %x:%x", kind, parent>>16, parent&0xffff)
	}
}
