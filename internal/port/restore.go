package port

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/ethtool"
	"github.com/lanproof/lanproof/internal/rtnl"
)

// settleLimit is how long a port may take to negotiate its link, and the kernel to
// make its addresses usable.
const settleLimit = 20 * time.Second

// restore makes the port with this ifindex what it was. It is at home already. What
// cannot be restored is no error: the caller compares.
func (p *place) restore(was *State, index int) error {
	down := false
	if err := p.conn.SetLink(index, &rtnl.Change{Up: &down}); err != nil {
		return fmt.Errorf("take port %s down: %w", was.Name, err)
	}
	if err := p.rename(was, index); err != nil {
		return err
	}
	l, err := p.link.LinkByIndex(index)
	if err != nil {
		return fmt.Errorf("find port %s: %w", was.Name, err)
	}
	name := l.Attrs().Name
	errs := []error{p.restoreLink(was, l), p.restoreVFs(was, l)}
	first := p.restoreDriver(was, name) // some drivers take some settings only when they are up
	restoreSysctls(was, name)
	if was.Up() {
		up := true
		if err := p.conn.SetLink(index, &rtnl.Change{Up: &up}); err != nil {
			return fmt.Errorf("bring up port %s: %w", was.Name, err)
		}
		if first != nil {
			first = p.restoreDriver(was, name)
		}
		if err := p.awaitLink(was, index); err != nil {
			return err
		}
		const mtu = "ipv6/conf/mtu" // coming up sets it to the port's
		if now, ok := sysctl("ipv6/conf/" + name + "/mtu"); ok && was.Sysctls[mtu] != "" && now != was.Sysctls[mtu] {
			setSysctl(mtu, name, was.Sysctls[mtu])
		}
	}
	errs = append(errs, first, p.restoreAddresses(was, index), p.restoreNeighbours(was, index), p.restoreRoutes(was, index), p.restoreQueues(was, index))
	return errors.Join(errs...)
}

// rename gives the port its names back. A name that another device has by now stays
// with that one, and is a difference.
func (p *place) rename(was *State, index int) error {
	now, err := p.conn.Link(index)
	if err != nil {
		return fmt.Errorf("find port %s: %w", was.Name, err)
	}
	if now.Name == was.Name {
		return nil
	}
	if err := p.conn.SetLink(index, &rtnl.Change{Name: was.Name}); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("call port %s by its name again: %w", was.Name, err)
	}
	return nil
}

// restoreLink restores what a link message sets, while the port is down: not all
// drivers take an address later.
func (p *place) restoreLink(was *State, l netlink.Link) error {
	a := l.Attrs()
	ch := &rtnl.Change{MTU: was.MTU, Instead: []rtnl.Attr{
		rtnl.U32(unix.IFLA_TXQLEN, uint32(was.TxQueueLen)),
		rtnl.U32(unix.IFLA_GROUP, was.Group),
		{Type: unix.IFLA_IFALIAS, Value: []byte(was.Alias)},
	}}
	if was.MAC != a.HardwareAddr.String() {
		ch.MAC = hardware(was.MAC)
	}
	if was.Alias == "" {
		ch.Instead[2].Value = []byte{} // takes it away; none at all would leave it
	}
	errs := []error{p.conn.SetLink(a.Index, ch)}
	for _, f := range flags()[1:] {
		errs = append(errs, p.conn.SetFlag(a.Index, f.bit, slices.Contains(was.Flags, f.name)))
	}
	for _, name := range was.AltNames {
		if !slices.Contains(a.AltNames, name) {
			errs = append(errs, p.link.LinkAddAltName(l, name))
		}
	}
	for _, name := range a.AltNames {
		if !slices.Contains(was.AltNames, name) {
			errs = append(errs, p.link.LinkDelAltName(l, name))
		}
	}
	now, err := p.conn.Filter(a.Index)
	for _, mac := range was.Filter {
		if !slices.ContainsFunc(now, func(have net.HardwareAddr) bool { return have.String() == mac }) {
			errs = append(errs, p.conn.SetFilter(a.Index, hardware(mac), true))
		}
	}
	if err := errors.Join(append(errs, err)...); err != nil {
		return fmt.Errorf("restore port %s: %w", was.Name, err)
	}
	return nil
}

// restoreVFs restores the virtual functions that are there.
func (p *place) restoreVFs(was *State, l netlink.Link) error {
	now := &State{}
	if err := p.identity(now, l); err != nil {
		return err
	}
	var errs []error
	for i := range min(len(was.VFs), len(now.VFs)) {
		a, b := was.VFs[i], now.VFs[i]
		if a == b {
			continue
		}
		try := func(differs bool, set func() error) {
			if differs {
				errs = append(errs, set())
			}
		}
		try(a.MAC != b.MAC, func() error { return p.link.LinkSetVfHardwareAddr(l, a.ID, hardware(a.MAC)) })
		try(a.VLAN != b.VLAN || a.QoS != b.QoS, func() error { return p.link.LinkSetVfVlanQos(l, a.ID, a.VLAN, a.QoS) })
		try(a.SpoofChk != b.SpoofChk, func() error { return p.link.LinkSetVfSpoofchk(l, a.ID, a.SpoofChk) })
		try(a.Trust != b.Trust, func() error { return p.link.LinkSetVfTrust(l, a.ID, a.Trust) })
		try(a.LinkState != b.LinkState, func() error { return p.link.LinkSetVfState(l, a.ID, a.LinkState) })
		try(a.MinRate != b.MinRate || a.MaxRate != b.MaxRate, func() error { return p.link.LinkSetVfRate(l, a.ID, int(a.MinRate), int(a.MaxRate)) })
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("restore the virtual functions of port %s: %w", was.Name, err)
	}
	return nil
}

// restoreDriver restores what the driver has been set to, as far as it differs.
func (p *place) restoreDriver(was *State, name string) error {
	var errs []error
	now := &State{Name: name}
	p.driver(now)
	if change := changed(was.PrivateFlags, now.PrivateFlags); len(change) > 0 {
		errs = append(errs, p.eth.SetPrivateFlags(name, change))
	}
	for _, g := range ethtool.Groups() {
		if change := changed(was.Settings[g], now.Settings[g]); len(change) > 0 {
			errs = append(errs, p.eth.SetSettings(name, g, change))
		}
	}
	change := map[string]bool{}
	for name, f := range was.Features {
		if now, ok := now.Features[name]; ok && !now.Fixed && now.Wanted != f.Wanted {
			change[name] = f.Wanted
		}
	}
	if len(change) > 0 {
		errs = append(errs, p.eth.SetFeatures(name, change))
	}
	return errors.Join(errs...)
}

// changed returns what was another value, of what is still there.
func changed[V comparable](was, now map[string]V) map[string]V {
	all := map[string]V{}
	for key, v := range was {
		if have, ok := now[key]; ok && have != v {
			all[key] = v
		}
	}
	return all
}

// restoreSysctls restores the port's settings, and looks once more where it had to,
// since some change others along with them. What does not come back is a difference.
func restoreSysctls(was *State, name string) {
	for range 2 {
		change := changed(was.Sysctls, sysctls(name))
		for key, v := range change {
			setSysctl(key, name, v)
		}
		if len(change) == 0 {
			return
		}
	}
}

func setSysctl(key, name, value string) {
	dir, file := filepath.Split(key)
	_ = os.WriteFile(filepath.Join(sysctlRoot, dir, name, file), []byte(value), 0)
}
