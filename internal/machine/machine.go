// Package machine looks at the devices of the machine that it runs on, and at where that
// machine is, without changing anything: what a file of networks does not say, and what
// decides whether they can work.
package machine

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/lanproof/lanproof/internal/rtnl"
)

// Device is one that networks could sit on.
type Device struct {
	Name string
	// Wireless is set of Wi-Fi devices, Physical of those that a card or a hypervisor
	// provides, which the kernel has not made by itself.
	Wireless, Physical bool
	// Addresses are the device's own, without link-local ones of IPv6.
	Addresses []netip.Prefix
	// Gateways are the next hops of default routes over it.
	Gateways []netip.Addr
	// MTU in bytes.
	MTU int
	// Master is the bridge or bond that the device is a port of; empty when it is none.
	Master string
}

// Machine is what there is.
type Machine struct {
	// Devices are all of the namespace that was looked at.
	Devices []Device
	// Cloud is the provider's name; empty on a machine that is in none that is known.
	Cloud string
}

// Look looks at the network namespace that the calling thread is in, and at the files
// under root, which is / when empty. The error says what could not be read.
func Look(root string) (*Machine, error) {
	c, err := rtnl.OpenHere()
	if err != nil {
		return nil, fmt.Errorf("look at this machine's devices: %w", err)
	}
	defer c.Close()
	m := &Machine{Cloud: cloud(root)}
	links, err := c.Links()
	if err != nil {
		return nil, fmt.Errorf("list this machine's devices: %w", err)
	}
	addresses, err := c.Addresses()
	if err != nil {
		return nil, fmt.Errorf("list this machine's addresses: %w", err)
	}
	routes, err := c.Routes()
	if err != nil {
		return nil, fmt.Errorf("list this machine's routes: %w", err)
	}
	names := map[int]string{}
	for _, l := range links {
		names[l.Index] = l.Name
	}
	for _, l := range links {
		d := Device{Name: l.Name, MTU: l.MTU, Master: names[l.Master], Wireless: wireless(root, l.Name), Physical: marked(root, l.Name, "device")}
		for _, a := range addresses {
			if a.Index == l.Index && !a.LinkLocal() {
				d.Addresses = append(d.Addresses, a.Prefix)
			}
		}
		for _, r := range routes {
			if r.Index == l.Index && r.To.IsValid() && r.To.Bits() == 0 && r.Via.IsValid() {
				d.Gateways = append(d.Gateways, r.Via)
			}
		}
		m.Devices = append(m.Devices, d)
	}
	return m, nil
}

// wireless reports whether a device is Wi-Fi: its driver is cfg80211's
// (net/wireless/core.c:cfg80211_netdev_notifier_call) or has the older extensions
// (net/core/net-sysfs.c:wireless_group).
func wireless(root, name string) bool {
	return marked(root, name, "phy80211") || marked(root, name, "wireless")
}

// marked reports whether sysfs has something of that name for a device.
func marked(root, name, mark string) bool {
	if strings.ContainsAny(name, "/\x00") || name == "." || name == ".." {
		return false
	}
	_, err := os.Lstat(filepath.Join("/", root, "sys/class/net", name, mark))
	return err == nil
}
