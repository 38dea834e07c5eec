// Package port lends out real ports: it writes down everything about one, moves it
// into another namespace, and brings it back as it was.
//
// A port that changes its namespace loses its addresses, routes, neighbours,
// settings under /proc/sys and queueing disciplines (net/core/dev.c:
// __dev_change_net_namespace); what is set on it while it is away stays. A journal
// on the disk, written before the first change, lets [Recover] bring back the port
// of a process that was killed: the kernel puts it back among the machine's devices,
// but down and bare (net/core/dev.c:default_device_exit_net).
//
// What no program can bring back: filters of tc, multicast groups that sockets had
// joined, XDP programs, temporary addresses of IPv6, and what routers advertise,
// which the kernel learns again by itself. Where a driver is loaded anew, also the
// password of wake-on-LAN, rules that steer flows, and further contexts of RSS; where
// virtual functions had to be made again, whatever was done with their ports.
package port

import (
	"fmt"
	"time"

	"github.com/lanproof/lanproof/internal/ethtool"
)

// State is everything about a port that a loan must not change, and who it is.
type State struct {
	Taken time.Time `json:"taken"`
	Name  string    `json:"name"`
	Index int       `json:"ifindex"`
	// Kind is the kernel's name of a virtual device, empty for a physical one.
	Kind         string   `json:"kind,omitempty"`
	Alias        string   `json:"alias,omitempty"`
	AltNames     []string `json:"altnames,omitempty"`
	MAC          string   `json:"mac"`
	PermanentMAC string   `json:"permanent_mac,omitempty"`
	MTU          int      `json:"mtu"`
	MinMTU       int      `json:"min_mtu,omitempty"`
	MaxMTU       int      `json:"max_mtu,omitempty"`
	TxQueueLen   int      `json:"txqlen"`
	Group        uint32   `json:"group,omitempty"`
	Master       string   `json:"master,omitempty"`
	// Flags are those that users set: up, promisc, allmulti, noarp, multicast,
	// dynamic, debug.
	Flags   []string `json:"flags"`
	Carrier bool     `json:"carrier"`

	Addresses  []Entry `json:"addresses,omitempty"`
	Routes     []Entry `json:"routes,omitempty"`     // of all tables
	Neighbours []Entry `json:"neighbours,omitempty"` // permanent ones and proxies
	Queues     []Entry `json:"queues,omitempty"`     // queueing disciplines that users have set
	// Filter are unicast addresses that it was told to receive beside its own.
	Filter []string `json:"filter,omitempty"`
	// Sysctls are the port's own, such as ipv4/conf/rp_filter.
	Sysctls map[string]string `json:"sysctls,omitempty"`

	Driver ethtool.Driver `json:"driver"`
	// Device is what its driver drives, nil of a virtual port.
	Device *Device `json:"device,omitempty"`
	// AloneOnBus is true of a physical port that shares its place on its bus with no
	// other port, as those of some cards do.
	AloneOnBus bool `json:"alone_on_bus,omitempty"`
	// PCI holds vendor, device, subsystem vendor and subsystem device, as
	// vvvv:dddd:ssss:tttt.
	PCI      string                     `json:"pci,omitempty"`
	Link     ethtool.Link               `json:"link"`
	Features map[string]ethtool.Feature `json:"features,omitempty"`
	// Settings are groups that the driver has; rings, channels, coalescing, pause, and
	// for what it wakes the machine.
	Settings     map[ethtool.Group]map[string]uint32 `json:"settings,omitempty"`
	PrivateFlags map[string]bool                     `json:"private_flags,omitempty"`
	// Spread is how it spreads what it receives over its queues, nil where it does not say.
	Spread *ethtool.Spread `json:"spread,omitempty"`
	// MaxVFs is how many virtual functions it can have, 0 without SR-IOV, and NumVFs
	// how many it has; VFs is what its driver tells of them.
	MaxVFs int  `json:"max_vfs,omitempty"`
	NumVFs int  `json:"num_vfs,omitempty"`
	VFs    []VF `json:"vfs,omitempty"`
}

// VF is a virtual function of a port with SR-IOV.
type VF struct {
	ID        int    `json:"id"`
	MAC       string `json:"mac"`
	VLAN      int    `json:"vlan,omitempty"`
	QoS       int    `json:"qos,omitempty"`
	SpoofChk  bool   `json:"spoofchk,omitempty"`
	Trust     bool   `json:"trust,omitempty"`
	LinkState uint32 `json:"link_state,omitempty"`
	MinRate   uint32 `json:"min_rate,omitempty"` // Mbit/s
	MaxRate   uint32 `json:"max_rate,omitempty"` // Mbit/s
}

// Entry is an address, route, neighbour or queueing discipline as the kernel told
// it. The message leaves out what belongs to the moment, and names the port by 0.
type Entry struct {
	Text    string `json:"text"` // as ip would say it
	Message []byte `json:"message"`
	// Preferred and Valid are an address's lifetimes in seconds, 0 for ever.
	Preferred uint32 `json:"preferred,omitempty"`
	Valid     uint32 `json:"valid,omitempty"`
}

// FeatureWords returns the features as ethtool -k says them: on or off, with
// " [fixed]" where it cannot be changed.
func (s *State) FeatureWords() map[string]string {
	all := map[string]string{}
	for name, f := range s.Features {
		all[name] = f.String()
	}
	return all
}

// SettingWords returns rings, channels, coalescing, pause, wake-on-LAN and private flags by names
// such as "ring rx" and "flag legacy-rx".
func (s *State) SettingWords() map[string]string {
	all := map[string]string{}
	for group, settings := range s.Settings {
		for name, v := range settings {
			all[string(group)+" "+name] = fmt.Sprint(v)
		}
	}
	for name, on := range s.PrivateFlags {
		all["flag "+name] = onOff(on)
	}
	return all
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
