package record

import (
	"slices"

	"github.com/lanproof/lanproof/capture/frames"
	"github.com/lanproof/lanproof/probe/mark"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/run/recount"
)

// caseTrace is a case of the catalogue and its capture; nil where it has none.
type caseTrace struct {
	v     *verifier
	name  string // of the case
	trace *frames.Trace
	*recount.Capture
}

func (v *verifier) caseTrace(c *reports.Case) (*caseTrace, error) {
	trace, err := v.trace(c.Capture)
	if err != nil {
		return nil, err
	}
	if v.recounts[c.Capture] == nil {
		v.recounts[c.Capture] = recount.New(trace)
	}
	return &caseTrace{v, c.Case, trace, v.recounts[c.Capture]}, nil
}

func (t *caseTrace) problem(c *reports.Check, format string, args ...any) {
	t.v.problem(t.name+", check "+c.ID, format, args...)
}

// evidence looks for the frames of a check's evidence at their numbers, and for the
// verdict that was written beside them.
func (t *caseTrace) evidence(s *Step, c *reports.Check) {
	for i := range c.Evidence {
		e := &c.Evidence[i]
		if e.Frame == nil {
			continue
		}
		if e.Packet == 0 || t == nil {
			s.Taken++
			continue
		}
		s.Done++
		if e.Packet < 0 || e.Packet > len(t.trace.Packets) {
			t.problem(c, "its frame %d is not among the %d of the capture", e.Packet, len(t.trace.Packets))
			continue
		}
		p := &t.trace.Packets[e.Packet-1]
		switch {
		case t.Device(p) != e.At:
			t.problem(c, "frame %d was seen at %s, and the evidence says %s", e.Packet, t.Device(p), e.At)
		case !p.Frame.Time.Equal(e.Time):
			t.problem(c, "frame %d is of %v, and the evidence says %v", e.Packet, p.Frame.Time, e.Time)
		case len(p.Frame.Data) < 14 || !sameFrame(e.Frame, mark.FrameOf(p.Frame.Type, p.Frame.Data)):
			t.problem(c, "frame %d is another one than its evidence tells of", e.Packet)
		}
	}
	if t == nil {
		return
	}
	for _, p := range t.Packets(c.ID) {
		for _, comment := range p.Comments {
			if id, verdict, ok := recount.CheckOf(comment); ok && id == c.ID && verdict != c.Verdict {
				t.problem(c, "the capture calls it %s, and the record %s", verdict, c.Verdict)
				return
			}
		}
	}
}

func sameFrame(a, b *reports.Frame) bool {
	return a.Type == b.Type && a.Source == b.Source && a.Dest == b.Dest && slices.Equal(a.Tags, b.Tags) && slices.Equal(a.Layers, b.Layers)
}

// check decides again whether the flow of a check happened. What frames do not say is
// taken from the record: what the kernel was asked, what it refused, what no tap sees.
func (t *caseTrace) check(s *Step, c *reports.Check) {
	f := c.Flow
	if t == nil || f == nil || f.Errno != "" || f.Unseen || c.Verdict != reports.Pass && c.Verdict != reports.Fail ||
		c.Proof == reports.ProofErrno || c.Proof == reports.ProofState {
		s.Taken++
		return
	}
	s.Done++
	said := (c.Verdict == reports.Pass) == f.Want
	switch seen := t.Happened(c); {
	case said && !seen:
		t.problem(c, "the record says that it happened, and no frame in the capture shows it")
	case !said && seen:
		t.problem(c, "the record says that it did not happen, and frames in the capture show it")
	case !said && c.Proof == reports.ProofFence && !t.Fenced(c):
		t.problem(c, "no fence in the capture shows that the frame would have come by then")
	}
}
