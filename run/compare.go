package run

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lanproof/lanproof/capture"
	"github.com/lanproof/lanproof/probe"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/topology"
	"github.com/lanproof/lanproof/topology/oracle"
)

// wanted is a sight that the oracle predicts.
type wanted struct {
	*oracle.Sight
	taken bool // by a stack; else seen by a tap
	met   bool
}

// compare holds one landing against its prediction.
func (m *measurement) compare(s *shot, p *oracle.Prediction, l *probe.Landing) {
	m.frames++
	m.seen += len(l.Sights)
	m.expect(s, p)
	var d disagreement
	for i := range l.Sights {
		if saw := sightOf(&l.Sights[i]); !m.meet(s, &saw, l.Sights[i].Taken) {
			d.extra = append(d.extra, key(&saw, l.Sights[i].Taken))
		}
	}
	for i := range m.want {
		if w := &m.want[i]; !w.met && !w.Maybe {
			d.missing = append(d.missing, key(w.Sight, w.taken))
		}
	}
	slices.Sort(d.missing)
	if got := errnoOf(l.SendErr); got != p.Errno {
		d.extra = append(d.extra, "sending ended with "+orNone(got))
		d.missing = append(d.missing, "sending ends with "+orNone(p.Errno))
	}
	if len(d.missing)+len(d.extra) == 0 {
		return
	}
	if m.disagreed++; len(m.wrong) < mostWrong {
		d.shot, d.landing, d.why = *s, *l, m.why(&d, p)
		m.wrong = append(m.wrong, d)
	}
}

// expect sets what is to be seen of a shot.
func (m *measurement) expect(s *shot, p *oracle.Prediction) {
	m.want = m.want[:0]
	for i := range p.Sights {
		m.want = append(m.want, wanted{Sight: &p.Sights[i]})
	}
	if s.kind != probe.Raw { // only of those is known who took them
		return
	}
	for i := range p.Taken {
		m.want = append(m.want, wanted{Sight: &p.Taken[i], taken: true})
	}
}

// meet finds the prediction that a sight fulfils, each of which is for one sight,
// unless a hash decides; false where there is none left.
func (m *measurement) meet(s *shot, saw *oracle.Sight, taken bool) bool {
	maybe, chance := false, true
	for i := range m.want {
		w := &m.want[i]
		switch {
		case w.met || w.taken != taken || w.At != saw.At || !taken && !w.Is(saw):
		case w.Maybe:
			maybe, chance = true, chance && w.Chance
		default:
			w.met = true
			return true
		}
	}
	return maybe && !(chance && m.always(s, key(saw, taken)))
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
		return []oracle.Step{last}
	}
	return []oracle.Step{p.Steps[0], last}
}

// always counts what a hash let through, and reports whether it did for each
// group of a shot's: then it was no chance.
func (m *measurement) always(s *shot, key string) bool {
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

// key is a sight as text.
func key(s *oracle.Sight, taken bool) string {
	if taken {
		return s.At.String() + " stack took it"
	}
	return s.Key()
}

// sightOf is what was seen in the oracle's terms.
func sightOf(s *probe.Sight) oracle.Sight {
	b := s.Data
	sight := oracle.Sight{At: refOf(s), Type: oracle.Type(s.Type)}
	if len(b) >= 12 {
		sight.Dest, sight.Source = oracle.MAC(b[:6]), oracle.MAC(b[6:12])
	}
	for _, t := range capture.Tags(b) {
		sight.Tags = append(sight.Tags, oracle.Tag{TPID: t.TPID, VID: int(t.VID), PCP: int(t.PCP)})
	}
	return sight
}

// mostWrong is how many disagreements are told in full.
const mostWrong = 20

// answer says what came of a class.
func (m *measurement) answer(c class) answer {
	a := answer{Finding: probe.Finding{
		Held: m.disagreed == 0, Proof: reports.ProofFence,
		Observed: fmt.Sprintf("%d frames, seen %d times, all as the tables say", m.frames, m.seen),
	}}
	if m.disagreed > 0 {
		a.Observed = fmt.Sprintf("%d of %d frames were not seen as the tables say; the first: %s", m.disagreed, m.frames, m.wrong[0].String())
	}
	a.matrices = m.matrices.report()
	a.Proof, a.evidence = m.proof()
	for i := range m.wrong {
		d := &m.wrong[i]
		if len(d.missing) > 0 {
			a.missed = append(a.missed, d.shot)
		}
		a.evidence = append(a.evidence, reports.Evidence{Kind: "note", At: d.shot.from.String(), Text: d.String()})
		if i < mostDrawn {
			a.evidence = append(a.evidence, landingEvidence(&d.landing)...)
		}
		m.field.Mark(&d.landing, "oracle-"+c.name+": "+d.String())
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
		for _, p := range m.queued {
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
	if d.shot.to != nil {
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
