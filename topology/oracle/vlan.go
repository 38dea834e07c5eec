package oracle

import (
	"slices"

	"github.com/lanproof/lanproof/topology"
)

// The rules of VLAN devices.
var (
	ruleTag        = Rule{ID: "vlan-tag", When: "a VLAN device sends", Then: "its parent sends the frame with the device's tag outside of all others", Source: "net/8021q/vlan_dev.c:vlan_dev_hard_start_xmit; IEEE 802.1Q-2022 6.9.2", Claim: "docker-trunk-tagged"}
	ruleKeepsTag   = Rule{ID: "vlan-keeps-tag", When: "a VLAN device without reorder_hdr sends a frame that has a tag of its protocol already", Then: "its parent sends it as it is, whatever VLAN the tag names", Source: "net/8021q/vlan_dev.c:vlan_dev_hard_start_xmit"}
	ruleUntag      = Rule{ID: "vlan-untag", When: "a frame's outer tag has the protocol and the VLAN of a device on the parent", Then: "that device receives it without the tag, and nobody else does", Source: "net/8021q/vlan_core.c:vlan_do_receive", Claim: "ieee-8021q-vlan-isolation"}
	ruleVLANDown   = Rule{ID: "vlan-down", When: "that device is down", Then: "the frame is gone", Source: "net/8021q/vlan_core.c:vlan_do_receive"}
	rulePriority   = Rule{ID: "vlan-priority", When: "the outer tag names VLAN 0, which no device has", Then: "the tag only tells a priority: the frame is taken as if it had none", Source: "net/core/dev.c:__netif_receive_skb_core; IEEE 802.1Q-2022 table 9-2", Claim: "ieee-8021q-priority-tag"}
	ruleForeignVID = Rule{ID: "vlan-foreign", When: "the outer tag names a VLAN that no device has", Then: "taps and children of the parent may see it, the stack does not take it", Source: "net/core/dev.c:__netif_receive_skb_core", Claim: "ieee-8021q-vlan-isolation"}
)

// reorders reports whether a VLAN device keeps tags out of sight (the default).
func (d *device) reorders() bool { return d.ReorderHdr == nil || *d.ReorderHdr }

// vlanSends has the parent send with the tag.
func (w *walk) vlanSends(d *device, p packet) {
	tpid := d.TPID()
	if !d.reorders() && len(p.Tags) > 0 && p.Tags[0].TPID == tpid {
		w.note(d, ruleKeepsTag)
		w.transmit(d.parent, p)
		return
	}
	w.note(d, ruleTag)
	p.Tags = slices.Concat([]Tag{{TPID: tpid, VID: d.VID, PCP: d.EgressQoS[0]}}, p.Tags)
	w.transmit(d.parent, p)
}

// header are the tags that the stack writes into what it sends by a device, before
// any tap sees it (net/8021q/vlan_dev.c:vlan_dev_hard_header; until 6.1.190 and
// 6.12.110 only on parents that do not put tags in themselves).
func (d *device) header() (tags []Tag) {
	if d.Kind != topology.KindVLAN {
		return nil
	}
	tags = d.parent.header()
	if !d.reorders() {
		tags = append(tags, Tag{TPID: d.TPID(), VID: d.VID, PCP: d.EgressQoS[0]})
	}
	return tags
}

// demux gives a tagged frame to the VLAN device that it is for, and reports
// whether there is one.
func (w *walk) demux(d *device, p packet) bool {
	if len(p.Tags) == 0 {
		return false
	}
	tag := p.Tags[0]
	i := slices.IndexFunc(d.vlans, func(v *device) bool { return v.TPID() == tag.TPID && v.VID == tag.VID })
	if i < 0 {
		return false
	}
	v := d.vlans[i]
	if !v.Up {
		w.note(v, ruleVLANDown)
		return true
	}
	w.note(v, ruleUntag)
	p.Tags = p.Tags[1:]
	if p.typ == ToOther && p.Dest == v.mac {
		p.typ = ToHost
	}
	// Without reorder_hdr taps see the tag, right behind the addresses; one that was
	// inside of it is told beside the frame by then, as an outer one is
	// (net/8021q/vlan_core.c:vlan_insert_inner_tag, net/core/skbuff.c:skb_vlan_untag).
	p.shown = nil
	if !v.reorders() && len(v.macvlans) == 0 && v.master == nil {
		p.shown = &tag
	}
	w.receive(v, p)
	return true
}
