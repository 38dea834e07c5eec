package topology

import (
	"fmt"
	"net"
	"slices"
)

// plug makes a veth whose other end is a port of the switch.
func (b *builder) plug(d *Device) {
	b.lan.lastPort++
	end := b.newDevice(Ref{SwitchNode, fmt.Sprintf("p%d", b.lan.lastPort)}, KindVeth)
	end.Peer, d.Peer = d.Ref, end.Ref
	end.Master, end.Up, end.MTU = Ref{SwitchNode, Bridge}, true, d.MTU
	end.MAC, end.OwnMAC = b.lan.MACOf(end.Ref), true
	p := plainPort(end.Link)
	p.Hairpin = b.lan.Switch.Hairpin
	d.Port = &p
	b.make(d, end)
}

// ports sets the switch's ports where they differ from plain ones.
func (b *builder) ports(s *Spec) {
	for _, p := range s.Switch.Ports {
		b.at([]any{"switch", "ports", p.Name}, func() {
			c := b.portChange(&p.Value)
			if d := b.plugged(p.Name); d != nil && !b.failed() {
				b.lan.apply(c, d)
			}
		})
	}
	for _, d := range b.lan.Devices {
		if d.Port != nil && !d.Port.plain() {
			b.op(SetPort{Device: d.clone(), Port: d.Port.clone(), Was: plainPort(d.Port.Name)})
		}
	}
}

// plugged finds the device whose port is meant.
func (b *builder) plugged(ref string) *Device {
	d := b.device(ref, "")
	if d != nil && d.broken {
		return nil
	}
	if d == nil || d.Port == nil {
		b.problem("nothing called %q is plugged into the switch: it is written NODE/LINK, as in host/eth0", ref)
		return nil
	}
	return d
}

// portChange is a SwitchPort that has been read.
type portChange struct {
	*SwitchPort
	allow []net.HardwareAddr
}

func (b *builder) portChange(c *SwitchPort) portChange {
	out := portChange{SwitchPort: c}
	b.in("allow", func() { out.allow = b.macs(c.Allow, "") })
	b.in("access", func() {
		if c.Access < 0 || c.Access > maxVID {
			b.problem("VID %d is out of range: 1 to %d", c.Access, maxVID)
		}
	})
	b.in("trunk", func() {
		for i, v := range c.Trunk {
			if v < 1 || v > maxVID {
				b.in(i, func() { b.problem("VID %d is out of range: 1 to %d", v, maxVID) })
			}
		}
	})
	if sw := b.lan.Device(Ref{SwitchNode, Bridge}); (c.Access != 0 || len(c.Trunk) > 0) && !sw.VLANFiltering {
		b.problem("the switch tells no VLANs apart: give one of its ports access or trunk from the start, if only access: 1")
	}
	return out
}

// apply brings the port of a device to its new settings; what was not said
// stays. A port without carrier is down.
func (l *LAN) apply(c portChange, d *Device) {
	p := d.Port
	for _, s := range []struct{ to, from *bool }{{&p.Hairpin, c.Hairpin}, {&p.Learning, c.Learning}, {&p.Flood, c.Flood}} {
		if s.from != nil {
			*s.to = *s.from
		}
	}
	if c.Isolated {
		p.Isolated = true
	}
	if c.Carrier != nil {
		p.NoCarrier = !*c.Carrier
		l.Device(d.Peer).Up = *c.Carrier
	}
	if c.Allow != nil {
		// A locked port learns nothing by itself (net/bridge/br_input.c); an
		// empty list opens it again.
		p.Allow = c.allow
		p.Learning = len(c.allow) == 0
	}
	if c.Access != 0 {
		p.Access = c.Access
	}
	if c.Trunk != nil {
		p.Trunk = slices.Clone(c.Trunk)
	}
}

// changeSwitch changes one port, or all of them.
func (b *builder) changeSwitch(c *SetSwitch) {
	change := b.portChange(&c.SwitchPort)
	var ports []*Device
	if c.Port != "" {
		b.in("port", func() { ports = []*Device{b.plugged(c.Port)} })
	} else {
		ports = slices.DeleteFunc(slices.Clone(b.lan.Devices), func(d *Device) bool { return d.Port == nil })
		if c.Hairpin != nil {
			b.lan.Switch.Hairpin = *c.Hairpin
		}
	}
	if b.failed() {
		return
	}
	for _, d := range ports {
		was := d.Port.clone()
		b.lan.apply(change, d)
		b.op(SetPort{Device: d.clone(), Port: d.Port.clone(), Was: was})
	}
}
