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
	macvlanModes  = []string{"private", "vepa", "bridge", "passthru", "source"}
	dockerModes   = []string{"bridge", "private", "vepa", "passthru", "source"}
	ipvlanModes   = []string{"l2", "l3", "l3s"}
	ipvlanFlags   = []string{"bridge", "private", "vepa"}
	vlanProtocols = []string{"802.1Q", "802.1ad"}
	dockers       = []string{"26", "27", "28", "29"}
)

// oneOf returns a sentence when value is none of allowed; empty is allowed.
func oneOf(what, value string, allowed []string) string {
	if value == "" || slices.Contains(allowed, value) {
		return ""
	}
	return fmt.Sprintf("unknown %s %q: it is one of %s", what, value, strings.Join(allowed, ", "))
}

// linkNameProblem says what is wrong with a device's name (net/core/dev.c:dev_valid_name).
func linkNameProblem(name string) string {
	switch {
	case name == "":
		return "a device needs a name"
	case len(name) > maxName:
		return fmt.Sprintf("device name %q is %d characters long: the kernel allows %d", name, len(name), maxName)
	case name == "." || name == ".." || strings.ContainsAny(name, "/: \t\n\v\f\r"):
		return fmt.Sprintf("device name %q: the kernel allows no slash, colon or white space in a name", name)
	case name == "lo":
		return `device name "lo" is the loopback's`
	}
	return ""
}

// parsePrefix reads an address with prefix length, as devices have it.
func parsePrefix(s string) (netip.Prefix, string) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		if a, err := netip.ParseAddr(s); err == nil {
			return p, fmt.Sprintf("address %q lacks its prefix length, as in %s/%d", s, a, map[bool]int{true: 24, false: 64}[a.Is4()])
		}
		return p, fmt.Sprintf("%q is not an address with prefix length, as in 172.16.86.2/24", s)
	}
	if p.Addr().Is4In6() {
		return p, fmt.Sprintf("%q is an IPv4 address in IPv6's clothes: write %s", s, p.Addr().Unmap())
	}
	return p, ""
}

// parseSubnet reads a prefix without host bits.
func parseSubnet(s string) (netip.Prefix, string) {
	p, problem := parsePrefix(s)
	if problem != "" {
		return p, fmt.Sprintf("invalid subnet %s: it is written like 172.16.86.0/24", quoteEmpty(s))
	}
	if p != p.Masked() {
		return p.Masked(), fmt.Sprintf("invalid subnet %s: it should be %s", s, p.Masked())
	}
	return p, ""
}

func quoteEmpty(s string) string {
	if s == "" {
		return `""`
	}
	return s
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
