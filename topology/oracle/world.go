package oracle

import (
	"errors"
	"fmt"
	"slices"

	"github.com/lanproof/lanproof/topology"
)

// World is a LAN together with what its bridges have learned.
type World struct {
	devices map[topology.Ref]*device
	learned map[learnedKey]*device // the port behind which a bridge knows an address
	joined  map[topology.Ref]map[MAC]bool
	last    Prediction // whose memory serves the next one

	macvlanSends    []row[macvlanTX]
	macvlanReceives []row[macvlanRX]
	ipvlanSends     []row[ipvlanTX]
	ipvlanReceives  []row[ipvlanRX]
}

type learnedKey struct {
	bridge *device
	vid    int
	mac    MAC
}

// device is a device with what stands around it.
type device struct {
	*topology.Device
	mac                      MAC
	carrier                  bool
	parent, peer, master     *device
	vlans, macvlans, ipvlans []*device
	byMAC                    map[MAC]*device // macvlans that are up
	bySource                 []*device       // macvlans in mode source
	ports                    []*device       // of a bridge
	port                     *topology.Port  // of a bridge's port
	listens                  bool            // a bridge that takes all that passes
	known                    int             // addresses that a bridge has learned
}

// New makes a world of a LAN as it stands; its bridges know nothing yet. The error
// names what no prediction can be made of, and wraps [ErrNoPrediction].
func New(lan *topology.LAN) (*World, error) {
	w := &World{
		devices: map[topology.Ref]*device{}, learned: map[learnedKey]*device{}, joined: map[topology.Ref]map[MAC]bool{},
		macvlanSends: macvlanSends(), macvlanReceives: macvlanReceives(), ipvlanSends: ipvlanSends(), ipvlanReceives: ipvlanReceives(),
	}
	for _, d := range lan.Devices {
		if err := judgeable(d); err != nil {
			return nil, err
		}
		w.devices[d.Ref] = &device{Device: d, mac: MACOf(d.MAC), carrier: lan.Carrier(d)}
	}
	for _, d := range lan.Devices {
		w.tie(d)
	}
	for _, d := range w.devices {
		if d.Kind == topology.KindBridge {
			d.listens = d.Promisc || d.hasListeners()
		}
	}
	return w, nil
}

// judgeable is nil for a device that the tables speak of in full.
func judgeable(d *topology.Device) error {
	if d.Kind == topology.KindNIC {
		return fmt.Errorf("%w where there is %s: what is behind a real port is not known", ErrNoPrediction, d.Ref)
	}
	return nil
}

// tie connects a device with those around it.
func (w *World) tie(t *topology.Device) {
	d := w.devices[t.Ref]
	d.parent, d.peer, d.master = w.devices[t.Parent], w.devices[t.Peer], w.devices[t.Master]
	if p := d.parent; p != nil {
		switch t.Kind {
		case topology.KindVLAN:
			p.vlans = append(p.vlans, d)
		case topology.KindMacvlan:
			p.addMacvlan(d)
		case topology.KindIpvlan:
			p.ipvlans = append(p.ipvlans, d)
		}
	}
	if d.master != nil {
		d.master.ports = append(d.master.ports, d)
		d.port = &topology.Port{Name: t.Link, Learning: true, Flood: true}
		if d.peer != nil && d.peer.Port != nil {
			d.port = d.peer.Port
		}
	}
}

// addMacvlan puts a child where what its parent sends and receives is looked up.
func (d *device) addMacvlan(c *device) {
	d.macvlans = append(d.macvlans, c)
	if c.Mode == "source" {
		d.bySource = append(d.bySource, c)
	}
	if d.byMAC == nil {
		d.byMAC = map[MAC]*device{}
	}
	if _, taken := d.byMAC[c.mac]; c.Up && !taken {
		d.byMAC[c.mac] = c
	}
}

// hasListeners reports whether a device above asks for all that passes, or has an
// address of its own, which a bridge has no filter for (net/core/dev_addr_lists.c:
// __dev_set_rx_mode). An ipvlan has its parent's.
func (d *device) hasListeners() bool {
	return slices.ContainsFunc(d.macvlans, func(c *device) bool { return c.Up && !(c.Mode == "passthru" && c.NoPromisc) }) ||
		slices.ContainsFunc(d.vlans, func(v *device) bool { return v.Up && (v.Promisc || v.mac != d.mac || v.hasListeners()) })
}

