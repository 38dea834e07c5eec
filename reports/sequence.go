package reports

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Limits of one sequence diagram.
const (
	maxLanes = 14
	maxHops  = 96
)

// switchLane is the one lane of all the switch's ports.
const switchLane = "switch"

// sequence is the way of a check's frames, as a diagram has it: a lane for each
// device, a hop for each move from one lane to another.
type sequence struct {
	lanes   []string // node/link, from the sender's to the receiver's
	hops    []hop
	packets []sequencePacket
	drawn   []*Evidence // what the hops are made of
	folded  []*Evidence // the same frames, where a lane already has them
	left    int         // frames that are not drawn
}

// hop is a frame's arrival at a lane.
type hop struct {
	from, to int // lanes; from is to where the frame came up
	packet   int // index into sequence.packets
	after    time.Duration
	typ      string
	number   int // in the capture
	changes  []string
	dropped  string // why it ended there; then it came from nowhere
}

// sequencePacket is one of the packets that a check's frames carried.
type sequencePacket struct {
	name           string
	source, dest   string // as first seen
	tags, contents []string
}

// newSequence finds out by which devices frames came to which. It is nil where no
// frames are known.
func newSequence(p *Picture, k *Check) *sequence {
	var frames []*Evidence
	for i := range k.Evidence {
		if k.Evidence[i].Frame != nil {
			frames = append(frames, &k.Evidence[i])
		}
	}
	if len(frames) == 0 {
		return nil
	}
	slices.SortStableFunc(frames, func(a, b *Evidence) int { return a.Time.Compare(b.Time) })
	t := tracer{wires: wiresOf(p), index: map[string]int{}}
	t.s.left = k.FramesLeft
	if len(frames) > maxHops {
		t.s.left += len(frames) - maxHops
		frames = frames[:maxHops]
	}
	t.lanes(frames)
	for _, e := range frames {
		t.add(e, e.Time.Sub(frames[0].Time))
	}
	t.drops(k.Drops)
	return &t.s
}

// wires tell which device sits on which, by node/link.
type wires map[string]string

func wiresOf(p *Picture) wires {
	w := wires{}
	if p != nil {
		for _, n := range p.Nodes {
			for _, l := range n.Links {
				w[n.Name+"/"+l.Name] = l.Parent
			}
		}
	}
	return w
}

// lower lists what a device sits on, itself first, down to the switch.
func (w wires) lower(at string) []string {
	all := []string{at}
	for next := w[at]; next != "" && !slices.Contains(all, next); next = w[next] {
		all = append(all, next)
	}
	return all
}

// near reports whether frames can pass between two devices with none between, and
// whether both sit on the same one.
func (w wires) near(a, b string) (near, siblings bool) {
	nodeA, _, _ := strings.Cut(a, "/")
	nodeB, _, _ := strings.Cut(b, "/")
	siblings = w[a] != "" && w[a] == w[b] && w[a] != switchLane
	return siblings || w[a] == b || w[b] == a || nodeA == nodeB, siblings
}

// laneOf is the lane that a device is drawn in.
func laneOf(at string) string {
	if strings.HasPrefix(at, switchLane+"/") {
		return switchLane
	}
	return at
}

// tracer makes a sequence of frames in their order.
type tracer struct {
	s     sequence
	wires wires
	index map[string]int // of a packet, by its content
	// visits are where each packet was, the latest last.
	visits [][]visit
}

type visit struct {
	lane     string
	outgoing bool
	frame    *Frame
}

// lanes puts devices side by side: the sender's above the switch, the switch, and
// the receivers' up again.
func (t *tracer) lanes(frames []*Evidence) {
	origin := laneOf(frames[0].At)
	chain := t.wires.lower(origin)
	root := rootOf(chain)
	rank := func(lane string) (side, depth int) {
		below := t.wires.lower(lane)
		switch {
		case lane == switchLane:
			return 2, 0
		case lane == origin:
			return 0, 0
		case slices.Contains(chain, lane):
			return 1, slices.Index(chain, lane)
		case rootOf(below) == root:
			return 1, -len(below) // beside what they sit on, so that the way down is straight
		}
		return 3, len(below)
	}
	siblings := true
	for _, e := range frames {
		lane := laneOf(e.At)
		if slices.Contains(t.s.lanes, lane) {
			continue
		}
		if len(t.s.lanes) < maxLanes {
			t.s.lanes = append(t.s.lanes, lane)
		}
		if side, _ := rank(lane); side > 1 {
			siblings = false
		}
	}
	slices.SortStableFunc(t.s.lanes, func(a, b string) int {
		sideA, depthA := rank(a)
		sideB, depthB := rank(b)
		if siblings && sideA == 1 && sideB == 1 && depthA*depthB < 0 {
			return cmp.Compare(depthB, depthA) // nothing beyond: siblings come behind their parent
		}
		return cmp.Or(cmp.Compare(sideA, sideB), cmp.Compare(depthA, depthB))
	})
}

// rootOf is the lowest of a chain that is no switch.
func rootOf(chain []string) string {
	last := chain[len(chain)-1]
	if last == switchLane && len(chain) > 1 {
		return chain[len(chain)-2]
	}
	return last
}

// aged is what routers count down in a packet that stays the same.
var aged = regexp.MustCompile(`, (TTL|hop limit) \d+`)

