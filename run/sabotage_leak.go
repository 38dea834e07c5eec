package run

import (
	"slices"
	"strconv"

	"github.com/lanproof/lanproof/topology"
)

// inVLAN are the devices whose frames are in a VLAN on the switch.
func (sc *scene) inVLAN() map[int][]topology.Ref {
	in := map[int][]topology.Ref{}
	for _, d := range sc.lan.Devices {
		below := sc.lan.Device(d.Parent)
		if isA(d, topology.KindVLAN) && d.VID > 0 && d.Protocol != "802.1ad" && below != nil && below.Port != nil {
			in[d.VID] = append(in[d.VID], d.Ref)
		}
		if d.Port != nil && d.Port.Access > 0 {
			in[d.Port.Access] = append(in[d.Port.Access], d.Ref)
		}
	}
	return in
}

// leaks join every two VLANs of the LAN that must not meet.
func (sc *scene) leaks() []Sabotage {
	in := sc.inVLAN()
	var vids []int
	for vid := range in {
		vids = append(vids, vid)
	}
	slices.Sort(vids)
	var all []Sabotage
	for i, a := range vids {
		for _, b := range vids[i+1:] {
			asked := sc.asked(func(q *flowQuestion) bool {
				return !q.want && (sc.onAny(q.from, in[a]) && sc.onAny(q.to, in[b]) || sc.onAny(q.from, in[b]) && sc.onAny(q.to, in[a]))
			})
			if !asked {
				continue
			}
			touches := append(slices.Clone(in[a]), in[b]...)
			all = append(all, Sabotage{At: in[a][0], From: strconv.Itoa(a), To: strconv.Itoa(b), Touches: touches})
		}
	}
	return all
}

// Names and ifindexes of the saboteur's own devices, behind all others.
const (
	leakPort  = "leak0"
	leakEnd   = "leak1"
	leakIndex = 90000
)

// leak puts a machine with a foot in both VLANs beside the switch: a cable
// between two of its ports where the switch tells VLANs apart, else a trunk
// that ends in a bridge over one vlan device for each.
func (s *Sabotage) leak(plan *topology.Plan) []topology.Op {
	a, _ := strconv.Atoi(s.From)
	b, _ := strconv.Atoi(s.To)
	sw := topology.Ref{Node: topology.SwitchNode, Link: topology.Bridge}
	next := leakIndex
	device := func(name, kind string) *topology.Device {
		next++
		return &topology.Device{Ref: topology.Ref{Node: topology.SwitchNode, Link: name}, Kind: kind, Index: next, Up: true}
	}
	port, end := device(leakPort, topology.KindVeth), device(leakEnd, topology.KindVeth)
	port.Master = sw
	ops := []topology.Op{topology.MakeLink{Device: port, Peer: end}}
	if filtering := plan.LAN.Device(sw).VLANFiltering; filtering {
		end.Master = sw
		return append(ops, accessPort(port, a), accessPort(end, b))
	}
	bridge := device("leak", topology.KindBridge)
	ops = append(ops, topology.MakeLink{Device: bridge})
	for _, vid := range []int{a, b} {
		v := device("leak1."+strconv.Itoa(vid), topology.KindVLAN)
		v.Parent, v.Master, v.VID = end.Ref, bridge.Ref, vid
		ops = append(ops, topology.MakeLink{Device: v})
	}
	return ops
}

// accessPort makes a device of the switch's an untagged port of a VLAN.
func accessPort(d *topology.Device, vid int) topology.Op {
	was := topology.Port{Name: d.Link, Learning: true, Flood: true}
	port := was
	port.Access = vid
	return topology.SetPort{Device: d, Port: port, Was: was}
}