// Join makes a device a member of a group, as a socket does; leaving is Leave.
func (w *World) Join(at topology.Ref, group MAC) {
	if w.joined[at] == nil {
		w.joined[at] = map[MAC]bool{}
	}
	w.joined[at][group] = true
}

// Leave ends what Join began.
func (w *World) Leave(at topology.Ref, group MAC) { delete(w.joined[at], group) }

// walk is one frame on its way.
type walk struct {
	*World
	p    Prediction
	hops int
	err  error
}

// packet is a frame at one place of its way.
type packet struct {
	Frame
	typ Type
	// maybe is set where a filter may have held it back, chance where a hash may.
	maybe, chance bool
	// shown is a tag that is dealt with, and that taps see still.
	shown *Tag
}

// mostHops bounds the way of one frame: more are a loop.
const mostHops = 10_000

// ErrNoPrediction is wrapped by the error for what the tables do not decide.
var ErrNoPrediction = errors.New("no prediction")

var errLoop = fmt.Errorf("%w: the frame goes in circles", ErrNoPrediction)

// Send predicts what becomes of a frame that a packet socket sends by a device. The
// bridges learn from it. The prediction is good until the next Send; the error says
// why there is none.
func (w *World) Send(by topology.Ref, f Frame) (*Prediction, error) {
	d := w.devices[by]
	if d == nil {
		return nil, fmt.Errorf("%w: there is no device %s", ErrNoPrediction, by)
	}
	k := &walk{World: w, p: Prediction{Sights: w.last.Sights[:0], Taken: w.last.Taken[:0], Steps: w.last.Steps[:0]}}
	if d.Up {
		k.transmit(d, packet{Frame: f})
	} else {
		k.refuse(d, ruleDown, "ENETDOWN")
	}
	if k.err != nil {
		return nil, k.err
	}
	w.last = k.p
	return &w.last, nil
}

func (w *walk) note(at *device, r Rule) { w.p.Steps = append(w.p.Steps, Step{at.Ref, r}) }

func (w *walk) refuse(at *device, r Rule, errno string) {
	w.note(at, r)
	w.p.Errno = errno
}

// see notes a sight. A tag that is only shown stands behind the frame's outer one.
func (w *walk) see(at *device, t Type, p packet) {
	tags := slices.Clone(p.Tags)
	if p.shown != nil {
		tags = slices.Insert(tags, min(1, len(tags)), *p.shown)
	}
	w.p.Sights = append(w.p.Sights, Sight{At: at.Ref, Type: t, Source: p.Source, Dest: p.Dest, Tags: tags, Maybe: p.maybe, Chance: p.chance})
}

// hop reports whether the frame may go on, and stops one that goes in circles.
func (w *walk) hop() bool {
	if w.hops++; w.hops > mostHops {
		w.err = errLoop
	}
	return w.err == nil
}

// transmit is what a device does that is told to send
// (net/core/dev.c:__dev_queue_xmit).
func (w *walk) transmit(d *device, p packet) {
	switch {
	case !w.hop():
		return
	case !d.Up:
		w.note(d, ruleDown)
		return
	case !d.carrier:
		w.note(d, ruleNoCarrier)
		return
	}
	p.shown = nil
	w.see(d, Outgoing, p)
	switch d.Kind {
	case topology.KindDummy:
		w.note(d, ruleDummy)
	case topology.KindVeth:
		w.forward(d.peer, p)
	case topology.KindBridge:
		w.bridgeSends(d, p)
	case topology.KindVLAN:
		w.vlanSends(d, p)
	case topology.KindMacvlan:
		decide(w, w.macvlanSends, d, macvlanTX{w, d, p})
	case topology.KindIpvlan:
		decide(w, w.ipvlanSends, d, ipvlanTX{w, d, p})
	}
}

