package record

import (
	"bytes"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/lanproof/lanproof/capture/frames"
	"github.com/lanproof/lanproof/probe/mark"
)

// Sights are the marked frames of one capture, by the device that saw them and the
// number that they carry. What is counted of trials, when they are measured and when
// a bundle is verified, is counted by [Sights.Count] alone.
//
// The zero value is empty and counts the frames of any run. It serves one goroutine
// at a time.
type Sights struct {
	// Run is the run whose frames count, 0 for any; see [mark.Mark].
	Run   uint64
	seen  map[place]map[uint32][]sight // by the number that they carry
	taken int
}

// place is a device and a direction.
type place struct {
	device string
	way    frames.Direction
}

// sight is one time that it was seen there.
type sight struct {
	tags    string
	content []byte // from the mark on
	order   int    // how many frames had been taken in before
	cut     bool   // the capture has not all of it
}

// SightsOf reads the frames of a capture.
func SightsOf(t *frames.Trace, run uint64) *Sights {
	s := &Sights{Run: run}
	for _, p := range t.Packets {
		s.Add(t.Interfaces[p.Interface].Name, p.Frame)
	}
	return s
}

// Add takes in a frame that a device saw, by the name of the capture's interface. It
// keeps the frame's bytes. A frame without a mark, or of another run, is left out.
func (s *Sights) Add(device string, f frames.Frame) {
	m, begin, ok := mark.Find(f.Data)
	if !ok || s.Run != 0 && m.Run != s.Run {
		return
	}
	if s.seen == nil {
		s.seen = map[place]map[uint32][]sight{}
	}
	at := place{device, f.Direction()}
	if s.seen[at] == nil {
		s.seen[at] = map[uint32][]sight{}
	}
	s.seen[at][m.Seq] = append(s.seen[at][m.Seq], sight{TagText(frames.Tags(f.Data)), f.Data[begin:], s.taken, f.Length > len(f.Data)})
	s.taken++
}

// Count counts a trial's frames: Seen, CanarySeen, Duplicates, Altered and
// Reordered are set anew. A frame is seen where it came in at the trial's device; it is altered when
// what it carries is not what its sender's device was seen to send (so a capture
// must hold what From sent, too), or its tags are not those that it must have there.
func (s *Sights) Count(t *Trial) {
	t.Seen, t.CanarySeen, t.Duplicates, t.Altered = 0, 0, 0, 0
	t.Reordered = s.reordered(t)
	came, sent := s.seen[place{t.At, frames.In}], s.seen[place{t.From, frames.Out}]
	for seq, all := range came {
		if t.CanaryFirst != 0 && t.CanaryFirst <= seq && seq <= t.CanaryLast {
			t.CanarySeen++
		}
		if seq < t.First || t.Last < seq {
			continue
		}
		t.Seen++
		if len(all) > 1 {
			t.Duplicates++
		}
		if slices.ContainsFunc(all, func(c sight) bool { return !c.sameAs(sent[seq]) || t.Tagged != "" && c.tags != t.Tagged }) {
			t.Altered++
		}
	}
}

// reordered counts the trial's frames that came behind one that was sent later (RFC
// 4737 3.3).
func (s *Sights) reordered(t *Trial) (n int) {
	came := s.seen[place{t.At, frames.In}]
	first := math.MaxInt // of those that were sent later
	for _, seq := range slices.Backward(slices.Sorted(maps.Keys(came))) {
		if seq < t.First || t.Last < seq {
			continue
		}
		if came[seq][0].order > first {
			n++
		}
		first = min(first, came[seq][0].order)
	}
	return n
}

// sameAs reports whether a frame came as it was sent. Short frames are padded on
// their way (IEEE 802.3-2022 4.2.3.3), and a capture may have the beginning only.
func (c *sight) sameAs(sent []sight) bool {
	if len(sent) == 0 {
		return false
	}
	want := sent[0].content
	if c.cut || sent[0].cut {
		n := min(len(want), len(c.content))
		return bytes.Equal(want[:n], c.content[:n])
	}
	return bytes.HasPrefix(c.content, want)
}

// Untagged is what [Trial.Tagged] says of frames that must have no tag.
const Untagged = "untagged"

// TagText says how a frame is tagged, outermost first, as [Trial.Tagged] has it.
func TagText(tags []frames.Tag) string {
	if len(tags) == 0 {
		return Untagged
	}
	all := make([]string, len(tags))
	for i, t := range tags {
		all[i] = t.String()
	}
	return strings.Join(all, ", then ")
}
