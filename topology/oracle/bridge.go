package oracle

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/lanproof/lanproof/topology"
)

// The rules of bridges.
var (
	ruleBridgeDown  = Rule{ID: "bridge-down", When: "the bridge is down", Then: "nothing passes", Source: "net/bridge/br_input.c:br_handle_frame_finish"}
	ruleLocked      = Rule{ID: "bridge-locked", When: "a port admits some addresses, and the frame is from none that is known to be behind it", Then: "the frame is gone", Source: "net/bridge/br_input.c:br_handle_frame_finish"}
	ruleIngressVLAN = Rule{ID: "bridge-ingress", When: "VLANs are told apart, and the port is not in the frame's", Then: "the frame is gone", Source: "net/bridge/br_vlan.c:__allowed_ingress; IEEE 802.1Q-2022 8.6.2"}
	ruleTableFull   = Rule{ID: "bridge-full", When: "the table of learned addresses is full", Then: "no further one is learned: frames to it go to every port that floods", Source: "net/bridge/br_fdb.c:br_fdb_update", Claim: "docker-macvlan-vlan-spread"}
	ruleFlood       = Rule{ID: "bridge-group", When: "to a group", Then: "the bridge itself and every other port gets it; its own port only with hairpin", Source: "net/bridge/br_input.c:br_handle_frame_finish; br_forward.c:br_flood"}
	ruleUnknown     = Rule{ID: "bridge-unknown", When: "to an address that is not learned", Then: "every other port gets it that floods", Source: "net/bridge/br_forward.c:br_flood; IEEE 802.1Q-2022 8.8"}
	ruleLearned     = Rule{ID: "bridge-learned", When: "to an address that is learned behind a port", Then: "that port alone gets it, even the one that it came by if that has hairpin", Source: "net/bridge/br_forward.c:br_forward"}
	rulePortDown    = Rule{ID: "bridge-port-down", When: "the port that it is to leave by is down or has no carrier", Then: "it does not", Source: "net/bridge/br_forward.c:should_deliver"}
	ruleNotBack     = Rule{ID: "bridge-not-back", When: "that port is the one that it came by, and has no hairpin", Then: "it does not", Source: "net/bridge/br_forward.c:should_deliver; IEEE 802.1Q-2022 8.6.1", Claim: "iplink-vepa-hairpin"}
	ruleIsolated    = Rule{ID: "bridge-isolated", When: "both ports are isolated", Then: "it does not", Source: "net/bridge/br_private.h:br_skb_isolated"}
	ruleEgressVLAN  = Rule{ID: "bridge-egress", When: "VLANs are told apart, and that port is not in the frame's", Then: "it does not", Source: "net/bridge/br_vlan.c:br_allowed_egress; IEEE 802.1Q-2022 8.6.4"}
	ruleNoFlood     = Rule{ID: "bridge-no-flood", When: "to an address that is not learned, and the port does not flood", Then: "it does not leave by it", Source: "net/bridge/br_forward.c:br_flood"}
	ruleBridgeOwn   = Rule{ID: "bridge-own", When: "to the bridge's address, or a port's", Then: "the bridge itself gets it", Source: "net/bridge/br_input.c:br_pass_frame_up"}
	ruleSendsOwn    = Rule{ID: "bridge-sends-own", When: "the bridge itself sends to one of its ports' addresses", Then: "the frame goes out of that port; to its own it goes nowhere", Source: "net/bridge/br_device.c:br_dev_xmit"}
	ruleBridgeSends = Rule{ID: "bridge-sends", When: "the bridge itself sends", Then: "as if it had come by a port that is none of these", Source: "net/bridge/br_device.c:br_dev_xmit"}
)

// own is the VLAN that a bridge itself is in where it tells VLANs apart
// (net/bridge/br_vlan.c:br_vlan_init).
const own = 1

// bridgeReceives is what a bridge does with a frame that came in by a port.
func (w *walk) bridgeReceives(port *device, p packet) {
	br := port.master
	if !br.Up {
		w.note(br, ruleBridgeDown)
		return
	}
	vid, ok := br.classify(port.port, &p)
	if !ok {
		w.note(port, ruleIngressVLAN)
		return
	}
	if at, _ := w.behind(br, vid, p.Source); len(port.port.Allow) > 0 && at != port {
		w.note(port, ruleLocked)
		return
	}
	w.learn(port, vid, p)
	if p.Dest == br.mac {
		p.typ = ToHost
	}
	w.bridge(br, port, vid, p)
}

