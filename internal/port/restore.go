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
	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/rtnl"
)

// settleLimit is how long a port may take to negotiate its link, and the kernel to
// make its addresses usable.
const settleLimit = 20 * time.Second

// returned is a port that is at home and is to become what it was.
type returned struct {
	was   *State
	home  *netns.NS
	index int
	loan  *Loan
	// refused is what the kernel or the driver would not set. It is told where there
	// is a difference.
	refused error
}

// begin restores all that can be restored before there is a carrier, and brings the
// port up if it was.
func (r *returned) begin() error { return at(r.home, r.prepare) }

// finish waits for the carrier, restores the rest, and says what is not as it was.
func (r *returned) finish() (differences []string, err error) {
	err = at(r.home, func(p *place) error {
		if err := r.complete(p); err != nil {
			return err
		}
		differences, err = r.compare(p)
		return err
	})
	return differences, err
}

func (r *returned) prepare(p *place) error {
	was, down, up := r.was, false, true
	if err := p.conn.SetLink(r.index, &rtnl.Change{Up: &down}); err != nil {
		return fmt.Errorf("take it down: %w", err)
	}
	if err := p.rename(was, r.index); err != nil {
		return err
	}
	l, err := p.link.LinkByIndex(r.index)
	if err != nil {
		return fmt.Errorf("look for it: %w", err)
	}
	name := l.Attrs().Name
	r.refused = errors.Join(p.restoreLink(was, l), p.restoreVFs(was, l))
	settings := p.restoreDriver(was, name) // some drivers take some of them only when they are up
	restoreSysctls(was, name)
	if was.Up() {
		if err := p.conn.SetLink(r.index, &rtnl.Change{Up: &up}); err != nil {
			return fmt.Errorf("bring it up: %w", err)
		}
		if settings != nil {
			settings = p.restoreDriver(was, name)
		}
	}
	r.refused = errors.Join(r.refused, settings)
	return nil
}

func (r *returned) complete(p *place) error {
	was, index := r.was, r.index
	if err := p.awaitLink(was, index); err != nil {
		return err
	}
	s, err := p.conn.Link(index)
	if err != nil {
		return fmt.Errorf("look at port %s after its return: %w", was.Name, err)
	}
	const mtu = "ipv6/conf/mtu" // coming up sets it to the port's
	if now, ok := sysctl("ipv6/conf/" + s.Name + "/mtu"); ok && was.Sysctls[mtu] != "" && now != was.Sysctls[mtu] {
		setSysctl(mtu, s.Name, was.Sysctls[mtu])
	}
	r.refused = errors.Join(r.refused, p.restoreAddresses(was, index), p.restoreNeighbours(was, index), p.restoreRoutes(was, index), p.restoreQueues(was, index))
	return nil
}

// compare returns what differs, and what was refused.
func (r *returned) compare(p *place) ([]string, error) {
	s, err := p.conn.Link(r.index)
	if err != nil {
		return nil, fmt.Errorf("look at port %s after its return: %w", r.was.Name, err)
	}
	now, err := p.snapshot(s.Name)
	if err != nil {
		return nil, err
	}
	if _, err := p.conn.Link(r.was.Index); now.Index != r.was.Index && err == nil {
		now.Index = r.was.Index // another device has its number by now
	}
	differences := Differences(r.was, now)
	if len(differences) > 0 && r.refused != nil { // else it was not needed
		for line := range strings.Lines(r.refused.Error()) {
			differences = append(differences, "it was refused to "+strings.TrimSpace(line))
		}
	}
	return differences, nil
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

// restoreVFs takes away the virtual functions that were not there, makes those anew
// that were, and restores what they were set to.
func (p *place) restoreVFs(was *State, l netlink.Link) error {
	var errs []error
	if now, most := Functions(was.Driver.Bus); most > 0 && now != was.functions() {
		errs = append(errs, SetFunctions(was.Driver.Bus, was.functions()))
	}
	l, err := p.link.LinkByIndex(l.Attrs().Index)
	if err != nil {
		return fmt.Errorf("look at the virtual functions of port %s: %w", was.Name, err)
	}
	now := &State{}
	if err := p.identity(now, l); err != nil {
		return err
	}
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
	// Drivers make another table for another number of channels.
	if spread, err := p.eth.Spread(name); was.Spread != nil && err == nil && !was.Spread.Equal(spread) {
		errs = append(errs, p.eth.SetSpread(name, was.Spread))
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
