package topology

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// The kinds of device.
const (
	KindVeth    = "veth"
	KindDummy   = "dummy"
	KindBridge  = "bridge"
	KindVLAN    = "vlan"
	KindMacvlan = "macvlan"
	KindIpvlan  = "ipvlan"
	KindNIC     = "nic"
)

// Kinds, modes and flags as they are written in scenario files.
var (
	kinds         = []string{KindVeth, KindDummy, KindBridge, KindVLAN, KindMacvlan, KindIpvlan, KindNIC}
	drivers       = []string{KindMacvlan, KindIpvlan, KindBridge}
	macvlanModes  = []string{"bridge", "private", "vepa", "passthru", "source"}
	ipvlanModes   = []string{"l2", "l3", "l3s"}
	ipvlanFlags   = []string{"bridge", "private", "vepa"}
	vlanProtocols = []string{"802.1Q", "802.1ad"}
)

// The numbers that the kernel and the standards set.
const (
	maxName = 15   // IFNAMSIZ - 1
	maxVID  = 4094 // IEEE 802.1Q table 9-2: 4095 is reserved
)

// oneOf returns a sentence when value is none of allowed; empty is allowed.
func oneOf(what, value string, allowed []string) string {
	if value == "" || slices.Contains(allowed, value) {
		return ""
	}
	return fmt.Sprintf("unknown %s %q: it is one of %s", what, value, strings.Join(allowed, ", "))
}

// linkName says what is wrong with a device's name, and whether it is the
// kernel that would say so (net/core/dev.c:dev_valid_name).
func linkName(name string) (problem string, kernel bool) {
	switch {
	case name == "":
		return "a device needs a name", false
	case strings.Contains(name, "%"):
		return fmt.Sprintf("device name %q: the kernel would put a number in the place of %%", name), false
	case len(name) > maxName:
		return fmt.Sprintf("device name %q is %d characters long: the kernel allows %d", name, len(name), maxName), true
	case name == "." || name == ".." || strings.ContainsAny(name, "/: \t\n\v\f\r"):
		return fmt.Sprintf("device name %q: the kernel allows no slash, colon or white space in a name, and neither . nor ..", name), true
	case name == "lo":
		return `device name "lo" is the loopback's`, true
	case name == "all" || name == "default":
		// net/ipv4/devinet.c:sysctl_dev_name_is_allowed
		return fmt.Sprintf("device name %q stands for all devices in sysctl: the kernel allows no device of that name", name), true
	}
	return "", false
}

// parsePrefix reads an address with prefix length, as devices have it.
func parsePrefix(s string) (netip.Prefix, string) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		if a, err := netip.ParseAddr(s); err == nil {
			return p, fmt.Sprintf("address %q lacks its prefix length, as in %s/%d", s, a, usualBits(a))
		}
		return p, fmt.Sprintf("%q is not an address with prefix length, as in 172.16.86.2/24", s)
	}
	if p.Addr().Is4In6() {
		return p, fmt.Sprintf("%q is an IPv4 address in IPv6's clothes: write %s", s, p.Addr().Unmap())
	}
	return p, ""
}

func usualBits(a netip.Addr) int {
	if a.Is4() {
		return 24
	}
	return 64
}

// parseSubnet reads a prefix without host bits.
func parseSubnet(s string) (netip.Prefix, string) {
	p, problem := parsePrefix(s)
	switch {
	case s == "":
		return p, "a subnet is missing: it is written like 172.16.86.0/24"
	case problem != "":
		return p, fmt.Sprintf("invalid subnet %s: it is written like 172.16.86.0/24", s)
	case p != p.Masked():
		return p, fmt.Sprintf("invalid subnet %s: it should be %s", s, p.Masked())
	}
	return p, ""
}

// cutSubnet reads a prefix and drops its host bits.
func cutSubnet(s string) (netip.Prefix, string) {
	p, problem := parsePrefix(s)
	if problem != "" {
		return parseSubnet(s)
	}
	return p.Masked(), ""
}

func parseAddr(s string) (netip.Addr, string) {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" || a.Is4In6() {
		return netip.Addr{}, fmt.Sprintf("%q is not an IP address", s)
	}
	return a, ""
}

func parseMAC(s string) (net.HardwareAddr, string) {
	m, err := net.ParseMAC(s)
	if err != nil || len(m) != 6 {
		return nil, fmt.Sprintf("%q is not a MAC address, as in 02:42:ac:10:56:02", s)
	}
	return m, ""
}

// unicast reports whether a device can have the address
// (include/linux/etherdevice.h:is_valid_ether_addr).
func unicast(m net.HardwareAddr) bool {
	return len(m) == 6 && m[0]&1 == 0 && !slices.Equal(m, make(net.HardwareAddr, 6))
}

// family is 4 or 6.
func family(a netip.Addr) int {
	if a.Is4() {
		return 4
	}
	return 6
}

// anyPrefix is the prefix of all addresses of the address's family.
func anyPrefix(a netip.Addr) netip.Prefix {
	if a.Is4() {
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
}

func orDefault(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

// plainFlag is an ipvlan's flag as a Device has it: empty for bridge, which is
// no flag at all to the kernel.
func plainFlag(flag string) string {
	if flag == "bridge" {
		return ""
	}
	return flag
}