// learn remembers where a frame came from (net/bridge/br_fdb.c:br_fdb_update).
func (w *walk) learn(port *device, vid int, p packet) {
	br := port.master
	if !port.port.Learning || p.maybe || p.Source.Group() || br.has(p.Source) {
		return
	}
	key := learnedKey{br, vid, p.Source}
	if _, known := w.learned[key]; !known {
		if br.FDBMaxLearned > 0 && br.known >= br.FDBMaxLearned {
			w.note(port, ruleTableFull)
			return
		}
		br.known++
	}
	w.learned[key] = port
}

// bridgeSends is what a bridge does with a frame of its own.
func (w *walk) bridgeSends(br *device, p packet) {
	w.note(br, ruleBridgeSends)
	vid := 0
	if br.VLANFiltering {
		vid = own
	}
	w.bridge(br, nil, vid, p)
}

// bridge passes a frame on that came in by a port, or none.
func (w *walk) bridge(br, from *device, vid int, p packet) {
	to, known := w.behind(br, vid, p.Dest)
	switch {
	case p.Dest.Group():
		w.note(br, ruleFlood)
		w.toPorts(br, from, vid, p, func(*topology.Port) bool { return true })
	case br.has(p.Dest) && from == nil:
		w.note(br, ruleSendsOwn)
		for _, port := range br.ports {
			if port.mac == p.Dest {
				w.out(port, nil, vid, p)
				return
			}
		}
	case br.has(p.Dest):
		w.note(br, ruleBridgeOwn)
		w.up(br, vid, p)
		return
	case known:
		w.note(br, ruleLearned)
		w.out(to, from, vid, p)
	default:
		w.note(br, ruleUnknown)
		w.toPorts(br, from, vid, p, func(p *topology.Port) bool { return p.Flood })
	}
	if from != nil && (p.Dest.Group() || br.listens) {
		w.up(br, vid, p)
	}
}

// behind is the port that an address is known to be behind: learned there, or else
// admitted there, the last one if there are several.
func (w *walk) behind(br *device, vid int, a MAC) (*device, bool) {
	if port, ok := w.learned[learnedKey{br, vid, a}]; ok {
		return port, true
	}
	for _, port := range slices.Backward(br.ports) {
		if listed(port.port.Allow, a) {
			return port, true
		}
	}
	return nil, false
}

// has reports whether an address is the bridge's own or one of its ports'.
func (d *device) has(a MAC) bool {
	return d.mac == a || slices.ContainsFunc(d.ports, func(p *device) bool { return p.mac == a })
}

// classify finds a frame's VLAN out and takes its tag off, where VLANs are told
// apart; false when the port is not in it.
func (d *device) classify(port *topology.Port, p *packet) (vid int, ok bool) {
	if !d.VLANFiltering {
		return 0, true
	}
	vids := port.VIDs()
	if len(p.Tags) == 0 || p.Tags[0].TPID != tpidC {
		return vids[0], true
	}
	vid = p.Tags[0].VID
	p.Tags = p.Tags[1:]
	if vid == 0 { // a priority tag
		return vids[0], true
	}
	return vid, slices.Contains(vids, vid)
}

const tpidC = 0x8100

// toPorts sends a frame out of all ports that it may go out of.
func (w *walk) toPorts(br, from *device, vid int, p packet, may func(*topology.Port) bool) {
	for _, to := range br.ports {
		if !may(to.port) {
			w.note(to, ruleNoFlood)
			continue
		}
		w.out(to, from, vid, p)
	}
}

// out sends a frame out of a port unless something speaks against it
// (net/bridge/br_forward.c:should_deliver).
func (w *walk) out(to, from *device, vid int, p packet) {
	switch {
	case !to.Up || !to.carrier:
		w.note(to, rulePortDown)
		return
	case to == from && !to.port.Hairpin:
		w.note(to, ruleNotBack)
		return
	case from != nil && from.port.Isolated && to.port.Isolated:
		w.note(to, ruleIsolated)
		return
	}
	if to.master.VLANFiltering {
		vids := to.port.VIDs()
		if !slices.Contains(vids, vid) {
			w.note(to, ruleEgressVLAN)
			return
		}
		if vid != vids[0] {
			p.Tags = slices.Concat([]Tag{{TPID: tpidC, VID: vid}}, p.Tags)
		}
	}
	w.transmit(to, p)
}

// up gives a frame to the bridge itself.
func (w *walk) up(br *device, vid int, p packet) {
	if br.VLANFiltering && vid != own {
		return
	}
	w.receive(br, p)
}

// noNextHop is why a routed packet has no prediction.
func noNextHop(a netip.Addr) error {
	return fmt.Errorf("%w: %s is not on the LAN once", ErrNoPrediction, a)
}
