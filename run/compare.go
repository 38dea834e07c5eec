package run

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lanproof/lanproof/probe"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/topology"
	"github.com/lanproof/lanproof/topology/oracle"
)

// compare holds one landing against its prediction.
func (m *measurement) compare(s shot, p *oracle.Prediction, l *probe.Landing) {
	m.frames++
	want, maybe := map[string]int{}, map[string]bool{}
	for _, sight := range p.Sights {
		if sight.Maybe {
			maybe[sight.Key()] = true
			continue
		}
		want[sight.Key()]++
	}
	for _, t := range p.Taken {
		switch {
		case s.kind != probe.Raw: // only of those is it known
		case t.Maybe:
			maybe[takenKey(t.At)] = true
		default:
			want[takenKey(t.At)]++
		}
	}
	d := disagreement{shot: s, landing: l}
	for _, key := range observed(l) {
		m.seen++
		switch {
		case want[key] > 0:
			want[key]--
		case maybe[key] && !m.always(s, key):
		default:
			d.extra = append(d.extra, key)
		}
	}
	for _, key := range sortedKeys(want) {
		for range want[key] {
			d.missing = append(d.missing, key)
		}
	}
	if got := errnoOf(l.SendErr); got != p.Errno {
		d.extra = append(d.extra, "sending ended with "+orNone(got))
		d.missing = append(d.missing, "sending ends with "+orNone(p.Errno))
	}
	if len(d.missing)+len(d.extra) > 0 {
		d.why = m.why(&d, p)
		m.wrong = append(m.wrong, d)
	}
}

// why are the decisions that a disagreement is about: the first one on the frame's
// way, and the one that should have led to what is missing, or kept away what was seen.
func (m *measurement) why(d *disagreement, p *oracle.Prediction) []oracle.Step {
	key := append(slices.Clone(d.extra), d.missing...)[0]
	at, _, _ := strings.Cut(key, " ")
	last, ok := m.world.Why(p, topology.ParseRef(at, ""))
	switch {
	case !ok:
		return nil
	case last == p.Steps[0]:
		return p.Steps[:1]
	}
	return []oracle.Step{p.Steps[0], last}
}

// always counts what a hash let through, and reports whether it did for each
// group of a shot's: then it was no chance.
func (m *measurement) always(s shot, key string) bool {
	if s.group == 0 {
		return false
	}
	key = fmt.Sprintf("%d %s", s.group, strings.Replace(key, s.frame.Dest.String(), "", 1))
	m.hashed[key]++
	return m.hashed[key] >= groupsEach
}

func orNone(errno string) string {
	if errno == "" {
		return "no error"
	}
	return errno
}

func errnoOf(err error) string {
	if err == nil {
		return ""
	}
	name, _, _ := strings.Cut(probe.ErrnoText(err), " ")
	return name
}

func takenKey(r topology.Ref) string { return r.String() + " stack took it" }

// observed are the keys of all that was seen of a frame.
func observed(l *probe.Landing) []string {
	var keys []string
	for i := range l.Sightings {
		s := &l.Sightings[i]
		if s.Link == "" {
			continue
		}
		sight := oracle.Sight{
			At: topology.Ref{Node: s.Node, Link: s.Link}, Type: oracle.Type(s.Type.String()),
			Source: oracle.MACOf(s.Source), Dest: oracle.MACOf(s.Dest),
		}
		for _, t := range s.Tags {
			sight.Tags = append(sight.Tags, oracle.Tag{TPID: t.TPID, VID: int(t.VID), PCP: int(t.PCP)})
		}
		keys = append(keys, sight.Key())
	}
	for i := range l.Taken {
		keys = append(keys, takenKey(topology.Ref{Node: l.Taken[i].Node, Link: l.Taken[i].Link}))
	}
	return keys
}

// answer says what came of a class.
func (m *measurement) answer(c class) answer {
	a := answer{Finding: probe.Finding{
		Held: len(m.wrong) == 0, Proof: reports.ProofFence,
		Observed: fmt.Sprintf("%d frames, seen %d times, all as the tables say", m.frames, m.seen),
	}}
	if len(m.wrong) > 0 {
		a.Observed = fmt.Sprintf("%d of %d frames were not seen as the tables say; the first: %s", len(m.wrong), m.frames, m.wrong[0].String())
	}
	a.matrices = m.matrices.report()
	a.Proof, a.evidence = m.proof()
	const most = 20
	for i := range m.wrong[:min(len(m.wrong), most)] {
		d := &m.wrong[i]
		a.evidence = append(a.evidence, reports.Evidence{Kind: "note", At: d.shot.from.String(), Text: d.String()})
		m.field.Mark(d.landing, "oracle-"+c.name+": "+d.String())
	}
	return a
}

// proof says behind which queues fences have come out, so that what was not seen by
// then never will be. Where a queue lets no fence through there was a quiet window.
func (m *measurement) proof() (reports.Proof, []reports.Evidence) {
	all := []reports.Evidence{{Kind: "fence", Text: "behind every frame, fences came out of each CPU's backlog"}}
	proof := reports.ProofFence
	for _, parent := range m.plan.LAN.Devices {
		if len(m.plan.LAN.Children(parent)) == 0 {
			continue
		}
		e := reports.Evidence{Kind: "fence", At: parent.String(), Text: ""}
		for _, p := range m.queued() {
			child := m.plan.LAN.Device(topology.Ref{Node: p.Node.Name, Link: p.Name})
			if child == nil || child.Parent != parent.Ref {
				continue
			}
			e.Text = "behind every frame, fences came out of " + queueOf(child)
			if !m.field.Fenced(p) {
				e.Text = fmt.Sprintf("no fence gets through %s to %s: %v were waited", queueOf(child), child, m.field.QuietWindow)
				proof = reports.ProofQuiet
				break
			}
		}
		if e.Text != "" {
			all = append(all, e)
		}
	}
	return proof, all
}

// queueOf is where frames wait that a parent receives for several of its children.
func queueOf(child *topology.Device) string {
	if child.Kind == topology.KindMacvlan {
		return "macvlan's broadcast queue (macvlan.c:macvlan_process_broadcast)"
	}
	return "ipvlan's multicast queue (ipvlan_core.c:ipvlan_process_multicast)"
}

// String tells both sides, and the rules that the oracle went by.
func (d *disagreement) String() string {
	var b strings.Builder
	b.WriteString(d.shot.from.String())
	if d.shot.to != (topology.Ref{}) {
		b.WriteString(" to " + d.shot.to.String())
	}
	for _, side := range []struct {
		name string
		keys []string
	}{{"not seen: ", d.missing}, {"seen: ", d.extra}} {
		if len(side.keys) > 0 {
			b.WriteString("; " + side.name + strings.Join(side.keys, ", "))
		}
	}
	for _, s := range d.why {
		fmt.Fprintf(&b, "; rule %s at %s: %s, %s (%s)", s.Rule.ID, s.At, s.Rule.When, s.Rule.Then, s.Rule.Source)
	}
	return b.String()
}
