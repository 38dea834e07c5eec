package answer

import (
	"slices"

	"github.com/lanproof/lanproof/topology"
)

// switchPorts are how the machines of a wire with VLANs are plugged in: a parent and the
// gateway by trunks, other machines by access ports, as a network with VLANs is built.
// Without VLANs all ports are plain.
type switchPorts struct {
	// untagged is the VLAN of what goes without a tag, where that is not the switch's own
	// (1), because a network has the number; nobody's is one that no machine is on.
	untagged, nobodys int
}

// newSwitchPorts looks for numbers that no network has.
func newSwitchPorts(all []*segment) *switchPorts {
	vids := vidsOn(all, "")
	if len(vids) == 0 {
		return &switchPorts{}
	}
	free := func(not int) int {
		vid := 4094
		for slices.Contains(vids, vid) || vid == not {
			vid--
		}
		return vid
	}
	p := &switchPorts{}
	if slices.Contains(vids, 1) {
		p.untagged = free(0)
	}
	p.nobodys = free(p.untagged)
	return p
}

// parent has a port of the host carry the VLANs of the networks on it.
func (p *switchPorts) parent(s *topology.Switch, host, parent string, all []*segment) {
	if vids := vidsOn(all, parent); len(vids) > 0 {
		setPort(s, host+"/"+parent, topology.SwitchPort{Access: p.untagged, Trunk: vids})
	}
}

// router is the port of a machine that is in several VLANs; without a tag it is in one
// only where it has addresses there.
func (p *switchPorts) router(s *topology.Station, all []*segment) topology.SwitchPort {
	if len(s.Links) == 0 {
		return topology.SwitchPort{Access: p.untagged}
	}
	port := topology.SwitchPort{Access: p.untagged, Trunk: vidsOn(all, "")}
	if len(s.Addresses) == 0 {
		port.Access = p.nobodys
	}
	return port
}

// setPort sets the VLANs of a port of the switch, which may have settings already.
func setPort(s *topology.Switch, name string, port topology.SwitchPort) {
	for i := range s.Ports {
		if s.Ports[i].Name == name {
			s.Ports[i].Value.Access, s.Ports[i].Value.Trunk = port.Access, port.Trunk
			return
		}
	}
	s.Ports = append(s.Ports, topology.Item[topology.SwitchPort]{Name: name, Value: port})
}

// vidsOn are the VLANs on a parent, on all where it is empty, in order.
func vidsOn(all []*segment, parent string) []int {
	var vids []int
	for _, s := range all {
		if s.vid != 0 && (parent == "" || s.parent == parent) && !slices.Contains(vids, s.vid) {
			vids = append(vids, s.vid)
		}
	}
	slices.Sort(vids)
	return vids
}