// add enters one sighting.
func (t *tracer) add(e *Evidence, after time.Duration) {
	lane := slices.Index(t.s.lanes, laneOf(e.At))
	if lane < 0 {
		t.s.left++
		return
	}
	f, key := e.Frame, aged.ReplaceAllString(strings.Join(e.Frame.Layers, "\x00"), "")
	i, known := t.index[key]
	if !known {
		i = len(t.s.packets)
		t.index[key] = i
		t.visits = append(t.visits, nil)
		t.s.packets = append(t.s.packets, sequencePacket{nameOf(f.Layers), f.Source, f.Dest, f.Tags, f.Layers})
	}
	now := visit{t.s.lanes[lane], f.Type == "outgoing", f}
	again := slices.ContainsFunc(t.visits[i], func(v visit) bool { return v.lane == now.lane && v.outgoing == now.outgoing })
	if now.lane == switchLane && again && now.outgoing {
		t.s.folded = append(t.s.folded, e) // by one more port
		return
	}
	if again && now.outgoing {
		t.visits[i] = nil // sent anew
	}
	h := hop{from: lane, to: lane, packet: i, after: after, typ: f.Type, number: e.Packet}
	if before := t.before(i, now); before != nil {
		h.from = slices.Index(t.s.lanes, before.lane)
		h.changes = changes(before.frame, f)
	}
	first := len(t.visits[i]) == 0
	t.visits[i] = append(t.visits[i], now)
	if h.from != lane || first {
		t.s.hops = append(t.s.hops, h)
		t.s.drawn = append(t.s.drawn, e)
		return
	}
	t.s.folded = append(t.s.folded, e)
}

// before is the visit from which a packet most likely came: of a device beside
// this one, in a direction that leads here, the latest.
func (t *tracer) before(packet int, now visit) *visit {
	var best *visit
	score := -1
	for i := range t.visits[packet] {
		v := &t.visits[packet][i]
		if n := t.likely(v, now); n >= score {
			best, score = v, n
		}
	}
	return best
}

// likely says how likely a frame came to now from v: the more the better.
func (t *tracer) likely(v *visit, now visit) int {
	switch {
	case v.lane == now.lane:
		if now.lane == switchLane {
			return 3
		}
		return 0
	case now.lane == switchLane:
		if t.wires[v.lane] == switchLane && v.outgoing {
			return 2
		}
		return 0
	case v.lane == switchLane:
		if t.wires[now.lane] == switchLane && !now.outgoing {
			return 2
		}
		return 0
	}
	near, siblings := t.wires.near(v.lane, now.lane)
	switch {
	case !near:
		return 0
	case v.outgoing == now.outgoing && !siblings, siblings && v.outgoing && !now.outgoing:
		return 2
	}
	return 1
}

// changes says in what a frame differs from what it was one device before.
func changes(was, is *Frame) []string {
	var all []string
	if was.Source != is.Source {
		all = append(all, "source now "+is.Source)
	}
	if was.Dest != is.Dest {
		all = append(all, "destination now "+is.Dest)
	}
	switch {
	case slices.Equal(was.Tags, is.Tags):
	case len(is.Tags) == 0:
		all = append(all, "tag taken off")
	case len(was.Tags) > len(is.Tags):
		all = append(all, "a tag taken off")
	default:
		all = append(all, "tagged "+shortTags(is.Tags))
	}
	return all
}

// shortTags leaves out of tags what is usual.
func shortTags(tags []string) string {
	var all []string
	for _, t := range tags {
		all = append(all, strings.TrimSuffix(strings.TrimPrefix(t, "0x8100 "), " PCP 0"))
	}
	return strings.Join(all, ", ")
}

// drops adds where the kernel dropped frames.
func (t *tracer) drops(d *Drops) {
	if d == nil {
		return
	}
	for _, e := range d.Ends {
		lane := slices.Index(t.s.lanes, laneOf(e.At))
		if lane < 0 && len(t.s.lanes) < maxLanes {
			lane = len(t.s.lanes)
			t.s.lanes = append(t.s.lanes, laneOf(e.At))
		}
		if lane >= 0 && len(t.s.hops) < 2*maxHops {
			t.s.hops = append(t.s.hops, hop{from: lane, to: lane, packet: -1, typ: e.Frame, dropped: cmp.Or(e.Reason, "dropped")})
		}
	}
}

// nameOf says in two words what a packet is.
func nameOf(contents []string) string {
	name := "frame"
	for _, c := range contents {
		switch {
		case strings.HasPrefix(c, "ARP who"):
			return "ARP request"
		case strings.HasPrefix(c, "ARP "):
			return "ARP reply"
		case strings.HasPrefix(c, "who has "):
			return "ND solicitation"
		case strings.HasSuffix(c, " is here"):
			return "ND advertisement"
		case strings.HasPrefix(c, "ICMP") && strings.Contains(c, "EchoRequest"):
			return "echo request"
		case strings.HasPrefix(c, "ICMP") && strings.Contains(c, "EchoReply"):
			return "echo reply"
		case strings.HasPrefix(c, "EtherType "):
			name = "raw frame"
		case strings.HasPrefix(c, "IPv"), strings.HasPrefix(c, "UDP "), strings.HasPrefix(c, "ICMP"):
			name, _, _ = strings.Cut(c, " ")
		}
	}
	return clip(oneLine(name), 24)
}
