package topology

import (
	"fmt"
	"slices"
)

// Direct joins the only two devices that are plugged into the switch by one veth, and
// takes the switch away, so that frames between them cross nothing else.
func (p *Plan) Direct() error {
	var plugged []*Device
	for _, d := range p.LAN.Devices {
		if d.Port != nil {
			plugged = append(plugged, d)
		}
	}
	if len(plugged) != 2 {
		return fmt.Errorf("join two devices without the switch: %d are plugged into it", len(plugged))
	}
	a, b := plugged[0], plugged[1]
	a.Peer, b.Peer, a.Port, b.Port = b.Ref, a.Ref, nil, nil
	var ops []Op
	for _, op := range p.Ops {
		switch o := op.(type) {
		case MakeNode:
			if o.Node.Name == SwitchNode {
				continue
			}
		case SetPort:
			continue
		case MakeLink:
			if o.Device.Node == SwitchNode || o.Device.Ref == b.Ref {
				continue
			}
			if o.Device.Ref == a.Ref {
				op = MakeLink{Device: a.clone(), Peer: b.clone()}
			}
		}
		ops = append(ops, op)
	}
	p.Ops, p.Deeds = ops, nil
	p.LAN.Nodes = slices.DeleteFunc(p.LAN.Nodes, func(n Node) bool { return n.Name == SwitchNode })
	p.LAN.Devices = slices.DeleteFunc(p.LAN.Devices, func(d *Device) bool { return d.Node == SwitchNode })
	p.LAN.nameAll()
	return nil
}