// forward hands a frame to a device as if it came in there (net/core/dev.c:
// dev_forward_skb), which also finds out anew for whom it is.
func (w *walk) forward(d *device, p packet) {
	p.typ, p.shown = d.typeOf(p.Dest), nil
	if d.Tested() && !w.admits(d, p) {
		w.note(d, rulePortFilter)
		p.maybe = true
	}
	w.receive(d, p)
}

// typeOf is for whom a frame is at a device (net/ethernet/eth.c:eth_type_trans).
func (d *device) typeOf(dest MAC) Type {
	switch {
	case dest == broadcast:
		return ToBroadcast
	case dest.Group():
		return ToMulticast
	case dest == d.mac:
		return ToHost
	}
	return ToOther
}

// receive is what a kernel does with a frame that came in by a device
// (net/core/dev.c:__netif_receive_skb_core).
func (w *walk) receive(d *device, p packet) {
	if !w.hop() {
		return
	}
	if !d.Up {
		w.note(d, ruleDown)
		return
	}
	w.see(d, p.typ, p)
	if w.demux(d, p) || w.handled(d, p) {
		return
	}
	w.stack(d, p)
}

// handled gives a frame to whoever has a hand on the device, and reports whether
// the stack gets none of it.
func (w *walk) handled(d *device, p packet) bool {
	switch {
	case len(d.macvlans) > 0:
		c := &macvlanRX{walk: w, parent: d, p: p}
		w.fromLists(c)
		if !c.consumed {
			decide(w, w.macvlanReceives, d, *c)
			c.consumed = w.consumed(d, c)
		}
		return c.consumed
	case len(d.ipvlans) > 0:
		c := ipvlanRX{w, d, p}
		decide(w, w.ipvlanReceives, d, c)
		return c.consumed()
	case d.master != nil:
		w.bridgeReceives(d, p)
		return true
	}
	return false
}

// stack is the device's own protocols, which take what is for the host.
func (w *walk) stack(d *device, p packet) {
	for len(p.Tags) > 0 {
		if p.Tags[0].VID != 0 {
			w.note(d, ruleForeignVID)
			return
		}
		w.note(d, rulePriority)
		p.Tags = p.Tags[1:]
		if len(p.Tags) > 0 && w.demux(d, p) {
			return
		}
	}
	if p.typ == ToOther {
		w.note(d, ruleForOthers)
		return
	}
	w.note(d, ruleTaken)
	w.p.Taken = append(w.p.Taken, Sight{At: d.Ref, Type: p.typ, Source: p.Source, Dest: p.Dest, Maybe: p.maybe, Chance: p.chance})
}

// The rules of every device.
var (
	ruleDown       = Rule{ID: "device-down", When: "the device is down", Then: "nothing passes; sending is refused with ENETDOWN", Source: "net/packet/af_packet.c:packet_snd; net/core/dev.c:enqueue_to_backlog"}
	ruleNoCarrier  = Rule{ID: "device-no-carrier", When: "the device is up and has no carrier; it has its parent's, but a VLAN device with loose_binding, and before Linux 6.12 an ipvlan, keeps what it had when its parent goes down", Then: "what it is to send is dropped before any tap, and the sender is not told", Source: "net/sched/sch_generic.c:noop_enqueue; net/8021q/vlan.c:vlan_device_event; drivers/net/ipvlan/ipvlan_main.c:ipvlan_device_event"}
	ruleDummy      = Rule{ID: "device-dummy", When: "a dummy sends", Then: "the frame is counted and thrown away", Source: "drivers/net/dummy.c:dummy_xmit"}
	ruleTaken      = Rule{ID: "device-taken", When: "the frame is for the device, or for a group", Then: "the stack takes it", Source: "net/core/dev.c:__netif_receive_skb_core"}
	rulePortFilter = Rule{ID: "device-filter", When: "a real port receives what neither it nor anything on it has asked for, by address or VLAN", Then: "its filters may hold the frame back: it is seen, or it is not", Source: "net/core/dev_addr_lists.c:__dev_set_rx_mode; net/8021q/vlan_core.c:vlan_vid_add"}
	ruleForOthers  = Rule{ID: "device-for-others", When: "the frame is for another address", Then: "taps see it, the stack does not take it", Source: "net/ipv4/ip_input.c:ip_rcv_core; net/packet/af_packet.c:packet_rcv"}
)
