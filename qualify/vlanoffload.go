package qualify

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/capture/frames"
	"github.com/lanproof/lanproof/internal/ethtool"
	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/qualify/record"
)

// Names of features (net/ethtool/common.c:netdev_features_strings).
const (
	featureStrip  = "rx-vlan-hw-parse"
	featureInsert = "tx-vlan-hw-insert"
)

// vlanOffload is who puts tags in and takes them out: the card or the kernel.
func vlanOffload() []Requirement {
	return []Requirement{{
		ID: "vlan-offload", Title: "Tags put in and taken out by the card", Profile: record.Core,
		Expected:  "whether the card or the kernel puts a tag in or takes it out, the VLAN gets its frames, and VID, priority and drop eligibility are those that were sent",
		Source:    "IEEE 802.1Q-2022 9.6; net/8021q/vlan_core.c:vlan_do_receive; net/core/dev.c:validate_xmit_vlan",
		Reproduce: "ethtool -K DUT rxvlan on|off txvlan on|off\nip link add link DUT name child type vlan id 10 egress-qos-map 0:5\ntcpdump -e -i DUT vlan",
		Measure:   measureVLANOffload,
	}}
}

func measureVLANOffload(m *Measurement) error {
	features, err := m.DUT.Room.Tool.Features(m.DUT.Link)
	if err != nil {
		return err
	}
	for _, name := range []string{featureStrip, featureInsert} {
		m.Measured(name, "%s", features[name])
	}
	d, p, err := m.priorityVLANs(10, 5)
	if err != nil {
		return err
	}
	tried := map[[2]bool]bool{}
	for _, state := range combinations(featureStrip, featureInsert) {
		got, err := m.setFeatures(state)
		if err != nil {
			return err
		}
		// Drivers couple them: what comes of it may have been tried.
		is := [2]bool{got[featureStrip].On, got[featureInsert].On}
		if tried[is] {
			continue
		}
		tried[is] = true
		if err := m.tryTags(fmt.Sprintf("strip %s, insert %s", word(is[0]), word(is[1])), d, p); err != nil {
			return err
		}
	}
	m.Measured("combinations of the card's features", "%d", len(tried))
	m.tally(m.Result.Trials)
	return nil
}

// priorityVLANs puts a vlan on each port that gives its frames a priority.
func (m *Measurement) priorityVLANs(vid, pcp int) (dut, peer *Device, err error) {
	both := make([]*Device, 2)
	for i, s := range []*Side{m.DUT, m.Peer} {
		data := rtnl.VLANData{ID: &vid, Egress: map[int]int{0: pcp}}
		if both[i], err = m.Child(s.Device, s.Room, &rtnl.Link{Kind: "vlan", Data: data.Attrs()}); err != nil {
			return nil, nil, err
		}
		both[i].Tags = append(slices.Clone(s.Tags), frames.Tag{TPID: frames.TPID8021Q, VID: uint16(vid), PCP: uint8(pcp)})
	}
	return both[0], both[1], nil
}

// tryTags sends tagged frames both ways, and looks at their tags on the port and at
// what the VLANs get.
func (m *Measurement) tryTags(state string, d, p *Device) error {
	tag := d.Tags[len(d.Tags)-1]
	eligible := tag
	eligible.DEI = true
	in := func(name string, tag frames.Tag, at *Device, tagged string) Ask {
		return Ask{
			Name: state + ": " + name, Shot: Shot{From: m.Peer.Device, Dest: d.MAC, Tags: []frames.Tag{tag}},
			At: at, Want: record.All, Tagged: tagged,
		}
	}
	_, err := m.Try(
		in("in, at the port", tag, m.DUT.Device, tag.String()),
		in("in, drop eligible, at the port", eligible, m.DUT.Device, eligible.String()),
		in("in, at the VLAN", tag, d, record.Untagged),
		Ask{Name: state + ": out, on the wire", Shot: Shot{From: d, Dest: p.MAC}, At: m.Peer.Device, Want: record.All, Tagged: tag.String()},
		Ask{Name: state + ": out, at the peer's VLAN", Shot: Shot{From: d, Dest: p.MAC}, At: p, Want: record.All, Tagged: record.Untagged},
	)
	return err
}

// combinations are all of some features, all of them on first.
func combinations(names ...string) []map[string]bool {
	states := []map[string]bool{{}}
	for _, name := range names {
		var more []map[string]bool
		for _, on := range []bool{true, false} {
			for _, st := range states {
				next := map[string]bool{name: on}
				for k, v := range st {
					next[k] = v
				}
				more = append(more, next)
			}
		}
		states = more
	}
	return states
}

// setFeatures asks the port for features, as far as it lets them be changed, until
// the requirement has been measured, and returns what has come of it.
func (m *Measurement) setFeatures(want map[string]bool) (map[string]ethtool.Feature, error) {
	tool, link := m.DUT.Room.Tool, m.DUT.Link
	was, err := tool.Features(link)
	if err != nil {
		return nil, err
	}
	change, back := map[string]bool{}, map[string]bool{}
	for name, on := range want {
		if f, ok := was[name]; ok && !f.Fixed && f.On != on {
			change[name], back[name] = on, f.Wanted
		}
	}
	if len(change) == 0 {
		return was, nil
	}
	m.Finally(func() error { return tool.SetFeatures(link, back) })
	// A driver may refuse one without the other; what came of it is asked for below.
	if err := tool.SetFeatures(link, change); err != nil && !isAny(err, unix.EINVAL, unix.EOPNOTSUPP) {
		return nil, err
	}
	now, err := tool.Features(link)
	// Some drivers reset the card for it.
	return now, errors.Join(err, m.DUT.awaitCarrier(m.ctx))
}
