package run

import (
	"fmt"
	"strings"

	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/topology"
)

// Picture is the LAN of a case as a reader should see it.
func (p *Prepared) Picture() *reports.Picture {
	l := p.Plan.LAN
	drawn := &reports.Picture{}
	for _, n := range l.Nodes {
		if n.Role == topology.RoleSwitch {
			continue
		}
		node := reports.PictureNode{Name: n.Name, Role: string(n.Role), Links: []reports.PictureLink{}}
		for _, d := range l.DevicesOf(n.Name) {
			node.Links = append(node.Links, pictureLink(d))
		}
		drawn.Nodes = append(drawn.Nodes, node)
	}
	drawn.Switch = switchSettings(l)
	return drawn
}

func pictureLink(d *topology.Device) reports.PictureLink {
	link := reports.PictureLink{Name: d.Link, Kind: d.Kind, Detail: detail(d), MAC: d.MAC.String()}
	for _, a := range d.Addresses {
		link.Addresses = append(link.Addresses, a.String())
	}
	switch {
	case d.Port != nil:
		link.Parent = "switch"
	case d.Parent.Link != "":
		link.Parent = d.Parent.String()
	case d.Master.Link != "":
		link.Parent = d.Master.String()
	case d.Peer.Link != "" && d.Master.Link == "":
		link.Parent = d.Peer.String()
	}
	return link
}

func detail(d *topology.Device) string {
	var parts []string
	switch d.Kind {
	case topology.KindVLAN:
		parts = append(parts, fmt.Sprintf("VID %d", d.VID))
		if d.Protocol != "" {
			parts = append(parts, d.Protocol)
		}
	default:
		parts = append(parts, d.Mode, d.Flag)
	}
	if d.NoPromisc {
		parts = append(parts, "nopromisc")
	}
	if d.NoDst {
		parts = append(parts, "nodst")
	}
	if !d.Up {
		parts = append(parts, "down")
	}
	return strings.Join(strings.Fields(strings.Join(parts, " ")), " ")
}

// switchSettings are the sentences about what is not plain; nil without a
// switch that anything is plugged into.
func switchSettings(l *topology.LAN) []string {
	var out []string
	plugged := false
	for _, d := range l.Devices {
		if d.Port == nil {
			continue
		}
		plugged = true
		var is []string
		add := func(when bool, text string) {
			if when {
				is = append(is, text)
			}
		}
		p := d.Port
		add(p.Hairpin, "reflects frames (hairpin)")
		add(!p.Learning && len(p.Allow) == 0, "does not learn")
		add(!p.Flood, "floods no unknown unicast")
		add(p.Isolated, "is isolated")
		add(len(p.Allow) > 0, fmt.Sprintf("admits %d address(es) only", len(p.Allow)))
		add(p.Access > 0, fmt.Sprintf("is an access port of VLAN %d", p.Access))
		add(len(p.Trunk) > 0, fmt.Sprintf("is a trunk for VLANs %v", p.Trunk))
		add(p.NoCarrier, "has no carrier")
		if len(is) > 0 {
			out = append(out, fmt.Sprintf("port of %s %s", d.Ref, strings.Join(is, ", ")))
		}
	}
	if l.Switch.MACTable > 0 {
		out = append(out, fmt.Sprintf("learns %d addresses at most", l.Switch.MACTable))
	}
	if plugged && out == nil {
		out = []string{}
	}
	return out
}
