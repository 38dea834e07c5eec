package qualify

import (
	"fmt"
	"maps"
	"slices"

	"github.com/lanproof/lanproof/internal/ethtool"
	"github.com/lanproof/lanproof/qualify/record"
)

// claims is what a port says that it can switch on and off.
func claims() []Requirement {
	return []Requirement{{
		ID: "feature-switches", Title: "Features can be switched, and frames go on", Profile: record.Full,
		Expected:  "each feature that is not fixed can be switched and back, frames pass meanwhile, and in the end all features are as before; a fixed one stays as it is",
		Source:    "net/core/dev.c:__netdev_update_features; Documentation/networking/netdev-features.rst",
		Reproduce: "ethtool -k DUT\nethtool -K DUT rx off  # and the others, one by one",
		Measure:   switchFeatures,
	}}
}

// switchable are features whose effect frames must not show, by the kernel's names.
var switchable = [...]string{
	"rx-checksum", "tx-checksum-ip-generic", "tx-checksum-ipv4", "tx-scatter-gather", "tx-tcp-segmentation",
	"rx-gro", "rx-hashing", "rx-vlan-hw-parse", "tx-vlan-hw-insert",
}

func switchFeatures(m *Measurement) error {
	before, err := m.DUT.features()
	if err != nil {
		return err
	}
	// What is left on by one that needs another is put back with all the rest.
	m.Finally(func() error { return m.DUT.setFeatures(wanted(before)) })
	switched := 0
	for _, name := range switchable {
		f, has := before[name]
		if !has {
			continue
		}
		if err := m.switchOne(name, f); err != nil {
			return err
		}
		if !f.Fixed {
			switched++
		}
	}
	if len(m.Result.Facts)+len(m.Result.Trials) == 0 {
		return unsupported("ethtool -k tells of none of %q", switchable)
	}
	after, err := m.DUT.features()
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if after[name].On != before[name].On {
			m.Fact(name+" when all is switched back", word(before[name].On), word(after[name].On))
		}
	}
	m.Observed("%d of %d features could be switched, of %d that the port tells of", switched, len(switchable), len(before))
	return nil
}

// switchOne switches a feature and back, and sees frames pass both ways.
func (m *Measurement) switchOne(name string, was ethtool.Feature) error {
	err := m.DUT.setFeatures(map[string]bool{name: !was.On})
	now, readErr := m.DUT.features()
	if readErr != nil {
		return readErr
	}
	if was.Fixed {
		m.Fact(name+", which is fixed, when asked to be "+word(!was.On), was.String(), now[name].String())
		return nil
	}
	if err != nil {
		return fmt.Errorf("switch %s: %w", name, err)
	}
	m.Result.Features = append(m.Result.Features, record.Feature{
		Name: name, Says: was.String(), Observed: "asked to be " + word(!was.On) + ", it is " + word(now[name].On), Agrees: now[name].On != was.On,
	})
	if err := m.DUT.awaitCarrier(m.ctx); err != nil {
		return err
	}
	when := name + " " + word(now[name].On)
	_, err = m.Try(
		m.ask(when+": to the port", m.DUT.MAC, m.DUT.Device, record.All),
		Ask{Name: when + ": from the port", Shot: Shot{From: m.DUT.Device, Dest: m.Peer.MAC}, At: m.Peer.Device, Want: record.All},
	)
	if err != nil {
		return err
	}
	if err := m.DUT.setFeatures(map[string]bool{name: was.On}); err != nil {
		return err
	}
	return m.DUT.awaitCarrier(m.ctx)
}

// features are what the device says that it can do.
func (d *Device) features() (map[string]ethtool.Feature, error) {
	return d.Room.Tool.Features(d.Link)
}

func (d *Device) setFeatures(change map[string]bool) error {
	return d.Room.Tool.SetFeatures(d.Link, change)
}

// wanted are the features that can be changed, as they were asked for.
func wanted(all map[string]ethtool.Feature) map[string]bool {
	w := map[string]bool{}
	for name, f := range all {
		if !f.Fixed {
			w[name] = f.Wanted
		}
	}
	return w
}
