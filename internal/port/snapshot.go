package port

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/ethtool"
)

// Snapshot returns the state of a port of the calling thread's namespace. What its
// driver does not offer is absent. The error wraps ENODEV when there is no such port.
func Snapshot(name string) (*State, error) {
	var s *State
	err := onThisThread(func(p *place) (err error) {
		s, err = p.snapshot(name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// find returns a device by one of its names.
func (p *place) find(name string) (netlink.Link, error) {
	l, err := p.link.LinkByName(name)
	var none netlink.LinkNotFoundError
	if errors.As(err, &none) {
		err = unix.ENODEV
	}
	if err != nil {
		return nil, fmt.Errorf("find port %s: %w", name, err)
	}
	return l, nil
}

func (p *place) snapshot(name string) (*State, error) {
	l, err := p.find(name)
	if err != nil {
		return nil, err
	}
	s := &State{Taken: time.Now()}
	for _, part := range []func(*State, netlink.Link) error{p.identity, p.addresses, p.routes, p.neighbours, p.queues, p.filter} {
		if err := part(s, l); err != nil {
			return nil, fmt.Errorf("write down port %s: %w", name, err)
		}
	}
	s.Sysctls = sysctls(s.Name)
	p.driver(s)
	s.AloneOnBus = p.alone(s)
	return s, nil
}

// identity fills in what a link message says.
func (p *place) identity(s *State, l netlink.Link) error {
	a := l.Attrs()
	k, err := p.conn.Link(a.Index)
	if err != nil {
		return err
	}
	s.Name, s.Index, s.Kind, s.Alias, s.AltNames = a.Name, a.Index, k.Kind, a.Alias, a.AltNames
	slices.Sort(s.AltNames)
	s.MAC, s.MTU, s.MinMTU, s.MaxMTU, s.TxQueueLen, s.Group = k.MAC.String(), k.MTU, k.MinMTU, k.MaxMTU, k.TxQueueLen, a.Group
	if slices.ContainsFunc(a.PermHWAddr, func(b byte) bool { return b != 0 }) {
		s.PermanentMAC = a.PermHWAddr.String()
	}
	s.Carrier, s.Device = k.Carrier, deviceOf(a)
	for _, f := range flags() {
		if k.Flags&f.bit != 0 {
			s.Flags = append(s.Flags, f.name)
		}
	}
	if k.Master != 0 {
		s.Master = fmt.Sprint(k.Master)
		if m, err := p.conn.Link(k.Master); err == nil {
			s.Master = m.Name
		}
	}
	for _, v := range a.Vfs {
		s.VFs = append(s.VFs, VF{
			ID: v.ID, MAC: v.Mac.String(), VLAN: v.Vlan, QoS: v.Qos, SpoofChk: v.Spoofchk, Trust: v.Trust == 1,
			LinkState: v.LinkState, MinRate: v.MinTxRate, MaxRate: v.MaxTxRate,
		})
	}
	return nil
}

// flag is one of a device's flags that users set.
type flag struct {
	name string
	bit  uint32
}

func flags() []flag {
	return []flag{
		{"up", unix.IFF_UP},
		{"promisc", unix.IFF_PROMISC},
		{"allmulti", unix.IFF_ALLMULTI},
		{"noarp", unix.IFF_NOARP},
		{"multicast", unix.IFF_MULTICAST},
		{"dynamic", unix.IFF_DYNAMIC},
		{"debug", unix.IFF_DEBUG},
	}
}

// Up reports whether the port was up.
func (s *State) Up() bool { return slices.Contains(s.Flags, "up") }

// filter fills in the unicast addresses that the port was told to receive.
func (p *place) filter(s *State, l netlink.Link) error {
	all, err := p.conn.Filter(l.Attrs().Index)
	if err != nil {
		return err
	}
	for _, mac := range all {
		if text := mac.String(); mac[0]&1 == 0 && text != s.MAC {
			s.Filter = append(s.Filter, text)
		}
	}
	slices.Sort(s.Filter)
	s.Filter = slices.Compact(s.Filter)
	return nil
}

// sysctlRoot is where the settings of the calling thread's namespace are.
const sysctlRoot = "/proc/sys/net/"

// sysctls returns a port's own settings. Those that cannot be read have no value
// (stable_secret, before it is set).
func sysctls(name string) map[string]string {
	all := map[string]string{}
	for _, dir := range []string{"ipv4/conf", "ipv6/conf", "ipv4/neigh", "ipv6/neigh"} {
		d, err := os.Open(filepath.Join(sysctlRoot, dir, name))
		if err != nil {
			continue // a kernel without IPv6, or a port without a stack on it
		}
		files, _ := d.Readdirnames(0)
		_ = d.Close()
		for _, file := range files {
			if value, ok := sysctl(dir + "/" + name + "/" + file); ok {
				all[dir+"/"+file] = value
			}
		}
	}
	return all
}

// sysctl reads one setting. There are some 170 of a port, and an os.File would take
// each to the poller first, in vain.
func sysctl(path string) (string, bool) {
	fd, err := unix.Open(sysctlRoot+path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", false
	}
	defer unix.Close(fd)
	var b [256]byte
	n, err := unix.Read(fd, b[:])
	return strings.TrimSpace(string(b[:max(n, 0)])), err == nil
}

// driver fills in what the driver offers; what it does not is left out.
func (p *place) driver(s *State) {
	if d, err := p.eth.Driver(s.Name); err == nil {
		s.Driver = d
	}
	if l, err := p.eth.Link(s.Name); err == nil {
		s.Link = l
	}
	if f, err := p.eth.Features(s.Name); err == nil {
		s.Features = f
	}
	for _, g := range ethtool.Groups() {
		if settings, err := p.eth.Settings(s.Name, g); err == nil {
			if s.Settings == nil {
				s.Settings = map[ethtool.Group]map[string]uint32{}
			}
			s.Settings[g] = settings
		}
	}
	if spread, err := p.eth.Spread(s.Name); err == nil {
		s.Spread = spread
	}
	if f, err := p.eth.PrivateFlags(s.Name); err == nil && len(f) > 0 {
		s.PrivateFlags = f
	}
	s.PCI = pciIDs(s.Driver.Bus)
	s.NumVFs, s.MaxVFs = Functions(s.Driver.Bus)
}

// alone reports whether a physical port has its place on its bus for itself.
func (p *place) alone(s *State) bool {
	if s.Kind != "" || s.Driver.Bus == "" {
		return false
	}
	all, err := p.link.LinkList()
	n := 0
	for _, l := range all {
		if p.onBus(l, s.Driver.Bus) {
			n++
		}
	}
	return err == nil && n == 1
}

// pciFile returns what a file of a PCI device says, and nothing where there is none.
func pciFile(bus, name string) string {
	if bus == "" || bus != filepath.Base(bus) {
		return ""
	}
	b, err := os.ReadFile(filepath.Join("/sys/bus/pci/devices", bus, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// pciIDs returns who made a PCI device: vendor:device:subvendor:subdevice.
func pciIDs(bus string) string {
	var ids []string
	for _, name := range []string{"vendor", "device", "subsystem_vendor", "subsystem_device"} {
		id := strings.TrimPrefix(pciFile(bus, name), "0x")
		if id == "" {
			return ""
		}
		ids = append(ids, id)
	}
	return strings.Join(ids, ":")
}

// hardware reads an address as State has it; nil when it is none.
func hardware(mac string) net.HardwareAddr {
	hw, err := net.ParseMAC(mac)
	if err != nil {
		return nil
	}
	return hw
}

// Resolve returns the name of a port of the calling thread's namespace that is said
// by one of its names, its permanent MAC address (of a device without one, the one
// that it has), or its address on its bus. The error wraps ENODEV when there is none.
func Resolve(where string) (name string, err error) {
	err = onThisThread(func(p *place) error {
		if l, err := p.find(where); err == nil {
			name = l.Attrs().Name
			return nil
		}
		all, err := p.link.LinkList()
		if err != nil {
			return fmt.Errorf("look for port %s: %w", where, err)
		}
		for _, l := range all {
			if a := l.Attrs(); a.ParentIndex == 0 && p.said(l, where) {
				name = a.Name
				return nil
			}
		}
		// The other end of a veth is its parent.
		for _, l := range all {
			if p.said(l, where) {
				name = l.Attrs().Name
				return nil
			}
		}
		return fmt.Errorf("find port %s: %w", where, unix.ENODEV)
	})
	return name, err
}

// said reports whether a device has that address.
func (p *place) said(l netlink.Link, where string) bool {
	a := l.Attrs()
	mac := a.PermHWAddr
	if len(mac) == 0 {
		mac = a.HardwareAddr
	}
	if hw := hardware(where); hw != nil {
		return mac.String() == hw.String()
	}
	d, err := p.eth.Driver(a.Name)
	return err == nil && d.Bus != "" && d.Bus == where
}
